"""Blobs written on condition, in a real store."""

from __future__ import annotations

import hashlib
import itertools
import threading
from pathlib import Path
from typing import Any

import pytest
from azure.core.credentials import AzureNamedKeyCredential

from tests.servers.azurite import ACCOUNT, KEY, Azurite
from wheelstep.destinations.blob_sign_in import BlobSignIn
from wheelstep.destinations.blob_store import BlobStore
from wheelstep.destinations.mirror_address import MirrorAddress
from wheelstep.destinations.mirror_project import Entry, MirrorForm, bring_up_to_date, notes_of
from wheelstep.errors import CannotHere, ServiceRefused
from wheelstep.ground.simple_index import parse
from wheelstep.ground.swap import Conflict
from wheelstep.ground.transport import Transport

_numbers = itertools.count()


def store_at(emulator: Azurite, container: str, credential: Any = None) -> BlobStore:
    key = AzureNamedKeyCredential(ACCOUNT, KEY)
    address = MirrorAddress.parse(f"blob+{emulator.url}/{container}/team")
    who = BlobSignIn("key", "a key", lambda: credential or key)
    return BlobStore(address, Transport({}), lambda: who)


@pytest.fixture
def store(emulator: Azurite) -> BlobStore:
    name = f"wheels{next(_numbers)}"
    emulator.container(name)
    return store_at(emulator, name)


def test_blobs_are_written_on_condition(store: BlobStore) -> None:
    page = "simple/a/"
    assert store.read(page) is None
    assert store.entries("simple/a") == {}
    notes = {"sha256": "x"}
    first = store.write(page, b"1", etag=None, kind="text/html", notes=notes)
    assert store.read(page) == b"1"
    assert store.entries("simple/a") == {"": Entry(first, 1, notes)}
    with pytest.raises(Conflict):
        store.write(page, b"2", etag=None, kind="text/html", notes={})
    second = store.write(page, b"2", etag=first, kind="text/html", notes={})
    with pytest.raises(Conflict):
        store.write(page, b"3", etag=first, kind="text/html", notes={})
    with pytest.raises(Conflict):
        store.write("simple/gone/", b"3", etag=first, kind="text/html", notes={})
    assert store.read(page) == b"2"
    assert store.entries("simple/a")[""].etag == second
    assert store.entries("simple") == {}, "what lies deeper is another folder's"


@pytest.mark.parametrize("size", [10, 20 << 20])
def test_a_file_is_created_once(store: BlobStore, tmp_path: Path, size: int) -> None:
    file = tmp_path / "a.whl"
    file.write_bytes(b"w" * size)
    kind, cache = "application/octet-stream", "max-age=31536000, immutable"
    notes = {"sha256": hashlib.sha256(b"w" * size).hexdigest()}
    other = {"sha256": hashlib.sha256(b"other").hexdigest()}
    with pytest.raises(CannotHere, match=r"a\.whl changed on this disk"):
        store.create("wheels/a.whl", file, kind=kind, cache=cache, notes=other)
    assert store.entries("wheels") == {}, "what is not whole is not there"
    assert store.create("wheels/a.whl", file, kind=kind, cache=cache, notes=notes)
    assert not store.create("wheels/a.whl", b"other", kind=kind, cache=cache, notes={})
    (entry,) = store.entries("wheels").values()
    assert (entry.size, entry.notes) == (size, notes)


def test_an_error_is_never_taken_for_nothing(emulator: Azurite, store: BlobStore) -> None:
    with pytest.raises(ServiceRefused, match="has no container not-there"):
        store_at(emulator, "not-there").read("simple/a/index.html")
    wrong = AzureNamedKeyCredential(ACCOUNT, KEY[::-1])
    with pytest.raises(ServiceRefused, match="403"):
        store_at(emulator, store.address.container, wrong).read("simple/a/index.html")


def test_publishers_of_one_project_lose_nothing(store: BlobStore) -> None:
    def publish(number: int) -> None:
        file = f"acme-1.{number}-py3-none-any.whl"
        notes = notes_of(f"{number:064x}", requires_python=None, metadata=None)
        assert store.create(f"simple/acme/{file}", b"w", kind="a/b", cache="no-cache", notes=notes)
        bring_up_to_date(store, MirrorForm(page=""), "acme")

    threads = [threading.Thread(target=publish, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for path, kind in (("", "text/html"), ("index.json", "application/json")):
        data = store.read(f"simple/acme/{path}")
        assert data is not None
        files = parse(data, kind, "https://a.example/simple/acme/")
        assert {(one.file, one.sha256) for one in files} == {
            (f"acme-1.{number}-py3-none-any.whl", f"{number:064x}") for number in range(16)
        }
