"""What tests of several rooms share: a stand-in of Azure Resource Manager."""

from __future__ import annotations

import operator
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.servers.arm import Arm
    from tests.servers.azurite import Azurite

# Thousands of interpreters are started here: where a machine forbids it to keep what is compiled,
# each would compile all that it imports, which takes three times as long as all the rest.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# A script that starts the tests in its background has them ignore Ctrl+C, and so would every
# process that they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


LONGEST = (
    "doctor/test_as_a_release.py", "rehearsal/test_pip_agrees_on_files.py", "doctor/test_faults.py",
    "doctor/test_more_faults.py", "robustness/test_kills.py", "robustness/test_signals.py",
    "robustness/test_kills_hosted.py", "robustness/test_faulty_service.py", "step/test_action.py",
    "step/test_task.py", "doctor/test_unknown.py", "release/test_parts.py",
)  # fmt: skip
"""Files that take longest: begun first, so that at the end no process waits for another's."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest; each file's tests stay in their order."""
    places = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get("/".join(item.path.parts[-2:]), len(places)))


@pytest.fixture(autouse=True)
def no_secret_of_another_test() -> Iterator[None]:
    """Forget the secrets of a test after it: what it made one could be a word of another's text."""
    from wheelstep.ground import secret, transport

    known, listeners = set(secret._known), list(secret._listeners)
    yield
    transport._basic.cache_clear()  # making a header is what makes its value a secret
    secret._known.intersection_update(known)
    secret._listeners[:] = listeners


ROUTES_KEPT = (
    ("wheelstep.ground.azure_devops", "_routes"),
    ("azure.devops._file_cache", "OPTIONS_CACHE"),
    ("azure.devops.client", "Client._locations_cache"),
)
"""Where a process keeps what hosts said they have: modules and names."""


@pytest.fixture(autouse=True)
def no_routes_of_another_test() -> Iterator[None]:
    """Forget what servers of Azure DevOps said they have: another may have the same port later."""
    yield
    # what no test has imported has nothing to forget, and takes a second to import
    for module, name in ROUTES_KEPT:
        if module in sys.modules:
            operator.attrgetter(name)(sys.modules[module]).clear()


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate authority of the tests' own."""
    from tests.servers.authority import made_authority

    return made_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    """A real blob store; each test has containers of its own."""
    from tests.servers.azurite import azurite

    with azurite(tmp_path_factory.mktemp("azurite")) as running:
        yield running


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
