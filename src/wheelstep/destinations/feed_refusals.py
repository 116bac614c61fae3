"""What Azure Artifacts means when it says no, told apart, and what to do: prose, no I/O."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final, Literal
from urllib.parse import urlsplit

from wheelstep.destinations.feed_address import FeedAddress
from wheelstep.destinations.refusals import LACKS, type_key, words
from wheelstep.errors import RightMissing, ServiceRefused, ServiceUnavailable, StepError
from wheelstep.ground.answers import retry_after
from wheelstep.ground.credentials import organization_of
from wheelstep.ground.secret import without_credentials
from wheelstep.ground.transport import Response, refusal

__all__ = ["TOLD", "FeedAsker", "Part", "is_data", "missing_part", "refused"]

Part = Literal["organization", "project", "feed", "view", "package"]

PARTS: Final[tuple[tuple[str, Part], ...]] = (
    ("feedview", "view"),
    ("view", "view"),
    ("feed", "feed"),
    ("project", "project"),
    ("host", "organization"),
    ("servicehost", "organization"),
    ("organization", "organization"),
    ("collection", "organization"),
    ("package", "package"),
)
"""What a 404's `typeKey` begins with, in lower case, and what is missing then."""
SIGNS: Final[tuple[tuple[str, Part], ...]] = (
    ("TF200016", "project"),
    ("VS800075", "project"),
    ("The feed with ID", "feed"),
)
"""The same by the texts of answers that have no `typeKey`."""
EXPIRED: Final = re.compile(r"token (used )?has expired|token is expired", re.IGNORECASE)
"""The service's own words: "Access Denied: The Personal Access Token used has expired."."""
UNAUTHORIZED: Final = re.compile(r"TF400813: The user '(?P<who>[^']*)'")
ANONYMOUS: Final = re.compile(r"[\s'a-]*")
"""Nobody, as the service names it: no name, or the identity whose GUID is all `a`."""
GUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
READING: Final = "Read"
PUBLISHER: Final = "a Feed Publisher (Contributor)"


@dataclass(frozen=True, slots=True)
class FeedAsker:
    """What the prose has to know: which feed, and who asks."""

    name: str
    """The destination's, for people."""
    address: FeedAddress
    source: str
    """How we signed in, e.g. "the token that was given"."""
    name_of: Callable[[], str]
    """Asks the service for the name of whoever is signed in; "" where it does not say."""
    scope: str = "Packaging: Read & write"
    """What a personal access token has to be made for, as the page where it is made says."""
    note: str = ""
    """What else is configured here and would have fitted: a sentence."""
    hint: str = ""
    """What else to try where there is no such feed, a sentence."""

    @property
    def organization(self) -> str:
        """The organization, or a server's collection, as people name it."""
        collection = self.address.collection[0]
        known = organization_of(collection)
        return f"the organization {known}" if known else f"the collection {collection}"

    @property
    def feed(self) -> str:
        """The feed with where it is."""
        project = self.address.collection[1]
        inside = f"the project '{project}' of " if project else ""
        return f"the feed '{self.address.feed}' in {inside}{self.organization}"

    @property
    def permissions(self) -> str:
        """Where rights are granted."""
        return f"Artifacts, the feed ({self.address.portal_url}), Feed settings, Permissions"

    @property
    def tokens(self) -> str:
        """Where personal access tokens are made."""
        collection = self.address.collection[0]
        known = organization_of(collection)
        base = f"https://dev.azure.com/{known}/" if known else collection
        return f"{base}_usersSettings/tokens"


def missing_part(response: Response) -> Part | None:
    """Return what a 404 says is missing, None when it does not say.

    By the `typeKey`: HostNotFoundException, ProjectDoesNotExistWithNameException,
    FeedIdNotFoundException, FeedViewNotFoundException, PackageNotFoundException and their kin.
    """
    key = type_key(response).lower()
    for start, part in PARTS:
        if key.startswith(start):
            return part
    text = words(response)
    return next((part for sign, part in SIGNS if sign in text), None)


def is_data(response: Response) -> bool:
    """Say whether an answer is a success and not the sign-in page (203, or a page of HTML)."""
    page = "html" in response.headers.get("Content-Type", "").lower()
    return (
        response.status < HTTPStatus.MULTIPLE_CHOICES
        and response.status != HTTPStatus.NON_AUTHORITATIVE_INFORMATION
        and not page
    )


def refused(response: Response, doing: str, asker: FeedAsker) -> StepError:
    """Return the error for an answer that is no success.

    Args:
        response: The final one.
        doing: What was being done, e.g. "reading", "publishing acme_core-1.0-py3-none-any.whl".
        asker: Which feed, and who asks; asked for a name where that tells causes apart.
    """
    if response.status < 300:  # noqa: PLR2004
        # the sign-in page, in the place of a 401, whatever its own status
        page = HTTPStatus.NON_AUTHORITATIVE_INFORMATION
        response = replace(response, status=page, body=b"", reason="")
    if 300 <= response.status < 400:  # noqa: PLR2004
        return _sent_away(response, doing, asker)
    told = TOLD.get(response.status)
    if told is None:
        return refusal(doing, response)
    error = told(response, doing, asker)
    more = {"not-authenticated": asker.note, "not-authorized": asker.note, "not-found": asker.hint}
    if added := more.get(error.code):
        error.cure = f"{error.cure} {added}"
    return error


def _quote(response: Response) -> str:
    text = words(response)
    return f' The service says: "{text}"' if text else ""


def _unknown_token(response: Response, doing: str, asker: FeedAsker) -> ServiceRefused:
    """Tell an expired token from one made for less, from one of another organization, and from one
    that is no token.

    A token that was made for less than what is asked gets 401, not 403 (vsts-rest-api-specs #441,
    pulumi-azuredevops #68): the service knows it, and says who it is.
    """
    text = words(response)
    renew = (
        f"Make a new personal access token with {asker.scope} at {asker.tokens} and set "
        "feed-token; or let the pipeline's own identity sign in."
    )
    who = UNAUTHORIZED.search(text)
    expired = EXPIRED.search(text) is not None
    known = response.status == HTTPStatus.UNAUTHORIZED and not expired
    if known and (name := asker.name_of()):
        return RightMissing(
            f"{asker.name} refuses {doing} ({response.status}) although it knows the token: it is "
            f"one of '{name}', signed in with {asker.source}, and was not made for this at "
            f"{asker.feed}. What is asked needs the scope {asker.scope}.",
            right=asker.scope,
            identity=f"'{name}'",
            cure=renew,
        )
    if expired:
        why, cure = "it has expired", f"The token has expired. {renew}"
    elif who and not ANONYMOUS.fullmatch(who["who"].lower()):
        why = f"it knows {_identity(who['who'], asker)}, who is no member of {asker.organization}"
        cure = (
            f"Use a token of {asker.organization}, or add that identity to its users (Organization "
            "settings, Users; a service principal or managed identity, too)."
        )
    else:
        why = "it does not know the token"
        cure = (
            "The token is wrong, has expired, has been revoked, or does not belong to "
            f"{asker.organization}. {renew}"
        )
    return ServiceRefused(
        f"{asker.name} does not accept the sign-in for {doing}: {response.status}, {why}; signed "
        f"in with {asker.source}, at {asker.feed}.{_quote(response)}",
        code="not-authenticated",
        cure=cure,
    )


def _sent_away(response: Response, doing: str, asker: FeedAsker) -> ServiceRefused:
    """Tell the sign-in page, where the service sends whoever it does not know, from a move."""
    target = without_credentials(response.headers.get("Location", ""))
    if "_signin" in target.lower() or "login" in (urlsplit(target).hostname or ""):
        return _unknown_token(response, doing, asker)
    return ServiceRefused(
        f"{asker.name} redirects {doing} to {target or 'somewhere'} ({response.status}); a token "
        "is not sent to another place than the one that was given.",
        code="redirected",
        cure=f"If {target} is the right place, write the feed's URL there in publish-to."
        if target
        else "Check the URL in publish-to, part by part.",
    )


def _right_missing(response: Response, doing: str, asker: FeedAsker) -> RightMissing:
    """Name the identity, the right, the feed, and where to grant it.

    The text is the service's own (azure-devops-docs #4626, #6746): "User 'ID' lacks permission to
    complete this action. You need to have 'RIGHT'."; ID may be no more than a GUID.
    """
    lacks = LACKS.search(words(response))
    right = lacks["right"] if lacks else ""
    who = _identity(lacks["who"] if lacks else "", asker)
    reads = right.startswith(READING) if right else doing.startswith("reading")
    if right == "AddUpstreamPackage":
        role = "a Feed and Upstream Reader (Collaborator)"
    elif right in {"AdministerFeed", "EditFeed", "ManageFeed", "DeleteFeed"}:
        role = "a Feed Owner"
    elif reads:
        role = (
            "a Feed Reader, or a Feed and Upstream Reader (Collaborator) where packages come from "
            "an upstream"
        )
    else:
        role = PUBLISHER
    lack = f"lacks the right {right}" if right else "may not do this"
    return RightMissing(
        f"{asker.name} refuses {doing} (403): {who}, signed in with {asker.source}, {lack} at "
        f"{asker.feed}.{'' if lacks else _quote(response)}",
        right=right,
        identity=who,
        cure=f"In Azure DevOps: {asker.permissions}: make {who} {role}"
        f"{'.' if right else ', if it is not.'} A personal access token needs the scope "
        f"{asker.scope} too.",
    )


def _identity(who: str, asker: FeedAsker) -> str:
    """Name an identity as people find it: the service gives a descriptor or no more than a GUID."""
    bare = who.rpartition(";")[2].rpartition("\\")[2]
    kind = "the build service identity" if ":build:" in who.lower() else "the identity"
    if bare and not GUID.search(bare):
        return f"{kind} {bare}"
    name = asker.name_of()
    if not name:
        return f"{kind} {bare}" if bare else "the identity that is signed in"
    return f"{kind} '{name}'" + (f" ({bare})" if bare else "")


def _not_there(response: Response, doing: str, asker: FeedAsker) -> ServiceRefused:
    """Say which part of the address is missing."""
    address = asker.address
    project = address.collection[1]
    part = missing_part(response)
    again = f"Copy the URL from Artifacts, the feed, Connect to feed, pip ({address.portal_url})."
    parts = (
        "Check organization, project and feed in publish-to, part by part; a feed of the "
        "organization has no project in its URL, and one of a project has it. "
    )
    what, cure = f"{asker.feed} is not there", parts + again
    match part:
        case "organization":
            what = f"{asker.organization} is not there"
            cure = f"Check how the organization is spelled in publish-to, part by part. {again}"
        case "project":
            what = f"{asker.organization} has no project '{project or ''}'"
            cure = f"{parts}A project that the sign-in may not see is not found either. {again}"
        case "feed":
            inside = f"the project '{project}' of " if project else ""
            what = f"{inside}{asker.organization} has no feed '{address.feed}'"
            cure = f"{parts}A feed that the sign-in may not see is not found either. {again}"
        case "view":
            what = f"{asker.feed} has no such view"
            cure = (
                f"Look at the feed's views ({address.portal_url}, Feed settings, Views), and make "
                "it there, or correct view."
            )
        case "package":
            what = f"{asker.feed} has no such package or version"
            cure = f"Look for it in the feed ({address.portal_url}) and in its recycle bin."
        case None:
            pass
    return ServiceRefused(
        f"{asker.name}: {doing}: {what}, or the sign-in ({asker.source}) may not see it: "
        f"{response.status}.{_quote(response)}",
        code="not-found" if part != "view" else "view-not-found",
        cure=cure,
    )


def _limited(response: Response, doing: str, asker: FeedAsker) -> ServiceUnavailable:
    """Say that it is Azure DevOps that limits, and when to come again (Microsoft Learn, "Rate and
    usage limits": Retry-After, X-RateLimit-Resource, X-RateLimit-Reset in seconds since 1970)."""
    headers = response.headers
    resource = headers.get("X-RateLimit-Resource", "").strip()
    named = f" (its limit {resource})" if re.fullmatch(r"[\w ./:()-]{1,80}", resource) else ""
    seconds = retry_after(headers, datetime.now(UTC).timestamp())
    reset = headers.get("X-RateLimit-Reset", "").strip()
    if seconds is not None:
        again = f"in {max(1, round(seconds))} s"
    elif re.fullmatch(r"\d{1,11}", reset):
        again = f"after {datetime.fromtimestamp(int(reset), UTC):%Y-%m-%d %H:%M} UTC"
    else:
        again = "in some minutes"
    return ServiceUnavailable(
        f"{asker.name} refuses {doing} (429): Azure DevOps limits how much the identity signed in "
        f"with {asker.source} may ask for{named}, for all that uses it at {asker.organization}, "
        f"and repeating did not help.{_quote(response)}",
        code="rate-limited",
        cure=f"Run it again {again}: what was published already is found and left alone. Where it "
        "happens often, lower parallel, or sign in with an identity that nothing else uses.",
    )


def _over_quota(response: Response, doing: str, asker: FeedAsker) -> ServiceRefused:
    return ServiceRefused(
        f"{asker.name} refuses {doing} (402): {asker.organization} has used up its storage for "
        f"packages.{_quote(response)}",
        code="over-quota",
        cure="Set up billing for Artifacts in the organization's settings, or delete versions that "
        "nobody needs and empty the feed's recycle bin.",
    )


TOLD: Final[Mapping[int, Callable[[Response, str, FeedAsker], StepError]]] = {
    HTTPStatus.NON_AUTHORITATIVE_INFORMATION: _unknown_token,
    HTTPStatus.UNAUTHORIZED: _unknown_token,
    HTTPStatus.PAYMENT_REQUIRED: _over_quota,
    HTTPStatus.FORBIDDEN: _right_missing,
    HTTPStatus.NOT_FOUND: _not_there,
    HTTPStatus.GONE: _not_there,
    HTTPStatus.TOO_MANY_REQUESTS: _limited,
}
"""What each status means, as far as it is a feed that answers so."""
