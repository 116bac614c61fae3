"""What can be known early is found out early; what was done is reported, whatever came after."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.destinations.wheels import make_wheel
from tests.release.kit import Repo, contents
from tests.release.samples import flit, quick
from wheelstep.destinations.layout import path_of

SETTINGS = 'packages = ["packages/*"]\npublish-to = ["../index"]\ncommit = "local"\n'


@pytest.fixture
def two(tmp_path: Path) -> Repo:
    """Two packages, and a requirements file that takes in another one."""
    files = {
        **quick(flit("aa", "packages/aa/"), "py2.py3-none-any"),
        **quick(flit("bb", "packages/bb/"), "py2.py3-none-any"),
        "wheelstep.toml": SETTINGS,
        "requirements.txt": "aa==0.1\n",
        "dev/requirements.txt": "-r ../requirements.txt\nbb\n",
        ".gitignore": "/dist/\n",
    }
    return Repo.create(tmp_path / "place", files)


def test_an_included_file_is_rehearsed_as_it_will_be(two: Repo) -> None:
    ran = two.release()
    assert {row["path"]: row["status"] for row in ran.report["rehearsals"]} == {
        "requirements.txt": "resolved",
        "dev/requirements.txt": "resolved",
    }
    # the file that takes it in says the same as before, and means another version
    two.replace("packages/aa/aa.py", "3.0.0", "3.1.0")
    two.commit()
    again = two.release()
    assert again.definition("dev/requirements.txt")["status"] == "unchanged"
    assert {row["path"] for row in again.report["rehearsals"]} == {
        "requirements.txt",
        "dev/requirements.txt",
    }


def test_a_platform_that_does_not_exist_is_found_before_anything_is_built(two: Repo) -> None:
    ran = two.wheelstep("release", "--platform", "foo")
    assert ran.code == 2
    assert ran.packages == {"aa": "planned", "bb": "planned"}
    assert not (two.root / "dist").exists()


@pytest.mark.parametrize("commit", ["local", "none"])
def test_a_record_that_is_a_link_is_found_before_anything_is_built(two: Repo, commit: str) -> None:
    outside = two.root.parent / "outside"
    outside.write_text("theirs")
    (two.root / "wheelstep.lock").symlink_to(outside)
    two.commit()
    ran = two.wheelstep("release", "--commit", commit)
    assert ran.code == 4
    assert ran.problem("not-a-regular-file")["file"] == "wheelstep.lock"
    assert not (two.root / "dist").exists()
    assert outside.read_text() == "theirs"


@pytest.mark.parametrize("command", ["plan", "release"])
def test_a_version_that_a_feed_does_not_take_is_found_before_anything_is_built(
    two: Repo, command: str
) -> None:
    two.replace("packages/aa/aa.py", "3.0.0", "3.0.0+loc")
    two.commit()
    # nothing listens there: nothing has to
    feed = "feed+http://127.0.0.1:9/org/_packaging/wheels/pypi/simple/"
    token = {"WHEELSTEP_FEED_TOKEN": "some-token-1"}
    ran = two.wheelstep(command, "--publish-to", feed, extra=token)
    assert ran.code == 3
    assert "+loc" in ran.report["problems"][-1]["message"]
    assert not (two.root / "dist").exists()


def test_wheels_of_other_jobs_that_are_not_there_are_missed_by_the_plan(two: Repo) -> None:
    planned = two.wheelstep("plan", "--prebuilt")
    assert (planned.code, planned.status) == (2, "failed")
    assert planned.codes[-1] == two.wheelstep("release", "--prebuilt").codes[-1] == "no-dist"


def test_a_wheel_for_one_more_platform_is_added_to_a_release(two: Repo) -> None:
    two.release()
    before = contents(two.index)
    tag = "cp312-cp312-manylinux_2_28_x86_64"
    wheel = make_wheel(two.root / "dist", "aa", "3.0.0", tag=tag)
    planned = two.wheelstep("plan", "--prebuilt")
    assert (planned.code, planned.status) == (0, "planned"), planned.said
    ran = two.release("--prebuilt")
    assert ran.published[wheel.file] == ["uploaded"]
    assert ran.packages == {"aa": "prebuilt", "bb": "unchanged"}
    after = contents(two.index)
    assert path_of(wheel.file) in after
    assert {name: after[name] for name in before if name.endswith(".whl")} == {
        name: digest for name, digest in before.items() if name.endswith(".whl")
    }
    assert wheel.file in two.read("wheelstep.lock")
    assert "aa-3.0.0-py2.py3-none-any.whl" in two.read("wheelstep.lock")
    assert two.release("--prebuilt").status == "nothing-to-do"
    assert two.release().status == "nothing-to-do"


@contextmanager
def forbidden() -> Iterator[str]:
    """A web server that lets nobody read; gives its URL."""

    class Forbidden(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(403)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Forbidden) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


def test_a_release_that_fails_after_the_upload_says_what_was_uploaded(two: Repo) -> None:
    head = two.head
    with forbidden() as url:
        ran = two.wheelstep("release", "--serve-url", url)
    assert ran.code == 5, ran.said
    assert set(ran.packages.values()) == {"built"}
    assert [status for statuses in ran.published.values() for status in statuses] == [
        "uploaded",
        "uploaded",
    ]
    assert {row["status"] for row in ran.report["definitions"]} == {"unchanged"}
    assert two.head == head
    assert two.read("requirements.txt") == "aa==0.1\n"
    # and mended, nothing is uploaded twice
    done = two.release()
    assert {status for statuses in done.published.values() for status in statuses} == {"identical"}


def test_a_package_that_does_not_build_is_named_as_failed(two: Repo) -> None:
    broken = """\
        [build-system]
        requires = []
        build-backend = "broken"
        backend-path = ["."]
        [project]
        name = "cc"
        version = "1.0"
        """
    two.commit({"packages/cc/pyproject.toml": broken, "packages/cc/broken.py": "1 / 0\n"})
    code, out, _ = two.run(["release", "--json"])
    assert code == 3
    assert {row["name"]: row["status"] for row in json.loads(out)["packages"]} == {
        "aa": "planned",
        "bb": "planned",
        "cc": "failed",
    }


def test_a_commit_that_nobody_else_has_is_not_pushed_pins_of(two: Repo) -> None:
    two.git("clone", "--quiet", "--bare", str(two.root), str(two.place / "remote.git"))
    two.git("remote", "add", "origin", (two.place / "remote.git").as_uri())
    two.git("fetch", "--quiet", "origin")
    remote = two.git("rev-parse", "origin/main")
    two.replace("packages/aa/aa.py", "3.0.0", "3.1.0")
    two.commit()
    ran = two.wheelstep("release", "--commit", "push")
    assert ran.code == 4
    assert "Push first" in ran.problem("head-not-pushed")["cure"]
    assert not two.index.exists()
    assert two.git("ls-remote", "origin", "refs/heads/main").split()[0] == remote
    two.git("push", "--quiet", "origin", "main")
    done = two.release("--commit", "push")
    assert done.report["commit"]["status"] == "pushed"


def test_settings_at_the_root_are_no_source_of_a_package_there(tmp_path: Path) -> None:
    settings = 'publish-to = ["../index"]\ncommit = "local"\n'
    files = {**flit("aa", ""), "wheelstep.toml": settings, ".gitignore": "/dist/\n"}
    repo = Repo.create(tmp_path / "place", files)
    repo.release()
    repo.commit({"wheelstep.toml": settings + 'read-back = "write"\n'})
    ran = repo.release()
    assert (ran.status, ran.packages) == ("nothing-to-do", {"aa": "unchanged"})
