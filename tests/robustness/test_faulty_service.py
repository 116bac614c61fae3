"""A service that fails a third of the time: everything is published, and exactly once."""

from __future__ import annotations

import itertools
from collections import deque
from typing import cast

from tests.robustness.kit import CONDA, LOCK, NAMES, Hosted, package
from tests.servers.feed import Fault
from tests.servers.feed_state import Route
from wheelstep.ground.feed_names import one_spelling
from wheelstep.lock import Lock

NOW = {"Retry-After": "0"}
FAULTS = (
    Fault("status", 429, NOW),
    Fault("status", 500),
    Fault("drop"),
    Fault("status", 503, NOW, body=b"try later"),
)
"""What goes wrong, in turn."""
CUT_OFF = Fault("truncate")
LOST_REPLIES = (
    Fault("drop", store=True),
    Fault("status", 502, store=True),
    Fault("status", 500),
)
"""For uploads and REST calls: most of the time the work was done all the same."""


def _a_third(faults: tuple[Fault, ...]) -> deque[Fault]:
    """Return two good answers for each bad one; the server takes None for "no fault"."""
    turns = itertools.cycle(faults)
    planned = [next(turns) if number % 3 == 1 else None for number in range(300)]
    return cast("deque[Fault]", deque(planned))


def test_a_third_of_all_answers_fails(released: Hosted) -> None:
    repo = released.clone("clone")
    for name in NAMES:
        repo.commit(package(name, "1.1"))
    released.push(repo)
    before, head = released.published(), released.git("rev-parse", "main")
    feed = released.feed
    feed.visible_after = 2
    routes: tuple[Route, ...] = ("simple", "download", "host")
    for route in routes:
        feed.faults[route] = _a_third((*FAULTS, CUT_OFF))
    feed.faults["api"] = _a_third((*LOST_REPLIES, CUT_OFF, *FAULTS))
    feed.faults["upload"] = _a_third((*LOST_REPLIES, CUT_OFF))
    for part in ("info/refs", "git-upload-pack", "git-receive-pack"):
        released.server.order(part, "503")
    released.server.order("git-receive-pack", "drop-reply")
    settings = released.settings(WHEELSTEP_VIEW="Release")
    ran = repo.wheelstep("release", extra=settings)
    assert ran.code == 0, ran.said
    new = {f"{name.replace('-', '_')}-1.1-py2.py3-none-any.whl" for name in NAMES}
    assert set(released.published()) == set(before) | new
    # stored once each: the feed would have answered 409 to a second one, and the bytes are ours
    assert {file: released.published()[file] for file in new} == ran.hashes
    assert all(feed.files[file].views == {"release"} for file in new)
    assert all(status in {"uploaded", "identical"} for row in ran.published.values()
               for status in row)  # fmt: skip
    assert released.git("rev-list", "--count", f"{head}..main") == "1"
    lock = Lock.parse(released.file(LOCK).encode())
    feed_itself, view = one_spelling(feed.simple_url), "@release/pypi/simple/"
    for name in NAMES:
        (wheel,) = lock.packages[name].wheels
        assert (wheel.file in new, wheel.sha256) == (True, ran.hashes[wheel.file])
        assert feed_itself in wheel.places
        assert [place for place in wheel.places if place.endswith(view)] == [
            feed_itself.replace("/pypi/simple/", view)
        ]
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
