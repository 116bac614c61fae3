"""What the tests of the workspaces share: a stand-in of Azure Resource Manager."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.arm import Arm, arm_server
from tests.servers.authority import made_authority


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def arm(authority: Path) -> Iterator[Arm]:
    with arm_server(authority) as arm:
        yield arm
