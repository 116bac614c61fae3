"""A run that is killed anywhere, and run again, ends where an undisturbed run ends.

The process itself is killed, as the kernel does when memory runs out: git or uv that it started
may live on for a moment, and the next run meets them.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.release.kit import Repo
from tests.robustness.kit import Result, folder_result, killed_at, settled, watched

POINTS = [number / 12 + 1 / 24 for number in range(12)]
"""Spread over the whole run, as shares of its deeds."""

NAMED = {
    "the first wheel in the folder": r"rename .*\.whl\.[0-9a-f]+\.part",
    "a wheel without its page": r"mkdir .*index/simple",
    "a page": r"rename .*index\.html",
    "the page of all projects": r"rename .*/simple/\.index\.json",
    "the files of the new commit": r"Popen .*write-tree",
    "the commit that no branch has": r"Popen .*'update-ref'",
    "the index that is ahead of the branch": r"Popen .*'checkout-index', '-f'",
}
"""What a kill leaves half done -> the deed before which it comes."""


@pytest.fixture(scope="module")
def undisturbed(_local: Repo, tmp_path_factory: pytest.TempPathFactory) -> tuple[int, Result]:
    """How many deeds a release to a folder takes, and what it leaves."""
    folder = tmp_path_factory.mktemp("undisturbed")
    repo = settled(_local.copy(folder / "place"))
    repo.release(extra=watched(folder / "log", 0))
    return len((folder / "log").read_text().splitlines()), folder_result(repo)


def finish(repo: Repo, want: Result) -> None:
    again = repo.release()
    assert again.status in {"done", "nothing-to-do"}, again.said
    assert folder_result(repo) == want
    assert repo.release().status == "nothing-to-do"


@pytest.mark.parametrize("share", POINTS)
def test_killed_while_releasing_to_a_folder(
    local: Repo, undisturbed: tuple[int, Result], share: float, tmp_path: Path
) -> None:
    total, want = undisturbed
    deed = killed_at(local, 1 + int(share * total), tmp_path / "log")
    assert deed.startswith(f"{1 + int(share * total)} ")
    finish(local, want)


@pytest.mark.parametrize("match", NAMED.values(), ids=NAMED.keys())
def test_killed_with_something_half_done(
    local: Repo, undisturbed: tuple[int, Result], match: str, tmp_path: Path
) -> None:
    killed_at(local, 1, tmp_path / "log", match=match)
    finish(local, undisturbed[1])


def test_killed_again_and_again(
    local: Repo, undisturbed: tuple[int, Result], tmp_path: Path
) -> None:
    for number, match in enumerate(NAMED.values()):
        killed_at(local, 1, tmp_path / f"log{number}", match=match)
    finish(local, undisturbed[1])
