"""Runs whose pins meet in one definition: what is committed was rehearsed as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tests.rehearsal.made import make_wheel
from tests.release.kit import Ran, Repo
from tests.servers.git_http import git
from tests.servers.github import GitHubServer, github_server

TRAIN = "envs/train.yml"
OTHER = "envs/other.yml"
THIRD = "envs/third.yml"
BRANCH = "wheelstep/main"
NAME = "acme/tools"
TOKEN = "ci-pass-22"


def project(name: str, version: str) -> str:
    return f'[build-system]\nrequires = []\n[project]\nname = "{name}"\nversion = "{version}"\n'


def conda(*pins: str) -> str:
    index = "--index-url https://wheels.example.com/acme/simple/"
    lines = "".join(f"      - {one}\n" for one in (index, *pins))
    return f"name: train\ndependencies:\n  - python=3.11\n  - pip=24.0\n  - pip:\n{lines}"


FILES = {
    "a/pyproject.toml": project("acme-a", "1.0"),
    "b/pyproject.toml": project("acme-b", "1.0"),
    "c/pyproject.toml": project("acme-c", "1.0"),
    "d/pyproject.toml": project("acme-d", "1.0"),
    TRAIN: conda("acme-a==0.9", "acme-b==0.9"),
    OTHER: conda("acme-b==0.9") + "      # ours above\n\n      # theirs below\n",
    THIRD: conda("acme-c==0.9"),
    "wheelstep.toml": """\
        packages = ["a", "b", "c", "d"]
        publish-to = ["../index"]
        serve-url = "https://wheels.example.com/acme"
        read-back = "write"
        prebuilt = true
        public-index = "none"
        """,
    ".gitignore": "/dist*/\n",
}


@dataclass
class Two:
    """A repository on GitHub. Of its packages `a`, raised, wants an older `b` than there is now; so
    does `d`, which stays as it is."""

    server: GitHubServer
    repo: Repo
    bare: Path
    environment: dict[str, str] = field(default_factory=dict)

    def release(self, package: str, **more: str) -> Ran:
        extra = {"WHEELSTEP_PACKAGES": package, "WHEELSTEP_DIST": f"dist-{package}"}
        ran = self.repo.wheelstep("release", extra=self.environment | extra | more)
        assert self.server.violations == []
        return ran

    def at(self, branch: str) -> str:
        return git("rev-parse", f"refs/heads/{branch}", cwd=self.bare)

    def show(self, path: str, revision: str) -> str:
        return git("show", f"{revision}:{path}", cwd=self.bare)

    def commit(self, files: dict[str, str]) -> None:
        """Let a colleague commit on main."""
        place = self.repo.place / f"colleague-{len(list(self.repo.place.iterdir()))}"
        self.repo.git("clone", "--quiet", "--branch=main", self.bare.as_uri(), str(place))
        theirs = replace(self.repo, place=place.parent, name=place.name)
        theirs.commit(files)
        theirs.git("push", "--quiet", "origin", "HEAD:main")


@pytest.fixture(scope="module")
def _released(tmp_path_factory: pytest.TempPathFactory) -> Repo:
    repo = Repo.create(tmp_path_factory.mktemp("released") / "place", FILES)
    for name in "abcd":
        requires = ["acme-b<2"] if name == "d" else []
        make_wheel(repo.root / "dist", f"acme-{name}", "1.0", requires)
    first = repo.wheelstep("release", extra={"WHEELSTEP_COMMIT": "local"})
    assert first.code == 0, first.said
    repo.commit({f"{name}/pyproject.toml": project(f"acme-{name}", "2.0") for name in "abc"})
    make_wheel(repo.root / "dist-a", "acme-a", "2.0", ["acme-b<2"])
    make_wheel(repo.root / "dist-b", "acme-b", "2.0")
    make_wheel(repo.root / "dist-c", "acme-c", "2.0")
    return repo


@pytest.fixture
def two(_released: Repo, tmp_path: Path) -> Iterator[Two]:
    repo = _released.copy(tmp_path / "place")
    with github_server(tmp_path / "served") as server:
        (server.root / "acme").mkdir()
        bare = server.create(f"{NAME}.git")
        repo.git("push", "--quiet", str(bare), "main")
        repo.git("remote", "add", "origin", server.address(f"{NAME}.git"))
        repo.git("checkout", "--quiet", "--detach")
        environment = {
            "GITHUB_ACTIONS": "true",
            "GITHUB_EVENT_NAME": "push",
            "GITHUB_REF": "refs/heads/main",
            "INPUT_JOB_TOKEN": TOKEN,
            **server.environment,
        }
        yield Two(server, repo, bare, environment)


@pytest.mark.parametrize(("commit", "branch"), [("push", "main"), ("pull-request", BRANCH)])
def test_pins_that_exclude_each_other_are_not_committed_together(
    two: Two, commit: str, branch: str
) -> None:
    two.environment["WHEELSTEP_COMMIT"] = commit
    before = two.at("main")
    assert two.release("b").code == 0
    theirs = two.at(branch)
    assert "acme-b==2.0" in two.show(TRAIN, branch)
    # the other run began before that, and is the later one at the end
    update = ["update-ref", f"refs/heads/{branch}"]
    if branch == "main":
        git(*update, before, cwd=two.bare)
    else:
        git("update-ref", "-d", f"refs/heads/{branch}", cwd=two.bare)
    two.server.pulls.clear()
    two.server.meanwhile["createCommitOnBranch"] = lambda: git(*update, theirs, cwd=two.bare)
    ran = two.release("a")
    assert not two.server.meanwhile
    assert ran.code == 7, ran.said
    said = " ".join(one["message"] for one in ran.report["problems"] if one["severity"] == "error")
    assert "acme-b" in said
    assert two.at(branch) == theirs
    assert two.at("main") == (theirs if branch == "main" else before)
    assert two.server.pulls.get(NAME, []) == []


def test_what_is_proposed_already_counts_from_the_start(two: Two) -> None:
    two.environment["WHEELSTEP_COMMIT"] = "pull-request"
    assert two.release("b").code == 0
    theirs = two.at(BRANCH)
    ran = two.release("a")
    assert ran.code == 7, ran.said
    assert ran.published == {"acme_a-2.0-py3-none-any.whl": []}, "and nothing is published"
    assert two.at(BRANCH) == theirs


@pytest.mark.parametrize("theirs", ["acme-d==1.0", "acme-c==1.0"])
def test_what_is_carried_over_is_rehearsed_with_what_somebody_changed_since(
    two: Two, theirs: str
) -> None:
    two.environment["WHEELSTEP_COMMIT"] = "pull-request"
    assert two.release("b").code == 0
    proposed = two.at(BRANCH)
    text = two.show(OTHER, "main")
    two.commit({OTHER: f"{text}\n      - {theirs}\n"})
    ran = two.release("c")
    if theirs.startswith("acme-c"):  # which this run raises
        assert ran.code == 0, ran.said
        assert all(one in two.show(OTHER, BRANCH) for one in ("acme-b==2.0", "acme-c==2.0"))
        return
    # `b` was proposed, `d` came by hand, and these runs are of neither
    extra = {"WHEELSTEP_PACKAGES": "c", "WHEELSTEP_DIST": "dist-c", **two.environment}
    planned = two.repo.wheelstep("plan", extra=extra)
    pinned = two.repo.wheelstep("pin", "acme-c==1.0", extra=extra)
    for one in (ran, planned, pinned):
        assert one.code == 7, one.said
        assert one.problem("proposal-merged")["file"] == OTHER
        [error] = [each for each in one.report["problems"] if each["severity"] == "error"]
        assert error["file"] == OTHER
        assert "acme-b" in error["message"]
    assert two.at(BRANCH) == proposed
    assert len(two.server.pulls[NAME]) == 1
