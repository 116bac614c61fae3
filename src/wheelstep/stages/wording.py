"""What a commit and a pull request say."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote

from wheelstep.definitions.interface import Kind
from wheelstep.ground.secret import redact
from wheelstep.lock import FILE, Lock
from wheelstep.model import Change
from wheelstep.repositories.identity import Identity, identity_of, with_trailers
from wheelstep.repositories.interface import Snapshot, Wording, base_of, carried_by
from wheelstep.repositories.urls import remote_urls, served_url
from wheelstep.stages.run import Run

__all__ = ["Proposed", "run_url", "wording_of"]

SHOWN: Final = 3
"""How many packages a subject names."""


@dataclass(frozen=True, slots=True)
class Proposed:
    """What a commit or a pull request changes, all in all."""

    on: Snapshot
    """The head that was decided on."""
    changes: Sequence[Change]
    versions: Sequence[tuple[str, str]]
    """(name, version) of each package that this run releases or pins."""
    kinds: Sequence[Kind] = ()
    """The definitions, for who reads them."""
    directories: Mapping[str, str] = field(default_factory=dict)
    """Name of a package -> its folder, as far as they are known."""

    @property
    def base(self) -> Snapshot:
        """What it is held against."""
        return base_of(self.on)

    def contents(self) -> dict[str, bytes | None]:
        """Return the files that it changes, as they are with it."""
        found = {path: self.on.read(path) for path in carried_by(self.on)}
        return found | {change.path: change.after for change in self.changes}

    def locks(self) -> tuple[Lock, Lock]:
        """Return the record before and with it."""
        return Lock.parse(self.base.read(FILE)), Lock.parse(
            self.contents().get(FILE, self.on.read(FILE))
        )


def wording_of(run: Run, verb: str, proposed: Proposed) -> Wording:
    """Return what is said of a release, or of pins.

    Args:
        run: The run; its report tells what was done so far.
        verb: "Pin" or "Release".
        proposed: What is committed.
    """
    settings, versions = run.settings, proposed.versions
    shown = ", ".join(f"{name} {version}" for name, version in versions[:SHOWN])
    more = f" and {len(versions) - SHOWN} more" if len(versions) > SHOWN else ""
    holes = {
        "packages": f"{shown}{more}",
        "count": str(len(versions)),
        "branch": settings.branch or run.trigger.branch or "",
        "run": run_url(run.environment),
    }
    if settings.commit_message:
        message = _filled(settings.commit_message, holes)
    else:
        lines = _raised(proposed)
        message = f"{verb} {shown}{more}" + (f"\n\n{chr(10).join(lines)}\n" if lines else "")
    title = settings.committing.title
    body = ""
    if settings.commit == "pull-request":
        from wheelstep.stages.proposal_body import body_of

        body = redact(body_of(run, proposed))
    return Wording(
        redact(with_trailers(message, _trailers(run))),
        redact(_filled(title, holes)) if title else "",
        body,
    )


def run_url(environment: Mapping[str, str]) -> str:
    """Return the page of the CI run; "" on a terminal.

    Args:
        environment: This process's: GITHUB_SERVER_URL, GITHUB_REPOSITORY, GITHUB_RUN_ID on GitHub;
            SYSTEM_COLLECTIONURI, SYSTEM_TEAMPROJECT, BUILD_BUILDID on Azure Pipelines.
    """
    github = [environment.get(f"GITHUB_{name}", "") for name in ("SERVER_URL", "REPOSITORY")]
    if number := environment.get("GITHUB_RUN_ID"):
        return f"{github[0]}/{github[1]}/actions/runs/{number}" if all(github) else ""
    collection, project, build = (
        environment.get(name, "")
        for name in ("SYSTEM_COLLECTIONURI", "SYSTEM_TEAMPROJECT", "BUILD_BUILDID")
    )
    if not (collection and project and build):
        return ""
    return f"{collection.rstrip('/')}/{quote(project)}/_build/results?buildId={quote(build)}"


def _filled(text: str, holes: Mapping[str, str]) -> str:
    # settings_commit.py has refused what is no placeholder
    def one(found: re.Match[str]) -> str:
        return found[0][0] if found[0] in {"{{", "}}"} else holes[found[1]]

    return re.sub(r"\{\{|\}\}|\{(\w+)\}", one, text)


def _raised(proposed: Proposed) -> list[str]:
    before, _ = proposed.locks()
    lines = []
    for name, version in proposed.versions:
        known = before.packages.get(name)
        if known is None:
            lines.append(f"{name} {version}, its first release")
        elif known.version != version:
            lines.append(f"{name} {known.version} -> {version}")
    return lines


def _is_azure_repos(run: Run) -> bool:
    """Tell whether the commit is for Azure Repos, wherever the run is: it links its own numbers."""
    elsewhere = run.settings.committing.elsewhere if run.elsewhere else None
    branch = run.settings.branch or run.trigger.branch or "HEAD"
    urls = [elsewhere] if elsewhere else remote_urls(run.git, branch)
    return any("/_git/" in (served_url(url) or "") for url in urls)


def _trailers(run: Run) -> list[tuple[str, str]]:
    more = run.settings.committing
    trailers = []
    if more.work_items:
        if _is_azure_repos(run):
            items = ", ".join(f"#{number}" for number in more.work_items)
            trailers.append(("Related work items", items))
        else:
            items = ", ".join(f"AB#{number}" for number in more.work_items)
            trailers.append(("Related-work-items", items))
    if more.sign_off:
        given = Identity(*more.author) if more.author else None
        who = identity_of(run.host.name, run.git, given)
        trailers.append(("Signed-off-by", f"{who.name} <{who.email}>"))
    return trailers
