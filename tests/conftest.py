"""What tests of several rooms share: a stand-in of Azure Resource Manager."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.servers.arm import Arm


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate authority of the tests' own."""
    from tests.servers.authority import made_authority

    return made_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def names(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same for the names of Azure's services."""
    from tests.servers.authority import made_authority
    from tests.servers.azure_world import HOSTS

    return made_authority(tmp_path_factory.mktemp("names"), *HOSTS)


@pytest.fixture
def arm(authority: Path) -> Iterator[Arm]:
    """The stand-in, without any workspace."""
    from tests.servers.arm import arm_server  # its descriptions take a second to import

    with arm_server(authority) as arm:
        yield arm
