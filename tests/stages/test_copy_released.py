"""`publish NAME==VERSION`: a version released earlier, to a destination that lacks it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.feed import Fault, Stored
from tests.stages.copying_kit import Place, place_in, statuses
from wheelstep.commands.copy_released import copy_released
from wheelstep.destinations.layout import path_of
from wheelstep.errors import Refused, ServiceRefused, SettingError

OLD = "acme_core-0.9-py3-none-any.whl"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with place_in(tmp_path) as made:
        yield made


def test_an_older_version_is_copied_by_hash_and_nothing_else(place: Place) -> None:
    place.put(place.one)
    content = place.put(place.one, version="0.9")
    place.settings("one", "two")
    report = place.copy("Acme.Core==0.9.0")
    assert (report.status, statuses(report)) == ("done", ["identical", "copied"])
    assert {name: one.content for name, one in place.two.files.items()} == {OLD: content}
    assert {one.password for one in place.two.requests} == {place.two.token}
    assert {one.password for one in place.one.requests} == {place.one.token}
    again = place.copy("acme-core==0.9")
    assert (again.status, statuses(again)) == ("nothing-to-do", ["identical", "identical"])
    assert len(place.two.seen("POST")) == 1


def test_a_version_that_no_destination_has(place: Place) -> None:
    place.put(place.one)
    place.settings("one", "two")
    with pytest.raises(
        SettingError, match=r"0\.9 is not in one or two; there are 1\.0\.0"
    ) as raised:
        place.copy("acme-core==0.9")
    assert raised.value.code == "not-released"
    assert place.two.files == {}


def test_other_content_under_the_version_is_refused_before_anything_is_stored(place: Place) -> None:
    place.put(place.one, version="0.9")
    place.put(place.two, code="OTHER = 1\n", version="0.9")
    place.settings("one", "two", "folder")
    with pytest.raises(Refused) as raised:
        place.copy("acme-core==0.9")
    assert raised.value.code == "version-taken"
    assert not (place.repo.index / "simple").exists()


def test_what_is_stored_before_a_failure_is_reported(place: Place) -> None:
    place.put(place.one, version="0.9")
    place.settings("one", "folder", "two")
    place.two.fault("upload", *[Fault("status", 403)] * 3)
    run = place.run("publish")
    with pytest.raises(ServiceRefused):
        copy_released(run, ["acme-core==0.9"])
    assert statuses(run.report)[:1] == ["identical"]
    assert (place.repo.index / path_of(OLD)).exists() == ("copied" in statuses(run.report))


def test_it_is_promoted_where_a_view_is_set(place: Place) -> None:
    place.put(place.one, version="0.9")
    place.settings("two", "one")
    place.repo.replace("wheelstep.toml", "name = 'two'\n", "name = 'two'\nview = 'Release'\n")
    place.repo.commit()
    report = place.copy("acme-core==0.9")
    assert place.two.files[OLD].views == {"release"}
    assert place.one.files[OLD].views == set()
    (published,) = [one.published for row in report.packages for one in row.wheels]
    assert [(one.status, one.promoted_to) for one in published] == [
        ("copied", "Release"),
        ("identical", None),
    ]


def test_a_pull_request_copies_nothing_and_asks_no_feed(place: Place) -> None:
    place.put(place.one, version="0.9")
    place.settings("one", "two")
    report = place.copy(
        "acme-core==0.9",
        GITHUB_ACTIONS="true",
        GITHUB_EVENT_NAME="pull_request",
        GITHUB_REF="refs/pull/7/merge",
        GITHUB_SERVER_URL="https://github.com",
    )
    assert report.status == "planned"
    assert [(row.name, row.version, row.status) for row in report.packages] == [
        ("acme-core", "0.9", "planned")
    ]
    assert place.two.files == {}
    assert place.one.requests == place.two.requests == []


def test_nothing_is_copied_where_a_public_package_could_take_its_place(place: Place) -> None:
    place.put(place.one, version="0.8")
    place.put(place.one, version="0.9")
    place.two.public_upstream = True
    public = "acme_core-9.9-py3-none-any.whl"
    place.two.files[public] = Stored("acme-core", "9.9", public, b"PK", None, 0, source="PyPI")
    place.settings("one", "two")
    with pytest.raises(Refused, match=r"has saved 9\.9 of a public package acme-core") as raised:
        place.copy("acme-core==0.9", "acme-core==0.8")
    assert raised.value.code == "dependency-confusion"
    assert list(place.two.files) == [public]


@pytest.mark.parametrize("named", [True, False], ids=["by name", "of this checkout"])
def test_a_secret_in_a_published_wheel_gets_to_no_other_place(place: Place, named: bool) -> None:
    key = "-----BEGIN RSA PRIVATE KEY-----\nTUlJ\n"
    place.put(place.one, code=key, version="0.9" if named else "1.0.0")
    place.settings("one", "two")
    with pytest.raises(Refused, match=r"acme_core\.py \(a private key\)") as raised:
        _ = place.copy("acme-core==0.9") if named else place.publish()
    assert raised.value.code == "secret-in-wheel"
    assert place.two.files == {}
    assert place.two.seen("POST", "/upload/") == []
