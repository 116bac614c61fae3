"""A release to a feed with a push, killed anywhere and run again, also from another machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.release.kit import Repo
from tests.robustness.kit import Hosted, Result, killed_at, watched

POINTS = [number / 7 + 1 / 14 for number in range(7)]
"""Spread over the whole run, as shares of its deeds."""

NAMED = {
    "proved, nothing uploaded": r"http\.client\.send",
    "uploaded, not read back": r"http\.client\.send b'GET [^ ]*/download/",
    "not pushed": r"Popen .*'--force-with-lease",
    "pushed, and the checkout behind": r"Popen .*'update-ref', '-m'",
}
"""What a kill leaves half done -> the deed before which it comes."""

_known: dict[str, tuple[int, Result]] = {}


@pytest.fixture
def undisturbed(unreleased: Hosted, tmp_path: Path) -> tuple[int, Result]:
    """How many deeds a release takes, and what it leaves; found out once, on a copy."""
    if not _known:
        log = tmp_path / "undisturbed"
        before = unreleased.git("rev-parse", "main")
        unreleased.clone("undisturbed-clone").release(extra=unreleased.settings() | watched(log, 0))
        _known["it"] = len(log.read_text().splitlines()), unreleased.result()
        unreleased.git("update-ref", "refs/heads/main", before)
        unreleased.feed.files.clear()
    return _known["it"]


def finish(hosted: Hosted, repo: Repo, want: Result) -> None:
    again = repo.release(extra=hosted.settings())
    assert again.status in {"done", "nothing-to-do"}, again.said
    assert hosted.result() == want
    uploads = hosted.feed.seen("POST")
    assert not [one for one in uploads if one.password != hosted.feed.token]
    assert repo.release(extra=hosted.settings()).status == "nothing-to-do"
    repo.git("fetch", "--quiet", hosted.bare.as_uri(), "main")
    assert repo.git("rev-parse", "HEAD") == repo.git("rev-parse", "FETCH_HEAD")
    assert not repo.git("status", "--porcelain")


@pytest.mark.parametrize("share", POINTS)
def test_killed_while_releasing_to_a_feed(
    unreleased: Hosted, undisturbed: tuple[int, Result], share: float, tmp_path: Path
) -> None:
    total, want = undisturbed
    repo = unreleased.clone("clone")
    killed_at(repo, 1 + int(share * total), tmp_path / "log", extra=unreleased.settings())
    finish(unreleased, repo, want)


@pytest.mark.parametrize("match", NAMED.values(), ids=NAMED.keys())
def test_killed_here_and_finished_from_another_clone(
    unreleased: Hosted, undisturbed: tuple[int, Result], match: str, tmp_path: Path
) -> None:
    killed_at(
        unreleased.clone("killed"), 1, tmp_path / "log", match=match, extra=unreleased.settings()
    )
    finish(unreleased, unreleased.clone("other"), undisturbed[1])
