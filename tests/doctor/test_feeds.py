"""What doctor tells of a feed: whose packages it could serve, and what it will not keep."""

from __future__ import annotations

from pathlib import Path

from tests.doctor.world import CONDA, World, world
from tests.servers.feed import Stored


def more(healthy: World, name: str, *versions: str, source: str | None = None) -> None:
    """Put further versions into the feed, one a month."""
    for number, version in enumerate(versions, 2):
        file = f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
        stored = Stored(name, version, file, b"PK", None, 0, source=source)
        stored.published = f"2026-{number:02}-01T00:00:00Z"
        healthy.feed.files[file] = stored


def test_pinned_versions_that_the_feed_deletes_are_named_with_their_place(
    tmp_path: Path, authority: Path
) -> None:
    with world(tmp_path, authority) as healthy:
        healthy.feed.retention = {"countLimit": 2, "daysToKeepRecentlyDownloadedPackages": 30}
        more(healthy, "acme-core", "1.0.1", "1.0.2")
        ran = healthy.doctor()
        check = ran.fault("pinned-not-kept")
        assert ran.faults == {"pinned-not-kept"}
        assert (check.exit_code, ran.report.exit_code) == (0, 0)
        assert check.file == CONDA
        assert check.line == 9
        assert f"{CONDA}:9 pins acme-core 1.0.0" in check.message
        assert "once nobody downloads it for 30 days: 2 versions are newer" in check.message
        assert "`wheelstep promote acme-core==1.0.0`" in check.cure
        assert "Feed settings, Feed details" in check.cure
        # as it says
        healthy.feed.promote("acme-core", "1.0.0", "Release")
        assert healthy.doctor().faults == set()


def test_a_pinned_version_that_was_deleted_is_a_fault(tmp_path: Path, authority: Path) -> None:
    with world(tmp_path, authority) as healthy:
        del healthy.feed.files["acme_core-1.0.0-py3-none-any.whl"]
        healthy.feed.deleted.add(("acme-core", "1.0.0"))
        healthy.feed.recycled.add(("acme-core", "1.0.0"))
        check = healthy.doctor().fault("pinned-deleted")
    assert f"{CONDA}:9 pins acme-core 1.0.0, which was deleted from the feed." in check.message
    assert "Recycle Bin" in check.cure


def test_external_versions_of_a_public_name_are_a_fault_with_the_exit_code_of_the_release(
    tmp_path: Path, authority: Path
) -> None:
    with world(tmp_path, authority) as healthy:
        file = "acme_core-9.9-py3-none-any.whl"
        healthy.public["/simple/acme-core/"] = f'<a href="/{file}">{file}</a>'.encode()
        subject = f"the feed {healthy.feed.simple_url}: acme-core"
        (check,) = healthy.doctor().of(subject)
        assert (check.status, check.message) == (
            "ok",
            "The feed takes no version of acme-core from PyPI.",
        )
        healthy.feed.external_versions.add("acme-core")
        ran = healthy.doctor()
        (check,) = ran.of(subject)
        assert (check.code, check.exit_code) == ("dependency-confusion", 4)
        assert ran.report.exit_code == 4
        assert ran.faults == {"dependency-confusion"}
        more(healthy, "acme-features", "7.0", source="PyPI")
        (check,) = healthy.doctor().of(subject.replace("acme-core", "acme-features"))
        assert "has saved 7.0 of a public package acme-features" in check.message


def test_a_package_with_nearly_as_many_versions_as_a_feed_takes_is_told_in_time(
    tmp_path: Path, authority: Path
) -> None:
    with world(tmp_path, authority) as healthy:
        subject = f"the feed {healthy.feed.simple_url}: versions"
        (check,) = healthy.doctor().of(subject)
        assert (check.status, "1 of 5000" in check.message) == ("ok", True)
        for number in range(4500):
            file = f"acme_core-0.{number}-py3-none-any.whl"
            healthy.feed.files[file] = Stored("acme-core", f"0.{number}", file, b"PK", None, 0)
        (check,) = healthy.doctor().of(subject)
    assert (check.code, check.exit_code) == ("versions-nearly-full", 0)
    assert "After 499 more, releases are refused." in check.breaks


def test_a_package_with_as_many_versions_as_a_feed_takes_ends_the_next_release(
    tmp_path: Path, authority: Path
) -> None:
    with world(tmp_path, authority) as healthy:
        for number in range(4999):
            file = f"acme_core-0.{number}-py3-none-any.whl"
            healthy.feed.files[file] = Stored("acme-core", f"0.{number}", file, b"PK", None, 0)
        ran = healthy.doctor()
        (check,) = ran.of(f"the feed {healthy.feed.simple_url}: versions")
    assert (check.code, check.exit_code) == ("too-many-versions", 5)
    assert "It has 5000 versions of acme-core" in check.message
    assert ran.report.exit_code == 5


def test_a_name_that_whoever_registers_it_gets_into_the_feed_is_told(
    tmp_path: Path, authority: Path
) -> None:
    with world(tmp_path, authority) as healthy:
        healthy.feed.public_upstream = True
        healthy.feed.external_versions.add("acme-core")
        ran = healthy.doctor()
        (check,) = ran.of(f"the feed {healthy.feed.simple_url}: acme-core")
    assert (check.code, check.exit_code) == ("upstream-open", 0)
    assert "Whoever registers the name there gets into the feed" in check.breaks
    assert "dependency-confusion" not in ran.faults


def test_a_view_is_looked_for_and_definitions_that_read_another_one_are_named(
    tmp_path: Path, authority: Path
) -> None:
    with world(tmp_path, authority) as healthy:
        view = f"the feed {healthy.feed.simple_url}: view"
        healthy.edit("wheelstep.toml", 'commit = "push"', 'commit = "push"\nview = "release"')
        ran = healthy.doctor()
        (check,) = ran.of(view)
        assert (check.status, check.message) == ("ok", "The view release is there.")
        (check,) = ran.of(f"the feed {healthy.feed.simple_url}: promote")
        assert check.status == "unknown"
        assert ran.faults == set()
        # another one than the definition reads
        at = healthy.feed.simple_url
        healthy.edit(CONDA, at, at.replace("/pypi/", "@Prerelease/pypi/"))
        check = healthy.doctor().fault("view-not-promoted")
        assert (check.exit_code, check.file, check.line) == (2, CONDA, 7)
        assert "reads the view Prerelease" in check.message
        assert "promotes to the view release" in check.message
        healthy.edit(CONDA, "@Prerelease/", "@RELEASE/")
        assert "view-not-promoted" not in healthy.doctor().faults
        # none that is there
        healthy.edit("wheelstep.toml", 'view = "release"', 'view = "Golden"')
        (check,) = healthy.doctor().of(view)
    assert (check.code, check.exit_code) == ("view-missing", 2)
    assert "Local, Prerelease, Release" in check.message
