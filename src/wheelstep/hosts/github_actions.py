"""GitHub Actions.

Commands, their escapes and files as GitHub's own toolkit (@actions/core 3.0.1) writes them and as
docs.github.com, "Workflow commands for GitHub Actions", has them.
"""

from __future__ import annotations

import json
import re
import secrets
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from wheelstep.errors import CannotHere
from wheelstep.ground.secret import Secret, redact
from wheelstep.ground.text import writable
from wheelstep.hosts.commands import CommandHost, Dialect, append
from wheelstep.hosts.interface import BEFORE_MERGE, Trigger

__all__ = ["DIALECT", "GitHubActions", "cut"]

DATA: Final = (("%", "%25"), ("\r", "%0D"), ("\n", "%0A"))

DIALECT: Final = Dialect(
    fold="::group::{0}",
    unfold="::endgroup::",
    mask="::add-mask::{0}",
    problem={
        "error": "::error{0}::{1}",
        "warning": "::warning{0}::{1}",
        "notice": "::notice{0}::{1}",
    },
    properties={"file": "file", "line": "line", "code": "title"},
    opening=" ",
    separator=",",
    data=DATA,
    values=(*DATA, (":", "%3A"), (",", "%2C")),
    # `::` counts at the start of a line only, the older `##[` anywhere
    looks_like_command=re.compile(r"^\s*:(?=:)|#(?=#\[)"),
    most=10,
)

LARGEST_SUMMARY: Final = 1024 * 1024
"""Bytes that one step may have in its summary; a larger one is dropped whole."""

TOO_LONG: Final = "\n\n*The rest did not fit into the summary: it is in the log.*\n"

LONGEST_FENCE: Final = 80
FENCE: Final = re.compile(rf" {{0,3}}(`{{3,{LONGEST_FENCE}}})")
"""The start or end of a code block (CommonMark 4.5)."""

PULL_REQUEST_EVENTS: Final = frozenset(
    {"pull_request", "pull_request_target", "pull_request_review", "pull_request_review_comment",
     "merge_group"}
)  # fmt: skip
"""Events that ask whether a change may come in: `pull_request_target` runs on the base branch, and
`merge_group` on a branch of its own that GitHub deletes again."""


class GitHubActions(CommandHost):
    """A step of a GitHub Actions job. See `interface.Host`."""

    name = "github"
    dialect = DIALECT

    def relay(self, text: str) -> None:
        """Show text of others with the reading of commands switched off meanwhile."""
        token = f"wheelstep-{secrets.token_hex(16)}"
        with self.writer.lock:
            self.writer.line(f"::stop-commands::{token}")
            try:
                self.writer.line(text.rstrip("\r\n"))
            finally:
                self.writer.line(f"::{token}::")

    def summary(self, markdown: str) -> None:
        """Append to the step's summary, cut where GitHub would drop it whole."""
        if not (name := self.environment.get("GITHUB_STEP_SUMMARY")):
            return
        path = Path(name)
        try:
            there = path.stat().st_size
        except FileNotFoundError:
            there = 0
        except OSError as error:
            raise CannotHere.from_os_error(error, "writing the summary") from error
        text = cut(redact(markdown).rstrip("\n") + "\n", LARGEST_SUMMARY - there)
        append(path, text, "writing the summary")

    def _output(self, name: str, value: str) -> None:
        if not (path := self.environment.get("GITHUB_OUTPUT")):
            return
        # a random delimiter: nothing in the value can end it and set another output
        delimiter = f"ghadelimiter_{secrets.token_hex(16)}"
        text = f"{name}<<{delimiter}\n{value}\n{delimiter}\n"
        append(Path(path), text, f"handing on the output {name}")

    def trigger(self) -> Trigger:
        """Return what started the run, from GITHUB_EVENT_NAME, GITHUB_REF, GITHUB_HEAD_REF and,
        where the event runs on the main branch and may be about a pull request all the same, what
        GITHUB_EVENT_PATH says of it.

        GITHUB_REF is of the repository that GITHUB_REPOSITORY names: a job may have checked out
        another one.

        Source: docs.github.com, "Events that trigger workflows" (each event's GITHUB_REF).
        """
        ref = self.environment.get("GITHUB_REF", "")
        if (
            self.environment.get("GITHUB_EVENT_NAME") in PULL_REQUEST_EVENTS
            or self.environment.get("GITHUB_HEAD_REF")
            or ref.startswith(BEFORE_MERGE)
            or self._is_about_a_pull_request
        ):
            return Trigger(branch=None, pull_request=True)
        server, name = map(self.environment.get, ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY"))
        whose = f"{server.rstrip('/')}/{name}" if server and name else None
        if ref.startswith("refs/tags/"):
            return Trigger(branch=None, tag=ref.removeprefix("refs/tags/"), repository=whose)
        if ref.startswith("refs/heads/"):
            pushed = self.environment.get("GITHUB_EVENT_NAME") == "push"
            return Trigger(ref.removeprefix("refs/heads/"), pushed=pushed, repository=whose)
        return Trigger(branch=None)

    @cached_property
    def _is_about_a_pull_request(self) -> bool:
        """Tell whether the event, which has the secrets and the main branch's ref, is about a pull
        request: a workflow that another one's run started which a pull request had started, or
        that is a fork's; a comment on a pull request. Of an event whose document cannot be read it
        is not known, and counts as one."""
        match self.environment.get("GITHUB_EVENT_NAME"):
            case "workflow_run":
                event = self._event()
                run = _inner(event, "workflow_run")
                fork = _inner(run, "head_repository").get("full_name")
                own = _inner(event, "repository").get("full_name")
                started = run.get("event")
                if f"refs/heads/{run.get('head_branch')}".startswith(BEFORE_MERGE):
                    return True
                return not started or started in PULL_REQUEST_EVENTS or (fork or own) != own
            case "issue_comment":
                issue = _inner(self._event(), "issue")
                return not issue or bool(issue.get("pull_request"))
        return False

    def _event(self) -> dict[str, Any]:
        """Return the event's document; empty where there is none."""
        try:
            text = Path(self.environment.get("GITHUB_EVENT_PATH", "")).read_text(encoding="utf-8")
            found = json.loads(text)
        except (OSError, ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    def job_token(self) -> Secret | None:
        """Return the job's token: action.yml hands it over in INPUT_JOB_TOKEN, a script step in
        GITHUB_TOKEN."""
        for name in ("INPUT_JOB_TOKEN", "GITHUB_TOKEN"):
            if token := self.environment.get(name, "").strip():
                return Secret(token)
        return None

    def input(self, option: str) -> str | None:
        """Return an input: action.yml sets INPUT_PUBLISH_TO for `publish-to`."""
        name = "INPUT_" + option.upper().replace("-", "_")
        return self.environment.get(name, "").strip() or None


def _inner(document: dict[str, Any], name: str) -> dict[str, Any]:
    found = document.get(name)
    return found if isinstance(found, dict) else {}


def cut(markdown: str, room: int) -> str:
    """Return Markdown that takes no more bytes than there is room for.

    Args:
        markdown: Ends with a line end.
        room: Bytes in UTF-8; what is cut ends at a line, with an open code block closed.
    """
    data = (markdown := writable(markdown)).encode()
    if len(data) <= room:
        return markdown
    room -= len(TOO_LONG) + LONGEST_FENCE + 1
    if room <= 0:
        return ""
    kept = data[:room].decode("utf-8", "ignore").rpartition("\n")[0]
    opened = ""
    for line in kept.split("\n"):
        fence = FENCE.match(line)
        if fence and not opened:
            opened = fence[1]
        elif fence and line.strip("` ") == "" and len(fence[1]) >= len(opened):
            opened = ""
    return kept + (f"\n{opened}" if opened else "") + TOO_LONG
