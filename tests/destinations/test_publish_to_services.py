"""Publishing whole, to a feed that shows files late and to a real index at once."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from uv import find_uv_bin

from tests.destinations.waiting import QuickClock, quick_transport
from tests.destinations.wheels import content_of, make_wheel
from tests.servers.feed import Fault, FeedServer, feed_server
from tests.servers.pypi import PypiServer, pypi_server
from wheelstep.destinations.interface import Destination, Wanted
from wheelstep.destinations.publish import Published, missing_at, publish
from wheelstep.destinations.table import destination_of
from wheelstep.errors import StepError
from wheelstep.ground.secret import Secret
from wheelstep.model import Outcome, Wheel


@pytest.fixture
def feed() -> Iterator[FeedServer]:
    with feed_server(visible_after=3) as running:
        yield running


@pytest.fixture
def index(tmp_path: Path) -> Iterator[PypiServer]:
    with pypi_server(tmp_path / "pypi") as running:
        yield running


@contextmanager
def both(
    feed: FeedServer, index: PypiServer
) -> Iterator[tuple[tuple[Destination, Destination], QuickClock]]:
    wanted = (
        Wanted(f"feed+{feed.simple_url}", token=Secret(feed.token)),
        Wanted(f"index+{index.url}", user=index.user, token=Secret(index.password)),
    )
    with quick_transport() as (transport, clock):
        first, second = (
            destination_of(one, root=Path(), environment={}, transport=transport) for one in wanted
        )
        yield (first, second), clock


def published(
    wheels: Sequence[Wheel], feed: FeedServer, index: PypiServer, work: Path
) -> list[Published]:
    work.mkdir(exist_ok=True)
    with both(feed, index) as (destinations, clock):
        return list(
            publish(wheels, destinations, content_of=content_of, work=work, parallel=4, clock=clock)
        )


def outcomes(done: list[Published]) -> set[Outcome]:
    return {one.outcome for one in done}


def test_upload_again_adopt_and_refuse(feed: FeedServer, index: PypiServer, tmp_path: Path) -> None:
    wheels = [make_wheel(tmp_path / "dist", f"acme-{number}") for number in range(3)]
    done = published(wheels, feed, index, tmp_path / "work")
    assert outcomes(done) == {Outcome.UPLOADED}
    assert len(feed.files) == len(list(index.directory.iterdir())) == 3
    assert all(one.url and one.url.startswith("http://127.0.0.1") for one in done)

    assert outcomes(published(wheels, feed, index, tmp_path / "work")) == {Outcome.IDENTICAL}

    rebuilt = [make_wheel(tmp_path / "again", "acme-0", tool="newer")]
    assert rebuilt[0].sha256 != wheels[0].sha256
    adopted = published(rebuilt, feed, index, tmp_path / "work")
    assert outcomes(adopted) == {Outcome.ADOPTED}
    assert {one.wheel.sha256 for one in adopted} == {wheels[0].sha256}

    feed.requests.clear()
    changed = [
        make_wheel(tmp_path / "changed", "acme-new"),
        make_wheel(tmp_path / "changed", "acme-0", code="VERSION = 'other'\n"),
    ]
    with pytest.raises(StepError) as caught:
        published(changed, feed, index, tmp_path / "work")
    assert caught.value.exit_code == 4
    assert {problem.code for problem in caught.value.problems()} == {"version-taken"}
    assert feed.seen("POST") == []
    assert len(list(index.directory.iterdir())) == 3


def test_a_reply_that_is_lost_ends_as_published(
    feed: FeedServer, index: PypiServer, tmp_path: Path
) -> None:
    feed.fault("upload", Fault("drop", store=True), Fault("status", 503))
    wheels = [make_wheel(tmp_path / "dist", "acme-lost")]
    done = published(wheels, feed, index, tmp_path / "work")
    assert {one.wheel.sha256 for one in done} == {wheels[0].sha256}
    assert feed.files[wheels[0].file].sha256 == wheels[0].sha256
    with both(feed, index) as (destinations, _):
        assert missing_at(destinations, wheels) == ()


def test_uv_installs_what_was_published(
    feed: FeedServer, index: PypiServer, tmp_path: Path
) -> None:
    published([make_wheel(tmp_path / "dist", "acme-both")], feed, index, tmp_path / "work")
    for number, url in enumerate((index.url_with_password, feed.simple_url_with(feed.token))):
        target = tmp_path / f"target-{number}"
        command = [find_uv_bin(), "pip", "install", "--no-cache", "--no-config", "--no-deps"]
        command += ["--python", sys.executable, "--target", str(target), "acme-both==1.0"]
        environment = {"UV_DEFAULT_INDEX": url, "PATH": os.environ.get("PATH", "")}
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0, done.stderr
        assert (target / "acme_both.py").is_file()
