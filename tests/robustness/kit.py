"""Repositories of small packages, a place to run wheelstep in, and a way to stop it anywhere."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from tests.release.kit import Ran, Repo, contents
from tests.release.samples import BACK_END
from tests.servers.feed import FeedServer
from tests.servers.git_http import GitServer

__all__ = ["CONDA", "ENVIRONMENT", "HOOK", "LOCK", "NAMES", "Hosted", "Result", "Started",
           "folder_result", "killed_at", "own_backend", "package", "refused", "sample", "settled",
           "start", "watched"]  # fmt: skip

CONDA: Final = "environments/train/conda.yml"
ENVIRONMENT: Final = "environments/train/environment.yml"
LOCK: Final = "wheelstep.lock"
HOOK: Final = Path(__file__).parent / "hook"
NAMES: Final = ("acme-one", "acme-two", "acme-three", "acme-four", "acme-five")


def package(name: str, version: str, *, backend: str = "back_end") -> dict[str, str]:
    """The files of one small package; its back end is the tests' own, or one of flit's."""
    module = name.replace("-", "_")
    own = backend == "back_end"
    files = {
        f"packages/{name}/pyproject.toml": f"""\
            [build-system]
            requires = {[] if own else ["flit_core>=3.4,<5"]}
            build-backend = "{backend}"
            {'backend-path = ["."]' if own else ""}
            [tool.back-end]
            tag = "py2.py3-none-any"
            [project]
            name = "{name}"
            version = "{version}"
            description = "A sample"
            """,
        f"packages/{name}/{module}.py": f"NAME = '{name}'\n",
    }
    return files | ({f"packages/{name}/back_end.py": BACK_END.read_text("utf-8")} if own else {})


def own_backend(name: str, module: str) -> str:
    """A pyproject.toml whose back end lies beside it."""
    return f"""\
        [build-system]
        requires = []
        build-backend = "{module}"
        backend-path = ["."]
        [project]
        name = "{name}"
        version = "1.0"
        """


def sample(names: Sequence[str] = NAMES[:2], *, settings: str = "") -> dict[str, str]:
    """A monorepo with one Azure ML environment that uses every package."""
    files: dict[str, str] = {}
    for name in names:
        files |= package(name, "1.0")
    pins = "".join(f"      - {name}==0.9  # {name} is ours\n" for name in names)
    files[CONDA] = (
        f"name: train\ndependencies:\n  - python=3.11\n  - pip\n  - pip:\n{pins}      # the end\n"
    )
    files[ENVIRONMENT] = "name: train\nversion: 7\nimage: base\nconda_file: conda.yml\n"
    files["wheelstep.toml"] = f'packages = ["packages/*"]\n{settings}'
    files[".gitignore"] = "/dist/\n"
    return files


@dataclass
class Started:
    """A wheelstep that runs."""

    process: subprocess.Popen[bytes]

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def ended(self, within: float = 120) -> Ran:
        """Wait for its end."""
        try:
            out, said = self.process.communicate(timeout=within)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            raise
        text = said.decode()
        assert "Traceback" not in text, text
        report: dict[str, Any] = json.loads(out) if out else {}
        return Ran(self.process.returncode, report, text)


def start(
    repo: Repo, *arguments: str, extra: Mapping[str, str] | None = None, json_: bool = True
) -> Started:
    """Start a command with `--json`; its family is its own, so that Ctrl+C can be sent to it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "wheelstep", *arguments, *(["--json"] if json_ else [])],
        cwd=repo.root,
        env=dict(repo.environment) | dict(extra or {}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=sys.platform != "win32",
    )
    return Started(process)


# --- deeds: what a run does to the world outside, counted by hook/sitecustomize.py --------------


def watched(log: Path, last: int, how: int = signal.SIGKILL, *, match: str = "") -> dict[str, str]:
    """Return the variables with which a run logs its deeds, and is sent a signal.

    Args:
        log: One line for each deed.
        last: Before which deed the signal comes; 0 for none.
        how: The signal.
        match: Only deeds whose line this regular expression finds are counted.
    """
    return {
        "PYTHONPATH": str(HOOK),
        "DEEDS_LOG": str(log),
        "DEEDS_LAST": str(last),
        "DEEDS_MATCH": match,
        "DEEDS_SIGNAL": str(int(how)),
    }


def killed_at(
    repo: Repo,
    number: int,
    log: Path,
    *,
    match: str = "",
    extra: Mapping[str, str] | None = None,
) -> str:
    """Release, killed before its deed `number`; return that deed."""
    variables = dict(extra or {}) | watched(log, number, match=match)
    process = start(repo, "release", extra=variables).process
    out, said = process.communicate(timeout=120)
    # nothing is said at a kill: a report would mean that it ended in another way
    assert (process.returncode, out) == (-signal.SIGKILL, b""), said.decode()
    return log.read_text().splitlines()[-1]


# --- where a release ends -----------------------------------------------------------------------


@dataclass(frozen=True)
class Result:
    """What a release leaves, less what may differ between two that end the same."""

    commits: int
    tree: str
    """Of the last commit: its id says every byte of every file."""
    parent: str
    published: Mapping[str, str]
    """File -> hash."""
    status: str
    """`git status`: what of the work tree and the index differs from the commit."""
    left: tuple[str, ...] = ()
    """Locks of git's, and passing files of ours, that nobody cleared away."""


def result_of(repo: Repo, published: Mapping[str, str], branch: str = "HEAD") -> Result:
    """Look at what is there."""
    return Result(
        commits=int(repo.git("rev-list", "--count", branch)),
        tree=repo.git("rev-parse", f"{branch}^{{tree}}"),
        parent=repo.git("rev-parse", f"{branch}^"),
        published=published,
        status=repo.git("status", "--porcelain"),
        left=tuple(
            path.relative_to(repo.place).as_posix()
            for folder in (repo.root, repo.index)
            for pattern in ("**/*.lock", "**/.*.part")
            for path in sorted(folder.glob(pattern))
            # ours are made once and stay: what counts is who holds them
            if path.name not in {LOCK, ".lock"}
        ),
    )


def folder_result(repo: Repo) -> Result:
    """The result of a release to the folder `../index` with a local commit."""
    return result_of(repo, contents(repo.index))


# --- a repository on a server, and a feed -------------------------------------------------------


@dataclass(frozen=True)
class Hosted:
    """A repository behind git's HTTP server, with a feed beside it."""

    server: GitServer
    feed: FeedServer
    name: str
    place: Path
    environment: Mapping[str, str]

    @property
    def bare(self) -> Path:
        return self.server.root / self.name

    def settings(self, **more: str) -> dict[str, str]:
        """The settings of a release, as environment variables."""
        return {
            "WHEELSTEP_PUBLISH_TO": f"feed+{self.feed.root}/pypi/simple/",
            "WHEELSTEP_COMMIT": "push",
            "WHEELSTEP_BRANCH": "main",
            "WHEELSTEP_FEED_TOKEN": self.feed.token,
            "WHEELSTEP_REPOSITORY_TOKEN": self.server.password("ci"),
            **more,
        }

    def clone(self, name: str) -> Repo:
        """A fresh clone, which knows the server but has no credentials."""
        home = Repo(self.place, name, self.environment)
        subprocess.run(
            ["git", "clone", "--quiet", self.bare.as_uri(), str(home.root)],
            env=dict(self.environment),
            check=True,
            capture_output=True,
        )
        home.git("remote", "set-url", "origin", self.server.address(self.name))
        return home

    def push(self, repo: Repo) -> None:
        """Push as a person does."""
        repo.git("push", "--quiet", self.bare.as_uri(), "HEAD:main")

    def published(self) -> dict[str, str]:
        with self.feed.lock:
            return {name: stored.sha256 for name, stored in sorted(self.feed.files.items())}

    def git(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=self.bare, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def file(self, path: str) -> str:
        return self.git("show", f"main:{path}")

    def result(self) -> Result:
        return Result(
            commits=int(self.git("rev-list", "--count", "main")),
            tree=self.git("rev-parse", "main^{tree}"),
            parent=self.git("rev-parse", "main^"),
            published=self.published(),
            status="",
        )


def settled(repo: Repo) -> Repo:
    """Return the repository with a folder of its own for what is temporary."""
    temporary = repo.place / "temporary"
    temporary.mkdir(exist_ok=True)
    names = ("TMPDIR", "TEMP", "TMP")
    return replace(repo, environment={**repo.environment, **dict.fromkeys(names, str(temporary))})


def refused(ran: Ran, exit_code: int, code: str, *words: str) -> str:
    """Hold that a run was refused with one clear error; return what it said.

    Args:
        ran: The run.
        exit_code: From docs/exit-codes.md.
        code: The problem's.
        words: What a person needs to be told, in the message or in what to do.
    """
    errors = [each for each in ran.report["problems"] if each["severity"] == "error"]
    assert (ran.code, ran.status) == (exit_code, "failed"), ran.said
    assert {each["code"] for each in errors} == {code}, ran.said
    told = f"{errors[0]['file']} {errors[0]['line']}: {errors[0]['message']} {errors[0]['cure']}"
    assert not [word for word in words if word not in told], told
    assert errors[0]["cure"], told
    assert errors[0]["message"].split("\n")[0] in ran.said
    return told
