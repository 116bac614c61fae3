"""Who signs in at a storage account, and with what."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import pytest

from wheelstep.destinations.blob_sign_in import BlobSignIn, blob_sign_in
from wheelstep.destinations.mirror_address import MirrorAddress
from wheelstep.errors import SettingError
from wheelstep.ground.credentials import EntraToken
from wheelstep.ground.secret import Secret, redact

ADDRESS = MirrorAddress.parse("https://acme.blob.core.windows.net/wheels")
KEY = base64.b64encode(b"the key of an account that is not there").decode()
SAS = "sv=2024-11-04&sr=c&sp=rlcw&se=2027-01-02T03:04:05Z&sig=c2lnbmVkLWJ5LW5vYm9keQ%3D%3D"
STRING = f"DefaultEndpointsProtocol=https;AccountName=acme;AccountKey={KEY};EndpointSuffix=x"


class Identity:
    """Somebody whom Entra ID knows."""

    def token(self) -> Secret:
        return self.known().secret

    def known(self) -> EntraToken:
        return EntraToken(Secret("a-token-of-entra"), "the Azure CLI", expires=2_000_000_000.0)

    def configured(self) -> str:
        return ""

    def renewed(self, old: Secret) -> Secret | None:
        del old
        return None


def sign_in(
    token: str | None = None,
    environment: Mapping[str, str] | None = None,
    address: MirrorAddress = ADDRESS,
) -> BlobSignIn:
    environment = environment or {}
    return blob_sign_in(address, Secret(token) if token else None, environment, Identity())


@pytest.mark.parametrize(
    ("token", "kind"),
    [
        (SAS, "sas"),
        (f"?{SAS}", "sas"),
        (f"https://acme.blob.core.windows.net/wheels?{SAS}", "sas"),
        (KEY, "key"),
        (STRING, "key"),
        (f"BlobEndpoint=https://acme.blob.core.windows.net/;SharedAccessSignature={SAS}", "sas"),
    ],
)
def test_what_is_given_is_told_apart(token: str, kind: str) -> None:
    found = sign_in(token, {"AZURE_STORAGE_KEY": KEY[::-1]})
    assert (found.kind, found.source) == (kind, "the token that was given")
    made: Any = found.make()
    if kind == "sas":
        assert made.signature == SAS
        assert (found.rights, found.until) == ("rlcw", "2027-01-02T03:04:05Z")
    else:
        assert (made.named_key.name, made.named_key.key) == ("acme", KEY)


@pytest.mark.parametrize(
    ("environment", "source"),
    [
        ({"AZURE_STORAGE_CONNECTION_STRING": STRING, "AZURE_STORAGE_KEY": KEY},
         "the connection string in AZURE_STORAGE_CONNECTION_STRING"),
        ({"AZURE_STORAGE_KEY": KEY, "AZURE_STORAGE_SAS_TOKEN": SAS},
         "the account key in AZURE_STORAGE_KEY"),
        ({"AZURE_STORAGE_SAS_TOKEN": SAS}, "the SAS in AZURE_STORAGE_SAS_TOKEN"),
        ({"AZURE_STORAGE_SAS_TOKEN": SAS, "AZURE_STORAGE_ACCOUNT": "other"}, "Entra ID"),
        ({"AZURE_STORAGE_CONNECTION_STRING": STRING.replace("=acme", "=other")}, "Entra ID"),
        ({}, "Entra ID"),
    ],
)  # fmt: skip
def test_the_variables_are_looked_at_in_order_and_those_of_other_accounts_passed_over(
    environment: dict[str, str], source: str
) -> None:
    assert sign_in(None, environment).source == source


def test_a_token_of_entra_id_is_handed_on_with_its_end() -> None:
    got = sign_in().make().get_token("https://storage.azure.com/.default")
    assert (got.token, got.expires_on) == ("a-token-of-entra", 2_000_000_000)


@pytest.mark.parametrize(
    ("token", "code", "says"),
    [
        ("ghp_0123456789012345678901234567890123456", "storage-token-invalid", "no SAS"),
        ("not base64!", "storage-token-invalid", "no SAS"),
        (STRING.replace("=acme", "=other"), "storage-token-foreign", "of the account other"),
        ("AccountName=acme;EndpointSuffix=x", "storage-token-invalid", "neither AccountKey"),
        ("EndpointSuffix=x;Other=1", "storage-token-foreign", "names none"),
    ],
)
def test_what_is_none_is_refused_without_being_shown(token: str, code: str, says: str) -> None:
    with pytest.raises(SettingError) as caught:
        sign_in(token)
    assert caught.value.code == code
    assert says in caught.value.message
    assert token not in caught.value.message + caught.value.cure


def test_nothing_of_entra_ids_goes_over_an_open_line() -> None:
    with pytest.raises(SettingError, match="not encrypted"):
        sign_in(address=MirrorAddress.parse("blob+http://wheels.contoso.example/wheels"))


CUSTOM = MirrorAddress.parse("blob+https://wheels.contoso.example/wheels")
LIKE = MirrorAddress.parse("blob+https://acme.blob.core.evil.example/wheels")


@pytest.mark.parametrize("address", [CUSTOM, LIKE])
def test_a_host_that_may_be_anybodys_gets_no_token_of_entra_id(address: MirrorAddress) -> None:
    with pytest.raises(SettingError) as caught:
        sign_in(address=address)
    assert caught.value.code == "destination-foreign"
    for way in ("a SAS", "an account key", "a connection string", "serve-url"):
        assert way in caught.value.cure
    # what is of this account alone goes there
    assert sign_in(SAS, address=address).kind == "sas"
    assert sign_in(KEY, address=address).kind == "key"


def test_where_resource_manager_says_that_the_storage_is_entra_id_signs_in() -> None:
    found = blob_sign_in(CUSTOM, None, {}, Identity(), told=True)
    assert found.make().get_token().token == "a-token-of-entra"
    with pytest.raises(SettingError, match="not encrypted"):
        blob_sign_in(
            MirrorAddress.parse("blob+http://wheels.contoso.example/wheels"),
            None, {}, Identity(), told=True,
        )  # fmt: skip


def test_a_pull_requests_setting_gets_no_sign_in() -> None:
    found = blob_sign_in(ADDRESS, None, {"AZURE_STORAGE_KEY": KEY}, Identity(), anonymous=True)
    assert (found.kind, found.make()) == ("nobody", None)


def test_every_part_of_a_secret_is_masked() -> None:
    sign_in(STRING)
    sign_in(f"?{SAS}")
    assert KEY not in redact(f"key {KEY}")
    assert "c2lnbmVk" not in redact("sig c2lnbmVkLWJ5LW5vYm9keQ== and c2lnbmVkLWJ5LW5vYm9keQ%3D%3D")
