"""Whether consumers can read what definitions would name: told before anything is built."""

from __future__ import annotations

from collections.abc import Sequence

from wheelstep.definitions.interface import Kind
from wheelstep.errors import SettingError
from wheelstep.model import Problem
from wheelstep.stages.run import Run

__all__ = ["check_serving", "refuse_nameless"]


def check_serving(run: Run, kinds: Sequence[Kind]) -> Problem | None:
    """Refuse definitions that nobody else could build.

    Args:
        run: The run.
        kinds: The definitions.

    Returns:
        A warning of what only a person at this machine could build; None where there is none.

    Raises:
        SettingError: Nobody else could read what they would name.
    """
    if not (kinds and run.destinations):
        return None
    if run.settings.pin in {"vendor", "git"}:
        return None  # no definition names what is published
    refuse_nameless(run)
    first = run.destinations[0]
    if first.kind == "workspace" and run.settings.pin == "version":
        raise SettingError(
            f"`pin` is version, but {first.name} has no index in which pip could look for one.",
            code="workspace-without-index",
            cure="Leave `pin` out (bare-url), or set it to url; or publish to a feed or a mirror, "
            "too, and name that first.",
        )
    if first.kind != "folder" or first.consumer_url is not None:
        return None
    if run.host.is_ci and run.settings.commit != "none" and not run.planning:
        raise SettingError(
            f"Definitions would be committed that name wheels in the folder {first.name} of this "
            "machine, where nobody else can read them.",
            code="folder-not-served",
            cure="Set `serve-url` to the URL at which the folder is served, or publish to a feed "
            "or an index.",
        )
    return Problem(
        "folder-not-served",
        "warning",
        0,
        f"The definitions name wheels in the folder {first.name}, which is on this machine alone: "
        "no index is written into them.",
        "Set `serve-url` when the folder is served somewhere.",
    )


def refuse_nameless(run: Run) -> None:
    """Refuse to pin by URL where consumers have none, before anything is built or published.

    Raises:
        SettingError: The wheels lie in a folder of this machine.
    """
    first = run.destinations[0] if run.destinations else None
    by_url = run.settings.pin in {"url", "bare-url"}
    if not by_url or first is None or first.kind != "folder":
        return
    if first.index().url is None:
        raise SettingError(
            f"`pin` is {run.settings.pin}, but the wheels are published in the folder {first.name} "
            "of this machine, and no URL is known that a definition could name.",
            code="folder-not-served",
            cure="Set `serve-url` to the URL at which the folder is served, or `pin` to version.",
        )
