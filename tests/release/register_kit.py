"""What the tests of `register` do again and again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import yaml

from tests.release.kit import Ran, Repo
from tests.release.samples import CONDA
from tests.servers.arm import Arm, Seen
from tests.servers.arm_answers import Reply
from tests.servers.arm_state import Workspace

IMAGE = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04"


def release(repo: Repo, arm: Arm, *workspaces: Workspace, more: tuple[str, ...] = ()) -> Ran:
    named = [part for one in workspaces for part in ("--workspace", one.option)]
    return repo.wheelstep("release", *named, "--register", *more, extra=arm.environment())


def puts(arm: Arm) -> list[Seen]:
    return arm.seen("PUT")


def planned(repo: Repo) -> dict[str, Any]:
    """What version 9 is made of: what `az ml environment create` would send for the files that a
    release commits, put together by hand."""
    conda = yaml.safe_load(repo.read(CONDA))
    pins = [text.replace("==1.0.0", "==1.1.0") for text in conda["dependencies"][-1]["pip"]]
    conda["dependencies"][-1] = {"pip": pins}
    return {"image": IMAGE, "condaFile": yaml.dump(conda, sort_keys=True)}


def before_each(arm: Arm, method: str, do: Callable[[Seen], None]) -> None:
    """Do something before requests of a method are answered: what others do meanwhile."""
    answer = arm.replied

    def replied(seen: Seen, target: str) -> Reply | None:
        if seen.method == method:
            do(seen)
        return answer(seen, target)

    setattr(arm, "replied", replied)  # noqa: B010 - of this one stand-in
