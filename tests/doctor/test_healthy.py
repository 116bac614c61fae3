"""On healthy set-ups nothing is invented, and what cannot be known is little."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.doctor.world import CONDA, World, world
from tests.fuzz.definitions import CORPUS
from tests.release.kit import everything

UNAVOIDABLE = {
    "acme-features": "its version is its back end's to tell, and nothing is run",
    "write": "a feed tells of the right to publish only when something is published",
}
"""What no question answers without changing something."""


def subjects(world: World, unknown: list[str]) -> set[str]:
    return {one.replace(f"the feed {world.feed.simple_url}: ", "") for one in unknown}


@pytest.mark.parametrize("closed", [True, False], ids=["locked down", "open"])
def test_all_is_well_with_a_healthy_set_up(closed: bool, tmp_path: Path, authority: Path) -> None:
    with world(tmp_path, authority, closed=closed) as healthy:
        ran = healthy.doctor()
        assert ran.faults == set()
        assert subjects(healthy, ran.unknown) == set(UNAVOIDABLE)
    assert ran.report.exit_code == 0
    assert ran.report.status == "done"
    assert ran.report.problems == []
    groups = dict.fromkeys(check.group for check in ran.report.checks)
    assert list(groups) == [
        "repository",
        "packages",
        "destinations",
        "workspaces",
        "connections",
        "definitions",
        "advice",
    ]


def test_nothing_is_invented_on_definitions_of_other_forms(tmp_path: Path, authority: Path) -> None:
    names = (
        "environments/inline/environment.yml",
        "jobs/sweep.yml",
        "spark/job.yml",
    )
    with world(tmp_path, authority) as healthy:
        healthy.repo.write({f"more/{name}": (CORPUS / name).read_bytes() for name in names})
        healthy.changed = True
        ran = healthy.doctor()
        assert ran.faults == set()
        assert subjects(healthy, ran.unknown) == set(UNAVOIDABLE)
    well = {check.subject for check in ran.report.checks if check.group == "definitions"}
    assert {f"more/{name}" for name in names} <= well


def test_nothing_is_changed_and_nothing_but_questions_are_asked(
    tmp_path: Path, authority: Path
) -> None:
    with world(tmp_path, authority) as healthy:
        healthy.repo.index.mkdir()
        healthy.git.seen.clear()
        before = everything(healthy.repo)
        connections = repr(healthy.train.connections)
        healthy.doctor()
        assert everything(healthy.repo) == before
        assert repr(healthy.train.connections) == connections
        methods = {(one.method, one.path.rpartition("/")[2]) for one in healthy.arm.requests}
        assert {method for method, _ in methods} == {"GET", "POST"}
        assert {end for method, end in methods if method == "POST"} == {"listsecrets"}
        assert healthy.feed.seen("POST") == []
        assert not [one for one in healthy.git.seen if one.path.endswith("git-receive-pack")
                    and one.method == "POST"]  # fmt: skip


def test_each_thing_is_asked_once(tmp_path: Path, authority: Path) -> None:
    with world(tmp_path, authority) as healthy:
        healthy.doctor()
        asked = [(one.method, one.path, str(one.query)) for one in healthy.arm.requests]
        assert sorted(asked) == sorted(set(asked))


def test_a_definition_that_names_the_feed_twice_in_other_words_is_well(
    tmp_path: Path, authority: Path
) -> None:
    with world(tmp_path, authority) as healthy:
        feed = healthy.feed.simple_url
        healthy.edit(CONDA, f"--index-url {feed}", f"--index-url={feed.rstrip('/')}")
        assert healthy.doctor().faults == set()
