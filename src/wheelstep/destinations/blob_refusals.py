"""What a storage account means when it says no, and what to do about it: prose, no I/O.

Sources: "Blob service error codes", "Common REST API error codes" and "Troubleshoot 403 errors" of
Microsoft Learn.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from wheelstep.destinations.blob_sign_in import BlobSignIn
from wheelstep.destinations.mirror_address import MirrorAddress
from wheelstep.errors import RightMissing, ServiceRefused, StepError
from wheelstep.ground.blob_answers import error_code
from wheelstep.ground.secret import blanked
from wheelstep.ground.transport import Response, refusal

__all__ = ["WRITER", "blob_refused", "no_account"]

WRITER: Final = "Storage Blob Data Contributor"
"""The least of the built-in roles that may write blobs."""
GRANT: Final = (
    "`az role assignment create --assignee {assignee} --role '{role}' --scope "
    "/subscriptions/SUBSCRIPTION/resourceGroups/GROUP/providers/Microsoft.Storage/storageAccounts/"
    "{account}/blobServices/default/containers/{container}`"
)
LETTERS: Final = (
    ("listing", "l", "list"),
    ("reading", "r", "read"),
    ("writing beside", "w", "write"),
    ("writing", "c and w", "create and write"),
    ("removing", "d", "delete"),
)
"""What was being done -> the letters of a SAS that it needs ("Create a service SAS")."""
LONGEST_QUOTE: Final = 300
EXPIRED: Final = re.compile("not valid in the specified time frame")
SKEWED: Final = re.compile("date header", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Row:
    """What one error code means."""

    says: str
    """{host}, {container}, {who}, {what} are filled in."""
    code: str
    cure: str


NETWORK: Final = _Row(
    "{host} lets nobody in from this machine's network ({what}, signed in with {who}): its "
    "firewall, a network perimeter, or the addresses that a SAS is limited to.",
    "storage-firewall",
    "Run the step inside the network (a self-hosted runner, an agent in the virtual network), or "
    "allow this machine's address: `az storage account network-rule add --account-name {account} "
    "--ip-address ADDRESS`.",
)
CODES: Final = {
    "AuthorizationFailure": NETWORK,
    "AuthorizationSourceIPMismatch": NETWORK,
    "ContainerNotFound": _Row(
        "{host} has no container {container} ({what}).",
        "container-not-found",
        "Make it: `az storage container create --account-name {account} --name {container} "
        "--auth-mode login`; or mend publish-to.",
    ),
    "ResourceNotFound": _Row(
        "{host} shows no container {container} to {who} ({what}): it is not there, or not for "
        "everybody to read.",
        "container-not-found",
        "Check publish-to, and who signs in.",
    ),
    "ContainerBeingDeleted": _Row(
        "The container {container} at {host} is being deleted ({what}).",
        "container-not-found",
        "Wait until it is gone, and make it again.",
    ),
    "AccountIsDisabled": _Row(
        "The storage account {account} is disabled ({what}).",
        "storage-disabled",
        "Enable it, or its subscription, in the portal.",
    ),
    "KeyBasedAuthenticationNotPermitted": _Row(
        "{host} takes no account key and no SAS made with one ({what}, signed in with {who}).",
        "storage-key-refused",
        "Sign in with Entra ID: remove the key, and give the identity the role '"
        + WRITER
        + "'; or use a user delegation SAS.",
    ),
    "PublicAccessNotPermitted": _Row(
        "The storage account {account} forbids reading without signing in ({what}).",
        "mirror-unreadable",
        "Sign in, to write; that nobody can read there is what the account says.",
    ),
    "NoAuthenticationInformation": _Row(
        "{host} wants a sign-in ({what}), and {who} signed in.",
        "not-authenticated",
        "Sign in with Entra ID, or set AZURE_STORAGE_SAS_TOKEN or AZURE_STORAGE_CONNECTION_STRING.",
    ),
    "InvalidUri": _Row(
        "{host} refuses a name that ends in a slash ({what}): the account has a hierarchical "
        "namespace, where a page is named index.html.",
        "storage-hierarchical",
        "Let the identity read the account's information, so that this is known beforehand; or "
        "publish to the container $web.",
    ),
}


def blob_refused(
    address: MirrorAddress, who: BlobSignIn, doing: str, response: Response
) -> StepError:
    """Return the error for an answer that says no.

    Args:
        address: Where.
        who: Who asked.
        doing: What was being done, e.g. "listing simple/acme/".
        response: The answer.
    """
    code = error_code(response)
    known = {
        "host": address.account_url.partition("://")[2],
        "account": address.account,
        "container": address.container,
        "who": who.described(),
        "what": f"{doing}: {response.status} {code}".rstrip(),
    }
    if (row := CODES.get(code)) is not None:
        return ServiceRefused(
            row.says.format(**known), code=row.code, cure=row.cure.format(**known)
        )
    said = response.body.decode("utf-8", "replace")
    if code in {"AuthenticationFailed", "InvalidAuthenticationInfo"} or response.status == 401:  # noqa: PLR2004
        return _not_accepted(who, known, said)
    if response.status == 403:  # noqa: PLR2004
        return _right_missing(who, doing, known)
    return refusal(doing.partition(" ")[0], response)


def _not_accepted(who: BlobSignIn, known: dict[str, str], said: str) -> ServiceRefused:
    """Tell a sign-in that ended from one that is wrong, and from a clock that is."""
    said = _detail(said)
    quote = f' The service says: "{said}"' if said else ""
    where = "{host} does not accept the sign-in ({what}, signed in with {who})".format(**known)
    if who.kind == "sas" and EXPIRED.search(said):
        until = f"; it is good until {who.until}" if who.until else ""
        return ServiceRefused(
            f"{where}: the SAS has expired, or is not valid yet{until}.{quote}",
            code="sas-expired",
            cure="Make another one, valid for longer than the run takes; what is published already "
            "stays, and the next run goes on from there. Entra ID needs no such dates.",
        )
    if SKEWED.search(said):
        return ServiceRefused(
            f"{where}: this machine's clock is more than 15 minutes off.{quote}",
            code="clock-skew",
            cure="Set the clock (NTP), and run it again.",
        )
    return ServiceRefused(
        f"{where}: the {'token' if who.kind == 'entra' else 'key or signature'} is wrong or has "
        f"expired.{quote}",
        code="not-authenticated",
        cure="Give a valid SAS, key or connection string of this account, or sign in with Entra "
        "ID.",
    )


def _detail(said: str) -> str:
    """Return what the service says of a sign-in, without the signature that it repeats."""
    detail = re.search(r"authenticationerrordetail:\s*([^\n<]+)", said, re.IGNORECASE)
    text = detail[1] if detail else said.partition("\n")[0]
    text = " ".join(re.sub(r"'[\w+/=]{16,}'", "'***'", text).split())
    return blanked(text)[:LONGEST_QUOTE]


def _right_missing(who: BlobSignIn, doing: str, known: dict[str, str]) -> ServiceRefused:
    letters, right = next(
        ((letter, word) for start, letter, word in LETTERS if doing.startswith(start)),
        ("w", "write"),
    )
    if who.kind == "sas":
        has = f" (it has {who.rights})" if who.rights else ""
        return RightMissing(
            "{host} refuses it ({what}): {who} lacks ".format(**known)
            + f"the right to {right}{has}.",
            right=right,
            identity=who.source,
            cure=f"Make the SAS with the permission{'s' if ' and ' in letters else ''} {letters}; "
            "a mirror needs r, l, c and w, and d to delete.",
        )
    identity = who.identity()
    assignee = identity.object_id if identity and identity.object_id else "IDENTITY"
    return RightMissing(
        "{host} refuses it ({what}): {who} lacks ".format(**known)
        + f"the right to {right} in the container {known['container']}.",
        right=right,
        identity=who.described(),
        cure=f"Give the identity the role '{WRITER}' on the container: "
        + GRANT.format(role=WRITER, assignee=assignee, **known)
        + ". Owner or Contributor of the account is not enough.",
    )


def no_account(address: MirrorAddress, error: StepError) -> ServiceRefused:
    """Return the error for a host whose name cannot be looked up."""
    host = address.account_url.partition("://")[2]
    return ServiceRefused(
        f"The host {host} is not known to this machine's DNS: there is no storage account "
        f"{address.account}, or it is known in a private network only. ({error.message})",
        code="storage-account-not-found",
        cure="Check the account's name in publish-to; for a private endpoint run the step where "
        "its private DNS zone (privatelink.blob...) is linked.",
    )
