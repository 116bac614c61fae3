"""What a host says no with in words of its own, whichever way it is asked: by git or by its API.

First match first, and before what a status or a type means. Sources: GitHub's docs,
"Troubleshooting rules", "Working with push protection", "Authorizing a personal access token for
use with SAML single sign-on", "Managing allowed IP addresses", "Suspending a GitHub App
installation", "About large files on GitHub"; GitHub Advanced Security for Azure DevOps, "Secret
push protection".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from wheelstep.errors import Refused, ServiceRefused, ServiceUnavailable, StepError

__all__ = ["NOT_THE_JOB", "Row", "row", "spoken"]


@dataclass(frozen=True, slots=True)
class Row:
    """One meaning, and the wordings that have it."""

    pattern: re.Pattern[str]
    kind: type[StepError]
    code: str
    says: str
    """{remote}, {branch} and {quote} are filled in."""
    cure: str

    def error(self, *, quote: str, remote: str, branch: str) -> StepError:
        """Return the error.

        Args:
            quote: The service's own words, on one line.
            remote: The remote as it is shown, without credentials.
            branch: Short name of the branch that was meant.
        """
        says = self.says.format(remote=remote, branch=branch, quote=quote or "(no text)")
        return self.kind(says, code=self.code, cure=self.cure)


def row(pattern: str, kind: type[StepError], code: str, says: str, cure: str) -> Row:
    """Return a row; the case of the wording does not count."""
    return Row(re.compile(pattern, re.IGNORECASE), kind, code, says, cure)


PROTECTED: Final = "{branch} at {remote} is protected, and the rule refused the push: {quote}"
NOT_THE_JOB: Final = (
    "on GitHub an app or a person can, whose token is `repository-token` then, and the job's own"
    " token cannot"
)
"""Who may bypass rules. GitHub refuses its own Actions among them: "Actor GitHub Actions
integration must be part of the ruleset source or owner organization"."""
STAYS: Final = " What is published stays, and is not uploaded again."

ROWS: Final = (
    row(
        r"cannot contain secrets|secrets? detected|push protection|VS403654",
        Refused,
        "secret-refused",
        "{remote} sees a secret in what would be committed, and refuses it: {quote}",
        "Take it out of the file that the text names, and revoke it: the host has seen it. Where it"
        f" is none, let it through at the address that the text names, and run again.{STAYS}",
    ),
    row(
        r"GH001|large files detected|exceeds .{1,40}file size limit|file is too (large|big)"
        r"|TF402462",
        Refused,
        "commit-too-large",
        "What is committed is larger than {remote} takes: {quote}",
        "Where it is a wheel, pin it by `version` or `url` instead of `vendor`: then no wheel is"
        " committed. Or let the limit be raised, in the repository's policies.",
    ),
    row(
        r"VS403702",
        ServiceRefused,
        "author-refused",
        "{remote} takes no commits by this author: {quote}",
        "Set `commit-author` to a name and an address that the repository's policy Commit author"
        " email validation allows (Project settings, Repositories, Policies).",
    ),
    row(
        r"GH007|would publish a private e-?mail|e-?mail privacy restrictions",
        ServiceRefused,
        "author-refused",
        "{remote} takes no commits by this author, whose address is private: {quote}",
        "Set `commit-author` to an address that may be seen, such as the account's own at"
        " users.noreply.github.com; or leave it out where GitHub makes the commit.",
    ),
    row(
        r"TF400733|VS402962|exceeding usage of resource|secondary rate limit|API rate limit",
        ServiceUnavailable,
        "rate-limited",
        "{remote} limits how often it may be asked: {quote}",
        "Run it again later.",
    ),
    row(
        r"must have (valid|verified) signatures?",
        ServiceRefused,
        "branch-protected",
        PROTECTED,
        "Set `commit-with: github`: GitHub signs a commit that it makes itself (an Enterprise"
        " Server where web commit signing is switched on). Or let the account"
        f" that pushes bypass the rule: {NOT_THE_JOB}.{STAYS}",
    ),
    row(
        r"merge queue",
        ServiceRefused,
        "branch-protected",
        PROTECTED,
        "Set `commit: pull-request`; with `auto-merge` it goes into the queue as soon as the rules"
        f" allow. Or let the account that pushes bypass the rule: {NOT_THE_JOB}.{STAYS}",
    ),
    row(
        r"SAML (SSO|enforcement)|single sign.?on",
        ServiceRefused,
        "sso-required",
        "The organization of {remote} wants single sign-on, and the token is not authorized for it:"
        " {quote}",
        "Authorize the token for the organization: GitHub, Settings, Developer settings, the"
        " token's Configure SSO. The job's own token and an app's need no such thing.",
    ),
    row(
        r"IP allow ?list|IP address is not permitted",
        ServiceRefused,
        "address-not-allowed",
        "The organization of {remote} lets only some IP addresses in, and this machine's is none of"
        " them: {quote}",
        "Run it on a machine whose address is on the list, or let an owner of the organization add"
        " this one's.",
    ),
    row(
        r"(installation|account) (has been|was|is) suspended",
        ServiceRefused,
        "account-suspended",
        "Whoever asks at {remote} is suspended: {quote}",
        "An owner of the organization lifts an app's suspension in its settings, under GitHub Apps;"
        " for a person's account ask the host's support. Or use another token.",
    ),
    row(
        r"was archived|archived so|repository is archived",
        ServiceRefused,
        "repository-archived",
        "{remote} is archived, and nothing in it can change: {quote}",
        "Unarchive it in its settings, or let the definitions live in another one:"
        " `definition-repository`.",
    ),
    row(
        r"(access to this repository|repository|account)( has been| was| is)? disabled"
        r"|repository access blocked|repository is locked|locked (for|and has been) migrat",
        ServiceRefused,
        "repository-disabled",
        "{remote} is disabled or locked by its host: {quote}",
        "Whoever owns it sees the reason on its page: an open bill, a migration, a dispute.",
    ),
    row(
        r"without .?workflows?.? (permission|scope)",
        ServiceRefused,
        "push-forbidden",
        "The token may not change workflows at {remote}: {quote}",
        "The job's own token never may. Give one of an app with `workflows: write`, or a"
        " person's with the scope `workflow`, as `repository-token`; or leave the file out of"
        " `definitions`.",
    ),
)


def spoken(text: str, *, quote: str, remote: str, branch: str) -> StepError | None:
    """Return the error that a host's words mean; None where they say nothing that is known here.

    Args:
        text: All that it said.
        quote: What of it is repeated, on one line.
        remote: The remote as it is shown, without credentials.
        branch: Short name of the branch that was meant.
    """
    found = next((each for each in ROWS if each.pattern.search(text)), None)
    return found.error(quote=quote, remote=remote, branch=branch) if found else None
