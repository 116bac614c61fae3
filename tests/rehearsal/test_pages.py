"""Pages of indexes as the rehearsal reads them: an error is never an empty page."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from tests.ground.web import Answer as WebAnswer
from tests.ground.web import Web
from tests.rehearsal.conftest import Scene
from tests.rehearsal.made import make_index, make_wheel, serve
from wheelstep.destinations.folder import FolderDestination
from wheelstep.destinations.interface import Wanted
from wheelstep.errors import ServiceRefused, ServiceUnavailable
from wheelstep.ground.public_index import IndexCredential, PipIndexes
from wheelstep.ground.secret import Secret
from wheelstep.rehearsal.resolve import errors_of

LOGIN = ("me", "pat-of-the-feed-1234")

Answer = Callable[[str], tuple[int, str]]


@contextmanager
def answering(answer: Answer) -> Iterator[str]:
    """Serve what `answer` makes of a path: a status and an HTML page."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Nothing to standard error."""

        def do_GET(self) -> None:
            status, text = answer(self.path)
            self.send_response(status)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        do_HEAD = do_GET  # noqa: N815 - the base's name

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/simple/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_bucket_that_forbids_what_it_does_not_have(scene: Scene) -> None:
    wheel = make_wheel(scene.folder / "dist", "acme-new", "1.0")
    with answering(lambda path: (200 if path == "/simple/" else 403, "")) as url:
        verdict = scene.rehearse(f"--extra-index-url {url}", "acme-new==1.0", wheels=(wheel,))
        # uv reads it the same way only where it knows the host: it is not what decides here
        assert "asks for credentials" not in str(verdict.problems), verdict
    with answering(lambda _: (403, "")) as url:
        verdict = scene.rehearse(f"--extra-index-url {url}", "acme-new==1.0", wheels=(wheel,))
    assert verdict.status == "unproven"
    assert "asks for credentials" in verdict.problems[0].message


def test_a_sign_in_page_is_no_empty_index(scene: Scene) -> None:
    wheel = make_wheel(scene.folder / "dist", "acme-new", "1.0")
    page = "<html><body><form action='/login'><input name='user'></form></body></html>"
    with answering(lambda _: (200, page)) as url:
        verdict = scene.rehearse(f"--extra-index-url {url}", "acme-new==1.0", wheels=(wheel,))
    assert verdict.status == "unproven"
    (error,) = errors_of([verdict])
    assert isinstance(error, ServiceRefused)
    assert error.code == "not-an-index"


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_public_index_in_trouble_has_not_said_that_it_has_no_such_name(
    scene: Scene, status: int
) -> None:
    wheel = make_wheel(scene.folder / "dist", "acme-new", "1.0")
    with answering(lambda _: (status, "")) as url:
        troubled = replace(scene, public=PipIndexes(index_url=url))
        verdict = troubled.rehearse("acme-new==1.0", wheels=(wheel,))
    assert verdict.status == "unproven"
    (error,) = errors_of([verdict])
    assert isinstance(error, ServiceUnavailable)


def test_metadata_beside_a_file_behind_a_password_is_read(scene: Scene) -> None:
    """The folder's layout has it (PEP 658); uv asks for it through the overlay, signed in."""
    wheel = make_wheel(scene.folder / "w", "acme-base", "0.9", ["right>=1.5"])
    folder = FolderDestination(Wanted("served"), scene.folder)
    assert folder.put(wheel)
    folder.finish(["acme-base"])
    with serve(scene.folder / "served", LOGIN) as server:
        verdict = scene.rehearse(
            f"--extra-index-url {server.url}/simple/",
            "acme-base==0.9",
            released=("acme-base",),
            credentials=(IndexCredential(server.url, LOGIN[0], Secret(LOGIN[1])),),
        )
        asked = {path for path, header in server.seen if header}
    assert verdict.status == "resolved", verdict
    assert {each.name: each.version for each in verdict.resolved}["right"] == "1.5"
    assert verdict.resolved[0].index == f"{server.url}/simple/"
    assert any(path.endswith(".whl.metadata") for path in asked), asked


def test_a_yanked_release_is_not_taken_and_that_is_said(scene: Scene) -> None:
    index = scene.folder / "index"
    make_index(index, make_wheel(scene.folder / "w", "acme-base", "0.9"))
    page = index / "acme-base" / "index.html"
    page.write_text(page.read_text().replace("<a ", '<a data-yanked="broken" '))
    lines = (f"--extra-index-url {index.as_uri()}", "acme-base")
    verdict = scene.rehearse(*lines, released=("acme-base",))
    assert verdict.status == "failed", verdict
    assert "Yanked" in verdict.problems[0].message
    pinned = scene.rehearse(lines[0], "acme-base==0.9", released=("acme-base",))
    assert pinned.status == "resolved", pinned


@pytest.mark.parametrize("url", ["https://[bad", "https://index.example:port/simple", "https:///x"])
def test_an_index_that_is_no_url_is_the_definitions_fault(scene: Scene, url: str) -> None:
    lines = (f"--extra-index-url {url}", "acme-base==0.9")
    verdict = scene.rehearse(*lines, released=("acme-base",))
    assert (verdict.status, verdict.problems[0].exit_code) == ("failed", 7), verdict


@pytest.mark.parametrize(
    ("status", "code", "says"),
    [
        (404, "ResourceNotFound", "or not for everybody to read"),
        (409, "PublicAccessNotPermitted", "lets nobody read who does not sign in"),
        (403, "AuthorizationFailure", "lets nobody in from this network"),
    ],
)
def test_what_blob_storage_says_to_pip_is_said_here(
    scene: Scene, status: int, code: str, says: str
) -> None:
    wheel = make_wheel(scene.folder / "dist", "acme-new", "1.0")
    with Web(WebAnswer(status, {"x-ms-error-code": code})) as web:
        url = f"{web.url}/wheels/simple/"
        verdict = scene.rehearse(f"--extra-index-url {url}", "acme-new==1.0", wheels=(wheel,))
    (problem,) = [one for one in verdict.problems if one.code == "mirror-unreadable"]
    assert problem.exit_code == 5
    assert says in problem.message
    assert "pip cannot sign in to blob storage" in problem.message


def test_a_sas_on_an_index_is_a_proven_failure(scene: Scene) -> None:
    url = "https://acme.blob.core.windows.net/wheels/simple/?sv=2024-11-04&sp=r&sig=c2lnbmVk"
    verdict = scene.rehearse(f"--index-url {url}", "acme-new==1.0")
    assert verdict.status == "failed"
    (problem,) = verdict.problems
    assert problem.exit_code == 7
    assert "works on the URL of one file only" in problem.message
    assert "c2lnbmVk" not in problem.message
