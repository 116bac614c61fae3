"""What a git remote's answers mean: one table of wordings, first match first."""

from __future__ import annotations

import re
from typing import Final

from wheelstep.errors import (
    CannotHere,
    ServiceRefused,
    ServiceUnavailable,
    SettingError,
    StepError,
)
from wheelstep.ground.secret import redact
from wheelstep.repositories.spoken import NOT_THE_JOB, row, spoken

__all__ = ["error_for", "lost_race", "meaning", "quoted"]

LOST: Final = re.compile(
    r"stale info|fetch first|non-fast-forward|cannot lock ref|failed to update ref|failed to lock"
    r"|incorrect old value|reference already exists|TF401028"
)
"""The branch moved between our look and our push. Azure Repos: TF401028 "The reference ... has
already been updated by another client"."""

IN_THE_WAY: Final = r"exists; cannot create|directory file conflict|refname conflict"
"""A name that is taken by a folder of names, or the other way round: no race, and it stays so."""
PLACE: Final = re.compile(r"(?<![^\s'\"])(?!HTTP/)[^\s'\"]*/[^\s'\"]*")
"""A URL, a path or a ref: what somebody has named certificates or read-only-data means nothing."""

LONGEST_QUOTE: Final = 1200
"""Characters of the remote's own words that an error repeats."""


ROWS: Final = (
    row(
        r"No space left on device",
        CannotHere,
        "disk-full",
        "git ran out of disk space while talking to {remote}: {quote}",
        "Free some disk space, here or on the server, whichever the text names.",
    ),
    row(
        IN_THE_WAY,
        SettingError,
        "name-taken",
        "{branch} cannot be at {remote} beside what is there: {quote}",
        "Where there is a branch or tag `x`, none can be called `x/y`, nor the other way round:"
        " delete or rename the one that is there, or choose another name (`pull-request-branch`,"
        " `tag`).",
    ),
    row(
        r"dubious ownership",
        CannotHere,
        "dubious-ownership",
        "git does not trust {remote}, because its folder belongs to another user: {quote}",
        "Run `git config --global --add safe.directory` with that folder first.",
    ),
    row(
        r"transport '[^']*' not allowed",
        CannotHere,
        "transport-not-allowed",
        "git on this machine is set up not to speak to {remote} in this way: {quote}",
        "Give the repository by another URL; or allow this kind, with git's setting"
        " protocol.NAME.allow or the variable GIT_ALLOW_PROTOCOL.",
    ),
    row(
        r"'remote-[^']*' is not a git command|unable to find remote helper",
        CannotHere,
        "transport-unknown",
        "git on this machine does not know the kind of URL that {remote} is: {quote}",
        "Correct the URL, or install the program that git needs for it.",
    ),
    row(
        r"branch is currently checked out|refusing to update checked out branch",
        ServiceRefused,
        "branch-checked-out",
        "{branch} is checked out in the folder {remote}, and git pushes to no such branch: {quote}",
        "Push to a bare repository (`git init --bare`), or check another branch out there; or run"
        " `git config receive.denyCurrentBranch updateInstead` there.",
    ),
    row(
        r"unpacker error|remote unpack failed|unable to create temporary object directory",
        ServiceRefused,
        "remote-cannot-store",
        "{remote} could not store what was pushed: {quote}",
        "Whoever runs the server looks for a full disk, or a folder that git may not write there.",
    ),
    row(
        r"TF401027|GenericContribute",
        ServiceRefused,
        "push-forbidden",
        "The account that pushes has no right to push to {branch} at {remote}: {quote}",
        "Give the identity that the text names (on Azure Pipelines usually the project's build"
        " service) the permission Contribute on the repository, or set `branch` to one that it may"
        " push to.",
    ),
    row(
        r"VS403729|The push was rejected because",
        ServiceRefused,
        "push-refused",
        "A policy of the repository at {remote} refused the push: {quote}",
        "Change what the text names, or the policy (Project settings, Repositories, Policies);"
        " a pull request from a branch of the same repository is held to it, too.",
    ),
    row(
        r"GH006|GH013|TF402455|protected branch|pre-receive hook declined"
        r"|hook declined|not allowed to push code to protected",
        ServiceRefused,
        "branch-protected",
        "{branch} at {remote} is protected, and the rule refused the push: {quote}",
        "Either let the account that pushes bypass the rule, in the branch's protection or policy"
        f" settings ({NOT_THE_JOB}; on Azure Repos it takes the permission Bypass policies when"
        " pushing), or set `commit: pull-request` (GitHub, Azure Repos), and the same change is"
        " proposed instead. What is published stays, and is not uploaded again.",
    ),
    row(
        r"certificate|SSL peer|self.signed|CAfile|verification failed: .*cert",
        CannotHere,
        "certificate",
        "This machine does not trust the certificate of {remote}: {quote}",
        "Name your own certificate authority in REQUESTS_CA_BUNDLE, or for git alone in"
        " GIT_SSL_CAINFO.",
    ),
    row(
        r"Host key verification failed",
        CannotHere,
        "host-key",
        "ssh does not know the host key of {remote}: {quote}",
        "Add the host's key to ~/.ssh/known_hosts first.",
    ),
    row(
        r"Duplicate header",
        ServiceRefused,
        "two-credentials",
        "{remote} was sent two Authorization headers: git's configuration has more than the one"
        " that the checkout left: {quote}",
        "Set `repository-token` (`definition-repository-token` where the definitions are in another"
        " repository): then one is sent, whatever is configured. Or remove the others:"
        " `git config --show-origin --get-regexp extraheader` lists them.",
    ),
    row(
        r"could not read (Username|Password)|Authentication failed|invalid credentials"
        r"|returned error: 401|Permission denied \(|Invalid username or (password|token)|TF400813",
        ServiceRefused,
        "not-authenticated",
        "{remote} does not know who is asking: there are no credentials, or they are wrong or have"
        " expired: {quote}",
        "Set `repository-token` (`definition-repository-token` where the definitions are in another"
        " repository) to a valid token that may push there; or let the checkout step keep its"
        " credentials (`persist-credentials` on GitHub, `persistCredentials` on Azure).",
    ),
    row(
        r"returned error: 403|Permission to .* denied|Write access to repository not granted"
        r"|insufficient permission|not permitted|\bforbidden\b|read.only",
        ServiceRefused,
        "push-forbidden",
        "The account that asks has no right to do this at {remote}: {quote}",
        "Give it write access: on GitHub `permissions: contents: write` for the job's token, on"
        " Azure Repos the permission Contribute for the build service. Or use another token.",
    ),
    row(
        r"repository .*not found|returned error: 404|does not appear to be a git repository"
        r"|TF401019|TF200016|no such (repository|file)|does not exist",
        ServiceRefused,
        "repository-not-found",
        "There is no repository at {remote}, or the account that asks may not see it: {quote}",
        "Check the remote's URL, and that the token may read the repository.",
    ),
    row(
        r"returned error: 30[1278]|unable to update url base from redirection",
        ServiceRefused,
        "remote-moved",
        "{remote} answers from another address, and a token is not sent after it: {quote}",
        "Point the remote at the repository's present address with `git remote set-url`.",
    ),
    row(
        r"returned error: (408|429|5\d\d)|could ?n.t resolve|could not resolve|failed to connect"
        r"|could ?n.t connect|connection (refused|reset|closed|timed out)|timed out|hung up"
        r"|early EOF|RPC failed|unexpected disconnect|too slow|empty reply|(recv|send) failure"
        r"|connection was|network is unreachable|no route to host|TLS connect|SSL_|gnutls"
        r"|HTTP/2 stream|proxy CONNECT|server closed|ssh: connect to host|bad gateway"
        r"|the remote end|kex_exchange|broken pipe|protocol error|internal server error"
        r"|failed to report status",
        ServiceUnavailable,
        "remote-unavailable",
        "{remote} does not answer as it should: {quote}",
        "Run it again later; check the network and the proxy if it stays so.",
    ),
)


def lost_race(reason: str) -> bool:
    """Tell whether a refusal means that the branch has moved: look again, decide again."""
    return LOST.search(reason) is not None and re.search(IN_THE_WAY, reason) is None


def error_for(text: str, *, remote: str, branch: str) -> StepError:
    """Return the error that an answer of git or of the remote means.

    Args:
        text: Everything that git said; the reason of a refused push before the rest.
        remote: The remote as it is shown, without credentials.
        branch: Short name of the branch that was meant.
    """
    quote = quoted(text)
    if said := spoken(text, quote=quote, remote=remote, branch=branch):
        return said
    meant = PLACE.sub("~", text)
    for each in ROWS:
        if each.pattern.search(meant):
            return each.error(quote=quote, remote=remote, branch=branch)
    return ServiceRefused(
        f"{remote} refused: {quote or 'git ended without a word'}",
        code="remote-refused",
        cure="Run the same git command by hand to see more.",
    )


def meaning(code: str, *, quote: str, remote: str, branch: str) -> StepError:
    """Return the error of a code of the table, for a service that tells by other signs what it
    means: it reads alike, however the commit goes.

    Args:
        code: Of a row; where several have it, the last one is the general one.
        quote: The service's own words, on one line.
        remote: The remote as it is shown, without credentials.
        branch: Short name of the branch that was meant.
    """
    found = next(each for each in reversed(ROWS) if each.code == code)
    return found.error(quote=quote, remote=remote, branch=branch)


def quoted(text: str) -> str:
    """Return what the remote and git said, in one line, without secrets and decoration."""
    lines: dict[str, None] = {}
    for line in re.sub(r"(\b\w+://)[^/\s@']*@", r"\1", redact(text)).splitlines():
        plain = re.sub(r"^(?:(?:remote|fatal|error|hint): ?)+", "", line.split("\r")[-1]).strip()
        if plain and not line.startswith("hint:"):
            lines[plain] = None
    whole = " / ".join(lines)
    return whole if len(whole) <= LONGEST_QUOTE else f"{whole[:LONGEST_QUOTE]}..."
