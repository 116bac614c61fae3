"""A run with nothing to do costs next to nothing."""

from __future__ import annotations

import json
from pathlib import Path

from tests.packages.wheel_kit import wheel
from tests.release.kit import Repo
from tests.release.samples import setuptools

HEAVY = ("azure", "msrest", "twine", "requests", "urllib3", "rich", "github", "build", "uv",
         "keyring", "cryptography")  # fmt: skip


def heavy(said: str) -> set[str]:
    """The heavy packages among what `-X importtime` lists on standard error."""
    listed = {
        line.rpartition("|")[2].strip().partition(".")[0]
        for line in said.splitlines()
        if line.startswith("import time:")
    }
    assert "wheelstep" in listed, said[:500]
    return listed & set(HEAVY)


def test_help_and_a_run_with_nothing_to_do_import_nothing_heavy(monorepo: Repo) -> None:
    for arguments in (
        ["--version"],
        ["--help"],
        ["release", "--help"],
        ["release", "--json"],
        ["plan", "--json"],
    ):
        code, out, said = monorepo.run(arguments, python=("-X", "importtime"))
        assert code == 0, said
        assert out
        if "--json" in arguments:
            assert json.loads(out)["status"] == "nothing-to-do"
        assert heavy(said) == set(), arguments
    # this would see one
    code, out, said = monorepo.run(
        ["release", "--json", "--publish-to", "index+http://127.0.0.1:9/"],
        python=("-X", "importtime"),
    )
    assert heavy(said) & {"requests", "urllib3"}


def git_calls(repo: Repo, trace: Path) -> list[list[str]]:
    """Return the git commands of a release that has nothing to do."""
    ran = repo.release(extra={"GIT_TRACE2_EVENT": str(trace)})
    assert ran.status == "nothing-to-do"
    assert set(ran.packages.values()) == {"unchanged"}
    events = [json.loads(line) for line in trace.read_text(encoding="utf-8").splitlines()]
    return [event["argv"][1:] for event in events if event["event"] == "start"]


def test_a_hundred_packages_take_a_handful_of_git_calls(monorepo: Repo, tmp_path: Path) -> None:
    few = git_calls(monorepo, tmp_path / "few.json")
    names = [f"acme-p{number}" for number in range(100)]
    files: dict[str, str | bytes | None] = {
        "wheelstep.toml": 'packages = ["packages/*"]\npublish-to = ["../index"]\n'
        'commit = "local"\nrehearse = "off"\n',
        "conda.yml": "dependencies:\n  - python=3.11\n  - pip:\n"
        + "".join(f"      - {name}\n" for name in names),
        ".gitignore": "/dist/\n",
    }
    for name in names:
        files |= setuptools(name, f"packages/{name}/")
    repo = Repo.create(tmp_path / "many", files)
    (repo.root / "dist").mkdir()
    for name in names:
        wheel(repo.root / "dist", name=name.replace("-", "_"), version="1.0.0")
    first = repo.release("--prebuilt")
    assert list(first.published.values()) == [["uploaded"]] * 100
    assert repo.read("conda.yml").count("==1.0.0") == 100
    many = git_calls(repo, tmp_path / "many.json")
    assert [call[0] for call in many] == [call[0] for call in few]
    assert 0 < len(many) <= 14, many
