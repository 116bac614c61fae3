"""Released, then again: nothing is refused, nothing uploaded twice, nothing committed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.release.kit import Ran, Repo, contents, pip_download
from tests.release.samples import root_package, setuptools
from tests.servers.pypi import PypiServer, pypi_server

LEFT = {"identical", "adopted"}


def assert_nothing_new(repo: Repo, ran: Ran, head: str, index: dict[str, str]) -> None:
    """Nothing was uploaded, committed, or written into the index or the work tree."""
    assert ran.code == 0, ran.said
    assert ran.status == "nothing-to-do"
    assert {one for statuses in ran.published.values() for one in statuses} <= LEFT
    assert repo.head == head
    assert contents(repo.index) == index
    assert repo.git("status", "--porcelain") == ""
    assert ran.report["commit"] == {"status": "none", "sha": None, "branch": None, "url": None}
    assert {row["status"] for row in ran.report["definitions"]} == {"unchanged"}


def in_place(repo: Repo) -> Repo:
    return repo


def fresh_clone(repo: Repo) -> Repo:
    return repo.clone("clone")


def readme_edited(repo: Repo) -> Repo:
    repo.commit({"README.md": "Three packages, and a word more.\n"})
    return repo


def excluded_edited(repo: Repo) -> Repo:
    folder = "packages/features/" if (repo.root / "packages").is_dir() else ""
    repo.commit({f"{folder}tests/test_it.py": "def test_it():\n    assert 1 + 1 == 2\n"})
    return repo


def excluded_and_cloned(repo: Repo) -> Repo:
    return excluded_edited(repo).clone("clone")


def lock_deleted(repo: Repo) -> Repo:
    repo.commit({"wheelstep.lock": None})
    return repo


CHEAP = [in_place, fresh_clone, readme_edited, excluded_edited, excluded_and_cloned]


def test_the_first_release(monorepo: Repo, first: Ran) -> None:
    assert first.status == "done"
    assert first.packages == dict.fromkeys(("acme-core", "acme-features", "acme-models"), "built")
    assert set(first.published) == {
        "acme_core-1.0.0-py3-none-any.whl",
        "acme_features-2.0.0-py2.py3-none-any.whl",
        "acme_models-3.0.0-py2.py3-none-any.whl",
    }
    assert all(statuses == ["uploaded"] for statuses in first.published.values())
    assert first.report["commit"]["status"] == "local"
    assert monorepo.head == first.report["commit"]["sha"]
    changed = monorepo.git("show", "--name-only", "--format=%s").splitlines()
    assert changed[0] == ("Pin acme-core 1.0.0, acme-features 2.0.0, acme-models 3.0.0 [skip ci]")
    assert set(changed[2:]) == {
        "environments/train/conda.yml",
        "environments/train/environment.yml",
        "serving/requirements.txt",
        "wheelstep.lock",
    }


@pytest.mark.parametrize("change", CHEAP)
def test_a_monorepo_again(monorepo: Repo, change: Callable[[Repo], Repo]) -> None:
    repo = change(monorepo)
    head, index = repo.head, contents(repo.index)
    assert len(index) > 3
    ran = repo.wheelstep("release")
    assert_nothing_new(repo, ran, head, index)
    assert set(ran.packages.values()) == {"unchanged"}
    assert not (repo.root / "dist").exists() or repo is monorepo


def test_a_monorepo_without_its_record(monorepo: Repo) -> None:
    repo = excluded_edited(lock_deleted(monorepo)).clone("clone")
    head, index = repo.head, contents(repo.index)
    ran = repo.wheelstep("release")
    assert_nothing_new(repo, ran, head, index)
    assert set(ran.packages.values()) == {"built"}
    assert len(ran.published) == 3
    assert all(ran.published.values())


@pytest.mark.parametrize(
    "change", [in_place, fresh_clone, excluded_edited, excluded_and_cloned, lock_deleted]
)
def test_a_package_at_the_root_again(at_root: Repo, change: Callable[[Repo], Repo]) -> None:
    repo = change(at_root)
    head, index = repo.head, contents(repo.index)
    assert_nothing_new(repo, repo.wheelstep("release"), head, index)


def test_a_file_at_the_root_that_is_in_no_wheel_costs_time_only(at_root: Repo) -> None:
    head = at_root.commit({"README.md": "One package, still.\n"})
    index = contents(at_root.index)
    ran = at_root.wheelstep("release")
    assert_nothing_new(at_root, ran, head, index)
    assert ran.packages == {"acme-root": "built"}


@pytest.mark.parametrize("damage", ["conflict", "no wheels"])
def test_a_record_that_is_damaged_is_written_anew(at_root: Repo, damage: str) -> None:
    right = at_root.read("wheelstep.lock")
    without = right.partition("\n[[package.wheels]]")[0]
    damaged = f"<<<<<<< HEAD\n{right}" if damage == "conflict" else without
    head = at_root.commit({"wheelstep.lock": damaged.encode()})
    index = contents(at_root.index)
    ran = at_root.release()
    assert ("lock-broken" in ran.codes) == (damage == "conflict")
    assert ran.published == {"acme_root-1.4.0-py2.py3-none-any.whl": ["identical"]}
    assert contents(at_root.index) == index
    assert at_root.git("rev-parse", "HEAD^") == head
    assert at_root.read("wheelstep.lock") == right
    assert at_root.release().status == "nothing-to-do"


def test_an_index_of_its_own_outside_by_an_absolute_path(tmp_path: Path) -> None:
    index = tmp_path / "published here"
    repo = Repo.create(tmp_path / "place", root_package(index.as_posix()))
    ran = repo.release()
    assert ran.published == {"acme_root-1.4.0-py2.py3-none-any.whl": ["uploaded"]}
    files = contents(index)
    clone = repo.clone("clone")
    again = clone.release()
    assert again.status == "nothing-to-do"
    assert again.packages == {"acme-root": "unchanged"}
    assert contents(index) == files
    found = pip_download(
        tmp_path / "fetched", "--no-deps", "--index-url", f"{index.as_uri()}/simple/",
        "acme-root==1.4.0", environment=repo.environment,
    )  # fmt: skip
    assert found == ["acme_root-1.4.0-py2.py3-none-any.whl"]


# --- a real index -----------------------------------------------------------------------------


@pytest.fixture
def server(tmp_path: Path) -> Iterator[PypiServer]:
    with pypi_server(tmp_path / "server") as running:
        yield running


def test_a_real_index(at_root: Repo, server: PypiServer, tmp_path: Path) -> None:
    to = ("--publish-to", f"index+{server.url}", "--feed-user", server.user)
    token = {"WHEELSTEP_FEED_TOKEN": server.password}
    repo = Repo.create(tmp_path / "other", root_package())
    # what pip reads for this user is on the way of every rehearsal, the index by its password
    ran = repo.release(*to, extra=token)
    assert ran.published == {"acme_root-1.4.0-py2.py3-none-any.whl": ["uploaded"]}
    assert repo.read("conda.yml").count(f"--extra-index-url {server.simple_url}") == 1
    head, files = repo.head, contents(server.directory)
    assert list(files) == ["acme_root-1.4.0-py2.py3-none-any.whl"]
    assert_nothing_new(repo, repo.wheelstep("release", *to, extra=token), head, {})
    clone = repo.clone("clone")
    assert_nothing_new(clone, clone.wheelstep("release", *to, extra=token), head, {})
    head = clone.commit({"wheelstep.lock": None})
    again = clone.wheelstep("release", *to, extra=token)
    assert_nothing_new(clone, again, head, {})
    assert again.published == {"acme_root-1.4.0-py2.py3-none-any.whl": ["identical"]}
    assert contents(server.directory) == files
    assert server.password not in repo.git("log", "-p", "--all")
    for path in [*tmp_path.rglob("*.lock"), *tmp_path.rglob("*.yml")]:
        assert server.password.encode() not in path.read_bytes()


def test_a_destination_added_later_is_filled_with_the_same_files(
    monorepo: Repo, server: PypiServer
) -> None:
    index = contents(monorepo.index)
    to = ("--publish-to", "../index", "--publish-to", f"index+{server.url}")
    extra = {"WHEELSTEP_FEED_USER": server.user, "WHEELSTEP_FEED_TOKEN": server.password}
    clone = monorepo.clone("clone")
    ran = clone.release(*to, extra=extra)
    assert set(ran.packages.values()) == {"unchanged"}
    assert all(statuses == ["identical", "copied"] for statuses in ran.published.values())
    assert contents(clone.index) == index
    there = contents(server.directory)
    assert sorted(there.values()) == sorted(ran.hashes.values())
    assert ran.report["commit"]["status"] == "local"
    assert clone.git("show", "--name-only", "--format=").split() == ["wheelstep.lock"]
    assert clone.release(*to, extra=extra).status == "nothing-to-do"
    assert contents(server.directory) == there


# --- a newer back end -------------------------------------------------------------------------


def test_a_newer_setuptools_on_the_index(tmp_path: Path) -> None:
    files = setuptools("acme-old", "", "1.0.0", "setuptools") | {
        "wheelstep.toml": 'publish-to = ["../index"]\ncommit = "local"\n',
        "requirements.txt": "acme-old\n",
        ".gitignore": "/dist/\n",
    }
    repo = Repo.create(tmp_path / "place", files)
    wanted = ("--no-deps", "--only-binary", ":all:")
    fetched = tmp_path / "fetched"
    pip_download(fetched, *wanted, "setuptools==75.8.0", environment=repo.environment)
    with pypi_server(tmp_path / "server", user="") as public:
        for path in fetched.iterdir():
            path.replace(public.directory / path.name)
        extra = {
            name: "" for name in repo.environment if name.startswith("PIP_")
        } | {
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_INDEX_URL": public.simple_url,
            "UV_CACHE_DIR": str(tmp_path / "cache"),  # pages must be read anew
        }  # fmt: skip
        first = repo.release(extra=extra)
        assert '"setuptools==75.8.0"' in repo.read("wheelstep.lock")
        pip_download(fetched, *wanted, "setuptools>80", environment=repo.environment)
        for path in fetched.iterdir():
            path.replace(public.directory / path.name)
        head, index = repo.head, contents(repo.index)
        extra["UV_CACHE_DIR"] = str(tmp_path / "another cache")
        assert_nothing_new(repo, repo.wheelstep("release", extra=extra), head, index)
        head = repo.commit({"wheelstep.lock": None})
        again = repo.wheelstep("release", extra=extra)
        assert_nothing_new(repo, again, head, index)
        # built by the newer one, other bytes: the published file stands
        assert list(again.published.values()) == [["adopted"]]
        assert again.hashes == first.hashes
        assert contents(repo.root / "dist") != {file: first.hashes[file] for file in first.hashes}
        # with the record, and a file changed that is in no wheel: built as it was the first time
        repo.git("revert", "--no-edit", "HEAD")
        head = repo.commit({"notes.txt": "In no wheel.\n"})
        once_more = repo.wheelstep("release", extra=extra)
        assert_nothing_new(repo, once_more, head, index)
        assert once_more.packages == {"acme-old": "built"}
