"""A whole release whose commit or pull request the host makes: GitHub, Azure Repos."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from tests.rehearsal.made import make_wheel
from tests.release.kit import Ran, Repo
from tests.release.samples import CONDA
from tests.servers.azure_repos import AzureReposServer, azure_repos_server
from tests.servers.git_http import git, refuse_by_status
from tests.servers.github import GitHubServer, github_server
from wheelstep.ground.markdown import quiet

TOKEN = "ci-pass-22"
PULL = {"WHEELSTEP_COMMIT": "pull-request"}
BRANCH = "wheelstep/main"
PROTECTED = {
    "github": "protected branch hook declined",
    "azure": "TF402455: Pushes to this branch are not permitted; you must use a pull request to "
    "update this branch.",
}
"""The status in which the hosts answer a push by git."""
NAME = "acme/tools"


def project(version: str) -> str:
    return f'[build-system]\nrequires = []\n[project]\nname = "acme-core"\nversion = "{version}"\n'


FILES = {
    "core/pyproject.toml": project("1.0.0"),
    "core/acme_core/__init__.py": "",
    CONDA: """\
        name: train
        dependencies:
          - python=3.11
          - pip:
              - acme-core==0.9  # ours
        """,
    "wheelstep.toml": """\
        packages = ["core"]
        publish-to = ["../index"]
        prebuilt = true
        public-index = "none"
        """,
    ".gitignore": "/dist/\n",
}


@dataclass
class World:
    """A checkout of the monorepo with one new version, as a job on that host has it."""

    host: str
    server: Any
    repo: Repo
    bare: Path
    name: str
    environment: dict[str, str] = field(default_factory=dict)

    def release(self, **more: str) -> Ran:
        ran = self.repo.wheelstep("release", extra=self.environment | more)
        assert self.server.violations == []
        return ran

    @property
    def pulls(self) -> list[Any]:
        return list(self.server.pulls.get(self.name, []))

    def body(self) -> str:
        [pull] = self.pulls
        return str(pull.body if self.host == "github" else pull.description)

    def show(self, path: str, revision: str = "main") -> str:
        return git("show", f"{revision}:{path}", cwd=self.bare)

    def branches(self) -> list[str]:
        return list(self.server.branches(self.name))


@pytest.fixture(scope="module")
def _released(tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """A package that other jobs build, released once, and raised since."""
    repo = Repo.create(tmp_path_factory.mktemp("released") / "place", FILES)
    make_wheel(repo.root / "dist", "acme-core", "1.0.0")
    first = repo.wheelstep("release", extra={"WHEELSTEP_COMMIT": "local"})
    assert first.code == 0, first.said
    for number in range(2):
        repo.commit({"core/acme_core/more.py": f"x = {number}\n"})
    repo.commit({"core/pyproject.toml": project("1.1.0")})
    return repo


@pytest.fixture
def released(_released: Repo, tmp_path: Path) -> Repo:
    return _released.copy(tmp_path / "place")


def github_world(server: GitHubServer, released: Repo) -> World:
    name = NAME
    (server.root / "acme").mkdir()
    bare = server.create(f"{name}.git")
    environment = {
        "GITHUB_ACTIONS": "true",
        "CI": "true",
        "GITHUB_EVENT_NAME": "push",
        "GITHUB_REF": "refs/heads/main",
        "GITHUB_REPOSITORY": name,
        "GITHUB_RUN_ID": "77",
        "INPUT_JOB_TOKEN": TOKEN,
        **server.environment,
    }
    return checked_out("github", server, released, bare, name, environment)


def azure_world(server: AzureReposServer, released: Repo) -> World:
    name = "acme/Train/_git/tools"
    (server.root / name).parent.mkdir(parents=True)
    bare = server.create(name)
    environment = {
        "TF_BUILD": "True",
        "BUILD_REASON": "IndividualCI",
        "BUILD_SOURCEBRANCH": "refs/heads/main",
        "SYSTEM_COLLECTIONURI": f"{server.url}/acme/",
        "SYSTEM_TEAMPROJECT": "Train",
        "BUILD_BUILDID": "77",
        "SYSTEM_ACCESSTOKEN": TOKEN,
    }
    return checked_out("azure", server, released, bare, name, environment)


def checked_out(  # noqa: PLR0917 - what the two hosts differ in
    host: str, server: Any, released: Repo, bare: Path, name: str, environment: dict[str, str]
) -> World:
    released.git("push", "--quiet", str(bare), "main")
    released.git("clone", "--quiet", bare.as_uri(), str(released.place / "checkout"))
    repo = replace(released, name="checkout")
    path = name if host == "azure" else f"{name}.git"
    repo.git("remote", "set-url", "origin", server.address(path))
    repo.git("checkout", "--quiet", "--detach")
    make_wheel(repo.root / "dist", "acme-core", "1.1.0")
    extra = {"WHEELSTEP_SERVE_URL": "https://wheels.example.com/acme",
             "WHEELSTEP_READ_BACK": "write"}  # fmt: skip
    return World(host, server, repo, bare, name, environment | extra)


@pytest.fixture(params=["github", "azure"])
def world(request: pytest.FixtureRequest, released: Repo, tmp_path: Path) -> Iterator[World]:
    if request.param == "github":
        with github_server(tmp_path / "served") as github:
            yield github_world(github, released)
    else:
        with azure_repos_server(tmp_path / "served") as azure:
            yield azure_world(azure, released)


def test_the_host_makes_the_commit_and_nothing_is_pushed(world: World) -> None:
    ran = world.release(WHEELSTEP_PULL_REQUEST_LABELS="pins", WHEELSTEP_AUTO_MERGE="squash")
    assert (ran.code, ran.status) == (0, "done"), ran.said
    unused = ran.problem("no-pull-request")["message"]
    assert "`pull-request-labels`, `auto-merge`" in unused
    assert ran.report["commit"]["status"] == "pushed"
    assert ran.report["commit"]["sha"] == git("rev-parse", "main", cwd=world.bare)
    assert "1.1.0" in world.show(CONDA)
    posts = [one for one in world.server.seen if one.method == "POST"]
    assert not [one for one in posts if "receive-pack" in one.path]
    subject = git("log", "-1", "--format=%s", "main", cwd=world.bare)
    assert subject.endswith("[skip ci]")
    assert "acme-core 1.0.0 -> 1.1.0" in git("log", "-1", "--format=%b", "main", cwd=world.bare)
    again = world.release()
    assert again.status == "nothing-to-do", again.said


def page(world: World, ran: Ran) -> str:
    """What a reviewer reads, word for word."""
    commits = world.repo.git("log", "--format=%h", "-3", "--", "core").splitlines()
    place = (
        f"{world.server.url}/acme/tools/actions/runs/77"
        if world.host == "github"
        else f"{world.server.url}/acme/Train/_build/results?buildId=77"
    )
    [row] = ran.report["rehearsals"]
    said = [one["message"].replace(CONDA, f"`{CONDA}`") for one in row["problems"]]
    reasons = [f"- {quiet(one)}" for one in said]
    assert len(reasons) == 4
    [(file, sha256)] = ran.hashes.items()
    lines = [
        "Pins `acme-core 1.1.0` in one file.",
        f"Proposed by [this run]({place}); a newer run brings it up to date.",
        "",
        "| package | from | to | change |",
        "|---|---|---|---|",
        "| `acme-core` | `1.0.0` | `1.1.0` | newer |",
        "",
        "### Would the images build?",
        "",
        "**1 unproven**",
        "",
        f"- **unproven**, Python `3.11`: `{CONDA}`",
        *reasons,
        "",
        "### Definitions",
        "",
        "| definition | pins |",
        "|---|---|",
        f"| `{CONDA}` | `acme-core` |",
        "",
        "### Commits to `acme-core` since `1.0.0`",
        "",
        *(f"- `{short}` `A change`, `Ada`" for short in commits),
        "",
        "### Wheels",
        "",
        "| file | SHA-256 | published at |",
        "|---|---|---|",
        f"| `{file}` | `{sha256}` | `../index` |",
        "",
        f"### `{CONDA}`",
        "",
        "```diff",
        "@@ -3,3 +3,4 @@",
        "   - python=3.11",
        "   - pip:",
        "-      - acme-core==1.0.0  # ours",
        "+      - --extra-index-url https://wheels.example.com/acme/simple/",
        "+      - acme-core==1.1.0  # ours",
        "```",
    ]
    return "\n".join(lines)


def test_a_pull_request_once_and_for_all(world: World) -> None:
    before = git("rev-parse", "main", cwd=world.bare)
    planned = world.repo.wheelstep("plan", extra=world.environment | PULL)
    assert "\nTo be committed on main.\n" in planned.said
    ran = world.release(**PULL)
    assert (ran.code, ran.status) == (0, "done"), ran.said
    row = ran.report["commit"]
    assert f"Proposed {row['sha'][:12]} on {BRANCH}" in ran.said
    assert (row["status"], row["branch"]) == ("pull-request", BRANCH)
    assert row["url"].startswith(world.server.url)
    assert git("rev-parse", "main", cwd=world.bare) == before
    assert "1.1.0" in world.show(CONDA, BRANCH)
    assert world.branches() == ["main", BRANCH]
    assert world.body().strip() == page(world, ran)
    # pains: GitHub's own token starts no checks, and nobody says so
    assert ("checks-not-started" in ran.codes) == (world.host == "github")
    again = world.release(**PULL)
    assert (again.status, again.report["commit"]["url"]) == ("nothing-to-do", row["url"])
    assert "checks-not-started" not in again.codes
    assert "everything is released and pinned or proposed already" in again.said
    assert len(world.pulls) == 1


def test_what_is_merged_leaves_no_branch(world: World) -> None:
    world.release(**PULL)
    git("update-ref", "refs/heads/main", BRANCH, cwd=world.bare)
    for pull in world.pulls:
        if world.host == "github":
            pull.state, pull.merged = "closed", True
        else:
            pull.status = "completed"
    done = world.release(**PULL)
    assert (done.code, done.status) == (0, "nothing-to-do"), done.said
    assert world.branches() == ["main"]


@pytest.mark.parametrize("way", ["auto", "git"])
def test_a_protected_branch_says_the_two_ways_out_and_a_proposal_passes(
    world: World, way: str
) -> None:
    if way == "git":
        refuse_by_status(world.bare, PROTECTED[world.host])
    elif world.host == "github":
        world.server.protected[world.name, "main"] = "rule"
    else:
        world.server.policies.add((world.name, "main"))
    ran = world.release(WHEELSTEP_COMMIT_WITH=way)
    assert ran.code == 5, ran.said
    problem = ran.problem("branch-protected")
    assert way == "auto" or PROTECTED[world.host] in problem["message"]
    assert "`commit: pull-request`" in problem["cure"]
    assert "bypass" in problem["cure"]
    assert "on GitHub an app or a person can" in problem["cure"]
    done = world.release(**PULL, WHEELSTEP_COMMIT_WITH=way)
    assert (done.code, done.report["commit"]["status"]) == (0, "pull-request"), done.said
    assert done.published["acme_core-1.1.0-py3-none-any.whl"] == ["identical"]


def test_labels_reviewers_and_its_own_completion(world: World) -> None:
    more = {"WHEELSTEP_PULL_REQUEST_LABELS": "pins\nacme", "WHEELSTEP_AUTO_MERGE": "squash",
            "WHEELSTEP_PULL_REQUEST_TITLE": "Raise {packages} on {branch}",
            "WHEELSTEP_PULL_REQUEST_REVIEWERS": "nobody-at-all", "WHEELSTEP_SIGN_OFF": "on",
            "WHEELSTEP_WORK_ITEMS": "12"}  # fmt: skip
    ran = world.release(**PULL, **more)
    assert ran.code == 0, ran.said
    [pull] = world.pulls
    assert pull.labels == ["pins", "acme"]
    assert pull.title == "Raise acme-core 1.1.0 on main"
    assert "nobody-at-all" in " ".join(one["message"] for one in ran.report["problems"])
    message = git("log", "-1", "--format=%B", BRANCH, cwd=world.bare)
    (place := world.repo.place / "message").write_text(message)
    found = git("interpret-trailers", "--parse", str(place), cwd=world.bare).splitlines()
    tree = git("rev-parse", f"{BRANCH}^{{tree}}", cwd=world.bare)
    assert ("Work items: AB#12" in world.body()) == (world.host == "github")
    keys = ["Signed-off-by", "Wheelstep-Tree"]
    if world.host == "github":
        assert found[0] == "Related-work-items: AB#12"
        keys.insert(0, "Related-work-items")
    else:
        assert "\n\nRelated work items: #12\n\n" in message
        author = git("log", "-1", "--format=%an <%ae>", BRANCH, cwd=world.bare)
        assert found[0] == f"Signed-off-by: {author}"
    assert [line.partition(":")[0] for line in found] == keys
    assert found[-1] == f"Wheelstep-Tree: {tree}"
    if world.host == "github":  # what the job's token merges starts no workflow either
        assert "where it is merged" in ran.problem("checks-not-started")["message"]


def test_a_token_of_the_job_goes_to_its_own_host_alone(world: World) -> None:
    world.repo.git("remote", "set-url", "origin", "https://github.com/acme/elsewhere.git")
    ran = world.release(**PULL, WHEELSTEP_BRANCH="main")
    assert (ran.code, ran.codes[-1]) == (2, "no-token"), ran.said


@pytest.mark.parametrize("commit", ["push", "pull-request"])
def test_an_enterprise_server_is_known_by_what_it_is_committed_with(
    released: Repo, tmp_path: Path, commit: str
) -> None:
    with github_server(tmp_path / "served") as server:
        world = github_world(server, released)
        # a job of another service, which knows nothing of that server
        world.environment = {
            name: value for name, value in world.environment.items() if "GITHUB" not in name
        } | {
            "TF_BUILD": "True",
            "BUILD_REASON": "IndividualCI",
            "BUILD_SOURCEBRANCH": "refs/heads/main",
            "SYSTEM_COLLECTIONURI": "https://dev.azure.com/acme/",
            "WHEELSTEP_REPOSITORY_TOKEN": TOKEN,
            "WHEELSTEP_COMMIT": commit,
        }
        del world.environment["INPUT_JOB_TOKEN"]
        if commit == "pull-request":
            refused = world.release()
            assert (refused.code, refused.codes) == (2, ["no-pull-requests"]), refused.said
            assert "`commit-with: github`" in refused.problem("no-pull-requests")["cure"]
        ran = world.release(WHEELSTEP_COMMIT_WITH="github")
        assert ran.code == 0, ran.said
        assert "createCommitOnBranch" in server.labels()
        assert "1.1.0" in world.show(CONDA, BRANCH if commit == "pull-request" else "main")
        assert len(world.pulls) == (commit == "pull-request")
        page = "pull/1" if commit == "pull-request" else f"commit/{world.server.head(NAME, 'main')}"
        assert ran.report["commit"]["url"] == f"{server.url}/{NAME}/{page}"


def test_tags_are_made_by_the_host(world: World) -> None:
    ran = world.release(WHEELSTEP_TAG="{name}-v{version}")
    assert ran.code == 0, ran.said
    listed = git("for-each-ref", "--format=%(refname:short)", "refs/tags", cwd=world.bare)
    assert "acme-core-v1.1.0" in listed.splitlines()


def test_releases_go_with_the_tags_on_github(world: World) -> None:
    more = {"WHEELSTEP_TAG": "{name}-v{version}", "WHEELSTEP_GITHUB_RELEASE": "true"}
    ran = world.release(**more)
    if world.host == "azure":
        assert (ran.code, ran.codes[-1]) == (2, "no-releases")
        return
    assert ran.code == 0, ran.said
    there = world.server.releases[world.name]
    assert there["acme-core-v1.1.0"]["name"] == "acme-core 1.1.0"
    assert "actions/runs/77" in there["acme-core-v1.1.0"]["body"]
    count = len(world.server.calls)
    assert world.release(**more).code == 0
    assert "POST" not in {call.method for call in world.server.calls[count:]}


def test_definitions_of_another_repository_are_proposed_there(world: World) -> None:
    url = world.repo.git("remote", "get-url", "origin")
    here = {path: text for path, text in FILES.items() if path != CONDA}
    packages = Repo.create(world.repo.place / "packages", here)
    packages.commit({"core/pyproject.toml": project("7.0")})
    packages.clone("origin.git", "--bare")
    job = replace(packages, name="origin.git").clone("checkout")
    make_wheel(job.root / "dist", "acme-core", "7.0")
    before = git("rev-parse", "main", cwd=world.bare)
    extra = world.environment | PULL | {
        "WHEELSTEP_DEFINITION_REPOSITORY": url,
        "WHEELSTEP_DEFINITION_REPOSITORY_TOKEN": TOKEN,
    }  # fmt: skip
    ran = job.wheelstep("release", extra=extra)
    assert world.server.violations == []
    assert (ran.code, ran.status) == (0, "done"), ran.said
    assert ran.report["commit"]["url"].startswith(world.server.url)
    assert "acme-core==7.0" in world.show(CONDA, BRANCH)
    assert git("rev-parse", "main", cwd=world.bare) == before
    assert "`7.0`" in world.body()
    assert job.wheelstep("release", extra=extra).status == "nothing-to-do"
    assert len(world.pulls) == 1


@pytest.mark.parametrize("world", ["azure"], indirect=True)
def test_going_back_says_what_is_taken_back(world: World) -> None:
    assert world.release().code == 0
    world.repo.git("fetch", "--quiet", str(world.bare), "main")
    world.repo.git("checkout", "--quiet", "FETCH_HEAD")
    ran = world.repo.wheelstep("pin", "acme-core==1.0.0", extra=world.environment | PULL)
    assert (ran.code, ran.report["commit"]["status"]) == (0, "pull-request"), ran.said
    body = world.body()
    assert "| `acme-core` | `1.1.0` | `1.0.0` | **older: a rollback** |" in body
    title = "### Commits to `acme-core` that are taken back, from `1.1.0` to `1.0.0`\n\n"
    assert body.partition(title)[2].partition("\n\n")[0].count("`A change`, `Ada`") == 3
    assert "| `acme_core-1.0.0-py3-none-any.whl` | `" in body
    assert world.server.violations == []


def test_hostile_names_call_nobody_and_break_no_page(world: World) -> None:
    subject = "fixes #1 @acme/everybody | `x` <img src=x> [a](b) <!-- "
    world.repo.git("checkout", "--quiet", "main")
    world.repo.write({"core/x.txt": "1"})
    world.repo.git("add", "--all")
    world.repo.git("commit", "--quiet", "--message", subject)
    world.repo.git("push", "--quiet", str(world.bare), "main")
    world.repo.git("checkout", "--quiet", "--detach")
    assert world.release(**PULL).code == 0
    line = next(one for one in world.body().splitlines() if "fixes" in one)
    assert line.count("`") == 6
    inside = line.split("`")[3]
    assert "|" not in inside
    assert inside.startswith("fixes #\u200b1 @\u200bacme/everybody")


@pytest.mark.parametrize("branch", ["main", "refs/heads/main"])
def test_a_pull_request_from_the_branch_that_it_goes_to_is_refused(
    world: World, branch: str
) -> None:
    ran = world.release(**PULL, WHEELSTEP_PULL_REQUEST_BRANCH=branch)
    assert (ran.code, ran.codes) == (2, ["bad-branch"]), ran.said
    assert "`pull-request-branch`" in ran.problem("bad-branch")["message"]
    assert world.branches() == ["main"]
