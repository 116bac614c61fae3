"""Versions from real plugins, on real histories."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from email import message_from_bytes
from pathlib import Path

import pytest
from build import BuildBackendException, ProjectBuilder
from pyproject_hooks import quiet_subprocess_runner

from tests.packages.sample_repository import (
    SampleRepository,
    flit_project,
    hatchling_project,
    setuptools_project,
)
from wheelstep.errors import BuildFailed, SettingError, SeveralProblems
from wheelstep.model import Project
from wheelstep.packages.discover import discover
from wheelstep.packages.sources import Rules, sources_of
from wheelstep.packages.versions import Evaluated, history_keys, versions_of, with_names

RULES = Rules(exclude=("*.md",), never=("wheelstep.lock",))


class BackEnd:
    """Asks the back ends that are installed here, and counts."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._lock = threading.Lock()

    def __call__(self, folder: Path, project: Project) -> tuple[str, str]:
        with self._lock:
            self.asked.append(project.normalized)

        def run(
            cmd: Sequence[str],
            cwd: str | None = None,
            extra_environ: Mapping[str, str] | None = None,
        ) -> None:
            # the copy must be enough: nothing is found by looking further up
            more = {"GIT_CEILING_DIRECTORIES": str(folder.parents[2]), **(extra_environ or {})}
            quiet_subprocess_runner(cmd, cwd, more)

        builder = ProjectBuilder(folder, sys.executable, run)
        try:
            metadata = Path(builder.metadata_path(folder / "metadata of this test"))
        except BuildBackendException as error:
            raise BuildFailed(str(error), code="build-failed") from error
        message = message_from_bytes((metadata / "METADATA").read_bytes())
        return message["Name"], message["Version"]


class Plugin(BackEnd):
    """Asks the real setuptools-scm by its command: several times faster than a back end."""

    def __call__(self, folder: Path, project: Project) -> tuple[str, str]:
        with self._lock:
            self.asked.append(project.normalized)
        done = subprocess.run(
            [sys.executable, "-m", "setuptools_scm"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=True,
        )
        return project.name, done.stdout.strip()


class Sample(SampleRepository):
    """A repository with the questions of this room."""

    def __init__(self, root: Path, *, init: bool = True) -> None:
        super().__init__(root, init=init)
        self.scratch = root.parent / f"scratch-{root.name}"
        self.scratch.mkdir()

    def projects(self) -> list[Project]:
        return discover(self.git, ["**"])

    def versions(self, back_end: BackEnd | None = None) -> dict[str, Evaluated]:
        projects = self.projects()
        found = versions_of(
            self.git,
            projects,
            sources_of(self.git, projects, RULES),
            RULES,
            evaluate=back_end or Plugin(),
            scratch=self.scratch,
            parallel=2,
        )
        assert not list(self.scratch.iterdir())
        return found

    def keys(self) -> dict[str, str]:
        return history_keys(self.git, self.projects(), RULES)


@pytest.fixture
def repository(tmp_path: Path) -> Sample:
    return Sample(tmp_path / "repository")


def scm_project(name: str, folder: str = ".", tags: str = "v") -> dict[str, str]:
    files = setuptools_project(name, folder)
    place = next(path for path in files if path.endswith("pyproject.toml"))
    root = "." if folder == "." else "/".join([".."] * (folder.count("/") + 1))
    files[place] = f"""\
        [build-system]
        requires = ["setuptools>=61", "setuptools-scm>=10"]
        build-backend = "setuptools.build_meta"
        [project]
        name = "{name}"
        dynamic = ["version"]
        [tool.setuptools]
        packages = ["{name}"]
        [tool.setuptools_scm]
        root = "{root}"
        local_scheme = "no-local-version"
        tag.regex = "^{tags}(?P<version>[0-9.]+)$"
        scm.git.describe_command = "git describe --dirty --tags --long --match {tags}[0-9]*"
        """
    return files


def test_stated_and_computed_versions(repository: Sample) -> None:
    commit = repository.commit(
        hatchling_project("stated", "a", "1.0.0-RC.1") | flit_project("computed", "b", "2.0")
    )
    back_end = BackEnd()
    assert repository.versions(back_end) == {
        "stated": Evaluated("1.0.0rc1", commit),
        "computed": Evaluated("2.0", commit),
    }
    assert back_end.asked == ["computed"]
    assert repository.keys() == {}


def test_a_tag_and_what_comes_after_it(repository: Sample) -> None:
    repository.commit(scm_project("one", "one") | {"README.md": "first"})
    source = repository.commit({"one/one/__init__.py": "A = 1\n"})
    repository.run("tag", "v1.0")
    first = repository.versions()
    assert first == {"one": Evaluated("1.0", source)}
    key = repository.keys()

    # neither the README nor our own commit moves the version, nor the key
    repository.commit({"README.md": "y"})
    repository.commit({"wheelstep.lock": "x", "one/README.md": "y"})
    back_end = BackEnd()  # the whole way, through PEP 517
    assert repository.versions(back_end) == first
    assert back_end.asked == ["one"]
    assert repository.keys() == key

    # an unrelated tag costs evaluations and moves nothing
    repository.run("tag", "other-9.0")
    assert repository.keys() != key
    assert repository.versions() == first

    # a new tag on the same tree is a new release, built there
    tagged = repository.commit({"README.md": "z"})
    repository.run("tag", "v1.1")
    repository.commit({"README.md": "zz"})
    assert repository.versions() == {"one": Evaluated("1.1", tagged)}
    repository.run("tag", "--annotate", "--message", "x", "v1.2")
    assert repository.versions()["one"].version == "1.2"
    repository.run("tag", "--delete", "v1.2")
    assert repository.versions() == {"one": Evaluated("1.1", tagged)}

    # new sources are a new version
    source = repository.commit({"one/one/__init__.py": "A = 2\n"})
    assert repository.versions() == {"one": Evaluated("1.2.dev2", source)}
    assert repository.keys() != key


def test_tags_of_other_packages_move_nothing_however_many(repository: Sample) -> None:
    source = repository.commit(
        scm_project("one", "one", "one-") | scm_project("two", "two", "two-")
    )
    repository.run("tag", "one-1.0")
    repository.run("tag", "two-1.0")
    commit = source
    for number in range(1, 5):
        commit = repository.commit({"two/two/__init__.py": f"A = {number}\n"})
        repository.run("tag", f"two-1.{number}")
    repository.commit({"README.md": "x"})
    back_end = Plugin()
    assert repository.versions(back_end) == {
        "one": Evaluated("1.0", source),
        "two": Evaluated("1.4", commit),
    }
    assert back_end.asked.count("one") == 5
    assert back_end.asked.count("two") == 1
    # one that counts is found among them
    tagged = repository.commit({"README.md": "one"})
    repository.run("tag", "one-1.1")
    repository.commit({"README.md": "y"})
    repository.run("tag", "two-2.0")
    repository.commit({"README.md": "z"})
    repository.run("tag", "other")
    assert repository.versions()["one"] == Evaluated("1.1", tagged)


def test_a_tag_on_a_side_branch_with_other_sources_does_not_count(repository: Sample) -> None:
    repository.commit(scm_project("one", "one"))
    repository.run("tag", "v1.0")
    repository.run("checkout", "--quiet", "-b", "side")
    repository.commit({"README.md": "x"})
    repository.run("tag", "v1.5")
    repository.run("checkout", "--quiet", "main")
    source = repository.commit({"one/one/__init__.py": "A = 2\n"})
    assert repository.versions()["one"] == Evaluated("1.1.dev1", source)
    repository.minutes += 1
    repository.run("merge", "--quiet", "--no-ff", "--message", "merge", "side")
    assert repository.versions()["one"] == Evaluated("1.1.dev1", source)


def test_with_the_root_package_around_it(repository: Sample, tmp_path: Path) -> None:
    source = repository.commit(scm_project("root") | setuptools_project("inner", "libs/inner"))
    repository.run("tag", "v3.0")
    repository.commit({"libs/inner/inner/__init__.py": "A = 1\n"})
    found = repository.versions(BackEnd())
    assert found["root"] == Evaluated("3.0", source)
    copy = Sample(tmp_path / "clone", init=False)
    repository.run("clone", "--quiet", repository.root.as_uri(), str(copy.root))
    assert copy.versions()["root"] == Evaluated("3.0", source)
    assert copy.keys() == repository.keys()


def test_a_shallow_clone_is_refused(repository: Sample, tmp_path: Path) -> None:
    repository.commit(scm_project("one", "one") | setuptools_project("two", "two"))
    repository.commit({"README.md": "x"})
    shallow = Sample(tmp_path / "shallow", init=False)
    repository.run("clone", "--quiet", "--depth=1", repository.root.as_uri(), str(shallow.root))
    for ask in (shallow.versions, shallow.keys):
        with pytest.raises(SettingError, match="shallow") as caught:
            ask()
        assert caught.value.code == "shallow-clone"
        assert caught.value.file == "one/pyproject.toml"
        assert "fetch-depth: 0" in caught.value.cure
        assert "fetchDepth: 0" in caught.value.cure
    (two,) = discover(shallow.git, ["two"])
    assert history_keys(shallow.git, [two], RULES) == {}


def test_the_key_covers_what_overrules_git(repository: Sample) -> None:
    repository.commit(scm_project("one", "one"))
    key = repository.keys()
    repository.git.environment["SETUPTOOLS_SCM_PRETEND_VERSION_FOR_ONE"] = "9"
    assert repository.keys() != key
    del repository.git.environment["SETUPTOOLS_SCM_PRETEND_VERSION_FOR_ONE"]
    assert repository.keys() == key
    repository.commit({"one/one/__init__.py": "A = 2\n"})
    assert repository.keys() != key


@pytest.mark.parametrize(
    "version", ["0+unknown", "0.0.0", "1.0+3.gabc.dirty", "0+untagged.3.gabc", "1.0+d20261122"]
)
def test_no_version_is_no_release(repository: Sample, version: str) -> None:
    repository.commit(scm_project("one"))
    projects = repository.projects()
    with pytest.raises(BuildFailed, match="has no version") as caught:
        versions_of(
            repository.git,
            projects,
            sources_of(repository.git, projects, RULES),
            RULES,
            evaluate=lambda _folder, project: (project.name, version),
            scratch=repository.scratch,
        )
    assert caught.value.code == "no-version"
    assert "fetchTags" in caught.value.cure


def test_names_that_only_the_back_end_knows(repository: Sample) -> None:
    setup = "from setuptools import setup\nsetup(name='-'.join(['My', 'Lib']), version='1')\n"
    repository.commit({"a/setup.py": setup, **hatchling_project("other", "b")})
    back_end = BackEnd()
    unnamed = repository.projects()
    assert [project.name for project in unnamed] == ["", "other"]
    projects = with_names(repository.git, unnamed, evaluate=back_end, scratch=repository.scratch)
    assert [(p.name, p.normalized) for p in projects] == [("My-Lib", "my-lib"), ("other", "other")]
    assert len(back_end.asked) == 1
    repository.commit(hatchling_project("my_lib", "c"))
    with pytest.raises(SettingError, match="Two packages have the name 'my-lib'"):
        with_names(
            repository.git, repository.projects(), evaluate=back_end, scratch=repository.scratch
        )


def test_every_problem_is_said_at_once(repository: Sample) -> None:
    broken = "def read():\n    raise RuntimeError\nfrom setuptools import setup\n"
    repository.commit(
        {
            **hatchling_project("a", "a", "one.two"),
            "b/setup.py": broken + "setup(name='b', version=read())\n",
        }
    )
    with pytest.raises(SeveralProblems) as caught:
        repository.versions(BackEnd())
    found = [(p.code, p.exit_code, p.file, p.line) for p in caught.value.problems()]
    text = hatchling_project("a", "a", "one.two")["a/pyproject.toml"].splitlines()
    line = next(number for number, each in enumerate(text, 1) if "one.two" in each)
    assert found == [("bad-version", 2, "a/pyproject.toml", line), ("build-failed", 3, None, None)]
    assert "pyproject.toml" not in caught.value.message


@pytest.mark.parametrize(
    ("answer", "code"), [(("other", "1.0"), "wrong-name"), (("a", "one"), "bad-version")]
)
def test_what_a_back_end_answers_is_checked(
    repository: Sample, answer: tuple[str, str], code: str
) -> None:
    repository.commit(flit_project("a"))
    projects = repository.projects()
    with pytest.raises(BuildFailed) as caught:
        versions_of(
            repository.git,
            projects,
            sources_of(repository.git, projects, RULES),
            RULES,
            evaluate=lambda _folder, _project: answer,
            scratch=repository.scratch,
        )
    assert caught.value.code == code
    assert caught.value.file == "pyproject.toml"


def test_a_plugin_that_fails_without_tags(repository: Sample) -> None:
    """The first tag comes after the sources, and the plugin cannot do without one."""
    repository.commit(scm_project("one"))
    tagged = repository.commit({"README.md": "x"})
    repository.run("tag", "v1.0")

    def strict(folder: Path, project: Project) -> tuple[str, str]:
        tags = (folder / ".git/packed-refs").read_text()
        head = (folder / ".git/refs/heads/main").read_text().strip()
        if "refs/tags/v1.0" not in tags or head != tagged:
            raise BuildFailed("no tag", code="build-failed")
        return project.name, "1.0"

    projects = repository.projects()
    found = versions_of(
        repository.git,
        projects,
        sources_of(repository.git, projects, RULES),
        RULES,
        evaluate=strict,
        scratch=repository.scratch,
    )
    assert found == {"one": Evaluated("1.0", tagged)}
