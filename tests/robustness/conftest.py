"""Repositories and services that every test copies or sets back."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.release.kit import Repo
from tests.robustness.kit import NAMES, Hosted, sample, settled
from tests.servers.feed import FeedServer, Stored, feed_server
from tests.servers.git_http import GitServer, git_server

LOCAL = 'publish-to = ["../index"]\ncommit = "local"\n'

_numbers = itertools.count()


@pytest.fixture(scope="session")
def _local(tmp_path_factory: pytest.TempPathFactory) -> Repo:
    return Repo.create(tmp_path_factory.mktemp("local") / "place", sample(settings=LOCAL))


@pytest.fixture
def local(_local: Repo, tmp_path: Path) -> Repo:
    """Two packages, never released; a folder as index, a local commit."""
    return settled(_local.copy(tmp_path / "place"))


@pytest.fixture(scope="session")
def _git_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitServer]:
    with git_server(tmp_path_factory.mktemp("git") / "served") as server:
        yield server


@pytest.fixture(scope="session")
def _feed() -> Iterator[FeedServer]:
    with feed_server(public_upstream=True) as feed:
        yield feed


def _seeded(server: GitServer, feed: FeedServer, place: Path, names: Sequence[str]) -> Hosted:
    repo = settled(Repo.create(place, sample(names), name="first"))
    hosted = Hosted(server, feed, f"acme-{next(_numbers)}.git", place, repo.environment)
    server.create(hosted.name)
    hosted.push(repo)
    return hosted


@pytest.fixture(scope="session")
def _two(
    _git_server: GitServer, _feed: FeedServer, tmp_path_factory: pytest.TempPathFactory
) -> Hosted:
    return _seeded(_git_server, _feed, tmp_path_factory.mktemp("two") / "place", NAMES[:2])


@pytest.fixture(scope="session")
def _five(
    _git_server: GitServer, _feed: FeedServer, tmp_path_factory: pytest.TempPathFactory
) -> Hosted:
    return _seeded(_git_server, _feed, tmp_path_factory.mktemp("five") / "place", NAMES)


@pytest.fixture(scope="session")
def _released(
    _five: Hosted, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Hosted, dict[str, Stored]]:
    """The same with all packages released, and what the feed held after it."""
    _set_back(_five.server, _five.feed, {})
    hosted = _copy(_five, tmp_path_factory.mktemp("released"))
    hosted.clone("clone").release(extra=hosted.settings())
    return hosted, dict(hosted.feed.files)


@pytest.fixture
def unreleased(_two: Hosted, tmp_path: Path) -> Iterator[Hosted]:
    """Two packages behind a git server, never released; an empty feed."""
    _set_back(_two.server, _two.feed, {})
    yield _copy(_two, tmp_path)
    _set_back(_two.server, _two.feed, {})


@pytest.fixture
def released(_released: tuple[Hosted, dict[str, Stored]], tmp_path: Path) -> Iterator[Hosted]:
    """Five packages behind a git server, all released at 1.0."""
    hosted, files = _released
    _set_back(hosted.server, hosted.feed, files)
    yield _copy(hosted, tmp_path)
    _set_back(hosted.server, hosted.feed, {})


def _copy(hosted: Hosted, place: Path) -> Hosted:
    name = f"acme-{next(_numbers)}.git"
    shutil.copytree(hosted.bare, hosted.server.root / name)
    temporary = place / "temporary"
    temporary.mkdir()
    names = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(temporary))
    return replace(hosted, name=name, place=place, environment={**hosted.environment, **names})


def _set_back(server: GitServer, feed: FeedServer, files: Mapping[str, Stored]) -> None:
    server.seen.clear()
    server.faults.clear()
    with feed.lock:
        feed.files = dict(files)
        feed.requests.clear()
        feed.faults.clear()
        feed.visible_after = 0
