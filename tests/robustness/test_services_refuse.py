"""A service that says no, or says nothing: a clear error, and nothing half done."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from tests.release.kit import Repo
from tests.robustness.kit import CONDA, Hosted, package, refused
from tests.servers.git_http import refuse_by_hook


@pytest.fixture
def changed(released: Hosted) -> Iterator[Repo]:
    """A clone in which one package is newer than its release; afterwards nothing was changed."""
    repo = released.clone("clone")
    repo.commit(package("acme-one", "1.1"))
    released.push(repo)
    published, head = released.published(), released.git("rev-parse", "main")
    released.feed.requests.clear()
    yield repo
    assert released.published() == published
    assert released.git("rev-parse", "main") == head


def test_a_wrong_token(released: Hosted, changed: Repo) -> None:
    ran = changed.wheelstep(
        "release", extra=released.settings(WHEELSTEP_FEED_TOKEN="expired-token-1")
    )
    told = refused(ran, 5, "not-authenticated", "401", "feed-token", released.feed.root)
    assert "expired-token-1" not in told + ran.said
    assert ran.packages["acme-one"] == "planned"  # found out before anything was built


def test_a_missing_feed(released: Hosted, changed: Repo) -> None:
    url = f"feed+{released.feed.root.replace('/wheels', '/wheel')}/pypi/simple/"
    ran = changed.wheelstep("release", extra=released.settings(WHEELSTEP_PUBLISH_TO=url))
    refused(ran, 5, "not-found", "404", "/_packaging/wheel", "publish-to")


def test_a_feed_that_only_lets_read(released: Hosted, changed: Repo) -> None:
    token = released.feed.read_only_token
    ran = changed.wheelstep("release", extra=released.settings(WHEELSTEP_FEED_TOKEN=token))
    refused(ran, 5, "not-authorized", "AddPackage", "Contributor")
    assert token not in ran.said


def test_a_wrong_repository_token(released: Hosted, changed: Repo) -> None:
    ran = changed.wheelstep(
        "release", extra=released.settings(WHEELSTEP_REPOSITORY_TOKEN="stolen-token-7")
    )
    told = refused(ran, 5, "not-authenticated", "repository-token", released.name)
    assert "stolen-token-7" not in told + ran.said
    assert not released.feed.requests  # found out before the feed was asked anything


def test_a_repository_token_that_only_reads(released: Hosted, changed: Repo) -> None:
    password = released.server.password("reader")
    ran = changed.wheelstep("release", extra=released.settings(WHEELSTEP_REPOSITORY_TOKEN=password))
    refused(ran, 5, "push-forbidden", "write access", released.name)
    assert not released.feed.seen("POST")


def test_nobody_answers(released: Hosted, changed: Repo) -> None:
    with socket.socket() as taken:  # bound, and listening to nobody
        taken.bind(("127.0.0.1", 0))
        base = f"http://127.0.0.1:{taken.getsockname()[1]}"
        url = f"feed+{released.feed.root.replace(released.feed.base, base)}/pypi/simple/"
        ran = changed.wheelstep("release", extra=released.settings(WHEELSTEP_PUBLISH_TO=url))
    refused(ran, 6, "no-answer", base.removeprefix("http://"), "again")


def test_the_git_server_is_gone(released: Hosted, changed: Repo) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        changed.git("remote", "set-url", "origin", f"http://127.0.0.1:{port}/{released.name}")
        ran = changed.wheelstep("release", extra=released.settings())
    refused(ran, 6, "remote-unavailable", f"127.0.0.1:{port}", "again")
    assert not released.feed.requests


def test_a_local_version(released: Hosted) -> None:
    repo = released.clone("clone")
    repo.commit(package("acme-one", "1.1+gpu"))
    released.push(repo)
    published, head = released.published(), released.git("rev-parse", "main")
    ran = repo.wheelstep("release", extra=released.settings())
    refused(ran, 3, "wheel-not-acceptable", "1.1+gpu", "acme-one", "local")
    assert (released.published(), released.git("rev-parse", "main")) == (published, head)


def test_a_protected_branch(released: Hosted) -> None:
    """Only the push itself shows it: the files are published then, and not again after mending."""
    repo = released.clone("clone")
    repo.commit(package("acme-one", "1.1"))
    released.push(repo)
    head = released.git("rev-parse", "main")
    refuse_by_hook(released.bare, "GH006: Protected branch update failed for refs/heads/main.")
    ran = repo.wheelstep("release", extra=released.settings())
    refused(ran, 5, "branch-protected", "main", "GH006", "bypass")
    assert released.git("rev-parse", "main") == head
    assert repo.git("status", "--porcelain") == ""
    assert repo.head == head
    released.feed.requests.clear()
    admin = released.server.password("admin")
    again = repo.release(extra=released.settings(WHEELSTEP_REPOSITORY_TOKEN=admin))
    assert again.report["commit"]["status"] == "pushed"
    assert not released.feed.seen("POST")
    assert "acme-one==1.1 " in released.file(CONDA)
