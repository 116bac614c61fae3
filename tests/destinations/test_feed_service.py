"""The feed's REST calls against the stand-in."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.destinations.made import make_wheel
from tests.destinations.test_artifacts_feed import feed_at
from tests.destinations.waiting import quick_transport
from tests.servers.feed import Fault, FeedServer, feed_server
from wheelstep.destinations.feed_address import FeedAddress
from wheelstep.destinations.feed_service import (
    FeedService,
    FeedVersion,
    Retention,
)
from wheelstep.errors import RightMissing, ServiceRefused, ServiceUnavailable
from wheelstep.ground.credentials import SignIn
from wheelstep.ground.secret import Secret
from wheelstep.ground.transport import Transport


@pytest.fixture
def server() -> Iterator[FeedServer]:
    with feed_server() as running:
        yield running


@pytest.fixture
def transport() -> Iterator[Transport]:
    with quick_transport() as (made, _):
        yield made


def service(
    server: FeedServer, transport: Transport, token: str = "", url: str = ""
) -> FeedService:
    who = SignIn("any", Secret(token or server.token), "the token that was given")
    address = FeedAddress.parse(url or server.simple_url)
    return FeedService(address, transport, lambda: who, "wheels")


def publish(server: FeedServer, transport: Transport, folder: Path, *names: str) -> None:
    feed = feed_at(server.simple_url, transport, token=server.token)
    for name in names:
        assert feed.put(make_wheel(folder, name))


def test_a_feeds_settings(server: FeedServer, transport: Transport) -> None:
    asked = service(server, transport)
    facts = asked.feed()
    assert (facts.id, facts.name, facts.upstreams) == (server.feed_id, "wheels", ())
    assert facts.public_upstreams == ()
    server.public_upstream = True
    server.internal_upstreams = ("central",)
    facts = asked.feed()
    assert facts.public_upstreams == ("PyPI",)
    assert [(one.name, one.public) for one in facts.upstreams] == [
        ("PyPI", True), ("central", False)
    ]  # fmt: skip
    assert asked.views() == ("Local", "Prerelease", "Release")
    assert asked.retention() is None
    server.retention = {"countLimit": 100, "daysToKeepRecentlyDownloadedPackages": 30}
    assert asked.retention() == Retention(100, 30)


def test_versions_with_where_they_are_and_where_they_came_from(
    server: FeedServer, transport: Transport, tmp_path: Path
) -> None:
    publish(server, transport, tmp_path, "acme-core", "acme-more")
    asked = service(server, transport)
    assert asked.version("acme-core", "1.0.0") == FeedVersion(("Local",), False, ())
    assert asked.version("Acme.Core", "9.9") is None
    assert asked.version("no-such", "1.0.0") is None
    server.internal_upstreams = ("central",)
    next(iter(server.files.values())).source = "central"
    server.deleted.add(("acme-core", "0.9"))
    server.recycled.add(("acme-core", "0.8"))
    assert asked.version("acme-core", "1.0.0") == FeedVersion(("Local",), False, ("central",))
    assert asked.version("acme-core", "0.9") == FeedVersion((), True, ())
    listed = asked.versions("acme-core")
    assert [(one.version, one.deleted, one.upstream, one.views) for one in listed] == [
        ("0.8", True, None, ()),
        ("0.9", True, None, ()),
        ("1.0.0", False, "central", ("Local",)),
    ]
    assert listed[2].published is not None
    assert listed[2].published.isoformat() == "2026-01-02T03:04:05+00:00"
    assert asked.versions("no-such") == ()
    assert [asked.recycled("acme-core", version) for version in ("0.8", "0.9", "1.0.0")] == [
        True, False, False
    ]  # fmt: skip


def test_whether_externally_sourced_versions_are_allowed(
    server: FeedServer, transport: Transport
) -> None:
    asked = service(server, transport)
    assert asked.upstreaming("acme-core") is False
    server.external_versions.add("acme-core")
    assert asked.upstreaming("acme-core") is True


def test_promotion_together_and_one_by_one(
    server: FeedServer, transport: Transport, tmp_path: Path
) -> None:
    publish(server, transport, tmp_path, "acme-core", "acme-more", "acme-other")
    asked = service(server, transport)
    for _ in range(2):  # what is there already stays
        asked.promote_together([("acme-core", "1.0.0"), ("acme-more", "1.0.0")], "Release")
    full = service(server, transport, server.job_token)
    full.promote("acme-other", "1.0.0", "Prerelease")
    shown = [full.version(name, "1.0.0") for name in ("acme-core", "acme-more", "acme-other")]
    assert [one and one.views for one in shown] == [
        ("Local", "Release"), ("Local", "Release"), ("Local", "Prerelease")
    ]  # fmt: skip
    asked.promote_together([], "Release")
    assert len(server.seen("POST", "packagesbatch")) == 2


def test_promotion_is_repeated_where_the_service_failed(
    server: FeedServer, transport: Transport, tmp_path: Path
) -> None:
    publish(server, transport, tmp_path, "acme-core")
    asked = service(server, transport, server.job_token)
    server.fault("api", Fault("status", 503), Fault("drop", store=True))
    asked.promote_together([("acme-core", "1.0.0")], "Release")
    assert len(server.seen("POST", "packagesbatch")) == 3
    server.fault("api", Fault("status", 429, {"Retry-After": "2"}))
    asked.promote("acme-core", "1.0.0", "Release")
    assert len(server.seen("PATCH")) == 2


def test_a_right_that_is_missing_is_named(
    server: FeedServer, transport: Transport, tmp_path: Path
) -> None:
    publish(server, transport, tmp_path, "acme-core")
    reader = service(server, transport, server.read_only_token)
    with pytest.raises(RightMissing) as together:
        reader.promote_together([("acme-core", "1.0.0")], "Release")
    assert together.value.right == "UpdatePackage"
    assert "A reader" in together.value.identity
    # the token is good for writing, and one version at a time needs more
    with pytest.raises(RightMissing) as single:
        service(server, transport).promote("acme-core", "1.0.0", "Release")
    assert single.value.right == "Packaging: Read, write, & manage"
    assert single.value.identity == "'Release Build'"
    with pytest.raises(RightMissing) as stranger:
        service(server, transport, server.no_rights_token).feed()
    assert stranger.value.right == "ReadPackages"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("wheels", "wheel", "no feed 'wheel'"),
        ("/ml/", "/other/", "no project 'other'"),
        ("contoso", "conto", "/conto/"),
    ],
)
def test_what_is_not_there_is_named(
    server: FeedServer, transport: Transport, old: str, new: str, says: str
) -> None:
    asked = service(server, transport, url=server.simple_url.replace(old, new))
    for call in (asked.feed, asked.views, lambda: asked.version("acme-core", "1.0.0")):
        with pytest.raises(ServiceRefused) as caught:
            call()
        assert caught.value.code == "not-found"
        assert says in caught.value.message


def test_a_view_or_package_that_is_not_there(
    server: FeedServer, transport: Transport, tmp_path: Path
) -> None:
    publish(server, transport, tmp_path, "acme-core")
    asked = service(server, transport)
    with pytest.raises(ServiceRefused) as view:
        asked.promote_together([("acme-core", "1.0.0")], "Released")
    assert view.value.code == "view-not-found"
    with pytest.raises(ServiceRefused) as package:
        asked.promote_together([("acme-none", "1.0.0")], "Release")
    assert package.value.code == "not-found"
    assert "acme-none 1.0.0" in package.value.message


def test_answers_that_are_none_of_the_service(server: FeedServer, transport: Transport) -> None:
    asked = service(server, transport)
    page = {"Content-Type": "text/html"}
    for fault in (
        Fault("status", 203, page, b"<html>Sign in</html>"),
        Fault("status", 200, page, b"<html>Sign in</html>"),
        Fault("status", 302, {"Location": "https://spsprodeus1.vssps.visualstudio.com/_signin"}),
        Fault("status", 401),
    ):
        server.fault("api", fault)
        with pytest.raises(ServiceRefused) as caught:
            asked.feed()
        assert caught.value.code in {"not-authenticated", "not-authorized"}
    server.fault("api", Fault("status", 200, {"Content-Type": "application/json"}, b"[1"))
    with pytest.raises(ServiceRefused) as caught:
        asked.feed()
    assert caught.value.code == "answer-unreadable"
    server.fault("api", *[Fault("status", 500)] * 9)
    with pytest.raises(ServiceUnavailable):
        asked.feed()


@pytest.mark.parametrize(
    ("method", "body"),
    [
        ("feed", b"null"),
        ("feed", b""),
        ("feed", b'{"upstreamSources": [null]}'),
        ("views", b'{"value": [null], "count": 1}'),
        ("versions", b'{"value": [null], "count": 1}'),
        ("versions", b'{"value": [{"normalizedName": "acme", "versions": [null]}]}'),
        ("version", b"null"),
        ("upstreaming", b"null"),
        ("upstreaming", b""),
        ("recycled", b"null"),
    ],
)
def test_an_answer_that_says_nothing_is_neither_a_traceback_nor_a_no(
    server: FeedServer, transport: Transport, method: str, body: bytes
) -> None:
    asked = service(server, transport)
    asked.views()  # the routes are known then
    server.fault("api", Fault("status", 200, {"Content-Type": "application/json"}, body))
    arguments = {"version": ["acme", "1.0"], "recycled": ["acme", "1.0"]}
    of = arguments.get(method, [] if method in {"feed", "views"} else ["acme"])
    with pytest.raises(ServiceRefused) as caught:
        getattr(asked, method)(*of)
    assert caught.value.code == "answer-unreadable"
    assert "NoneType" not in caught.value.message


def test_a_public_upstream_that_was_removed_is_still_known_as_one(
    server: FeedServer, transport: Transport, tmp_path: Path
) -> None:
    publish(server, transport, tmp_path, "acme-core")
    server.public_upstream = False
    server.removed_upstreams = ("PyPI",)
    next(iter(server.files.values())).source = "PyPI"
    asked = service(server, transport)
    facts = asked.feed()
    assert [(one.name, one.public, one.works) for one in facts.upstreams] == [("PyPI", True, False)]
    assert facts.public_upstreams == ()
    assert [one.upstream for one in asked.versions("acme-core")] == ["PyPI"]


def test_a_token_goes_to_the_organization_only(server: FeedServer, transport: Transport) -> None:
    with feed_server() as other:
        server.fault("api", Fault("status", 307, {"Location": f"{other.base}/contoso/_apis"}))
        with pytest.raises(ServiceRefused):
            service(server, transport).feed()
        assert other.requests == []


def test_routes_are_asked_for_once(
    transport: Transport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    with feed_server() as server:
        asked = service(server, transport)
        asked.feed()
        asked.views()
        asked.version("acme-core", "1.0.0")
        service(server, transport).upstreaming("acme-core")
        assert len(server.seen("OPTIONS")) == 1
        assert server.seen("GET", "ResourceAreas") == []
    assert not (tmp_path / "home").exists()


def test_a_token_that_is_refused_from_the_start(server: FeedServer, transport: Transport) -> None:
    asked = service(server, transport, "no-token-of-theirs")
    codes: list[str] = []

    def ask() -> None:
        with pytest.raises(ServiceRefused) as caught:
            asked.feed()
        codes.append(caught.value.code)

    # in a thread: who is signed in is asked for while routes are, which once waited for itself
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(20)
    assert codes == ["not-authenticated"]
    # what was refused is not kept
    assert service(server, transport).feed().name == "wheels"


def test_many_threads_ask_for_routes_once(server: FeedServer, transport: Transport) -> None:
    asked = service(server, transport)
    server.latency = 0.05
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(lambda _: asked.views(), range(8)))) == 1
    assert len(server.seen("OPTIONS")) == 1


def test_the_token_is_asked_for_at_each_attempt(server: FeedServer, transport: Transport) -> None:
    tokens = iter([server.token] * 2 + [server.job_token] * 9)
    made = FeedService(
        FeedAddress.parse(server.simple_url),
        transport,
        lambda: SignIn("any", Secret(next(tokens)), "a token"),
        "wheels",
    )
    made.feed()
    made.views()
    assert server.seen("GET")[-1].password == server.job_token
