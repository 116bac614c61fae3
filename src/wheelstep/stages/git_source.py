"""`pin: git`: where pip reads the commit that a package was released from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from urllib.parse import quote

from wheelstep.errors import Refused, SettingError
from wheelstep.ground.secret import without_credentials
from wheelstep.model import Pin
from wheelstep.repositories.urls import remote_urls, served_url
from wheelstep.stages.run import REMOTE, Run

__all__ = ["repository_url", "with_sources"]


def repository_url(run: Run) -> str | None:
    """Return the URL of this repository for pins by git; None where pins are others.

    Raises:
        SettingError: There is no remote, or none that others read by HTTP.
    """
    if run.settings.pin != "git":
        return None
    branch = (None if run.elsewhere else run.settings.branch) or run.trigger.branch or ""
    urls = remote_urls(run.git, branch)
    if not urls:
        raise SettingError(
            "`pin` is git, and this repository has no remote that a definition could name.",
            code="no-remote",
            cure="Add it with `git remote add origin URL`, or use another `pin`.",
        )
    served = served_url(urls[0])
    if served is None:
        raise SettingError(
            f"`pin` is git, and no https URL is known for the remote {without_credentials(urls[0])}"
            ", so a definition cannot name it.",
            code="remote-not-served",
            cure="Give the remote its https URL (`git remote set-url origin URL`), or use another "
            "`pin`.",
        )
    return served


def with_sources(run: Run, pins: Sequence[Pin], directories: Mapping[str, str]) -> list[Pin]:
    """Return pins that say where pip reads their commits, where pins are by git.

    Args:
        run: The run.
        pins: The intents.
        directories: Where each package lies in the repository, by name.

    Raises:
        SettingError: As `repository_url`.
        Refused: A commit that the remote does not have, as far as is known here.
    """
    url = repository_url(run)
    if url is None:
        return list(pins)
    found = []
    for pin in pins:
        directory = directories.get(pin.name)
        if not pin.commit or directory is None:
            found.append(pin)  # said where a definition names it
            continue
        _check_shared(run, pin)
        inside = "" if directory == "." else f"#subdirectory={quote(directory)}"
        found.append(replace(pin, source=f"{url}@{pin.commit}{inside}"))
    return found


def _check_shared(run: Run, pin: Pin) -> None:
    """Refuse a commit that is here alone."""
    if run.host.is_ci:
        return  # what a pipeline checked out came from the remote
    git, commit = run.git, pin.commit
    if git.try_("cat-file", "-e", f"{commit}^{{commit}}").code != 0:
        return  # a record names it, and it is in nobody's way here: a shallow clone
    if git.try_("branch", "--remotes", "--contains", commit).out.strip():
        return
    there = run.snapshot.head
    if run.settings.commit in REMOTE and there and run.snapshot.is_ancestor(commit, there):
        return
    raise Refused(
        f"{pin.name} {pin.version} is released from the commit {commit[:12]}, which is not on the "
        "remote as far as is known here: pip could not read it there.",
        code="commit-not-on-remote",
        cure="Push first, then release; or use another `pin`.",
    )
