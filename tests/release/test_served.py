"""After publishing, definitions are rehearsed as served, before anything is committed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.rehearsal.made import make_wheel
from tests.release.kit import Ran, Repo, contents, served
from tests.release.samples import CONDA, REQUIREMENTS

CORE = "acme_core-1.1.0-py3-none-any.whl"


@contextmanager
def served_otherwise(folder: Path, answer: int | bytes) -> Iterator[str]:
    """Serve a folder, but another page of acme-core once it has been read back, as one of several
    servers behind a name may do."""
    right: list[str] = []

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
            """Say nothing."""

        def do_GET(self) -> None:
            page = Path(folder) / "simple" / "acme-core" / "index.html"
            if self.path != "/simple/acme-core/" or not page.exists() or not right:
                if self.path == "/simple/acme-core/" and page.exists():
                    right.append(self.path)
                super().do_GET()
            elif isinstance(answer, int):
                self.send_error(answer)
            else:
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


def raised(repo: Repo) -> Repo:
    """Let there be something to release."""
    repo.replace("packages/core/pyproject.toml", '"1.0.0"', '"1.1.0"')
    repo.commit()
    return repo


def index_of(ran: Ran, name: str) -> object:
    (row,) = [one for one in ran.report["rehearsals"] if one["path"] == CONDA]
    (package,) = [one for one in row["resolved"] if one["name"] == name]
    return package["index"]


def test_what_is_served_is_rehearsed_before_the_commit(monorepo: Repo) -> None:
    with served(monorepo.index) as url:
        ran = raised(monorepo).release("--serve-url", url)
        assert ran.report["timings"]["rehearse-served"] > 0
        assert index_of(ran, "acme-core") == f"{url}simple/"
        assert f"{CONDA}: resolved (as it is served now)" in ran.said
        again = monorepo.release("--serve-url", url)
    assert again.status == "nothing-to-do"
    assert "rehearse-served" not in again.report["timings"]
    assert again.report["rehearsals"] == []


def test_pins_by_url_are_read_where_they_are_served(monorepo: Repo) -> None:
    with served(monorepo.index) as url:
        ran = raised(monorepo).release("--serve-url", url, "--pin", "url")
        assert "rehearse-served" in ran.report["timings"]
        (row,) = [one for one in ran.report["rehearsals"] if one["path"] == CONDA]
        shas = {one["name"]: one["sha256"] for one in row["resolved"]}
    assert shas["acme-core"] == ran.hashes[CORE]


@pytest.mark.parametrize(("answer", "code"), [(404, 7), (503, 6)])
def test_nothing_is_committed_when_what_is_served_does_not_resolve(
    monorepo: Repo, answer: int, code: int
) -> None:
    raised(monorepo)
    head = monorepo.head
    options = ("--serve-url",)
    with served_otherwise(monorepo.index, answer) as url:
        ran = monorepo.wheelstep("release", *options, url)
    assert ran.code == code, ran.said
    assert monorepo.head == head
    assert ran.published[CORE] == ["uploaded"]
    with served(monorepo.index) as url:
        again = monorepo.release(*options, url)
    assert again.published[CORE] == ["identical"]
    assert monorepo.head != head
    assert "==1.1.0" in monorepo.read(CONDA)


def test_another_file_of_the_same_version_is_not_committed(monorepo: Repo, tmp_path: Path) -> None:
    other = make_wheel(tmp_path / "other", "acme-core", "1.1.0", note="other")
    assert other.path is not None
    link = f"../../other/{other.path.name}#sha256={other.sha256}"
    page = f'<!DOCTYPE html><a href="{link}">{other.path.name}</a>'
    raised(monorepo)
    (monorepo.index / "other").mkdir(parents=True)
    head = monorepo.head
    with served_otherwise(monorepo.index, page.encode()) as url:
        # the page leads somewhere
        (monorepo.index / "other" / other.path.name).write_bytes(other.path.read_bytes())
        ran = monorepo.wheelstep("release", "--serve-url", url)
    assert ran.code == 7, ran.said
    assert {"other-file"} == {one["code"] for one in ran.report["problems"] if one["exit_code"]}
    assert monorepo.head == head


@pytest.mark.parametrize("read_back", ["write", "none"])
def test_what_cannot_be_read_from_here_is_said(monorepo: Repo, read_back: str) -> None:
    before = contents(monorepo.index)
    ran = raised(monorepo).release("--read-back", read_back)
    assert "rehearse-served" not in ran.report["timings"]
    assert read_back in ran.problem("served-not-rehearsed")["message"]
    assert contents(monorepo.index) != before


def test_a_new_index_has_what_will_be_copied_to_it(monorepo: Repo) -> None:
    with served(monorepo.index) as url:
        monorepo.release("--serve-url", url)
    second = monorepo.place / "second"
    with served(second) as there:
        for path in (CONDA, REQUIREMENTS):
            monorepo.write({path: monorepo.read(path).replace(url, there).encode()})
        table = f'[[publish-to]]\nurl = "../second"\nserve-url = "{there}"\n'
        more = table + '[[publish-to]]\nurl = "../index"\n'
        monorepo.replace("wheelstep.toml", 'publish-to = ["../index"]\n', "")
        monorepo.write({"wheelstep.toml": (monorepo.read("wheelstep.toml") + more).encode()})
        monorepo.commit()
        copies_alone = monorepo.wheelstep("plan")
        assert copies_alone.code == 0, copies_alone.said
        raised(monorepo)
        planned = monorepo.wheelstep("plan")
        assert planned.code == 0, planned.said
        ran = monorepo.release()
    assert f"{CONDA}: resolved for" in ran.said
    assert ran.published == {
        CORE: ["uploaded", "uploaded"],
        "acme_features-2.0.0-py2.py3-none-any.whl": ["copied", "identical"],
        "acme_models-3.0.0-py2.py3-none-any.whl": ["copied", "identical"],
    }


def test_without_a_rehearsal_there_is_none_afterwards(monorepo: Repo) -> None:
    ran = raised(monorepo).release("--rehearse", "off", "--read-back", "none")
    assert "served-not-rehearsed" not in ran.codes
