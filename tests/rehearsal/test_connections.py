"""Which credential Azure ML injects, and what it means when none fits: pure, and for real."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tests.rehearsal.conftest import Scene
from tests.rehearsal.made import make_wheel
from tests.servers.feed import Stored, feed_server
from tests.servers.pypi import PypiServer, pypi_server
from wheelstep.errors import DefinitionUnresolvable, ServiceRefused
from wheelstep.ground.connections import Connection
from wheelstep.ground.proxies import is_below
from wheelstep.ground.public_index import IndexCredential, PipIndexes
from wheelstep.ground.secret import Secret
from wheelstep.rehearsal.credentials_in_effect import injected, uncovered, usual_target
from wheelstep.rehearsal.interface import Verdict
from wheelstep.rehearsal.places import Indexes
from wheelstep.rehearsal.resolve import errors_of

NEW = "https://pkgs.dev.azure.com/acme"
OLD = "https://acme.pkgs.visualstudio.com"
FEED = "/_packaging/wheels/pypi/simple/"
PLACED = "https://pkgs.dev.azure.com"


def names(*targets: str) -> list[Connection]:
    return [Connection(f"c{number}", target) for number, target in enumerate(targets)]


# --- which one: pure --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "targets", "expected"),
    [
        (f"{NEW}{FEED}", [NEW], "c0"),
        (f"{NEW}{FEED}", [f"{NEW}/"], "c0"),
        (f"{NEW}{FEED}", ["https://PKGS.dev.azure.com:443/acme"], "c0"),
        (f"{NEW}{FEED}", ["https://pkgs.dev.azure.com"], "c0"),
        (f"{NEW}{FEED}", ["https://pkgs.dev.azure.com", NEW, f"{NEW}{FEED}"], "c2"),
        (f"{NEW}{FEED}", [f"{NEW}/_pack", NEW], "c1"),
        (f"{NEW}{FEED}", [f"{NEW}/ml"], None),
        (f"{NEW}{FEED}", ["https://pkgs.dev.azure.com/acm"], None),
        (f"{NEW}{FEED}", [OLD], None),
        (f"{OLD}{FEED}", [NEW], None),
        (f"{OLD}{FEED}", [OLD], "c0"),
        (f"{NEW}{FEED}", ["http://pkgs.dev.azure.com/acme"], None),
        ("https://index.example:8443/simple/", ["https://index.example"], None),
        ("https://index.example:8443/simple/", ["https://index.example:8443"], "c0"),
        (f"{NEW}/ml/../secret/simple", [f"{NEW}/ml"], None),
        (f"{NEW}{FEED}", [], None),
    ],
)
def test_the_closest_match(url: str, targets: list[str], expected: str | None) -> None:
    found = injected(url, names(*targets))
    assert (found.name if found else None) == expected


def test_a_connection_for_git_covers_no_index() -> None:
    git = Connection("git", NEW, "Git")
    assert injected(f"{NEW}{FEED}", [git]) is None
    message, cure = uncovered(f"{NEW}{FEED}", [git])
    assert "not for Python feeds" in message
    assert "PythonFeed" in cure


@pytest.mark.parametrize(
    ("url", "target", "word", "cure"),
    [
        (f"{NEW}{FEED}", OLD, "in another spelling", f"Write {OLD}{FEED} in the definition, or"),
        (f"{OLD}{FEED}", NEW, "in another spelling", f"or make {OLD}/ the connection's target"),
        (f"{OLD}{FEED}", f"{PLACED}/Acme", "in another spelling", f"Write {PLACED}/Acme{FEED} in"),
        (f"{NEW}{FEED}", f"{PLACED}/Acme", "in another spelling", f"Write {PLACED}/Acme{FEED} in"),
        (
            f"{OLD}/ML{FEED}",
            f"{NEW}/web",
            "the other host name of the same organization",
            f"Make {OLD}/ the",
        ),
        (f"{NEW}{FEED}", f"{NEW}/ml", "does not begin with", f"wider: {NEW}."),
        (f"{NEW}{FEED}", "http://pkgs.dev.azure.com/acme", "http://, and", f"Make {NEW} the"),
        (f"{NEW}{FEED}", "https://else.example", "Known are", f"with the target {NEW}"),
    ],
)
def test_a_near_miss_is_named_with_its_cure(url: str, target: str, word: str, cure: str) -> None:
    message, way = uncovered(url, names(target))
    assert url in message
    assert f"c0 (PythonFeed, {target})" in message
    assert word in message
    assert cure in way


def test_the_usual_target() -> None:
    assert usual_target(f"{NEW}/project{FEED}") == NEW
    assert usual_target(f"{OLD}{FEED}") == f"{OLD}/"
    assert usual_target("https://index.example:8443/a/simple/") == "https://index.example:8443/"


# --- what it means: a server that asks for a password ------------------------------------------

TOKEN = "token-of-the-connection-77"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PypiServer]:
    with pypi_server(tmp_path_factory.mktemp("feed"), user="feed", password=TOKEN) as running:
        make_wheel(running.directory, "acme-core", "0.9", ["acme-base"], note="released")
        make_wheel(running.directory, "acme-base", "0.3", note="released")
        yield running


def rehearse(scene: Scene, server: PypiServer, *connections: Connection, **more: Any) -> Verdict:
    given: dict[str, Any] = {
        "connections": connections,
        "published": (server.simple_url,),
        "released": ("acme-core", "acme-base"),
    }
    lines = (f"--index-url {server.simple_url}", "acme-core==0.9")
    return scene.rehearse(*lines, **given | more)


def connection(server: PypiServer, token: str | None = TOKEN, path: str = "") -> Connection:
    secret = Secret(token) if token else None
    return Connection("ml-feed", f"{server.url}{path}", user="feed", secret=secret)


def codes(verdict: Verdict) -> list[str]:
    return [problem.code for problem in verdict.problems]


def test_a_covered_index_is_read_with_the_connections_token(
    scene: Scene, server: PypiServer
) -> None:
    verdict = rehearse(scene, server, connection(server))
    assert verdict.status == "resolved", verdict
    assert {each.name: each.index for each in verdict.resolved} == {
        "acme-core": server.simple_url,
        "acme-base": server.simple_url,
    }
    assert codes(verdict) == ["connection-matching-assumed"]
    assert TOKEN not in repr(verdict)


def test_an_index_that_no_connection_covers(scene: Scene, server: PypiServer) -> None:
    narrow = connection(server, path="simple/other/")
    # who publishes may read it: Azure ML may not
    publisher = IndexCredential(server.simple_url, "feed", Secret(TOKEN))
    verdict = rehearse(scene, server, narrow, credentials=(publisher,))
    assert verdict.status == "failed", verdict
    (error,) = errors_of([verdict])
    assert isinstance(error, DefinitionUnresolvable)
    assert error.code == "index-not-covered"
    for said in (server.simple_url, "ml-feed", narrow.target, "does not begin with"):
        assert said in error.message
    assert server.url in error.cure


def test_a_token_that_is_refused(scene: Scene, server: PypiServer) -> None:
    verdict = rehearse(scene, server, connection(server, "expired-last-night-1"))
    assert verdict.status == "unproven"
    (error,) = errors_of([verdict])
    assert isinstance(error, ServiceRefused)
    assert error.code == "connection-refused"
    assert "ml-feed" in error.message
    assert "expired-last-night-1" not in repr(verdict)


def test_a_connection_whose_token_is_not_known_proves_nothing(
    scene: Scene, server: PypiServer
) -> None:
    verdict = rehearse(scene, server, connection(server, None))
    assert verdict.status == "unproven"
    assert errors_of([verdict]) == []
    assert "its token is not known here" in verdict.problems[0].message


def test_while_no_connection_is_known_the_publishers_credential_reads(
    scene: Scene, server: PypiServer
) -> None:
    publisher = IndexCredential(server.simple_url, "feed", Secret(TOKEN))
    verdict = rehearse(scene, server, credentials=(publisher,))
    assert verdict.status == "resolved", verdict
    assert codes(verdict) == ["connection-unknown"]


@pytest.mark.parametrize("known", [True, False])
def test_connections_do_not_reach_a_dockerfile(
    scene: Scene, server: PypiServer, *, known: bool
) -> None:
    publisher = IndexCredential(server.simple_url, "feed", Secret(TOKEN))
    given = [connection(server)] if known else []
    verdict = rehearse(scene, server, *given, connected=False, credentials=(publisher,))
    assert verdict.status == "unproven"
    assert errors_of([verdict]) == []
    assert "do not reach a Dockerfile build" in verdict.problems[0].message
    assert codes(verdict) == ["unproven"]


def test_a_dockerfile_that_brings_its_own_credential(scene: Scene, server: PypiServer) -> None:
    lines = (f"--index-url {server.url_with_password}", "acme-core==0.9")
    verdict = scene.rehearse(
        *lines,
        published=(server.simple_url,),
        released=("acme-core", "acme-base"),
        connected=False,
    )
    assert verdict.status == "resolved", verdict


@pytest.mark.parametrize(
    ("target", "token", "code"),
    [
        ("/contoso", "reader-token-0815", None),
        ("/contoso/ml/_packaging/wheels/pypi/simple/", "reader-token-0815", None),
        ("/contoso", "stranger-token-99", "connection-refused"),
        ("/contoso", "expired-last-night-1", "connection-refused"),
        ("/contos", "reader-token-0815", "index-not-covered"),
        ("/contoso/other", "reader-token-0815", "index-not-covered"),
    ],
)
def test_an_azure_artifacts_feed(scene: Scene, target: str, token: str, code: str | None) -> None:
    wheel = make_wheel(scene.folder / "w", "acme-core", "0.9")
    assert wheel.path is not None
    data = wheel.path.read_bytes()
    with feed_server() as feed:
        feed.files[wheel.file] = Stored(wheel.name, wheel.version, wheel.file, data, None, 0)
        verdict = scene.rehearse(
            f"--index-url {feed.simple_url}",
            "acme-core==0.9",
            published=(feed.simple_url,),
            released=("acme-core",),
            connections=(Connection("ml", f"{feed.base}{target}", secret=Secret(token)),),
            credentials=(IndexCredential(feed.simple_url, "step", Secret(feed.token)),),
        )
        passwords = {request.password for request in feed.requests}
    errors = errors_of([verdict])
    assert [error.code for error in errors] == ([code] if code else []), verdict
    assert (verdict.status == "resolved") == (code is None)
    # what the step publishes with was never used, and no token left its prefix
    assert passwords - {None} == ({token} if code != "index-not-covered" else set())


# --- one feed in two spellings ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "code"), [(None, None), ("/Contoso", None), ("/contoso", "index-not-covered")]
)
def test_a_definition_that_spells_the_feed_otherwise_is_rehearsed_against_it(
    scene: Scene, target: str | None, code: str | None
) -> None:
    """The new wheel is laid over it, who publishes reads it, and connections are told apart."""
    new = make_wheel(scene.folder / "new", "acme-core", "1.0")
    with feed_server() as feed:
        spelled = f"{feed.base}/Contoso/ML/_packaging/Wheels/pypi/simple/"
        scene.files["envs/train.yml"] = (
            f"- pip:\n  - acme-core==1.0\n  - --index-url http://Contoso@{spelled[7:]}\n".encode()
        )
        token = Secret("reader-token-0815")
        verdict = scene.rehearse(
            f"--index-url {spelled}",
            "acme-core==1.0",
            wheels=(new,),
            published=(feed.simple_url,),
            released=("acme-core",),
            connections=[Connection("ml", f"{feed.base}{target}", secret=token)] if target else (),
            credentials=(IndexCredential(feed.simple_url, "step", Secret(feed.token)),),
            line=1,
        )
    errors = errors_of([verdict])
    assert [error.code for error in errors] == ([code] if code else []), verdict
    if code is None:
        assert verdict.status == "resolved", verdict
        assert [one.sha256 for one in verdict.resolved] == [new.sha256]
        return
    (error,) = errors
    assert (error.file, error.line) == ("envs/train.yml", 3)
    assert spelled in error.message
    assert f"{feed.base}/contoso" in error.message
    assert f"Write {feed.base}/contoso/ML/_packaging/Wheels/pypi/simple/ in" in error.cure


def test_another_feed_that_a_connection_spells_otherwise_is_told_so(scene: Scene) -> None:
    """Not one that is published to: a feed that a definition needs beside it."""
    with feed_server() as feed:
        spelled = f"{feed.base}/Contoso/ml/_packaging/wheels/pypi/simple/"
        token = Secret("reader-token-0815")
        verdict = scene.rehearse(
            f"--extra-index-url {spelled}",
            "acme-core==1.0",
            released=("acme-core",),
            published=("https://index.invalid/simple/",),
            connections=[Connection("ml", f"{feed.base}/contoso", secret=token)],
        )
    (error,) = errors_of([verdict])
    assert error.code == "index-not-covered"
    assert "in another spelling" in error.message


@pytest.mark.parametrize("url", [f"{OLD}{FEED}", f"{PLACED}/ACME{FEED}", f"{NEW}{FEED}"[:-1]])
def test_the_index_of_a_definition_is_ours_at_both_hosts_of_the_service(url: str) -> None:
    token = Secret("token-of-the-step-1")
    indexes = Indexes(
        public=PipIndexes(),
        default=None,
        new="file:///new/",
        published=(f"{NEW}{FEED}",),
        credentials=(IndexCredential(f"{NEW}{FEED}", "step", token),),
    )
    place = indexes.place(url, (), connected=True)
    assert (place.kind, place.published, place.source) == ("ours", True, "settings")
    # the token goes to this spelling of the feed, and to nothing else there
    assert place.credential is not None
    assert is_below(url, place.credential.url)
    assert not is_below(url.replace("wheels", "other"), place.credential.url)


@pytest.mark.parametrize(
    "url",
    [
        f"https://acme.pkgs.visualstudio.com.evil.example{FEED}",
        f"http://acme.pkgs.visualstudio.com{FEED}",
        f"https://other.pkgs.visualstudio.com{FEED}",
        f"{OLD}/ml{FEED}",
        f"{OLD}:8443{FEED}",
        f"{NEW}/../acme{FEED}",
    ],
)
def test_another_feed_gets_no_token_of_the_settings(url: str) -> None:
    indexes = Indexes(
        public=PipIndexes(),
        default=None,
        new="file:///new/",
        published=(f"{NEW}{FEED}",),
        credentials=(IndexCredential(f"{NEW}{FEED}", "step", Secret("token-of-the-step-1")),),
    )
    place = indexes.place(url, (), connected=True)
    assert (place.kind, place.published, place.credential) == ("other", False, None)


def test_the_token_is_in_no_argument_and_no_file(
    scene: Scene, server: PypiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every file that uv finds, and every argument it is given, is searched while it runs."""
    from wheelstep.ground import process, uv

    seen: list[bytes] = []
    real = process.run

    def watched(arguments: Any, **more: Any) -> Any:
        seen.append(repr(arguments).encode())
        folder = more["cwd"] or tmp_path
        seen.extend(path.read_bytes() for path in folder.rglob("*") if path.is_file())
        found = real(arguments, **more)
        seen.extend((found.out, found.error, repr(more["environment"]).encode()))
        return found

    monkeypatch.setattr(uv, "run", watched)
    verdict = rehearse(scene, server, connection(server))
    assert verdict.status == "resolved", verdict
    assert any(b"acme_core-0.9" in each for each in seen)
    environments = [each for each in seen if b"UV_INDEX_INDEX" in each and TOKEN.encode() in each]
    # the planted one is found where it has to be, and nowhere else
    assert environments
    assert not [each for each in seen if TOKEN.encode() in each and each not in environments]
    cache = Path(scene.environment["UV_CACHE_DIR"])
    for folder, _, files in os.walk(cache):
        for file in files:
            assert TOKEN.encode() not in (Path(folder) / file).read_bytes()


class Shared(BaseHTTPRequestHandler):
    """Two indexes on one host: /ours/ wants a password; /open/ wants one for what it does have."""

    seen: ClassVar[list[tuple[str, str | None]]] = []
    pages: ClassVar[dict[str, bytes]] = {}

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing to standard error."""

    def do_GET(self) -> None:
        header = self.headers.get("Authorization")
        self.seen.append((self.path, header))
        body = self.pages.get(self.path, b"")
        there = bool(body) or (self.path.startswith("/open/") and "acme-core" not in self.path)
        status = 404 if not there else 200 if header and body else 401
        self.send_response(status)
        if status == 401:
            self.send_header("WWW-Authenticate", 'Basic realm="all"')
        self.send_header("Content-Type", "text/html" if self.path.endswith("/") else "x/wheel")
        self.send_header("Content-Length", str(len(body if status == 200 else b"")))
        self.end_headers()
        self.wfile.write(body if status == 200 else b"")

    do_HEAD = do_GET  # noqa: N815 - the name that the server calls


def test_a_token_goes_to_no_other_index_on_its_host(scene: Scene) -> None:
    wheels = [
        make_wheel(scene.folder / "made", "acme-core", "1.0", ["helper"]),
        make_wheel(scene.folder / "made", "helper", "1.0"),
    ]
    Shared.seen.clear()
    Shared.pages.clear()
    for wheel in wheels:
        assert wheel.path is not None
        file = f"/ours/files/{wheel.file}"
        link = f'<a href="{file}#sha256={wheel.sha256}">{wheel.file}</a>'
        Shared.pages |= {
            f"/ours/simple/{wheel.name}/": link.encode(),
            file: wheel.path.read_bytes(),
        }
    server = ThreadingHTTPServer(("127.0.0.1", 0), Shared)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        base = f"http://127.0.0.1:{server.server_port}"
        verdict = scene.rehearse(
            f"--index-url {base}/ours/simple/",
            f"--extra-index-url {base}/open/simple/",
            "acme-core==1.0",
            released=("acme-core",),
            connections=(Connection("ml", f"{base}/ours", secret=Secret("a-token-of-ours")),),
        )
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    sent = {path for path, header in Shared.seen if header}
    # what is sent where it belongs is sent, and the other index is asked
    assert {"/ours/simple/acme-core/", "/ours/simple/helper/"} <= sent, verdict
    assert "/open/simple/helper/" in {path for path, _ in Shared.seen}
    assert [path for path in sent if not path.startswith("/ours/")] == []
    assert verdict.status == "resolved", verdict
