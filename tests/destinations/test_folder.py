"""The folder: what real pip and uv read from it, and what several processes do to it at once."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self

import pytest

from tests.destinations.wheels import content_of, make_wheel
from wheelstep.destinations.folder import FolderDestination
from wheelstep.destinations.interface import Wanted, writes_pages
from wheelstep.destinations.layout import path_of
from wheelstep.destinations.publish import publish
from wheelstep.errors import CannotHere, Refused, ServiceRefused, SettingError
from wheelstep.ground.secret import Secret
from wheelstep.ground.simple_index import parse
from wheelstep.ground.transport import Transport
from wheelstep.model import Listed, Outcome, Wheel

UV = Path(sys.executable).with_name("uv.exe" if os.name == "nt" else "uv")
TIDY = {
    name: value
    for name, value in os.environ.items()
    if not name.upper().startswith(("PIP_", "UV_"))
} | {"PIP_CONFIG_FILE": os.devnull, "UV_NO_CONFIG": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


Install = Callable[..., subprocess.CompletedProcess[str]]


def folder_at(root: Path, url: str = "index", serve_url: str | None = None) -> FolderDestination:
    return FolderDestination(Wanted(url, serve_url=serve_url), root)


def fill(destination: FolderDestination, *wheels: Wheel) -> None:
    for wheel in wheels:
        assert destination.put(wheel)
    destination.finish(sorted({wheel.name for wheel in wheels}))


def pip_install(target: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pip", "install", "--no-cache-dir", "--target", str(target)]
    return subprocess.run(
        [*command, *arguments], capture_output=True, text=True, env=TIDY, check=False
    )


def uv_install(target: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(UV), "pip", "install", "--no-cache", "--python", sys.executable]
    command += ["--target", str(target)]
    return subprocess.run(
        [*command, *arguments], capture_output=True, text=True, env=TIDY, check=False
    )


@pytest.fixture
def filled(tmp_path: Path) -> FolderDestination:
    destination = folder_at(tmp_path)
    fill(
        destination,
        make_wheel(tmp_path / "dist", "Acme.Core", "1.0"),
        make_wheel(tmp_path / "dist", "Acme.Core", "1.10"),
        make_wheel(tmp_path / "dist", "Acme.Core", "1.9+local.1"),
        make_wheel(tmp_path / "dist", "Acme.Core", "2.0", requires_python=">=9"),
        make_wheel(tmp_path / "dist", "acme-app", "0.1", requires=("acme-core>=1",)),
    )
    return destination


@pytest.mark.parametrize("install", [pip_install, uv_install])
def test_pip_and_uv_install_from_the_file_url(
    filled: FolderDestination,
    tmp_path: Path,
    install: Install,
) -> None:
    done = install(tmp_path / "site", "--index-url", filled.local_index, "acme-app")

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "site" / "acme_core-1.10.dist-info").is_dir(), "2.0 wants another Python"
    exact = install(tmp_path / "local", "--index-url", filled.local_index, "acme-core==1.9+local.1")
    assert exact.returncode == 0, exact.stderr


@pytest.mark.parametrize("install", [pip_install, uv_install])
def test_pip_and_uv_install_by_find_links(
    filled: FolderDestination, tmp_path: Path, install: Install
) -> None:
    folders = [str(filled.folder / "simple" / name) for name in ("acme-core", "acme-app")]
    links = [word for folder in folders for word in ("--find-links", folder)]
    done = install(tmp_path / "site", "--no-index", *links, "acme-app")

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "site" / "acme_core-1.10.dist-info").is_dir()


class Served:
    """The folder behind a plain web server that writes down what it was asked for."""

    def __init__(self, folder: Path) -> None:
        self.asked: list[str] = []
        served = self

        class Handler(SimpleHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                served.asked.append(self.path)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=folder))
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.mark.parametrize("install", [pip_install, uv_install])
def test_over_http_the_metadata_spares_the_wheels(
    filled: FolderDestination, tmp_path: Path, install: Install
) -> None:
    with Served(filled.folder) as web:
        done = install(tmp_path / "site", "--index-url", f"{web.url}/simple/", "acme-app")

    assert done.returncode == 0, done.stderr
    assert "/simple/acme-core/acme_core-1.10-py3-none-any.whl.metadata" in web.asked
    assert not any(path.endswith("acme_core-1.0-py3-none-any.whl") for path in web.asked)


def test_pip_notices_a_changed_wheel(filled: FolderDestination, tmp_path: Path) -> None:
    wheel = filled.folder / "simple" / "acme-core" / "acme_core-1.10-py3-none-any.whl"
    wheel.write_bytes(wheel.read_bytes() + b"x")

    done = pip_install(tmp_path / "site", "--index-url", filled.local_index, "acme-core==1.10")

    assert done.returncode != 0
    assert "DO NOT MATCH THE HASHES" in done.stderr


def test_everything_listed_is_there_with_the_hash_it_is_listed_with(
    filled: FolderDestination,
) -> None:
    simple = filled.folder / "simple"
    for name in ("acme-core", "acme-app"):
        base = f"{filled.local_index}{name}/"
        pages = [
            parse((simple / name / "index.html").read_bytes(), "text/html", base),
            parse((simple / name / "index.json").read_bytes(), "application/json", base),
        ]
        assert [f.file for f in pages[0]] == [f.file for f in pages[1]]
        for listed in (*pages[0], *pages[1]):
            path = filled.folder / path_of(listed.file)
            assert listed.url == path.as_uri().replace("+", "%2B")
            assert listed.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
            metadata = Path(f"{path}.metadata").read_bytes()
            assert listed.core_metadata == hashlib.sha256(metadata).hexdigest()
    versions = json.loads((simple / "acme-core" / "index.json").read_bytes())["versions"]
    assert versions == ["1.0", "1.9+local.1", "1.10", "2.0"]
    root = json.loads((simple / "index.json").read_bytes())
    assert root["projects"] == [{"name": "acme-app"}, {"name": "acme-core"}]


def test_a_second_put_leaves_what_is_there(tmp_path: Path) -> None:
    destination = folder_at(tmp_path)
    first = make_wheel(tmp_path / "a", "acme", code="one")
    fill(destination, first)

    assert destination.put(make_wheel(tmp_path / "b", "acme", code="two")) is False
    assert destination.look(["acme", "other"])["acme"][0].sha256 == first.sha256
    assert destination.look(["other"]) == {"other": []}


def test_pages_that_are_right_are_not_written_again(filled: FolderDestination) -> None:
    page = filled.folder / "simple" / "acme-core" / "index.html"
    before = page.stat()
    filled.finish(["acme-core"])
    assert (page.stat().st_ino, page.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_finish_heals_lost_pages_and_metadata_and_clears_what_a_killed_run_left(
    filled: FolderDestination,
) -> None:
    tree = snapshot(filled.folder)
    (filled.folder / "simple" / "acme-core" / "index.json").write_text("{broken")
    (filled.folder / "simple" / "index.html").unlink()
    project = filled.folder / "simple" / "acme-core"
    (project / "acme_core-1.0-py3-none-any.whl.metadata").unlink()
    (project / ".acme_core-9.whl.0123.part").write_bytes(b"half a wheel")

    filled.finish(["acme-core"])

    assert snapshot(filled.folder) == tree


def snapshot(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_page_is_never_written_from_an_older_look(tmp_path: Path) -> None:
    """One writer stops between looking and writing; another one publishes meanwhile."""
    looked, other_done = threading.Event(), threading.Event()

    class Slow(FolderDestination):
        def _lying(self, name: str, files: Sequence[str]) -> list[Listed]:
            listed = super()._lying(name, files)
            looked.set()
            # under the lock this times out: the other one has to wait for us
            other_done.wait(0.5)
            return listed

    slow, other = Slow(Wanted("index"), tmp_path), folder_at(tmp_path)
    first, second = make_wheel(tmp_path, "acme", "1.0"), make_wheel(tmp_path, "acme", "2.0")
    assert slow.put(first)
    thread = threading.Thread(target=slow.finish, args=(["acme"],))
    thread.start()
    assert looked.wait(20)
    fill(other, second)
    other_done.set()
    thread.join()

    files = [listed.file for listed in other.served(["acme"], "write")["acme"]]
    assert files == [first.file, second.file]


def test_a_yank_written_into_the_page_survives(filled: FolderDestination) -> None:
    page = filled.folder / "simple" / "acme-core" / "index.json"
    document = json.loads(page.read_bytes())
    document["files"][0]["yanked"] = "broken"
    page.write_text(json.dumps(document))

    filled.finish(["acme-core"])

    assert filled.served(["acme-core"], "write")["acme-core"][0].yanked == "broken"


def test_a_file_that_is_no_wheel_is_listed_as_it_is(tmp_path: Path) -> None:
    destination = folder_at(tmp_path)
    project = tmp_path / "index" / "simple" / "acme"
    project.mkdir(parents=True)
    (project / "acme-1-py3-none-any.whl").write_text("no archive")
    # METADATA whose data are damaged, the list of members being whole
    half = make_wheel(tmp_path / "half", "acme", "2", code="x" * 50)
    assert half.path is not None
    whole = bytearray(half.path.read_bytes())
    start = whole.index(b"acme-2.dist-info/METADATA") + len(b"acme-2.dist-info/METADATA")
    whole[start : start + 8] = bytes(byte ^ 0x5A for byte in whole[start : start + 8])
    (project / half.file).write_bytes(whole)
    (project / "notes.txt").write_text("no wheel")

    destination.finish(["acme"])

    listed = destination.served(["acme"], "write")["acme"]
    assert {one.file: one.core_metadata for one in listed} == {
        "acme-1-py3-none-any.whl": None,
        half.file: None,
    }
    assert [path.name for path in project.glob("*.metadata")] == []


def test_read_back_at_serve_url(tmp_path: Path) -> None:
    (tmp_path / "index").mkdir()
    with Served(tmp_path / "index") as web, Transport({}) as transport:
        destination = FolderDestination(
            Wanted("index", serve_url=web.url), tmp_path, transport=transport
        )
        wheel = make_wheel(tmp_path / "dist", "acme", "1.0+x")
        (done,) = publish([wheel], [destination], content_of=content_of, work=tmp_path)

    assert done.outcome is Outcome.UPLOADED
    assert done.url == f"{web.url}/simple/acme/acme-1.0%2Bx-py3-none-any.whl"
    assert "/simple/acme/acme-1.0%2Bx-py3-none-any.whl" in web.asked
    assert "/simple/acme/" in web.asked
    assert destination.index().url == f"{web.url}/simple/"


def test_names_and_places(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    inside = folder_at(tmp_path / "repository", "./built/../index")
    by_url = folder_at(tmp_path / "repository", outside.as_uri())

    assert writes_pages(inside)
    assert by_url.folder == outside
    assert by_url.place == outside.as_uri()
    assert folder_at(tmp_path, "index").place == "index"
    assert folder_at(tmp_path).index().url is None
    assert FolderDestination(Wanted("i", name="team"), tmp_path).name == "team"


@pytest.mark.parametrize("url", ["file://server/share", "file:relative", "file://"])
def test_a_file_url_of_another_machine_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(SettingError, match="not a folder of this machine"):
        folder_at(tmp_path, url)


def test_a_serve_url_with_a_password_is_refused_without_showing_it(tmp_path: Path) -> None:
    with pytest.raises(SettingError) as caught:
        folder_at(tmp_path, serve_url="https://user:hunter22@host/x")
    assert "hunter22" not in caught.value.message


def test_a_token_goes_to_serve_url_only(tmp_path: Path) -> None:
    destination = FolderDestination(
        Wanted("index", serve_url="https://pages.example/x", token=Secret("s3cret-token")), tmp_path
    )
    assert destination._credentials
    assert destination._credentials.header_for("https://pages.example/x/simple/")
    assert destination._credentials.header_for("https://pages.example/other") is None


def test_no_folder_where_a_file_is_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "index").write_text("a file")
    with pytest.raises(CannotHere) as caught:
        folder_at(tmp_path).put(make_wheel(tmp_path / "dist", "acme"))
    assert caught.value.exit_code == 8


def test_a_wheel_that_changed_since_it_was_checked_is_not_stored(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path / "dist", "acme")
    assert wheel.path
    wheel.path.write_bytes(b"other")
    destination = folder_at(tmp_path)

    with pytest.raises(CannotHere, match="changed on this disk"):
        destination.put(wheel)
    assert snapshot(destination.folder).keys() == {".lock"}


def test_fetch_refuses_other_bytes_than_listed(filled: FolderDestination, tmp_path: Path) -> None:
    listed = filled.served(["acme-app"], "write")["acme-app"][0]
    (filled.folder / path_of(listed.file)).write_bytes(b"changed")

    with pytest.raises(Refused, match="one of them was changed"):
        filled.fetch(listed, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_serve_url_that_says_no_is_no_empty_listing(tmp_path: Path) -> None:
    class Handler(SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(403)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.server_address[1]}"
        with pytest.raises(ServiceRefused, match="403"):
            folder_at(tmp_path, serve_url=url).served(["acme"], "serve")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
