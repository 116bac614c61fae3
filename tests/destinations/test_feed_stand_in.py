"""The stand-in for Azure Artifacts is kept honest by clients that are not ours."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from uv import find_uv_bin

from tests.destinations.made import make_wheel
from tests.servers.feed import Fault, FeedServer, feed_server


@pytest.fixture(scope="module")
def feed() -> Iterator[FeedServer]:
    with feed_server() as server:
        yield server


def run(*command: str, home: Path, **extra: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    environment = kept | {"HOME": str(home), "NO_PROXY": "127.0.0.1", "NO_COLOR": "1"} | extra
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env=environment, timeout=60
    )


def twine(
    feed: FeedServer, wheel: Path, token: str, home: Path
) -> subprocess.CompletedProcess[str]:
    return run(
        *(sys.executable, "-m", "twine", "upload", "--non-interactive", "--disable-progress-bar"),
        *("--repository-url", feed.upload_url, str(wheel)),
        home=home,
        TWINE_USERNAME="any",
        TWINE_PASSWORD=token,
    )


def test_twine_publishes_and_pip_and_uv_install(feed: FeedServer, tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path / "dist", "acme-one", "1.0.0")
    assert wheel.path is not None
    done = twine(feed, wheel.path, feed.token, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    index = feed.simple_url_with(feed.read_only_token)

    pip = run(
        *(sys.executable, "-m", "pip", "download", "--no-deps", "--no-cache-dir", "--no-input"),
        *("-d", str(tmp_path / "pip"), "acme-one==1.0.0"),
        home=tmp_path,
        PIP_CONFIG_FILE=os.devnull,
        PIP_INDEX_URL=index,
    )
    assert pip.returncode == 0, pip.stdout + pip.stderr
    assert (tmp_path / "pip" / wheel.file).read_bytes() == wheel.path.read_bytes()

    uv = run(
        *(find_uv_bin(), "pip", "install", "--no-cache", "--no-config", "--python"),
        *(sys.executable, "--target", str(tmp_path / "uv"), "acme-one==1.0.0"),
        home=tmp_path,
        UV_DEFAULT_INDEX=index,
    )
    assert uv.returncode == 0, uv.stdout + uv.stderr
    assert (tmp_path / "uv" / "acme_one.py").is_file()


def test_uv_publishes(feed: FeedServer, tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "acme-uv", "1.0.0")
    done = run(
        *(find_uv_bin(), "publish", "--publish-url", feed.upload_url, str(wheel.path)),
        home=tmp_path,
        UV_PUBLISH_USERNAME="any",
        UV_PUBLISH_PASSWORD=feed.token,
        UV_NO_CONFIG="1",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert feed.files[wheel.file].sha256 == wheel.sha256


def test_twine_sees_the_refusals(feed: FeedServer, tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "acme-two", "1.0.0")
    assert wheel.path is not None
    assert "401" in _output(twine(feed, wheel.path, "wrong", tmp_path))
    assert "403" in _output(twine(feed, wheel.path, feed.read_only_token, tmp_path))
    assert twine(feed, wheel.path, feed.token, tmp_path).returncode == 0
    assert "409" in _output(twine(feed, wheel.path, feed.token, tmp_path))
    local = make_wheel(tmp_path, "acme-two", "1.0.0+abc")
    assert local.path is not None
    assert "400" in _output(twine(feed, local.path, feed.token, tmp_path))


def _output(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode != 0
    return done.stdout + done.stderr


def test_pip_is_told_that_a_token_is_wrong(feed: FeedServer, tmp_path: Path) -> None:
    pip = run(
        *(sys.executable, "-m", "pip", "download", "--no-cache-dir", "--no-input", "--retries=0"),
        *("-d", str(tmp_path), "acme-one"),
        home=tmp_path,
        PIP_CONFIG_FILE=os.devnull,
        PIP_INDEX_URL=feed.simple_url_with("wrong"),
    )
    assert pip.returncode != 0
    assert "401" in pip.stdout + pip.stderr


def test_uv_waits_for_a_feed_that_limits_the_rate(feed: FeedServer, tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "acme-slow", "1.0.0")
    assert wheel.path is not None
    assert twine(feed, wheel.path, feed.token, tmp_path).returncode == 0
    feed.fault("simple", Fault("status", 429, {"Retry-After": "1"}))
    uv = run(
        *(find_uv_bin(), "pip", "install", "--no-cache", "--no-config", "--python"),
        *(sys.executable, "--target", str(tmp_path / "uv"), "acme-slow"),
        home=tmp_path,
        UV_DEFAULT_INDEX=feed.simple_url_with(feed.token),
    )
    assert uv.returncode == 0, uv.stdout + uv.stderr
