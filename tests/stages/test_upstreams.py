"""A feed that could serve a public package under a name of ours: told before anything is built."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.ground.web import Answer, Asked, Web
from tests.release.kit import Repo
from tests.servers.feed import Fault, FeedServer, Stored, feed_server
from wheelstep.errors import Refused, ServiceRefused
from wheelstep.hosts.terminal import Terminal
from wheelstep.lock import FILE, Lock, Locked, LockedWheel
from wheelstep.release import release
from wheelstep.report import Report
from wheelstep.settings import load
from wheelstep.stages.run import Run, open_run
from wheelstep.stages.upstreams import check_names

PACKAGE = {
    "pyproject.toml": """\
        [build-system]
        requires = ["nothing-builds-here"]
        build-backend = "nothing_builds_here"
        [project]
        name = "acme-core"
        version = "1.1.0"
        """,
    "acme_core.py": "VALUE = 1\n",
}
RELEASING = {"acme-core": "1.1.0"}


@dataclass
class Place:
    repo: Repo
    feed: FeedServer
    public: Web
    pages: dict[str, bytes] = field(default_factory=dict)

    def run(self, **extra: str) -> Run:
        environment = {
            **self.repo.environment,
            "PIP_INDEX_URL": f"{self.public.url}/simple/",
            "WHEELSTEP_PUBLISH_TO": f"feed+{self.feed.simple_url}",
            "WHEELSTEP_FEED_TOKEN": self.feed.token,
            "WHEELSTEP_COMMIT": "none",
            **extra,
        }
        host = Terminal(environment, io.StringIO(), io.StringIO())
        given = load("release", {}, environment=environment, host=host, directory=self.repo.root)
        return open_run(given, host, environment, Report("release"))

    def published(self, version: str = "1.0.0", source: str | None = None) -> None:
        file = f"acme_core-{version}-py3-none-any.whl"
        self.feed.files[file] = Stored("acme-core", version, file, b"PK", None, 0, source=source)

    def in_public(self, version: str = "9.9", fragment: str = "") -> None:
        file = f"acme_core-{version}-py3-none-any.whl"
        self.pages["/simple/acme-core/"] = f'<a href="/{file}{fragment}">{file}</a>'.encode()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    pages: dict[str, bytes] = {}

    def answer(asked: Asked) -> Answer:
        body = pages.get(asked.path)
        return Answer(200, {"Content-Type": "text/html"}, body) if body else Answer(404)

    with feed_server(public_upstream=True) as feed, Web(answer=answer) as public:
        yield Place(Repo.create(tmp_path, PACKAGE), feed, public, pages)


def codes(run: Run) -> list[str]:
    return [problem.code for problem in run.report.problems]


def test_a_release_ends_before_anything_is_built_where_external_versions_are_allowed(
    place: Place,
) -> None:
    place.published()
    place.in_public()
    place.feed.external_versions.add("acme-core")
    for extra in ({}, {"WHEELSTEP_DRY_RUN": "true"}):
        with pytest.raises(Refused) as caught:
            release(place.run(**extra))
        assert caught.value.code == "dependency-confusion"
        assert "takes externally sourced versions of acme-core" in caught.value.message
        assert "PyPI has a package of that name" in caught.value.message
        assert "Allow externally-sourced versions: switch it off" in caught.value.cure
    assert not (place.repo.root / "dist").exists()
    assert place.feed.seen("POST") == []


def test_what_is_allowed_with_a_reason_is_a_notice(place: Place) -> None:
    place.published()
    place.in_public()
    place.feed.external_versions.add("acme-core")
    place.repo.commit(
        {
            "wheelstep.toml": """\
                [[allow]]
                code = "dependency-confusion"
                name = "acme-core"
                reason = "both are ours"
                """
        }
    )
    run = place.run()
    check_names(run, RELEASING)
    run.note_unused_allowances()
    assert [(one.code, one.severity) for one in run.report.problems] == [
        ("dependency-confusion", "notice")
    ]
    assert "both are ours" in run.report.problems[0].message


def test_a_name_that_the_feed_takes_from_nowhere_else_is_no_matter(place: Place) -> None:
    place.published()
    place.in_public()
    run = place.run()
    check_names(run, RELEASING)
    assert codes(run) == []


def test_a_public_version_that_the_feed_has_saved_is_refused(place: Place) -> None:
    place.published()
    place.published("9.9", source="PyPI")
    with pytest.raises(Refused, match=r"has saved 9\.9 of a public package acme-core from PyPI"):
        check_names(place.run(), RELEASING)


def test_versions_of_another_feed_of_ours_are_no_public_ones(place: Place) -> None:
    place.feed.internal_upstreams = ("platform",)
    place.published()
    place.published("9.9", source="platform")
    run = place.run()
    check_names(run, RELEASING)
    assert codes(run) == []


def test_a_version_that_the_upstream_has_could_not_be_uploaded(place: Place) -> None:
    place.in_public("1.1.0")
    with pytest.raises(ServiceRefused) as caught:
        check_names(place.run(), RELEASING)
    assert caught.value.code == "version-at-upstream"
    assert caught.value.packages == ("acme-core",)


def test_a_free_name_with_the_door_open_is_warned_of(place: Place) -> None:
    place.published()
    place.feed.external_versions.add("acme-core")
    run = place.run()
    check_names(run, RELEASING)
    assert codes(run) == ["upstream-open"]
    assert "the name is free at PyPI" in run.report.problems[0].message


def test_a_public_index_that_lists_our_own_file_tells_nothing_of_the_public(place: Place) -> None:
    place.published()
    sha256 = "ab" * 32
    place.in_public("1.0.0", f"#sha256={sha256}")
    place.feed.external_versions.add("acme-core")
    wheel = LockedWheel("acme_core-1.0.0-py3-none-any.whl", sha256, "", 2, None, ())
    block = Locked("acme-core", "1.0.0", "old", place.repo.head, None, (), (wheel,))
    place.repo.commit({FILE: Lock().with_packages(block).render()})
    run = place.run()
    check_names(run, RELEASING)
    assert codes(run) == ["upstream-open"]
    assert "not known" in run.report.problems[0].message


def test_what_cannot_be_read_is_said_and_nobody_asked_without_upstreams(place: Place) -> None:
    place.in_public()
    place.feed.fault("api", *[Fault("status", 404)] * 20)
    run = place.run()
    check_names(run, RELEASING)
    assert codes(run) == ["upstreams-unproven"]
    place.feed.faults.clear()
    place.feed.public_upstream = False
    place.public.asked.clear()
    run = place.run()
    check_names(run, RELEASING)
    assert codes(run) == []
    assert place.public.asked == []


def test_no_name_is_looked_up_where_that_is_switched_off(place: Place) -> None:
    place.published()
    place.in_public()
    run = place.run(WHEELSTEP_PUBLIC_INDEX="none")
    check_names(run, RELEASING)
    assert (codes(run), place.public.asked) == ([], [])
    # a new name would be served from there: that is unknown then, and not green
    place.feed.files.clear()
    run = place.run(WHEELSTEP_PUBLIC_INDEX="none")
    check_names(run, RELEASING)
    assert codes(run) == ["upstreams-unproven"]
