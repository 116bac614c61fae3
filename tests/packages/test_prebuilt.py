from __future__ import annotations

from pathlib import Path

import pytest

from tests.packages.wheel_kit import package, wheel
from wheelstep.errors import BuildFailed, Refused, SettingError, SeveralProblems
from wheelstep.packages.prebuilt import prebuilt_wheels

ONE, TWO = package("acme-one", directory="one"), package("acme.two", directory="two")


def test_each_package_gets_its_wheels_in_order(tmp_path: Path) -> None:
    wheel(tmp_path, name="acme_two")
    for tag in ("cp312-cp312-win_amd64", "cp311-cp311-linux_x86_64"):
        wheel(tmp_path, name="acme_one", tag=tag)
    wheel(tmp_path, name="acme_unchanged", version="7")
    (tmp_path / "notes.txt").write_text("")
    found = prebuilt_wheels(tmp_path, [TWO, ONE], others={"acme-unchanged"})
    assert [one.package for one in found] == [TWO, ONE]
    assert all(one.prebuilt and one.build_requirements == () for one in found)
    assert [made.file for made in found[1].wheels] == [
        "acme_one-1.0-cp311-cp311-linux_x86_64.whl",
        "acme_one-1.0-cp312-cp312-win_amd64.whl",
    ]
    assert all(made.path is not None for one in found for made in one.wheels)


def test_a_stranger_and_a_missing_wheel_are_told_together(tmp_path: Path) -> None:
    wheel(tmp_path, name="other")
    wheel(tmp_path, name="acme_one")
    with pytest.raises(SeveralProblems) as caught:
        prebuilt_wheels(tmp_path, [ONE, TWO])
    assert [problem.code for problem in caught.value.problems()] == [
        "wheel-unknown",
        "wheel-missing",
    ]
    assert "other-1.0-py3-none-any.whl" in caught.value.message
    assert "acme-two 1.0 (two)" in caught.value.message
    assert [error.packages for error in caught.value.errors] == [(), ("acme-two",)]
    assert caught.value.packages == ("acme-two",)


def test_another_version_is_told_once(tmp_path: Path) -> None:
    wheel(tmp_path, name="acme_one", version="0.9")
    with pytest.raises(BuildFailed, match=r"acme-one 0\.9, but acme-one 1\.0 \(one\)") as caught:
        prebuilt_wheels(tmp_path, [ONE])
    assert len(caught.value.problems()) == 1
    assert caught.value.packages == ("acme-one",)


def test_each_is_inspected(tmp_path: Path) -> None:
    wheel(tmp_path, {"acme_one/.env": ""}, name="acme_one")
    wheel(tmp_path, name="acme_one", tag="py2-none-any")
    with pytest.raises(Refused):
        prebuilt_wheels(tmp_path, [ONE])
    (tmp_path / "acme_one-1.0-py3-none-any.whl").write_bytes(b"")
    with pytest.raises(BuildFailed, match="no readable zip"):
        prebuilt_wheels(tmp_path, [ONE])


def test_the_same_wheel_twice_and_a_bad_name(tmp_path: Path) -> None:
    wheel(tmp_path, name="acme_one")
    wheel(tmp_path, name="acme_one", file="Acme_One-1.0.0-py3-none-any.whl")
    with pytest.raises(BuildFailed, match="the same wheel twice"):
        prebuilt_wheels(tmp_path, [ONE])
    (tmp_path / "Acme_One-1.0.0-py3-none-any.whl").rename(tmp_path / "acme_one-x.whl")
    with pytest.raises(BuildFailed, match="not a wheel's"):
        prebuilt_wheels(tmp_path, [ONE])


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="gone") as caught:
        prebuilt_wheels(tmp_path / "gone", [TWO, ONE])
    assert caught.value.packages == ("acme-one", "acme-two")
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingError):
        prebuilt_wheels(tmp_path / "file", [ONE])
    with pytest.raises(BuildFailed, match="no wheel of acme-one"):
        prebuilt_wheels(tmp_path, [ONE])
