"""Whether two URLs are of one repository, as far as they tell."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

from wheelstep.ground.credentials import organization_of
from wheelstep.repositories.azure_repository import AzureAddress
from wheelstep.repositories.urls import served_url

__all__ = ["may_be_one"]


def may_be_one(url: str, other: str) -> bool:
    """Tell whether two URLs may be of one repository: it has many addresses, and one name.

    Args:
        url: As git has it; in one of ssh's forms too.
        other: Likewise.
    """
    one, two = AzureAddress.of(url), AzureAddress.of(other)
    if one and two:
        owners = {organization_of(one.base), organization_of(two.base)} - {None}
        names = {(each.project.casefold(), each.repository.casefold()) for each in (one, two)}
        return len(owners) < 2 and len(names) == 1  # noqa: PLR2004 - a server has many addresses
    served = [urlsplit(each) for each in map(served_url, (url, other)) if each is not None]
    known = len(served) == 2  # noqa: PLR2004 - both are; a server's ssh has any address
    if known and (one or two):
        return False
    if known and len({parts.netloc.lower() for parts in served}) == 1:
        return len({_bare(parts.path) for parts in served}) == 1
    return len({_bare(each).rpartition("/")[2] for each in (url, other)}) == 1


def _bare(place: str) -> str:
    return unquote(place.rstrip("/").replace(":", "/").removesuffix(".git")).casefold()
