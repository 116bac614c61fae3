"""`publish` copies what is elsewhere already, by hash, without building; each token goes to its own
feed alone. Run in this process, over feeds that are served."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.destinations.wheels import make_wheel
from tests.servers.feed import Fault
from tests.stages.copying_kit import WHEEL, Place, place_in, statuses
from wheelstep.errors import CannotHere, Refused, ServiceRefused, SettingError, StepError


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with place_in(tmp_path) as made:
        yield made


@pytest.mark.parametrize("recorded", [True, False], ids=["recorded", "no record"])
def test_a_feed_that_was_added_is_filled_from_the_other_by_hash(
    place: Place, recorded: bool
) -> None:
    content = place.put(place.one)
    if recorded:
        place.settings("one")
        place.record(place.run("publish").destinations[0].place)
    place.settings("one", "two")
    report = place.publish()
    assert (report.status, statuses(report)) == ("done", ["identical", "copied"])
    assert place.two.files[WHEEL].content == content
    assert place.one.seen("POST") == []
    assert {one.password for one in place.one.requests} == {place.one.token}
    assert {one.password for one in place.two.requests} == {place.two.token}
    assert [problem.code for problem in report.problems] == ([] if recorded else ["not-compared"])
    again = place.publish()
    assert again.status == "nothing-to-do"
    assert len(place.two.seen("POST")) == 1


def test_who_may_only_read_a_feed_copies_from_it(place: Place) -> None:
    content = place.put(place.one)
    place.settings("two", "one")
    assert statuses(place.publish(TOKEN_ONE=place.one.read_only_token)) == ["copied", "identical"]
    assert place.two.files[WHEEL].content == content
    assert {one.password for one in place.one.requests} == {place.one.read_only_token}


def test_a_folder_is_filled_from_a_feed_and_a_feed_from_a_folder(place: Place) -> None:
    content = place.put(place.one)
    place.settings("one", "folder")
    assert statuses(place.publish()) == ["identical", "copied"]
    assert place.in_folder.read_bytes() == content
    place.settings("two", "folder")
    assert statuses(place.publish()) == ["copied", "identical"]
    assert place.two.files[WHEEL].content == content


def test_a_destination_that_lost_what_the_record_has_there_is_filled_again(place: Place) -> None:
    content = place.put(place.one)
    place.settings("one", "two")
    place.record(*sorted(one.place for one in place.run("publish").destinations))
    assert statuses(place.publish()) == ["identical", "copied"]
    assert place.two.files[WHEEL].content == content


def test_a_file_of_the_same_content_stands_for_the_recorded_one(place: Place) -> None:
    place.put(place.one)
    place.settings("one")
    place.settings("one", "two")
    newer = place.put(place.two, tool="newer")
    assert statuses(place.publish()) == ["identical", "adopted"]
    assert place.two.files[WHEEL].content == newer


def test_other_content_elsewhere_is_refused_before_anything_is_copied(place: Place) -> None:
    place.put(place.one)
    place.put(place.two, code="VALUE = 2\n", tool="other")
    place.settings("one", "two", "folder")
    with pytest.raises(Refused, match="already published in two, with other content") as caught:
        place.publish()
    assert caught.value.code == "version-taken"
    assert not place.repo.index.exists()


def test_a_place_that_is_no_destination_any_more_is_named(place: Place) -> None:
    place.put(place.one)
    place.settings("one")
    former = place.run("publish").destinations[0].place
    place.record(former)
    place.settings("two")
    with pytest.raises(CannotHere) as caught:
        place.publish()
    assert caught.value.message == (
        "No destination has acme-core 1.0.0, nor has dist. "
        f"The record has it in {former}, which is no destination now."
    )
    assert f"name {former} in `publish-to` as well, with its token" in caught.value.cure
    assert place.two.seen("POST") == []
    # as it says
    place.settings("two", "one")
    assert statuses(place.publish()) == ["copied", "identical"]


def test_a_version_that_is_nowhere_has_to_be_built(place: Place) -> None:
    place.settings("one", "two")
    with pytest.raises(SettingError) as caught:
        place.publish()
    assert (caught.value.code, "`wheelstep build`" in caught.value.cure) == ("no-dist", True)


def test_what_changed_since_is_copied_as_it_was_released_and_said_so(place: Place) -> None:
    place.put(place.one)
    place.settings("one")
    place.record(place.run("publish").destinations[0].place)
    place.repo.commit({"packages/core/acme_core.py": "VALUE = 2\n"})
    place.settings("one", "two")
    report = place.publish()
    assert statuses(report) == ["identical", "copied"]
    (problem,) = report.problems
    assert (problem.code, problem.severity) == ("not-compared", "warning")
    assert "whose sources have changed since that version was released" in problem.message


def test_a_wheel_in_dist_is_compared_and_not_taken_from_elsewhere(place: Place) -> None:
    place.put(place.one, code="VALUE = 2\n", tool="other")
    made = make_wheel(place.repo.root / "dist", "acme-core", "1.0.0")
    place.settings("one", "two")
    with pytest.raises(Refused, match="with other content"):
        place.publish()
    place.put(place.one)
    assert statuses(place.publish()) == ["identical", "uploaded"]
    assert place.two.files[WHEEL].sha256 == made.sha256


@pytest.mark.parametrize(
    ("fault", "extra", "error", "words"),
    [
        (None, {"TOKEN_ONE": "expired-token-1"}, ServiceRefused, "does not accept the sign-in"),
        (Fault("status", 404), {}, ServiceRefused, "is not there, or the sign-in"),
        (Fault("status", 200, body=b"PK of somebody else"), {}, Refused, "other bytes than it"),
    ],
    ids=["not let in", "gone meanwhile", "other bytes than listed"],
)
def test_a_source_that_cannot_be_read_leaves_nothing_behind(
    place: Place, fault: Fault | None, extra: dict[str, str], error: type[StepError], words: str
) -> None:
    place.put(place.one)
    place.settings("one", "two", "folder")
    place.one.fault("download", *([fault] * 8 if fault else []))
    with pytest.raises(error, match=words):
        place.publish(**extra)
    assert place.two.files == {}
    assert not place.in_folder.exists()


def test_a_plan_to_publish_says_what_would_be_copied_and_does_not(place: Place) -> None:
    place.put(place.one)
    place.settings("one", "two")
    report = place.publish(WHEELSTEP_DRY_RUN="true")
    assert (report.status, statuses(report)) == ("planned", ["planned"])
    assert place.two.files == {}
