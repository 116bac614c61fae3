from __future__ import annotations

from pathlib import Path

import pytest

from tests.rehearsal.conftest import Scene
from tests.rehearsal.made import make_index, make_wheel
from wheelstep.errors import CannotHere, DefinitionUnresolvable, SettingError
from wheelstep.ground.uv import check_platform, platforms, run_uv, uv_error, working_folder
from wheelstep.rehearsal.install import install_pip_section


def test_a_pinned_section_is_installed(scene: Scene) -> None:
    wheels = (
        make_wheel(scene.folder / "w", "acme-core", "1.0", ["right"], note="released"),
        make_wheel(scene.folder / "w", "acme-app", "2.0", ["acme-core==1.0"]),
    )
    index = make_index(scene.folder / "index", *wheels)
    target = scene.folder / "environment"
    installed = install_pip_section(
        ["acme-app==2.0", f"--extra-index-url {scene.public.index_url}"],
        target=target,
        index_url=index,
        environment=scene.environment,
        public=scene.public,
    )
    assert installed == {"acme-app": "2.0", "acme-core": "1.0", "right": "1.5"}
    (module,) = target.rglob("acme_core/__init__.py")
    assert "released" in module.read_text()


@pytest.mark.parametrize("lines", [["acme-gone==1.0"], ["only-source"], ["--index-url"]])
def test_what_cannot_be_installed_says_so(scene: Scene, lines: list[str]) -> None:
    with pytest.raises(DefinitionUnresolvable) as caught:
        install_pip_section(
            lines,
            target=scene.folder / "environment",
            index_url=make_index(scene.folder / "index"),
            environment=scene.environment,
            public=scene.public,
        )
    assert lines[0] in caught.value.message


def test_no_temporary_folder_is_this_machine_s_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    with pytest.raises(CannotHere), working_folder("rehearsing"):
        pytest.fail("there is no such folder")


def test_platforms_are_uv_s_own(scene: Scene) -> None:
    assert {"linux", "x86_64-manylinux_2_28"} <= platforms(scene.environment)
    with pytest.raises(SettingError) as caught:
        check_platform("???", scene.environment)
    assert "x86_64-manylinux_2_28" in caught.value.cure


def test_a_cache_that_cannot_be_written_is_this_machine_s_fault(
    scene: Scene, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"")
    environment = {**scene.environment, "UV_CACHE_DIR": str(tmp_path / "file/cache")}
    done = run_uv(["pip", "compile", "-"], environment=environment, cwd=tmp_path, stdin=b"left")
    assert done.code != 0
    error = uv_error(done, "resolving left")
    assert isinstance(error, CannotHere)
    assert "UV_CACHE_DIR" in error.cure
