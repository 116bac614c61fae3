"""What is fetched has to be what is listed, wherever it lies."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from azure.core.credentials import AzureNamedKeyCredential

from tests.destinations.mirror_kit import mirror_at, published
from tests.rehearsal.made import make_wheel
from tests.servers.azurite import ACCOUNT, KEY, Azurite
from wheelstep.destinations.blob_sign_in import BlobSignIn
from wheelstep.destinations.interface import Destination
from wheelstep.destinations.verified import verified
from wheelstep.destinations.workspace_storage import WorkspaceStorage
from wheelstep.errors import Refused, RightMissing
from wheelstep.ground.credentials import EntraToken
from wheelstep.ground.transport import Transport
from wheelstep.model import Listed, Workspace

NAME = "acme-verified"
RIGHT = hashlib.sha256(b"right").hexdigest()


def test_what_is_right_stays(tmp_path: Path) -> None:
    target = tmp_path / "wheel"
    target.write_bytes(b"right")
    for sha256 in (RIGHT, None):
        one = Listed("a.whl", "https://a.example/a.whl", sha256)
        assert verified(RIGHT, one, target, says="it", cure="mend it") == RIGHT
    assert target.read_bytes() == b"right"


def test_nothing_stays_of_what_is_not_and_no_signature_is_shown(tmp_path: Path) -> None:
    target = tmp_path / "wheel"
    target.write_bytes(b"wrong")
    one = Listed("a.whl", "https://a.example/a.whl?sig=hunter2hunter2", RIGHT)
    for where in (target, None):
        with pytest.raises(Refused) as caught:
            verified("f" * 64, one, where, says="the mirror", cure="mend it")
        assert caught.value.code == "hash-mismatch"
        assert f"the mirror says {RIGHT}" in caught.value.message
        assert "hunter2" not in caught.value.message
    assert not target.exists()


class Door:
    """Of a workspace whose artifact service lets nobody in."""

    def __init__(self, url: str) -> None:
        self.url = url

    def service(self) -> str:
        raise RightMissing("No.", right="write", identity="ada", cure="Ask.")

    def storage(self) -> str:
        return self.url

    def known(self) -> EntraToken:
        raise AssertionError("nobody is asked")


def workspace(emulator: Azurite) -> WorkspaceStorage:
    client = emulator.service().get_container_client("azureml")
    if not client.exists():
        client.create_container()
    for blob in client.list_blobs():
        client.delete_blob(blob.name)
    who = BlobSignIn("key", "a key", lambda: AzureNamedKeyCredential(ACCOUNT, KEY))
    return WorkspaceStorage(
        Workspace("s", "g", "w"),
        Door(emulator.url),
        name="the workspace w",
        transport=Transport({}),
        storage_sign_in=lambda _: who,
    )


@pytest.mark.parametrize("kind", ["mirror", "workspace"])
def test_a_wheel_that_was_changed_where_it_lies_is_refused(
    emulator: Azurite, tmp_path: Path, kind: str
) -> None:
    wheel = make_wheel(tmp_path, NAME, "1.0")
    destination: Destination
    if kind == "mirror":
        container = "verified"
        emulator.container(container)
        destination = mirror = mirror_at(emulator.url, container)
        published(mirror, wheel)
    else:
        container = "azureml"
        destination = workspace(emulator)
        assert destination.put(wheel)
    (listed,) = destination.look([NAME])[NAME]
    assert destination.fetch(listed, tmp_path / "copy") == wheel.sha256
    client = emulator.service().get_container_client(container)
    (name,) = (str(one.name) for one in client.list_blobs() if str(one.name).endswith(".whl"))
    blob = client.get_blob_client(name)
    notes = blob.get_blob_properties().metadata
    blob.upload_blob(b"another", overwrite=True, metadata=notes)
    with pytest.raises(Refused, match="one of them was changed"):
        destination.fetch(listed, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()
