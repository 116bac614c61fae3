"""Releases on GitHub, which go with tags.

Source: GitHub's REST reference, "Releases" (list, create).
"""

from __future__ import annotations

from typing import Final, final

from wheelstep.ground.github import SaysNo
from wheelstep.repositories.github_repository import GitHubRepository

__all__ = ["GitHubReleases"]

PAGE: Final = 100
MOST_PAGES: Final = 10
"""Pages that are looked through for releases that are there; one that is older is refused when it
is made again, and that is no harm."""
THERE: Final = "already_exists"


@final
class GitHubReleases:
    """The releases of one repository."""

    def __init__(self, repository: GitHubRepository) -> None:
        """Keep the repository; nothing is asked yet.

        Args:
            repository: Where, and who asks.
        """
        self._at = repository

    def there(self, tags: frozenset[str]) -> frozenset[str]:
        """Return those of some tags that have a release.

        Raises:
            ServiceRefused: No right to see them.
            ServiceUnavailable: GitHub does not answer.
        """
        found: set[str] = set()
        try:
            for page in range(1, MOST_PAGES + 1):
                query = {"per_page": str(PAGE), "page": str(page)}
                rows = self._at.rest("GET", "releases", query=query, many=True)
                with self._at.reading():
                    found |= {str(row["tag_name"]) for row in rows} & tags
                if len(rows) < PAGE or found == tags:
                    break
        except SaysNo as no:
            raise self._at.error(no, "releases") from no
        return frozenset(found)

    def make(self, tag: str, title: str, body: str) -> None:
        """Make the release of a tag that is there; one that is there already stays as it is.

        Args:
            tag: Its name.
            title: Of the page.
            body: Of the page, in Markdown.

        Raises:
            ServiceRefused: No right.
            ServiceUnavailable: GitHub does not answer.
        """
        given = {"tag_name": tag, "name": title, "body": body, "make_latest": "legacy"}
        try:
            self._at.rest("POST", "releases", given)
        except SaysNo as no:
            if THERE not in no.said:
                raise self._at.error(no, f"the release {tag}") from no
