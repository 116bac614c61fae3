"""The REST calls of an Azure Artifacts feed, all through the `azure-devops` package.

Sources: Azure DevOps REST reference 7.1, "Artifacts" (Feed Management, Artifact Details, Retention
Policies; host feeds.dev.azure.com) and "Artifacts Package Types - Python" (pkgs.dev.azure.com).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from wheelstep.destinations.feed_address import FeedAddress
from wheelstep.destinations.feed_facts import (
    FeedFacts,
    FeedVersion,
    KnownVersion,
    Retention,
    Upstream,
    known_of,
    upstream_of,
)
from wheelstep.destinations.feed_refusals import FeedAsker, is_data, missing_part, refused
from wheelstep.errors import ServiceRefused, StepError
from wheelstep.ground.azure_devops import Area, client_for
from wheelstep.ground.credentials import SignIn, same_organization
from wheelstep.ground.secret import redact
from wheelstep.ground.transport import PASSING, Credentials, Response, Transport

__all__ = [
    "MANAGE",
    "READ",
    "WRITE",
    "FeedFacts",
    "FeedService",
    "FeedVersion",
    "KnownVersion",
    "Retention",
    "Upstream",
]

SETTLED: Final = frozenset(range(200, 500)) - PASSING
"""What our own prose is for; redirects among them, which a token does not follow."""
READ: Final = "Packaging: Read"
WRITE: Final = "Packaging: Read & write"
MANAGE: Final = "Packaging: Read, write, & manage"
"""Scopes of personal access tokens, as the page where they are made names vso.packaging,
vso.packaging_write and vso.packaging_manage."""
T = TypeVar("T")


class _AbsentError(Exception):
    """The package or version is not there."""


class FeedService:
    """What can be asked of one feed, and done to it; safe to use from several threads.

    Every method raises these, never what the client raises:
        SettingError: Nobody can sign in.
        RightMissing: Whoever signs in lacks a right (`right`, `identity`).
        ServiceRefused: The token is not accepted; organization, project, feed, view or package is
            not there.
        ServiceUnavailable: No answer within the retry budget; the rate is limited.
    """

    def __init__(
        self,
        address: FeedAddress,
        transport: Transport,
        signed_in: Callable[[], SignIn],
        name: str,
        hint: str = "",
    ) -> None:
        """Keep them; nothing is imported or asked yet.

        Args:
            address: Of the feed.
            transport: The HTTP policy.
            signed_in: Returns who we are, at each attempt: tokens are renewed.
            name: The destination's, for people.
            hint: What else to try where there is no such feed, a sentence.
        """
        self.address = address
        self.hint = hint
        self.transport = transport
        self.signed_in = signed_in
        self.name = name
        self._feed = address.feed
        self._project = address.collection[1]

    # -- the feed

    def feed(self) -> FeedFacts:
        """Return the feed's settings ("Feed Management - Get Feed")."""

        def facts(client: Any) -> FeedFacts:
            # what was saved from an upstream stays when that is removed
            found = client.get_feed(self._feed, self._project, include_deleted_upstreams=True)
            return FeedFacts(
                id=str(found.id or ""),
                name=str(found.name or self._feed),
                upstream_enabled=found.upstream_enabled is not False,
                upstreams=tuple(upstream_of(one) for one in found.upstream_sources or ()),
            )

        return self._ask("feed", "reading the feed's settings", facts)

    def views(self) -> tuple[str, ...]:
        """Return the names of the feed's views ("Feed Management - Get Feed Views"), e.g.
        ("Local", "Prerelease", "Release")."""

        def names(client: Any) -> tuple[str, ...]:
            found = client.get_feed_views(self._feed, self._project)
            return tuple(str(view.name) for view in found or () if view.name)

        return self._ask("feed", "reading the feed's views", names)

    def retention(self) -> Retention | None:
        """Return which versions it keeps ("Retention Policies - Get Retention Policies"); None
        where it keeps all."""
        found = self._ask(
            "feed",
            "reading the feed's retention policy",
            lambda c: c.get_feed_retention_policies(self._feed, self._project),
        )
        count = getattr(found, "count_limit", None)
        if not isinstance(count, int):
            return None
        days = found.days_to_keep_recently_downloaded_packages
        return Retention(count, days if isinstance(days, int) else 0)

    # -- packages

    def version(self, name: str, version: str) -> FeedVersion | None:
        """Return a version, deleted ones too ("Python - Get Package Version", showDeleted; its
        views are in the package's list only).

        Args:
            name: The package's.
            version: PEP 440.

        Returns:
            None when the feed has never had it.
        """

        def state(client: Any) -> tuple[bool, tuple[str, ...]]:
            found = client.get_package_version(
                self._feed, name, version, self._project, show_deleted=True
            )
            return (
                bool(found.deleted_date or found.permanently_deleted_date),
                tuple(str(one.name or one.id) for one in found.source_chain or ()),
            )

        known = self._ask_for("pypi", f"reading {name} {version}", state)
        if known is None:
            return None
        deleted, source = known
        listed = () if deleted else self.versions(name)
        views = next((one.views for one in listed if _same(one.version, version)), ())
        return FeedVersion(views=views, deleted=deleted, source=source)

    def recycled(self, name: str, version: str) -> bool:
        """Say whether a version is in the recycle bin, from where it can be restored ("Python -
        Get Package Version Metadata From Recycle Bin")."""

        def there(client: Any) -> bool:
            found = client.get_package_version_metadata_from_recycle_bin(
                self._feed, name, version, self._project
            )
            return found.deleted_date is not None

        doing = f"reading {name} {version} in the recycle bin"
        return bool(self._ask_for("pypi", doing, there))

    def versions(self, name: str) -> tuple[KnownVersion, ...]:
        """Return all versions of a package, deleted ones too ("Artifact Details - Get Packages").

        Args:
            name: The package's.
        """
        wanted = canonicalize_name(name)

        def all_of(client: Any) -> tuple[KnownVersion, ...]:
            found = client.get_packages(
                self._feed,
                self._project,
                protocol_type="PyPi",
                normalized_package_name=wanted,
                include_urls=False,
                include_all_versions=True,
                include_deleted=True,
            )
            return tuple(
                known_of(version)
                for package in found or ()
                if canonicalize_name(package.normalized_name or package.name or "") == wanted
                for version in package.versions or ()
                if version.version
            )

        listed = self._ask_for("feed", f"reading the versions of {name}", all_of) or ()
        if not any(one.upstream for one in listed):
            return listed
        names = {one.id: one.name for one in self.feed().upstreams}
        return tuple(
            replace(one, upstream=names.get(one.upstream or "", one.upstream)) for one in listed
        )

    def upstreaming(self, name: str) -> bool:
        """Say whether versions of public upstreams are taken for a package although it is in the
        feed ("Python - Get Upstreaming Behavior": versionsFromExternalUpstreams)."""

        def allowed(client: Any) -> bool:
            found = client.get_upstreaming_behavior(self._feed, name, self._project)
            said = found.versions_from_external_upstreams
            return str(said or "").lower() == "allowexternalversions"

        doing = f"reading whether {name} may come from upstreams"
        return bool(self._ask_for("pypi", doing, allowed))

    # -- promotion

    def promote_together(self, versions: Sequence[tuple[str, str]], view: str) -> None:
        """Promote versions to a view in one call ("Python - Update Package Versions", scope
        vso.packaging_write); those that are there already stay. It is not atomic.

        Args:
            versions: Names and versions.
            view: Its name.
        """
        if not versions:
            return
        packages = [{"id": name, "version": version} for name, version in versions]
        shown = ", ".join(f"{name} {version}" for name, version in versions)

        def batch(client: Any) -> None:
            from azure.devops.v7_1.py_pi_api import models

            request = models.PyPiPackagesBatchRequest(
                data=_promote_data(view),
                operation="promote",
                packages=[models.MinimalPackageDetails(**one) for one in packages],
            )
            client.update_package_versions(request, self._feed, self._project)

        self._ask("pypi", f"promoting {shown} to the view {view}", batch, scope=WRITE)

    def promote(self, name: str, version: str, view: str) -> None:
        """Promote one version to a view ("Python - Update Package Version", scope
        vso.packaging_manage); where it is there already it stays.

        Args:
            name: The package's.
            version: PEP 440.
            view: Its name.
        """

        def patch(client: Any) -> None:
            from azure.devops.v7_1.py_pi_api import models

            operation = models.JsonPatchOperation(op="add", path="/views/-", value=view)
            details = models.PackageVersionDetails(views=operation)
            client.update_package_version(details, self._feed, name, version, self._project)

        doing = f"promoting {name} {version} to the view {view}"
        self._ask("pypi", doing, patch, scope=MANAGE)

    # -- who we are

    def identity(self) -> str:
        """Return the name of whoever is signed in (`_apis/connectionData`), "" where the service
        does not say; never raises for what it answers."""
        try:
            data = self._ask(
                "location", "asking who is signed in", lambda c: c.get_connection_data()
            )
            user = data.authenticated_user
            name = user.custom_display_name or user.provider_display_name
        except (StepError, AttributeError):
            return ""
        return redact(str(name)) if name else ""

    def asker(self, scope: str = WRITE, *, nameless: bool = False) -> FeedAsker:
        """Return what the prose of errors has to know.

        Args:
            scope: What a token has to be made for.
            nameless: Do not ask who is signed in.
        """
        who = self.signed_in()
        return FeedAsker(
            name=self.name,
            address=self.address,
            source=who.described(self.transport.clock.time()),
            name_of=(lambda: "") if nameless else self.identity,
            scope=scope,
            note=who.note,
            hint=self.hint,
        )

    # -- asking

    def _ask_for(self, area: Area, doing: str, call: Callable[[Any], T]) -> T | None:
        """Return None where the package or version is not there."""
        try:
            return self._ask(area, doing, call, absent=True)
        except _AbsentError:
            return None

    def _ask(
        self,
        area: Area,
        doing: str,
        call: Callable[[Any], T],
        *,
        scope: str = READ,
        absent: bool = False,
    ) -> T:
        """Call a client's method under our policy, and take apart what it returns."""
        # who is signed in is asked where wheels go: a firewall may let nothing else pass
        base = self.address.rest_url if area == "feed" else self.address.packages_url
        refusal = partial(self._refused, doing, scope, nameless=area == "location")

        def send(method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Response:
            response = self.transport.request(
                method,
                url,
                headers=headers,
                credentials=self._credentials(url),
                body=body,
                ok=SETTLED,
                refused=lambda _, answer: refusal(answer),
            )
            missing = response.status == HTTPStatus.NOT_FOUND
            if absent and missing and missing_part(response) in {None, "package"}:
                raise _AbsentError
            if not is_data(response):
                raise refusal(response)
            return response

        try:
            return call(client_for(area, base, send))
        except (StepError, _AbsentError):
            raise
        except Exception as error:
            # msrest raises what an answer that it does not understand makes of it, and it returns
            # None, or values without what is looked for
            why = "it lacks a part" if isinstance(error, AttributeError) else _short(error)
            raise ServiceRefused(
                f"{self.name} answered something else than expected, {doing}: {why}.",
                code="answer-unreadable",
                cure="Check that publish-to names an Azure DevOps feed, and that no proxy answers "
                "in its place. Azure DevOps Server before 2022 may lack what is asked for.",
            ) from error

    def _refused(self, doing: str, scope: str, response: Response, *, nameless: bool) -> StepError:
        return refused(response, doing, self.asker(scope, nameless=nameless))

    def _credentials(self, url: str) -> Credentials | None:
        """Return who we are at a URL of the same organization (of either host), else None."""
        if not same_organization(self.address.collection[0], url):
            return None
        who = self.signed_in()
        parts = urlsplit(url)
        return Credentials(f"{parts.scheme}://{parts.netloc}/", who.user, who.secret, who.renew)


def _promote_data(view: str) -> Any:
    """Return the data of a batch that promotes: the package's own model has no fields.

    `viewId` is the view's id or its name (packagingshared.BatchPromoteData of the vendor's client
    for Go, made from the same description).
    """
    from azure.devops.v7_1.py_pi_api import models

    made = models.BatchOperationData()
    made._attribute_map = {"view_id": {"key": "viewId", "type": "str"}}  # noqa: SLF001 - msrest's way
    made.view_id = view
    return made


def _same(one: str, other: str) -> bool:
    try:
        return Version(one) == Version(other)
    except InvalidVersion:
        return one == other


def _short(error: Exception) -> str:
    inner = error.args[0] if error.args else error
    text = str(inner[0] if isinstance(inner, tuple) and inner else error)  # as msrest wraps others
    return redact(" ".join(text.split()))[:200].rstrip(".")
