"""What a commit and a pull request say."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import quote

from wheelstep.errors import SettingError
from wheelstep.ground.secret import redact
from wheelstep.ground.skip_tokens import without_skips
from wheelstep.repositories.identity import Identity, identity_of, with_trailers
from wheelstep.repositories.interface import Wording, carried_by
from wheelstep.repositories.urls import remote_urls, served_url
from wheelstep.stages.proposed import Proposed
from wheelstep.stages.proposed_versions import VersionChange, definition_changes, version_changes
from wheelstep.stages.run import Run

__all__ = ["SHOWN", "boards_items", "check_message", "filled", "run_url", "wording_of"]

SHOWN: Final = 3
"""How many packages a subject names."""
GONE: Final = "\0"
"""Stands for a placeholder that is empty; a message with one of its own is refused."""
BRACKETS: Final = re.compile(rf"[(\[<][ \t]*{GONE}[ \t]*[)\]>]")
LABEL: Final = re.compile(rf"[ \t]*(?:[\w -]+:)?[ \t]*(?:{GONE}[ \t]*)+")
DANGLING: Final = re.compile(rf"[ \t,;|\u2013\u2014-]*{GONE}$")
VERSION: Final = re.compile(r"[0-9A-Za-z.+!-]{1,80}")
HOLE: Final = re.compile(rf"[ \t]*{GONE}[ \t]*")


def wording_of(run: Run, verb: str, proposed: Proposed) -> Wording:
    """Return what is said of a release, or of pins.

    Args:
        run: The run; its report tells what was done so far.
        verb: "Pin" or "Release".
        proposed: What is committed.
    """
    settings, changed = run.settings, _changed(proposed)
    versions = _together(proposed, changed)
    shown = ", ".join(f"{name} {version}" for name, version in versions[:SHOWN])
    more = f" and {len(versions) - SHOWN} more" if len(versions) > SHOWN else ""
    title = settings.committing.title
    asked = settings.commit_message or title  # which asks git for the branch
    holes = _holes(run, f"{shown}{more}", len(versions)) if asked else {}
    if settings.commit_message:
        message = filled(settings.commit_message, holes)
    else:
        lines = _raised(proposed, versions, changed)
        message = f"{verb} {shown}{more}" + (f"\n\n{chr(10).join(lines)}\n" if lines else "")
    body = ""
    if (room := run.repository.room) is not None:
        from wheelstep.stages.proposal_body import body_of

        made = body_of(run, proposed, room)
        body, run.report.page = redact(made.text), redact(made.left)
    above, trailers = _trailers(run)
    return Wording(
        redact(with_trailers(message, trailers, above=above)),
        redact(filled(title, holes)) if title else "",
        body,
    )


def check_message(run: Run) -> None:
    """Refuse a commit message of which nothing would be left, before anything is published; tell
    settings of pull requests that have no effect.

    Raises:
        SettingError: It has nothing but placeholders that are empty here.
    """
    _say_unused(run)
    text = run.settings.commit_message
    if not text or run.settings.commit == "none":
        return
    left = filled(text, _holes(run, "all", 1))
    if run.settings.commit == "pull-request" and (calm := without_skips(left)) != left:
        run.warn(
            "skip-left-out",
            "`commit-message` has a token that skips pipelines. A pull request's commit never has "
            "one, since checks that a rule wants would wait for ever: it is left out.",
            cure="Leave it out of the setting.",
        )
        left = calm
    if left.strip():
        return
    raise SettingError(
        f"`commit-message` is {text!r}, of which nothing is left here: "
        + ("there is no page of a CI run." if "{run}" in text else "it has no text."),
        code="bad-message",
        cure="Let `commit-message` have words of its own, or leave it out.",
    )


def _say_unused(run: Run) -> None:
    """Warn of settings of pull requests where the branch itself is pushed to: whoever wrote them
    expects a review."""
    more = run.settings.committing
    given = {
        "pull-request-branch": more.branch,
        "pull-request-title": more.title,
        "pull-request-labels": more.labels,
        "pull-request-reviewers": more.reviewers,
        "pull-request-draft": more.draft,
        "auto-merge": more.merge,
    }
    names = [f"`{name}`" for name, value in given.items() if value]
    if names and run.settings.commit == "push":
        run.warn(
            "no-pull-request",
            f"`commit` is push: no pull request is opened, and {', '.join(names)} has no effect.",
            cure="Set `commit` to pull-request, or leave that out.",
        )


def _holes(run: Run, packages: str, count: int) -> dict[str, str]:
    branch = run.settings.branch or run.trigger.branch
    if branch is None and not run.host.is_ci and not run.elsewhere:
        branch = run.git.try_("symbolic-ref", "--quiet", "--short", "HEAD").text.strip()
    return {
        "packages": packages,
        "count": str(count),
        "branch": branch or "",
        "run": run_url(run.environment),
    }


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


def filled(text: str, holes: Mapping[str, str]) -> str:
    """Return a text with its placeholders filled in; what an empty one leaves behind goes, too:
    its brackets, its blank, the label that stands alone before it.

    Args:
        text: With `{name}` for a placeholder, and doubled braces for braces.
        holes: What each placeholder stands for.
    """

    # settings_commit.py has refused what is no placeholder
    def one(found: re.Match[str]) -> str:
        return found[0][0] if found[0] in {"{{", "}}"} else holes[found[1]] or GONE

    filled = re.sub(r"\{\{|\}\}|\{(\w+)\}", one, text.replace("\r\n", "\n"))
    if GONE not in filled:
        return filled
    filled = BRACKETS.sub(GONE, filled)
    lines = [
        HOLE.sub(_blank, DANGLING.sub(GONE, line))
        for line in filled.split("\n")
        if GONE not in line or not LABEL.fullmatch(line)
    ]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _blank(hole: re.Match[str]) -> str:
    """Return what is between the words around an empty placeholder."""
    behind = hole.string[hole.end() :][:1]
    return " " if hole.start() and hole[0] != GONE and behind not in {"", *".,;:!?)]"} else ""


def _changed(proposed: Proposed) -> list[VersionChange]:
    """Return what changes against the base, what others have proposed already included."""
    locks = proposed.locks()
    return version_changes(proposed, locks, definition_changes(proposed, locks))


def _together(proposed: Proposed, changed: Sequence[VersionChange]) -> list[tuple[str, str]]:
    """Return the version of each package that the commit is about: that of this run, and those of
    others that its one commit proposes as well."""
    versions = list(proposed.versions)
    if carried_by(proposed.on):
        known = {name for name, _ in versions}
        others = {
            (one.name, one.after)
            for one in changed
            if one.name not in known and VERSION.fullmatch(one.after)
        }
        versions = sorted([*versions, *others])
    return versions


def _raised(
    proposed: Proposed, versions: Sequence[tuple[str, str]], changed: Sequence[VersionChange]
) -> list[str]:
    before, _ = proposed.locks()
    lines = []
    for name, version in versions:
        known = before.packages.get(name)
        if known is None:
            lines.append(f"{name} {version}, its first release")
            continue
        was = {known.version}
        if known.version == version:  # released earlier: the definitions know better
            was = {one.before or "" for one in changed if (one.name, one.after) == (name, version)}
        # the record is a file that anyone can edit, and a message may close issues
        shown = ", ".join(sorted(each for each in was if VERSION.fullmatch(each)))
        if was:
            lines.append(f"{name} {shown} -> {version}" if shown else f"{name} -> {version}")
    return lines


def _is_azure_repos(run: Run) -> bool:
    """Tell whether the commit is for Azure Repos, wherever the run is: it links its own numbers."""
    elsewhere = run.settings.committing.elsewhere if run.elsewhere else None
    branch = run.settings.branch or run.trigger.branch or "HEAD"
    urls = [elsewhere] if elsewhere else remote_urls(run.git, branch)
    return any("/_git/" in (served_url(url) or "") for url in urls)


def boards_items(run: Run) -> str:
    """Return the work items as Azure Boards reads them on GitHub, in a commit's message and in the
    text of a pull request (Azure Boards, "Link GitHub commits, pull requests, branches, and issues
    to work items"); "" where there are none, and on Azure Repos."""
    items = run.settings.committing.work_items
    if not items or _is_azure_repos(run):
        return ""
    return ", ".join(f"AB#{number}" for number in items)


def _trailers(run: Run) -> tuple[str, list[tuple[str, str]]]:
    """Return what stands above the trailers, and the trailers."""
    more = run.settings.committing
    above, trailers = "", []
    if items := boards_items(run):
        trailers.append(("Related-work-items", items))
    elif more.work_items:
        # its own words have blanks, which no trailer's key may have
        above = f"Related work items: {', '.join(f'#{number}' for number in more.work_items)}"
    if more.sign_off:
        given = Identity(*more.author) if more.author else None
        who = identity_of(run.host.name, run.git, given)
        trailers.append(("Signed-off-by", f"{who.name} <{who.email}>"))
    return above, trailers
