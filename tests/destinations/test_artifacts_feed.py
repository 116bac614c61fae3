"""The feed against its stand-in, which test_feed_stand_in.py holds to other people's clients."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tests.destinations.made import make_wheel
from tests.destinations.waiting import quick_transport
from tests.ground.identities import Nobody
from tests.servers.feed import Fault, FeedServer, feed_server
from wheelstep.destinations.artifacts_feed import FeedDestination
from wheelstep.destinations.interface import Wanted
from wheelstep.destinations.table import destination_of
from wheelstep.errors import (
    BuildFailed,
    ServiceRefused,
    ServiceUnavailable,
    SettingError,
    StepError,
)
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


def feed_at(
    url: str,
    transport: Transport,
    *,
    token: str | None = None,
    job_token: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> FeedDestination:
    made = destination_of(
        Wanted(f"feed+{url}", token=Secret(token) if token else None),
        root=Path(),
        environment=environment or {},
        transport=transport,
        job_token=Secret(job_token) if job_token else None,
    )
    assert isinstance(made, FeedDestination)
    return made


@pytest.mark.parametrize("project", ["ml", None])
def test_publish_look_and_read_back(
    project: str | None, transport: Transport, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with feed_server(project=project) as server:
        feed = feed_at(server.simple_url, transport, token=server.token)
        wheel = make_wheel(tmp_path)
        assert feed.look([wheel.name]) == {wheel.name: []}
        assert feed.put(wheel) is True
        assert feed.put(wheel) is False
        (listed,) = feed.look([wheel.name])[wheel.name]
        assert (listed.file, listed.sha256) == (wheel.file, wheel.sha256)
        assert listed.requires_python == wheel.requires_python
        assert server.feed_id in listed.url
        feed.fetch(listed, tmp_path / "back.whl")
        assert wheel.path is not None
        assert (tmp_path / "back.whl").read_bytes() == wheel.path.read_bytes()
        assert {seen.password for seen in server.requests} == {server.token}
    assert capfd.readouterr() == ("", "")


def test_any_url_of_the_feed_will_do(
    server: FeedServer, transport: Transport, tmp_path: Path
) -> None:
    urls = [server.root, f"{server.root}/pypi", f"{server.root}/pypi/simple", server.upload_url]
    for number, url in enumerate(urls):
        feed = feed_at(url, transport, token=server.token)
        assert feed.put(make_wheel(tmp_path, f"acme-{number}")) is True
    assert not [seen for seen in server.requests if not seen.path.endswith("/")]


@pytest.mark.parametrize(
    ("token", "code", "says", "cure"),
    [
        ("wrong-token", "not-authenticated", "TF400813", "has expired"),
        ("stranger-token-99", "not-authorized", "ReadPackages", "a Feed Reader, or"),
    ],
)
def test_refused_readers(  # noqa: PLR0917 - each case has four parts
    server: FeedServer, transport: Transport, token: str, code: str, says: str, cure: str
) -> None:
    with pytest.raises(ServiceRefused) as caught:
        feed_at(server.simple_url, transport, token=token).look(["acme-core"])
    assert caught.value.code == code
    assert says in caught.value.message
    assert cure in caught.value.cure
    assert "(Contributor)" not in caught.value.cure
    assert "the token that was given" in caught.value.message
    assert token not in caught.value.message + caught.value.cure


def test_a_read_only_token_is_told_which_right_it_lacks(
    server: FeedServer, transport: Transport, tmp_path: Path
) -> None:
    feed = feed_at(server.simple_url, transport, token=server.read_only_token)
    assert feed.look(["acme-core"]) == {"acme-core": []}
    with pytest.raises(ServiceRefused) as caught:
        feed.put(make_wheel(tmp_path))
    assert caught.value.code == "not-authorized"
    assert "AddPackage" in caught.value.message
    assert server.reader_identity in caught.value.message
    assert "Permissions" in caught.value.cure
    assert "(Contributor)" in caught.value.cure
    assert caught.value.exit_code == 5


@pytest.mark.parametrize(
    ("old", "new"), [("wheels", "wheel"), ("/ml/", "/other/"), ("/ml/", "/"), ("contoso", "conto")]
)
def test_a_place_that_is_not_there_is_no_empty_feed(
    server: FeedServer, transport: Transport, tmp_path: Path, old: str, new: str
) -> None:
    feed = feed_at(server.simple_url.replace(old, new), transport, token=server.token)
    with pytest.raises(ServiceRefused) as looked:
        feed.look(["acme-core"])
    with pytest.raises(ServiceRefused) as put:
        feed.put(make_wheel(tmp_path))
    assert looked.value.code == put.value.code == "not-found"
    assert "part by part" in looked.value.cure


def test_wheels_that_a_feed_does_not_take(
    server: FeedServer, transport: Transport, tmp_path: Path
) -> None:
    feed = feed_at(server.simple_url, transport, token=server.token)
    wheel = make_wheel(tmp_path)
    assert feed.unacceptable(wheel) is None
    local = feed.unacceptable(make_wheel(tmp_path, version="1.0.0+g12ab"))
    assert local is not None
    assert "+g12ab" in local
    assert "local_scheme" in local
    large = feed.unacceptable(replace(wheel, size=500 * 1024 * 1024 + 1))
    assert large is not None
    assert "500 MiB" in large
    assert feed.unacceptable(replace(wheel, size=500 * 1024 * 1024)) is None
    assert feed.unacceptable(replace(wheel, version="1." + "1" * 130)) is not None
    assert server.requests == []


def test_what_the_service_finds_invalid(
    server: FeedServer, transport: Transport, tmp_path: Path
) -> None:
    feed = feed_at(server.simple_url, transport, token=server.token)
    bad = make_wheel(tmp_path, "acme-mail", metadata="Author-email: nobody\n")
    with pytest.raises(BuildFailed) as caught:
        feed.put(bad)
    assert "The email 'nobody' is invalid" in caught.value.message
    with pytest.raises(BuildFailed) as local:
        feed.put(make_wheel(tmp_path, version="1.0.0+x"))
    assert "Local version segments" in local.value.message
    server.largest = 10
    with pytest.raises(BuildFailed) as large:
        feed.put(make_wheel(tmp_path))
    assert large.value.code == "wheel-too-large"


def test_409_by_what_it_means(server: FeedServer, transport: Transport, tmp_path: Path) -> None:
    feed = feed_at(server.simple_url, transport, token=server.token)
    upstream = make_wheel(tmp_path, "acme-upstream")
    server.upstream[upstream.file] = b"other"
    assert feed.put(upstream) is False
    deleted = make_wheel(tmp_path, "acme-deleted")
    server.deleted.add((deleted.name, deleted.version))
    with pytest.raises(ServiceRefused) as caught:
        feed.put(deleted)
    assert caught.value.code == "version-deleted"
    assert "Raise the version" in caught.value.cure


@pytest.mark.parametrize(
    "fault", [Fault("status", 503, store=True), Fault("drop", store=True), Fault("drop")]
)
def test_a_lost_reply_loses_nothing(
    server: FeedServer, transport: Transport, tmp_path: Path, fault: Fault
) -> None:
    server.fault("upload", fault)
    feed = feed_at(server.simple_url, transport, token=server.token)
    wheel = make_wheel(tmp_path)
    assert feed.put(wheel) is not fault.store
    assert [listed.sha256 for listed in feed.look([wheel.name])[wheel.name]] == [wheel.sha256]


def test_reading_is_tried_again(server: FeedServer, transport: Transport, tmp_path: Path) -> None:
    feed = feed_at(server.simple_url, transport, token=server.token)
    wheel = make_wheel(tmp_path)
    feed.put(wheel)
    server.fault("simple", Fault("drop"), Fault("status", 429, {"Retry-After": "1"}))
    (listed,) = feed.look([wheel.name])[wheel.name]
    server.fault("download", Fault("truncate"), Fault("status", 500))
    feed.fetch(listed, tmp_path / "back.whl")
    assert wheel.path is not None
    assert (tmp_path / "back.whl").read_bytes() == wheel.path.read_bytes()


def test_an_error_while_reading_is_no_empty_listing(
    server: FeedServer, transport: Transport
) -> None:
    server.fault("simple", *[Fault("status", 500)] * 9)
    with pytest.raises(ServiceUnavailable):
        feed_at(server.simple_url, transport, token=server.token).look(["acme-core"])


def test_late_files_show_up_later(transport: Transport, tmp_path: Path) -> None:
    with feed_server(visible_after=2) as server:
        feed = feed_at(server.simple_url, transport, token=server.token)
        wheel = make_wheel(tmp_path)
        assert feed.put(wheel) is True
        seen = [len(feed.look([wheel.name])[wheel.name]) for _ in range(3)]
    assert seen == [0, 0, 1]


def test_a_view_is_what_consumers_read(
    server: FeedServer, transport: Transport, tmp_path: Path
) -> None:
    feed = feed_at(f"{server.root}@Release/pypi/simple/", transport, token=server.token)
    wheel = make_wheel(tmp_path)
    assert feed.put(wheel) is True
    assert len(feed.look([wheel.name])[wheel.name]) == 1
    assert feed.index().url == f"{server.root}@Release/pypi/simple/"
    assert "@" not in feed.place


@pytest.mark.parametrize(("project", "upstream"), [("ml", True), ("ml", False), (None, True)])
def test_upstreams_are_read_with_the_vendors_client(
    project: str | None, upstream: bool, transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    # our policy holds for the client's sessions, too: the process's environment is not read
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with feed_server(project=project, public_upstream=upstream) as server:
        feed = feed_at(server.simple_url, transport, token=server.read_only_token)
        assert feed.index().public_upstream is upstream
        assert feed.index().public_upstream is upstream
        assert feed.notes == ()
        asked = server.seen("GET", "/Feeds/wheels")
        assert len(asked) == 1
        assert asked[0].password == server.read_only_token


def test_upstreams_that_cannot_be_read_are_noted(
    server: FeedServer, transport: Transport, caplog: pytest.LogCaptureFixture
) -> None:
    server.public_upstream = True
    for fault in (Fault("status", 500), Fault("drop"), Fault("status", 302, {"Location": "/"})):
        server.faults.clear()
        server.fault("api", *[fault] * 20)  # more often than it is tried
        feed = feed_at(server.simple_url, transport, token=server.token)
        assert feed.index().public_upstream is False
        (note,) = feed.notes
        assert "treated as if it had none" in note
        assert server.token not in note
    assert not [record for record in caplog.records if record.levelno > logging.WARNING]


def test_the_jobs_token_at_its_own_collection_only(
    server: FeedServer, transport: Transport, tmp_path: Path
) -> None:
    pipeline = {"TF_BUILD": "True", "SYSTEM_COLLECTIONURI": server.collection_url}
    feed = feed_at(
        server.simple_url, transport, job_token=server.token, environment=pipeline
    )  # fmt: skip
    assert feed.put(make_wheel(tmp_path)) is True
    server.requests.clear()
    other = pipeline | {"SYSTEM_COLLECTIONURI": f"{server.base}/fabrikam/"}
    feed = feed_at(server.simple_url, transport, job_token=server.token, environment=other)
    with pytest.raises(SettingError) as caught:
        feed.look(["acme-core"])
    assert caught.value.code == "feed-token-missing"
    assert server.requests == []


def test_a_sign_in_that_fails_is_asked_for_once(transport: Transport) -> None:
    asked: list[int] = []

    feed = destination_of(
        Wanted("https://pkgs.dev.azure.com/contoso/_packaging/wheels/pypi/simple/"),
        root=Path(),
        environment={},
        transport=transport,
        entra=Nobody(lambda: asked.append(1)),
    )
    with pytest.raises(SettingError):
        feed.look([f"acme-{number}" for number in range(20)])
    assert asked == [1]


def test_the_token_stays_in_the_organization(
    server: FeedServer, transport: Transport, tmp_path: Path
) -> None:
    feed = feed_at(server.simple_url, transport, token=server.token)
    wheel = make_wheel(tmp_path)
    feed.put(wheel)
    (listed,) = feed.look([wheel.name])[wheel.name]
    server.requests.clear()
    with pytest.raises(StepError):
        feed.fetch(
            replace(listed, url=listed.url.replace("/contoso/", "/fabrikam/")), tmp_path / "x"
        )
    assert [seen.password for seen in server.requests] == [None]
    with feed_server() as other:
        server.fault("simple", Fault("status", 302, {"Location": f"{other.base}/_signin"}))
        with pytest.raises(ServiceRefused):
            feed.look([wheel.name])
        assert [seen.password for seen in other.requests] == [None]


@pytest.mark.parametrize("link", ["//contoso/x", "/%2Fcontoso/x", "/contoso/../x", "/contoso/x"])
def test_no_link_lets_the_token_go_to_another_organization_of_the_host(
    transport: Transport, link: str
) -> None:
    host = "https://pkgs.dev.azure.com"
    feed = feed_at(f"{host}/contoso/_packaging/wheels/pypi/simple/", transport, token="t0ken-here")
    who = feed.credentials_for(f"{host}{link}")
    assert who is None or who.header_for(f"{host}/fabrikam/x") is None
    own = feed.credentials_for(f"{host}/contoso/x")
    assert own is not None
    assert own.header_for(f"{host}/contoso/y") is not None


def test_a_sign_in_page_of_another_host(server: FeedServer, transport: Transport) -> None:
    with feed_server() as other:
        other.fault("simple", Fault("status", 200, body=b"Sign in to your account"))
        server.fault("simple", Fault("status", 302, {"Location": other.simple_url}))
        with pytest.raises(ServiceRefused) as caught:
            feed_at(server.simple_url, transport, token=server.token).look(["acme-core"])
    assert caught.value.code == "not-authenticated"


@pytest.mark.parametrize("status", [200, 203])
def test_a_sign_in_page_in_answer_to_an_upload_stores_nothing(
    server: FeedServer, transport: Transport, tmp_path: Path, status: int
) -> None:
    feed = feed_at(server.simple_url, transport, token=server.token)
    page = Fault("status", status, {"Content-Type": "text/html"}, b"<form>Sign in</form>")
    server.fault("upload", page)
    with pytest.raises(
        ServiceRefused, match="does not accept the sign-in for publishing"
    ) as caught:
        feed.put(make_wheel(tmp_path))
    assert caught.value.code == "not-authenticated"


def test_no_request_to_a_feed_is_answered_with_a_sign_in_page_where_a_token_has_ended(
    server: FeedServer, transport: Transport, tmp_path: Path
) -> None:
    feed = feed_at(server.simple_url, transport, token=server.token)
    wheel = make_wheel(tmp_path)
    feed.put(wheel)
    feed.fetch(feed.look([wheel.name])[wheel.name][0], None)
    assert [seen.sign_in_page for seen in server.requests] == [False] * len(server.requests)
    assert {seen.method for seen in server.requests} == {"GET", "POST"}


def test_pip_finds_what_we_published(
    server: FeedServer, transport: Transport, tmp_path: Path
) -> None:
    wheel = make_wheel(tmp_path)
    assert feed_at(server.simple_url, transport, token=server.token).put(wheel) is True
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-cache-dir"]
    command += ["--no-input", "-d", str(tmp_path / "pip"), "acme-core==1.0.0"]
    pip = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={
            "PATH": os.environ.get("PATH", ""),
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_INDEX_URL": server.simple_url_with(server.read_only_token),
        },
    )
    assert pip.returncode == 0, pip.stdout + pip.stderr
    assert (tmp_path / "pip" / wheel.file).is_file()
