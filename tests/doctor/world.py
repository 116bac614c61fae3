"""A repository with all that its release relies on, healthy; and doctor run over it in this
process."""

from __future__ import annotations

import io
import json
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.ground.web import Answer, Asked, Web
from tests.packages.wheel_kit import wheel
from tests.release.kit import Repo
from tests.release.samples import BACK_END
from tests.servers.arm import Arm, arm_server
from tests.servers.arm_state import Workspace
from tests.servers.feed import FeedServer, Stored, feed_server
from tests.servers.git_http import GitServer, git_server
from wheelstep.commands.doctor import doctor
from wheelstep.ground.credentials import TokenSource
from wheelstep.ground.secret import Secret
from wheelstep.hosts.terminal import Terminal
from wheelstep.model import Check
from wheelstep.report import Report
from wheelstep.settings import load
from wheelstep.stages.run import open_run

CONDA = "cloud/environments/conda-yamls/train.yml"
ENVIRONMENT = "cloud/environments/train.yml"
JOB = "jobs/train/job.yml"
CORE = "packages/core/pyproject.toml"
EXPIRES = "2099-12-31T23:59:59Z"


def settings(feed: str, *workspaces: str) -> str:
    named = ", ".join(f'"{one}"' for one in workspaces)
    return f"""\
        packages = ["packages/*"]
        publish-to = ["feed+{feed}"]
        commit = "push"
        workspace = [{named}]
        """


def files(feed: str, *workspaces: str) -> dict[str, str]:
    """A repository in the shape of azureml-examples: an environment of an image with a conda file,
    a job that uses it, and two private packages."""
    return {
        "wheelstep.toml": settings(feed, *workspaces),
        CORE: """\
            [build-system]
            requires = ["setuptools>=61"]
            build-backend = "setuptools.build_meta"
            [project]
            name = "acme-core"
            version = "1.1.0"
            requires-python = ">=3.8"
            """,
        "packages/core/acme_core/__init__.py": "NAME = 'core'\n",
        "packages/features/pyproject.toml": """\
            [build-system]
            requires = ["setuptools>=61", "setuptools-scm>=8"]
            build-backend = "setuptools.build_meta"
            [project]
            name = "acme-features"
            dynamic = ["version"]
            [tool.setuptools_scm]
            root = "../.."
            """,
        "packages/features/acme_features/__init__.py": "NAME = 'features'\n",
        CONDA: f"""\
            channels:
              - conda-forge
            dependencies:
              - python=3.10
              - numpy=1.26
              - pip=24.0
              - pip:
                  - --index-url {feed}
                  - acme-core==1.0.0
                  - acme-features==0.9.0
            name: train
            """,
        ENVIRONMENT: """\
            $schema: https://azuremlschemas.azureedge.net/latest/environment.schema.json
            name: docker-image-plus-conda-example
            version: 3
            image: mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04
            conda_file: conda-yamls/train.yml
            description: Environment created from a Docker image plus Conda environment.
            """,
        JOB: """\
            $schema: https://azuremlschemas.azureedge.net/latest/commandJob.schema.json
            code: src
            command: python main.py
            environment: azureml:docker-image-plus-conda-example@latest
            compute: azureml:cpu-cluster
            """,
        "jobs/train/src/main.py": "import acme_core\n",
        ".gitignore": "/dist/\n",
    }


@dataclass(frozen=True)
class Tokens:
    """A token source that has one token."""

    text: str

    def token(self) -> Secret:
        return Secret(self.text)


@dataclass
class World:
    """Everything, while it is served."""

    repo: Repo
    feed: FeedServer
    arm: Arm
    train: Workspace
    score: Workspace
    git: GitServer
    public: dict[str, bytes]
    """Path below the public index to the page or file there."""
    github: dict[str, Any]
    """Path below GitHub's API to the document there."""
    environment: dict[str, str] = field(default_factory=dict)
    latency: float = 0.0
    changed: bool = False

    def edit(self, path: str, old: str, new: str) -> None:
        """Change a file of the repository; it is pushed before doctor runs."""
        self.repo.replace(path, old, new)
        self.changed = True

    def remote(self, user: str) -> str:
        return self.git.address("acme/ml", user)

    def push(self) -> None:
        if self.changed:
            self.repo.commit()
            self.repo.git("push", "--quiet", self.remote("ci"), "HEAD:main")
            self.changed = False

    def doctor(self, tokens: TokenSource | None = None) -> Ran:
        """Run doctor in this process, signed in at Azure, or by other tokens."""
        self.push()
        environment = {**self.repo.environment, **self.environment}
        text = io.StringIO()
        host = Terminal(environment, text, io.StringIO())
        given = load("doctor", {}, environment=environment, host=host, directory=self.repo.root)
        report = Report("doctor")
        run = open_run(given, host, environment, report)
        run.entra = tokens or Tokens(self.arm.token())
        doctor(run)
        return Ran(report)


@dataclass(frozen=True)
class Ran:
    """What doctor found."""

    report: Report

    @property
    def faults(self) -> set[str]:
        return {check.code for check in self.report.checks if check.status == "fault"}

    @property
    def unknown(self) -> list[str]:
        return [check.subject for check in self.report.checks if check.status == "unknown"]

    def fault(self, code: str) -> Check:
        found = [check for check in self.report.checks if check.code == code]
        assert found, self.report.checks
        return found[0]

    def of(self, subject: str) -> list[Check]:
        return [check for check in self.report.checks if check.subject == subject]


@contextmanager
def world(place: Path, authority: Path, *, closed: bool = True) -> Iterator[World]:
    """Serve a healthy world: open to all networks, or locked down."""
    public: dict[str, bytes] = {}
    github: dict[str, Any] = {
        "/repos/acme/ml/branches/main": {"name": "main", "protected": False},
        "/repos/acme/ml/rules/branches/main": [],
    }
    made: list[World] = []

    def slowly(answer: Callable[[Asked], Answer]) -> Callable[[Asked], Answer]:
        def answered(asked: Asked) -> Answer:
            time.sleep(made[0].latency if made else 0)
            return answer(asked)

        return answered

    with ExitStack() as stack:
        index = stack.enter_context(Web(answer=slowly(lambda asked: _page(public, asked))))
        api = stack.enter_context(Web(answer=slowly(lambda asked: _document(github, asked))))
        feed = stack.enter_context(feed_server(public_upstream=True))
        git = stack.enter_context(git_server(place / "remotes"))
        arm = stack.enter_context(arm_server(authority))
        train, score = arm.workspace("train", closed=closed), arm.workspace("score", closed=closed)
        for one in (train, score):
            one.connect(
                "feed",
                f"{feed.base}/contoso",
                {"pat": feed.read_only_token},
                expiryTime=EXPIRES,
            )
        publish(place, feed)
        publish_tools(place, public)
        repo = _repository(place, git, files(feed.simple_url, train.option, score.option))
        found = World(repo, feed, arm, train, score, git, public, github)
        found.environment = {
            **arm.environment(),
            "PIP_INDEX_URL": f"{index.url}/simple/",
            "UV_CACHE_DIR": str(place / "uv"),
            "WHEELSTEP_FEED_TOKEN": feed.token,
            "GITHUB_SERVER_URL": git.url,
            "GITHUB_API_URL": api.url,
        }
        made.append(found)
        yield found


def _repository(place: Path, git: GitServer, given: Mapping[str, str]) -> Repo:
    repo = Repo.create(place / "place", given)
    repo.git("tag", "v0.10.0")
    (git.root / "acme").mkdir()
    git.create("acme/ml")
    repo.git("remote", "add", "origin", git.address("acme/ml", "ci"))
    repo.git("push", "--quiet", "--tags", "--set-upstream", "origin", "main")
    return repo


def publish(place: Path, feed: FeedServer) -> None:
    """Put both packages into the feed."""
    for name, version in (("acme-core", "1.0.0"), ("acme-features", "0.9.0")):
        built = wheel(place / "wheels", name=name.replace("-", "_"), version=version)
        feed.files[built.name] = Stored(name, version, built.name, built.read_bytes(), None, 0)


def publish_tools(place: Path, public: dict[str, bytes]) -> None:
    """Put the build back ends into the public index: as much of them as builds these packages."""
    backend = BACK_END.read_bytes()
    for name, version, member in (
        ("setuptools", "80.0.0", "setuptools/build_meta.py"),
        ("setuptools_scm", "8.1.0", "setuptools_scm.py"),
    ):
        content = backend if name == "setuptools" else b""
        built = wheel(place / "tools", {member: content}, name=name, version=version)
        public[f"/files/{built.name}"] = built.read_bytes()
        page = f'<a href="/files/{built.name}">{built.name}</a>'
        public[f"/simple/{name.replace('_', '-')}/"] = page.encode()


def _page(public: Mapping[str, bytes], asked: Asked) -> Answer:
    found = public.get(asked.path)
    if found is None:
        return Answer(404)
    kind = "text/html" if asked.path.endswith("/") else "application/octet-stream"
    return Answer(200, {"Content-Type": kind}, found)


def _document(github: Mapping[str, Any], asked: Asked) -> Answer:
    found = github.get(asked.path)
    if found is None:
        return Answer(404, {"Content-Type": "application/json"}, b'{"message": "Not Found"}')
    return Answer(200, {"Content-Type": "application/json"}, json.dumps(found).encode())


def shallow(world: World) -> None:
    """Put a shallow clone in the place of the full one."""
    root = world.repo.root
    root.rename(root.with_name("full"))
    subprocess.run(
        ["git", "clone", "--quiet", "--depth=1", world.remote("ci"), str(root)],
        env=dict(world.repo.environment),
        check=True,
    )
