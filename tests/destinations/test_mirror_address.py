"""Every form of a mirror's URL, and what is none."""

from __future__ import annotations

import pytest

from wheelstep.destinations.mirror_address import MirrorAddress, is_mirror
from wheelstep.errors import SettingError

ACCOUNT = "https://acme.blob.core.windows.net"


@pytest.mark.parametrize(
    ("text", "account_url", "container", "prefix"),
    [
        (f"{ACCOUNT}/wheels", ACCOUNT, "wheels", ""),
        (f"{ACCOUNT}/wheels/", ACCOUNT, "wheels", ""),
        (f"{ACCOUNT}:443/wheels//team/ml", ACCOUNT, "wheels", "team/ml/"),
        ("HTTPS://ACME.Blob.Core.Windows.Net/wheels/A%20b", ACCOUNT, "wheels", "A b/"),
        (f"blob+{ACCOUNT}/$web", ACCOUNT, "$web", ""),
        (f"{ACCOUNT}/%24web/x", ACCOUNT, "$web", "x/"),
        ("https://acme.dfs.core.windows.net/wheels", ACCOUNT, "wheels", ""),
        ("https://acme.blob.core.usgovcloudapi.net/wheels", "https://acme.blob.core.usgovcloudapi.net",
         "wheels", ""),
        ("https://acme.blob.core.chinacloudapi.cn/wheels", "https://acme.blob.core.chinacloudapi.cn",
         "wheels", ""),
        ("https://acme.z12.blob.storage.azure.net/wheels", "https://acme.z12.blob.storage.azure.net",
         "wheels", ""),
        ("blob+https://files.acme.example/wheels/a", "https://files.acme.example", "wheels", "a/"),
        ("blob+http://127.0.0.1:10000/devstoreaccount1/wheels",
         "http://127.0.0.1:10000/devstoreaccount1", "wheels", ""),
        ("blob+http://localhost:10000/devstoreaccount1/wheels/p",
         "http://localhost:10000/devstoreaccount1", "wheels", "p/"),
        ("blob+https://[::1]:10000/devstoreaccount1/wheels",
         "https://[::1]:10000/devstoreaccount1", "wheels", ""),
    ],
)  # fmt: skip
def test_forms(text: str, account_url: str, container: str, prefix: str) -> None:
    assert is_mirror(text)
    address = MirrorAddress.parse(text)
    assert address == MirrorAddress(account_url, container, prefix)
    assert MirrorAddress.parse(f"blob+{address.url}") == address


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (ACCOUNT, "it names no container"),
        (f"{ACCOUNT}/", "it names no container"),
        (f"{ACCOUNT}/Wheels", "'Wheels' is no container's name"),
        (f"{ACCOUNT}/ab", "'ab' is no container's name"),
        (f"{ACCOUNT}/a--b", "'a--b' is no container's name"),
        (f"{ACCOUNT}/wheels/../x", "'..' is no folder's name"),
        (f"{ACCOUNT}/wheels/a%2Fb", "'a/b' is no folder's name"),
        (f"{ACCOUNT}/wheels/a.", "ends with a dot"),
        (f"{ACCOUNT}/wheels/a%0Ab", "control characters"),
        (f"{ACCOUNT}/wheels/{'x' * 600}", "longer than 512"),
        (f"{ACCOUNT}/wheels#x", "it has a fragment"),
        ("blob+ftp://acme/wheels", "it is no http or https URL"),
        ("blob+https://", "it is no http or https URL"),
        ("blob+https://host:port/wheels", "its host or port cannot be read"),
        ("blob+http://127.0.0.1:10000/", "neither an account nor a container"),
        ("blob+http://127.0.0.1:10000/devstoreaccount1", "it names no container"),
    ],
)
def test_what_is_none(text: str, why: str) -> None:
    with pytest.raises(SettingError) as caught:
        MirrorAddress.parse(text)
    assert why in caught.value.message
    assert "https://ACCOUNT.blob.core.windows.net/CONTAINER" in caught.value.cure


def test_a_website_is_written_elsewhere() -> None:
    with pytest.raises(SettingError) as caught:
        MirrorAddress.parse("https://acme.z6.web.core.windows.net/")
    assert "https://acme.blob.core.windows.net/$web" in caught.value.cure
    assert "https://acme.z6.web.core.windows.net/ as its serve-url" in caught.value.cure


def test_no_token_goes_out_in_the_open() -> None:
    with pytest.raises(SettingError) as caught:
        MirrorAddress.parse("http://acme.blob.core.windows.net/wheels")
    assert caught.value.code == "destination-insecure"


@pytest.mark.parametrize(
    "text",
    ["https://pkgs.dev.azure.com/o/_packaging/f/pypi/simple/", "wheels", "https://[x", "a/b/c",
     "https://acme.blob.core.evil.example/wheels", "https://acme.blob.storage.evil.example/wheels",
     "https://acme.blob.core.windows.net.evil.example/wheels"],
)  # fmt: skip
def test_other_places_are_no_mirrors(text: str) -> None:
    assert not is_mirror(text)


@pytest.mark.parametrize(
    ("host", "at_azure"),
    [
        ("acme.blob.core.windows.net", True),
        ("ACME.Blob.Core.Windows.Net:8443", True),
        ("acme-secondary.blob.core.windows.net", True),
        ("acme-microsoftrouting.blob.core.windows.net", True),
        ("acme.privatelink.blob.core.windows.net", True),
        ("acme.z12.blob.storage.azure.net", True),
        ("acme.blob.core.chinacloudapi.cn", True),
        ("acme.blob.core.usgovcloudapi.net", True),
        ("acme.blob.core.cloudapi.de", True),
        ("acme.blob.core.microsoft.scloud", True),
        ("acme.blob.core.eaglex.ic.gov", True),
        ("acme.blob.core.evil.example", False),
        ("acme.blob.core.com", False),
        ("acme.blob.storage.evil.example", False),
        ("acme.blob.core.windows.net.evil.example", False),
        ("evilcore.windows.net", False),
        ("acme.blob.evil-core.windows.net", False),
        ("core.windows.net", False),
        ("acme.blob.core.windows.net.", False),
        ("wheels.contoso.example", False),
        ("127.0.0.1:10000/acme.blob.core.windows.net", False),
        ("acme.blob.core.windows.net@wheels.contoso.example", False),
    ],
)
def test_names_that_only_azure_can_have(host: str, at_azure: bool) -> None:
    assert MirrorAddress.parse(f"blob+https://{host}/wheels").at_azure is at_azure
