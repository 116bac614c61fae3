"""Real repositories, and wheelstep run over them as a person runs it: in a process of its own."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache, partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from textwrap import dedent
from typing import Any

from tests import ready

Files = Mapping[str, str | bytes | None]

OURS = (
    "WHEELSTEP_", "GITHUB_", "RUNNER_", "INPUT_", "TF_BUILD", "SYSTEM_", "BUILD_", "AGENT_", "GIT_",
    "ENDPOINT_", "CI", "UV_", "COVERAGE_", "PYTHONPATH", "PYTHONWARNINGS",
)  # fmt: skip
"""What a run must not see of the run that tests it."""


@cache
def uv_cache() -> str:
    """Where uv keeps downloads for this user: a home of its own must not download them again."""
    done = subprocess.run(
        [shutil.which("uv", path=str(Path(sys.executable).parent)) or "uv", "cache", "dir"],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def clean_environment(home: Path) -> dict[str, str]:
    """This process's environment without any host, any setting and any git configuration."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    home.mkdir(parents=True, exist_ok=True)
    (home / ".gitconfig").write_text(
        "[user]\n\tname = Ada\n\temail = ada@example.com\n[init]\n\tdefaultBranch = main\n"
        "[advice]\n\tdetachedHead = false\n",
        encoding="utf-8",
    )
    own = {
        "HOME": str(home),
        "USERPROFILE": str(home),
        "GIT_CONFIG_NOSYSTEM": "1",
        "UV_CACHE_DIR": os.environ.get("UV_CACHE_DIR") or uv_cache(),
        # output is compared with what was printed, so no code page of the machine's
        "PYTHONUTF8": "1",
    }
    return kept | own


@dataclass(frozen=True, slots=True)
class Ran:
    """How one run of wheelstep ended."""

    code: int
    report: dict[str, Any]
    """What `--json` printed."""
    said: str
    """What it said to people: standard error."""

    @property
    def status(self) -> str:
        return str(self.report["status"])

    @property
    def packages(self) -> dict[str, str]:
        """Package name -> status."""
        return {row["name"]: row["status"] for row in self.report["packages"]}

    @property
    def published(self) -> dict[str, list[str]]:
        """Wheel file -> status at each destination."""
        return {
            wheel["file"]: [row["status"] for row in wheel["published"]]
            for package in self.report["packages"]
            for wheel in package["wheels"]
        }

    @property
    def hashes(self) -> dict[str, str]:
        """Wheel file -> SHA-256."""
        return {
            wheel["file"]: wheel["sha256"]
            for package in self.report["packages"]
            for wheel in package["wheels"]
        }

    @property
    def codes(self) -> list[str]:
        return [problem["code"] for problem in self.report["problems"]]

    def problem(self, code: str) -> dict[str, Any]:
        """The one problem with this code."""
        found = [each for each in self.report["problems"] if each["code"] == code]
        assert len(found) == 1, self.report["problems"]
        return dict(found[0])

    def definition(self, path: str) -> dict[str, Any]:
        rows = [row for row in self.report["definitions"] if row["path"] == path]
        assert len(rows) == 1, self.report["definitions"]
        return dict(rows[0])


@dataclass(frozen=True, slots=True)
class Repo:
    """A git repository on the branch `main`, in `place`/`name`, with its surroundings."""

    place: Path
    """Holds the repository, the home, and what is published to folders."""
    name: str
    environment: Mapping[str, str]
    umask: int = -1

    @classmethod
    def create(cls, place: Path, files: Files, *, name: str = "repository") -> Repo:
        repo = cls(place, name, clean_environment(place / "home"))
        repo.root.mkdir(parents=True)
        repo.git("init", "--quiet")
        repo.commit(files)
        return repo

    @property
    def root(self) -> Path:
        return self.place / self.name

    @property
    def index(self) -> Path:
        """What `../index` means from here."""
        return self.place / "index"

    def copy(self, place: Path) -> Repo:
        """Return the same, and all around it, at another place."""
        shutil.copytree(self.place, place, symlinks=True, dirs_exist_ok=True)
        return replace(self, place=place, environment=clean_environment(place / "home"))

    def clone(self, name: str, *options: str) -> Repo:
        """Return a fresh clone, beside this repository."""
        self.git("clone", "--quiet", *options, self.root.as_uri(), str(self.place / name))
        return replace(self, name=name)

    def git(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.root,
            env=dict(self.environment),
            umask=self.umask,
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode("utf-8", "replace")
        return done.stdout.decode("utf-8", "surrogateescape").strip()

    def write(self, files: Files) -> None:
        """Write files; None removes one."""
        for path, text in files.items():
            file = self.root / path
            if text is None:
                file.unlink()
                continue
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(text if isinstance(text, bytes) else dedent(text).encode())

    def commit(self, files: Files | None = None) -> str:
        """Commit everything and return the commit's id."""
        self.write(files or {})
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "A change")
        return self.head

    def read(self, path: str) -> str:
        return (self.root / path).read_bytes().decode()

    def replace(self, path: str, old: str, new: str) -> str:
        """Put `new` in the place of `old`, which must be there once; return the new text."""
        text = self.read(path)
        assert text.count(old) == 1, text
        self.write({path: (changed := text.replace(old, new)).encode()})
        return changed

    @property
    def head(self) -> str:
        return self.git("rev-parse", "HEAD")

    def wheelstep(self, *arguments: str, extra: Mapping[str, str] | None = None) -> Ran:
        """Run a command with `--json`; a traceback is never right."""
        code, out, said = self.run([*arguments, "--json"], extra=extra)
        assert "Traceback" not in said, said
        return Ran(code, json.loads(out), said)

    def release(self, *arguments: str, extra: Mapping[str, str] | None = None) -> Ran:
        """Release, which has to succeed."""
        ran = self.wheelstep("release", *arguments, extra=extra)
        assert ran.code == 0, ran.said
        return ran

    def run(
        self,
        arguments: Sequence[str],
        *,
        extra: Mapping[str, str] | None = None,
        python: Sequence[str] = (),
    ) -> tuple[int, str, str]:
        """Run wheelstep as it is; `python` are options for an interpreter that is started anew."""
        environment = dict(self.environment) | dict(extra or {})
        if not python and ready.fits(environment):
            code, out, said = ready.run(
                arguments,
                directory=self.root,
                environment=environment,
                umask=self.umask,
                timeout=120,
            )
            return code, out.decode(), said.decode()
        done = subprocess.run(
            [sys.executable, *python, "-m", "wheelstep", *arguments],
            cwd=self.root,
            env=environment,
            umask=self.umask,
            capture_output=True,
            check=False,
            timeout=120,
        )
        return done.returncode, done.stdout.decode(), done.stderr.decode()


def contents(folder: Path) -> dict[str, str]:
    """Return every file below a folder with the hash of its bytes: what must not change."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def everything(repo: Repo) -> object:
    """Return all that a run which changes nothing must leave as it is: refs, work tree, index."""
    return (
        repo.git("for-each-ref"),
        repo.git("symbolic-ref", "--quiet", "HEAD"),
        repo.git("status", "--porcelain", "--ignored"),
        repo.git("ls-files", "--stage"),
        contents(repo.index),
    )


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder by HTTP, as any web server would; give its URL with a final slash."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
            """Say nothing."""

    folder.mkdir(parents=True, exist_ok=True)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


def pip_download(target: Path, *arguments: str, environment: Mapping[str, str]) -> list[str]:
    """Let pip fetch what it would install, and return the file names."""
    done = subprocess.run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--dest", str(target), *arguments],
        env=dict(environment),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode("utf-8", "replace")
    return sorted(path.name for path in target.iterdir())
