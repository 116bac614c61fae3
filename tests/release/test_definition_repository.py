"""The definitions live in another repository, with a token of its own."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.rehearsal.made import make_wheel
from tests.release.kit import Repo
from tests.release.samples import CONDA, REQUIREMENTS
from tests.servers.git_http import GitServer, git, git_server

FILES = {
    "pyproject.toml": """\
        [build-system]
        requires = []
        [project]
        name = "acme-root"
        version = "1.4.0"
        [tool.wheelstep]
        publish-to = ["../index"]
        prebuilt = true
        public-index = "none"
        """,
    ".gitignore": "/dist/\n",
}
TRAIN = """\
    name: train  # theirs
    dependencies:
      - python=3.11
      - pip:
          - acme-root==0.9
    """


@dataclass(frozen=True)
class Two:
    """Packages here, definitions on a server."""

    repo: Repo
    server: GitServer
    bare: Path

    @property
    def settings(self) -> dict[str, str]:
        return {
            "WHEELSTEP_DEFINITION_REPOSITORY": self.server.address("definitions.git"),
            "WHEELSTEP_DEFINITION_REPOSITORY_TOKEN": self.server.password("ci"),
            "WHEELSTEP_COMMIT": "push",
        }

    def show(self, path: str, revision: str = "main") -> str:
        return git("show", f"{revision}:{path}", cwd=self.bare)

    def subjects(self) -> list[str]:
        return git("log", "--format=%s", "main", cwd=self.bare).splitlines()


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Two]:
    with git_server(tmp_path / "served") as server:
        bare = server.create("definitions.git")
        for name in ("allowFilter", "allowAnySHA1InWant"):
            git("config", f"uploadpack.{name}", "true", cwd=bare)
        theirs = Repo.create(
            tmp_path / "theirs",
            {
                CONDA: TRAIN,
                REQUIREMENTS: "acme-root==0.9\n",
                "big.bin": random.Random(7).randbytes(1_000_000),  # noqa: S311
                **{f"docs/{number}.md": f"{number}" for number in range(20)},
            },
        )
        theirs.commit({"link": "x"})
        theirs.git("push", "--quiet", str(bare), "main")
        repo = Repo.create(tmp_path / "place", FILES)
        repo.clone("origin.git", "--bare")
        checkout = replace(repo, name="origin.git").clone("checkout")
        make_wheel(checkout.root / "dist", "acme-root", "1.4.0")
        yield Two(checkout, server, bare)


def test_a_release_commits_there_and_leaves_this_repository_alone(two: Two) -> None:
    head = two.repo.head
    ran = two.repo.release(extra=two.settings)
    assert (ran.status, ran.report["commit"]["status"]) == ("done", "pushed"), ran.said
    assert ran.report["commit"]["branch"] == "main"
    assert "acme-root==0.9" not in two.show(CONDA)
    assert "# theirs" in two.show(CONDA)
    assert two.show("wheelstep.lock").count("acme-root") > 0
    assert two.subjects()[1:] == ["A change", "A change"]
    assert (two.repo.head, two.repo.git("status", "--porcelain")) == (head, "")
    again = two.repo.release(extra=two.settings)
    assert again.status == "nothing-to-do"
    assert len(two.subjects()) == 3


def test_a_folder_is_named_from_this_repositorys_root(two: Two) -> None:
    folder = os.path.relpath(two.bare, two.repo.root)
    plain = {"WHEELSTEP_DEFINITION_REPOSITORY": folder, "WHEELSTEP_COMMIT": "push"}
    ran = two.repo.wheelstep("plan", extra=plain)
    assert (ran.code, ran.definition(CONDA)["status"]) == (0, "changed"), ran.said


def test_only_what_is_read_is_fetched(two: Two) -> None:
    two.repo.release(extra=two.settings)
    asked = [one.path.rpartition("/")[2] for one in two.server.seen if one.method == "POST"]
    # where HEAD is, where main is, one commit with its trees, the candidates at once; where main is
    # before the right to push is asked for, and before the commit
    assert asked == ["git-upload-pack"] * (len(asked) - 1) + ["git-receive-pack"]
    assert len(asked) <= 9, asked
    assert two.server.sent < 200_000, "the large file stays where it is"


def test_the_tokens_go_where_they_belong(two: Two) -> None:
    wrong = two.settings | {"WHEELSTEP_DEFINITION_REPOSITORY_TOKEN": "not-the-one-77"}
    ran = two.repo.wheelstep("release", extra=wrong)
    assert (ran.code, ran.codes) == (5, ["not-authenticated"]), ran.said
    assert "definition-repository-token" in ran.problem("not-authenticated")["cure"]
    assert "not-the-one-77" not in ran.said
    reader = two.settings | {"WHEELSTEP_DEFINITION_REPOSITORY_TOKEN": two.server.password("reader")}
    ran = two.repo.wheelstep("release", extra=reader)
    assert (ran.code, ran.codes[-1]) == (5, "push-forbidden"), ran.said
    assert not ran.published or not any(map(len, ran.published.values()))


def test_another_branch_and_none(two: Two) -> None:
    git("branch", "staging", "main", cwd=two.bare)
    ran = two.repo.release(extra=two.settings | {"WHEELSTEP_BRANCH": "staging"})
    assert ran.report["commit"]["branch"] == "staging"
    assert "acme-root==0.9" in two.show(CONDA)
    assert "acme-root==0.9" not in two.show(CONDA, "staging")
    ran = two.repo.wheelstep("release", extra=two.settings | {"WHEELSTEP_BRANCH": "gone"})
    assert (ran.code, ran.codes) == (2, ["no-branch"])


def test_nothing_is_edited_where_nothing_could_be_committed(two: Two) -> None:
    ran = two.repo.wheelstep("release", extra=two.settings | {"WHEELSTEP_COMMIT": "none"})
    assert (ran.code, ran.codes) == (2, ["nowhere-to-commit"])
    planned = two.repo.wheelstep("plan", extra=two.settings | {"WHEELSTEP_COMMIT": "none"})
    assert (planned.code, planned.status) == (0, "planned"), planned.said
    assert planned.definition(CONDA)["status"] == "changed"


def test_a_version_released_earlier_is_pinned_there(two: Two) -> None:
    two.repo.release(extra=two.settings)
    two.repo.replace("pyproject.toml", '"1.4.0"', '"1.5.0"')
    two.repo.commit()
    two.repo.git("push", "--quiet")
    next((two.repo.root / "dist").iterdir()).unlink()
    make_wheel(two.repo.root / "dist", "acme-root", "1.5.0")
    two.repo.release(extra=two.settings)
    assert "acme-root==1.5.0" in two.show(CONDA)
    ran = two.repo.wheelstep("pin", "acme-root==1.4.0", extra=two.settings)
    assert (ran.code, ran.status) == (0, "done"), ran.said
    assert "acme-root==1.4.0" in two.show(CONDA)
