"""A mirror in a real store: what it costs, what is lost on the way, what a killed one leaves."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
from azure.storage.blob import ContainerClient

from tests.destinations.mirror_chaos import check, storm
from tests.destinations.mirror_kit import (
    Killed,
    blobs,
    both_pages,
    killed_after,
    listed,
    mirror_at,
    projects,
    published,
)
from tests.ground.web import InstantClock
from tests.rehearsal.made import make_wheel
from tests.servers.azurite import Azurite
from tests.servers.blob_proxy import Fate, Seen, between, denied
from wheelstep.destinations.blob_mirror import BlobMirror
from wheelstep.destinations.examine import VersionTaken
from wheelstep.destinations.publish import Published, publish
from wheelstep.errors import ServiceRefused, ServiceUnavailable, StepError
from wheelstep.model import Outcome, Wheel
from wheelstep.packages.content import content_hash

NAME = "acme-core"
_numbers = itertools.count()


@pytest.fixture
def container(emulator: Azurite) -> ContainerClient:
    return emulator.container(f"mirror{next(_numbers)}", public=True)


def opened(emulator: Azurite, container: ContainerClient, **more: Any) -> BlobMirror:
    return mirror_at(emulator.url, str(container.container_name), **more)


def wheel_of(folder: Path, version: str, name: str = NAME, **more: Any) -> Wheel:
    return make_wheel(folder / "dist", name, version, python=">=3.9", **more)


def run(mirror: BlobMirror, work: Path, *wheels: Wheel, at: Any = "none") -> list[Published]:
    """Publish with everything that a run does."""
    work.mkdir(exist_ok=True)
    done = publish(
        wheels, [mirror], content_of=content_hash, work=work, read_back=at, clock=InstantClock()
    )
    return list(done)


def test_one_more_version_takes_five_requests_whatever_else_is_there(
    emulator: Azurite, container: ContainerClient, tmp_path: Path
) -> None:
    counts, sizes = [], []
    fill = opened(emulator, container)
    for number, others in enumerate((2, 40)):
        published(fill, *(wheel_of(tmp_path, "1.0", f"other-{n}-{number}") for n in range(others)))
        published(fill, wheel_of(tmp_path, "1.0", f"{NAME}-{number}"))
        with between(emulator.url) as middle:
            mirror = mirror_at(middle.url, str(container.container_name))
            done = run(mirror, tmp_path / "work", wheel_of(tmp_path, "1.1", f"{NAME}-{number}"))
        assert [one.outcome for one in done] == [Outcome.UPLOADED]
        assert set(listed(fill, f"{NAME}-{number}")) == {
            f"acme_core_{number}-{version}-py3-none-any.whl" for version in ("1.0", "1.1")
        }
        counts.append(len(middle.seen))
        sizes.append(sum(one.size for one in middle.seen))
        folder = f"{container.container_name}/team/simple/{NAME}-{number}/"
        assert all(folder in one for one in middle.asked("PUT"))
    assert counts == [5, 5]
    assert sizes[1] < sizes[0] * 1.1
    assert len(projects(fill)) == 44


def test_what_is_there_already_costs_one_request(
    emulator: Azurite, container: ContainerClient, tmp_path: Path
) -> None:
    wheels = [wheel_of(tmp_path, version) for version in ("1.0", "1.1", "1.2")]
    run(opened(emulator, container), tmp_path / "work", *wheels)
    with between(emulator.url) as middle:
        done = run(mirror_at(middle.url, str(container.container_name)), tmp_path / "work", *wheels)
    assert {one.outcome for one in done} == {Outcome.IDENTICAL}
    assert middle.asked() == [f"GET /acmetests/{container.container_name}"]


def test_pages_and_wheels_say_what_they_are(
    emulator: Azurite, container: ContainerClient, tmp_path: Path
) -> None:
    wheel = wheel_of(tmp_path, "1.0")
    run(opened(emulator, container), tmp_path / "work", wheel, at="serve")
    said = {}
    for blob in container.list_blobs():
        settings = blob.content_settings
        name = str(blob.name).removeprefix("team/simple/").replace(wheel.file, "WHEEL")
        said[name] = (settings.content_type, settings.cache_control)
    page = ("text/html; charset=utf-8", "no-cache")
    twin = ("application/vnd.pypi.simple.v1+json", "no-cache")
    forever = "max-age=31536000, immutable"
    assert said == {
        "": page,
        "index.json": twin,
        f"{NAME}/": page,
        f"{NAME}/index.json": twin,
        f"{NAME}/WHEEL": ("application/octet-stream", forever),
        f"{NAME}/WHEEL.metadata": ("text/plain; charset=utf-8", forever),
    }


@pytest.mark.parametrize("lost", range(1, 11))
def test_a_reply_that_is_lost_is_no_conflict(
    emulator: Azurite, container: ContainerClient, tmp_path: Path, lost: int
) -> None:
    def rule(seen: Seen) -> Fate:
        return Fate.LOST if seen.number == lost else Fate.PASSED

    wheel = wheel_of(tmp_path, "1.0")
    with between(emulator.url, rule) as middle:
        mirror = mirror_at(middle.url, str(container.container_name), clock=InstantClock())
        (done,) = run(mirror, tmp_path / "work", wheel)
        assert len(middle.seen) >= 10
    assert done.outcome in {Outcome.UPLOADED, Outcome.IDENTICAL}
    fresh = opened(emulator, container)
    assert {one.sha256 for one in listed(fresh, NAME).values()} == {wheel.sha256}
    assert projects(fresh) == [NAME]


def test_other_content_under_the_same_version_is_refused(
    emulator: Azurite, container: ContainerClient, tmp_path: Path
) -> None:
    run(opened(emulator, container), tmp_path / "work", wheel_of(tmp_path / "a", "1.0"))
    before = blobs(container)
    other = wheel_of(tmp_path / "b", "1.0", note="other")
    with pytest.raises(VersionTaken):
        run(opened(emulator, container), tmp_path / "work", other)
    # another one's came between looking and storing
    late = opened(emulator, container)
    late.look([NAME])
    assert not late.put(other)
    assert blobs(container) == before


@pytest.mark.parametrize("new", [True, False])
def test_what_a_killed_publisher_leaves_is_healed_by_the_next(
    emulator: Azurite, tmp_path: Path, *, new: bool
) -> None:
    first, killed, following = (wheel_of(tmp_path, version) for version in ("1.0", "1.1", "1.2"))
    for changes in range(7 if new else 5):
        container = emulator.container(f"mirror{next(_numbers)}")
        if not new:
            published(opened(emulator, container), first)
        stopped = opened(emulator, container)
        killed_after(stopped, changes)
        try:
            published(stopped, killed)
        except Killed:
            there = set(blobs(container))
            pages = (one for one in (f"simple/{NAME}/",) if one in there)
            for _ in pages:
                names = {one.file for one in _html(stopped)}
                assert {f"simple/{NAME}/{name}" for name in names} <= there
        else:
            assert changes == (6 if new else 4)
        after = opened(emulator, container)
        published(after, following)
        wanted = {following} | (set() if new else {first}) | ({killed} if changes else set())
        assert {one.sha256 for one in listed(after, NAME).values()} == {
            one.sha256 for one in wanted
        }
        assert all(one.core_metadata for one in listed(after, NAME).values())
        assert projects(after) == [NAME]
        # and the killed one, run again, ends as if nothing had been
        if changes:
            assert not opened(emulator, container).put(killed)
        else:
            published(opened(emulator, container), killed)
        assert killed.file in listed(opened(emulator, container), NAME)


def _html(mirror: BlobMirror) -> list[Any]:
    from wheelstep.ground.simple_index import parse

    page = mirror.store.read(f"simple/{NAME}/")
    return parse(page or b"", "text/html", "https://a.example/")


def test_metadata_that_was_refused_keeps_the_page_as_it_is(
    emulator: Azurite, container: ContainerClient, tmp_path: Path
) -> None:
    first, second = (wheel_of(tmp_path, version) for version in ("1.0", "1.1"))
    published(opened(emulator, container), first)

    def rule(seen: Seen) -> Any:
        refused = seen.method == "PUT" and seen.path.endswith(".metadata")
        return denied(403, "AuthorizationFailure") if refused else Fate.PASSED

    with between(emulator.url, rule) as middle:
        mirror = mirror_at(middle.url, str(container.container_name))
        with pytest.raises(ServiceRefused) as caught:
            run(mirror, tmp_path / "work", second)
    assert caught.value.code == "storage-firewall"
    assert set(listed(opened(emulator, container), NAME)) == {first.file}
    opened(emulator, container).finish([NAME])
    found = listed(opened(emulator, container), NAME)
    assert set(found) == {first.file, second.file}
    assert all(one.core_metadata for one in found.values())


def test_an_error_while_reading_is_never_an_empty_page(
    emulator: Azurite, container: ContainerClient, tmp_path: Path
) -> None:
    published(opened(emulator, container), wheel_of(tmp_path, "1.0"))
    before = blobs(container)

    def rule(seen: Seen) -> Any:
        return denied(503, "ServerBusy") if seen.method == "GET" else Fate.PASSED

    with between(emulator.url, rule) as middle:
        mirror = mirror_at(middle.url, str(container.container_name), clock=InstantClock())
        with pytest.raises(ServiceUnavailable):
            run(mirror, tmp_path / "work", wheel_of(tmp_path, "1.1"))
        with pytest.raises(StepError):
            mirror.finish([NAME])
    assert blobs(container) == before


def test_a_page_of_all_projects_that_nobody_understands_is_made_anew(
    emulator: Azurite, container: ContainerClient, tmp_path: Path
) -> None:
    published(opened(emulator, container), wheel_of(tmp_path, "1.0"))
    for page in ("simple/", "simple/index.json"):
        container.get_blob_client(f"team/{page}").upload_blob(b"\xff\xfe", overwrite=True)
    published(opened(emulator, container), wheel_of(tmp_path, "1.0", "acme-more"))
    assert projects(opened(emulator, container)) == [NAME, "acme-more"]


HIERARCHICAL = {"x-ms-is-hns-enabled": "true", "x-ms-account-kind": "StorageV2",
                "x-ms-sku-name": "Standard_LRS"}  # fmt: skip


def hierarchical(seen: Seen, *, told: bool = True) -> Any:
    """An account with a hierarchical namespace: no blob is named as a folder."""
    path, _, query = seen.path.partition("?")
    if "comp=properties" in query and "restype=account" in query:
        refused = denied(403, "AuthorizationPermissionMismatch")
        from tests.ground.web import Answer

        return Answer(200, HIERARCHICAL) if told else refused
    if path.endswith("/"):
        if seen.method == "PUT":
            return denied(400, "InvalidUri", "The requested URI does not represent any resource.")
        return denied(404, "BlobNotFound")
    return Fate.PASSED


@pytest.mark.parametrize("told", [True, False])
def test_an_account_that_refuses_names_with_a_slash_gets_index_html(
    emulator: Azurite, container: ContainerClient, tmp_path: Path, *, told: bool
) -> None:
    with between(emulator.url, lambda seen: hierarchical(seen, told=told)) as middle:
        mirror = mirror_at(middle.url, str(container.container_name))
        with pytest.raises(StepError) as caught:
            published(mirror, wheel_of(tmp_path, "1.0"))
        assert caught.value.code == "storage-hierarchical"
        assert "$web" in caught.value.cure
        served = BlobMirror(
            mirror.address,
            name="m",
            transport=mirror._transport,
            sign_in=mirror.signed_in,
            serve_url="https://wheels.contoso.example/",
        )
        published(served, wheel_of(tmp_path, "1.1"))
        published(served, wheel_of(tmp_path, "1.2"))
        assert len(served.served([NAME], "write")[NAME]) == 3
    names = set(blobs(container))
    assert {f"simple/{NAME}/index.html", "simple/index.html"} <= names
    assert not any(name.endswith("/") for name in names)


def test_the_website_container_gets_index_html(emulator: Azurite, tmp_path: Path) -> None:
    container = emulator.container("$web")
    mirror = mirror_at(emulator.url, "$web")
    published(mirror, wheel_of(tmp_path, "1.0"))
    published(mirror, wheel_of(tmp_path, "1.1"))
    names = set(blobs(container))
    assert {f"simple/{NAME}/index.html", f"simple/{NAME}/index.json", "simple/index.html"} <= names
    assert len(mirror.served([NAME], "write")[NAME]) == 2


def test_who_reads_without_signing_in_is_told_apart(emulator: Azurite, tmp_path: Path) -> None:
    closed = emulator.container(f"mirror{next(_numbers)}")
    mirror = opened(emulator, closed)
    with pytest.raises(ServiceRefused) as caught:
        run(mirror, tmp_path / "work", wheel_of(tmp_path, "1.0"), at="serve")
    assert caught.value.code == "mirror-unreadable"
    assert mirror.open_to_all() is False
    # what it says of itself may be asked for by the sign-in alone; what it answers to nobody, too
    for answer, told in (
        (denied(409, "PublicAccessNotPermitted"), False),
        (denied(404, "ResourceNotFound"), False),
        (denied(404, "BlobNotFound"), True),
        (denied(403, "AuthorizationFailure"), None),
    ):

        def rule(seen: Seen, answer: Any = answer) -> Any:
            if "restype=container" in seen.path:
                return denied(403, "AuthorizationPermissionMismatch")
            return answer

        with between(emulator.url, rule) as middle:
            looked = mirror_at(middle.url, str(closed.container_name))
            assert looked.open_to_all() is told


def test_both_pages_are_there_for_every_project(
    emulator: Azurite, container: ContainerClient, tmp_path: Path
) -> None:
    published(opened(emulator, container), wheel_of(tmp_path, "1.0"))
    html, twin = both_pages(opened(emulator, container), NAME)
    assert [one.file for one in html] == [one.file for one in twin]


def test_many_publishers_lose_nothing_although_killed_and_unheard(
    emulator: Azurite, container: ContainerClient, tmp_path: Path
) -> None:
    # with 20 versions each it takes a minute: python -m tests.destinations.mirror_chaos 16 20
    done = storm(emulator, container, tmp_path, processes=16, versions=3)
    check(emulator, container, done)
    assert done.killed >= 4
    assert done.lost >= done.requests / 20
    assert sum(map(len, done.wheels.values())) == 48
