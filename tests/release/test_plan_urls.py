"""Pins by URL in a plan: what is released already by its very URL, the rest known after build; and
what is somebody else's, left alone by every kind of destination."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.rehearsal.made import make_wheel
from tests.release.kit import Repo, served
from tests.release.test_workspace_storage import World, blob_authority, world
from tests.servers.azurite import ACCOUNT, KEY, Azurite
from tests.servers.feed import feed_server
from tests.servers.pypi import pypi_server

__all__ = ["blob_authority", "world"]

FILE = "requirements.txt"
OTHERS = "others.txt"
ANOTHERS = "acme-core @ https://somebody.example/acme_core-1.1-py3-none-any.whl"
Setting = dict[str, str]


def project(name: str, version: str) -> dict[str, str]:
    text = f'[build-system]\nrequires = []\n[project]\nname = "{name}"\nversion = "{version}"\n'
    return {f"{name}/pyproject.toml": text}


def made(place: Path) -> Repo:
    settings = 'packages = ["acme-*"]\ncommit = "local"\nprebuilt = true\npublic-index = "none"\n'
    files = project("acme-core", "1.0") | project("acme-more", "1.0")
    files |= {"wheelstep.toml": settings, ".gitignore": "/dist/\n", FILE: "acme-core==0.9\n"}
    repo = Repo.create(place, files)
    for name in ("acme-core", "acme-more"):
        make_wheel(repo.root / "dist", name, "1.0")
    return repo


@contextmanager
def folder(repo: Repo, request: pytest.FixtureRequest) -> Iterator[Setting]:
    del request
    with served(repo.index) as url:
        yield {"WHEELSTEP_PUBLISH_TO": "../index", "WHEELSTEP_SERVE_URL": url}


@contextmanager
def index(repo: Repo, request: pytest.FixtureRequest) -> Iterator[Setting]:
    del request
    with pypi_server(repo.place / "server") as running:
        yield {
            "WHEELSTEP_PUBLISH_TO": f"index+{running.url}",
            "WHEELSTEP_FEED_USER": running.user,
            "WHEELSTEP_FEED_TOKEN": running.password,
        }


@contextmanager
def feed(repo: Repo, request: pytest.FixtureRequest) -> Iterator[Setting]:
    del repo, request
    with feed_server() as running:
        yield {
            "WHEELSTEP_PUBLISH_TO": f"feed+{running.simple_url}",
            "WHEELSTEP_FEED_TOKEN": running.token,
        }


@contextmanager
def mirror(repo: Repo, request: pytest.FixtureRequest) -> Iterator[Setting]:
    del repo
    emulator: Azurite = request.getfixturevalue("emulator")
    emulator.container("planned", public=True)
    yield {
        "WHEELSTEP_PUBLISH_TO": f"blob+{emulator.url}/planned",
        "AZURE_STORAGE_ACCOUNT": ACCOUNT,
        "AZURE_STORAGE_KEY": KEY,
    }


@contextmanager
def workspace(repo: Repo, request: pytest.FixtureRequest) -> Iterator[Setting]:
    del repo
    found: World = request.getfixturevalue("world")
    yield {"WHEELSTEP_PUBLISH_TO": found.destination, **found.network}


def pins(report: dict[str, Any]) -> dict[str, str]:
    return {pin["name"]: pin["to"] for row in report["definitions"] for pin in row["pins"]}


@pytest.mark.parametrize("kind", [folder, index, feed, mirror, workspace])
def test_a_plan_says_the_urls_that_are_known(
    kind: Any, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    repo = made(tmp_path / "place")
    with kind(repo, request) as setting:
        setting |= {"WHEELSTEP_PIN": "url"}

        def planned_and_done() -> tuple[dict[str, str], dict[str, str]]:
            plan = repo.wheelstep("plan", "--out", "../plan.json", extra=setting)
            assert (plan.code, plan.status) == (0, "planned"), plan.said
            ran = repo.wheelstep("release", "--plan", "../plan.json", extra=setting)
            assert (ran.code, ran.status) == (0, "done"), ran.said
            again = repo.wheelstep("plan", extra=setting)
            assert (again.code, again.status) == (0, "nothing-to-do"), again.said
            assert not pins(again.report)
            return pins(plan.report), pins(ran.report)

        plan, done = planned_and_done()
        assert plan["acme-core"] == (
            "acme-core @ https://known-after-build.invalid/acme_core-1.0-py3-none-any.whl"
            "#sha256=known-after-build"
        )
        first = re.fullmatch(
            r"acme-core @ (https?://\S+/)acme_core-1.0-py3-none-any.whl#sha256=[0-9a-f]{64}",
            done["acme-core"],
        )
        assert first, done
        # one package rises; the other is pinned where it is; a third party's is left alone
        repo.commit(project("acme-core", "1.1") | {FILE: f"{repo.read(FILE)}acme-more\n"})
        repo.commit({OTHERS: f"{ANOTHERS}\n"})
        (repo.root / "dist/acme_core-1.0-py3-none-any.whl").unlink()
        make_wheel(repo.root / "dist", "acme-core", "1.1")
        plan, done = planned_and_done()
        assert "known-after-build" in plan["acme-core"]
        assert "known-after-build" not in plan["acme-more"]
        assert done["acme-more"] == plan["acme-more"]
        assert "acme_core-1.1-py3-none-any.whl#sha256=" in done["acme-core"]
        assert repo.read(OTHERS) == f"{ANOTHERS}\n"
