"""Registering in this process: how a race is lost for good, and what is asked how often."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest

from tests.ground.web import InstantClock
from tests.release.kit import Repo
from tests.servers.arm import Arm, Seen
from tests.servers.arm_answers import Reply, failing
from tests.servers.arm_state import Workspace
from wheelstep.definitions.interface import Wanted
from wheelstep.definitions.plan import Edits, plan_edits
from wheelstep.errors import (
    DefinitionUnresolvable,
    ServiceRefused,
    ServiceUnavailable,
    SeveralProblems,
)
from wheelstep.hosts.terminal import Terminal
from wheelstep.model import Pin
from wheelstep.report import Report
from wheelstep.repositories.interface import Snapshot
from wheelstep.settings import load
from wheelstep.stages.definitions import show_edits
from wheelstep.stages.floors import above_floors
from wheelstep.stages.registering import registered
from wheelstep.stages.registrable import say_next_steps
from wheelstep.stages.run import Run, open_run

NAME = "acme-train"
FILES = {
    "env.yml": b"name: acme-train\nversion: 8\nimage: base\nconda_file: conda.yml\n",
    "conda.yml": b"dependencies: [python=3.11, {pip: [acme-core==1.0]}]\n",
    "job.yml": b"environment: azureml:acme-train:8\n",
}
"""As they are committed."""


@dataclass
class Head:
    """A snapshot of given files."""

    files: Mapping[str, bytes]

    def read(self, path: str) -> bytes | None:
        return self.files.get(path)


@dataclass
class Made:
    """A run of which only deciding and registering are tried."""

    run: Run
    files: Mapping[str, bytes]
    decided: int = 0
    edits: Edits = Edits((), ())  # noqa: RUF009 - frozen

    @property
    def snapshot(self) -> Snapshot:
        return cast("Snapshot", Head(self.files))

    def decide(self) -> Edits:
        self.decided += 1
        self.edits = above_floors(self.run, self.snapshot, self._above)
        show_edits(self.run.report, self.edits)
        return self.edits

    def _above(
        self, floors: Mapping[str, Sequence[str]], settled: Mapping[tuple[str, str], str]
    ) -> Edits:
        pins = (Pin("acme-core", "1.1", "c0ffee"),)
        wanted = Wanted(pins, "version", None, lambda *_: None, floors=floors, settled=settled)
        return plan_edits(self.files.get, sorted(self.files), wanted)

    def register(self) -> None:
        registered(self.run, self.snapshot, self.decide)

    @property
    def version(self) -> str | None:
        (one,) = (one for edit in self.edits.edits for one in edit.environments)
        return one.after

    @property
    def registered(self) -> list[str]:
        rows = self.run.report.definitions
        (one,) = (one for row in rows for one in row.environments if one["name"] == NAME)
        return list(one["registered"])


Making = Callable[..., Made]


@pytest.fixture
def make(arm: Arm, tmp_path: Path) -> Making:
    repo = Repo.create(tmp_path / "place", {"a": "b\n"})

    def make(
        *workspaces: Workspace, files: Mapping[str, bytes] = FILES, register: bool = True
    ) -> Made:
        environment = dict(repo.environment)
        host = Terminal(environment, io.StringIO(), io.StringIO())
        flags = {
            "register": register or None,
            "workspace": [one.option for one in workspaces],
            "publish-to": ["../index"],
            "repository": str(repo.root),
        }
        settings = load("release", flags, environment=environment, host=host, directory=repo.root)
        run = open_run(settings, host, environment, Report("release"))
        run.clock = InstantClock()
        run.__dict__["resource_manager"] = arm.manager()
        return Made(run, files)

    return make


def before_each_put(arm: Arm, do: Callable[[Seen], Any]) -> None:
    answer = arm.replied

    def replied(seen: Seen, target: str) -> Reply | None:
        if seen.method == "PUT":
            do(seen)
        return answer(seen, target)

    setattr(arm, "replied", replied)  # noqa: B010 - of this one stand-in


def others_version(workspace: Workspace, seen: Seen) -> None:
    """Someone else was faster with this version."""
    workspace.register(NAME, seen.path.rpartition("/")[2], condaFile="name: others\n")


def test_a_race_that_is_lost_every_time_ends(arm: Arm, make: Making) -> None:
    workspace = arm.workspace("train")
    before_each_put(arm, partial(others_version, workspace))
    made = make(workspace)
    with pytest.raises(ServiceUnavailable) as caught:
        made.register()
    assert caught.value.code == "race-lost"
    versions = [one.path.rpartition("/")[2] for one in arm.seen("PUT")]
    assert versions == [str(number) for number in range(9, 9 + len(versions))]
    assert {one["condaFile"] for one in workspace.environments[NAME].values()} == {"name: others\n"}


def test_a_service_that_alters_what_it_is_given_burns_no_more_than_two_numbers(
    arm: Arm, make: Making
) -> None:
    workspace = arm.workspace("train")

    def altered(seen: Seen) -> None:
        properties = json.loads(seen.body)["properties"]
        version = seen.path.rpartition("/")[2]
        workspace.register(NAME, version, **{**properties, "image": "base@sha256:1"})
        arm.fail("PUT", f"*/versions/{version}", Reply(201, {}))

    before_each_put(arm, altered)
    made = make(workspace)
    with pytest.raises(ServiceRefused, match="another image than was sent") as caught:
        made.register()
    assert caught.value.code == "environment-altered"
    assert list(workspace.environments[NAME]) == ["9", "10"]


def test_another_run_that_makes_the_very_same_is_no_conflict(arm: Arm, make: Making) -> None:
    workspace = arm.workspace("train")

    def the_same(seen: Seen) -> None:
        conda = "dependencies:\n- python=3.11\n- pip:\n  - acme-core==1.1\n"
        workspace.register(NAME, seen.path.rpartition("/")[2], image="base", condaFile=conda)

    before_each_put(arm, the_same)
    made = make(workspace)
    made.register()
    assert (made.version, len(arm.seen("PUT"))) == ("9", 1)
    assert made.registered == [workspace.option]


def test_what_was_taken_while_building_is_seen_before_anything_is_written(
    arm: Arm, make: Making
) -> None:
    first, second = arm.workspace("first"), arm.workspace("second")
    made = make(first, second)
    made.decide()
    assert made.version == "9"
    second.register(NAME, "9", "11")
    made.register()
    assert made.version == "12"
    assert list(first.environments[NAME]) == ["12"]
    assert len(arm.seen("PUT")) == 2
    (job,) = (edit for edit in made.edits.edits if edit.path == "job.yml")
    assert job.after == b"environment: azureml:acme-train:12\n"


def test_deciding_again_asks_and_writes_nothing_twice(arm: Arm, make: Making) -> None:
    made = make(arm.workspace("train"))
    made.register()
    asked = len(arm.requests)
    made.register()
    assert len(arm.requests) == asked
    assert (made.version, len(made.registered)) == ("9", 1)


def test_a_workspace_that_fails_only_now_leaves_the_others_done(arm: Arm, make: Making) -> None:
    workspaces = [arm.workspace(name) for name in ("one", "two", "three")]
    made = make(*workspaces)
    made.decide()
    arm.fail("GET", f"{workspaces[0].id}/*", failing(), times=None)
    arm.deny("*/environments/versions/write", f"{workspaces[1].id}*")
    with pytest.raises(SeveralProblems) as caught:
        made.register()
    assert caught.value.exit_code == 5
    assert [one.exit_code for one in caught.value.errors] == [6, 5]
    assert all(
        f"in the workspace {one.option}" in error.message
        and f"registered in {workspaces[2].option}." in error.message
        for one, error in zip(workspaces, caught.value.errors, strict=False)
    )
    assert list(workspaces[2].environments[NAME]) == ["9"]
    assert made.registered == [workspaces[2].option]


def test_what_another_run_took_is_not_said_to_be_ours(arm: Arm, make: Making) -> None:
    lost, refused, won = (arm.workspace(name) for name in ("lost", "refused", "won"))
    arm.deny("*/environments/versions/write", f"{refused.id}*")

    def faster(seen: Seen) -> None:
        if seen.path.startswith(lost.id):
            others_version(lost, seen)

    before_each_put(arm, faster)
    made = make(lost, refused, won)
    with pytest.raises(ServiceRefused, match=f"It is registered in {won.option}[.] No definition"):
        made.register()
    assert made.registered == [won.option]


def test_a_plan_creates_nothing(arm: Arm, make: Making) -> None:
    made = make(arm.workspace("train"))
    made.run.planning = True
    made.register()
    assert {one.method for one in arm.requests} == {"GET"}
    assert [one.code for one in made.run.report.problems] == ["would-register"]
    assert made.registered == []


def test_a_run_that_raises_nothing_asks_nothing(arm: Arm, make: Making) -> None:
    workspace = arm.workspace("train")
    pinned = FILES["conda.yml"].replace(b"1.0", b"1.1")
    made = make(workspace, files={**FILES, "conda.yml": pinned})
    made.register()
    assert arm.requests == []


def test_two_files_that_describe_the_same_are_created_once(arm: Arm, make: Making) -> None:
    workspace = arm.workspace("train")
    made = make(workspace, files={**FILES, "env-copy.yml": FILES["env.yml"]})
    made.register()
    assert len(arm.seen("PUT")) == 1
    rows = [row for row in made.run.report.definitions if row.environments]
    assert [row.environments[0]["registered"] for row in rows] == [[workspace.option]] * 2
    different = {**FILES, "env-copy.yml": FILES["env.yml"].replace(b"base", b"other")}
    with pytest.raises(DefinitionUnresolvable) as caught:
        make(arm.workspace("other"), files=different).register()
    assert caught.value.code == "environment-twice"


OTHER_FORMS = {
    "register.py": b'Environment(name="by-script", version="3", image="base", conda_file={'
    b'"dependencies": ["python=3.11", {"pip": ["acme-core==1.0"]}]})\n',
    "v1/azureml_environment.json": b'{"name": "old", "version": "3", "python": {"condaDependencies"'
    b': {"dependencies": ["python=3.8", {"pip": ["acme-core==1.0"]}]}}}\n',
    "words.yml": b"name: words\nversion: blue\nimage: base\nconda_file:\n"
    b"  dependencies: [python=3.11, {pip: [acme-core==1.0]}]\n",
}


def test_what_is_not_registered_is_said_once_each(arm: Arm, make: Making) -> None:
    workspace = arm.workspace("train")
    made = make(workspace, files={**FILES, **OTHER_FORMS})
    made.register()
    made.register()
    said = {
        one.file: one
        for one in made.run.report.problems
        if one.code == "environment-not-registered"
    }
    assert said.keys() == OTHER_FORMS.keys()
    assert (said["register.py"].severity, said["words.yml"].severity) == ("notice", "warning")
    assert "az ml environment create --file words.yml" in said["words.yml"].cure
    assert list(workspace.environments) == [NAME]
    assert len({one.message for one in said.values()}) == len(said)


def test_the_next_step_names_each_command_and_stays_short(arm: Arm, make: Making) -> None:
    files = {
        **FILES,
        "my env/none.yml": b"name: none\nimage: base\nconda_file: ../conda.yml\n",
    }
    made = make(arm.workspace("train", group="my(group)"), files=files, register=False)
    made.register()
    say_next_steps(made.run, made.edits)
    assert arm.seen("PUT") == []
    (said,) = (one for one in made.run.report.problems if one.code == "register-next")
    assert said.message.startswith("acme-train 9, none are not registered yet")
    assert "--file env.yml --resource-group 'my(group)' --workspace-name train" in said.cure
    assert "--file 'my env/none.yml'" in said.cure
    many = make(*(arm.workspace(f"train{number}") for number in range(9)), register=False)
    many.register()
    say_next_steps(many.run, many.edits)
    (said,) = (one for one in many.run.report.problems if one.code == "register-next")
    assert (said.cure.count("az ml"), "and 3 more" in said.cure) == (6, True)
