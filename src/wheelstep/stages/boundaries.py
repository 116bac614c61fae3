"""Whether a mirror has a boundary: pip cannot sign in to blob storage, so what pip reads everybody
reads whom the network lets in. Found out before the first write, and never guessed.

Sources: "Configure Azure Storage firewalls and virtual networks", "Prevent anonymous read access"
and "Static website hosting" of Microsoft Learn; the published description of Microsoft.Storage.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from wheelstep.destinations.blob_mirror import BlobMirror
from wheelstep.errors import Refused, StepError, raise_all
from wheelstep.ground.inside import is_inside
from wheelstep.model import Problem
from wheelstep.stages.run import Run
from wheelstep.workspaces.facts import STORAGE, text
from wheelstep.workspaces.reach import storage_access

__all__ = ["CODE", "boundary_problem", "check_boundaries"]

CODE = "mirror-open"
SUBSCRIPTIONS = "2022-12-01"
"""The api-version of the list of subscriptions."""


def check_boundaries(run: Run) -> None:
    """Refuse to write to a mirror that the whole internet can read, or could, as far as is known.

    Raises:
        Refused: There is one, and no `allow` excuses it.
        SettingError: Nobody could read pages there.
        StepError: It does not answer.
    """
    if run.trigger.pull_request:
        return  # nobody signs in there, and nothing is written
    errors: list[StepError] = []
    for one in run.destinations:
        if not isinstance(one, BlobMirror):
            continue
        _ = one.form  # refuses a place that nobody could read
        name = one.boundary_name
        run.allowances.looked(CODE, [name])
        problem = boundary_problem(run, one)
        if problem is None:
            continue
        excused = run.allowances.excused(problem, name)
        if excused is problem:
            errors.append(Refused(problem.message, code=CODE, cure=problem.cure))
        else:
            run.report.add([excused])
    raise_all(errors)


def boundary_problem(run: Run, one: BlobMirror) -> Problem | None:
    """Return why a mirror may not be written to; None where it has a boundary.

    Raises:
        StepError: It does not answer.
    """
    host = urlsplit(one.address.account_url).hostname or ""
    if is_inside(host):
        return None
    readable = one.open_to_all()
    if readable is False:
        return None
    place = f"{one.address.container} in the storage account {one.address.account}"
    how = (
        "its static website is read without signing in, whatever the account says"
        if one.address.website
        else "it is read without signing in"
        if readable
        else "whether it is read without signing in could not be found out"
    )
    account, unknown = _account(run, one)
    access = storage_access(account) if account is not None else "unknown"
    if access == "restricted":
        return None
    network = (
        "its network is open to everybody (the default action is Allow)"
        if access == "open"
        else f"whether its network is closed to others could not be found out: {unknown}"
    )
    return Problem(
        CODE,
        "error",
        Refused.exit_code,
        f"{place} {'is' if readable and access == 'open' else 'may be'} open to the world: {how}, "
        f"and {network}. pip cannot sign in there, so whoever reaches it can download your "
        "packages.",
        "Close the network: `az storage account update --name "
        f"{one.address.account} --default-action Deny` and a private endpoint or a rule for those "
        "who read; or close the container, and let the workspace read it. Where the boundary is "
        f"another one, `allow` with the code {CODE}, the name {one.boundary_name} and a reason.",
    )


def _account(run: Run, one: BlobMirror) -> tuple[Mapping[str, Any] | None, str]:
    """Return the account as Azure Resource Manager knows it, or why it does not."""
    name = one.address.account
    wanted = one.address.account_url.lower()
    try:
        for subscription in _subscriptions(run):
            path = f"/subscriptions/{quote(subscription)}/providers/Microsoft.Storage"
            listed = run.resource_manager.pages(f"{path}/storageAccounts?api-version={STORAGE}")
            for account in listed:
                if wanted in _endpoints(account):
                    return account, ""
    except StepError as error:
        return None, error.message.rstrip(".")
    return None, f"no subscription that can be read here has the account {name}"


def _endpoints(account: Mapping[str, Any]) -> Collection[str]:
    """Return where an account's blobs are, in lower case; by its custom domain, too."""
    domain = text(account, "properties", "customDomain", "name") or ""
    blob = text(account, "properties", "primaryEndpoints", "blob") or ""
    return {blob.rstrip("/").lower(), f"https://{domain.lower()}"}


def _subscriptions(run: Run) -> Iterator[str]:
    """Yield the subscriptions in which the account may be, the likely ones first."""
    named = [one.subscription for one in run.workspaces]
    named.append(run.environment.get("AZURE_SUBSCRIPTION_ID", ""))
    seen = list(dict.fromkeys(one.lower() for one in named if one))
    yield from seen
    for one in run.resource_manager.pages(f"/subscriptions?api-version={SUBSCRIPTIONS}"):
        found = text(one, "subscriptionId") or ""
        if found and found.lower() not in seen:
            yield found
