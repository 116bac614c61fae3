"""What a release writes into the definitions."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from tests.release.kit import Repo, contents, everything, pip_download, served
from tests.release.samples import AZUREML, CONDA, REQUIREMENTS
from wheelstep.commands.released import named_versions, one_of_each
from wheelstep.destinations.layout import path_of
from wheelstep.errors import SettingError
from wheelstep.stages.definitions import MANY

CORE = "acme_core-1.0.0-py3-none-any.whl"
FEATURES = "acme_features-2.0.0-py2.py3-none-any.whl"
MODELS = "acme_models-3.0.0-py2.py3-none-any.whl"


def test_two_versions_of_one_package_are_refused() -> None:
    one_of_each(named_versions(["acme-core==1.0", "Acme_Core==1.0.0", "acme-models==1"]))
    with pytest.raises(SettingError, match=r"Both acme-core==1.0 and acme-core==2.0 are"):
        one_of_each(named_versions(["acme-core==1.0", "acme.core==2.0"]))


def test_extras_markers_comments_and_spelling_survive(monorepo: Repo) -> None:
    lines = monorepo.read(CONDA).splitlines()
    assert lines[0] == "name: train  # ours"
    assert lines[-2:] == [
        """      - 'Acme.Core[fast]==1.0.0 ; python_version >= "3.8"'   # with an extra""",
        "      - acme_features==2.0.0",
    ]
    models, core = monorepo.read(REQUIREMENTS).splitlines()
    assert models == "acme-models==3.0.0  # the model"
    assert core.replace(" ", "") == "acme-core==1.0.0;python_version<'4'"


def test_the_version_of_an_environment_rises_once_with_each_change(monorepo: Repo) -> None:
    assert "version: 8\n" in monorepo.read(AZUREML)
    assert monorepo.release().status == "nothing-to-do"
    assert "version: 8\n" in monorepo.read(AZUREML)
    # the environment does not use this one
    monorepo.replace("packages/models/acme_models.py", "3.0.0", "3.1.0")
    monorepo.commit()
    ran = monorepo.release()
    assert ran.definition(AZUREML)["status"] == "unchanged"
    assert "version: 8\n" in monorepo.read(AZUREML)
    monorepo.replace("packages/core/pyproject.toml", '"1.0.0"', '"1.1.0"')
    monorepo.commit()
    ran = monorepo.release()
    row = ran.definition(AZUREML)
    assert row["environment"] == {"name": "acme-train", "from": "8", "to": "9", "registered": []}
    assert row["followed"] == [CONDA]
    assert row["diff"].splitlines()[5:7] == ["-version: 8", "+version: 9"]
    assert [pin["name"] for pin in ran.definition(CONDA)["pins"]] == ["acme-core"]


def test_a_dated_version_takes_the_day_of_the_commit_and_references_follow(
    monorepo: Repo,
) -> None:
    monorepo.replace(AZUREML, "version: 8", "version: 2024-01-05")
    job = "type: command\ncommand: python train.py\nenvironment: azureml:acme-train:2024-01-05\n"
    monorepo.replace("packages/core/pyproject.toml", '"1.0.0"', '"1.1.0"')
    # with so many files git is asked first which are worth reading
    monorepo.write({f"data/{number}.yml": "rows: 1\n" for number in range(MANY)})
    day = dt.datetime.fromtimestamp(
        int(monorepo.git("log", "-1", "--format=%ct", monorepo.commit({"jobs/train.yml": job}))),
        dt.UTC,
    ).date()
    ran = monorepo.release()
    assert f"version: '{day}'\n" in monorepo.read(AZUREML)
    assert monorepo.read("jobs/train.yml") == job.replace("2024-01-05", str(day))
    row = ran.definition("jobs/train.yml")
    assert (row["status"], row["pins"], row["followed"]) == ("changed", [], [AZUREML])
    assert "jobs/train.yml" in monorepo.git("show", "--stat=200", "--format=", "HEAD")
    assert monorepo.release().status == "nothing-to-do"


def test_a_folder_of_this_machine_is_never_named(monorepo: Repo) -> None:
    for path in (CONDA, REQUIREMENTS):
        text = monorepo.read(path)
        assert "index-url" not in text
        assert "find-links" not in text
        assert str(monorepo.place) not in text


def test_the_index_is_added_where_it_is_served(monorepo: Repo, tmp_path: Path) -> None:
    with served(monorepo.index) as url:
        ran = monorepo.release("--serve-url", url)
        assert "folder-not-served" not in ran.codes
        assert set(ran.packages.values()) == {"unchanged"}
        assert f"      - --extra-index-url {url}simple/\n" in monorepo.read(CONDA)
        assert monorepo.read(REQUIREMENTS).startswith(f"--extra-index-url {url}simple/\n")
        assert "version: 9\n" in monorepo.read(AZUREML)
        head = monorepo.head
        assert monorepo.release("--serve-url", url).status == "nothing-to-do"
        assert monorepo.head == head
        fetched = pip_download(
            tmp_path / "fetched", "--no-deps", "--no-cache-dir",
            "--requirement", str(monorepo.root / REQUIREMENTS),
            environment=monorepo.environment,
        )  # fmt: skip
        assert fetched == [CORE, MODELS]


@pytest.mark.parametrize(("style", "start"), [("url", "unreleased"), ("bare-url", "monorepo")])
def test_pins_by_url(
    request: pytest.FixtureRequest, tmp_path: Path, style: str, start: str
) -> None:
    repo: Repo = request.getfixturevalue(start)
    with served(repo.index) as url:
        ran = repo.release("--serve-url", url, "--pin", style)
        wheels = {
            file: f"{url}{path_of(file)}#sha256={digest}" for file, digest in ran.hashes.items()
        }
        lines = [line.strip() for line in repo.read(CONDA).splitlines()[-2:]]
        requirements = repo.read(REQUIREMENTS).splitlines()
        if style == "url":
            core, _, comment = lines[0].partition("   # ")
            assert core == f"""- 'Acme.Core[fast] @ {wheels[CORE]} ; python_version >= "3.8"'"""
            assert comment == "with an extra"
            assert lines[1] == f"- acme_features @ {wheels[FEATURES]}"
            assert requirements[0] == f"acme-models @ {wheels[MODELS]}  # the model"
        else:
            assert FEATURES in lines[1]
            assert "@" not in lines[1]
            assert requirements[0].startswith(f"{url}{path_of(MODELS)}")
        assert "index-url" not in repo.read(CONDA) + repo.read(REQUIREMENTS)
        head, index = repo.head, contents(repo.index)
        again = repo.release("--serve-url", url, "--pin", style)
        assert again.status == "nothing-to-do"
        assert (repo.head, contents(repo.index)) == (head, index)
        fetched = pip_download(
            tmp_path / "fetched", "--no-deps", "--no-cache-dir", "--no-index",
            "--requirement", str(repo.root / REQUIREMENTS),
            environment=repo.environment,
        )  # fmt: skip
        assert fetched == [CORE, MODELS]


@pytest.mark.parametrize(
    "command", [("release",), ("plan",), ("pin",), ("pin", "acme-core==1.0.0")]
)
def test_pins_by_url_need_a_url(monorepo: Repo, command: tuple[str, ...]) -> None:
    monorepo.replace("packages/core/pyproject.toml", '"1.0.0"', '"1.1.0"')
    monorepo.commit()
    before = everything(monorepo)
    ran = monorepo.wheelstep(*command, "--pin", "url")
    assert ran.code == 2, ran.said
    assert "serve-url" in ran.problem("folder-not-served")["cure"]
    assert everything(monorepo) == before


@pytest.mark.parametrize(
    "names", [(), ("acme-models==3.0", "Acme.Core==1.0.0", "acme_features==2.0.0")]
)
def test_the_command_pin_writes_the_url_that_consumers_read(
    monorepo: Repo, names: tuple[str, ...]
) -> None:
    with served(monorepo.index) as url:
        ran = monorepo.wheelstep("pin", *names, "--serve-url", url, "--pin", "url")
        assert ran.code == 0, ran.said
        line = f"acme-models @ {url}{path_of(MODELS)}#sha256="
        assert monorepo.read(REQUIREMENTS).startswith(line)
        assert f"acme_features @ {url}{path_of(FEATURES)}#sha256=" in monorepo.read(CONDA)
        assert str(monorepo.place) not in monorepo.git("show")
