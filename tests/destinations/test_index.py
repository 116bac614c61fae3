"""A PyPI-compatible index: against a real pypiserver, and against answers of other kinds."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from tests.destinations.made import make_wheel
from tests.destinations.waiting import quick_transport
from tests.servers.feed import Fault, FeedServer, feed_server
from tests.servers.pypi import PypiServer, pypi_server
from wheelstep.destinations.index import IndexDestination
from wheelstep.destinations.interface import Wanted
from wheelstep.destinations.refusals import already_there
from wheelstep.destinations.table import destination_of
from wheelstep.errors import (
    BuildFailed,
    CannotHere,
    Refused,
    ServiceRefused,
    ServiceUnavailable,
    StepError,
)
from wheelstep.ground.secret import Secret
from wheelstep.ground.transport import Response, Transport
from wheelstep.model import Listed


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PypiServer]:
    with pypi_server(tmp_path_factory.mktemp("pypi")) as running:
        yield running


@pytest.fixture
def transport() -> Iterator[Transport]:
    with quick_transport() as (made, _):
        yield made


def index_at(
    url: str, transport: Transport, *, token: str | None = None, user: str | None = None
) -> IndexDestination:
    wanted = Wanted(f"index+{url}", user=user, token=Secret(token) if token else None)
    made = destination_of(wanted, root=Path(), environment={}, transport=transport)
    assert isinstance(made, IndexDestination)
    return made


def ours(server: PypiServer, transport: Transport) -> IndexDestination:
    return index_at(server.url, transport, token=server.password, user=server.user)


def test_publish_look_and_read_back(
    server: PypiServer, transport: Transport, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    index = ours(server, transport)
    wheel = make_wheel(tmp_path, "Acme.Core", "1.0.0")
    assert index.look([wheel.name, "never-seen"]) == {wheel.name: [], "never-seen": []}
    assert index.put(wheel) is True
    (listed,) = index.look([wheel.name])[wheel.name]
    assert (listed.file, listed.sha256) == (wheel.file, wheel.sha256)
    target = tmp_path / "back.whl"
    index.fetch(listed, target)
    assert wheel.path is not None
    assert target.read_bytes() == wheel.path.read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {"back.whl", wheel.file}
    assert capfd.readouterr() == ("", "")


def test_a_second_upload_is_told_apart_whatever_its_bytes(
    server: PypiServer, transport: Transport, tmp_path: Path
) -> None:
    index = ours(server, transport)
    assert index.put(make_wheel(tmp_path / "1", "acme-twice")) is True
    assert index.put(make_wheel(tmp_path / "1", "acme-twice")) is False
    assert index.put(make_wheel(tmp_path / "2", "acme-twice", text="VALUE = 2\n")) is False
    first = make_wheel(tmp_path / "1", "acme-twice")
    assert [listed.sha256 for listed in index.look(["acme-twice"])["acme-twice"]] == [first.sha256]


def test_many_at_once(server: PypiServer, transport: Transport, tmp_path: Path) -> None:
    index = ours(server, transport)
    wheels = [make_wheel(tmp_path, f"acme-many-{number}") for number in range(12)]
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(index.put, wheels)) == [True] * 12
    seen = index.look([wheel.name for wheel in wheels])
    assert {name: files[0].sha256 for name, files in seen.items()} == {
        wheel.name: wheel.sha256 for wheel in wheels
    }


def test_how_consumers_read_it(server: PypiServer, transport: Transport) -> None:
    index = ours(server, transport)
    assert index.index().url == f"{server.url}simple/"
    assert index.place == f"{server.url}simple/"
    assert not index.index().public_upstream
    assert server.password not in repr(index.index()) + index.name + index.place


@pytest.mark.parametrize(("token", "code"), [(None, "not-authenticated"), ("no", "not-authorized")])
def test_a_wrong_or_missing_password(
    server: PypiServer, transport: Transport, tmp_path: Path, token: str | None, code: str
) -> None:
    index = index_at(server.url, transport, token=token, user="alice")
    with pytest.raises(ServiceRefused) as looked:
        index.look(["acme-core"])
    with pytest.raises(ServiceRefused) as put:
        index.put(make_wheel(tmp_path))
    assert looked.value.code == put.value.code == code
    assert "feed-token" in looked.value.cure or "token" in looked.value.cure


def test_an_index_that_is_not_there_is_no_empty_index(
    server: PypiServer, transport: Transport, tmp_path: Path
) -> None:
    index = index_at(f"{server.url}nowhere/", transport, token=server.password, user=server.user)
    with pytest.raises(ServiceRefused) as looked:
        index.look(["acme-core"])
    assert looked.value.code == "not-found"
    assert "#simple=" in looked.value.cure
    with pytest.raises(ServiceRefused) as put:
        index.put(make_wheel(tmp_path))
    assert put.value.code in {"not-found", "not-an-upload-url"}


def test_no_server_at_all(transport: Transport, tmp_path: Path) -> None:
    index = index_at("http://127.0.0.1:9/", transport)
    with pytest.raises(ServiceUnavailable) as caught:
        index.put(make_wheel(tmp_path))
    assert caught.value.code == "no-answer"
    assert isinstance(caught.value.problems()[0].message, str)


def test_a_wheel_that_twine_refuses(
    server: PypiServer, transport: Transport, tmp_path: Path
) -> None:
    index = ours(server, transport)
    for metadata in ("No-Such-Field: x\n", "Description-Content-Type: nonsense\n"):
        wheel = make_wheel(tmp_path, "acme-bad", metadata=metadata)
        with pytest.raises(BuildFailed) as caught:
            index.put(wheel)
        assert caught.value.code == "wheel-invalid"
        assert wheel.file in caught.value.message
        assert str(tmp_path) not in caught.value.message


def test_a_file_that_is_no_wheel(server: PypiServer, transport: Transport, tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "acme-junk")
    assert wheel.path is not None
    wheel.path.write_bytes(b"junk")
    with pytest.raises(BuildFailed):
        ours(server, transport).put(wheel)
    wheel.path.unlink()
    with pytest.raises((BuildFailed, CannotHere)):
        ours(server, transport).put(wheel)


def test_a_download_that_is_not_what_is_listed(
    server: PypiServer, transport: Transport, tmp_path: Path
) -> None:
    index = ours(server, transport)
    wheel = make_wheel(tmp_path, "acme-listed")
    index.put(wheel)
    (listed,) = index.look([wheel.name])[wheel.name]
    with pytest.raises(Refused) as caught:
        index.fetch(replace(listed, sha256="0" * 64), tmp_path / "target.whl")
    assert caught.value.code == "hash-mismatch"
    with pytest.raises(ServiceRefused) as missing:
        index.fetch(Listed("x.whl", f"{server.url}packages/x.whl", None), tmp_path / "target.whl")
    assert missing.value.code == "not-found"
    with pytest.raises(CannotHere):
        index.fetch(listed, tmp_path / "no" / "folder.whl")
    assert [path.name for path in tmp_path.iterdir()] == [wheel.file]


def test_the_environment_of_twine_does_not_leak_in(
    server: PypiServer,
    transport: Transport,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / ".pypirc").write_text("this is [not a configuration", encoding="utf-8")
    (tmp_path / ".netrc").write_text(
        f"machine 127.0.0.1 login {server.user} password {server.password}\n", encoding="utf-8"
    )
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TWINE_USERNAME", server.user)
    monkeypatch.setenv("TWINE_PASSWORD", server.password)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    wheel = make_wheel(tmp_path / "dist", "acme-env")
    with pytest.raises(ServiceRefused) as caught:
        index_at(server.url, transport).put(wheel)
    assert caught.value.code == "not-authenticated"
    assert "nobody" in caught.value.message
    assert ours(server, transport).put(wheel) is True
    assert capfd.readouterr() == ("", "")


def test_a_proxy_of_the_given_environment_is_used(tmp_path: Path) -> None:
    with (
        feed_server() as proxy,
        Transport({"HTTP_PROXY": proxy.base}) as transport,
        pytest.raises(StepError),
    ):
        index_at("http://index.invalid/", transport).put(make_wheel(tmp_path))
    assert [seen.path for seen in proxy.seen("POST")] == ["http://index.invalid/"]


@pytest.mark.parametrize(
    ("status", "reason", "body", "taken"),
    [
        (409, "Conflict", "", True),
        (400, "File already exists. See https://index.invalid/help", "", True),
        (400, "Bad Request", '{"message":{"name":["has already been taken"]}}', True),
        (400, "Repository does not allow updating assets: pypi-hosted", "", True),
        (403, "Forbidden", "Not enough permissions to delete/overwrite artifact 'a.whl'", True),
        (400, "Bad Request", "Package 'a.whl' already exists!", True),
        (400, "Bad Request", "The description failed to render", False),
        (403, "Forbidden", "Invalid or non-existent authentication", False),
        (500, "already exists", "", False),
    ],
)
def test_how_indexes_say_that_a_file_is_there(
    status: int, reason: str, body: str, taken: bool
) -> None:
    assert already_there(Response(status, {}, body.encode(), "", reason)) is taken


@pytest.fixture(scope="module")
def front() -> Iterator[FeedServer]:
    """Any answer that is wanted: the feed's stand-in, taken for an ordinary index."""
    with feed_server() as running:
        yield running


@pytest.mark.parametrize(
    "case",
    [
        (Fault("status", 400, body=b"Invalid classifier"), BuildFailed, "wheel-refused"),
        (Fault("status", 413), BuildFailed, "wheel-too-large"),
        (Fault("status", 405), ServiceRefused, "not-an-upload-url"),
        (Fault("status", 401), ServiceRefused, "not-authenticated"),
        (Fault("status", 403, body=b"read only"), ServiceRefused, "not-authorized"),
        (Fault("status", 404), ServiceRefused, "not-found"),
        (
            Fault("status", 301, {"Location": "https://other.invalid/up/?sig=abc"}),
            ServiceRefused,
            "redirected",
        ),
        (Fault("status", 507), ServiceRefused, "service-refused"),
    ],
)
def test_each_answer_has_its_own_error(
    front: FeedServer,
    transport: Transport,
    tmp_path: Path,
    case: tuple[Fault, type[StepError], str],
) -> None:
    fault, kind, code = case
    front.requests.clear()
    front.fault("upload", fault)
    wanted = f"{front.upload_url}#simple={front.simple_url}"
    index = index_at(wanted, transport, token=front.token)
    with pytest.raises(kind) as caught:
        index.put(make_wheel(tmp_path))
    assert caught.value.code == code
    assert caught.value.cure
    assert "sig=abc" not in caught.value.message + caught.value.cure
    assert front.token not in caught.value.message
    assert len(front.seen("POST")) == 1


def test_passing_failures_are_waited_for(front: FeedServer, tmp_path: Path) -> None:
    front.requests.clear()
    for status in (429, 500, 502, 503):
        front.fault("upload", Fault("status", status, {"Retry-After": "7"}))
    with quick_transport(attempts=6) as (transport, clock):
        index = index_at(
            f"{front.upload_url}#simple={front.simple_url}", transport, token=front.token
        )
        assert index.put(make_wheel(tmp_path, "acme-passing")) is True
    assert len(clock.slept) == 4
    assert min(clock.slept) >= 7
    assert len(front.seen("POST")) == 5
    assert {seen.agent.partition("/")[0] for seen in front.seen("POST")} == {"wheelstep"}


def test_a_service_that_stays_away(front: FeedServer, tmp_path: Path) -> None:
    front.fault("upload", *[Fault("status", 503)] * 3)
    with quick_transport(attempts=3) as (transport, _):
        index = index_at(
            f"{front.upload_url}#simple={front.simple_url}", transport, token=front.token
        )
        with pytest.raises(ServiceUnavailable) as caught:
            index.put(make_wheel(tmp_path, "acme-away"))
    assert "503" in caught.value.message


def test_a_token_does_not_leave_its_host(front: FeedServer, tmp_path: Path) -> None:
    with feed_server() as other, quick_transport() as (transport, _):
        index = index_at(
            f"{front.upload_url}#simple={front.simple_url}", transport, token=front.token
        )
        front.fault("simple", Fault("status", 302, {"Location": other.simple_url + "acme/"}))
        assert index.look(["acme"]) == {"acme": []}
        with pytest.raises(ServiceRefused):
            index.fetch(Listed("a.whl", f"{other.base}/a.whl", None), tmp_path / "a.whl")
    assert other.requests
    assert {seen.password for seen in other.requests} == {None}


@pytest.mark.parametrize(
    ("base", "ours", "others"),
    [
        (
            "https://pkgs.dev.azure.com/contoso/_packaging/f/pypi",
            ["https://pkgs.dev.azure.com/contoso/x.whl", "https://pkgs.dev.azure.com/Contoso/y"],
            [
                "https://pkgs.dev.azure.com/fabrikam/x.whl",
                "https://pkgs.dev.azure.com//contoso/../fabrikam/x.whl",
                "https://pkgs.dev.azure.com//fabrikam/x.whl",
                "https://contoso.pkgs.visualstudio.com/x.whl",
                "http://pkgs.dev.azure.com/contoso/x.whl",
            ],
        ),
        (
            "https://contoso.pkgs.visualstudio.com/_packaging/f/pypi",
            ["https://contoso.pkgs.visualstudio.com/other/x.whl"],
            ["https://fabrikam.pkgs.visualstudio.com/x.whl"],
        ),
        (
            "https://pypi.acme.example/simple-things",
            ["https://pypi.acme.example/files/x.whl"],
            ["https://files.acme.example/x.whl"],
        ),
    ],
)
def test_a_token_goes_to_no_other_organization_of_the_host(
    base: str, ours: list[str], others: list[str], transport: Transport
) -> None:
    index = index_at(base, transport, token="a-token-of-contoso")
    for url in [f"{base}/", f"{base}/simple/", *ours]:
        who = index.credentials_for(url)
        assert who is not None
        assert who.header_for(url), url
        assert not [other for other in others if who.header_for(other)], "not by a redirect"
    for url in others:
        who = index.credentials_for(url)
        assert who is None or who.header_for(url) is None, url


def test_an_index_that_forwards_to_another_does_not_have_its_files(
    tmp_path: Path, transport: Transport
) -> None:
    with feed_server() as front, pypi_server(tmp_path / "open", user="") as public:
        index_at(public.url, transport).put(make_wheel(tmp_path, "acme-public"))
        location = {"Location": f"{public.simple_url}acme-public/"}
        front.fault("simple", Fault("status", 302, location))
        index = index_at(
            f"{front.upload_url}#simple={front.simple_url}", transport, token=front.token
        )
        assert index.look(["acme-public"]) == {"acme-public": []}


def test_an_index_that_has_moved_is_no_empty_index(transport: Transport) -> None:
    with feed_server() as old, feed_server() as new:
        old.fault(
            "simple",
            Fault("status", 308, {"Location": f"{new.simple_url}acme/"}),
            Fault("status", 308, {"Location": new.simple_url}),
        )
        index = index_at(f"{old.upload_url}#simple={old.simple_url}", transport, token=old.token)
        with pytest.raises(ServiceRefused) as caught:
            index.look(["acme"])
    assert caught.value.code == "redirected"
    assert new.simple_url in caught.value.cure


def test_importing_it_loads_no_heavy_library() -> None:
    import subprocess

    code = (
        "import sys, wheelstep.destinations.table, wheelstep.ground.credentials\n"
        "print([n for n in ('requests', 'twine', 'azure', 'msrest', 'rich') if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
