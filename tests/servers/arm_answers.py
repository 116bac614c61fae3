"""What Azure Resource Manager says when it refuses, in its own shapes and words.

Sources: ARM's common error contract (`{"error": {"code", "message"}}`, with "details" and
"additionalInfo" where there are any), and the wordings that users quote in public issue threads.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

LOGIN = "https://login.windows.net"


@dataclass(frozen=True)
class Reply:
    """An answer; None as document: no body at all."""

    status: int
    document: object = None
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    """Instead of a document, for answers that are no JSON."""

    @property
    def body(self) -> bytes:
        if self.raw is not None:
            return self.raw
        return b"" if self.document is None else json.dumps(self.document).encode()


def refused(
    status: int,
    code: str,
    message: str,
    *,
    headers: Mapping[str, str] | None = None,
    details: Sequence[Mapping[str, Any]] | None = None,
    **more: object,
) -> Reply:
    error: dict[str, Any] = {"code": code, "message": message, **more}
    if details is not None:
        error["details"] = details
    return Reply(status, {"error": error}, headers or {})


def _unauthorized(code: str, message: str, tenant: str) -> Reply:
    challenge = (
        f'Bearer authorization_uri="{LOGIN}/{tenant}", error="invalid_token", '
        f'error_description="{message}"'
    )
    return refused(401, code, message, headers={"WWW-Authenticate": challenge})


def no_token(tenant: str) -> Reply:
    text = "Authentication failed. The 'Authorization' header is missing."
    return _unauthorized("AuthenticationFailed", text, tenant)


def invalid_token(tenant: str) -> Reply:
    return _unauthorized("InvalidAuthenticationToken", "The access token is invalid.", tenant)


def wrong_audience(audience: str, allowed: Sequence[str], tenant: str) -> Reply:
    listed = ",".join(f"'{one}'" for one in allowed)
    return _unauthorized(
        "InvalidAuthenticationTokenAudience",
        f"The access token has been obtained for wrong audience or resource '{audience}'. It "
        f"should exactly match with one of the allowed audiences {listed}.",
        tenant,
    )


def wrong_tenant(theirs: str, ours: str) -> Reply:
    return _unauthorized(
        "InvalidAuthenticationTokenTenant",
        f"The access token is from the wrong issuer 'https://sts.windows.net/{theirs}/'. It must "
        f"match the tenant 'https://sts.windows.net/{ours}/' associated with this subscription. "
        f"Please use the authority (URL) '{LOGIN}/{ours}' to get the token.",
        ours,
    )


def expired_token(expiry: str, now: str, tenant: str) -> Reply:
    return _unauthorized(
        "ExpiredAuthenticationToken",
        f"The access token expiry UTC time '{expiry}' is earlier than current UTC time '{now}'.",
        tenant,
    )


def forbidden(client: str, object_id: str, action: str, scope: str) -> Reply:
    return refused(
        403,
        "AuthorizationFailed",
        f"The client '{client}' with object id '{object_id}' does not have authorization to "
        f"perform action '{action}' over scope '{scope}' or the scope is invalid. If access was "
        "recently granted, please refresh your credentials.",
    )


def forbidden_link(object_id: str, action: str, scope: str, linked: str, at: str) -> Reply:
    """The right is missing on something that the resource refers to."""
    return refused(
        403,
        "LinkedAuthorizationFailed",
        f"The client with object id '{object_id}' has permission to perform action '{action}' on "
        f"scope '{scope}'; however, it does not have permission to perform action(s) '{linked}' "
        f"on the linked scope(s) '{at}' (respectively) or the linked scope(s) are invalid.",
    )


def subscription_malformed(subscription: str) -> Reply:
    return refused(
        400,
        "InvalidSubscriptionId",
        f"The provided subscription identifier '{subscription}' is malformed or invalid.",
    )


def subscription_not_found(subscription: str) -> Reply:
    return refused(
        404, "SubscriptionNotFound", f"The subscription '{subscription}' could not be found."
    )


def group_not_found(group: str) -> Reply:
    return refused(404, "ResourceGroupNotFound", f"Resource group '{group}' could not be found.")


def resource_not_found(kind: str, name: str, group: str) -> Reply:
    return refused(
        404,
        "ResourceNotFound",
        f"The Resource '{kind}/{name}' under resource group '{group}' was not found. For more "
        "details please go to https://aka.ms/ARMResourceNotFoundFix",
    )


def parent_not_found(verb: str, kind: str, parent: str) -> Reply:
    return refused(
        404,
        "ParentResourceNotFound",
        f"Failed to perform '{verb}' on resource(s) of type '{kind}', because the parent resource "
        f"'{parent}' could not be found.",
    )


def version_missing() -> Reply:
    return refused(
        400,
        "MissingApiVersionParameter",
        "The api-version query parameter (?api-version=) is required for all requests.",
    )


def version_invalid(version: str, supported: Sequence[str]) -> Reply:
    return refused(
        400,
        "InvalidApiVersionParameter",
        f"The api-version '{version}' is invalid. The supported versions are "
        f"'{','.join(supported)}'.",
    )


def version_unknown(version: str, kind: str, supported: Sequence[str]) -> Reply:
    return refused(
        400,
        "NoRegisteredProviderFound",
        f"No registered resource provider found for location 'westeurope' and API version "
        f"'{version}' for type '{kind}'. The supported api-versions are '{', '.join(supported)}'. "
        "The supported locations are 'westeurope, northeurope, eastus'.",
    )


def of_the_workspace(status: int, code: str, message: str) -> Reply:
    """As the workspaces' own front end writes errors."""
    information = [
        {"type": "ComponentName", "info": {"value": "managementfrontend"}},
        {"type": "Environment", "info": {"value": "westeurope"}},
    ]
    return refused(status, code, message, details=[], additionalInfo=information)


def throttled(seconds: float, subscription: str = "") -> Reply:
    return refused(
        429,
        "SubscriptionRequestsThrottled",
        f"Number of 'write' requests for subscription '{subscription}' actor 'x' exceeded. Please "
        f"try again after '{seconds:g}' seconds after additional tokens are available. Refer to "
        "https://aka.ms/arm-throttling for additional information.",
        headers={"Retry-After": f"{seconds:g}"},
    )


def failing(status: int = 503) -> Reply:
    code = {500: "InternalServerError", 502: "BadGatewayConnection", 504: "GatewayTimeout"}
    return refused(
        status,
        code.get(status, "ServiceUnavailable"),
        "The service is temporarily unavailable. Please try again later.",
    )


def conflict(message: str = "The specified resource is being changed by another request.") -> Reply:
    return refused(409, "Conflict", message)


def locked(scope: str, operation: str = "write") -> Reply:
    return refused(
        409,
        "ScopeLocked",
        f"The scope '{scope}' cannot perform {operation} operation because following scope(s) are "
        f"locked: '{scope}'. Please remove the lock and try again.",
    )


def disallowed(name: str, policy: str) -> Reply:
    """Azure Policy says no."""
    return refused(
        403,
        "RequestDisallowedByPolicy",
        f"Resource '{name}' was disallowed by policy. Reasons: '{policy}'. See error details for "
        "policy resource IDs.",
        target=name,
        additionalInfo=[
            {
                "type": "PolicyViolation",
                "info": {
                    "policyDefinitionDisplayName": policy,
                    "policyAssignmentDisplayName": f"{policy} (landing zone)",
                },
            }
        ],
    )
