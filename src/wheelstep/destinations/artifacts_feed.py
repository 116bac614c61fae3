"""An Azure Artifacts feed: Azure DevOps Services and Azure DevOps Server."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from packaging.utils import InvalidWheelFilename, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from wheelstep.destinations.feed_address import FeedAddress
from wheelstep.destinations.feed_conflicts import (
    MOST_VERSIONS,
    at_upstream,
    deleted,
    says_deleted,
    says_full,
    says_upstream,
    too_many_versions,
)
from wheelstep.destinations.feed_refusals import TOLD, FeedAsker, is_data, missing_part, refused
from wheelstep.destinations.feed_service import READ, WRITE, FeedService
from wheelstep.destinations.index import IndexDestination
from wheelstep.destinations.refusals import Reader
from wheelstep.destinations.views import is_of, listing_urls, view_place
from wheelstep.errors import ServiceRefused, ServiceUnavailable, StepError
from wheelstep.ground.credentials import SignIn, same_organization
from wheelstep.ground.index_page import SUPPRESS_SIGN_IN
from wheelstep.ground.secret import without_credentials
from wheelstep.ground.transport import Credentials, Response, Transport
from wheelstep.model import Index, Listed, Wheel

__all__ = ["FeedDestination"]

LARGEST: Final = 500 * 1024 * 1024
"""Bytes of one Python file (Microsoft Learn, "Limits on packages")."""
LONGEST_VERSION: Final = 127


class FeedDestination(IndexDestination):
    """A feed. Uploads go to the feed itself, which is also what is looked at; consumers read it,
    or one of its views."""

    kind = "feed"
    beside = SUPPRESS_SIGN_IN

    def __init__(
        self,
        *,
        name: str,
        address: FeedAddress,
        transport: Transport,
        sign_in: Callable[[], SignIn | None],
        serve_url: str | None = None,
        view: str | None = None,
        parallel: int = 16,
        hint: str = "",
    ) -> None:
        """Keep the address; nothing is asked yet.

        Args:
            name: For people.
            address: Of the feed.
            transport: The HTTP policy.
            sign_in: Returns who we are, asked when it is needed first; None: nobody.
            serve_url: Where consumers read it, when not at the feed.
            view: The view that versions are promoted to; None for none.
            parallel: How many files are transferred at once.
            hint: What else to try where there is no such feed, a sentence.
        """
        super().__init__(
            name=name,
            upload_url=address.upload_url,
            simple_url=address.simple_url,
            transport=transport,
            sign_in=sign_in,
            serve_url=serve_url,
            parallel=parallel,
        )
        self.address = address
        self.view = view
        self.hint = hint
        self.place = address.place
        self.notes: tuple[str, ...] = ()
        """What `index()` could not find out, for the summary."""
        self._index: Index | None = None
        self._upstream_said: set[str] = set()
        """Files of which the feed said that an upstream has their version."""
        self._index_guard = threading.Lock()

    @property
    def consumer_url(self) -> str | None:
        """The feed's or the view's simple index, as a definition would name it."""
        return self.serve_url or self.address.consumer_url

    @property
    def listing_urls(self) -> tuple[str, ...]:
        """The simple indexes that list what is released, as definitions name them: of the feed,
        and of the view that is promoted to."""
        return listing_urls(self.address, self.view)

    @property
    def view_place(self) -> str | None:
        """For the lock: where a promoted wheel is, too; None where nothing is promoted."""
        return view_place(self.address, self.view) if self.view else None

    def is_at(self, url: str) -> bool:
        """Tell whether a URL is one of this feed, of whatever view of it."""
        return is_of(self.address, url)

    def index(self) -> Index:
        """Return how consumers read it; asks the service once whether it has a public upstream."""
        with self._index_guard:
            if self._index is None:
                named = self.consumer_url
                self._index = Index(
                    url=named,
                    public_upstream=self._has_public_upstream(),
                    also=tuple(url for url in self.listing_urls if url != named),
                )
            return self._index

    def look_in(self, view: str, names: Sequence[str]) -> Mapping[str, Sequence[Listed]]:
        """Return what a view lists now, for each normalised project name; raises as `look`."""
        return self._look(names, replace(self.address, view=view).consumer_url)

    def unacceptable(self, wheel: Wheel) -> str | None:
        """Say why a feed would refuse this wheel; no I/O."""
        try:
            local = Version(wheel.version).local
        except InvalidVersion:
            return f"{wheel.version} is not a version (PEP 440)"
        if local:
            return (
                f"Azure Artifacts takes no local versions, and {wheel.version} is one (+{local}); "
                "setuptools-scm and its kin make them between tags: release from a tag, or set "
                'local_scheme = "no-local-version"'
            )
        if len(wheel.version) > LONGEST_VERSION:
            return f"Azure Artifacts takes versions of up to {LONGEST_VERSION} characters"
        if wheel.size > LARGEST:
            return (
                f"Azure Artifacts takes files of up to 500 MiB, and {wheel.file} has "
                f"{wheel.size / 1024 / 1024:.0f} MiB"
            )
        return None

    # -- what the service says

    def is_stored(self, response: Response) -> bool:
        """Say whether an upload was taken: the sign-in page is a success, too, by its status."""
        return is_data(response)

    def is_taken(self, wheel: Wheel, response: Response) -> bool:
        """Say whether an answer means that the file is there already.

        Every 409 does, by `typeKey` PackageAlreadyExistsException (uv #8817) or another, but for
        those that say that the version was deleted, and that it may have no more of them.

        Raises:
            ServiceRefused: The version was deleted from the feed, or there is no room for it.
        """
        if says_full(response):
            raise too_many_versions(wheel, self.asker(), None)
        if response.status != HTTPStatus.CONFLICT:
            return False
        if says_deleted(response):
            raise deleted(wheel, self.asker(), recycled=self._recycled(wheel))
        if says_upstream(response):
            with self._index_guard:
                self._upstream_said.add(wheel.file)
        return True

    def _recycled(self, wheel: Wheel) -> bool | None:
        try:
            return self.service.recycled(wheel.name, wheel.version)
        except (ServiceRefused, ServiceUnavailable):
            return None

    def reserved(self, wheel: Wheel) -> StepError | None:
        """Say why a wheel that is said to be there already is not listed: the version was deleted,
        or an upstream has it. None where it may show up yet, or where the service does not say."""
        said = wheel.file in self._upstream_said
        try:
            known = self.service.version(wheel.name, wheel.version)
            if known is not None and known.deleted:
                return deleted(wheel, self.asker(), recycled=self._recycled(wheel))
            upstreams = known.source if known else ()
            if not upstreams and said:
                facts = self.service.feed()
                upstreams = tuple(
                    one.name for one in facts.upstreams if one.works and one.protocol == "pypi"
                )
        except (ServiceRefused, ServiceUnavailable):
            upstreams = ()
        return at_upstream(wheel, self.asker(), upstreams) if upstreams or said else None

    def no_room(self, wheel: Wheel, listed: Sequence[Listed]) -> StepError | None:
        """Say why there is no room for one more version of a package: it has 5,000.

        The page lists those that upstreams have, too: the service's own list decides.
        """
        shown = {version for one in listed if (version := _version_of(one.file))}
        if len(shown) < MOST_VERSIONS or wheel.version in shown:
            return None
        try:
            known = self.service.versions(wheel.name)
        except (ServiceRefused, ServiceUnavailable):
            return None  # the upload tells
        count = sum(not one.deleted for one in known)
        return too_many_versions(wheel, self.asker(), count) if count >= MOST_VERSIONS else None

    def upload_refusal(self, file: str, response: Response) -> StepError:
        """Return the error for an upload that was not taken."""
        if response.status in TOLD or response.status < HTTPStatus.MULTIPLE_CHOICES:
            return refused(response, f"publishing {file}", self.asker())
        return super().upload_refusal(file, response)

    def reading_refusal(self, url: str, response: Response) -> StepError:
        """Return the error for an answer to a reader that is no page and no file."""
        ours = same_organization(self.address.collection[0], url)
        if response.status in TOLD and ours:
            return refused(response, f"reading {without_credentials(url)}", self.asker(READ))
        return super().reading_refusal(url, response)

    def asker(self, scope: str = WRITE) -> FeedAsker:
        """Return what the prose has to know.

        Args:
            scope: What a token has to be made for.
        """
        who = self.signed_in()
        if who is None:
            return FeedAsker(self.name, self.address, "nobody", lambda: "", scope, hint=self.hint)
        return self.service.asker(scope)

    def is_missing_page(self, response: Response) -> bool:
        """Say whether an answer means that the feed has no such package: a 404 says the same of a
        feed, a project or an organization that is not there, and differs in its `typeKey`."""
        if response.status != HTTPStatus.NOT_FOUND:
            return False
        return missing_part(response) in {None, "package"}

    def is_elsewhere(self, response: Response) -> bool:
        """Say no, or raise where the answer is the sign-in page of another host.

        Raises:
            ServiceRefused: Nobody is signed in as far as the service knows.
        """
        collection = self.address.collection[0]
        if same_organization(collection, response.url):
            return False
        raise ServiceRefused(
            f"{self.name} sent us to {urlsplit(response.url).hostname} to sign in: it does not "
            f"accept {self.reader().who}.",
            code="not-authenticated",
            cure=self.reader().sign_in_cure,
        )

    def _prove_it_is_there(self) -> None:
        """Do nothing: a feed's 404 itself says what is missing."""

    # -- who we are

    def credentials_for(self, url: str) -> Credentials | None:
        """Return who we are at a URL of the same organization, None everywhere else.

        Download links name the feed and the project by GUID, and may use the service's other host
        or another case: the organization is what stays.
        """
        collection = self.address.collection[0]
        if not same_organization(collection, url):
            return None
        who = self.signed_in()
        if who is None:
            return None
        parts = urlsplit(url)
        older = (parts.hostname or "").lower().endswith(".visualstudio.com")
        depth = 0 if older else max(1, len(urlsplit(collection).path.strip("/").split("/")))
        path = "/".join(parts.path.split("/")[: depth + 1])
        if "" in path.split("/")[1:]:
            return None  # `//ORG/` is no prefix of one organization alone
        return Credentials(
            f"{parts.scheme}://{parts.netloc}{path}/", who.user, who.secret, who.renew
        )

    def reader(self) -> Reader:
        """Return what error messages have to know."""
        who = self.signed_in()
        note = f" {who.note}" if who and who.note else ""
        return Reader(
            name=self.name,
            who=who.described(self.transport.clock.time()) if who else "nobody",
            sign_in_cure="The token is wrong, has expired, or is of another organization. Make a "
            "new personal access token with Packaging: Read & write and set feed-token; or let "
            f"the pipeline's own identity sign in.{note}",
            right_cure="In Azure DevOps: Artifacts, the feed, Feed settings, Permissions: make "
            "that identity (in a pipeline: the project's build service) a Feed Publisher "
            "(Contributor). A personal access token needs the scope Packaging: Read & write too."
            + note,
            read_cure="In Azure DevOps: Artifacts, the feed, Feed settings, Permissions: make "
            "that identity (in a pipeline: the project's build service) a Feed Reader, or a Feed "
            "and Upstream Reader (Collaborator) where packages come from an upstream. What is to "
            "publish there as well has to be a Feed Publisher. A personal access token needs the "
            f"scope Packaging: Read too.{note}",
            place_cure="Check organization, project and feed in publish-to, part by part; a feed "
            "of the organization has no project in its URL, and one of a project has it. Copy the "
            "URL from Artifacts, the feed, Connect to feed, pip."
            + (f" {self.hint}" if self.hint else ""),
        )

    # -- upstreams

    @functools.cached_property
    def service(self) -> FeedService:
        """The feed's REST calls."""
        return FeedService(self.address, self.transport, self._must_sign_in, self.name, self.hint)

    def _must_sign_in(self) -> SignIn:
        who = self.signed_in()
        assert who is not None  # noqa: S101 - nobody asks where nobody signs in (a plan does not)
        return who

    def _has_public_upstream(self) -> bool:
        self._must_sign_in()  # that nobody can is no matter of upstreams
        try:
            return bool(self.service.feed().public_upstreams)
        except (ServiceRefused, ServiceUnavailable) as error:
            note = (
                f"Whether {self.name} has a public upstream could not be read; it is treated as if "
                f"it had none. {error.message}"
            )
            self.notes += (note,)
            return False


def _version_of(file: str) -> str | None:
    """Return the version that a wheel's file name says; other files are of no interest."""
    try:
        return str(parse_wheel_filename(file)[1])
    except InvalidWheelFilename:
        return None
