"""Several releases at once, late ones, and people who push in between: nobody's work is lost."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.release.kit import Ran, Repo
from tests.robustness.kit import (
    CONDA,
    ENVIRONMENT,
    LOCK,
    NAMES,
    Hosted,
    Started,
    package,
    start,
    watched,
)
from wheelstep.lock import Lock

PUSH = r"Popen .*'--force-with-lease"
"""The deed with which a release pushes."""


def raised(hosted: Hosted, names: Sequence[str], version: str = "1.1") -> str:
    """Push one commit for each package, as their people do; return the last."""
    repo = hosted.clone(f"author-{version}-{len(names)}")
    for name in names:
        repo.commit(package(name, version))
    hosted.push(repo)
    return repo.head


def all_ended(runs: Sequence[Started]) -> list[Ran]:
    ended = [run.ended() for run in runs]
    assert [ran.code for ran in ended] == [0] * len(runs), [ran.said for ran in ended]
    return ended


def check_linear(hosted: Hosted, start_: str, commits: int) -> None:
    lines = hosted.git("rev-list", "--parents", f"{start_}..main").splitlines()
    assert len(lines) == commits
    assert all(len(line.split()) == 2 for line in lines)


def pins(hosted: Hosted) -> dict[str, str]:
    found = re.findall(r"- ([\w-]+)==(\S+)  # \1 is ours", hosted.file(CONDA))
    assert "      # the end\n" in hosted.file(CONDA) + "\n"
    return dict(found)


def recorded(hosted: Hosted) -> dict[str, str]:
    lock = Lock.parse(hosted.file(LOCK).encode())
    assert lock.broken is None
    return {name: locked.version for name, locked in lock.packages.items()}


@pytest.mark.parametrize("count", [2, 5])
def test_releases_of_different_packages_at_once(released: Hosted, count: int) -> None:
    head = raised(released, NAMES[:count])
    before = released.published()
    clones = [released.clone(f"clone-{number}") for number in range(count)]
    runs = [
        start(clone, "release", "--packages", f"packages/{name}", extra=released.settings())
        for clone, name in zip(clones, NAMES, strict=False)
    ]
    ended = all_ended(runs)
    assert all(ran.report["commit"]["status"] == "pushed" for ran in ended)
    check_linear(released, head, count)
    want = {name: "1.1" if name in NAMES[:count] else "1.0" for name in NAMES}
    assert pins(released) == want
    assert recorded(released) == want
    # each commit made a new version of the environment: 8 was the one before
    assert f"version: {8 + count}\n" in released.file(ENVIRONMENT)
    new = {f"{name.replace('-', '_')}-1.1-py2.py3-none-any.whl" for name in NAMES[:count]}
    assert set(released.published()) == set(before) | new
    assert len(released.feed.seen("POST")) == count
    # and a fresh clone finds nothing left to do
    last = released.clone("last").release(extra=released.settings())
    assert last.status == "nothing-to-do"


def test_the_same_release_twice_at_once(released: Hosted) -> None:
    head = raised(released, NAMES[:2])
    clones = [released.clone(f"clone-{number}") for number in range(2)]
    ended = all_ended([start(clone, "release", extra=released.settings()) for clone in clones])
    check_linear(released, head, 1)
    # in the same second both make the very same commit, and both say so
    commits = {ran.report["commit"]["sha"] for ran in ended} - {None}
    assert commits == {released.git("rev-parse", "main")}
    assert pins(released)["acme-one"] == "1.1"
    uploaded = [status for ran in ended for row in ran.published.values() for status in row].count(
        "uploaded"
    )
    assert uploaded == 2


def test_an_older_run_that_comes_late(released: Hosted) -> None:
    raised(released, ["acme-one"], "1.1")
    late = released.clone("late")
    raised(released, ["acme-one"], "1.2")
    released.clone("newer").release(extra=released.settings())
    head = released.git("rev-parse", "main")
    ran = late.release(extra=released.settings())
    assert ran.report["commit"]["status"] == "none"
    assert ran.problem("newer-release")["severity"] == "notice"
    assert released.git("rev-parse", "main") == head
    assert (pins(released)["acme-one"], recorded(released)["acme-one"]) == ("1.2", "1.2")


def test_an_older_run_that_comes_late_pins_what_nobody_has_released_since(released: Hosted) -> None:
    raised(released, NAMES[:2], "1.1")
    late = released.clone("late")
    raised(released, NAMES[:1], "1.2")
    newer = released.clone("newer")
    newer.release("--packages", f"packages/{NAMES[0]}", extra=released.settings())
    ran = late.release(extra=released.settings())
    assert ran.report["commit"]["status"] == "pushed"
    want = {NAMES[0]: "1.2", NAMES[1]: "1.1"}
    assert {name: pins(released)[name] for name in want} == want
    assert {name: recorded(released)[name] for name in want} == want


def test_overtaken_on_the_way(released: Hosted, tmp_path: Path) -> None:
    """The older run has made its commit, and is about to push it, when the newer one is done."""
    raised(released, ["acme-one"], "1.1")
    late = _held_before_push(released, released.clone("late"), tmp_path / "log")
    raised(released, ["acme-one"], "1.2")
    released.clone("newer").release(extra=released.settings())
    head = released.git("rev-parse", "main")
    late.signal(signal.SIGCONT)
    ran = late.ended()
    assert (ran.code, ran.report["commit"]["status"]) == (0, "none"), ran.said
    assert released.git("rev-parse", "main") == head
    assert (pins(released)["acme-one"], recorded(released)["acme-one"]) == ("1.2", "1.2")


def test_a_person_pushes_in_between(released: Hosted, tmp_path: Path) -> None:
    raised(released, ["acme-one"], "1.1")
    held = _held_before_push(released, released.clone("held"), tmp_path / "log")
    person = released.clone("person")
    text = person.read(CONDA).replace("# acme-two is ours", "# acme-two is ours, by Ada")
    theirs = person.commit(
        {CONDA: text.replace("- pip\n", "- pip=24\n").encode(), "notes.md": "Ours.\n"}
    )
    released.push(person)
    held.signal(signal.SIGCONT)
    ran = held.ended()
    assert (ran.code, ran.report["commit"]["status"]) == (0, "pushed"), ran.said
    check_linear(released, theirs, 1)
    assert released.git("rev-parse", "main^") == theirs
    want = text.replace("- pip\n", "- pip=24\n").replace("acme-one==1.0", "acme-one==1.1")
    assert released.file(CONDA) + "\n" == want
    assert released.file("notes.md") == "Ours."


def test_two_at_once_in_one_clone(local: Repo) -> None:
    local.release()
    for name in NAMES[:2]:
        local.commit(package(name, "1.1"))
    head = local.head
    runs = [start(local, "release", "--packages", f"packages/{name}") for name in NAMES[:2]]
    ended = all_ended(runs)
    assert all(ran.report["commit"]["status"] == "local" for ran in ended)
    assert len(local.git("rev-list", f"{head}..HEAD").splitlines()) == 2
    text = local.read(CONDA)
    assert "acme-one==1.1  # acme-one is ours" in text
    assert "acme-two==1.1  # acme-two is ours" in text
    assert local.git("status", "--porcelain") == ""
    assert local.release().status == "nothing-to-do"


def _held_before_push(hosted: Hosted, repo: Repo, log: Path) -> Started:
    """Start a release, and return when it is held just before it pushes."""
    extra = hosted.settings() | watched(log, 1, signal.SIGSTOP, match=PUSH)
    run = start(repo, "release", extra=extra)
    # returns when it is stopped, and also when it has ended: then nothing was held
    state = os.waitid(os.P_PID, run.process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
    assert state is not None
    assert state.si_status == signal.SIGSTOP
    return run
