"""A mirror's upkeep in a real store: repair, yank, delete; stopped anywhere, and done again."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from azure.storage.blob import ContainerClient
from packaging.version import Version

from tests.destinations.mirror_kit import (
    Killed,
    blobs,
    both_pages,
    killed_after,
    listed,
    mirror_at,
    projects,
    published,
)
from tests.rehearsal.made import make_wheel
from tests.servers.azurite import Azurite
from wheelstep.destinations.blob_mirror import BlobMirror
from wheelstep.destinations.mirror_upkeep import delete, repair, yank
from wheelstep.model import Wheel

PROJECT = "acme-core"
_numbers = itertools.count()


@pytest.fixture
def container(emulator: Azurite) -> ContainerClient:
    return emulator.container(f"upkeep{next(_numbers)}")


@pytest.fixture
def mirror(emulator: Azurite, container: ContainerClient) -> BlobMirror:
    return opened(emulator, container)


def opened(emulator: Azurite, container: ContainerClient) -> BlobMirror:
    return mirror_at(emulator.url, str(container.container_name))


@pytest.fixture
def wheels(tmp_path: Path) -> list[Wheel]:
    return [make_wheel(tmp_path, PROJECT, version, python=">=3.9") for version in ("1.0", "1.1")]


def test_a_yanked_version_says_why_on_both_pages_and_can_be_taken_back(
    mirror: BlobMirror, wheels: list[Wheel]
) -> None:
    published(mirror, *wheels)
    reason = 'it loses "data" in Köln, see #7'
    (done,) = yank(mirror, PROJECT, Version("1.0"), reason)
    assert (done.file, done.status, done.sha256) == (wheels[0].file, "yanked", wheels[0].sha256)
    said = listed(mirror, PROJECT)
    assert said[wheels[0].file].yanked == reason
    assert said[wheels[1].file].yanked is None
    assert [one.status for one in yank(mirror, PROJECT, Version("1.0"), reason)] == ["unchanged"]
    yank(mirror, PROJECT, Version("1.0"), None)
    assert listed(mirror, PROJECT)[wheels[0].file].yanked is True
    (done,) = yank(mirror, PROJECT, Version("1.0.0"), None, back=True)
    assert done.status == "unyanked"
    assert listed(mirror, PROJECT)[wheels[0].file].yanked is None
    assert yank(mirror, PROJECT, Version("7"), None) == []


def test_a_deleted_version_is_gone_with_its_metadata_and_may_come_again_as_another(
    mirror: BlobMirror, container: ContainerClient, wheels: list[Wheel], tmp_path: Path
) -> None:
    published(mirror, *wheels)
    (done,) = delete(mirror, PROJECT, Version("1.0"))
    assert (done.file, done.status) == (wheels[0].file, "deleted")
    assert set(listed(mirror, PROJECT)) == {wheels[1].file}
    folder = f"simple/{PROJECT}"
    assert {name for name in blobs(container) if name.startswith(f"{folder}/acme")} == {
        f"{folder}/{wheels[1].file}", f"{folder}/{wheels[1].file}.metadata"
    }  # fmt: skip
    assert delete(mirror, PROJECT, Version("1.0")) == []
    other = make_wheel(tmp_path / "other", PROJECT, "1.0", note="another one")
    published(mirror, other)
    assert listed(mirror, PROJECT)[other.file].sha256 == other.sha256
    delete(mirror, PROJECT, Version("1.0"))
    delete(mirror, PROJECT, Version("1.1"))
    assert listed(mirror, PROJECT) == {}


@pytest.mark.parametrize("ending", ["repair", "again"])
def test_a_deletion_that_is_stopped_anywhere_is_ended(
    emulator: Azurite, container: ContainerClient, wheels: list[Wheel], ending: str
) -> None:
    for changes in range(6):
        published(opened(emulator, container), *wheels)
        stopping = opened(emulator, container)
        killed_after(stopping, changes)
        try:
            delete(stopping, PROJECT, Version("1.0"))
        except Killed:
            pass
        else:
            assert changes == 5, "mark, two pages, metadata, wheel"
        after = opened(emulator, container)
        there = blobs(container)
        for file in {one.file for page in both_pages(after, PROJECT) for one in page}:
            assert f"simple/{PROJECT}/{file}" in there, "a page names what is not there"
            assert f"simple/{PROJECT}/{file}.metadata" in there
        if ending == "repair":
            repair(after)
            if changes == 0:
                assert set(listed(after, PROJECT)) == {wheel.file for wheel in wheels}
        if ending == "again" or changes == 0:
            delete(after, PROJECT, Version("1.0"))
        assert set(listed(after, PROJECT)) == {wheels[1].file}
        assert not any(wheels[0].file in name for name in blobs(container))
        delete(after, PROJECT, Version("1.1"))


def test_repair_derives_every_page_from_what_is_there(
    emulator: Azurite,
    container: ContainerClient,
    mirror: BlobMirror,
    wheels: list[Wheel],
    tmp_path: Path,
) -> None:
    other = make_wheel(tmp_path, "acme-other", "2.0", python=">=3.10")
    published(mirror, *wheels, other)
    want = {name: listed(mirror, name) for name in (PROJECT, "acme-other")}
    # by another tool: a wheel without notes, a page that is nobody's, one that is gone
    by_hand = make_wheel(tmp_path, "acme-hand", "3.0", python=">=3.11")
    assert by_hand.path is not None
    client = container.get_blob_client(f"team/simple/acme-hand/{by_hand.file}")
    client.upload_blob(by_hand.path.read_bytes())
    container.get_blob_client(f"team/simple/{PROJECT}/").upload_blob(b"<p>no", overwrite=True)
    container.delete_blob("team/simple/acme-other/index.json")
    container.delete_blob(f"team/simple/acme-other/{other.file}.metadata")
    container.get_blob_client("team/simple/").upload_blob(b"nothing", overwrite=True)
    container.get_blob_client("team/simple/index.json").upload_blob(
        b'{"projects": [{"name": "gone"}]}', overwrite=True
    )
    done = repair(opened(emulator, container))
    assert {one.file for one in done} == {
        *(wheel.file for wheel in wheels), other.file, by_hand.file
    }  # fmt: skip
    assert want == {name: listed(mirror, name) for name in want}
    found = listed(mirror, "acme-hand")[by_hand.file]
    assert (found.sha256, found.requires_python) == (by_hand.sha256, ">=3.11")
    assert found.core_metadata is not None
    assert projects(mirror) == sorted(["acme-hand", "acme-other", PROJECT])
    before = blobs(container)
    repair(opened(emulator, container))
    assert blobs(container) == before, "what is right is not written again"


def test_metadata_of_other_bytes_than_a_page_lists_is_not_put_there(
    emulator: Azurite, container: ContainerClient, mirror: BlobMirror, wheels: list[Wheel]
) -> None:
    published(mirror, *wheels)
    file = wheels[0].file
    whole = container.get_blob_client(f"team/simple/{PROJECT}/{file}")
    notes = dict(whole.get_blob_properties().metadata)
    whole.set_blob_metadata({**notes, "metadata_sha256": "0" * 64})
    container.delete_blob(f"team/simple/{PROJECT}/{file}.metadata")
    opened(emulator, container).finish([PROJECT])
    there = {name.rpartition("/")[2] for name in blobs(container)}
    assert f"{file}.metadata" not in there
    assert f"{wheels[1].file}.metadata" in there
    assert listed(mirror, PROJECT)[file].core_metadata is None
