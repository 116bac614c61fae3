"""Who signs in at an Azure Artifacts feed: one table, in the order in which it is looked at.

What was said for this very feed or this very step comes first (a token, a service connection, the
file of TwineAuthenticate@1), then what the job brings along, then whatever identity of Azure is
configured or found (entra_identities.py). GitHub's token is never sent to a feed.

The job's own token comes before an identity in the environment: AZURE_CLIENT_ID and AzureCLI@2 are
set for many a purpose, most of all for workspaces, and the build service is what a feed of its own
organization knows. Nothing is passed over silently: a refusal of the job's token and `doctor` tell
of such an identity, and `feed-sign-in: azure` takes it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from wheelstep.errors import SettingError
from wheelstep.ground.credentials import (
    GITHUB_TOKEN,
    IdentitySource,
    SignIn,
    organization_of,
    same_organization,
)
from wheelstep.ground.entra import NobodyError
from wheelstep.ground.entra_credentials import job_collection
from wheelstep.ground.entra_identities import IDENTITIES
from wheelstep.ground.pypirc import PYPIRC, Match, left_for
from wheelstep.ground.secret import Secret, without_credentials

__all__ = ["WAYS", "Choice", "FeedAsked", "Way", "feed_sign_in", "foreign_job", "table"]

Choice = Literal["auto", "pypirc", "job", "azure"]
"""What `feed-sign-in` says."""
ANY_USER: Final = "wheelstep"
"""Feeds take any user name beside a token (TwineAuthenticate: "fake username, could be
anything")."""


@dataclass(frozen=True, slots=True)
class FeedAsked:
    """Which feed wants to know who signs in, and what there is to choose from."""

    url: str
    """Of the feed; decides which tokens may go there."""
    user: str | None
    """As given; feeds take any."""
    token: Secret | None
    """As given."""
    job_token: Secret | None
    """The pipeline job's own, if the host handed one over."""
    environment: Mapping[str, str] = field(repr=False)
    """This process's."""
    entra: IdentitySource
    """Where Entra ID tokens come from."""
    match: Callable[[str], Match]
    """Whether another URL is of the same feed."""
    connection: bool = False
    """Whether the settings name a service connection."""
    choice: Choice = "auto"

    @property
    def name(self) -> str:
        """The user name beside a token."""
        return self.user or ANY_USER


@dataclass(frozen=True, slots=True)
class Way:
    """One row of the table."""

    choice: Choice
    """What `feed-sign-in` calls it; "auto" for what comes before any choice."""
    title: str
    """For people."""
    needs: str
    """When it is taken, for the documentation."""
    find: Callable[[FeedAsked], SignIn | str]
    """Returns who signs in, or why it is not this one: a clause."""


def _given(asked: FeedAsked) -> SignIn | str:
    if asked.token is None:
        return "neither feed-token nor a token-env of its table is set"
    if GITHUB_TOKEN.match(asked.token.reveal()):
        raise SettingError(
            f"The token given for {without_credentials(asked.url)} is one of GitHub's; it is not "
            "sent to Azure Artifacts, which could not use it.",
            code="feed-token-foreign",
            cure=_cure(asked),
        )
    if collection := foreign_job(asked.token, asked.job_token, asked.environment, asked.url):
        raise SettingError(
            f"The token given for {without_credentials(asked.url)} is the pipeline job's own; it "
            f"belongs to {without_credentials(collection)}, and is not sent elsewhere.",
            code="feed-token-foreign",
            cure=_cure(asked),
        )
    return SignIn(asked.name, asked.token, "the token that was given")


def foreign_job(
    token: Secret, job_token: Secret | None, environment: Mapping[str, str], url: str
) -> str:
    """Return the organization of a job whose own token was given for a place that is not of it; ""
    where it is not that token, or may go there.

    A server may have several names: its job's token, where it was given outright, may go to any.

    Args:
        token: As given.
        job_token: The pipeline job's own.
        environment: This process's: it names the job's organization.
        url: Of the feed or index.
    """
    collection = job_collection(environment)
    if token != job_token or organization_of(collection) is None:
        return ""
    return "" if same_organization(collection, url) else collection


def _connection(asked: FeedAsked) -> SignIn | str:
    return _azure(asked) if asked.connection else "`service-connection` is not set"


def _pypirc(asked: FeedAsked) -> SignIn | str:
    return left_for(asked.environment, asked.match, user=asked.user)


def _job(asked: FeedAsked) -> SignIn | str:
    collection = job_collection(asked.environment)
    if not collection:
        return "this is no job of Azure Pipelines"
    if asked.job_token is None:
        return (
            "it was not handed over (a script step needs env: SYSTEM_ACCESSTOKEN: "
            "$(System.AccessToken))"
        )
    if not same_organization(collection, asked.url):
        return f"it belongs to {without_credentials(collection)}, and is not sent elsewhere"
    other = asked.entra.configured() if organization_of(asked.url) else ""
    note = (
        f"{other[:1].upper()}{other[1:]} is configured here, too, and comes after the job's "
        "token; `feed-sign-in: azure` takes it."
        if other and asked.choice == "auto"
        else ""
    )
    return SignIn(asked.name, asked.job_token, "the pipeline job's token", note=note)


def _azure(asked: FeedAsked) -> SignIn | str:
    if organization_of(asked.url) is None:
        return "it signs in at Azure DevOps Services only, and this is another server"
    token = asked.entra.known()
    return SignIn(
        asked.name,
        token.secret,
        f"an Entra ID token of {token.source}",
        passed=token.passed,
        renew=asked.entra.renewed,
    )


WAYS: Final[tuple[Way, ...]] = (
    Way("auto", "the token that was given",
        "`feed-token`, or the `token-env` of the destination's table: a personal access token, or "
        "any other", _given),
    Way("azure", "the service connection that is set",
        "`service-connection` is set", _connection),
    Way("pypirc", "TwineAuthenticate@1",
        f"{PYPIRC} names a file with a section for this very feed", _pypirc),
    Way("job", "the pipeline job's token",
        "Azure Pipelines, for a feed of the job's own organization", _job),
    Way("azure", "an identity of Azure", "one of those below", _azure),
)  # fmt: skip
"""Every way, in its order."""


def table() -> list[tuple[str, str]]:
    """Return the whole order, for the documentation: who signs in, and when."""
    rows = [(way.title, way.needs) for way in WAYS[:-1]]
    return rows + [(row.title, row.needs) for row in IDENTITIES[1:]]


def feed_sign_in(asked: FeedAsked) -> SignIn:
    """Return who signs in at a feed; asks Entra ID only when nothing else fits.

    Args:
        asked: The feed, and what there is.

    Raises:
        SettingError: No token fits this feed, or the one given is GitHub's.
        ServiceRefused: Entra ID refuses the identity that is configured here.
        ServiceUnavailable: Entra ID does not answer.
    """
    passed: list[str] = []
    for way in WAYS:
        if asked.choice != "auto" and way.choice not in {"auto", asked.choice}:
            passed.append(f"{way.title}: feed-sign-in is {asked.choice}")
            continue
        try:
            found = way.find(asked)
        except NobodyError as error:
            passed += [text for text in error.passed if text not in passed]
            continue
        if isinstance(found, SignIn):
            return replace(found, passed=(*passed, *found.passed))
        passed.append(f"{way.title}: {found}")
    raise SettingError(
        f"There is no token for the feed {without_credentials(asked.url)}. Looked at in turn: "
        f"{'; '.join(passed)}.",
        code="feed-token-missing",
        cure=_cure(asked),
    )


def _cure(asked: FeedAsked) -> str:
    """Return the best ways to sign in where this runs."""
    given = "feed-token to a personal access token with Packaging: Read & write"
    if organization_of(asked.url) is None:
        return f"Set {given}."
    if asked.environment.get("GITHUB_ACTIONS"):
        best = "Let azure/login run before this step (permissions: id-token: write)"
    elif asked.environment.get("TF_BUILD"):
        best = (
            "Hand over the job's token where the feed is of its organization (a script step: env: "
            "SYSTEM_ACCESSTOKEN: $(System.AccessToken)), or set service-connection"
        )
    else:
        best = "Run `az login`"
    return f"{best}; or set {given}. docs/destinations.md, Who signs in, has every way."
