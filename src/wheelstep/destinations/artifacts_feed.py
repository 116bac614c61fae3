"""An Azure Artifacts feed: Azure DevOps Services and Azure DevOps Server."""

from __future__ import annotations

import importlib
import threading
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from packaging.version import InvalidVersion, Version

from wheelstep.destinations.feed_address import FeedAddress
from wheelstep.destinations.index import IndexDestination
from wheelstep.destinations.refusals import Reader, type_key, words
from wheelstep.errors import ServiceRefused, StepError
from wheelstep.ground.credentials import SignIn, same_organization
from wheelstep.ground.index_page import SUPPRESS_SIGN_IN
from wheelstep.ground.secret import redact
from wheelstep.ground.transport import Credentials, Response, Transport
from wheelstep.model import Index, Wheel

if TYPE_CHECKING:
    import requests

__all__ = ["FeedDestination", "Retention", "import_client"]

LARGEST: Final = 500 * 1024 * 1024
"""Bytes of one Python file (Microsoft Learn, "Limits on packages")."""
LONGEST_VERSION: Final = 127
MISSING_PLACES: Final = ("feed", "project", "host", "collection", "view")
"""What a 404's `typeKey` begins with when more is missing than a package."""
_import_guard = threading.Lock()
PROJECT_MISSING: Final = ("TF200016", "VS800075", "doesn't exist")


@dataclass(frozen=True, slots=True)
class Retention:
    """Which versions a feed keeps of each package."""

    newest: int
    """So many."""
    days: int
    """And those that were downloaded within so many days."""


class FeedDestination(IndexDestination):
    """A feed. Uploads go to the feed itself, which is also what is looked at; consumers read it,
    or one of its views."""

    kind = "feed"

    def __init__(
        self,
        *,
        name: str,
        address: FeedAddress,
        transport: Transport,
        sign_in: Callable[[], SignIn | None],
        serve_url: str | None = None,
        parallel: int = 16,
    ) -> None:
        """Keep the address; nothing is asked yet.

        Args:
            name: For people.
            address: Of the feed.
            transport: The HTTP policy.
            sign_in: Returns who we are, asked when it is needed first; None: nobody.
            serve_url: Where consumers read it, when not at the feed.
            parallel: How many files are transferred at once.
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
        self.place = address.place
        self.notes: tuple[str, ...] = ()
        """What `index()` could not find out, for the summary."""
        self._index: Index | None = None
        self._index_guard = threading.Lock()

    @property
    def consumer_url(self) -> str | None:
        """The feed's or the view's simple index, as a definition would name it."""
        return self.serve_url or self.address.consumer_url

    def index(self) -> Index:
        """Return how consumers read it; asks the service once whether it has a public upstream."""
        with self._index_guard:
            if self._index is None:
                self._index = Index(
                    url=self.consumer_url,
                    public_upstream=self._has_public_upstream(),
                )
            return self._index

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

    def is_taken(self, wheel: Wheel, response: Response) -> bool:
        """Say whether an answer means that the file is there already.

        Every 409 does, by `typeKey` PackageAlreadyExistsException (uv #8817) or another, but for
        the one that says that the version was deleted: it is reserved for ever.

        Raises:
            ServiceRefused: The version was deleted from the feed.
        """
        if response.status != HTTPStatus.CONFLICT:
            return False
        key = type_key(response)
        if "already" not in key.lower() and "deleted" in f"{key} {words(response)}".lower():
            raise ServiceRefused(
                f"{self.name} does not take {wheel.file}: version {wheel.version} of {wheel.name} "
                "was deleted from the feed, and a feed never takes a deleted version again.",
                code="version-deleted",
                cure="Raise the version; or restore the old one from the feed's recycle bin within "
                "30 days, if it is what you want.",
            )
        return True

    def is_missing_page(self, response: Response) -> bool:
        """Say whether an answer means that the feed has no such package: a 404 says the same of a
        feed, a project or an organization that is not there, and differs in its `typeKey`."""
        if response.status != HTTPStatus.NOT_FOUND:
            return False
        if type_key(response).lower().startswith("package"):
            return True
        return not self._says_the_feed_is_missing(response)

    def _says_the_feed_is_missing(self, response: Response) -> bool:
        text = words(response)
        return type_key(response).lower().startswith(MISSING_PLACES) or any(
            sign in text for sign in PROJECT_MISSING
        )

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

    def headers(self) -> Mapping[str, str]:
        """Return what is sent along when a page is read."""
        return {**super().headers(), **SUPPRESS_SIGN_IN}

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
        return Credentials(f"{parts.scheme}://{parts.netloc}{path}/", who.user, who.secret)

    def reader(self) -> Reader:
        """Return what error messages have to know."""
        who = self.signed_in()
        return Reader(
            name=self.name,
            who=who.source if who else "nobody",
            sign_in_cure="The token is wrong, has expired, or is of another organization. Make a "
            "new personal access token with Packaging: Read & write and set feed-token; or let "
            "the pipeline's own identity sign in.",
            right_cure="In Azure DevOps: Artifacts, the feed, Feed settings, Permissions: make "
            "that identity (in a pipeline: the project's build service) a Feed Publisher "
            "(Contributor). A personal access token needs the scope Packaging: Read & write too.",
            read_cure="In Azure DevOps: Artifacts, the feed, Feed settings, Permissions: make "
            "that identity (in a pipeline: the project's build service) a Feed Reader, or a Feed "
            "and Upstream Reader (Collaborator) where packages come from an upstream. What is to "
            "publish there as well has to be a Feed Publisher. A personal access token needs the "
            "scope Packaging: Read too.",
            place_cure="Check organization, project and feed in publish-to, part by part; a feed "
            "of the organization has no project in its URL, and one of a project has it. Copy the "
            "URL from Artifacts, the feed, Connect to feed, pip.",
        )

    # -- upstreams

    def _has_public_upstream(self) -> bool:
        try:
            feed = self._read_settings()
        except StepError:
            raise
        except Exception as error:  # noqa: BLE001 - the client raises what its four libraries do
            note = (
                f"Whether {self.name} has a public upstream could not be read ({_short(error)}); "
                "it is "
                "treated as if it had none."
            )
            self.notes += (note,)
            return False
        if feed.upstream_enabled is False:
            return False
        return any(
            (source.protocol or "").lower() == "pypi"
            and (source.upstream_source_type or "").lower() == "public"
            and (source.status or "ok").lower() == "ok"
            and source.deleted_date is None
            for source in feed.upstream_sources or ()
        )

    def _read_settings(self) -> Any:
        """Return the feed's settings (REST "Feed Management - Get Feed") as the client's object."""
        return self._client().get_feed(self.address.feed, self.address.collection[1])

    def retention(self) -> Retention | str | None:
        """Ask which versions the feed keeps (REST "Retention Policies - Get Retention Policies").

        Returns:
            None where it keeps all; the reason, a sentence, where it cannot be read.

        Raises:
            StepError: Nobody can sign in.
        """
        try:
            found = self._client().get_feed_retention_policies(
                self.address.feed, self.address.collection[1]
            )
        except StepError:
            raise
        except Exception as error:  # noqa: BLE001 - the client raises what its four libraries do
            return f"Its retention policy could not be read ({_short(error)})."
        count = getattr(found, "count_limit", None)
        if not isinstance(count, int):
            return None
        days = found.days_to_keep_recently_downloaded_packages
        return Retention(count, days if isinstance(days, int) else 0)

    def _client(self) -> Any:
        """Return a client for the feeds' area.

        It is made for its area directly: through `Connection` it asks two more times
        where the area is, with sessions that our policy cannot reach.
        """
        base = self.address.rest_url
        who = self.signed_in()
        assert who is not None  # noqa: S101 - nobody asks where nobody signs in (a plan does not)
        import_client()
        from azure.devops.v7_1.feed.feed_client import FeedClient
        from msrest.authentication import BasicAuthentication

        client = FeedClient(base, BasicAuthentication(who.user, who.secret.reveal()))
        client.config.retry_policy.retries = 0

        def under_our_policy(
            session: requests.Session, _config: object, _local: object, **keywords: Any
        ) -> dict[str, Any]:
            authorization = session.headers.get("authorization")
            self.transport.prepare(session)
            if authorization is not None:
                session.headers["Authorization"] = authorization
            proxies = self.transport.proxies(base)
            return {
                **keywords,
                "timeout": self.transport.timeout,
                "verify": session.verify,
                "proxies": proxies,
                "allow_redirects": False,
            }

        client.config.session_configuration_callback = under_our_policy
        return client


def import_client() -> None:
    """Import the feeds' client, which several threads must not do at the same time."""
    with _import_guard, warnings.catch_warnings():
        # the library's files hold invalid escapes: Python warns when it compiles them first
        warnings.simplefilter("ignore")
        importlib.import_module("azure.devops.v7_1.feed.feed_client")
        importlib.import_module("msrest.authentication")


def _short(error: Exception) -> str:
    return redact(" ".join(str(error).split()))[:200].rstrip(".")
