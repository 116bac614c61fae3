"""The settings about how a commit reads and how it gets to the repository."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

from wheelstep.ground.secret import Secret, password_in, without_credentials
from wheelstep.settings_file import Value, text_of
from wheelstep.settings_safety import switch

__all__ = ["CommitSettings", "branch_of", "commit_settings"]

AUTHOR: Final = re.compile(r"\s*(?P<name>[^<>\s][^<>\n]*?)\s*<(?P<email>[^<>\s]+@[^<>\s]+)>\s*")
MESSAGE: Final = ("packages", "count", "branch", "run")
TAG: Final = ("name", "version")
HOLE: Final = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
"""A placeholder, a doubled brace, or a brace that is neither."""

SHORT: Final = re.compile(r"\w[\w.-]*(/\w[\w.-]*)+")
"""`owner/name`, as the hosts' own steps take it."""
WHERE: Final = re.compile(r"(?!\w+:/*$)(?:.*[:/\\]|\.)", re.DOTALL)
"""A URL with something behind its scheme, or a folder that is no mere name."""

Reader = Any


@dataclass(frozen=True, slots=True)
class CommitSettings:
    """How a commit reads, how it gets there, and what a pull request is to be."""

    way: Literal["auto", "git", "github", "azure-repos"]
    author: tuple[str, str] | None
    """Name and address; None: the host's default."""
    sign_off: bool
    work_items: tuple[int, ...]
    branch: str | None
    """The pull request's; None: `wheelstep/BASE`."""
    title: str | None
    labels: tuple[str, ...]
    reviewers: tuple[str, ...]
    draft: bool
    merge: Literal["merge", "squash", "rebase", "semi-linear"] | None
    elsewhere: str | None
    """The URL of the repository with the definitions; None: this one."""
    elsewhere_token: Secret | None
    tag: str | None
    """With `{name}` and `{version}`."""
    release: bool


def commit_settings(
    values: Mapping[str, Value], token: Secret | None, *, choice: Reader, texts: Reader
) -> CommitSettings:
    """Read them.

    Args:
        values: All settings that are given, by name.
        token: Of the other repository.
        choice: Reads one of an option's choices.
        texts: Reads a list.

    Raises:
        SettingError: A value is wrong.
    """
    for name in ("commit-message", "pull-request-title"):
        _check_holes(values.get(name), MESSAGE)
    _check_holes(values.get("tag"), TAG)
    merge = choice(values.get("auto-merge"), "auto-merge", "off")
    return CommitSettings(
        way=choice(values.get("commit-with"), "commit-with", "auto"),
        author=_author(values.get("commit-author")),
        sign_off=switch(values.get("sign-off"), default=False),
        work_items=_numbers(values.get("work-items"), texts),
        branch=branch_of(values.get("pull-request-branch")),
        title=text_of(values.get("pull-request-title"), "") or None,
        labels=texts(values.get("pull-request-labels")),
        reviewers=texts(values.get("pull-request-reviewers")),
        draft=switch(values.get("pull-request-draft"), default=False),
        merge=None if merge == "off" else cast("Literal['merge']", merge),
        elsewhere=_elsewhere(values.get("definition-repository")),
        elsewhere_token=token,
        tag=_tag(values.get("tag")),
        release=switch(values.get("github-release"), default=False),
    )


def branch_of(value: Value | None) -> str | None:
    """Return the short name of a branch; hosts' variables often have the whole of a ref.

    Raises:
        SettingError: It is no text of one line.
    """
    return text_of(value, "").removeprefix("refs/heads/") or None


def _check_holes(value: Value | None, known: tuple[str, ...]) -> None:
    text = text_of(value, "", lines=True)
    for hole in HOLE.finditer(text):
        if value is not None and hole[0] not in {"{{", "}}"} and hole[1] not in known:
            raise value.error(
                f"{hole[0]!r} is no placeholder of it.",
                f"It has {', '.join(f'{{{name}}}' for name in known)}; a brace itself is written "
                "twice.",
            )


def _author(value: Value | None) -> tuple[str, str] | None:
    text = text_of(value, "")
    found = AUTHOR.fullmatch(text)
    if value is not None and text and found is None:
        raise value.error(f"{text!r} is no author.", "Write it as `Name <name@example.com>`.")
    return (found["name"], found["email"]) if found else None


def _numbers(value: Value | None, texts: Reader) -> tuple[int, ...]:
    if value is not None and isinstance(value.raw, list):
        raw = [str(one) if type(one) is int else one for one in value.raw]
        value = Value(raw, value.origin, value.file, value.line)
    found = []
    for text in texts(value):
        if value is not None and not re.fullmatch(r"(AB)?#?[1-9][0-9]{0,8}", text):
            raise value.error(f"{text!r} is no work item.", "Write its number, such as 1234.")
        found.append(int(text.lstrip("AB#")))
    return tuple(dict.fromkeys(found))


def _elsewhere(value: Value | None) -> str | None:
    text = text_of(value, "").strip()
    if value is not None and SHORT.fullmatch(text):
        raise value.error(
            f"{text!r} does not say where the repository is.",
            f"Write its whole URL, such as https://github.com/{text}; a folder below this "
            f"repository's root as ./{text}.",
        )
    if value is not None and text and not WHERE.match(text):
        raise value.error(
            f"{text!r} does not say where the repository is.",
            "Write its whole URL, or a folder: from this repository's root, such as "
            "../environments, or its whole path.",
        )
    if value is not None and password_in(text):
        raise value.error(
            f"{without_credentials(text)} is given with a password inside.",
            "Give the URL alone, and the password as `definition-repository-token`.",
        )
    return text or None


def _tag(value: Value | None) -> str | None:
    text = text_of(value, "")
    if value is not None and text and ("{name}" not in text or "{version}" not in text):
        raise value.error(f"{text!r} would be one tag for all.", "Write both: `{name}-v{version}`.")
    return text or None
