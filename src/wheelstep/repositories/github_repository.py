"""One repository on a GitHub: where its API is, how it is asked, and what a refusal means."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlsplit

from wheelstep.errors import ServiceRefused, StepError
from wheelstep.ground.github import GitHub, SaysNo
from wheelstep.ground.github_address import github_api
from wheelstep.ground.secret import Secret
from wheelstep.ground.transport import Transport
from wheelstep.repositories.answers import meaning
from wheelstep.repositories.spoken import spoken
from wheelstep.repositories.urls import served_url
from wheelstep.repositories.way import BY_GIT

__all__ = ["GitHubAddress", "GitHubRepository", "lacking"]


@dataclass(frozen=True, slots=True)
class Row:
    """One meaning, and by what it is known; a sign that is empty does not count."""

    code: str
    statuses: frozenset[int] = frozenset()
    kinds: frozenset[str] = frozenset()
    pattern: re.Pattern[str] | None = None

    def fits(self, no: SaysNo) -> bool:
        """Tell whether a refusal has this meaning."""
        return (
            no.status in self.statuses
            or no.kind in self.kinds
            or (self.pattern is not None and self.pattern.search(no.said) is not None)
        )


UNREADABLE: Final = (AttributeError, LookupError, TypeError, ValueError)
"""What is raised by taking apart an answer of another shape."""


def _said(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


ROWS: Final = (
    Row("not-authenticated", statuses=frozenset({401}), pattern=_said(r"\bbad credentials\b")),
    Row(
        "branch-protected",
        # of a protected branch, as recorded from GitHub; a ruleset has another type, and its words
        kinds=frozenset({"BRANCH_PROTECTION_RULE_VIOLATION"}),
        pattern=_said(
            r"rule violations found|protected (branch|ref|tag)|must be made through"
            r"|must have verified sig|must not contain merge|required status check"
            r"|approving review|not authorized to push|cannot (delete|force-push)"
            r"|cannot (create|update|delete) .*\bdue to\b"
            # what is left of it where a rule forbids the name of a branch
            r"|reference update failed"
        ),
    ),
    Row(
        "push-forbidden",
        statuses=frozenset({403, 451}),
        kinds=frozenset({"FORBIDDEN", "INSUFFICIENT_SCOPES"}),
        pattern=_said(
            r"resource not accessible by|without .?workflows?.? (permission|scope)"
            r"|(?<![\w/-])read.only(?![\w-])|must have push access"
        ),
    ),
    Row("remote-moved", statuses=frozenset({301, 302, 303, 307, 308})),
    Row("repository-not-found", statuses=frozenset({404, 410}), kinds=frozenset({"NOT_FOUND"})),
)
"""What GitHub's refusals mean, first match first. It answers 404 to who may not know whether a
repository is there, and to fine-grained tokens that lack a right."""


@dataclass(frozen=True, slots=True)
class GitHubAddress:
    """Where a repository is."""

    api: str
    """The base of the REST API, without a final slash."""
    owner: str
    name: str
    shown: str
    """The remote's address by HTTPS, without credentials."""

    @classmethod
    def of(
        cls, url: str, environment: Mapping[str, str], *, outright: bool = False
    ) -> GitHubAddress | None:
        """Return the address that a remote's URL says; None where it cannot be known to be on a
        GitHub.

        Args:
            url: As git has it; in one of ssh's forms too.
            environment: This process's: it names the API of the GitHub that the job runs on.
            outright: The user says that it is on a GitHub, which may be an Enterprise Server that
                nothing names.
        """
        served = served_url(url, same_path=outright)
        if served is None or "/_git/" in served:
            return None
        parts = urlsplit(served)
        api = github_api(parts.scheme, parts.netloc, environment, outright=outright)
        names = parts.path.strip("/").removesuffix(".git").split("/")
        if api is None or len(names) != 2 or not all(names):  # noqa: PLR2004 - owner and name
            return None
        return cls(api, names[0], names[1], served)


@dataclass(frozen=True, slots=True)
class GitHubRepository:
    """A repository and who asks; safe to use from several threads."""

    calls: GitHub
    owner: str
    name: str
    shown: str
    """The remote as it is shown, without credentials."""

    @classmethod
    def at(
        cls,
        url: str,
        *,
        transport: Transport,
        token: Secret | None,
        environment: Mapping[str, str],
        outright: bool = False,
    ) -> GitHubRepository | None:
        """Return the repository that a remote is; None where it cannot be known to be on a GitHub.

        Args:
            url: The remote's, as git has it; in one of ssh's forms too.
            transport: The HTTP policy.
            token: Who asks.
            environment: See `GitHubAddress.of`, as for `outright`.
            outright: The user says that it is on a GitHub.
        """
        at = GitHubAddress.of(url, environment, outright=outright)
        return cls(GitHub(transport, at.api, token), at.owner, at.name, at.shown) if at else None

    @property
    def full_name(self) -> str:
        """Owner and name, as GitHub writes it."""
        return f"{self.owner}/{self.name}"

    def rest(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        query: Mapping[str, str] | None = None,
        many: bool = False,
        repeatable: bool = True,
    ) -> Any:
        """Ask about this repository by REST.

        Args:
            method: GET, POST, PATCH, PUT or DELETE.
            path: Below the repository's own, without a slash in front, not quoted.
            body: What is sent.
            query: Parameters.
            many: The answer is a list.
            repeatable: False when sending it twice could do harm.

        Raises:
            As `GitHub.rest`.
        """
        place = f"/repos/{quote(self.owner)}/{quote(self.name)}/{quote(path)}"
        return self.calls.rest(method, place, body, query=query, many=many, repeatable=repeatable)

    def ask(self, query: str, **variables: Any) -> Mapping[str, Any]:
        """Ask about this repository by GraphQL, and return `repository` of the answer.

        Args:
            query: A document with the variables `$owner` and `$name`.
            variables: All other ones.

        Raises:
            As `GitHub.graphql`.
        """
        given = {"owner": self.owner, "name": self.name, **variables}
        found = self.calls.graphql(query, given).get("repository")
        if not isinstance(found, dict):
            raise SaysNo(404, "NOT_FOUND", f"Could not resolve to a Repository {self.full_name}.")
        return found

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Take answers apart, which a server may have made up.

        Raises:
            ServiceRefused: One is not what such a call returns.
        """
        try:
            yield
        except UNREADABLE as error:
            raise ServiceRefused(
                f"{self.shown} was answered with something that is not GitHub's "
                f"({type(error).__name__}).",
                code="answer-unreadable",
                cure="Look at the address in a browser: a proxy may answer in its place.",
            ) from error

    def error(self, no: SaysNo, branch: str, *, cure: str = BY_GIT) -> StepError:
        """Return the error that a refusal means.

        Args:
            no: What GitHub said.
            branch: Short name of the branch or tag that was meant.
            cure: What to do where nothing is known but its words.
        """
        error = spoken(no.said, quote=no.said, remote=self.shown, branch=branch)
        code = next((row.code for row in ROWS if row.fits(no)), None)
        if error is None and code is not None:
            error = meaning(code, quote=no.said, remote=self.shown, branch=branch)
        if error is None:
            error = ServiceRefused(
                f"{self.shown} refused: {no.said}", code="remote-refused", cure=cure
            )
        if no.authorize:
            error.cure = f"Authorize the token for the organization: {no.authorize}"
        error.cure += lacking(no)
        return error


def lacking(no: SaysNo) -> str:
    """Return a sentence that names the permission which GitHub says is lacking; "" without one."""
    return f" GitHub names what it takes: {no.needs}." if no.needs else ""
