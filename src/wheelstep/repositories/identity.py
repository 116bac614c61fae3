"""Who commits, and how the message reads."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from wheelstep.errors import SettingError
from wheelstep.ground.git import Git, with_config
from wheelstep.ground.skip_tokens import SKIP

__all__ = [
    "Identity",
    "full_message",
    "identity_of",
    "made_by_us",
    "marked",
    "parent_of_ours",
    "with_trailers",
]

MARK: Final = "Wheelstep-Tree"
"""A trailer with the tree of the commit: what somebody has changed afterwards has another one."""
TRAILER: Final = re.compile(r"[A-Za-z0-9-]+[ \t]*:(?!//).*")
"""As git-interpret-trailers(1) knows it: letters, digits and hyphens before the colon. A URL alone
would be one, too."""
EMPTY_LINE: Final = re.compile(r"\n[ \t]*\n")


@dataclass(frozen=True, slots=True)
class Identity:
    """Author and committer."""

    name: str
    email: str

    def variables(self) -> dict[str, str]:
        """Return the environment that gives git this author and committer."""
        return {
            "GIT_AUTHOR_NAME": self.name,
            "GIT_AUTHOR_EMAIL": self.email,
            "GIT_COMMITTER_NAME": self.name,
            "GIT_COMMITTER_EMAIL": self.email,
        }


DEFAULTS: Final = {
    # the account behind GITHUB_TOKEN: GitHub shows its picture for this address
    "github": Identity(
        "github-actions[bot]", "41898282+github-actions[bot]@users.noreply.github.com"
    ),
    "azure": Identity("Azure Pipelines", "azure-pipelines@noreply.invalid"),
}
"""By the host's name; on a terminal it is the user's own identity."""


def identity_of(host: str, git: Git, given: Identity | None) -> Identity:
    """Return who commits: as given, else the host's default, else the user's own git identity.

    Args:
        host: "terminal", "github" or "azure".
        git: In the repository, whose own configuration counts too.
        given: What the settings say.

    Raises:
        SettingError: When there is none, or it has characters that git drops.
    """
    identity = given or DEFAULTS.get(host) or _own(git)
    for what, value in (("name", identity.name), ("e-mail address", identity.email)):
        if not value.strip() or any(sign in value for sign in "<>\n\r\0"):
            raise SettingError(
                f"The commit author's {what} {value!r} cannot be used: git takes no empty one, and"
                " none with an angle bracket or a line end.",
                code="bad-identity",
                cure="Give the name and the e-mail address alone.",
            )
    return identity


def _own(git: Git) -> Identity:
    # without this setting git makes an address up from the machine's name
    strict = with_config(git.environment, [("user.useConfigOnly", "true")])
    done = git.try_("var", "GIT_COMMITTER_IDENT", extra=strict)
    text = done.out.decode("utf-8", "replace")
    name, opened, rest = text.partition(" <")
    email, closed, _ = rest.partition(">")
    if done.code != 0 or not opened or not closed:
        raise SettingError(
            "git does not know who commits: neither this repository nor this user has user.name"
            " and user.email set.",
            code="no-identity",
            cure='Run `git config --global user.name "Your Name"` and'
            ' `git config --global user.email "you@example.com"`.',
        )
    return Identity(name, email)


def full_message(text: str, *, skip_ci: bool) -> str:
    """Return the commit message as it is committed.

    Args:
        text: The subject, and after an empty line more if wanted.
        skip_ci: End the subject with the token that starts no pipeline, so that the step does not
            set itself off again.

    Raises:
        SettingError: When there is no text.
    """
    subject, _, rest = text.replace("\r\n", "\n").strip().partition("\n")
    if not subject or "\0" in text:
        raise SettingError(
            "The commit message is empty, or has a NUL character in it.",
            code="bad-message",
            cure="Set `commit-message` to a line of text, or leave it out.",
        )
    if skip_ci and SKIP not in text:
        subject = f"{subject.rstrip()} {SKIP}"
    return f"{subject}\n{rest}" if rest else subject


def with_trailers(message: str, trailers: Sequence[tuple[str, str]], *, above: str = "") -> str:
    """Return a commit message with trailers at its end, all in one block, which has to be the last
    paragraph for git to find them (git-interpret-trailers(1)).

    Args:
        message: As it is committed without them; it may have trailers of its own.
        trailers: (key, value); one that is there already is not repeated.
        above: A paragraph that is no trailer, for the place before them.
    """
    text = message.replace("\r\n", "\n").strip()
    paragraphs = EMPTY_LINE.split(text)
    # the first paragraph is the subject, whatever it looks like
    there = paragraphs.pop().split("\n") if len(paragraphs) > 1 else []
    if there and not _are_trailers(there):
        paragraphs.append("\n".join(there))
        there = []
    paragraphs += [above] if above and above not in paragraphs else []
    lines = [f"{key}: {value}" for key, value in trailers]
    block = [*there, *(line for line in lines if line not in there)]
    return "\n\n".join([*paragraphs, *(["\n".join(block)] if block else ())]) + "\n"


def _are_trailers(lines: Sequence[str]) -> bool:
    """Tell whether git takes all of these lines for trailers; one goes on in an indented line."""
    return bool(TRAILER.fullmatch(lines[0])) and all(
        line[:1] in {" ", "\t"} or TRAILER.fullmatch(line) for line in lines
    )


def marked(message: str, tree: str) -> str:
    """Return a commit message by which `made_by_us` knows the commit.

    Args:
        message: As it is committed otherwise.
        tree: Object id of the commit's tree.
    """
    return with_trailers(message, [(MARK, tree)])


def made_by_us(git: Git, commit: str) -> bool:
    """Tell whether a commit is one of ours, and as it was made: see `parent_of_ours`."""
    return parent_of_ours(git, commit) is not None


def parent_of_ours(git: Git, commit: str) -> str | None:
    """Return the only parent of a commit of ours that holds its tree with our changes, and nobody
    else's; None where it is not such a one.

    Args:
        git: In the repository, which has the commit; a shallow clone need not have the parent.
        commit: Full id.
    """
    done = git.try_("cat-file", "commit", commit)
    about, _, message = done.text.partition("\n\n")
    trees = re.findall(r"^tree (\S+)$", about, re.MULTILINE)
    parents: list[str] = re.findall(r"^parent (\S+)$", about, re.MULTILINE)
    marks = re.findall(rf"^{MARK}: (\S+)$", message, re.MULTILINE)
    return parents[0] if len(parents) == 1 and trees and marks == trees else None
