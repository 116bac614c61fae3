"""The Azure Pipelines task: unpacked from the .vsix that tfx packs, started as agents start it."""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.step.support import ROOT, SECRET, git, host_environment, sample_repository

JOB_TOKEN = "the-token-of-the-job"
SERVED = "https://wheels.example.com/acme"


@dataclass
class Agent:
    """What the agent gives a task: its files, the job's folders and variables."""

    task: Path
    folder: Path
    caches: dict[str, str]

    def environment(self, inputs: dict[str, str]) -> dict[str, str]:
        # names and forms as the agent's Handler.cs makes them
        temp = self.folder / "temp"
        temp.mkdir(exist_ok=True)
        connection = {"parameters": {"AccessToken": JOB_TOKEN}, "scheme": "OAuth"}
        variables = {
            "TF_BUILD": "True",
            "AGENT_TEMPDIRECTORY": str(temp),
            "BUILD_SOURCEBRANCH": "refs/heads/main",
            "BUILD_REASON": "IndividualCI",
            "ENDPOINT_URL_SYSTEMVSSCONNECTION": "https://dev.azure.com/acme/",
            "ENDPOINT_AUTH_SYSTEMVSSCONNECTION": json.dumps(connection),
            "ENDPOINT_AUTH_SCHEME_SYSTEMVSSCONNECTION": "OAuth",
            "ENDPOINT_AUTH_PARAMETER_SYSTEMVSSCONNECTION_ACCESSTOKEN": JOB_TOKEN,
        }
        given = {f"INPUT_{name.upper()}": value for name, value in inputs.items()}
        return host_environment(self.folder / "home", self.caches, variables | given)

    def start(self, node: Path, repository: Path, **inputs: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [node, self.task / "shim.js"],
            cwd=repository,
            env=self.environment(inputs),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            start_new_session=True,
        )

    def run(self, node: Path, repository: Path, **inputs: str) -> tuple[int, str]:
        with self.start(node, repository, **inputs) as child:
            log = child.communicate()[0]
        return child.returncode, log


@pytest.fixture(scope="module")
def agent(
    extension: Path, caches: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Agent:
    folder = tmp_path_factory.mktemp("agent")
    with zipfile.ZipFile(extension) as packed:
        packed.extractall(folder / "tasks")
    return Agent(folder / "tasks" / "azure-pipelines-task", folder, caches)


def outputs(log: str) -> dict[str, str]:
    found = re.findall(r"(?m)^##vso\[task\.setvariable variable=(\w+);isOutput=true\](.*)$", log)
    return dict(found)


def unmasked(log: str) -> str:
    """The log as people see it: the agent takes the command lines that register a secret."""
    masks = re.findall(r"(?m)^##vso\[task\.setsecret\](.*)$", log)
    assert masks, "nothing was masked"
    first = log.index("##vso[task.setsecret]")
    assert not any(mask in log[:first] for mask in masks)
    return re.sub(r"(?m)^##vso\[task\.setsecret\].*$", "", log)


@pytest.mark.parametrize("version", ["20", "24"])
def test_a_release(
    agent: Agent, version: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    node: Path = request.getfixturevalue(f"node{version}")
    shown = subprocess.run([node, "--version"], capture_output=True, text=True, check=True)
    assert shown.stdout.startswith(f"v{version}.")
    repository = sample_repository(tmp_path / "repository")
    index = tmp_path / "index"
    inputs = {
        "packages": "packages/*\n",
        "publishTo": str(index),
        "serveUrl": SERVED,
        "readBack": "write",
        "commit": "push",
        "feedToken": SECRET,
        "branch": "",
    }
    code, log = agent.run(node, repository, **inputs)
    assert code == 0, log
    given = outputs(log)
    assert given["changed"] == "true"
    assert given["exitCode"] == "0"
    assert Path(given["report"]).is_file()
    assert sorted(path.name for path in index.rglob("*.whl")) == [
        "acme_demo_core-1.1.0-py3-none-any.whl",
        "acme_demo_features-0.2.0-py3-none-any.whl",
    ]
    origin = repository.with_name("repository.git")
    assert git(origin, "rev-parse", "main") == given["commit"]
    assert "acme-demo-core==1.1.0" in git(origin, "show", "main:environments/train/conda.yml")
    assert log.splitlines()[-1] == "##vso[task.complete result=Succeeded;]"
    pages = re.findall(r"(?m)^##vso\[task\.uploadsummary\](.*)$", log)
    assert "acme-demo-core" in Path(pages[0]).read_text(encoding="utf-8")
    text = unmasked(log)
    for secret in (SECRET, JOB_TOKEN):
        assert secret not in text
        assert base64.b64encode(secret.encode()).decode().rstrip("=") not in text
    # again: nothing to do, and nothing to set up
    code, log = agent.run(node, repository, **inputs)
    assert (code, outputs(log)["changed"]) == (0, "false"), log
    assert "Set up wheelstep" not in log
    assert git(origin, "rev-parse", "main") == given["commit"]


def test_a_wrong_input_fails_the_task(agent: Agent, node24: Path, tmp_path: Path) -> None:
    repository = sample_repository(tmp_path / "repository")
    code, log = agent.run(node24, repository, pin="nonsense")
    assert code == 2, log
    assert "##vso[task.logissue type=error;" in log
    assert outputs(log)["exitCode"] == "2"
    last = log.splitlines()[-1]
    assert last.startswith("##vso[task.complete result=Failed;]wheelstep ended with exit code 2")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals to send")
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_canceled_job(agent: Agent, node24: Path, tmp_path: Path, stop: signal.Signals) -> None:
    repository = sample_repository(tmp_path / "repository")
    inputs = {"packages": "packages/*", "publishTo": str(tmp_path / "index"), "serveUrl": SERVED}
    core = repository / "packages" / "core"
    started = tmp_path / "started"
    (core / "slow.py").write_text(
        "import pathlib, time\n"
        "def build_wheel(*_):\n"
        f"    pathlib.Path({str(started)!r}).touch()\n"
        "    time.sleep(600)\n"
    )
    (core / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "slow"\nbackend-path = ["."]\n'
        '[project]\nname = "acme-demo-core"\nversion = "2"\n'
    )
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--message", "slow")
    with agent.start(node24, repository, **inputs) as child:
        try:
            wait_for(started, child)
            child.send_signal(stop)  # to the shim alone, as the agent does
            log = child.communicate(timeout=30)[0]
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
    assert child.returncode == 128 + stop, log
    assert not list((tmp_path / "index").rglob("*.whl"))


def wait_for(path: Path, child: subprocess.Popen[str]) -> None:
    """Wait until the build back end runs, or the task has ended without it."""
    while not path.exists():
        try:
            child.wait(timeout=0.05)
        except subprocess.TimeoutExpired:
            continue
        assert child.stdout is not None
        raise AssertionError(child.stdout.read())


def test_without_a_python_it_says_what_to_do(agent: Agent, node24: Path, tmp_path: Path) -> None:
    environment = agent.environment({}) | {"PATH": str(tmp_path)}
    done = subprocess.run(
        [node24, agent.task / "shim.js"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 8
    assert done.stdout.startswith("##vso[task.complete result=Failed;]wheelstep needs Python 3.11")
    assert "%0AAdd the task UsePythonVersion@0" in done.stdout


def test_the_agents_tools_come_before_path(agent: Agent, node24: Path, tmp_path: Path) -> None:
    probe = (
        "const { candidates } = require(process.argv[1]);"
        "console.log(JSON.stringify([...candidates(process.env)]));"
    )
    for name in ("3.12.9", "3.13.9", "3.13.10", "3.9.1", "3.14.0-rc.1"):
        folder = tmp_path / "Python" / name
        (folder / "x64").mkdir(parents=True)
        (folder / "x64.complete").touch()
    (tmp_path / "Python" / "3.13.11" / "x64").mkdir(parents=True)
    done = subprocess.run(
        [node24, "-e", probe, agent.task / "shim.js"],
        env={**os.environ, "AGENT_TOOLSDIRECTORY": str(tmp_path), "PYTHONLOCATION": "chosen"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = [" ".join(row) for row in json.loads(done.stdout)]
    places = [re.search(r"chosen|3\.\d+\.\d+|^py -3|^python3?$", row) for row in found]
    names = [place[0] for place in places if place]
    assert names[:4] == ["chosen", "3.13.10", "3.13.9", "3.12.9"]
    assert names[-2:] == ["python3", "python"]
    assert "3.9.1" not in names


def test_the_extension_holds_what_the_task_needs_and_no_more(extension: Path) -> None:
    with zipfile.ZipFile(extension) as packed:
        names = set(packed.namelist())
        shipped = packed.read("azure-pipelines-task/requirements/action.txt")
    base = "azure-pipelines-task/"
    assert shipped == (ROOT / "requirements" / "action.txt").read_bytes()
    sources = {
        base + path.relative_to(ROOT).as_posix()
        for path in (ROOT / "src" / "wheelstep").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    others = {"task.json", "shim.js", "LICENSE", "action/bootstrap.py", "requirements/uv.txt",
              "requirements/action.txt"}  # fmt: skip
    files = {name for name in names if name.startswith(base) and not name.endswith("/")}
    assert files == sources | {base + name for name in others}


def test_no_program_of_the_present_folder_is_started_on_windows(
    agent: Agent, node24: Path, tmp_path: Path
) -> None:
    for folder in ("checkout", "tools"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "python.exe").touch()
    probe = (
        "const { onPath } = require(process.argv[1]);"
        "console.log(JSON.stringify([...onPath('python.exe', { Path: process.argv[2] })]));"
    )
    path = os.pathsep.join(["", ".", str(tmp_path / "tools")])
    done = subprocess.run(
        [node24, "-e", probe, agent.task / "shim.js", path],
        cwd=tmp_path / "checkout", capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert json.loads(done.stdout) == [[str(tmp_path / "tools" / "python.exe")]]
