"""Promotion to a feed's view, against the stand-in: what is asked, what is waited for, who may."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.destinations.made import make_wheel
from tests.destinations.waiting import QuickClock, quick_transport
from tests.servers.feed import Fault, FeedServer, feed_server
from wheelstep.destinations.artifacts_feed import FeedDestination
from wheelstep.destinations.interface import Wanted
from wheelstep.destinations.promote import check_view, lacking_in_view, promote
from wheelstep.destinations.table import destination_of
from wheelstep.errors import (
    Refused,
    RightMissing,
    ServiceRefused,
    ServiceUnavailable,
    SettingError,
)
from wheelstep.ground.secret import Secret
from wheelstep.ground.transport import Transport
from wheelstep.model import Listed, Wheel


@pytest.fixture
def server() -> Iterator[FeedServer]:
    with feed_server() as running:
        yield running


@pytest.fixture
def transport() -> Iterator[Transport]:
    with quick_transport() as (made, _):
        yield made


def feed_at(
    url: str, transport: Transport, token: str, view: str | None = None, serve: str | None = None
) -> FeedDestination:
    wanted = Wanted(f"feed+{url}", token=Secret(token), view=view, serve_url=serve)
    made = destination_of(wanted, root=Path(), environment={}, transport=transport)
    assert isinstance(made, FeedDestination)
    return made


def published(feed: FeedDestination, folder: Path, *names: str) -> list[Wheel]:
    wheels = [make_wheel(folder, name) for name in names]
    assert all(feed.put(wheel) for wheel in wheels)
    return wheels


def views_of(server: FeedServer) -> dict[str, set[str]]:
    return {stored.name: stored.views for stored in server.files.values()}


def test_many_are_promoted_by_one_request_and_never_again(
    server: FeedServer, transport: Transport, tmp_path: Path
) -> None:
    feed = feed_at(server.simple_url, transport, server.token, "release")
    wheels = published(feed, tmp_path, "acme-a", "acme-b", "acme-c")
    check_view(feed)
    assert promote(feed, wheels) == [(f"acme-{letter}", "1.0.0") for letter in "abc"]
    assert views_of(server) == {f"acme-{letter}": {"release"} for letter in "abc"}
    assert len(server.seen("POST", "packagesbatch")) == 1
    assert promote(feed, wheels) == []
    assert len(server.seen("POST", "packagesbatch")) == 1
    assert server.seen("PATCH") == []


def test_only_what_the_view_lacks_is_asked_for(
    server: FeedServer, transport: Transport, tmp_path: Path
) -> None:
    feed = feed_at(server.simple_url, transport, server.token, "Release")
    wheels = published(feed, tmp_path, "acme-a", "acme-b")
    server.promote("acme-a", "1.0.0", "Release")
    assert promote(feed, wheels) == [("acme-b", "1.0.0")]


def test_more_than_one_request_takes_are_promoted_by_several(
    server: FeedServer, transport: Transport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wheelstep.destinations.promote.TOGETHER", 2)
    feed = feed_at(server.simple_url, transport, server.token, "Release")
    wheels = published(feed, tmp_path, "acme-a", "acme-b", "acme-c")
    assert len(promote(feed, wheels)) == 3
    assert len(server.seen("POST", "packagesbatch")) == 2


def test_what_is_refused_together_is_promoted_one_by_one(
    server: FeedServer, transport: Transport, tmp_path: Path
) -> None:
    server.batch_refused = True
    feed = feed_at(server.simple_url, transport, server.job_token, "Release")
    wheels = published(feed, tmp_path, "acme-a", "acme-b")
    assert promote(feed, wheels) == [("acme-a", "1.0.0"), ("acme-b", "1.0.0")]
    assert len(server.seen("PATCH", "/versions/")) == 2
    assert views_of(server) == {"acme-a": {"release"}, "acme-b": {"release"}}


def test_who_may_do_neither_is_told_which_rights_are_missing(
    server: FeedServer, transport: Transport, tmp_path: Path
) -> None:
    wheels = published(
        feed_at(server.simple_url, transport, server.token), tmp_path, "acme-a", "acme-b"
    )
    feed = feed_at(server.simple_url, transport, server.read_only_token, "Release")
    with pytest.raises(RightMissing) as caught:
        promote(feed, wheels)
    error = caught.value
    assert error.exit_code == 5
    assert "A reader" in error.message
    assert "view Release" in error.message
    assert error.right
    assert all(right in error.message for right in error.right.split(", "))
    assert "Feed settings, Permissions" in error.cure
    assert "Feed Publisher" in error.cure
    assert "Read, write & manage" in error.cure
    assert views_of(server) == {"acme-a": set(), "acme-b": set()}


def test_a_lost_reply_promotes_once_more_and_ends_the_same(
    server: FeedServer, transport: Transport, tmp_path: Path
) -> None:
    feed = feed_at(server.simple_url, transport, server.token, "Release")
    wheels = published(feed, tmp_path, "acme-a")
    feed.service.views()  # the routes are known: the fault is for the promotion
    server.fault("api", Fault("drop"), Fault("status", 503))
    assert promote(feed, wheels) == [("acme-a", "1.0.0")]
    assert views_of(server) == {"acme-a": {"release"}}


def test_a_version_that_is_not_there_is_refused(
    server: FeedServer, transport: Transport, tmp_path: Path
) -> None:
    feed = feed_at(server.simple_url, transport, server.token, "Release")
    with pytest.raises(ServiceRefused) as caught:
        promote(feed, [make_wheel(tmp_path, "acme-none")])
    assert "acme-none 1.0.0" in caught.value.message


@pytest.mark.parametrize(
    ("wanted", "near"), [("Relase", "Perhaps you meant Release"), ("Golden", "Set `view`")]
)
def test_a_view_that_is_not_there_is_told_with_those_that_are(
    server: FeedServer, transport: Transport, wanted: str, near: str
) -> None:
    with pytest.raises(SettingError) as caught:
        check_view(feed_at(server.simple_url, transport, server.token, wanted))
    assert caught.value.code == "view-missing"
    assert f"no view {wanted}; it has Local, Prerelease, Release." in caught.value.message
    assert near in caught.value.cure


class Slow:
    """A feed of which the view lists what was promoted only after some reads."""

    name, view = "the feed", "Release"

    def __init__(self, wheels: list[Wheel], after: int) -> None:
        self.wheels, self.after, self.asked = wheels, after, 0
        self.service = self

    def views(self) -> tuple[str, ...]:
        return ("Release",)

    def promote_together(self, versions: object, view: str) -> None:
        assert (versions, view) == ([("acme-core", "1.0.0")], "Release")

    def look_in(self, view: str, names: list[str]) -> dict[str, list[Listed]]:
        assert (view, names) == ("Release", ["acme-core"])
        self.asked += 1
        seen = self.wheels if self.asked > self.after else []
        return {"acme-core": [Listed(one.file, "u", one.sha256) for one in seen]}


def test_a_promoted_version_is_waited_for(tmp_path: Path) -> None:
    wheel, clock = make_wheel(tmp_path), QuickClock()
    slow = Slow([wheel], after=4)
    assert promote(slow, [wheel], clock=clock) == [("acme-core", "1.0.0")]  # type: ignore[arg-type]
    assert (slow.asked, len(clock.slept)) == (5, 3)


def test_a_view_that_never_lists_ends_at_the_deadline(tmp_path: Path) -> None:
    wheel, clock = make_wheel(tmp_path), QuickClock()
    with pytest.raises(ServiceUnavailable) as caught:
        promote(Slow([], after=0), [wheel], clock=clock, within=60)  # type: ignore[arg-type]
    assert caught.value.code == "not-visible"
    assert wheel.file in caught.value.message
    assert sum(clock.slept) == pytest.approx(60)


def test_another_file_in_the_view_is_refused(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path)
    listed = {wheel.name: [Listed(wheel.file, "u", "0" * 64)]}
    with pytest.raises(Refused) as caught:
        lacking_in_view([wheel], listed, "The view")
    assert caught.value.code == "hash-mismatch"


def test_the_view_follows_from_the_url_that_consumers_read(
    server: FeedServer, transport: Transport
) -> None:
    view_url = server.simple_url.replace("/pypi/", "@Release/pypi/")
    named = feed_at(view_url, transport, server.token)
    assert (named.view, named.consumer_url) == ("Release", view_url)
    assert named.upload_url == server.upload_url
    served = feed_at(server.simple_url, transport, server.token, serve=view_url)
    assert (served.view, served.consumer_url) == ("Release", view_url)
    local = feed_at(server.simple_url.replace("/pypi/", "@Local/pypi/"), transport, server.token)
    assert local.view is None
    both = feed_at(server.simple_url, transport, server.token, "Release")
    assert both.consumer_url == server.simple_url
    assert view_url in both.listing_urls


@pytest.mark.parametrize("serve", [False, True])
def test_two_views_contradict_each_other(
    server: FeedServer, transport: Transport, *, serve: bool
) -> None:
    view_url = server.simple_url.replace("/pypi/", "@Release/pypi/")
    url, served = (server.simple_url, view_url) if serve else (view_url, None)
    with pytest.raises(SettingError) as caught:
        feed_at(url, transport, server.token, "Prerelease", served)
    assert caught.value.code == "view-contradiction"
    assert "Prerelease" in caught.value.message
    assert "`serve-url`" in caught.value.cure if serve else "`publish-to`" in caught.value.cure


def test_only_a_feed_has_views(transport: Transport, tmp_path: Path) -> None:
    for url in ("index", "index+https://h.example/"):
        with pytest.raises(SettingError) as caught:
            destination_of(
                Wanted(url, view="Release"), root=tmp_path, environment={}, transport=transport
            )
        assert caught.value.code == "view-without-feed"
