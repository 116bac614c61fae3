"""Whose credentials are whose."""

from __future__ import annotations

import pytest

from wheelstep.ground.credentials import organization_of, same_organization

FEED = "https://pkgs.dev.azure.com/Contoso/ml/_packaging/wheels/pypi/simple/"
OLDER = "https://contoso.pkgs.visualstudio.com/ml/_packaging/wheels/pypi/simple/"


@pytest.mark.parametrize(
    ("url", "organization"),
    [
        ("https://dev.azure.com/Contoso/", "contoso"),
        ("https://dev.azure.com/contoso", "contoso"),
        (FEED, "contoso"),
        (OLDER, "contoso"),
        ("https://contoso.visualstudio.com/", "contoso"),
        ("https://contoso.visualstudio.com/DefaultCollection/", "contoso"),
        ("https://feeds.dev.azure.com/contoso/", "contoso"),
        ("https://dev.azure.com/", None),
        ("http://pkgs.dev.azure.com/contoso/", None),
        ("https://pkgs.dev.azure.com.evil.example/contoso/", None),
        ("https://evil.example/dev.azure.com/contoso/", None),
        ("https://dev.azure.com@evil.example/contoso/", None),
        ("https://evilvisualstudio.com/", None),
        ("https://a.b.visualstudio.com/", None),
        ("https://dev.azure.com:8443/contoso/", None),
        ("https://dev.azure.com:port/contoso/", None),
        ("https://[dev.azure.com/contoso/", None),
        ("https://tfs.corp.example/tfs/Default/", None),
    ],
)
def test_organizations(url: str, organization: str | None) -> None:
    assert organization_of(url) == organization


@pytest.mark.parametrize(
    ("collection", "url", "same"),
    [
        ("https://dev.azure.com/contoso/", FEED, True),
        ("https://dev.azure.com/contoso/", OLDER, True),
        ("https://contoso.visualstudio.com/", FEED, True),
        ("https://dev.azure.com/fabrikam/", FEED, False),
        ("https://dev.azure.com/conto/", FEED, False),
        ("https://tfs.corp/tfs/Default/", "https://tfs.corp/tfs/default/ml/_packaging/w/", True),
        ("https://tfs.corp/tfs/Default/", "https://tfs.corp/tfs/Default2/_packaging/w/", False),
        ("https://TFS.corp:443/tfs/Default", "https://tfs.corp/tfs/Default/_packaging/w/", True),
        ("https://tfs.corp/My%20Own/", "https://tfs.corp/my own/ml/_packaging/w/", True),
        ("https://tfs.corp/tfs/One/", "https://tfs.corp/tfs/One/../Two/_packaging/w/", False),
        ("https://tfs.corp/tfs/One/", "https://tfs.corp/tfs/One/%2e%2e/Two/_packaging/w/", False),
        ("https://tfs.corp/tfs/Default/", "https://tfs.corp:8443/tfs/Default/_packaging/w/", False),
        ("http://tfs.corp/tfs/Default/", "https://tfs.corp/tfs/Default/_packaging/w/", False),
        ("https://tfs.corp/tfs/Default/", "https://evil.example/tfs/Default/_packaging/w/", False),
        ("", "https://tfs.corp/_packaging/w/", False),
        ("https://tfs.corp/tfs/", "https://[tfs.corp/tfs/_packaging/w/", False),
    ],
)
def test_same_organization(collection: str, url: str, same: bool) -> None:
    assert same_organization(collection, url) is same
