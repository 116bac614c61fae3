"""Exports are the same wherever they are made, and hold the package and nothing else."""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from build import ProjectBuilder
from pyproject_hooks import quiet_subprocess_runner

from tests.packages.sample_repository import (
    START,
    SampleRepository,
    flit_project,
    hatchling_project,
    setuptools_project,
)
from wheelstep.errors import BuildFailed, CannotHere, SettingError
from wheelstep.model import Project
from wheelstep.packages.discover import discover
from wheelstep.packages.export import export, remove


@pytest.fixture
def repository(tmp_path: Path) -> SampleRepository:
    return SampleRepository(tmp_path / "repository")


@pytest.fixture
def restored_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def listing(folder: Path) -> dict[str, tuple[str, int, str]]:
    """Kind, mode and hash of all below a folder, a `.git` left out."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if name.split("/")[0] == ".git":
            continue
        if path.is_symlink():
            found[name] = ("link", 0, path.readlink().as_posix())
        elif path.is_file():
            mode = stat.S_IMODE(path.stat().st_mode)
            found[name] = ("file", mode, hashlib.sha256(path.read_bytes()).hexdigest())
    return found


def only(repository: SampleRepository, *patterns: str) -> Project:
    (project,) = discover(repository.git, patterns or (".",))
    return project


def git_in(folder: Path, *arguments: str) -> str:
    """Git as a build back end has it: with the plain environment."""
    done = subprocess.run(
        ["git", *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_only_the_package_in_its_place(repository: SampleRepository, tmp_path: Path) -> None:
    repository.commit(
        setuptools_project("root")
        | setuptools_project("one", "libs/one")
        | setuptools_project("two", "libs/two")
        | {".gitignore": "*.log\n", "libs/.gitignore": "*.tmp\n", "libs/note.txt": "x"}
    )
    root, one = discover(repository.git, [".", "libs/one", "!libs/two"])
    folder = export(repository.git, root, "HEAD", tmp_path / "a")
    assert set(listing(folder)) == {
        ".gitignore", "libs/.gitignore", "libs/note.txt", "pyproject.toml", "root/__init__.py",
    }  # fmt: skip
    folder = export(repository.git, one, "HEAD", tmp_path / "b")
    assert folder == tmp_path / "b/source/libs/one"
    assert set(listing(tmp_path / "b/source")) == {
        ".gitignore", "libs/.gitignore", "libs/one/one/__init__.py", "libs/one/pyproject.toml",
    }  # fmt: skip
    assert not list((tmp_path / "b").rglob(".git"))
    assert (folder / "pyproject.toml").stat().st_mtime == START + 60
    folder = export(repository.git, root, "HEAD", tmp_path / "c", leave_out=["libs"])
    assert set(listing(folder)) == {".gitignore", "pyproject.toml", "root/__init__.py"}


@pytest.mark.parametrize("with_history", [False, True])
def test_no_setting_of_the_machine_has_a_say(
    repository: SampleRepository, tmp_path: Path, restored_umask: None, *, with_history: bool
) -> None:
    repository.commit(
        {
            **setuptools_project("one", "libs/one"),
            ".gitattributes": "* text=auto\n*.bat eol=crlf\n*.bin -text\n",
            "libs/one/.gitattributes": "*.keep text eol=crlf\n",
            "libs/one/run.sh": "#!/bin/sh\necho\n",
            "libs/one/a.bat": "echo\r\n",
            "libs/one/a.keep": "kept\n",
            "libs/one/a.bin": b"\r\n\0\n",
            "libs/one/caf\u00e9.txt": "x\n",
        }
    )
    repository.run("update-index", "--chmod=+x", "libs/one/run.sh")
    repository.run("commit", "--quiet", "--message", "mode")
    project = only(repository, "libs/one")
    os.umask(0o002)
    here = export(repository.git, project, "HEAD", tmp_path / "a", with_history=with_history)
    os.umask(0o077)
    odd = repository.clone(tmp_path / "elsewhere" / "clone", "--config", "core.autocrlf=true")
    assert b"\r\n" in (odd.root / "libs/one/run.sh").read_bytes()
    attributes = tmp_path / "attributes"
    attributes.write_text("*.sh export-ignore\n* ident\n*.py eol=crlf\n")
    odd.run("config", "core.attributesFile", str(attributes))
    del odd.git.environment["GIT_CONFIG_GLOBAL"]
    (odd.root.parent / ".gitconfig").write_text(f"[core]\n\tattributesFile = {attributes}\n")
    (odd.root / ".git/info/attributes").write_text("*.py eol=crlf\n")
    (odd.root / ".gitattributes").write_text("*.py eol=crlf\n")
    odd.git.environment["GIT_INDEX_FILE"] = str(odd.root / ".git/index")
    there = export(odd.git, project, "HEAD", tmp_path / "b", with_history=with_history)
    found = listing(here)
    assert found == listing(there)
    assert {name: mode for name, (_, mode, _) in found.items() if mode != 0o644} == {
        "run.sh": 0o755
    }
    assert (here / "a.bat").read_bytes() == b"echo\r\n"
    assert (here / "a.keep").read_bytes() == b"kept\r\n"
    assert (here / "a.bin").read_bytes() == b"\r\n\0\n"
    assert (here / "run.sh").read_bytes() == b"#!/bin/sh\necho\n"


@pytest.mark.parametrize("make", [setuptools_project, hatchling_project, flit_project])
def test_wheels_from_two_clones_have_equal_bytes(
    repository: SampleRepository,
    tmp_path: Path,
    restored_umask: None,
    make: Callable[[str, str], dict[str, str]],
) -> None:
    repository.commit({**make("one", "libs/one"), ".gitattributes": "* text=auto\n"})
    copy = repository.clone(tmp_path / "other" / "place", "--config", "core.autocrlf=true")
    wheels = []
    for number, (each, umask) in enumerate(((repository, 0o002), (copy, 0o022))):
        os.umask(umask)
        place = tmp_path / f"export{number}"
        folder = export(each.git, only(each, "libs/one"), "HEAD", place)
        os.umask(0o022)

        def run(
            cmd: Sequence[str],
            cwd: str | None = None,
            extra_environ: Mapping[str, str] | None = None,
        ) -> None:
            epoch = {"SOURCE_DATE_EPOCH": str(START + 60)}
            quiet_subprocess_runner(cmd, cwd, {**(extra_environ or {}), **epoch})

        builder = ProjectBuilder(folder, sys.executable, run)
        wheels.append(Path(builder.build("wheel", place / "dist")).read_bytes())
    assert wheels[0] == wheels[1]


def test_history_is_there_and_clean(repository: SampleRepository, tmp_path: Path) -> None:
    first = repository.commit(
        setuptools_project("one", "libs/one") | setuptools_project("two", "libs/two")
    )
    repository.run("tag", "v1.0")
    repository.run("tag", "--annotate", "--message", "x", "other-9")
    second = repository.commit({"libs/one/one/b.py": "x", "libs/two/.gitattributes": "* ident\n"})
    repository.run("tag", "v2.0")
    before = {p: p.stat().st_mtime_ns for p in repository.root.rglob("*")}
    project = only(repository, "libs/one")
    folder = export(repository.git, project, first, tmp_path / "a", with_history=True)
    assert git_in(folder, "rev-parse", "HEAD") == first
    assert git_in(folder, "status", "--porcelain") == ""
    assert git_in(folder, "describe", "--dirty", "--tags", "--match", "v*") == "v1.0"
    assert git_in(folder, "tag", "--list").split() == ["other-9", "v1.0", "v2.0"]
    assert git_in(folder, "rev-parse", "--abbrev-ref", "HEAD") == "main"
    assert not (tmp_path / "a/source/libs/two").exists()
    folder = export(
        repository.git, project, second, tmp_path / "b", with_history=True,
        without_tags={"refs/tags/v2.0", "refs/tags/other-9"},
    )  # fmt: skip
    described = git_in(folder, "describe", "--dirty", "--tags")
    assert described.startswith("v1.0-1-g")
    assert "dirty" not in described
    (folder / "pyproject.toml").write_text("changed")
    assert git_in(folder, "describe", "--dirty", "--tags").endswith("-dirty")  # it can tell
    assert {p: p.stat().st_mtime_ns for p in repository.root.rglob("*")} == before


def test_a_detached_worktree_with_sha256_objects(tmp_path: Path) -> None:
    repository = SampleRepository(tmp_path / "repository", options=("--object-format=sha256",))
    repository.commit(setuptools_project("one"))
    repository.run("tag", "v1.0")
    repository.run("worktree", "add", "--quiet", "--detach", str(tmp_path / "tree"))
    tree = SampleRepository(tmp_path / "tree", init=False)
    folder = export(tree.git, only(tree), "HEAD", tmp_path / "a", with_history=True)
    assert git_in(folder, "describe", "--dirty", "--tags") == "v1.0"
    assert git_in(folder, "rev-parse", "--abbrev-ref", "HEAD") == "HEAD"


def test_shallow_and_partial_clones(repository: SampleRepository, tmp_path: Path) -> None:
    first = repository.commit(setuptools_project("one"))
    repository.commit({"one/__init__.py": "B = 2\n"})
    repository.run("config", "uploadpack.allowFilter", "true")
    shallow = repository.clone(tmp_path / "shallow", "--depth=1")
    folder = export(shallow.git, only(shallow), "HEAD", tmp_path / "a", with_history=True)
    assert git_in(folder, "rev-list", "--count", "HEAD") == "1"
    with pytest.raises(CannotHere, match=first):
        export(shallow.git, only(shallow), first, tmp_path / "b")
    partial = repository.clone(tmp_path / "partial", "--filter=blob:none")
    folder = export(partial.git, only(partial), first, tmp_path / "c")
    assert (folder / "one/__init__.py").read_text() == "NAME = 'one'\n"


def test_submodules_come_from_the_checkout(repository: SampleRepository, tmp_path: Path) -> None:
    inner = SampleRepository(tmp_path / "inner")
    inner.commit({"deep.txt": "deep"})
    vendored = SampleRepository(tmp_path / "vendored")
    vendored.commit({"v/__init__.py": "V = 1\n"})
    vendored.run("submodule", "--quiet", "add", inner.root.as_uri(), "inner")
    vendored.commit()
    repository.commit(setuptools_project("one", "libs/one"))
    repository.run("submodule", "--quiet", "add", vendored.root.as_uri(), "libs/one/vendored")
    repository.commit()
    recorded = vendored.run("rev-parse", "HEAD")
    target = tmp_path / "missing"
    with pytest.raises(SettingError, match="not checked out") as caught:
        export(repository.git, only(repository, "libs/one"), "HEAD", target)
    assert caught.value.file == "libs/one/vendored/inner"
    repository.run("submodule", "--quiet", "update", "--init", "--recursive")
    vendored.commit({"v/__init__.py": "V = 2\n"})
    repository.write({"libs/one/vendored/v/__init__.py": "V = 'not committed'\n"})
    project = only(repository, "libs/one")
    with pytest.raises(SettingError, match="lies in the submodule libs/one/vendored"):
        discover(repository.git, ["libs/one/vendored/v"])
    for history in (False, True):
        folder = export(
            repository.git, project, "HEAD", tmp_path / f"a{history}", with_history=history
        )
        assert (folder / "vendored/v/__init__.py").read_text() == "V = 1\n"
        assert (folder / "vendored/inner/deep.txt").read_text() == "deep"
        assert not (folder / "vendored/.git").exists()
        if history:
            assert git_in(folder, "describe", "--always", "--dirty")[-6:] != "-dirty"
    copy = repository.clone(tmp_path / "copy")
    with pytest.raises(SettingError, match="submodule is recorded at") as caught:
        export(copy.git, project, "HEAD", tmp_path / "b")
    assert caught.value.file == "libs/one/vendored"
    assert caught.value.code == "submodule-missing"
    assert "submodule update --init" in caught.value.cure
    assert recorded[:12] in caught.value.message


def pointer(data: bytes) -> tuple[str, bytes]:
    sha256 = hashlib.sha256(data).hexdigest()
    text = f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {len(data)}\n"
    return sha256, text.encode()


def test_large_files_are_had_or_missed(repository: SampleRepository, tmp_path: Path) -> None:
    large = b"large" * 1000
    sha256, text = pointer(large)
    repository.commit({**setuptools_project("one"), "one/model.bin": text})
    project = only(repository)
    with pytest.raises(BuildFailed, match="is in Git LFS") as caught:
        export(repository.git, project, "HEAD", tmp_path / "a")
    assert "lfs: true" in caught.value.cure
    assert caught.value.file == "one/model.bin"
    repository.write({"one/model.bin": large})  # as a checkout with LFS has it
    folder = export(repository.git, project, "HEAD", tmp_path / "b")
    assert (folder / "one/model.bin").read_bytes() == large
    repository.write({"one/model.bin": b"something else"})
    with pytest.raises(BuildFailed):
        export(repository.git, project, "HEAD", tmp_path / "c")
    store = repository.root / ".git/lfs/objects" / sha256[:2] / sha256[2:4]
    store.mkdir(parents=True)
    (store / sha256).write_bytes(large)
    folder = export(repository.git, project, "HEAD", tmp_path / "d", with_history=True)
    assert (folder / "one/model.bin").read_bytes() == large
    assert "dirty" not in git_in(folder, "describe", "--always", "--dirty")


def test_links_stay_links_and_lead_somewhere(repository: SampleRepository, tmp_path: Path) -> None:
    repository.write({**setuptools_project("one", "libs/one"), "LICENSE": "MIT", "other": "x"})
    (repository.root / "libs/one/LICENSE").symlink_to("../../LICENSE")
    repository.commit()
    folder = export(repository.git, only(repository, "libs/one"), "HEAD", tmp_path / "a")
    assert (folder / "LICENSE").is_symlink()
    assert (folder / "LICENSE").read_text() == "MIT"
    assert not (tmp_path / "a/source/other").exists()


def test_ignore_files_of_the_machine_do_not_reach_a_back_end(
    repository: SampleRepository, tmp_path: Path
) -> None:
    repository.commit(hatchling_project("one"))
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    (scratch / ".gitignore").write_text("*.py\n")
    folder = export(repository.git, only(repository), "HEAD", scratch / "a")
    builder = ProjectBuilder(folder, sys.executable, quiet_subprocess_runner)
    wheel = Path(builder.build("wheel", tmp_path / "dist"))
    with zipfile.ZipFile(wheel) as opened:
        assert "one/__init__.py" in opened.namelist()


def test_removing_what_is_read_only_or_gone(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "file").touch()
    (folder / "file").chmod(0o400)
    remove(folder)
    remove(folder)
    assert not folder.exists()


def test_a_target_that_cannot_be_made_is_said(repository: SampleRepository, tmp_path: Path) -> None:
    repository.commit(setuptools_project("one"))
    with pytest.raises(CannotHere, match="While exporting"):
        export(repository.git, only(repository), "HEAD", tmp_path / "no" / "parent")
    with pytest.raises(CannotHere, match="is not empty"):
        export(repository.git, only(repository), "HEAD", tmp_path)
    (tmp_path / "empty").mkdir()
    export(repository.git, only(repository), "HEAD", tmp_path / "empty")
