"""The environment that the action and the task make: real pip, uv and index, with a stand-in for
wheelstep that says what it was given, and one dependency to be quick."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.step.support import ROOT, SECRET, host_environment

SAYS = """\
import json, os, sys
import packaging, wheelstep
seen = {"arguments": sys.argv[1:], "input": os.environ.get("INPUT_FEED_TOKEN"),
        "packaging": packaging.__file__, "wheelstep": wheelstep.__file__, "python": sys.executable,
        "utf8": sys.flags.utf8_mode}
print("says " + json.dumps(seen))
sys.exit(7)
"""


def small_product(folder: Path) -> Path:
    shutil.copytree(ROOT / "action", folder / "action")
    package = folder / "src" / "wheelstep"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(SAYS)
    (folder / "requirements").mkdir()
    shutil.copy2(ROOT / "requirements" / "uv.txt", folder / "requirements")
    locked = (ROOT / "requirements" / "action.txt").read_text(encoding="utf-8")
    uv = re.search(r"(?ms)^uv==.*?(?=^\S|\Z)", locked)
    packaging = re.search(r"(?ms)^packaging==.*?(?=^\S|\Z)", locked)
    assert uv
    assert packaging
    (folder / "requirements" / "action.txt").write_text(packaging[0] + uv[0])
    return folder


class Job:
    """One job on a host: a temporary folder that its steps share."""

    def __init__(self, folder: Path, caches: dict[str, str]) -> None:
        self.product = small_product(folder / "product")
        self.temp = folder / "temp"
        self.temp.mkdir()
        self.repository = folder / "repository"
        self.repository.mkdir()
        self.environment = host_environment(
            folder / "home", caches, {"GITHUB_ACTIONS": "true", "RUNNER_TEMP": str(self.temp)}
        )

    def start(self, **more: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-I", self.product / "action" / "bootstrap.py", "release", "--json"],
            cwd=self.repository,
            env=self.environment | more,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def step(self, **more: str) -> tuple[int, str]:
        with self.start(**more) as child:
            text = child.communicate()[0]
        return child.returncode, text

    def environments(self) -> list[Path]:
        return [path for path in self.temp.iterdir() if path.is_dir()]


@pytest.fixture
def job(tmp_path: Path, caches: dict[str, str]) -> Job:
    return Job(tmp_path, caches)


def said(text: str) -> dict[str, object]:
    found = re.search(r"(?m)^says (.*)$", text)
    assert found, text
    loaded: dict[str, object] = json.loads(found[1])
    return loaded


def test_one_environment_for_all_steps_of_a_job(job: Job) -> None:
    # files of the repository must not stand in for anything that is imported
    for name in ("packaging", "wheelstep", "venv", "pip", "ast"):
        (job.repository / f"{name}.py").write_text("raise SystemExit('of the repository')")
    code, text = job.step(
        INPUT_FEED_TOKEN=SECRET, PYTHONPATH=str(job.repository), UV_EXCLUDE_NEWER="2001-01-01"
    )
    assert code == 7, text
    first = said(text)
    assert first["arguments"] == ["release", "--json"]
    assert first["input"] == SECRET
    assert first["utf8"] == 1
    [folder] = job.environments()
    for what in ("packaging", "wheelstep", "python"):
        assert str(first[what]).startswith(str(folder))
    assert text.startswith("::group::Set up wheelstep\n")
    # the second step makes nothing and fetches nothing; it may do something else
    code, text = job.step(
        PIP_NO_INDEX="1", UV_OFFLINE="1", INPUT_COMMAND=" connect\n--rotate $(id)"
    )
    assert code == 7
    assert text.startswith("says ")
    assert said(text)["arguments"] == ["connect", "--rotate", "$(id)"]
    # another state of the action gets another environment
    (job.product / "src" / "wheelstep" / "more.py").touch()
    code, text = job.step()
    assert code == 7
    assert len(job.environments()) == 2
    written = {path.name for path in job.product.rglob("__pycache__")}
    assert not written, "nothing is written beside the action"


def test_a_file_with_another_hash_is_not_installed(job: Job) -> None:
    for name in ("uv.txt", "action.txt"):
        lock = job.product / "requirements" / name
        text = lock.read_text()
        lock.write_text(re.sub(r"sha256:\w{8}", "sha256:00000000", text))
        code, output = job.step()
        assert code == 8
        assert "says" not in output
        annotation = [line for line in output.splitlines() if line.startswith("::error")]
        assert len(annotation) == 1
        assert "while fetching" in annotation[0]
        lock.write_text(text)
    assert not list(job.temp.glob("*.txt")), "what failed must not count as finished"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to send")
@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_stopped_installation_is_made_anew(job: Job, stop: signal.Signals) -> None:
    with job.start() as child:
        assert child.stdout is not None
        for line in child.stdout:
            if line.startswith("Python "):
                break  # the installation has begun
        child.send_signal(stop)
        child.communicate()
    assert child.returncode == (-stop if stop is signal.SIGKILL else 128 + stop)
    assert not list(job.temp.glob("*.txt"))
    if stop is signal.SIGKILL:
        assert job.step()[0] == 7


def test_uv_asks_where_pip_is_configured_to_and_says_no_credentials(job: Job) -> None:
    index = f"http://reader:{SECRET.replace('/', '%2F')}@127.0.0.1:1/simple/"
    code, text = job.step(PIP_INDEX_URL=index, PIP_RETRIES="0")
    assert code == 8
    assert "127.0.0.1" in text
    assert SECRET not in text
    assert "s3cret" not in text
    config = job.temp / "pip.conf"
    config.write_text(f"[install]\nextra-index-url =\n    {index}\n    {index}again\n")
    probe = (
        "import runpy, json, sys\n"
        "module = runpy.run_path(sys.argv[1])\n"
        "print(json.dumps(module['_index_of_pip']([sys.executable, '-m', 'pip'])))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe, job.product / "action" / "bootstrap.py"],
        env=job.environment | {"PIP_CONFIG_FILE": str(config), "PIP_INDEX_URL": index},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    given = json.loads(done.stdout)
    assert given["UV_DEFAULT_INDEX"] == index
    assert given["UV_INDEX"] == f"{index} {index}again"
    assert given["UV_INDEX_STRATEGY"] == "unsafe-best-match"


def test_output_of_others_is_no_command(job: Job) -> None:
    lock = job.product / "requirements" / "uv.txt"
    lock.write_text("a==1 \\\n    --hash=sha256:x ##vso[task.complete] ##[add-path]/x\n")
    code, text = job.step(TF_BUILD="True", GITHUB_ACTIONS="")
    assert code == 8
    assert [line[:24] for line in text.splitlines() if "##vso[" in line] == [
        "##vso[task.logissue type"
    ]
    assert text.count("##[") == 2  # the group


def test_an_old_python_is_told_so(tmp_path: Path) -> None:
    script = (ROOT / "action" / "bootstrap.py").read_text(encoding="utf-8")
    (tmp_path / "old.py").write_text(script.replace("OLDEST = (3, 11)", "OLDEST = (9, 0)"))
    done = subprocess.run(
        [sys.executable, tmp_path / "old.py"],
        env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 8
    assert done.stdout.startswith("::error title=wheelstep%3A setup::wheelstep needs Python 3.11")
