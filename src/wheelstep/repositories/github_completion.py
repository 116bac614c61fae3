"""`auto-merge` on a GitHub: a pull request is merged as soon as the rules allow.

Auto-merge begins only where something is left to wait for; with nothing left the pull request is
merged at once, or put into the queue of a branch that has one. What cannot be done is a sentence
for the user, and never the end of the run.

Sources: GitHub's GraphQL reference, enablePullRequestAutoMerge and enqueuePullRequest; its REST
reference, "Merge a pull request"; its docs, "Automatically merging a pull request". The wordings
are as users quote them.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from wheelstep.errors import ServiceRefused, ServiceUnavailable
from wheelstep.ground.clock import backoff
from wheelstep.ground.github import SaysNo
from wheelstep.repositories.github_repository import GitHubRepository
from wheelstep.repositories.pulls import Merge, PullWish

__all__ = ["NOT_YET", "complete", "patiently", "sentence"]

ANSWER: Final = "clientMutationId"
"""All that is asked of a mutation's answer."""
ATTEMPTS: Final = 3
METHODS: Final[Mapping[Merge, str]] = {"merge": "MERGE", "squash": "SQUASH", "rebase": "REBASE"}
NOTHING_TO_WAIT_FOR: Final = re.compile(
    r"in clean status|protected branch rules not configured", re.IGNORECASE
)
MOVED: Final = re.compile(r"head (branch|sha|oid)\b.*(modified|match)", re.IGNORECASE)
"""What is proposed is another commit, or GitHub has not noticed the latest push yet."""
NOT_YET: Final = re.compile(
    r"could not resolve to a node with the global id of .(PR_|MDExOlB1bGxSZXF1ZXN0)", re.IGNORECASE
)
"""A pull request that was opened a moment ago is not known everywhere
(peter-evans/create-pull-request #4321); ids of old begin with "011:PullRequest" in base64."""
PASSING: Final = re.compile(
    rf"base branch was modified|in unknown status|{MOVED.pattern}|{NOT_YET.pattern}", re.IGNORECASE
)
"""GitHub has not worked out yet how the pull request stands to its base."""
NOT_ALLOWED: Final = re.compile(r"auto.?merge is not allowed", re.IGNORECASE)
QUEUE: Final = re.compile(r"merge queue", re.IGNORECASE)
HINTS: Final = tuple(
    (re.compile(pattern, re.IGNORECASE), hint)
    for pattern, hint in (
        (
            NOT_ALLOWED.pattern,
            'Switch "Allow auto-merge" on in the repository\'s settings, under General.',
        ),
        (
            r"in draft status|draft state|is (still )?a draft",
            "Drafts are not merged: leave `pull-request-draft` out, or mark it ready for review.",
        ),
        (
            r"in unstable status",
            (
                "Checks have not passed that no rule requires, and GitHub does not wait for those."
                " Require them in the branch's rules, or merge it by hand."
            ),
        ),
        (r"in dirty status|merge conflict", "Its branch and the base exclude each other for now."),
        (
            r"merge method|merges are not allowed|merging is not allowed",
            "Set `auto-merge` to a way that the repository's settings allow.",
        ),
        (
            MOVED.pattern,
            (
                "Somebody has pushed to its branch meanwhile, and that was not rehearsed. Run it"
                " again."
            ),
        ),
        (
            r"not accessible by",
            "It takes `permissions: contents: write` and `pull-requests: write`.",
        ),
    )
)
"""What GitHub says -> what to do."""


def complete(
    at: GitHubRepository, there: Mapping[str, Any], wish: PullWish, notes: list[str]
) -> bool:
    """Let a pull request be merged as soon as the rules allow; True where it is merged now.

    GitHub holds it to the commit that was rehearsed when it is asked; what somebody with the right
    to write pushes later is merged, too (its docs: only others' pushes switch auto-merge off).

    Args:
        at: The repository.
        there: The pull request, as the API has it.
        wish: How (`merge`), and which commit (`head`).
        notes: Gets a sentence for what is not done.
    """
    if wish.merge is None:
        return False
    method = METHODS.get(wish.merge)
    if method is None:
        notes.append(
            "The pull request is not set to complete by itself: GitHub has no "
            f"{wish.merge} merge. It has {', '.join(METHODS)}."
        )
        return False
    if there.get("auto_merge"):
        return False
    head = wish.head or there["head"]["sha"]
    given = {"pullRequestId": there["node_id"], "mergeMethod": method, "expectedHeadOid": head}
    try:
        patiently(at, lambda: at.calls.mutation("enablePullRequestAutoMerge", given, ANSWER))
    except SaysNo as no:
        if NOTHING_TO_WAIT_FOR.search(no.said):
            return _merge(at, there, head, method, notes)
        if NOT_ALLOWED.search(no.said):
            # a merge queue takes pull requests all the same (cli/cli #13398)
            refused: list[str] = []
            _enqueue(at, there, head, refused)
            if not refused:
                return False
        notes.append(f"The pull request is not set to complete by itself: {_advised(no)}")
    except (ServiceRefused, ServiceUnavailable) as error:
        notes.append(f"Whether it completes by itself is not known: {sentence(error.message)}")
    return False


def _merge(
    at: GitHubRepository, there: Mapping[str, Any], head: str, method: str, notes: list[str]
) -> bool:
    place = f"pulls/{there['number']}"
    body = {"sha": head, "merge_method": method.lower()}
    try:
        patiently(at, lambda: at.rest("PUT", f"{place}/merge", body))
    except SaysNo as no:
        with contextlib.suppress(SaysNo, ServiceRefused, ServiceUnavailable):
            # an attempt whose answer was lost
            if at.rest("GET", place).get("merged_at"):
                return True
        if QUEUE.search(no.said):
            _enqueue(at, there, head, notes)
        else:
            notes.append(f"The pull request was not completed: {_advised(no)}")
    except (ServiceRefused, ServiceUnavailable) as error:
        notes.append(f"Whether it was completed is not known: {sentence(error.message)}")
    else:
        return True
    return False


def _enqueue(at: GitHubRepository, there: Mapping[str, Any], head: str, notes: list[str]) -> None:
    given = {"pullRequestId": there["node_id"], "expectedHeadOid": head}
    try:
        at.calls.mutation("enqueuePullRequest", given, ANSWER)
    except SaysNo as no:
        if not re.search(r"already (in the queue|queued|enqueued)", no.said, re.IGNORECASE):
            notes.append(f"The pull request was not put into the merge queue: {_advised(no)}")
    except (ServiceRefused, ServiceUnavailable) as error:
        notes.append(f"Whether it is in the merge queue is not known: {sentence(error.message)}")


def patiently(at: GitHubRepository, ask: Callable[[], object]) -> None:
    """Ask, and ask again while GitHub does not know yet.

    Raises:
        SaysNo: It says no.
        ServiceRefused, ServiceUnavailable: As the calls.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            ask()
        except SaysNo as no:
            if attempt == ATTEMPTS or not PASSING.search(no.said):
                raise
            at.calls.transport.clock.sleep(backoff(attempt))
        else:
            return


def _advised(no: SaysNo) -> str:
    """Return GitHub's words, and what to do where that is known."""
    hint = next((hint for pattern, hint in HINTS if pattern.search(no.said)), "")
    return f"{sentence(no.said)} {hint}".rstrip()


def sentence(text: str) -> str:
    """Return a text that ends as a sentence does."""
    return text if text.endswith((".", "!", "?")) else f"{text}."
