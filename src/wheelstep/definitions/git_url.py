"""URLs of a commit in a git repository, as pip takes them: `git+https://HOST/PATH@COMMIT#...`.

Source: pip's documentation of VCS support (`@` and a revision after the path, `#subdirectory=`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

__all__ = ["GitUrl", "parse_git_url", "repointed"]

_PARTS: Final = re.compile(
    r"git\+(?P<repository>[A-Za-z][A-Za-z0-9+.-]*://[^#]*?)(?:@(?P<revision>[^@/#][^@#]*))?(?P<fragment>#.*)?"
)


@dataclass(frozen=True, slots=True)
class GitUrl:
    """Its parts."""

    repository: str
    """Without `git+`."""
    revision: str | None
    """A commit, tag or branch; None where it names none."""
    fragment: str
    """With `#`; "" without."""

    @property
    def subdirectory(self) -> str:
        """Where the package is in the repository; "" for its root."""
        for part in self.fragment.removeprefix("#").split("&"):
            name, _, value = part.partition("=")
            if name == "subdirectory":
                return unquote(value).strip("/").removeprefix("./")
        return ""

    def same_place(self, other: GitUrl) -> bool:
        """Tell whether both name one package of one repository, however they are spelled: by https
        or ssh, with `.git` or without."""
        return (_key(self.repository), self.subdirectory) == (
            _key(other.repository),
            other.subdirectory,
        )


def parse_git_url(url: str) -> GitUrl | None:
    """Read a URL; None where it is none of git's."""
    found = _PARTS.fullmatch(url.strip())
    if found is None:
        return None
    repository, revision = found["repository"], found["revision"]
    host, slash, _ = repository.partition("://")[2].partition("/")
    if not slash:  # the `@` was that of a user name: there is no path to have a revision
        return GitUrl(
            f"{repository}@{revision}" if revision else repository, None, found["fragment"] or ""
        )
    del host
    return GitUrl(repository, revision, found["fragment"] or "")


def repointed(written: str, target: str) -> str:
    """Return a URL with the target's commit, in the spelling that it has where it is the same
    repository and folder already; else the target.

    Args:
        written: The URL as the definition has it.
        target: The one that it shall mean.
    """
    old, new = parse_git_url(written), parse_git_url(target)
    if old is None or new is None or not old.same_place(new):
        return target
    return f"git+{old.repository}@{new.revision}{old.fragment}"


def _key(repository: str) -> tuple[str, str]:
    try:
        parts = urlsplit(repository)
        host = (parts.hostname or "").lower()
    except ValueError:
        return "", repository
    path = unquote(parts.path).strip("/").removesuffix(".git")
    if host == "ssh.dev.azure.com":
        organization, _, rest = path.removeprefix("v3/").partition("/")
        project, _, name = rest.partition("/")
        host, path = "dev.azure.com", f"{organization}/{project}/_git/{name}"
    if host in {"github.com", "dev.azure.com"}:
        path = path.lower()
    return host, path
