"""Each way in which a feed says no, as a reader sees it: held by a file.

`python -m tests.destinations.test_feed_refusals` writes the file anew; look at what changed.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tests.destinations.at_azure import FEED, AtAzure, at_azure
from tests.destinations.made import make_wheel
from tests.destinations.waiting import QuickClock
from tests.destinations.wheels import content_of
from tests.servers.feed import Fault
from wheelstep.destinations.artifacts_feed import FeedDestination
from wheelstep.destinations.examine import examine
from wheelstep.destinations.publish import publish
from wheelstep.errors import StepError
from wheelstep.model import Wheel

SNAPSHOT = Path(__file__).parent / "snapshots" / "feed_refusals.txt"
Case = Callable[[AtAzure, Path], object]
CORE = ("acme-core", "1.0.0")


def _wheel(folder: Path, name: str = "acme-core", version: str = "1.0.0", **more: str) -> Wheel:
    wheel = make_wheel(folder, name, version, **more)
    assert wheel.path is not None
    return replace(wheel, content=content_of(wheel.path))


def _published(feed: FeedDestination, wheel: Wheel, folder: Path) -> object:
    return publish([wheel], [feed], content_of=content_of, work=folder, clock=QuickClock())


def _put(token: str, *faults: Fault) -> Case:
    def case(azure: AtAzure, folder: Path) -> object:
        azure.server.fault("upload", *faults)
        return azure.feed(getattr(azure.server, token)).put(_wheel(folder))

    return case


def _look(token: str, old: str = "", new: str = "") -> Case:
    def case(azure: AtAzure, folder: Path) -> object:
        url = FEED.replace(old, new) if old else FEED
        return azure.feed(getattr(azure.server, token), url).look([folder.name])

    return case


def _reserved(change: Callable[[AtAzure, Wheel], object]) -> Case:
    def case(azure: AtAzure, folder: Path) -> object:
        wheel = _wheel(folder)
        change(azure, wheel)
        return _published(azure.feed(azure.server.token), wheel, folder)

    return case


def _recycled(azure: AtAzure, wheel: Wheel) -> None:
    azure.server.recycled.add((wheel.name, wheel.version))


def _deleted(azure: AtAzure, wheel: Wheel) -> None:
    azure.server.deleted.add((wheel.name, wheel.version))


def _deleted_unknown(azure: AtAzure, wheel: Wheel) -> None:
    _deleted(azure, wheel)
    azure.server.fault("api", *[Fault("status", 500)] * 9)


def _at_upstream(azure: AtAzure, wheel: Wheel) -> None:
    azure.server.public_upstream = True
    azure.server.upstream[wheel.file] = b"other"


def _other_content(azure: AtAzure, folder: Path) -> object:
    feed = azure.feed(azure.server.token)
    feed.put(_wheel(folder / "old", text="VALUE = 2\n"))
    return _published(feed, _wheel(folder), folder)


def _before_upload(change: Callable[[Wheel], Wheel]) -> Case:
    def case(azure: AtAzure, folder: Path) -> object:
        feed = azure.feed(azure.server.token)
        return examine([change(_wheel(folder))], [feed], content_of=content_of, work=folder)

    return case


def _invalid(azure: AtAzure, folder: Path) -> object:
    wheel = _wheel(folder, metadata="Author-email: nobody\n")
    return azure.feed(azure.server.token).put(wheel)


def _too_large(azure: AtAzure, folder: Path) -> object:
    azure.server.largest = 10
    return azure.feed(azure.server.token).put(_wheel(folder))


def _full(azure: AtAzure, folder: Path) -> object:
    feed = azure.feed(azure.server.token)
    feed.put(_wheel(folder, version="0.9"))
    azure.server.most_versions = 1
    return feed.put(_wheel(folder))


def _promoted(token: str, view: str = "Release", *, together: bool = True) -> Case:
    def case(azure: AtAzure, folder: Path) -> None:
        azure.feed(azure.server.token).put(_wheel(folder))
        service = azure.feed(getattr(azure.server, token)).service
        if together:
            service.promote_together([CORE], view)
        else:
            service.promote(*CORE, view)

    return case


def _missing_package(azure: AtAzure, _: Path) -> None:
    azure.feed(azure.server.token).service.promote_together([CORE], "Release")


def _settings(*faults: Fault, token: str = "token") -> Case:
    def case(azure: AtAzure, _: Path) -> object:
        azure.server.fault("api", *faults)
        return azure.feed(getattr(azure.server, token)).service.feed()

    return case


LIMITED = {"Retry-After": "120", "X-RateLimit-Resource": "Packaging/TSTU"}
LIMITED_UNTIL = {"X-RateLimit-Reset": "1790000000"}
BUILD_SERVICE = (
    b'{"message": "User \'Microsoft.TeamFoundation.ServiceIdentity;2c5b2f2e-0000-4000-8000-'
    b"000000000007:Build:6e2f64a6-0d2b-4c4b-8a5c-8b1f6d2f1a77' lacks permission to complete this "
    b'action. You need to have \'AddPackage\'.", "typeKey": "FeedNeedsPermissionsException"}'
)
JSON = {"Content-Type": "application/json"}
CASES: Mapping[str, Case] = {
    "401: a token that is none, reading": _look("feed"),
    "401: a token that is none, publishing": _put("feed"),
    "401: an expired token": _put("expired_token"),
    "401: a token of another organization": _put("foreign_token"),
    "401: a token made for reading": _put("narrow_token"),
    "401: a page to sign in": _settings(Fault("status", 302, {"Location": "/_signin"})),
    "402: the storage is used up": _put("token", Fault("status", 402)),
    "403: no right to read": _look("no_rights_token"),
    "403: no right to publish": _put("read_only_token"),
    "403: a build service": _put("job_token", Fault("status", 403, JSON, BUILD_SERVICE)),
    "403: no right that is named": _put("token", Fault("status", 403)),
    "403: no right to promote": _promoted("read_only_token"),
    "401: a token that may not promote one by one": _promoted("token", together=False),
    "404: the organization": _look("token", "contoso", "contosso"),
    "404: the project": _look("token", "/ml/", "/mi/"),
    "404: the feed": _look("token", "/wheels/", "/wheel/"),
    "404: the view": _promoted("token", "Released"),
    "404: the version": _missing_package,
    "409: other content": _other_content,
    "409: deleted, in the recycle bin": _reserved(_recycled),
    "409: deleted, not in the recycle bin": _reserved(_deleted),
    "409: deleted, nothing known of the recycle bin": _reserved(_deleted_unknown),
    "409: at an upstream": _reserved(_at_upstream),
    "before the upload: a local version": _before_upload(
        lambda wheel: replace(wheel, version="1.0.0+g12ab")
    ),
    "before the upload: a long version": _before_upload(
        lambda wheel: replace(wheel, version="1." + "1" * 130)
    ),
    "before the upload: a large file": _before_upload(
        lambda wheel: replace(wheel, size=600 * 1024 * 1024)
    ),
    "400: invalid metadata": _invalid,
    "413: a large file": _too_large,
    "too many versions": _full,
    "429: with a time to wait": _put("token", *[Fault("status", 429, LIMITED)] * 2),
    "429: with a date": _settings(*[Fault("status", 429, LIMITED_UNTIL)] * 4),
    "500": _settings(*[Fault("status", 500)] * 4),
    "a redirect": _settings(Fault("status", 307, {"Location": "https://other.example/feed"})),
    "no answer of the service": _settings(Fault("status", 200, JSON, b"[1")),
}


def _told(case: Case) -> str:
    with at_azure() as azure, tempfile.TemporaryDirectory() as folder:
        work = Path(folder) / "acme-core"
        work.mkdir()
        try:
            case(azure, work)
        except StepError as error:
            return f"exit code {error.exit_code}, {error.code}\n{error.message}\n=> {error.cure}\n"
    return "no error\n"


def _sections() -> dict[str, str]:
    parts = SNAPSHOT.read_text(encoding="utf-8").split("## ")[1:]
    return {part.partition("\n")[0]: part.partition("\n")[2].rstrip("\n") + "\n" for part in parts}


@pytest.mark.parametrize("name", CASES)
def test_the_whole_text_of_each_refusal(name: str) -> None:
    assert _told(CASES[name]) == _sections()[name]


def test_every_refusal_that_is_held_is_made() -> None:
    assert list(_sections()) == list(CASES)


if __name__ == "__main__":
    SNAPSHOT.parent.mkdir(exist_ok=True)
    written = "\n".join(f"## {name}\n{_told(case)}" for name, case in CASES.items())
    SNAPSHOT.write_text(written, encoding="utf-8")
