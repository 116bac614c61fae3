"""What a storage account says when it says no: each error's text, word by word."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.core.credentials import AzureNamedKeyCredential, AzureSasCredential
from azure.storage.blob import ContainerSasPermissions, generate_container_sas

from tests.destinations.mirror_kit import listed, mirror_at
from tests.ground.web import Answer, InstantClock
from tests.rehearsal.made import make_wheel
from tests.servers.azurite import ACCOUNT, KEY, Azurite
from tests.servers.blob_proxy import Fate, Seen, between, denied
from wheelstep.destinations.blob_mirror import BlobMirror
from wheelstep.destinations.blob_sign_in import BlobSignIn
from wheelstep.destinations.mirror_address import MirrorAddress
from wheelstep.destinations.publish import publish
from wheelstep.errors import StepError
from wheelstep.ground.credentials import EntraToken
from wheelstep.ground.secret import Secret
from wheelstep.ground.transport import Transport
from wheelstep.model import Wheel
from wheelstep.packages.content import content_hash

SNAPSHOT = Path(__file__).parent / "snapshots" / "mirror_refusals.txt"
CONTAINER = "refusals"
EXPIRED = (
    "Server failed to authenticate the request. Make sure the value of Authorization header is "
    "formed correctly including the signature.\nAuthenticationErrorDetail:Signature not valid in "
    "the specified time frame: Start [Thu, 26 Nov 2026 08:00:00 GMT] - Expiry [Thu, 26 Nov 2026 "
    "09:00:00 GMT] - Current [Thu, 26 Nov 2026 09:00:01 GMT]"
)
SKEWED = (
    "Server failed to authenticate the request.\nAuthenticationErrorDetail:Request date header too "
    "old: 'Thu, 26 Nov 2026 08:00:00 GMT'"
)
MAC = (
    "Server failed to authenticate the request.\nAuthenticationErrorDetail:The MAC signature found "
    "in the HTTP request 'c2lnbmVkLWJ5LW5vYm9keQ==' is not the same as any computed signature."
)


@pytest.fixture(scope="module", autouse=True)
def container(emulator: Azurite) -> None:
    emulator.container(CONTAINER)


def key(_: Azurite) -> BlobSignIn:
    return BlobSignIn(
        "key", "the account key in AZURE_STORAGE_KEY", lambda: AzureNamedKeyCredential(ACCOUNT, KEY)
    )


class Ada:
    """Somebody whom Entra ID knows."""

    def token(self) -> Secret:
        return self.known().secret

    def known(self) -> EntraToken:
        claims = json.dumps({"upn": "ada@contoso.example", "oid": "0d2b5a10-ada", "tid": "7e-ant"})
        payload = base64.urlsafe_b64encode(claims.encode()).decode().rstrip("=")
        return EntraToken(Secret(f"head.{payload}.signature"), "the Azure CLI")

    def configured(self) -> str:
        return ""

    def renewed(self, old: Secret) -> None:
        del old


def entra(_: Azurite) -> BlobSignIn:
    # what is sent does not matter: the answer is the test's
    made = AzureNamedKeyCredential(ACCOUNT, KEY)
    return BlobSignIn("entra", "Entra ID", lambda: made, entra=Ada())


def sas(letters: str) -> Callable[[Azurite], BlobSignIn]:
    def made(_: Azurite) -> BlobSignIn:
        signed = generate_container_sas(
            ACCOUNT,
            CONTAINER,
            account_key=KEY,
            permission=ContainerSasPermissions.from_string(letters),
            expiry=datetime.now(UTC) + timedelta(hours=1),
        )
        return BlobSignIn(
            "sas",
            "the SAS in AZURE_STORAGE_SAS_TOKEN",
            lambda: AzureSasCredential(signed),
            rights=letters,
            until="2026-11-26T09:00:00Z",
        )

    return made


def opened(url: str, who: BlobSignIn, container: str = CONTAINER) -> BlobMirror:
    address = MirrorAddress.parse(f"blob+{url}/{container}")
    transport = Transport({}, clock=InstantClock())
    return BlobMirror(address, name="m", transport=transport, sign_in=lambda: who)


CASES: dict[str, tuple[Callable[[Azurite], BlobSignIn], str, Answer | None]] = {
    "the container is not there": (key, "look", None),
    "a SAS that may not write": (sas("rl"), "put", None),
    "a SAS that may write and not list": (sas("cw"), "look", None),
    "a SAS that may not read": (sas("lcw"), "fetch", None),
    "an identity without a role, that lists": (
        entra, "look", denied(403, "AuthorizationPermissionMismatch")),
    "an identity that may read only": (
        entra, "put", denied(403, "AuthorizationPermissionMismatch")),
    "the firewall": (entra, "look", denied(403, "AuthorizationFailure")),
    "a SAS for other addresses": (
        sas("rlcw"), "look", denied(403, "AuthorizationSourceIPMismatch")),
    "shared keys are switched off": (
        key, "look", denied(403, "KeyBasedAuthenticationNotPermitted")),
    "a SAS that has expired": (sas("rlcw"), "look", denied(403, "AuthenticationFailed", EXPIRED)),
    "a clock that is off": (key, "look", denied(403, "AuthenticationFailed", SKEWED)),
    "a wrong key": (key, "look", denied(403, "AuthenticationFailed", MAC)),
    "a token that is not accepted": (
        entra, "look", denied(401, "InvalidAuthenticationInfo", "Lifetime validation failed.")),
    "the account is disabled": (key, "look", denied(403, "AccountIsDisabled")),
    "the container is being deleted": (key, "put", denied(409, "ContainerBeingDeleted")),
    "it limits the rate for ever": (key, "look", denied(503, "ServerBusy", Retry_After="2")),
    "something else answers": (key, "look", Answer(418, {}, b"<html>a proxy</html>")),
}  # fmt: skip


def said(emulator: Azurite, case: str, wheel: Wheel) -> StepError:
    who, what, answer = CASES[case]
    container = "not-there" if case == "the container is not there" else CONTAINER

    def rule(_: Seen) -> Any:
        return answer or Fate.PASSED

    with between(emulator.url, rule) as middle:
        mirror = opened(middle.url, who(emulator), container)
        doing: dict[str, Callable[[], object]] = {
            "look": lambda: mirror.look([wheel.name]),
            "put": lambda: mirror.put(wheel),
            "fetch": lambda: mirror.store.download("simple/acme-core/x.whl", None),
        }
        with pytest.raises(StepError) as caught:
            doing[what]()
    return caught.value


@pytest.fixture
def wheel(tmp_path: Path) -> Wheel:
    return make_wheel(tmp_path, "acme-core", "1.0.0")


def sections() -> dict[str, str]:
    parts = SNAPSHOT.read_text(encoding="utf-8").split("## ")[1:]
    return {part.partition("\n")[0]: part.partition("\n")[2].rstrip("\n") + "\n" for part in parts}


def told(emulator: Azurite, case: str, wheel: Wheel) -> str:
    error = said(emulator, case, wheel)
    text = f"[{error.code}, exit {error.exit_code}] {error.message}\n  {error.cure}\n"
    return re.sub(r"127\.0\.0\.1:\d+", "HOST", text)


@pytest.mark.parametrize("case", CASES)
def test_each_error_says_what_where_why_and_what_to_do(
    emulator: Azurite, case: str, wheel: Wheel
) -> None:
    text = told(emulator, case, wheel)
    assert "sig=" not in text
    assert "c2lnbmVk" not in text, "a signature that the service repeats"
    assert text == sections()[case]


def test_every_error_that_is_held_is_made() -> None:
    assert list(sections()) == list(CASES)


def test_a_host_that_is_not_there(wheel: Wheel) -> None:
    mirror = opened("https://acmewheels.invalid", BlobSignIn("key", "a key", lambda: None))
    with pytest.raises(StepError) as caught:
        mirror.look([wheel.name])
    assert (caught.value.code, caught.value.exit_code) == ("storage-account-not-found", 5)
    assert "acmewheels.invalid is not known to this machine's DNS" in caught.value.message
    assert "privatelink.blob" in caught.value.cure


def test_a_limit_is_waited_for_as_long_as_it_asks(emulator: Azurite, tmp_path: Path) -> None:
    busy = denied(503, "ServerBusy", "Ingress is over the account limit.", Retry_After="7")

    def rule(seen: Seen) -> Any:
        return busy if seen.number % 2 else Fate.PASSED

    clock = InstantClock()
    wheel = make_wheel(tmp_path, "acme-busy", "1.0.0")
    with between(emulator.url, rule) as middle:
        mirror = mirror_at(middle.url, CONTAINER, clock=clock)
        mirror.look(["acme-busy"])
        assert mirror.put(wheel)
        mirror.finish(["acme-busy"])
    assert set(listed(mirror_at(emulator.url, CONTAINER), "acme-busy")) == {wheel.file}
    assert min(clock.waits) >= 7


def test_a_sas_that_ends_halfway_leaves_what_the_next_run_goes_on_from(
    emulator: Azurite, tmp_path: Path
) -> None:
    wheels = [make_wheel(tmp_path, "acme-half", f"1.{number}") for number in range(4)]

    def rule(seen: Seen) -> Any:
        return denied(403, "AuthenticationFailed", EXPIRED) if seen.number > 5 else Fate.PASSED

    def published(mirror: BlobMirror) -> None:
        publish(
            wheels, [mirror], content_of=content_hash, work=tmp_path, read_back="none", parallel=1
        )

    with between(emulator.url, rule) as middle:
        with pytest.raises(StepError) as caught:
            published(opened(middle.url, sas("rlcw")(emulator)))
        assert caught.value.code == "sas-expired"
    published(opened(emulator.url, sas("rlcw")(emulator)))
    found = listed(mirror_at(emulator.url, CONTAINER, prefix=""), "acme-half")
    assert set(found) == {wheel.file for wheel in wheels}
