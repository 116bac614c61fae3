"""The certificate authority that the stand-in of Azure Resource Manager shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.servers.authority import made_authority


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_authority(tmp_path_factory.mktemp("authority"))
