"""Several whole releases at once, and a colleague among them, where the host makes the commits."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.rehearsal.made import make_wheel
from tests.release.kit import Ran, Repo
from tests.release.samples import CONDA
from tests.release.test_on_api import BRANCH, World, azure_world, github_world
from tests.servers.azure_repos import azure_repos_server
from tests.servers.git_http import git
from tests.servers.github import github_server

NAMES = ("acme-one", "acme-two", "acme-three", "acme-four")
BY_HAND = 3


def project(name: str, version: str) -> dict[str, str]:
    text = f'[build-system]\nrequires = []\n[project]\nname = "{name}"\nversion = "{version}"\n'
    return {f"packages/{name}/pyproject.toml": text}


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """Four packages, all released once, and raised since."""
    pins = "".join(f"              - {name}==0.9\n" for name in NAMES)
    repo = Repo.create(
        tmp_path_factory.mktemp("released") / "place",
        {
            CONDA: f"name: train\ndependencies:\n  - python=3.11\n  - pip:\n{pins}",
            "wheelstep.toml": """\
                packages = ["packages/*"]
                publish-to = ["../index"]
                prebuilt = true
                public-index = "none"
                """,
            ".gitignore": "/dist/\n",
        },
    )
    for version in ("1.0", "1.1"):
        for name in NAMES:
            repo.write(project(name, version))
        repo.commit()
        if version == "1.0":
            for name in NAMES:
                make_wheel(repo.root / "dist", name, version)
            first = repo.wheelstep("release", extra={"WHEELSTEP_COMMIT": "local"})
            assert first.code == 0, first.said
    return repo


@contextmanager
def hosted(host: str, released: Repo, place: Path) -> Iterator[World]:
    if host == "github":
        with github_server(place) as github:
            yield github_world(github, released)
    else:
        with azure_repos_server(place) as azure:
            yield azure_world(azure, released)


def job(world: World, name: str) -> Repo:
    """The checkout of one package's job, as it was when all of them began."""
    world.repo.git("clone", "--quiet", world.repo.root.as_uri(), str(world.repo.place / name))
    own = replace(world.repo, name=name)
    own.git("remote", "set-url", "origin", world.repo.git("remote", "get-url", "origin"))
    own.git("checkout", "--quiet", "--detach")
    make_wheel(own.root / "dist", name, "1.1")
    return own


def by_hand(world: World, first: threading.Event) -> None:
    """Edit what the runs edit, too; pull and push until it is there."""
    place = world.repo.place / "colleague"
    git("clone", "--quiet", world.bare.as_uri(), str(place), cwd=world.bare)
    for number in range(BY_HAND):
        while True:
            git("fetch", "--quiet", cwd=place)
            git("reset", "--quiet", "--hard", "origin/main", cwd=place)
            text = (place / CONDA).read_text()
            (place / CONDA).write_text(f"# by hand {number}\n{text}")
            author = ("-c", "user.name=Bo", "-c", "user.email=bo@example.com")
            git(*author, "commit", "--quiet", "--all", "-m", f"By hand {number}", cwd=place)
            before = git("rev-parse", "origin/main", cwd=place)
            lease = f"--force-with-lease=main:{before}"
            try:
                git("push", "--quiet", lease, "origin", "HEAD:main", cwd=place)
            except AssertionError:
                assert git("ls-remote", "origin", "refs/heads/main", cwd=place)[:40] != before
                continue
            break
        first.set()


@pytest.mark.parametrize("how", ["push", "pull-request"])
@pytest.mark.parametrize("host", ["github", "azure"])
def test_everyones_pins_and_lines_are_there(
    host: str, how: str, once: Repo, tmp_path: Path
) -> None:
    released = once.copy(tmp_path / "place")
    with hosted(host, released, tmp_path / "served") as world:
        begin = git("rev-parse", "main", cwd=world.bare)
        jobs = [job(world, name) for name in NAMES]
        extra = world.environment | {"WHEELSTEP_COMMIT": how}
        begun = threading.Event()

        def release(own: Repo) -> Ran:
            begun.wait(60)
            more = {"WHEELSTEP_PACKAGES": f"packages/{own.name}"}
            return own.wheelstep("release", extra=extra | more)

        with ThreadPoolExecutor(len(jobs) + 1) as pool:
            colleague = pool.submit(by_hand, world, begun)
            ended = list(pool.map(release, jobs))
            colleague.result()
        assert world.server.violations == []
        assert [ran.code for ran in ended] == [0] * len(jobs), [ran.said for ran in ended]
        branch = BRANCH if how == "pull-request" else "main"
        if how == "pull-request":
            # what the colleague pushed after the last run is in the next one's
            last = jobs[0].wheelstep("release", extra=extra | {"WHEELSTEP_PACKAGES": "packages/*"})
            assert last.code == 0, last.said
            assert len(world.pulls) == 1
        text = world.show(CONDA, branch)
        assert sorted(line.strip(" -") for line in text.splitlines() if "==" in line) == sorted(
            f"{name}==1.1" for name in NAMES
        )
        assert [f"# by hand {number}" in text for number in range(BY_HAND)] == [True] * BY_HAND
        assert git("rev-list", "--merges", branch, cwd=world.bare) == ""
        ours = len(jobs) if how == "push" else 1
        count = git("rev-list", "--count", f"{begin}..{branch}", cwd=world.bare)
        assert int(count) == BY_HAND + ours
        git("fsck", "--strict", cwd=world.bare)
