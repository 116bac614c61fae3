"""What is found in a commit, and what is said where nothing or too much is."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.packages.sample_repository import (
    SampleRepository,
    flit_project,
    hatchling_project,
    setuptools_project,
)
from wheelstep.errors import SettingError, SeveralProblems
from wheelstep.model import Project
from wheelstep.packages.discover import discover
from wheelstep.packages.stated import Stated, read_stated


@pytest.fixture
def repository(tmp_path: Path) -> SampleRepository:
    return SampleRepository(tmp_path / "repository")


def stated(**files: str) -> Stated:
    names = {"toml": "pyproject.toml", "cfg": "setup.cfg", "py": "setup.py"}
    found = read_stated("lib", {names[key]: text.encode() for key, text in files.items()})
    assert isinstance(found, Stated), found
    return found


def test_a_monorepo_around_a_root_package(repository: SampleRepository) -> None:
    repository.commit(
        setuptools_project("Root_Pkg")
        | setuptools_project("One.Two", "libs/one")
        | hatchling_project("two", "libs/two", "2.0")
        | flit_project("three", "libs/three")
        | {"docs/pyproject.toml": "[tool.ruff]\nline-length = 90\n", "tools/setup.py": "print(1)\n"}
    )
    projects = discover(repository.git, ["**"])
    assert [(p.directory, p.normalized, p.static_version) for p in projects] == [
        (".", "root-pkg", "1.0"),
        ("libs/one", "one-two", "1.0"),
        ("libs/three", "three", None),
        ("libs/two", "two", "2.0"),
    ]
    assert projects[0].nested == ("libs/one", "libs/three", "libs/two")
    assert projects[1].nested == ()
    assert projects[0].build_requires == ("setuptools>=61",)
    assert projects[1].name == "One.Two"
    assert projects[1].file == "libs/one/pyproject.toml"
    # one rev-parse, one ls-tree, one cat-file, however many packages there are
    calls = repository.git.calls
    discover(repository.git, ["**"])
    assert repository.git.calls - calls == 3


def test_left_out_projects_are_no_part_of_the_one_around_them(repository: SampleRepository) -> None:
    repository.commit(
        setuptools_project("root")
        | setuptools_project("old", "libs/old")
        | setuptools_project("inner", "libs/old/inner")
        | {"libs/broken/pyproject.toml": "[project\n"}
        | setuptools_project("sample", "tests/sample")
    )
    (project,) = discover(repository.git, [".", "!libs/*"])
    assert project.nested == ("libs/broken", "libs/old")
    (project,) = discover(repository.git)
    assert project.nested == ()  # not named at all: files like any other


def test_only_what_is_committed_counts(repository: SampleRepository) -> None:
    repository.commit(setuptools_project("root") | {"libs/README": "none yet"})
    repository.write(setuptools_project("new", "libs/new"))
    repository.write({"pyproject.toml": "broken ["})
    assert [p.directory for p in discover(repository.git, [".", "libs/*"])] == ["."]
    with pytest.raises(SettingError, match="libs/new is there, but nothing in it") as caught:
        discover(repository.git, ["libs/new"])
    assert caught.value.cure == "Commit it first."


def test_a_folder_that_is_named_must_exist(repository: SampleRepository) -> None:
    repository.commit(setuptools_project("root"))
    with pytest.raises(SettingError, match=r"names libs/a, libs/b, but") as caught:
        discover(repository.git, ["libs/a", "libs/b", "."])
    assert caught.value.code == "no-such-folder"


def test_no_package_says_what_was_seen(repository: SampleRepository) -> None:
    repository.commit({"libs/a/readme": "x", "pyproject.toml": "[tool.ruff]\n"})
    with pytest.raises(SettingError, match=r"'libs/\*'.*Folders with.*: \.") as caught:
        discover(repository.git, ["libs/*"])
    assert caught.value.code == "no-packages"
    with pytest.raises(SettingError, match="none of its files describes a package") as caught:
        discover(repository.git)
    assert "`.` is the repository's root, wherever" in caught.value.message
    repository.commit({"pyproject.toml": None})
    with pytest.raises(SettingError, match=r"no pyproject\.toml, setup\.cfg or setup\.py anywhere"):
        discover(repository.git)


def test_two_packages_of_one_name_are_an_error(repository: SampleRepository) -> None:
    repository.commit(setuptools_project("My.Lib", "a") | setuptools_project("my-lib", "b"))
    with pytest.raises(SettingError, match=r"'my-lib': a \(My\.Lib\) and b \(my-lib\)") as caught:
        discover(repository.git, ["*"])
    assert caught.value.code == "duplicate-package"
    assert len(discover(repository.git, ["*", "!b"])) == 1


def test_broken_files_are_named_with_their_line(repository: SampleRepository) -> None:
    repository.commit(
        {
            "a/pyproject.toml": "[project]\nname = 'a'\nversion = = '1'\n",
            "b/setup.py": "from setuptools import setup\nsetup(name='b'\n",
            "c/setup.cfg": "[metadata]\nname = c\nnot a setting\n",
            "d/pyproject.toml": "[project]\nname = '-bad-'\n",
            "e/pyproject.toml": b"[project]\n# caf\xe9\nname = 'e'\n",
            "f/pyproject.toml": "[project]\nversion = '1'\n",
            "g/pyproject.toml": "[build-system]\nrequires = 'setuptools'\n",
            "h/pyproject.toml": "\ufeff[project]\nname = 'h'\n",
            "i/pyproject.toml": "[project]\nname = 'i'\nversion = 1.0\n",
            "j/setup.cfg": b"[metadata]\nname = caf\xe9\n",
            "k/pyproject.toml": "[build-system]\nbuild-backend = 'x'\n",
            "l/setup.py": b"from setuptools import setup\0",
            "m/pyproject.toml": "[project]\nname = 'm'\ndynamic = [\n",
            "n/setup.cfg": "name = n\n",
        }
    )
    with pytest.raises(SeveralProblems) as caught:
        discover(repository.git, ["*"])
    assert caught.value.exit_code == 2
    assert [(p.file, p.line, p.code) for p in caught.value.problems()] == [
        ("a/pyproject.toml", 3, "bad-toml"),
        ("b/setup.py", 2, "bad-setup-py"),
        ("c/setup.cfg", 3, "bad-setup-cfg"),
        ("d/pyproject.toml", 2, "bad-name"),
        ("e/pyproject.toml", 2, "bad-toml"),
        ("f/pyproject.toml", 1, "bad-name"),
        ("g/pyproject.toml", 1, "bad-build-system"),
        ("h/pyproject.toml", 1, "bad-toml"),
        ("i/pyproject.toml", 3, "bad-version"),
        ("j/setup.cfg", 2, "bad-setup-cfg"),
        ("k/pyproject.toml", 1, "bad-build-system"),
        ("l/setup.py", None, "bad-setup-py"),
        ("m/pyproject.toml", 3, "bad-toml"),
        ("n/setup.cfg", 1, "bad-setup-cfg"),
    ]
    assert all(problem.message and problem.cure for problem in caught.value.problems())
    # the place is shown in front of the message, which does not say it once more
    for problem in caught.value.problems():
        assert str(problem.file) not in problem.message
        assert "(at " not in problem.message


@pytest.mark.parametrize(
    ("text", "name", "version"),
    [
        ("from setuptools import setup\nsetup(name='a', version='1')", "a", "1"),
        ("import setuptools\nN = 'a'\nsetuptools.setup(name=N, version='1')", "a", "1"),
        ("from setuptools import setup\nK = dict()\nsetup(**K)", None, None),
        ("from setuptools import setup\nK = {'name': 'a', 'version': V()}\nsetup(**K)", "a", None),
        ("import setuptools\nK = {'name': 'a'}\nK['name'] = b()\nsetup(**K)", None, None),
        ("import setuptools\nV = '0'\nwith f(): V = g()\nsetup(name='a', version=V)", "a", None),
        ("from setuptools import setup\nif 1: setup(name='a')\nelse: setup(name='b')", None, None),
        ("import setuptools\nrun = setuptools", None, None),
        ("from setuptools import setup\nsetup(name=f'a{1}', version='\\d')", None, "\\d"),
    ],
)  # fmt: skip
def test_setup_py_is_read_and_never_run(text: str, name: str | None, version: str | None) -> None:
    found = stated(py=text)
    assert (found.name, found.version, found.needs_history) == (name, version, False)
    assert found.requires == ("setuptools >= 40.8.0",)


def test_what_the_other_files_state() -> None:
    cfg = stated(cfg="[metadata]\nname = a-b\nversion = attr: a.__version__\n")
    assert (cfg.name, cfg.version, cfg.file) == ("a-b", None, "lib/setup.cfg")
    both = stated(cfg="[metadata]\nname = from-cfg\nversion = 1\n", py="setup(name='from-py')")
    assert (both.name, both.version) == ("from-py", "1")  # as setuptools has it
    poetry = stated(toml="[tool.poetry]\nname = 'p'\nversion = '3'\n")
    assert (poetry.name, poetry.version, poetry.requires) == ("p", "3", ("setuptools >= 40.8.0",))
    flit = stated(toml="[tool.flit.metadata]\nmodule = 'f'\n")
    assert (flit.name, flit.version) == ("f", None)
    only_back_end = stated(toml="[build-system]\nrequires = ['b', 'a']\n", py="setup(name=n())")
    assert (only_back_end.name, only_back_end.requires) == (None, ("a", "b"))


@pytest.mark.parametrize(
    "files",
    [
        {"toml": "[build-system]\nrequires = ['setuptools', 'setuptools_scm[toml]>=8']\n"},
        {"toml": "[build-system]\nrequires = ['hatchling', 'Hatch-VCS']\n"},
        {"toml": "[project]\nname = 'a'\ndynamic = ['version']\n[tool.pdm]\nversion.source='scm'"},
        {"toml": "[project]\nname='a'\ndynamic=['version']\n[tool.hatch]\nversion.source='vcs'\n"},
        {"py": "from setuptools import setup\nsetup(name='a', use_scm_version=True)\n"},
        {"py": "from setuptools import setup\nsetup(setup_requires=['pbr'], pbr=True)\n"},
        {"py": "import versioneer\nfrom setuptools import setup\nsetup(name='a', version='0')\n"},
        {"cfg": "[metadata]\nname = a\n[versioneer]\nVCS = git\n"},
        {"toml": "[tool.poetry]\nname = 'a'\nversion = '0.0.0'\n[build-system]\n"
                 "requires = ['poetry-core', 'poetry-dynamic-versioning>=1,<2']\n"},
        {"toml": "[project]\nname = 'a'\ndynamic = ['version']\n[tool.poetry]\nversion = '0.0.0'\n"
                 "[build-system]\nrequires = ['poetry-core', 'poetry-dynamic-versioning']\n"},
    ],
)  # fmt: skip
def test_versions_from_git_are_recognised(files: dict[str, str]) -> None:
    found = stated(**files)
    assert found.needs_history
    assert found.version is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[tool.poetry]\nname = 'p'\npackage-mode = false\n", "package-mode is false"),
        ("[project]\nname = 'p'\n[tool.uv]\npackage = false\n", "tool.uv.package is false"),
        ("[project]\nname = 'p'\n[tool.uv.workspace]\nmembers = []\n", "uv workspace's root"),
        ("[tool.wheelstep]\npackages = ['x']\n", "none of its files describes a package"),
        ("project = 1\ntool = 2\n", ""),
    ],
)
def test_what_is_no_package_is_passed_over(text: str, reason: str) -> None:
    if not reason:
        with pytest.raises(SettingError):
            read_stated(".", {"pyproject.toml": text.encode()})
        return
    found = read_stated(".", {"pyproject.toml": text.encode()})
    assert isinstance(found, str)
    assert reason in found


def test_a_static_version_beside_a_history_reader_stays(repository: SampleRepository) -> None:
    files = setuptools_project("root")
    files["pyproject.toml"] = files["pyproject.toml"].replace(
        '"setuptools>=61"', '"setuptools>=61", "setuptools-scm"'
    )
    repository.commit(files)
    (project,) = discover(repository.git)
    assert isinstance(project, Project)
    assert project.needs_history  # its list of files comes from git
    assert project.static_version == "1.0"
