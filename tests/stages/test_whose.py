"""Which URLs of definitions are ours: under a destination, or a pin that the record has."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.release.kit import Repo
from tests.settings_kit import host, read
from wheelstep.errors import ServiceRefused
from wheelstep.hosts.interface import Trigger
from wheelstep.lock import FILE, Lock, Locked, LockedWheel
from wheelstep.model import Pin, Workspace
from wheelstep.report import Report
from wheelstep.stages.run import Run, open_run
from wheelstep.stages.whose import whose

WHEEL = "acme_core-1.0-py3-none-any.whl"
SUM = "a" * 64
OWN = "azureml://subscriptions/s/resourcegroups/g/workspaces/own"
OLD = "azureml://subscriptions/s/resourcegroups/g/workspaces/old"
GONE = "azureml://subscriptions/s/resourcegroups/g/workspaces/gone"
PRIVATE = f"azureml/Environment/azureml-private-packages/{WHEEL}"
PLACES = (OLD, GONE, "https://before.example/wheels/", "https://index.example/x/simple/", "../dist")


class Door:
    """What Resource Manager says of a workspace."""

    def __init__(self, workspace: Workspace) -> None:
        self.name = workspace.name

    def storage(self) -> str:
        if self.name == "gone":
            raise ServiceRefused("It is gone.", code="workspace-not-found", cure="Nothing.")
        return f"https://{self.name}.blob.core.windows.net"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    wheel = LockedWheel(WHEEL, SUM, "", 1, None, PLACES)
    locked = Locked("acme-core", "1.0", "", "c" * 40, None, (), (wheel,))
    lock = Lock({"acme-core": locked}).render()
    repo = Repo.create(tmp_path / "place", {FILE: lock})
    environment = dict(repo.environment)
    to = ["../index", OWN, "index+https://pypi.example/name/"]
    settings = read(repo.root, flags={"publish-to": to}, environment=environment)
    monkeypatch.setattr(Run, "door", lambda _, workspace: Door(workspace))
    return open_run(settings, host(environment), environment, Report("release"))


@pytest.mark.parametrize(
    "url",
    [
        f"https://pypi.example/name/packages/{WHEEL}",
        f"https://PYPI.example:443/name/{WHEEL}?sv=1#sha256={'0' * 64}",
        f"https://before.example/wheels/simple/acme-core/{WHEEL}",
        f"https://index.example/x/files/{WHEEL}",
        f"https://own.blob.core.windows.net/{PRIVATE}",
        f"https://OLD.blob.core.windows.net:443/{PRIVATE}?sig=x",
        f"https://somebody.example/{WHEEL}#sha256={SUM.upper()}",
        "file:///wheels/x.whl",
    ],
)
def test_ours(url: str, run: Run) -> None:
    assert whose(run, ())(url)


@pytest.mark.parametrize(
    "url",
    [
        f"https://somebody.example/{WHEEL}",
        f"https://somebody.example/{WHEEL}#sha256={'b' * 64}",
        f"https://somebody.example/other-1.0-py3-none-any.whl#sha256={SUM}",
        f"https://somebody.example/{WHEEL}?x=#md5=1&sha256={SUM}0",
        f"https://somebody.example/{PRIVATE}",
        f"https://gone.blob.core.windows.net/{PRIVATE}",
        f"https://own.blob.core.windows.net@somebody.example/{PRIVATE}",
        f"https://own.blob.core.windows.net/azureml/Environment/others/%2E%2E/{PRIVATE}",
        f"https://own.blob.core.windows.net/other/{PRIVATE}",
        f"https://pypi.example/others/{WHEEL}",
        f"https://pypi.example/name/%2E%2E/others/{WHEEL}",
        f"https://pypi.example/name%2F..%2Fothers/{WHEEL}",
        f"https://[pypi.example/{WHEEL}",
    ],
)
def test_somebody_elses(url: str, run: Run) -> None:
    assert not whose(run, ())(url)


def test_what_is_known_to_be_there_is_ours_by_whatever_name(run: Run) -> None:
    there = f"https://custom.example/{PRIVATE}"
    assert not whose(run, ())(there)
    pin = Pin("acme-core", "1.0", "c" * 40, urls=((WHEEL, there),))
    assert whose(run, [pin])(there.replace("1.0", "0.9"))


def test_on_a_pull_request_no_workspace_is_asked(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(*_: Any) -> Any:
        raise AssertionError

    monkeypatch.setattr(Run, "door", asked)
    run.trigger = replace(run.trigger, pull_request=True)
    assert isinstance(run.trigger, Trigger)
    run.__dict__["destinations"] = [SimpleNamespace(place=OWN, consumer_url=None, kind="workspace")]
    assert whose(run, ())(f"https://own.blob.core.windows.net/{PRIVATE}")
    assert not whose(run, ())(f"https://somebody.example/{WHEEL}")
