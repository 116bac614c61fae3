"""A release to a feed with a view: proved as served, promoted last of the publishing, committed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.release.kit import Ran, Repo
from tests.robustness.kit import CONDA, LOCK, sample
from tests.servers.feed import FeedServer, Stored, feed_server

ONE = "acme_one-1.0-py2.py3-none-any.whl"


@pytest.fixture
def feed() -> Iterator[FeedServer]:
    with feed_server(public_upstream=True) as running:
        yield running


def settings(feed: FeedServer, **more: str) -> dict[str, str]:
    return {
        "WHEELSTEP_PUBLISH_TO": f"feed+{feed.simple_url}",
        "WHEELSTEP_FEED_TOKEN": feed.token,
        "WHEELSTEP_COMMIT": "local",
        "WHEELSTEP_VIEW": "Release",
        **more,
    }


def view_url(feed: FeedServer, view: str = "Release") -> str:
    return feed.simple_url.replace("/pypi/", f"@{view}/pypi/")


@pytest.fixture
def repo(tmp_path: Path, feed: FeedServer) -> Repo:
    """Two packages, never released; their environment reads the feed's view."""
    made = Repo.create(tmp_path / "place", sample())
    reads(made, view_url(feed))
    return made


def reads(repo: Repo, url: str) -> None:
    text = repo.read(CONDA)
    lines = [line for line in text.splitlines() if "--index-url" not in line]
    at = next(number for number, line in enumerate(lines) if line.endswith("- pip:"))
    lines.insert(at + 1, f"      - --index-url {url}")
    repo.commit({CONDA: ("\n".join(lines) + "\n").encode()})


def promoted(ran: Ran) -> dict[str, list[tuple[str, str | None]]]:
    return {
        wheel["file"]: [(row["status"], row["promoted_to"]) for row in wheel["published"]]
        for package in ran.report["packages"]
        for wheel in package["wheels"]
    }


def shown(feed: FeedServer) -> dict[str, set[str]]:
    return {stored.name: stored.views for stored in feed.files.values()}


def test_definitions_that_read_the_view_are_committed_after_the_promotion(
    repo: Repo, feed: FeedServer
) -> None:
    head = repo.head
    planned = repo.wheelstep("plan", extra=settings(feed))
    assert planned.code == 0, planned.said
    told = planned.problem("promotion-planned")["message"]
    assert "acme-one 1.0, acme-two 1.0 would be promoted to the view Release" in told
    assert feed.files == {}
    ran = repo.release(extra=settings(feed))
    assert promoted(ran)[ONE] == [("uploaded", "Release")]
    assert shown(feed) == {"acme-one": {"release"}, "acme-two": {"release"}}
    assert len(feed.seen("POST", "packagesbatch")) == 1
    assert f"uploaded to {feed.simple_url}, promoted to Release" in ran.said
    assert repo.head != head
    text = repo.read(CONDA)
    assert "acme-one==1.0" in text
    assert text.count("index-url") == 1, "the view stands for the feed: no other index is needed"
    assert "@release/pypi/simple/" in repo.read(LOCK)
    feed.requests.clear()
    assert repo.release(extra=settings(feed)).status == "nothing-to-do"
    assert feed.requests == []


def test_a_run_that_ended_before_the_promotion_is_finished_by_the_next(
    repo: Repo, feed: FeedServer
) -> None:
    head, feed.batch_refused = repo.head, True
    ended = repo.wheelstep("release", extra=settings(feed))
    assert ended.code == 5, ended.said
    problem = ended.problem("not-authorized")
    assert "Release Build" in problem["message"]
    assert "Feed settings, Permissions" in problem["cure"]
    assert promoted(ended)[ONE] == [("uploaded", None)]
    assert shown(feed) == {"acme-one": set(), "acme-two": set()}
    assert repo.head == head
    feed.batch_refused = False
    ran = repo.release(extra=settings(feed))
    assert promoted(ran)[ONE] == [("identical", "Release")]
    assert shown(feed) == {"acme-one": {"release"}, "acme-two": {"release"}}
    assert "acme-one==1.0" in repo.read(CONDA)


def test_how_long_the_feed_took_to_list_what_is_new_is_said(repo: Repo, feed: FeedServer) -> None:
    feed.visible_after = 2
    ran = repo.release(extra=settings(feed))
    times = [
        row["visible_after"]
        for package in ran.report["packages"]
        for wheel in package["wheels"]
        for row in wheel["published"]
    ]
    assert len(times) == 2
    assert all(0.1 < seconds < 60 for seconds in times), "seen at the third look, not before"
    assert ran.report["timings"]["visible"] == max(times)
    said = f"listed what is new, with its hashes, {max(times):.1f} s after it was stored."
    assert f"{feed.simple_url} {said}" in ran.said


def test_a_view_that_is_set_later_gets_what_was_released_before(
    repo: Repo, feed: FeedServer
) -> None:
    reads(repo, feed.simple_url)
    repo.release(extra=settings(feed, WHEELSTEP_VIEW=""))
    assert shown(feed) == {"acme-one": set(), "acme-two": set()}
    head = repo.head
    ran = repo.release(extra=settings(feed))
    assert ran.status == "done"
    assert promoted(ran)[ONE] == [("identical", "Release")]
    assert shown(feed) == {"acme-one": {"release"}, "acme-two": {"release"}}
    assert repo.head != head, "the record knows of the promotion"
    assert repo.release(extra=settings(feed)).status == "nothing-to-do"


def test_nothing_is_published_that_does_not_resolve(repo: Repo, feed: FeedServer) -> None:
    reads(repo, feed.simple_url)
    text = repo.read(CONDA).replace("- acme-two==0.9", "- acme-two==0.9\n      - missing-1==7")
    repo.commit({CONDA: text.encode()})
    ran = repo.wheelstep("release", extra=settings(feed))
    assert ran.code == 7, ran.said
    assert feed.files == {}


def test_nothing_is_promoted_that_does_not_resolve_as_served(repo: Repo, feed: FeedServer) -> None:
    reads(repo, feed.simple_url)
    head = repo.head
    feed.says_python = ">=99"  # the wheels themselves resolve; what the feed says of them does not
    ran = repo.wheelstep("release", extra=settings(feed))
    assert ran.code == 7, ran.said
    assert promoted(ran)[ONE] == [("uploaded", None)]
    assert feed.seen("POST", "packagesbatch") == []
    assert not any(shown(feed).values())
    assert repo.head == head
    feed.says_python = None
    again = repo.release(extra=settings(feed))
    assert promoted(again)[ONE] == [("identical", "Release")]
    assert repo.head != head


@pytest.mark.parametrize(
    ("more", "code", "says"),
    [
        ({"WHEELSTEP_VIEW": "Relase"}, "view-missing", "Local, Prerelease, Release"),
        ({"WHEELSTEP_VIEW": "@Local"}, "bad-setting", "every version"),
        ({"WHEELSTEP_VIEW": ""}, "view-not-promoted", "view Release"),
        ({"WHEELSTEP_VIEW": "Prerelease"}, "view-not-promoted", "to the view Prerelease"),
        ({"WHEELSTEP_PUBLISH_TO": "index"}, "view-without-feed", "Azure Artifacts feed"),
    ],
)
def test_a_view_where_wheels_would_not_be_found_ends_the_run_before_anything_is_built(
    repo: Repo, feed: FeedServer, more: Mapping[str, str], code: str, says: str
) -> None:
    ran = repo.wheelstep("release", extra={**settings(feed), **more})
    assert (ran.code, {one["code"] for one in ran.report["problems"]}) == (2, {code}), ran.said
    assert says in ran.problem(code)["message"]
    assert not (repo.root / "dist").exists()
    assert feed.files == {}


def test_a_view_in_publish_to_is_promoted_to(repo: Repo, feed: FeedServer) -> None:
    repo.commit(
        {CONDA: repo.read(CONDA).replace(f"      - --index-url {view_url(feed)}\n", "").encode()}
    )
    url = f"feed+{view_url(feed)}"
    ran = repo.release(extra=settings(feed, WHEELSTEP_VIEW="", WHEELSTEP_PUBLISH_TO=url))
    assert promoted(ran)[ONE] == [("uploaded", "Release")]
    assert f"--index-url {view_url(feed)}" in repo.read(CONDA)


def test_definitions_that_change_to_the_view_are_proved_with_what_the_feed_has(
    repo: Repo, feed: FeedServer
) -> None:
    reads(repo, feed.simple_url)
    repo.release(extra=settings(feed, WHEELSTEP_VIEW=""))
    reads(repo, view_url(feed, "release"))  # the service does not mind the case of a view
    feed.requests.clear()
    ran = repo.release(extra=settings(feed))
    assert promoted(ran)[ONE] == [("identical", "Release")]
    assert shown(feed) == {"acme-one": {"release"}, "acme-two": {"release"}}
    paths = [one.path for one in feed.requests]
    fetched = next(number for number, path in enumerate(paths) if path.endswith(ONE))
    promotion = next(number for number, path in enumerate(paths) if "packagesbatch" in path)
    assert fetched < promotion, "rehearsed with the wheels laid over the view, before it shows them"
    assert f"{CONDA}: resolved" in ran.said


def test_another_view_of_the_feed_is_read_with_the_same_token(repo: Repo, feed: FeedServer) -> None:
    other = view_url(feed, "Prerelease")
    reads(repo, f"{other}\n      - --extra-index-url {feed.simple_url}")
    ran = repo.release(extra=settings(feed, WHEELSTEP_VIEW="Release"))
    assert f"{CONDA}: resolved" in ran.said
    asked = [one for one in feed.requests if "@Prerelease/pypi/simple/acme-" in one.path]
    assert {one.password for one in asked if one.password} == {feed.token}


def test_a_view_in_serve_url_is_promoted_to(repo: Repo, feed: FeedServer) -> None:
    url = view_url(feed)
    ran = repo.release(extra=settings(feed, WHEELSTEP_VIEW="", WHEELSTEP_SERVE_URL=url))
    assert promoted(ran)[ONE] == [("uploaded", "Release")]
    assert shown(feed) == {"acme-one": {"release"}, "acme-two": {"release"}}
    assert repo.read(CONDA).count("index-url") == 1
    again = repo.release(extra=settings(feed, WHEELSTEP_VIEW="", WHEELSTEP_SERVE_URL=url))
    assert again.status == "nothing-to-do"


def test_a_pull_request_is_told_of_the_promotion_and_promotes_nothing(
    repo: Repo, feed: FeedServer
) -> None:
    job = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_NAME": "pull_request",
        "GITHUB_REF": "refs/pull/7/merge",
        "GITHUB_SERVER_URL": "https://github.com",
    }
    head = repo.head
    ran = repo.wheelstep("release", extra=settings(feed) | job)
    assert (ran.code, ran.status) == (0, "planned"), ran.said
    told = ran.problem("promotion-planned")["message"]
    assert "acme-one 1.0, acme-two 1.0 would be promoted to the view Release" in told
    assert feed.files == {}
    assert not [one for one in feed.requests if one.method not in {"GET", "OPTIONS"}]
    assert repo.head == head


def test_promote_takes_versions_that_are_in_the_feed(repo: Repo, feed: FeedServer) -> None:
    reads(repo, feed.simple_url)
    published = repo.wheelstep("release", extra=settings(feed, WHEELSTEP_VIEW=""))
    assert published.code == 0, published.said
    names = ("acme-one==1.0.0", "acme.two==1")
    planned = repo.wheelstep("promote", *names, "--dry-run", extra=settings(feed))
    assert (planned.code, planned.status) == (0, "planned"), planned.said
    assert promoted(planned)[ONE] == [("planned", "Release")]
    assert not any(shown(feed).values())
    ran = repo.wheelstep("promote", *names, "--view", "Prerelease", extra=settings(feed))
    assert (ran.code, ran.status) == (0, "done"), ran.said
    assert promoted(ran)[ONE] == [("identical", "Prerelease")]
    assert shown(feed) == {"acme-one": {"prerelease"}, "acme-two": {"prerelease"}}
    again = repo.wheelstep("promote", *names, "--view", "Prerelease", extra=settings(feed))
    assert (again.code, again.status) == (0, "nothing-to-do"), again.said
    assert len(feed.seen("POST", "packagesbatch")) == 1


def test_nothing_is_promoted_where_a_public_package_could_take_its_place(
    repo: Repo, feed: FeedServer
) -> None:
    reads(repo, feed.simple_url)
    repo.release(extra=settings(feed, WHEELSTEP_VIEW=""))
    file = "acme_one-9.9-py3-none-any.whl"
    feed.files[file] = Stored("acme-one", "9.9", file, b"PK", None, 0, source="PyPI")
    for more in ((), ("--dry-run",)):
        ran = repo.wheelstep("promote", "acme-one==1.0", *more, extra=settings(feed))
        assert (ran.code, ran.problem("dependency-confusion")["exit_code"]) == (4, 4), ran.said
    assert not any(shown(feed).values())
    other = repo.wheelstep("promote", "acme-two==1.0", extra=settings(feed))
    assert (other.code, other.status) == (0, "done"), other.said


@pytest.mark.parametrize(
    ("arguments", "code", "exit_code"),
    [
        (("acme-one==9",), "not-released", 2),
        (("acme-one",), "bad-setting", 2),
        ((), "bad-setting", 2),
        (("acme-one==1.0", "--view", "Golden"), "view-missing", 2),
        (("acme-one==1.0", "--publish-to", "index"), "view-without-feed", 2),
    ],
)
def test_promote_says_what_is_wrong(
    repo: Repo, feed: FeedServer, arguments: tuple[str, ...], code: str, exit_code: int
) -> None:
    ran = repo.wheelstep("promote", *arguments, extra=settings(feed))
    assert (ran.code, {one["code"] for one in ran.report["problems"]}) == (exit_code, {code})
