"""The one file that knows twine: its form and its metadata, under our HTTP policy.

twine calls all of this internal. Nothing of it is trusted beyond one attempt: its retries
(immediate, five times), its prompts, keyring, configuration file, progress bars and its own
opinion on what a 409 means stay out.
"""

from __future__ import annotations

import functools
import logging
import os
import threading
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from wheelstep.errors import BuildFailed, CannotHere
from wheelstep.ground.secret import redact, without_credentials
from wheelstep.ground.transport import UNAUTHORIZED, Credentials, Response, Transport

if TYPE_CHECKING:
    from twine.package import PackageFile
    from twine.repository import Repository

__all__ = ["TwineUploader"]

SLOWEST_ANSWER = 300.0
"""Seconds without a byte after the last one was sent: an index checks a large wheel meanwhile."""

_import_guard = threading.Lock()


class TwineUploader:
    """Sends wheels to one upload URL; safe to use from several threads (one session for each)."""

    def __init__(self, url: str, transport: Transport) -> None:
        """Prepare; twine is imported with the first wheel.

        Args:
            url: Where wheels are sent, without credentials.
            transport: Its policy: proxies, authorities, retries, waiting.
        """
        self.url = url
        self.transport = transport
        self._thread = threading.local()

    def upload(self, path: Path, sha256: str, credentials: Credentials | None) -> Response:
        """Send one wheel, again where the service could not answer just now.

        Args:
            path: The wheel.
            sha256: What it must be, hex.
            credentials: Who we are; sent only when the upload URL is below their prefix.

        Returns:
            The final answer, whatever its status: redirects (never followed) and 409 included.

        Raises:
            BuildFailed: twine finds the wheel or its metadata invalid.
            CannotHere: The wheel cannot be read, or is no longer what it was.
            ServiceRefused: A certificate that does not verify, a proxy that refuses us.
            ServiceUnavailable: No answer at all, after the retries.
        """
        repository = self._repository()
        package = _package(path)
        if package.sha2_digest != sha256:
            raise CannotHere(
                f"{path.name} changed on this disk since it was built and checked.",
                code="wheel-changed",
                cure="Run it again, and let nothing else write to the same dist folder.",
            )
        session = repository.session
        session.proxies = self.transport.proxies(self.url)

        def attempt(who: Credentials | None) -> Response:
            if who and (header := who.header_for(self.url)):
                session.headers["Authorization"] = header
            try:
                # one attempt: the loop inside retries 5xx at once, without waiting
                return Response.of(repository.upload(package, max_redirects=1))
            except OSError as error:
                from requests import RequestException

                if isinstance(error, RequestException):
                    raise
                raise CannotHere.from_os_error(error, f"reading {path.name}") from error
            finally:
                session.headers.pop("Authorization", None)

        what = f"POST {without_credentials(self.url)}"
        response = self.transport.retrying(what, lambda: attempt(credentials))
        # once: a token that ended in the middle of a run
        if response.status == UNAUTHORIZED and credentials and (fresh := credentials.renewed()):
            response = self.transport.retrying(what, lambda: attempt(fresh))
        return response

    def _repository(self) -> Repository:
        repository: Repository | None = getattr(self._thread, "repository", None)
        if repository is None:
            _silence()
            from twine.settings import Settings

            settings = Settings(
                # our session signs in: empty, not None, so that nothing is asked or looked up
                username="",
                password="",
                non_interactive=True,
                config_file=os.devnull,
                repository_url=self.url,
                disable_progress_bar=True,
            )
            repository = settings.create_repository()
            repository.session.auth = None
            self.transport.prepare(repository.session)
            # twine sets no time-outs, and would wait for ever
            limits = (self.transport.timeout[0], SLOWEST_ANSWER)
            session = repository.session
            vars(session)["request"] = functools.partial(session.request, timeout=limits)
            self._thread.repository = repository
        return repository


def _silence() -> None:
    """Keep twine from printing: standard output may be the report's.

    It announces each file through `print` of rich, and warns of retries that are ours to make.
    Redirecting sys.stdout instead would also swallow what other threads say.
    """
    with _import_guard:
        from twine import package, repository

        for module in (package, repository):
            vars(module)["print"] = _say_nothing
        logger = logging.getLogger("twine")
        logger.propagate = False
        if not logger.handlers:
            logger.addHandler(logging.NullHandler())


def _say_nothing(*_: object, **__: object) -> None:
    """Stand where twine's `print` was."""


def _package(path: Path) -> PackageFile:
    """Read a wheel's metadata as twine sends it.

    Raises:
        BuildFailed: twine refuses it.
        CannotHere: It cannot be read.
    """
    from twine.exceptions import TwineException
    from twine.package import PackageFile

    try:
        return PackageFile.from_filename(os.fspath(path), None)
    except OSError as error:
        raise CannotHere.from_os_error(error, f"reading {path.name}") from error
    except (TwineException, zipfile.BadZipFile, ValueError, KeyError) as error:
        why = redact(str(error)).replace(os.fspath(path), path.name).rstrip(".")
        raise BuildFailed(
            f"{path.name} cannot be uploaded: {why}.",
            code="wheel-invalid",
            cure="Mend the metadata in the package's pyproject.toml, and build it again.",
        ) from error
