"""Which destination a URL means, seen from its form: one row for each kind.

A prefix (`feed+`, `index+`, `file:`) says it outright; without one, only what cannot be anything
else is taken for what it is.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal
from urllib.parse import SplitResult, urlsplit

from wheelstep.destinations.artifact_service import WorkspaceDoor
from wheelstep.destinations.artifacts_feed import FeedDestination
from wheelstep.destinations.blob_mirror import BlobMirror
from wheelstep.destinations.blob_sign_in import STORAGE_SCOPE, BlobSignIn, blob_sign_in
from wheelstep.destinations.feed_address import FeedAddress
from wheelstep.destinations.feed_forms import SHORT_FORMS, plain, right_form
from wheelstep.destinations.feed_match import matcher
from wheelstep.destinations.folder import FolderDestination
from wheelstep.destinations.index import IndexDestination
from wheelstep.destinations.interface import Destination, Wanted
from wheelstep.destinations.mirror_address import MirrorAddress, is_mirror
from wheelstep.destinations.views import refuse_view, view_to_promote_to
from wheelstep.destinations.workspace_storage import WorkspaceStorage, workspace_of
from wheelstep.destinations.workspace_ways import DEFAULT_CONTAINER
from wheelstep.errors import SettingError
from wheelstep.ground.credentials import EntraToken, IdentitySource, SignIn
from wheelstep.ground.entra import EntraTokens, Surroundings
from wheelstep.ground.feed_sign_in import Choice, FeedAsked, feed_sign_in, foreign_job
from wheelstep.ground.pypirc import Match, left_for
from wheelstep.ground.secret import Secret, without_credentials
from wheelstep.ground.transport import Transport
from wheelstep.model import Workspace

__all__ = ["Kind", "destination_of", "kind_of"]

Kind = Literal["folder", "index", "feed", "mirror", "workspace"]

PREFIXES: Final[Mapping[str, Kind]] = {"feed+https": "feed", "feed+http": "feed",
                                       "index+https": "index", "index+http": "index",
                                       "blob+https": "mirror", "blob+http": "mirror",
                                       "file": "folder"}  # fmt: skip
COLLECTION_NAMES: Final = ("SYSTEM_COLLECTIONURI", "SYSTEM_TEAMFOUNDATIONCOLLECTIONURI")
"""Variables of a job of Azure Pipelines that name its collection."""
VARIABLE: Final = re.compile(r"\$\([\w.]+\)|\$\{\{?[^{}]*\}\}?|^\$\w+")
SERVICES_HOST: Final = re.compile(r"(^|\.)(dev\.azure\.com|visualstudio\.com)$")
FORMS: Final = (
    "Write a folder; the URL of an Azure Artifacts feed "
    "(https://pkgs.dev.azure.com/ORG/PROJECT/_packaging/FEED/pypi/simple/), or ORG/PROJECT/FEED in "
    "short; a blob mirror (https://ACCOUNT.blob.core.windows.net/CONTAINER); a workspace "
    "(azureml://subscriptions/...); or index+https://... for another index."
)


@dataclass(frozen=True, slots=True)
class _Context:
    """What makers of destinations need beside the wanted one."""

    root: Path
    environment: Mapping[str, str]
    transport: Transport
    job_token: Secret | None
    entra: IdentitySource
    storage: IdentitySource
    door: Callable[[Workspace], WorkspaceDoor] | None
    connection: bool
    choice: Choice
    parallel: int


def kind_of(url: str) -> Kind:
    """Return which kind of destination a setting means; no I/O.

    Args:
        url: As written: a URL or a folder.

    Raises:
        SettingError: It is none, cannot be told apart, holds credentials, or names a place where
            this release does not write yet.
    """
    text = plain(url).text
    scheme, separator, _ = text.partition("://")
    scheme = scheme.lower()
    if not text:
        raise SettingError("A destination is empty.", code="destination-unknown", cure=FORMS)
    if found := VARIABLE.search(text):
        raise SettingError(
            f"The destination has {found[0]} in it: a variable that nobody has filled in.",
            code="destination-unknown",
            cure="Set the variable where the step can see it, and check how it is spelled: Azure "
            "Pipelines leaves $(NAME) as it is where there is none, and a settings file has no "
            "variables.",
        )
    if not separator and text.lower().startswith("feed:"):
        shown = re.sub(r"^feed:[^/]*@", "feed:***@", text, flags=re.IGNORECASE)
        raise SettingError(
            f"{shown} is no feed in short.",
            code="destination-unknown",
            cure=f"Write {SHORT_FORMS}.",
        )
    if not separator and not text.lower().startswith(("file:", "azureml:")):
        return "folder"
    _refuse_credentials(text)
    if text.lower().startswith("file:"):
        return "folder"
    parts = _split(text)
    if text.lower().startswith("azureml:"):
        workspace_of(text)
        return "workspace"
    if is_mirror(text):
        return "mirror"
    return _kind_of_url(text, scheme, parts)


def _kind_of_url(text: str, scheme: str, parts: SplitResult) -> Kind:
    services = SERVICES_HOST.search((parts.hostname or "").lower()) is not None
    if services and scheme in {"http", "feed+http"}:
        raise SettingError(
            f"{without_credentials(text)} is not encrypted: a token sent there could be read.",
            code="destination-insecure",
            cure="Write https:// instead of http://.",
        )
    if scheme in PREFIXES:
        return PREFIXES[scheme]
    if scheme in {"http", "https"}:
        return _kind_of_plain(text, services=services)
    near = difflib.get_close_matches(scheme, [*PREFIXES, "https"], n=1)
    raise SettingError(
        f"{scheme}:// is no form of destination"
        + (f"; did you mean {near[0]}://?" if near else "."),
        code="destination-unknown",
        cure=FORMS,
    )


def _kind_of_plain(text: str, *, services: bool) -> Kind:
    if "/_packaging/" in f"{urlsplit(text).path.lower()}/":
        return "feed"
    if services:
        raise SettingError(
            f"{without_credentials(text)} is a place in Azure DevOps, and names no feed.",
            code="destination-unknown",
            cure=f"A feed's URL reads {right_form(text)}; copy it from Azure DevOps: Artifacts, "
            "the feed, Connect to feed, pip.",
        )
    raise SettingError(
        f"Which kind of destination {without_credentials(text)} is cannot be seen from its form.",
        code="destination-unknown",
        cure="Put index+ before it for a PyPI-compatible index, or feed+ for an Azure Artifacts "
        "feed behind another host name.",
    )


def _split(text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError as error:
        raise SettingError(
            "A destination is no URL: its host or port cannot be read.",
            code="destination-unknown",
            cure=FORMS,
        ) from error
    return parts


def _refuse_credentials(text: str) -> None:
    """Refuse a URL that holds a user, a password or a signature; without printing them.

    Raises:
        SettingError: It does.
    """
    for url in (text.partition("#")[0], text.partition("#simple=")[2]):
        parts = _split(url)
        if "@" in parts.netloc or parts.query:
            raise SettingError(
                f"The destination {without_credentials(url)} holds "
                + ("a user name or a password" if "@" in parts.netloc else "a query")
                + " in its URL; the setting is in a file or a log that others read.",
                code="credentials-in-url",
                cure="Take it out, and give feed-user and feed-token (or the table's user and "
                "token-env; AZURE_STORAGE_SAS_TOKEN for a SAS). A secret that was committed must "
                "be replaced.",
            )


def destination_of(
    wanted: Wanted,
    *,
    root: Path,
    environment: Mapping[str, str],
    transport: Transport,
    job_token: Secret | None = None,
    entra: IdentitySource | None = None,
    storage: IdentitySource | None = None,
    door: Callable[[Workspace], WorkspaceDoor] | None = None,
    connection: bool = False,
    choice: Choice = "auto",
    parallel: int = 16,
) -> Destination:
    """Return the destination that the settings mean; nothing is asked yet.

    Args:
        wanted: As the settings name it.
        root: The repository's root, against which folders are read.
        environment: This process's: it names the pipeline job's organization.
        transport: The run's HTTP policy.
        job_token: The pipeline job's own token, if the host handed one over; only ever sent to
            feeds of the job's own organization.
        entra: Where Entra ID tokens come from; one for all feeds of a run.
        storage: The same for Azure Storage.
        door: What Resource Manager tells of a workspace, and who signs in there.
        connection: Whether the settings name a service connection.
        choice: What `feed-sign-in` says.
        parallel: How many pages are read at once.

    Raises:
        SettingError: See `kind_of`.
    """
    around = Surroundings(environment, job_token)
    context = _Context(
        root,
        environment,
        transport,
        job_token,
        entra or EntraTokens(around, transport),
        storage or EntraTokens(around, transport, scope=STORAGE_SCOPE),
        door,
        connection,
        choice,
        max(1, parallel),
    )
    if wanted.serve_url:
        _refuse_credentials(wanted.serve_url)
    kind = kind_of(wanted.url)
    if kind != "feed":
        refuse_view(wanted)
    return MAKERS[kind](wanted, context)


def _folder(wanted: Wanted, context: _Context) -> Destination:
    return FolderDestination(wanted, context.root, transport=context.transport)


def _feed(wanted: Wanted, context: _Context) -> Destination:
    form = plain(wanted.written or wanted.url)
    job = (context.environment.get(name, "") for name in COLLECTION_NAMES)
    address = FeedAddress.parse(form.text, collections=job)
    match = matcher(address)

    def sign_in() -> SignIn | None:
        if wanted.anonymous:
            return None
        asked = FeedAsked(
            url=address.simple_url,
            user=wanted.user,
            token=wanted.token,
            job_token=context.job_token,
            environment=context.environment,
            entra=context.entra,
            match=match,
            connection=context.connection,
            choice=context.choice,
        )
        try:
            return feed_sign_in(asked)
        except SettingError as error:
            if form.short:
                error.cure = f"{error.cure} {form.hint}"
            raise

    return FeedDestination(
        name=wanted.name or address.consumer_url,
        address=address,
        view=view_to_promote_to(wanted, address),
        transport=context.transport,
        sign_in=sign_in,
        serve_url=_with_slash(wanted.serve_url) if wanted.serve_url else None,
        parallel=context.parallel,
        hint=form.hint,
    )


def _index(wanted: Wanted, context: _Context) -> Destination:
    upload, named, simple = _without_prefix(wanted.url.strip()).partition("#simple=")
    parts = _split(upload)
    if not parts.hostname or parts.fragment:
        raise SettingError(
            f"{without_credentials(wanted.url)} has "
            + ("a fragment that is not #simple=URL." if parts.fragment else "no host."),
            code="destination-unknown",
            cure="Write index+https://HOST/PATH, or index+https://UPLOAD#simple=https://SIMPLE.",
        )
    if not named:
        simple = f"{_with_slash(upload)}simple/"
    elif urlsplit(simple).scheme.lower() not in {"http", "https"} or not _split(simple).hostname:
        raise SettingError(
            f"The simple index {without_credentials(simple)!r} after #simple= is no http or https "
            "URL.",
            code="destination-unknown",
            cure="Write index+https://UPLOAD#simple=https://SIMPLE.",
        )
    simple = _with_slash(simple)
    who = _who_at(wanted, context, upload)
    return IndexDestination(
        name=wanted.name or simple,
        upload_url=upload,
        simple_url=simple,
        transport=context.transport,
        sign_in=(lambda: who) if who is not None else None,
        serve_url=_with_slash(wanted.serve_url) if wanted.serve_url else None,
        parallel=context.parallel,
    )


def _mirror(wanted: Wanted, context: _Context) -> Destination:
    address = MirrorAddress.parse(wanted.url)
    return BlobMirror(
        address,
        name=wanted.name or address.url,
        transport=context.transport,
        sign_in=lambda: blob_sign_in(
            address,
            wanted.token,
            context.environment,
            context.storage,
            anonymous=wanted.anonymous,
        ),
        serve_url=_with_slash(wanted.serve_url) if wanted.serve_url else None,
        parallel=context.parallel,
    )


class _Closed:
    """Of a workspace at which nobody signs in."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def service(self) -> str:
        raise SettingError(
            f"Nobody signs in at the workspace {self._workspace} here: a pull request may have "
            "written this setting.",
            code="not-signed-in",
            cure="The release runs when the pull request is merged.",
        )

    def storage(self) -> str:
        return self.service()

    def known(self) -> EntraToken:
        raise TypeError(self.service())


def _workspace(wanted: Wanted, context: _Context) -> Destination:
    workspace = workspace_of(wanted.url)
    door = _Closed(workspace) if wanted.anonymous or not context.door else context.door(workspace)

    def storage_sign_in(storage: str) -> BlobSignIn:
        address = MirrorAddress.parse(f"blob+{storage}/{DEFAULT_CONTAINER}")
        return blob_sign_in(address, wanted.token, context.environment, context.storage, told=True)

    return WorkspaceStorage(
        workspace,
        door,
        name=wanted.name or f"the workspace {workspace.name}",
        transport=context.transport,
        storage_sign_in=storage_sign_in,
        parallel=context.parallel,
    )


def _who_at(wanted: Wanted, context: _Context, upload: str) -> SignIn | None:
    """Return who signs in at an index; None: nobody."""
    if wanted.token is not None:
        if collection := foreign_job(wanted.token, context.job_token, context.environment, upload):
            raise SettingError(
                f"The token given for {without_credentials(upload)} is the pipeline job's own; it "
                f"belongs to {without_credentials(collection)}, and is not sent elsewhere.",
                code="feed-token-foreign",
                cure="Give feed-token (or the table's token-env) a token of this index.",
            )
        # __token__ is the user that goes with an API token (the upload API's own convention)
        return SignIn(wanted.user or "__token__", wanted.token, "the token that was given")
    if wanted.anonymous:
        return None
    place = _with_slash(upload)

    def match(url: str) -> Match:
        return "same" if _with_slash(url) == place else "other"

    found = left_for(context.environment, match, user=wanted.user)
    return found if isinstance(found, SignIn) else None


MAKERS: Final[Mapping[Kind, Callable[[Wanted, _Context], Destination]]] = {
    "folder": _folder,
    "index": _index,
    "feed": _feed,
    "mirror": _mirror,
    "workspace": _workspace,
}


def _without_prefix(url: str) -> str:
    return re.sub(r"^(feed|index)\+", "", url, flags=re.IGNORECASE)


def _with_slash(url: str) -> str:
    return url if url.endswith("/") else f"{url}/"
