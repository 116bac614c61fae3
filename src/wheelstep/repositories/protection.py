"""Whether a branch is protected, as far as the host of a remote tells without a push.

Sources: GitHub's REST reference, "Get a branch" (`protected`) and "Get rules for a branch"; Azure
DevOps' REST reference, "Policy Configurations - List" (`isBlocking`, and the scope of `settings`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlsplit

from wheelstep.errors import StepError
from wheelstep.ground.secret import Secret
from wheelstep.ground.threads import ThreadPool
from wheelstep.ground.transport import Credentials, Transport
from wheelstep.repositories.azure_repository import AzureAddress
from wheelstep.repositories.github_repository import GitHubAddress
from wheelstep.repositories.urls import served_url

__all__ = ["NotTold", "Protected", "Protection", "Unprotected", "protection_of"]

SEEN: Final = (301, 302, 303, 307, 308, 401, 403, 404, 410)
USER: Final = "x-access-token"
"""Beside a token GitHub wants this user, and Azure DevOps takes any."""
VERSION: Final = "?api-version=5.0"
"""What both questions have been since Azure DevOps Server 2019: each server refuses newer ones than
its own (VssVersionOutOfRangeException)."""
REFUSING: Final = frozenset(
    {"pull_request", "required_status_checks", "update", "required_signatures", "merge_queue",
     "workflows", "required_deployments", "code_scanning"}
)  # fmt: skip
"""Rules of GitHub that a push may break."""


@dataclass(frozen=True, slots=True)
class Unprotected:
    """Nothing refuses a push to the branch."""


@dataclass(frozen=True, slots=True)
class Protected:
    """Something may refuse it: whether for this account shows only when it pushes."""

    by: str
    """For people: the rules, or what the host calls it."""


@dataclass(frozen=True, slots=True)
class NotTold:
    """The host does not say."""

    why: str
    """A whole sentence."""


Protection = Unprotected | Protected | NotTold


def protection_of(
    url: str,
    branch: str,
    *,
    transport: Transport,
    token: Secret | None,
    environment: Mapping[str, str],
    outright: bool = False,
) -> Protection:
    """Ask the host of a remote about a branch; two questions at the same time.

    Args:
        url: The remote's, as git has it.
        branch: Short name.
        transport: The HTTP policy.
        token: What is pushed with, if it is known; sent to that host's own API only.
        environment: This process's: it names the API of the GitHub that the job runs on.
        outright: The user says that it is on a GitHub.
    """
    served = served_url(url, same_path=outright)
    if served is None:
        return NotTold("The remote is no web address, and only hosts of a known kind are asked.")
    parts = urlsplit(served)

    def ask(place: str) -> Any:
        """Return a document, or None where the host says no."""
        who = Credentials(place.partition("?")[0], USER, token) if token else None
        response = transport.request(
            "GET",
            place,
            credentials=who,
            headers={"Accept": "application/json"},
            accept_statuses=SEEN,
        )
        if response.status != 200:  # noqa: PLR2004
            return None
        try:
            return json.loads(response.body)
        except (ValueError, RecursionError):
            return None  # a sign-in page

    try:
        if "/_git/" in parts.path:
            return _azure(served, branch, ask)
        if (at := GitHubAddress.of(url, environment, outright=outright)) is not None:
            return _github(f"{at.api}/repos/{at.owner}/{at.name}", branch, ask)
    except StepError as error:
        return NotTold(error.message)
    return NotTold(f"How {parts.hostname} tells of protected branches is not known here.")


def _github(base: str, branch: str, ask: Callable[[str], Any]) -> Protection:
    name = quote(branch, safe="")
    with ThreadPool(2) as pool:
        asked = pool.submit(ask, f"{base}/branches/{name}")
        listed = pool.submit(ask, f"{base}/rules/branches/{name}")
        found, rules = asked.result(), listed.result()
    protected = found.get("protected") if isinstance(found, dict) else None
    kinds = sorted(
        {str(rule.get("type")) for rule in rules if isinstance(rule, dict)} & REFUSING
        if isinstance(rules, list)
        else ()
    )
    if kinds:
        return Protected(f"the rules {', '.join(kinds)}")
    if protected is True:
        return Protected("a branch protection rule")
    if protected is False:
        return Unprotected()
    return NotTold("GitHub does not tell whoever runs this whether the branch is protected.")


def _azure(served: str, branch: str, ask: Callable[[str], Any]) -> Protection:
    address = AzureAddress.of(served)
    if address is None:
        return NotTold("The remote's URL names no repository.")
    before = f"{address.base}/{quote(address.project)}/_apis"
    with ThreadPool(2) as pool:
        place = f"{before}/git/repositories/{quote(address.repository, safe='')}{VERSION}"
        asked = pool.submit(ask, place)
        listed = pool.submit(ask, f"{before}/policy/configurations{VERSION}")
        found, policies = asked.result(), listed.result()
    value = policies.get("value") if isinstance(policies, dict) else None
    if not isinstance(found, dict) or not isinstance(found.get("id"), str):
        return NotTold("Azure Repos does not show the repository to whoever runs this.")
    if not isinstance(value, list):
        return NotTold("Azure Repos does not show the branch's policies to whoever runs this.")
    default = str(found.get("defaultBranch", ""))
    names = [
        str((one.get("type") or {}).get("displayName", "a policy"))
        for one in value
        if isinstance(one, dict) and _applies(one, found["id"], branch, default)
    ]
    return Protected(f"the policies {', '.join(sorted(set(names)))}") if names else Unprotected()


def _applies(policy: Mapping[str, Any], repository: str, branch: str, default: str) -> bool:
    """Tell whether a policy blocks pushes to a branch."""
    if not policy.get("isEnabled") or not policy.get("isBlocking") or policy.get("isDeleted"):
        return False
    settings = policy.get("settings")
    scopes: Sequence[Any] = settings.get("scope") or () if isinstance(settings, dict) else ()
    ref = f"refs/heads/{branch}"
    for scope in scopes:
        if not isinstance(scope, dict) or scope.get("repositoryId") not in {None, repository}:
            continue
        name, kind = str(scope.get("refName") or ""), str(scope.get("matchKind") or "").lower()
        # policies of pushes (the size of files) name no branch
        if kind == "defaultbranch":
            fits = ref == default
        else:
            fits = bool(name) and (name == ref or (kind == "prefix" and ref.startswith(name)))
        if fits:
            return True
    return False
