"""What doctor tells of a blob mirror: who writes, for how long, and whether pip can read it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from azure.storage.blob import ContainerSasPermissions, generate_container_sas

from tests.doctor.world import Ran, World, world
from tests.servers.azurite import ACCOUNT, KEY, Azurite
from wheelstep.model import Check

_numbers = itertools.count()
NAME = "the mirror wheels"


class Mirrored:
    """A world whose only destination is a mirror."""

    def __init__(self, served: World, emulator: Azurite) -> None:
        self.world = served
        self.container = f"doctor{next(_numbers)}"
        self.url = f"blob+{emulator.url}/{self.container}"
        del self.world.environment["WHEELSTEP_FEED_TOKEN"]
        self.world.edit("wheelstep.toml", f'publish-to = ["feed+{served.feed.simple_url}"]\n', "")
        settings = served.repo.root / "wheelstep.toml"
        table = f'[[publish-to]]\nname = "wheels"\nurl = "{self.url}"\n'
        settings.write_text(f"{settings.read_text('utf-8')}\n{table}", "utf-8")

    def doctor(self, **environment: str) -> Ran:
        self.world.environment |= environment
        return self.world.doctor()

    def sas(self, letters: str, *, minutes: float = 24 * 60) -> str:
        now = datetime.now(UTC)
        return generate_container_sas(
            ACCOUNT,
            self.container,
            account_key=KEY,
            permission=ContainerSasPermissions.from_string(letters),
            start=now - timedelta(days=1),
            expiry=now + timedelta(minutes=minutes),
        )


@pytest.fixture
def mirrored(tmp_path: Path, authority: Path, emulator: Azurite) -> Iterator[Mirrored]:
    with world(tmp_path, authority) as served:
        yield Mirrored(served, emulator)


def told(ran: Ran, subject: str = "") -> Check:
    """What is said of the mirror; of each project the same."""
    checks = ran.of(f"{NAME}: {subject}" if subject else NAME)
    assert len({(one.status, one.code, one.exit_code) for one in checks}) == 1, checks
    return checks[0]


def test_a_container_that_nobody_reads_without_signing_in_is_no_index_for_pip(
    mirrored: Mirrored, emulator: Azurite
) -> None:
    emulator.container(mirrored.container)
    ran = mirrored.doctor(AZURE_STORAGE_KEY=KEY)
    assert told(ran).status == "ok"
    assert "the account key in AZURE_STORAGE_KEY" in told(ran).message
    assert (told(ran, "write").status, told(ran, "boundary").status) == ("ok", "ok")
    check = told(ran, "consumers")
    assert (check.status, check.code, check.exit_code) == ("fault", "mirror-unreadable", 5)
    assert ran.report.exit_code == 5
    assert "no matching distribution" in check.breaks
    # where consumers are in another network, it is not known from here
    check = told(mirrored.doctor(WHEELSTEP_READ_BACK="write"), "consumers")
    assert (check.status, check.code) == ("unknown", "")


def test_a_container_that_pip_can_read_is_told_as_such(
    mirrored: Mirrored, emulator: Azurite
) -> None:
    emulator.container(mirrored.container, public=True)
    ran = mirrored.doctor(AZURE_STORAGE_KEY=KEY)
    assert told(ran, "consumers").status == "ok"
    assert ran.report.exit_code == 0, ran.report.checks


@pytest.mark.parametrize(
    ("letters", "lacks"),
    [("rlc", "may not write: its sp is rcl"), ("rl", "may not create and not write: its sp is rl")],
)
def test_a_sas_that_lacks_a_letter_is_told_before_a_release_finds_out(
    mirrored: Mirrored, emulator: Azurite, letters: str, lacks: str
) -> None:
    emulator.container(mirrored.container)
    signed = mirrored.sas(letters)
    ran = mirrored.doctor(AZURE_STORAGE_SAS_TOKEN=signed, WHEELSTEP_READ_BACK="write")
    assert told(ran).status == "ok", "it may read and list"
    check = told(ran, "write")
    assert (check.status, check.code, check.exit_code) == ("fault", "not-authorized", 5)
    assert lacks in check.message
    assert "the SAS in AZURE_STORAGE_SAS_TOKEN" in check.message
    assert "permissions r, l, c and w" in check.cure
    assert ran.report.exit_code == 5
    assert signed.partition("sig=")[2] not in str(ran.report.document())


@pytest.mark.parametrize(("minutes", "exit_code"), [(30, 0), (-5, 5)])
def test_a_sas_that_ends_within_a_run_is_told(
    mirrored: Mirrored, emulator: Azurite, minutes: float, exit_code: int
) -> None:
    emulator.container(mirrored.container)
    short = mirrored.sas("rlcw", minutes=minutes)
    ran = mirrored.doctor(AZURE_STORAGE_SAS_TOKEN=short, WHEELSTEP_READ_BACK="write")
    check = told(ran, "write")
    assert (check.status, check.code, check.exit_code) == ("fault", "sas-expired", exit_code)
    assert "is good until 20" in check.message
    assert told(ran).status == ("fault" if exit_code else "ok")
    long = mirrored.sas("rlcw")
    ran = mirrored.doctor(AZURE_STORAGE_SAS_TOKEN=long)
    check = told(ran, "write")
    assert (check.status, ", until 20" in check.message) == ("ok", True)


def test_a_custom_domain_without_a_token_of_its_own_is_a_fault(mirrored: Mirrored) -> None:
    mirrored.world.edit("wheelstep.toml", mirrored.url, "blob+https://127.0.0.1:9/acme/wheels")
    ran = mirrored.doctor()
    check = told(ran)
    assert (check.status, check.code, check.exit_code) == ("fault", "destination-foreign", 2)
    assert "a SAS" in check.cure
