"""What the HTTP policy protects: credentials, redirects, certificates."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ground.web import Answer, Asked, InstantClock, Web
from tests.servers.authority import made_authority, secure
from wheelstep.errors import ServiceRefused, SettingError
from wheelstep.ground.secret import Secret
from wheelstep.ground.transport import Credentials, Transport

BASIC = "Basic dXNlcjp0MGtlbi1vZi10aGUtdGVzdA=="


@pytest.fixture
def clock() -> InstantClock:
    return InstantClock()


@pytest.fixture
def transport(clock: InstantClock) -> Iterator[Transport]:
    with Transport({}, clock=clock, timeout=(2, 2)) as made:
        yield made


def credentials(prefix: str) -> Credentials:
    return Credentials(prefix, "user", Secret("t0ken-of-the-test"))


def test_credentials_stay_below_their_prefix(transport: Transport) -> None:
    with Web(Answer()) as web:
        mine = credentials(f"{web.url}/org/feed")
        paths = ["/org/feed/x", "/org/feed", "/org/feed2", "/org/feed/../other", "/org/feed/%2e%2e"]
        for path in paths:
            transport.request("GET", f"{web.url}{path}", credentials=mine)
        transport.request("GET", f"{web.url.replace('127.0.0.1', 'localhost')}/org/feed/x",
                          credentials=mine)  # fmt: skip
    assert [a.headers["Authorization"] for a in web.asked] == [BASIC, BASIC, None, None, None, None]


def test_a_password_in_a_url_is_never_sent(transport: Transport) -> None:
    with Web(Answer()) as web:
        transport.request("GET", web.url.replace("//", "//user:pass@"))
    assert web.asked[0].headers["Authorization"] is None


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_take_credentials_only_where_they_belong(
    transport: Transport, status: int
) -> None:
    with Web(Answer(body=b"there")) as other:
        there = f"{other.url}/file"

        def answer(asked: Asked) -> Answer:
            return Answer(status, {"Location": "/b" if asked.path == "/a" else there})

        with Web(answer=answer) as web:
            response = transport.request(
                "GET",
                f"{web.url}/a",
                credentials=credentials(web.url),
                headers={"Authorization": "Bearer x", "X-Other": "1"},
            )
    assert (response.body, response.url) == (b"there", there)
    assert [a.headers["Authorization"] for a in web.asked] == [BASIC, BASIC]
    assert other.asked[0].headers["Authorization"] is None
    assert other.asked[0].headers["X-Other"] == "1"


def test_a_redirected_upload_names_the_right_url(transport: Transport) -> None:
    with (
        Web(Answer(301, {"Location": "/upload/?sig=1"})) as web,
        pytest.raises(ServiceRefused, match="was redirected to") as caught,
    ):
        transport.request("POST", f"{web.url}/upload", body=b"x")
    assert caught.value.cure == f"If that is the right place, write {web.url}/upload/ instead."


def test_redirects_without_end(transport: Transport) -> None:
    with (
        Web(Answer(302, {"Location": "/again"})) as web,
        pytest.raises(ServiceRefused, match="again and again"),
    ):
        transport.request("GET", web.url)
    assert len(web.asked) == 11


def test_a_redirect_without_a_place(transport: Transport) -> None:
    with Web(Answer(302, {"Location": "ftp://x/"})) as web, pytest.raises(ServiceRefused):
        transport.request("GET", web.url)


def test_a_redirect_to_no_url_is_told_without_a_traceback(transport: Transport) -> None:
    with (
        Web(Answer(302, {"Location": "http://[no-address"})) as web,
        pytest.raises(ServiceRefused, match="got 302"),
    ):
        transport.request("GET", web.url)


@pytest.mark.parametrize("host", ["acme..example", f"{'a' * 70}.example"])
def test_a_host_that_can_be_none_is_told_without_a_traceback(
    transport: Transport, clock: InstantClock, host: str
) -> None:
    with pytest.raises(SettingError, match="cannot be sent") as caught:
        transport.request("GET", f"http://{host}/simple/")
    assert caught.value.code == "url-invalid"
    assert clock.waits == []


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_authority(tmp_path_factory.mktemp("authority"))


def test_an_own_authority(authority: Path, clock: InstantClock) -> None:
    with Web(Answer(body=b"secure"), tls=secure(authority)) as web:
        with (
            Transport({}, clock=clock) as transport,
            pytest.raises(ServiceRefused, match="certificate does not verify") as caught,
        ):
            transport.request("GET", web.url)
        assert caught.value.code == "certificate-invalid"
        assert clock.waits == []
        with Transport({"REQUESTS_CA_BUNDLE": str(authority)}, clock=clock) as transport:
            assert transport.request("GET", web.url).body == b"secure"


def test_no_way_down_from_https(authority: Path, clock: InstantClock) -> None:
    with (
        Web(Answer()) as plain,
        Web(Answer(302, {"Location": f"{plain.url}/w"}), tls=secure(authority)) as web,
        Transport({"SSL_CERT_FILE": str(authority)}, clock=clock) as transport,
    ):
        with pytest.raises(ServiceRefused, match="from https to") as caught:
            transport.request("GET", web.url)
        assert caught.value.code == "redirect-insecure"
        assert plain.asked == []


def test_a_bundle_without_certificates(tmp_path: Path, authority: Path) -> None:
    (tmp_path / "empty.pem").write_text("nothing here\n")
    with (
        Web(Answer(), tls=secure(authority)) as web,
        Transport({"REQUESTS_CA_BUNDLE": str(tmp_path / "empty.pem")}) as transport,
        pytest.raises(SettingError) as caught,
    ):
        transport.request("GET", web.url)
    assert caught.value.code == "certificates-missing"
