"""When sources count as changed, and which commit they are built from."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.packages.sample_repository import START, SampleRepository, setuptools_project
from wheelstep.errors import SettingError
from wheelstep.model import Project
from wheelstep.packages.discover import discover
from wheelstep.packages.sources import (
    Rules,
    commit_time,
    files_that_differ,
    fingerprint,
    locate,
    source_paths,
    sources_of,
    tree_fingerprint_at,
    tree_fingerprints,
    uncommitted,
)
from wheelstep.packages.tree import read_tree

RULES = Rules(exclude=("tests/**", "*.md", "docs"), never=("wheelstep.lock", "env/conda.yml"))


@pytest.fixture
def repository(tmp_path: Path) -> SampleRepository:
    found = SampleRepository(tmp_path / "repository")
    found.commit(
        setuptools_project("root")
        | setuptools_project("one", "libs/one")
        | setuptools_project("two", "libs/two")
        | {
            "README.md": "x",
            "env/conda.yml": "name: x",
            "libs/one/tests/test_a.py": "x",
            "libs/one/docs/index.txt": "x",
        }
    )
    return found


def projects(repository: SampleRepository) -> list[Project]:
    return discover(repository.git, [".", "libs/*"])


def trees(repository: SampleRepository, rules: Rules = RULES) -> dict[str, str]:
    return tree_fingerprints(repository.git, projects(repository), rules)


def changed(repository: SampleRepository, before: dict[str, str], rules: Rules = RULES) -> set[str]:
    after = trees(repository, rules)
    return {name for name in after if after[name] != before[name]}


def test_each_change_concerns_its_own_package(repository: SampleRepository) -> None:
    before = trees(repository)
    assert len(set(before.values())) == 3
    for change, names in (
        ({"libs/one/one/__init__.py": "A = 1\n"}, {"one"}),
        ({"other.txt": "x"}, {"root"}),
        ({"libs/shared.txt": "x"}, {"root"}),
        ({"README.md": "y", "libs/one/README.md": "y"}, set()),
        ({"libs/one/tests/deep/test_b.py": "y", "libs/one/one/docs/x": "y"}, set()),
        ({"wheelstep.lock": "a", "env/conda.yml": "name: y"}, set()),
    ):
        repository.commit(change)
        assert changed(repository, before) == names, change
        before = trees(repository)
    repository.run("update-index", "--chmod=+x", "libs/two/two/__init__.py")
    repository.run("commit", "--quiet", "--message", "mode")
    assert changed(repository, before) == {"two"}


def test_equal_files_elsewhere_have_equal_fingerprints(
    repository: SampleRepository, tmp_path: Path
) -> None:
    copy = repository.clone(tmp_path / "clone")
    assert trees(copy) == trees(repository)
    before = trees(repository)
    repository.run("mv", "libs", "packages")
    repository.commit()
    moved = tree_fingerprints(repository.git, discover(repository.git, [".", "packages/*"]), RULES)
    assert moved == before  # a package that moves as it is is the same package
    assert fingerprint(before["one"], "1.0") != fingerprint(before["one"], "1.1")


def test_built_from_the_last_commit_that_touched_the_sources(repository: SampleRepository) -> None:
    first = repository.run("rev-parse", "HEAD")
    second = repository.commit({"libs/one/one/__init__.py": "A = 1\n"})
    repository.commit({"libs/one/tests/test_a.py": "changed", "libs/one/README.md": "y"})
    repository.commit({"wheelstep.lock": "a", "README.md": "y", "env/conda.yml": "name: y"})
    found = sources_of(repository.git, projects(repository), RULES)
    assert found["one"].commit == second
    assert found["one"].epoch == START + 120 == commit_time(repository.git, second)
    assert found["two"].commit == found["root"].commit == first
    third = repository.commit({"libs/one/one/gone.py": "x"})
    fourth = repository.commit({"libs/one/one/gone.py": None})
    assert third != fourth
    again = sources_of(repository.git, projects(repository), RULES)["one"]
    assert (again.commit, again.tree) == (fourth, found["one"].tree)


def test_merges_and_clones_end_at_the_same_commit(
    repository: SampleRepository, tmp_path: Path
) -> None:
    repository.run("checkout", "--quiet", "-b", "side")
    repository.commit({"libs/one/one/side.py": "x", "libs/one/tests/side.py": "x"})
    repository.run("checkout", "--quiet", "main")
    repository.commit({"libs/two/two/main.py": "x", "libs/one/tests/main.py": "x"})
    repository.minutes += 1
    repository.run("merge", "--quiet", "--no-ff", "--message", "merge", "side")
    found = sources_of(repository.git, projects(repository), RULES)
    one = next(p for p in projects(repository) if p.normalized == "one")
    assert found["one"].commit == repository.run("rev-parse", "side")
    assert tree_fingerprint_at(repository.git, one, found["one"].commit, RULES) == found["one"].tree
    copy = repository.clone(tmp_path / "clone")
    assert sources_of(copy.git, projects(copy), RULES) == found
    # history cut off: the commit is not the same, but its sources are
    shallow = repository.clone(tmp_path / "shallow", "--depth=1")
    cut = sources_of(shallow.git, projects(shallow), RULES)["one"]
    assert cut.commit == repository.run("rev-parse", "HEAD")
    assert cut.tree == found["one"].tree
    assert tree_fingerprint_at(shallow.git, one, found["one"].commit, RULES) is None
    assert files_that_differ(shallow.git, one, found["one"].commit, "HEAD", RULES) is None


def test_a_changed_file_can_be_excluded_afterwards(repository: SampleRepository) -> None:
    released = repository.run("rev-parse", "HEAD")
    (one,) = discover(repository.git, ["libs/one"])
    repository.commit(
        {"libs/one/one/notes.txt": "x", "libs/one/one/__init__.py": None, "libs/one/a.md": "x"}
    )
    differ = files_that_differ(repository.git, one, released, "HEAD", RULES)
    assert differ == ["libs/one/one/__init__.py", "libs/one/one/notes.txt"]
    today = Rules(exclude=(*RULES.exclude, "notes.txt", "/one/__init__.py"))
    assert files_that_differ(repository.git, one, released, "HEAD", today) == []
    now = tree_fingerprints(repository.git, [one], today)["one"]
    assert tree_fingerprint_at(repository.git, one, released, today) == now
    assert tree_fingerprint_at(repository.git, one, released, RULES) != now


def test_links_out_of_the_package_bring_what_they_lead_to(repository: SampleRepository) -> None:
    (repository.root / "libs/one/LICENSE").symlink_to("../../LICENSE")
    (repository.root / "libs/one/shared").symlink_to("../shared")
    (repository.root / "libs/two/up").symlink_to("..")
    (repository.root / "libs/two/away").symlink_to("/etc")
    (repository.root / "libs/two/far").symlink_to("../../../outside")
    repository.commit({"LICENSE": "MIT", "libs/shared/a.py": "A = 1\n"})
    before = trees(repository)
    repository.commit({"other.txt": "x"})
    assert changed(repository, before) == {"root"}
    changing = repository.commit({"LICENSE": "other"})
    repository.commit({"other.txt": "again"})
    assert changed(repository, before) == {"root", "one"}
    found = sources_of(repository.git, projects(repository), RULES)
    assert found["one"].commit == changing
    repository.commit({"libs/shared/b.py": "B = 1\n"})
    one, two = discover(repository.git, ["libs/*"])
    tree = read_tree(repository.git)
    assert source_paths(repository.git, tree, one, RULES)[-3:] == [
        "LICENSE",
        "libs/shared/a.py",
        "libs/shared/b.py",
    ]
    assert all(p.startswith("libs/two/") for p in source_paths(repository.git, tree, two, RULES))
    assert files_that_differ(repository.git, one, changing, "HEAD", RULES) == ["libs/shared/b.py"]


def test_where_git_sees_less_the_head_is_built(repository: SampleRepository) -> None:
    """A link into a nested package: its pathspec is left out, the fingerprint has it."""
    (repository.root / "shared.py").symlink_to("libs/one/one/__init__.py")
    repository.commit()
    before = trees(repository)
    repository.commit({"libs/one/one/__init__.py": "A = 2\n"})
    head = repository.commit({"README.md": "y"})
    assert changed(repository, before) == {"root", "one"}
    assert sources_of(repository.git, projects(repository), RULES)["root"].commit == head


def test_excluding_everything_is_an_error(repository: SampleRepository) -> None:
    with pytest.raises(SettingError, match="leaves nothing of the package one") as caught:
        tree_fingerprints(repository.git, discover(repository.git, ["libs/one"]), Rules(("*",)))
    assert caught.value.code == "nothing-left"


def test_what_is_not_committed_is_found(repository: SampleRepository) -> None:
    repository.commit({".gitignore": "*.log\nbuild/\n"})
    found = projects(repository)
    assert uncommitted(repository.git, found, RULES) == {}
    repository.write(
        {
            "libs/one/one/__init__.py": "changed",
            "libs/one/new file.py": "x",
            "libs/one/x.log": "x",
            "libs/one/build/lib/x.py": "x",
            "libs/one/tests/new.py": "x",
            "libs/one/one/__pycache__/a.pyc": "x",
            "libs/one/one.egg-info/PKG-INFO": "x",
            "libs/two/two/__init__.py": None,
            "libs/two/staged.py": "x",
            "env/conda.yml": "x",
            "dist/a.whl": "x",
            "caf\u00e9.txt": "x",
        }
    )
    repository.run("add", "libs/two/staged.py")
    rules = Rules(exclude=RULES.exclude, never=(*RULES.never, "./dist/"))
    calls = repository.git.calls
    assert uncommitted(repository.git, found, rules) == {
        "root": ["caf\u00e9.txt"],
        "one": ["libs/one/new file.py", "libs/one/one/__init__.py"],
        "two": ["libs/two/staged.py", "libs/two/two/__init__.py"],
    }
    assert repository.git.calls - calls == 1


def test_many_packages_need_a_handful_of_git_calls(tmp_path: Path) -> None:
    repository = SampleRepository(tmp_path / "repository")
    files: dict[str, str | bytes | None] = {}
    for number in range(100):
        files.update(setuptools_project(f"p{number}", f"libs/p{number}"))
    repository.commit(files)
    calls = repository.git.calls
    tree = read_tree(repository.git)
    found = discover(repository.git, ["libs/*"], tree=tree)
    fingerprints = tree_fingerprints(repository.git, found, RULES, tree=tree)
    assert len(fingerprints) == 100
    assert repository.git.calls - calls == 3
    one = found[0]
    calls = repository.git.calls
    assert locate(repository.git, one, RULES, fingerprints[one.normalized], tree=tree).commit
    assert repository.git.calls - calls <= 3
