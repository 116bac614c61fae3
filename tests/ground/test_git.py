from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from wheelstep.errors import CannotHere, SettingError
from wheelstep.ground.git import Git, with_config
from wheelstep.ground.process import program, run


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "GIT_CONFIG_NOSYSTEM": "1"}


@pytest.fixture
def repository(tmp_path: Path, environment: dict[str, str]) -> Path:
    place = tmp_path / "r\u00e9po"
    git = Git(tmp_path, environment)
    git.output("init", "--quiet", str(place))
    commit(Git(place, environment), "Begin")
    return place


def commit(git: Git, message: str) -> None:
    someone = ["-c", "user.name=A", "-c", "user.email=a@example.com"]
    git.output(*someone, "commit", "--quiet", "--allow-empty", "-m", message)


def test_opens_at_the_root(repository: Path, environment: dict[str, str]) -> None:
    below = repository / "a" / "b"
    below.mkdir(parents=True)
    assert Git.open(below, environment).directory == repository


def test_what_is_no_checkout(tmp_path: Path, environment: dict[str, str]) -> None:
    for place in (tmp_path, tmp_path / "missing"):
        with pytest.raises(SettingError) as caught:
            Git.open(place, environment)
        assert caught.value.code == "no-repository"
    empty = tmp_path / "empty"
    Git(tmp_path, environment).output("init", "--quiet", str(empty))
    with pytest.raises(SettingError) as caught:
        Git.open(empty, environment)
    assert caught.value.code == "no-commit"


def test_a_hooks_variables_point_nowhere_else(
    repository: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    other = tmp_path / "other"
    Git(tmp_path, environment).output("init", "--quiet", str(other))
    hook = environment | {"GIT_DIR": str(other / ".git"), "GIT_INDEX_FILE": "index.tmp"}
    assert Git.open(repository, hook).text("log", "-1", "--format=%s") == "Begin"


def test_no_hook_runs(repository: Path, environment: dict[str, str]) -> None:
    hook = repository / ".git/hooks/post-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\ntouch ran\n")
    hook.chmod(0o755)
    commit(Git.open(repository, environment), "Ours")
    assert not (repository / "ran").exists()
    # the hook does work
    subprocess.run(
        ["git", "-c", "user.name=A", "-c", "user.email=a@example.com",
         "commit", "--quiet", "--allow-empty", "-m", "Theirs"],
        cwd=repository, env=environment, check=True,
    )  # fmt: skip
    assert (repository / "ran").exists()


def test_settings_join_those_that_are_there(repository: Path, environment: dict[str, str]) -> None:
    theirs = environment | with_config(environment, [("their.key", "1")])
    git = Git.open(repository, theirs)
    extra = with_config(git.environment, [("our.key", "2"), ("our.list", "")])
    assert git.try_("config", "their.key", extra=extra).text == "1\n"
    assert git.try_("config", "our.key", extra=extra).text == "2\n"
    assert with_config({"GIT_CONFIG_COUNT": "x"}, [("a.b", "c")])["GIT_CONFIG_COUNT"] == "1"


def test_a_failure_says_which_command_and_why(
    repository: Path, environment: dict[str, str]
) -> None:
    with pytest.raises(CannotHere, match=r"`git cat-file` failed: .*none"):
        Git.open(repository, environment).output("cat-file", "-p", "none")


def test_replaced_objects_are_read_as_they_are(
    repository: Path, environment: dict[str, str]
) -> None:
    git = Git.open(repository, environment)
    first = git.text("rev-parse", "HEAD")
    commit(git, "Second")
    git.output("replace", first, git.text("rev-parse", "HEAD"))
    assert git.text("log", "-1", "--format=%s", first) == "Begin"


@pytest.mark.skipif(sys.platform == "win32", reason="the grandchild is a POSIX shell's")
def test_the_time_limit_ends_grandchildren_too(tmp_path: Path, environment: dict[str, str]) -> None:
    pid = tmp_path / "pid"
    script = f"sleep 60 & echo $! > {pid}; wait"
    start = time.monotonic()
    with pytest.raises(subprocess.TimeoutExpired):
        run(["sh", "-c", script], environment=environment, timeout=1.0)
    assert time.monotonic() - start < 20
    sleeper = int(pid.read_text())
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and _runs(sleeper):
        time.sleep(0.02)
    assert not _runs(sleeper)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # an orphan that has ended may wait for whoever adopts it
    state = Path(f"/proc/{pid}/stat")
    return not (state.exists() and state.read_text().split(") ")[1].startswith("Z"))


def test_a_list_of_commits_has_no_word_of_gpg_in_it(
    repository: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    program = tmp_path / "gpg"
    program.write_text(f'#!/bin/sh\necho "gpg: Good" >&2\necho ran > "{tmp_path}/ran"\n')
    program.chmod(0o755)
    git = Git(repository, environment)
    who = "A <a@example.com> 1700000000 +0000"
    signature = "gpgsig -----BEGIN PGP SIGNATURE-----\n \n x\n -----END PGP SIGNATURE-----"
    raw = f"tree {git.text('write-tree')}\nauthor {who}\ncommitter {who}\n{signature}\n\nSigned\n"
    signed = git.text("hash-object", "-w", "-t", "commit", "--stdin", stdin=raw.encode())
    git.output("config", "log.showSignature", "true")
    git.output("config", "gpg.program", str(program))
    assert git.text("log", "--format=%s", signed) == "Signed"
    assert not (tmp_path / "ran").exists()


def test_a_tag_is_not_signed(repository: Path, environment: dict[str, str]) -> None:
    git = Git(repository, environment)
    git.output("config", "tag.gpgSign", "true")
    git.output("tag", "v1", "HEAD")
    assert git.text("cat-file", "-t", "v1") == "commit"


def test_windows_starts_what_path_has_and_not_what_the_checkout_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("checkout", "git/cmd"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "git.exe").touch()
    monkeypatch.chdir(tmp_path / "checkout")
    monkeypatch.setattr("wheelstep.ground.process.sys", SimpleNamespace(platform="win32"))
    place = tmp_path / "git/cmd"
    assert program("git", {"Path": os.pathsep.join([".", str(place)])}) == str(place / "git.exe")
