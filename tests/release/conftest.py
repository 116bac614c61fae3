"""Repositories that were released once; each test copies what it needs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.release.kit import Ran, Repo
from tests.release.page_kit import Page
from tests.release.samples import MONOREPO, root_package
from wheelstep.ground.git import Git

Copied = Callable[[], tuple[Repo, Ran]]


@pytest.fixture(scope="session")
def _monorepo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Repo, Ran]:
    repo = Repo.create(tmp_path_factory.mktemp("monorepo") / "place", MONOREPO)
    return repo, repo.release()


@pytest.fixture(scope="session")
def _at_root(tmp_path_factory: pytest.TempPathFactory) -> tuple[Repo, Ran]:
    repo = Repo.create(tmp_path_factory.mktemp("root") / "place", root_package())
    return repo, repo.release()


@pytest.fixture
def monorepo(_monorepo: tuple[Repo, Ran], tmp_path: Path) -> Repo:
    """The monorepo, released."""
    return _monorepo[0].copy(tmp_path / "place")


@pytest.fixture
def first(_monorepo: tuple[Repo, Ran]) -> Ran:
    """How the monorepo was released."""
    return _monorepo[1]


@pytest.fixture
def at_root(_at_root: tuple[Repo, Ran], tmp_path: Path) -> Repo:
    """The repository with one package at its root, released."""
    return _at_root[0].copy(tmp_path / "place")


@pytest.fixture
def unreleased(tmp_path: Path) -> Repo:
    """The monorepo before its first release."""
    return Repo.create(tmp_path / "place", MONOREPO)


@pytest.fixture(scope="session")
def page_repo(tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """A repository whose history the pages of pull requests tell of."""
    return Repo.create(tmp_path_factory.mktemp("page"), {"core/a.py": "0", "README": "x"})


@pytest.fixture
def page(page_repo: Repo) -> Page:
    """The page of a proposal."""
    return Page(Git(page_repo.root, page_repo.environment))
