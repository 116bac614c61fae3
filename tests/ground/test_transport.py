"""The HTTP policy, against a server that misbehaves on request."""

from __future__ import annotations

import gzip
import hashlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from azure.core.rest import HttpRequest

from tests.ground.web import Answer, InstantClock, Web
from wheelstep.errors import (
    CannotHere,
    ServiceRefused,
    ServiceUnavailable,
    SettingError,
    StepError,
    StoppedBySignal,
)
from wheelstep.ground.azure_transport import azure_transport
from wheelstep.ground.clock import SystemClock
from wheelstep.ground.secret import Secret
from wheelstep.ground.transport import USER_AGENT, RetryBudget, Transport


@pytest.fixture
def clock() -> InstantClock:
    return InstantClock()


@pytest.fixture
def transport(clock: InstantClock) -> Iterator[Transport]:
    with Transport({}, clock=clock, timeout=(2, 2)) as made:
        yield made


def test_a_plain_request(transport: Transport) -> None:
    with Web(Answer(body=b"hello", headers={"X-Kind": "test"})) as web:
        response = transport.request("GET", f"{web.url}/a%20b?q=1", headers={"Accept": "x/y"})
    assert (response.status, response.body, response.headers["x-kind"]) == (200, b"hello", "test")
    (asked,) = web.asked
    assert asked.path == "/a%20b?q=1"
    assert asked.headers["User-Agent"] == USER_AGENT
    assert asked.headers["Accept"] == "x/y"
    assert asked.headers["Authorization"] is None


def test_libraries_that_talk_to_one_host_share_its_connections(transport: Transport) -> None:
    with Web(Answer(body=b"hello")) as web, Web(Answer()) as other:
        session = transport.session_for(f"{web.url}/a")
        assert transport.session_for(f"{web.url}/b?c") is session
        assert transport.session_for(other.url) is not session
        assert transport.new_session() is not session
        for _ in range(3):
            sent = azure_transport(transport, transport.session_for(web.url))
            with sent:
                answer = sent.send(HttpRequest("GET", web.url))
            assert answer.text() == "hello"
        assert len(web.connections) == 1
        transport.close()
        assert session.get(web.url).text == "hello", "it can be used again"
        assert len(web.connections) == 2


def test_a_librarys_session_has_the_proxy_of_its_host_alone() -> None:
    with Transport({"HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": "b.example"}) as transport:
        assert transport.session_for("https://a.example").proxies == {"https": "http://127.0.0.1:9"}
        assert transport.session_for("https://b.example").proxies == {}


def test_netrc_and_cookies_are_not_used(
    transport: Transport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login a password b\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with Web(Answer(headers={"Set-Cookie": "session=1; Path=/"})) as web:
        transport.request("GET", web.url)
        transport.request("GET", web.url)
    assert [asked.headers["Authorization"] for asked in web.asked] == [None, None]
    assert web.asked[1].headers["Cookie"] is None


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_passing_failures_are_tried_again(
    transport: Transport, clock: InstantClock, status: int
) -> None:
    with Web(Answer(status), Answer(status), Answer(body=b"at last")) as web:
        assert transport.request("GET", web.url).body == b"at last"
    assert len(web.asked) == 3
    assert len(clock.waits) == 2
    assert clock.waits[0] <= 0.5
    assert clock.waits[1] <= 1


def test_broken_connections_are_tried_again(transport: Transport, tmp_path: Path) -> None:
    target = tmp_path / "file"
    with Web(Answer(drop=True), Answer(body=b"half", cut=True), Answer(body=b"whole")) as web:
        response = transport.request("GET", web.url, stream_to=target)
    assert len(web.asked) == 3
    assert (target.read_bytes(), response.body) == (b"whole", b"")
    assert web.asked[2].headers["Accept-Encoding"] == "identity"


def test_a_download_that_never_is_whole_leaves_no_file(
    transport: Transport, tmp_path: Path
) -> None:
    with Web(Answer(body=b"half", cut=True)) as web, pytest.raises(ServiceUnavailable) as caught:
        transport.request("GET", f"{web.url}/w?sig=secret", stream_to=tmp_path / "file")
    assert caught.value.code == "no-answer"
    assert "got no answer in 6 attempts" in caught.value.message
    assert "sig=" not in caught.value.message
    assert "0x" not in caught.value.message
    assert not (tmp_path / "file").exists()


@pytest.mark.parametrize(
    ("value", "low", "high"),
    [
        ("7", 7, 8),
        ("0", 0, 1),
        ("Fri, 15 Jan 2027 08:00:10 GMT", 10, 11),
        ("Fri, 15 Jan 2027 07:00:00 GMT", 0, 1),
        ("soon", 0, 0.5),
    ],
)
def test_retry_after(
    transport: Transport, clock: InstantClock, value: str, low: float, high: float
) -> None:
    limited = Answer(429, {"Retry-After": value, "Date": "Fri, 15 Jan 2027 08:00:00 GMT"})
    # BaseHTTPRequestHandler sends its own Date first; the clock of the test agrees with neither
    with Web(limited, Answer()) as web:
        web.server.RequestHandlerClass.date_time_string = (  # type: ignore[attr-defined]
            lambda *_: "Fri, 15 Jan 2027 08:00:00 GMT"
        )
        transport.request("GET", web.url)
    assert low <= clock.waits[0] <= high


def test_asked_to_wait_longer_than_the_run_may(transport: Transport, clock: InstantClock) -> None:
    with (
        Web(Answer(429, {"Retry-After": "3600"})) as web,
        pytest.raises(ServiceUnavailable, match="429 Too Many Requests") as caught,
    ):
        transport.request("GET", web.url)
    assert caught.value.code == "rate-limited"
    assert clock.waits == []


def test_one_budget_for_the_run(clock: InstantClock) -> None:
    budget = RetryBudget(10, chance=lambda: 0.999, first=4, attempts=100)
    with (
        Web(Answer(503)) as web,
        Transport({}, budget=budget, clock=clock) as one,
        Transport({}, budget=budget, clock=clock) as other,
    ):
        with pytest.raises(ServiceUnavailable):
            one.request("GET", web.url)
        assert len(web.asked) == 2
        with pytest.raises(ServiceUnavailable):
            other.request("GET", web.url)
        assert len(web.asked) == 4
    assert budget.left < 4


def test_waits_at_the_same_time_are_spent_once() -> None:
    budget = RetryBudget(100, chance=lambda: 0.0)
    for _ in range(16):
        assert budget.wait_for(1, now=5.0, asked=60) == 60
    assert budget.left == 40
    assert budget.wait_for(1, now=65.0, asked=41) is None
    assert budget.wait_for(1, now=65.0, asked=40) == 40


def test_what_may_not_be_sent_twice(transport: Transport) -> None:
    with Web(Answer(503), Answer(drop=True)) as web:
        with pytest.raises(ServiceUnavailable, match=r"POST .* got no answer in 2 attempts"):
            transport.request("POST", web.url, body=b"x", repeatable=False)
        assert len(web.asked) == 2
    with Web(Answer(500)) as web:
        with pytest.raises(ServiceUnavailable, match="500"):
            transport.request("POST", web.url, body=b"x", repeatable=False)
        assert len(web.asked) == 1


def test_a_file_is_sent_whole_in_every_attempt(transport: Transport, tmp_path: Path) -> None:
    (tmp_path / "body").write_bytes(b"b" * 100_000)
    with Web(Answer(502), Answer()) as web:
        transport.request("PUT", web.url, body=tmp_path / "body")
    assert [len(asked.body) for asked in web.asked] == [100_000] * 2
    with Web(Answer()) as web, pytest.raises(CannotHere, match="reading a file to send"):
        transport.request("PUT", web.url, body=tmp_path / "missing")


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (400, ServiceRefused, "service-refused"),
        (401, ServiceRefused, "not-authenticated"),
        (403, ServiceRefused, "not-authorized"),
        (404, ServiceRefused, "not-found"),
        (413, ServiceRefused, "too-large"),
        (429, ServiceUnavailable, "rate-limited"),
        (500, ServiceUnavailable, "service-failed"),
    ],
)
def test_what_a_status_means(
    transport: Transport, status: int, kind: type[StepError], code: str
) -> None:
    said = {"Content-Type": "application/json; charset=utf-8"}
    body = b'{"$id":"1","message":"User lacks\\nReadPackages","typeKey":"X"}'
    with Web(Answer(status, said, body)) as web, pytest.raises(kind) as caught:
        transport.request("GET", f"{web.url}/x")
    assert caught.value.code == code
    assert f"GET {web.url}/x got {status}" in caught.value.message
    assert 'The service says: "User lacks ReadPackages"' in caught.value.message
    assert caught.value.cure


def test_statuses_that_the_caller_wants_to_see(transport: Transport) -> None:
    with Web(Answer(404), Answer(503), Answer(304)) as web:
        for status in (404, 503, 304):
            got = transport.request("GET", web.url, accept_statuses={404, 503, 304})
            assert got.status == status
    assert len(web.asked) == 3


def test_pages_and_secrets_are_not_quoted(transport: Transport) -> None:
    Secret("echoed-secret")
    with Web(Answer(400, {"Content-Type": "text/plain"}, b"bad \x1b[31mechoed-secret")) as web:
        with pytest.raises(ServiceRefused) as caught:
            transport.request("GET", web.url)
        assert caught.value.message.endswith('The service says: "bad [31m***"')
    with Web(Answer(400, {"Content-Type": "text/html"}, b"<html>long</html>")) as web:
        with pytest.raises(ServiceRefused) as caught:
            transport.request("GET", web.url)
        assert "says" not in caught.value.message


def test_no_server(transport: Transport, clock: InstantClock) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/x"
    with pytest.raises(ServiceUnavailable, match=r"[Rr]efused") as caught:
        transport.request("GET", url)
    assert len(clock.waits) == 5
    assert f"GET {url} got no answer in 6 attempts" in caught.value.message
    assert "<" not in caught.value.message


def test_an_unknown_host(transport: Transport) -> None:
    with pytest.raises(ServiceUnavailable) as caught:
        transport.request("GET", "http://no-such-host.invalid/")
    assert caught.value.code == "host-unknown"


def test_https_where_http_is_spoken(transport: Transport) -> None:
    with Web(Answer()) as web, pytest.raises(StepError) as caught:
        transport.request("GET", web.url.replace("http:", "https:"))
    assert caught.value.exit_code in {2, 6}


@pytest.mark.parametrize(
    "url", ["ftp://host/x", "host/x", "http://", "http://h:port/", "", "http://["]
)
def test_no_url(transport: Transport, url: str) -> None:
    with pytest.raises(SettingError):
        transport.request("GET", url)


def test_a_download_that_cannot_be_written(transport: Transport, tmp_path: Path) -> None:
    with Web(Answer(body=b"x")) as web, pytest.raises(CannotHere, match="writing a download"):
        transport.request("GET", web.url, stream_to=tmp_path / "missing" / "file")


def test_the_proxy_of_the_environment(clock: InstantClock) -> None:
    with Web(Answer(body=b"by proxy")) as proxy:
        environment = {"http_proxy": proxy.url.replace("//", "//me:pr0xy-password@")}
        with Transport(environment, clock=clock) as transport:
            got = transport.request("GET", "http://feed.invalid/simple/")
            assert got.body == b"by proxy"
            assert proxy.asked[0].path == "http://feed.invalid/simple/"
            assert proxy.asked[0].headers["Proxy-Authorization"]
            with pytest.raises(StepError):
                transport.request("GET", "https://feed.invalid/")


def test_the_proxy_is_passed_by(clock: InstantClock) -> None:
    with Web(Answer(body=b"direct")) as web:
        environment = {"HTTP_PROXY": "http://127.0.0.1:9", "NO_PROXY": "x,127.0.0.0/8"}
        with Transport(environment, clock=clock) as transport:
            assert transport.request("GET", web.url).body == b"direct"


def test_certificates_that_are_not_there() -> None:
    with (
        Transport({"REQUESTS_CA_BUNDLE": "/no/such/file.pem"}) as transport,
        pytest.raises(SettingError, match="REQUESTS_CA_BUNDLE names"),
    ):
        transport.request("GET", "https://host.invalid/")


def test_threads_share_connections(transport: Transport) -> None:
    with Web(Answer()) as web:

        def ask() -> None:
            assert transport.request("GET", web.url).status == 200

        for _ in range(4):  # one after the other: what one has opened, the next one uses
            thread = threading.Thread(target=ask)
            thread.start()
            thread.join()
        assert len(web.connections) == 1
        transport.close()
        ask()
        assert len(web.connections) == 2


def test_a_body_in_pieces_is_sent_anew_for_every_attempt(transport: Transport) -> None:
    class Pieces:
        def __len__(self) -> int:
            return 6

        def __iter__(self) -> Iterator[bytes]:
            yield from (b"abc", b"", b"def")

    with Web(Answer(503), Answer(drop=True), Answer()) as web:
        transport.request("POST", web.url, body=Pieces())
        assert [asked.body for asked in web.asked] == [b"abcdef"] * 3
        assert {asked.headers["Content-Length"] for asked in web.asked} == {"6"}


def test_a_body_that_cannot_be_read_is_not_tried_again(transport: Transport) -> None:
    class Broken:
        def __len__(self) -> int:
            return 6

        def __iter__(self) -> Iterator[bytes]:
            yield b"abc"
            raise CannotHere("The disk is gone.", code="disk", cure="Find it.")

    with Web(Answer()) as web:
        with pytest.raises(CannotHere, match="The disk is gone"):
            transport.request("POST", web.url, body=Broken())
        transport.close()
    assert [asked.body for asked in web.asked] in ([], [b"abc"])


def test_a_download_for_its_hash_alone(transport: Transport) -> None:
    with Web(Answer(body=b"wheel")) as web:
        response = transport.request("GET", web.url, hash_only=True)
    assert response.body == b""
    assert response.sha256 == hashlib.sha256(b"wheel").hexdigest()
    assert web.asked[0].headers["Accept-Encoding"] == "identity"


def test_a_download_is_taken_as_it_is_sent_as_pip_takes_it(
    transport: Transport, tmp_path: Path
) -> None:
    packed = gzip.compress(b"wheel")
    with Web(Answer(200, {"Content-Encoding": "gzip"}, packed)) as web:
        hashed = transport.request("GET", web.url, hash_only=True)
        transport.request("GET", web.url, stream_to=tmp_path / "wheel")
    assert hashed.sha256 == hashlib.sha256(packed).hexdigest()
    assert (tmp_path / "wheel").read_bytes() == packed


def test_a_stop_ends_the_wait() -> None:
    clock = SystemClock()
    with Web(Answer(503, {"Retry-After": "100"})) as web, Transport({}, clock=clock) as transport:
        errors: list[BaseException] = []

        def ask() -> None:
            try:
                transport.request("GET", web.url)
            except StoppedBySignal as error:
                errors.append(error)

        thread = threading.Thread(target=ask)
        thread.start()
        clock.stop(15)
        thread.join(10)
        assert not thread.is_alive()
    assert [error.exit_code for error in errors if isinstance(error, StoppedBySignal)] == [143]


def test_a_slow_server_is_given_up(clock: InstantClock) -> None:
    stuck = socket.create_server(("127.0.0.1", 0))
    budget = RetryBudget(attempts=2)
    url = f"http://127.0.0.1:{stuck.getsockname()[1]}/"
    with (
        stuck,
        Transport({}, clock=clock, budget=budget, timeout=(0.2, 0.2)) as transport,
        pytest.raises(ServiceUnavailable, match=r"2 attempts: .*timed out"),
    ):
        transport.request("GET", url)
