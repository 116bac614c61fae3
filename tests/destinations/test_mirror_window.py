"""A mirror as pip would see it, over a store that a test writes."""

from __future__ import annotations

import hashlib
import http.client
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from wheelstep.destinations.mirror_project import Entry
from wheelstep.destinations.mirror_window import Window
from wheelstep.errors import CannotHere, ServiceRefused, ServiceUnavailable

FILE = "acme-1.0-py3-none-any.whl"


class Store:
    """Has one wheel."""

    def __init__(self, wheel: bytes) -> None:
        self.blobs = {f"simple/acme/{FILE}": wheel}
        self.downloaded: list[str] = []

    def read(self, path: str) -> bytes | None:
        return self.blobs.get(path)

    def about(self, path: str) -> Entry | None:
        data = self.blobs.get(path)
        return None if data is None else Entry("1", len(data), {})

    def download(self, path: str, target: Path | None) -> str:
        self.downloaded.append(path)
        data = self.blobs[path]
        assert target is not None
        target.write_bytes(data)
        return hashlib.sha256(data).hexdigest()


def nothing_wrong(name: str) -> bytes | None:
    return b"<html></html>" if name == "acme" else None


@pytest.fixture
def store() -> Store:
    return Store(b"w" * (32 << 20))


@pytest.fixture
def window(store: Store) -> Iterator[Window]:
    made = Window(store, nothing_wrong)
    yield made
    made.close()


def ask(window: Window, method: str, path: str) -> tuple[int, int, bytes]:
    """Return status, Content-Length and body."""
    parts = urlsplit(window.url)
    line = http.client.HTTPConnection(parts.netloc, timeout=30)
    try:
        line.request(method, f"{parts.path}{path}")
        answer = line.getresponse()
        return answer.status, int(answer.headers["Content-Length"]), answer.read()
    finally:
        line.close()


@pytest.fixture(autouse=True)
def ended() -> Callable[[], None]:
    """Wait until every answer of this test has ended, and what it ended with is kept; a server of
    another test may still hold a line that its client keeps open."""
    others = set(threading.enumerate())

    def wait() -> None:
        for thread in set(threading.enumerate()) - others:
            if "process_request_thread" in thread.name:
                thread.join(30)
                assert not thread.is_alive()

    return wait


def test_a_wheel_is_given_as_it_is(window: Window, store: Store, ended: Callable[[], None]) -> None:
    wheel = store.blobs[f"simple/acme/{FILE}"]
    assert ask(window, "GET", f"acme/{FILE}") == (200, len(wheel), wheel)
    assert ask(window, "GET", "acme/")[0] == 200
    assert ask(window, "GET", "other/")[0] == 404
    ended()
    window.check()


def test_the_size_of_a_wheel_is_told_without_reading_it(window: Window, store: Store) -> None:
    assert ask(window, "HEAD", f"acme/{FILE}") == (200, 32 << 20, b"")
    assert ask(window, "HEAD", "acme/other-1.0-py3-none-any.whl") == (404, 0, b"")
    assert store.downloaded == []


def test_a_client_that_hangs_up_is_nothing_to_speak_of(
    window: Window,
    store: Store,
    capfd: pytest.CaptureFixture[str],
    ended: Callable[[], None],
) -> None:
    parts = urlsplit(window.url)
    with socket.create_connection((parts.hostname or "", parts.port or 0)) as line:
        line.sendall(f"GET {parts.path}acme/{FILE} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        assert line.recv(1 << 10)
        # no time for what is on its way: the other side finds out while it writes
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    ended()
    assert store.downloaded, "it was on its way"
    window.check()
    assert capfd.readouterr() == ("", "")


def broken(error: Exception) -> Callable[[str], bytes | None]:
    def page(name: str) -> bytes | None:
        raise error

    return page


def test_a_defect_is_kept_for_the_run_and_told_once(
    store: Store, capfd: pytest.CaptureFixture[str], ended: Callable[[], None]
) -> None:
    window = Window(store, broken(RuntimeError("torn")))
    with pytest.raises(http.client.RemoteDisconnected):
        ask(window, "GET", "acme/")
    ended()
    assert capfd.readouterr() == ("", "")
    with pytest.raises(RuntimeError, match="torn"):
        window.check()
    window.check()
    window.close()


def test_what_the_store_says_is_told_in_its_own_words(store: Store) -> None:
    window = Window(
        store, broken(ServiceRefused("The SAS has ended.", code="sas-expired", cure=""))
    )
    assert ask(window, "GET", "acme/")[::2] == (502, b"The SAS has ended.")
    with pytest.raises(ServiceRefused, match="The SAS has ended"):
        window.check()
    window.close()


def test_what_asking_again_may_mend_ends_no_run(store: Store, ended: Callable[[], None]) -> None:
    window = Window(store, broken(ServiceUnavailable("Busy.", code="unavailable", cure="Wait.")))
    assert ask(window, "GET", "acme/")[::2] == (502, b"Busy.")
    ended()
    window.check()
    window.close()


def test_a_disk_without_room_is_told(
    window: Window, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "not-there"))
    assert ask(window, "GET", f"acme/{FILE}")[0] == 502
    with pytest.raises(CannotHere, match="making a temporary folder"):
        window.check()
