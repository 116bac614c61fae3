"""A service that fails a third of the time: everything is published, and exactly once."""

from __future__ import annotations

import itertools
from collections import deque
from typing import cast

import pytest

from tests.robustness.kit import CONDA, NAMES, Hosted, package
from tests.servers.feed import Fault

NOW = {"Retry-After": "0"}
FAULTS = (
    Fault("status", 429, NOW),
    Fault("status", 500),
    Fault("drop"),
    Fault("status", 503, NOW, body=b"try later"),
)
"""What goes wrong, in turn."""
LOST_REPLIES = (
    Fault("drop", store=True),
    Fault("status", 502, store=True),
    Fault("status", 500),
)
"""For uploads and REST calls: most of the time the work was done all the same."""


def _a_third(faults: tuple[Fault, ...], shift: int) -> deque[Fault]:
    """Return two good answers for each bad one; the server takes None for "no fault"."""
    turns = itertools.cycle(faults)
    planned = [next(turns) if number % 3 == shift else None for number in range(300)]
    return cast("deque[Fault]", deque(planned))


@pytest.mark.parametrize("shift", [0, 1])
def test_a_third_of_all_answers_fails(released: Hosted, shift: int) -> None:
    repo = released.clone("clone")
    for name in NAMES:
        repo.commit(package(name, "1.1"))
    released.push(repo)
    before = released.published()
    feed = released.feed
    feed.visible_after = 2
    feed.faults["simple"] = _a_third(FAULTS, shift)
    feed.faults["api"] = _a_third((*LOST_REPLIES, *FAULTS), shift)
    feed.faults["download"] = _a_third((*FAULTS, Fault("truncate")), shift)
    feed.faults["upload"] = _a_third(LOST_REPLIES, shift)
    for part in ("info/refs", "git-upload-pack", "git-receive-pack"):
        released.server.order(part, "503")
    settings = released.settings(WHEELSTEP_VIEW="Release" if shift else "")
    ran = repo.wheelstep("release", extra=settings)
    assert ran.code == 0, ran.said
    new = {f"{name.replace('-', '_')}-1.1-py2.py3-none-any.whl" for name in NAMES}
    assert set(released.published()) == set(before) | new
    # stored once each: the feed would have answered 409 to a second one, and the bytes are ours
    assert {file: released.published()[file] for file in new} == ran.hashes
    assert {frozenset(feed.files[file].views) for file in new} == {
        frozenset({"release"}) if shift else frozenset()
    }
    assert all(status in {"uploaded", "identical"} for row in ran.published.values()
               for status in row)  # fmt: skip
    assert released.git("rev-list", "--count", f"{repo.head}..main") in {"0", "1"}
    text = released.file(CONDA)
    assert all(f"{name}==1.1 " in text for name in NAMES)
    # the faults did come
    assert len(feed.faults["upload"]) < 300
    assert len(feed.faults["simple"]) < 290
    assert not released.server.faults
    feed.faults.clear()
    assert repo.release(extra=settings).status == "nothing-to-do"


def test_it_gives_up_in_time_and_goes_on_later(released: Hosted) -> None:
    repo = released.clone("clone")
    repo.commit(package("acme-one", "1.1"))
    released.push(repo)
    released.feed.fault("upload", *([Fault("status", 503, NOW)] * 50))
    ran = repo.wheelstep("release", extra=released.settings())
    assert (ran.code, ran.status) == (6, "failed"), ran.said
    assert released.git("rev-parse", "main") == repo.head
    tries = 50 - len(released.feed.faults["upload"])
    assert 3 <= tries <= 12
    released.feed.faults.clear()
    assert repo.release(extra=released.settings()).report["commit"]["status"] == "pushed"
