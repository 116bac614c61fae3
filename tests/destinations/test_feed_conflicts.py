"""Uploads that a feed does not take, told apart, against the stand-in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.destinations.made import make_wheel
from tests.destinations.test_artifacts_feed import feed_at
from tests.destinations.waiting import QuickClock, quick_transport
from tests.destinations.wheels import content_of
from tests.servers.feed import Fault, FeedServer, Stored, feed_server
from wheelstep.destinations.examine import examine
from wheelstep.destinations.publish import publish
from wheelstep.errors import RightMissing, ServiceRefused
from wheelstep.ground.transport import Transport
from wheelstep.model import Outcome, Wheel


@pytest.fixture
def server() -> Iterator[FeedServer]:
    with feed_server() as running:
        yield running


@pytest.fixture
def transport() -> Iterator[Transport]:
    with quick_transport() as (made, _):
        yield made


def test_a_version_that_is_reserved_is_not_waited_for(
    server: FeedServer, transport: Transport, tmp_path: Path
) -> None:
    feed = feed_at(server.simple_url, transport, token=server.token)
    server.public_upstream = True
    server.internal_upstreams = ("central",)
    wheel = make_wheel(tmp_path, "acme-upstream")
    server.upstream[wheel.file] = b"other"
    clock = QuickClock()

    def published(wheel: Wheel) -> None:
        publish([wheel], [feed], content_of=content_of, work=tmp_path, clock=clock)

    with pytest.raises(ServiceRefused) as upstream:
        published(wheel)
    assert upstream.value.code == "version-at-upstream"
    assert "(PyPI, central)" in upstream.value.message
    # the service does not say why it is taken, but knows that it was deleted
    gone = make_wheel(tmp_path, "acme-gone")
    server.recycled.add((gone.name, gone.version))
    server.fault("upload", Fault("status", 409, body=b"Conflict"))
    with pytest.raises(ServiceRefused) as deleted:
        published(gone)
    assert deleted.value.code == "version-deleted"
    assert "Recycle Bin" in deleted.value.cure
    # an upstream has the version, with other files of it
    sdist = make_wheel(tmp_path, "acme-sdist")
    other = Stored("acme-sdist", "1.0.0", "acme_sdist-1.0.0.tar.gz", b"x", None, 0, source="PyPI")
    server.files[other.file] = other
    server.fault("upload", Fault("status", 409, body=b"Conflict"))
    with pytest.raises(ServiceRefused) as saved:
        published(sdist)
    assert saved.value.code == "version-at-upstream"
    assert clock.slept == []


def test_a_version_that_shows_up_late_is_waited_for(transport: Transport, tmp_path: Path) -> None:
    with feed_server(visible_after=3) as server:
        feed = feed_at(server.simple_url, transport, token=server.token)
        wheel = make_wheel(tmp_path)
        server.fault("upload", Fault("drop", store=True))  # then it is there already
        (done,) = publish(
            [wheel], [feed], content_of=content_of, work=tmp_path, clock=QuickClock()
        )  # fmt: skip
        assert done.outcome is Outcome.IDENTICAL


def test_a_package_with_too_many_versions(
    server: FeedServer,
    transport: Transport,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    feed = feed_at(server.simple_url, transport, token=server.token)
    for version in ("1.0", "1.1"):
        assert feed.put(make_wheel(tmp_path, version=version))
    server.most_versions = 2
    newer = make_wheel(tmp_path, version="1.2")
    with pytest.raises(ServiceRefused) as late:
        feed.put(newer)
    assert late.value.code == "too-many-versions"
    monkeypatch.setattr("wheelstep.destinations.artifacts_feed.MOST_VERSIONS", 2)
    uploads = len(server.seen("POST"))
    with pytest.raises(ServiceRefused) as early:
        examine([newer], [feed], content_of=content_of, work=tmp_path)
    assert early.value.code == "too-many-versions"
    assert "it has 2 versions" in early.value.message
    # what the page lists of an upstream does not count
    next(iter(server.files.values())).version = "1.0"
    listed = feed.look([newer.name])[newer.name]
    server.files.popitem()
    assert feed.no_room(newer, listed) is None
    assert len(server.seen("POST")) == uploads


def test_who_lacks_a_right_is_named(
    server: FeedServer, transport: Transport, tmp_path: Path
) -> None:
    feed = feed_at(server.simple_url, transport, token=server.read_only_token)
    with pytest.raises(RightMissing) as lacks:
        feed.put(make_wheel(tmp_path))
    assert lacks.value.right == "AddPackage"
    assert "the identity 'A reader'" in lacks.value.message
    narrow = feed_at(server.simple_url, transport, token=server.narrow_token)
    with pytest.raises(RightMissing) as scope:
        narrow.put(make_wheel(tmp_path))
    assert scope.value.right == "Packaging: Read & write"
