"""What Azure Resource Manager means when it says no: one table of its codes, first match first.

Sources: ARM's error contract (`{"error": {"code", "message", "details", "additionalInfo"}}`),
Microsoft Learn "Resolve errors for common Azure resource provider and ARM problems", and "Azure
built-in roles". What was sent is never repeated: it may hold a secret.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from wheelstep.errors import ServiceRefused, ServiceUnavailable, StepError
from wheelstep.ground.identity import Identity
from wheelstep.ground.secret import blanked, without_credentials
from wheelstep.ground.transport import Response, refusal

__all__ = ["NOT_THERE", "ResourceConflict", "absent", "assignment", "refused", "role_for"]

NOT_THERE: Final = frozenset(
    {"subscription-not-found", "resource-group-not-found", "resource-not-found"}
)
"""Codes of ours for what a workspace's id names and whoever is signed in does not have."""
LONGEST_QUOTE: Final = 500
"""Characters of ARM's own words that an error repeats."""
MOST_DETAILS: Final = 3
"""Further errors below the first that are quoted."""
DEEPEST: Final = 4
PLACE_MISSING: Final = frozenset(
    {
        "InvalidResourceNamespace",
        "InvalidResourceType",
        "ParentResourceNotFound",
        "ResourceGroupNotFound",
        "SubscriptionNotFound",
    }
)
"""Codes of a 404 that say more than that the last part of a path is not there."""

ROLES: Final = (
    (
        re.compile(r"microsoft\.machinelearningservices/workspaces/connections/listsecrets/action"),
        "Azure Machine Learning Workspace Connection Secrets Reader",
    ),
    (re.compile(r"microsoft\.machinelearningservices/workspaces/(write|delete)"), "Contributor"),
    (re.compile(r"microsoft\.machinelearningservices/.*"), "AzureML Data Scientist"),
    (re.compile(r".*/read"), "Reader"),
    (re.compile(r".*"), "Contributor"),
)
"""Actions in lower case, and the smallest built-in role that serves both them and the step."""
WORKSPACE: Final = re.compile(
    r"(?i)/subscriptions/[^/\s]+/resourcegroups/[^/\s]+/providers/[^/\s]+/[^/\s]+/[^/\s]+"
)


class ResourceConflict(ServiceRefused):
    """A resource is not as a write supposes (409): somebody else writes, or it may not change."""

    def __init__(self, message: str, *, arm_code: str, arm_message: str, cure: str) -> None:
        """Keep what ARM said.

        Args:
            message: For people.
            arm_code: ARM's own code, e.g. "Conflict", "UserError".
            arm_message: ARM's own words.
            cure: What to do.
        """
        super().__init__(message, code="resource-conflict", cure=cure)
        self.arm_code = arm_code
        self.arm_message = arm_message


@dataclass(frozen=True, slots=True)
class _Said:
    """What an answer says."""

    code: str
    message: str
    quote: str
    """The message with what is below it, short, without secrets."""


@dataclass(frozen=True, slots=True)
class _Row:
    """One meaning of a code."""

    codes: re.Pattern[str]
    code: str
    says: str
    """{quote}, {what} (method and URL), {host}, {who}, and the groups of `pattern`."""
    cure: str
    """The same, and {role}, {command}."""
    pattern: re.Pattern[str] | None = None
    """What the message is like; None: anything."""
    kind: type[StepError] = field(default=ServiceRefused)


def _row(
    codes: str,
    code: str,
    says: str,
    cure: str,
    pattern: str | None = None,
    *,
    kind: type[StepError] = ServiceRefused,
) -> _Row:
    compiled = re.compile(pattern, re.DOTALL) if pattern else None
    return _Row(re.compile(codes), code, says, cure, compiled, kind)


ASSIGN: Final = (
    "Give it the role {role!r}, or another with that action:\n  {command}\nA new assignment takes "
    "effect within minutes. Check the names in the scope, too: what does not exist is refused in "
    "the same words."
)
LIST: Final = (
    "Compare it, part by part, with what `az ml workspace list --subscription SUBSCRIPTION "
    '--resource-group GROUP --query "[].id"` shows'
)
ROWS: Final = (
    _row(
        "AuthorizationFailed",
        "not-authorized",
        "The identity {client} (object id {object}) may not do {action} on {scope}: {what} is "
        "refused (AuthorizationFailed).",
        ASSIGN,
        r"The client '(?P<client>[^']*)' with object id '(?P<object>[^']*)' does not have "
        r"authorization to perform action '(?P<action>[^']*)' over scope '(?P<scope>[^']*)'",
    ),
    _row(
        "LinkedAuthorizationFailed",
        "not-authorized",
        "The identity with object id {object} lacks {action} on {scope}, to which {what} refers "
        "(LinkedAuthorizationFailed).",
        ASSIGN,
        r"object id '(?P<object>[^']*)' has permission.*does not have permission to perform "
        r"action\(s\) '(?P<action>[^']*)' on the linked scope\(s\) '(?P<scope>[^']*)'",
    ),
    _row(
        ".*DenyAssignment.*",
        "not-authorized",
        "A deny assignment forbids {what}{who}: {quote}",
        "No role helps against a deny assignment: ask whoever made it (a managed application, a "
        "deployment stack), or run the step with an identity that it spares.",
    ),
    _row(
        ".*Authorization.*",
        "not-authorized",
        "{what} is not allowed{who} ({code}): {quote}",
        "Give the identity that runs this step the role AzureML Data Scientist (or Reader, to "
        "look) on the workspace.",
    ),
    _row(
        "InvalidAuthenticationTokenAudience",
        "token-for-another-cloud",
        "{host} does not take the token{who}: it was made for {audience}, which is another cloud "
        "or another service ({code}).",
        "Set AZURE_CLOUD to the cloud that the workspace is in (AzureCloud, AzureChinaCloud, "
        "AzureUSGovernment), with AZURE_AUTHORITY_HOST where another cloud signs in; or correct "
        "WHEELSTEP_RESOURCE_MANAGER.",
        r"(?:for|from) wrong audience or resource '(?P<audience>[^']*)'",
    ),
    _row(
        "InvalidAuthenticationTokenTenant",
        "token-of-another-tenant",
        "The token{who} is of the tenant {theirs}; the subscription belongs to {ours} ({code}).",
        "Sign in there (`az login --tenant {ours}`, or AZURE_TENANT_ID={ours}); or correct the "
        "subscription in `workspace`.",
        r"wrong issuer 'https?://[^/']*/(?P<theirs>[^/']*)/?'.*match (?:the tenant|one of the "
        r"tenants) 'https?://[^/']*/(?P<ours>[^/']*)/?'",
    ),
    _row(
        "ExpiredAuthenticationToken",
        "token-expired",
        "The token{who} has expired ({code}): {quote}",
        "Sign in later in the job (azure/login just before this step), and check this machine's "
        "clock.",
    ),
    _row(
        "InvalidAuthenticationToken.*|AuthenticationFailed.*|Unauthorized",
        "not-authenticated",
        "{host} does not take the token{who} ({code}): {quote}",
        "Sign in to Azure again; for another cloud set AZURE_CLOUD and AZURE_AUTHORITY_HOST.",
    ),
    _row(
        "SubscriptionNotFound|InvalidSubscriptionId",
        "subscription-not-found",
        "There is no subscription {subscription}, or the identity may not see it{who} ({code}).",
        "Check the first part of `workspace`: `az account list --all --output table` shows the "
        "subscriptions of the identity; for one in another cloud or tenant set AZURE_CLOUD or "
        "sign in to that tenant.",
        r"subscription(?: identifier)? '(?P<subscription>[^']*)'",
    ),
    _row(
        "ReadOnlyDisabledSubscription",
        "subscription-disabled",
        "The subscription is disabled and can only be read ({code}): {quote}",
        "Ask the subscription's owner to enable it again.",
    ),
    _row(
        "ResourceGroupNotFound",
        "resource-group-not-found",
        "There is no resource group {group} in that subscription ({code}).",
        "Check the second part of `workspace`: `az group list --subscription SUBSCRIPTION --query "
        '"[].name"` shows the groups.',
        r"Resource group '(?P<group>[^']*)'",
    ),
    _row(
        "ResourceNotFound",
        "resource-not-found",
        "There is no workspace {workspace} in the resource group {group} ({code}).",
        "Check the last part of `workspace`: `az ml workspace list --resource-group {group} "
        '--query "[].name" --subscription SUBSCRIPTION` shows the names.',
        r"(?i)The Resource 'Microsoft\.MachineLearningServices/workspaces/(?P<workspace>[^'/]*)' "
        r"under resource group '(?P<group>[^']*)'",
    ),
    _row(
        "ResourceNotFound",
        "resource-not-found",
        "There is no {resource} in the resource group {group} ({code}).",
        f"Check the last part of `workspace`, or of the name that is meant. {LIST}.",
        r"The Resource '(?P<resource>[^']*)' under resource group '(?P<group>[^']*)'",
    ),
    _row(
        "ParentResourceNotFound",
        "resource-not-found",
        "There is no {parent} ({code}).",
        f"Check the last part of `workspace`. {LIST}.",
        r"(?i)parent resource '(?P<parent>[^']*)'",
    ),
    _row(
        "MissingApiVersionParameter|InvalidApiVersionParameter|NoRegisteredProviderFound"
        "|InvalidResourceType|UnsupportedApiVersion.*",
        "api-version-refused",
        "{host} does not know the api-version of {what} ({code}): {quote}",
        "Set `api-version` to one that the text names, or leave it unset for the stable default.",
    ),
    _row(
        "MissingSubscriptionRegistration",
        "provider-not-registered",
        "The subscription does not use that resource provider yet ({code}): {quote}",
        "Register it: `az provider register --namespace Microsoft.MachineLearningServices --wait`.",
    ),
    _row(
        "RequestDisallowedBy.*",
        "policy-refused",
        "A policy of the organization forbids {what} ({code}): {quote}",
        "Ask whoever owns the policy that is named for an exemption, or change what it objects to.",
    ),
    _row(
        "ScopeLocked",
        "resource-locked",
        "A lock forbids {what} ({code}): {quote}",
        "`az lock list --resource-group GROUP` shows the locks; whoever may remove them takes the "
        "read-only lock off while the step runs.",
    ),
    _row(
        ".*(Throttled|TooManyRequests).*",
        "rate-limited",
        "{host} limits how often it may be asked, and still did after the retries ({code}): "
        "{quote}",
        "Run it again later.",
        kind=ServiceUnavailable,
    ),
)


def refused(method: str, response: Response, identity: Identity | None = None) -> StepError:
    """Return what an answer means, in ARM's own words where the table has none.

    Args:
        method: Of the request.
        response: The final answer, after the retries.
        identity: Who asked, where that is known.
    """
    plain = refusal(method, response)
    said = _said(response)
    if said is None:
        return plain
    what = f"{method} {without_credentials(response.url)}"
    who = f", signed in as {identity}" if identity else ""
    facts = {
        "what": what,
        "who": who,
        "host": urlsplit(response.url).netloc,
        "code": said.code,
        "quote": said.quote,
    }
    for row in ROWS:
        found = row.pattern.search(said.message) if row.pattern else None
        if row.codes.fullmatch(said.code) and (found or row.pattern is None):
            return _of_row(row, facts, found)
    if isinstance(plain, ServiceUnavailable):
        return plain
    if response.status == 409:  # noqa: PLR2004
        return ResourceConflict(
            f"{what} does not fit what is there ({said.code}): {said.quote}",
            arm_code=said.code,
            arm_message=said.message,
            cure="Run it again: what is there is read anew. If it stays so, look at the resource.",
        )
    return ServiceRefused(
        f"{what} is refused{who} ({said.code}): {said.quote}",
        code="resource-manager-refused",
        cure="Mend what the text names; check subscription, group and name of the workspace.",
    )


def _of_row(row: _Row, facts: Mapping[str, str], found: re.Match[str] | None) -> StepError:
    groups = {k: _quote(v) for k, v in found.groupdict().items() if v} if found else {}
    known = {**facts, **groups}
    if "action" in known:
        role = role_for(known["action"].partition(",")[0])
        known |= {"role": role, "command": assignment(known["object"], role, known["scope"])}
    return row.kind(row.says.format(**known), code=row.code, cure=row.cure.format(**known))


def role_for(action: str) -> str:
    """Return a built-in role that allows an action (Microsoft Learn, "Azure built-in roles").

    Args:
        action: As ARM names it, e.g. "Microsoft.MachineLearningServices/workspaces/read".
    """
    return next(role for pattern, role in ROLES if pattern.fullmatch(action.lower()))


def assignment(object_id: str, role: str, scope: str) -> str:
    """Return the command that assigns a role, on the workspace or whatever resource it is."""
    on = WORKSPACE.match(scope)
    words = ("--assignee", object_id, "--role", role, "--scope", on[0] if on else scope)
    return shlex.join(("az", "role", "assignment", "create", *words))


def absent(response: Response) -> bool:
    """Say whether an answer means that just what was asked for is not there, while the place that
    it would be at is: for a wrong subscription, group or workspace the answer is no.

    Args:
        response: Of a GET or DELETE.
    """
    if response.status != 404:  # noqa: PLR2004
        return False
    said = _said(response)
    if said is None or said.code in PLACE_MISSING:
        return False
    named = re.search(r"The Resource '([^']*)'", said.message)
    if said.code != "ResourceNotFound" or named is None:
        return True
    asked = urlsplit(response.url).path.lower().rpartition("/providers/")[2].strip("/")
    space, *rest = asked.split("/")
    return named[1].lower() in {asked, "/".join((space, *rest[::2], *rest[1::2]))}


def _said(response: Response) -> _Said | None:
    """Return what an answer says, None where it is no error of ARM's."""
    try:
        document = json.loads(response.body)
    except (ValueError, RecursionError):
        return None
    error = document.get("error") if isinstance(document, dict) else None
    code = error.get("code") if isinstance(error, dict) else None
    if not isinstance(error, dict) or not isinstance(code, str) or not code:
        return None
    message = error.get("message")
    text = message if isinstance(message, str) else ""
    below = [*dict.fromkeys(one for one in _below(error) if one not in text)][:MOST_DETAILS]
    return _Said(_line(code)[:80], text, _quote(" / ".join([text, *below])))


def _below(error: Mapping[str, Any], depth: int = 0) -> Iterator[str]:
    """Yield what the details say, and the policies that object."""
    for one in _documents(error.get("details")):
        if one.get("message"):
            yield f"{one.get('code')}: {one['message']}"
        if depth < DEEPEST:
            yield from _below(one, depth + 1)
    for one in _documents(error.get("additionalInfo")):
        info = one.get("info")
        if one.get("type") == "PolicyViolation" and isinstance(info, dict):
            keys = ("policyAssignmentDisplayName", "policyDefinitionDisplayName")
            yield from (f"policy {info[key]!r}" for key in keys if info.get(key))


def _documents(value: object) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _quote(text: str) -> str:
    line = blanked(_line(text))
    return line if len(line) <= LONGEST_QUOTE else f"{line[:LONGEST_QUOTE]}..."
