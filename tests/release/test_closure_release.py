"""Whole releases of packages that need one another, and definitions that name some of them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.release.kit import Repo, everything, pip_download, served
from tests.release.samples import AZUREML, CONDA, MONOREPO, setuptools
from wheelstep.destinations.layout import path_of
from wheelstep.lock import FILE

FEATURES = "packages/features/pyproject.toml"
REQUIRED = ["Acme_Core>=0.5", 'packaging; sys_platform == "plan9"']
LINE = "      - acme-core==1.0.0  # needed by acme-features\n"


def depending(*requires: str) -> dict[str, str]:
    """acme-features, which needs something."""
    files = setuptools("acme-features", "packages/features/", "2.0.0")
    files[FEATURES] = files[FEATURES].replace(
        'version = "2.0.0"\n', f'version = "2.0.0"\n            dependencies = {list(requires)}\n'
    )
    return files


FILES = {
    **setuptools("acme-core", "packages/core/"),
    **depending("Acme_Core >= 0.5", "packaging; sys_platform == 'plan9'"),
    "wheelstep.toml": MONOREPO["wheelstep.toml"],
    ".gitignore": "/dist/\n",
    AZUREML: MONOREPO[AZUREML],
    CONDA: """\
        dependencies:
          - python=3.11
          - pip
          - pip:
              - acme-features
              - wheel==0.45.1
        """,
}


@pytest.fixture(scope="module")
def _released(tmp_path_factory: pytest.TempPathFactory) -> Repo:
    repo = Repo.create(tmp_path_factory.mktemp("closure") / "place", FILES)
    repo.release("--rehearse", "off")
    return repo


@pytest.fixture
def released(_released: Repo, tmp_path: Path) -> Repo:
    return _released.copy(tmp_path / "place")


def lock(repo: Repo) -> dict[str, Any]:
    return {block["name"]: block for block in tomllib.loads(repo.read(FILE))["package"]}


def forgetful(repo: Repo) -> None:
    """Bring the record and the definition back to what a release before closure left."""
    text = repo.read(FILE)
    text, count = re.subn(r"^requires = \[(?:\n  .*)*\n?\]\n", "", text, flags=re.MULTILINE)
    assert count == 2
    repo.write({FILE: text.encode(), CONDA: repo.read(CONDA).replace(LINE, "").encode()})
    repo.commit()


def test_what_is_needed_is_pinned_and_recorded(released: Repo) -> None:
    assert f"      - acme-features==2.0.0\n{LINE}      - wheel" in released.read(CONDA)
    assert "version: 8\n" in released.read(AZUREML)
    assert lock(released)["acme-features"]["requires"] == REQUIRED
    before = everything(released)
    ran = released.release()
    assert (ran.status, everything(released)) == ("nothing-to-do", before)
    assert "closure-not-looked-at" not in ran.codes


def test_the_line_rises_like_any_other(released: Repo) -> None:
    released.replace("packages/core/pyproject.toml", '"1.0.0"', '"1.1.0"')
    released.commit()
    ran = released.release("--rehearse", "off")
    assert LINE.replace("1.0.0", "1.1.0") in released.read(CONDA)
    assert "version: 9\n" in released.read(AZUREML)
    pins = [(pin["name"], pin["from"]) for pin in ran.definition(CONDA)["pins"]]
    assert pins == [("acme-core", "acme-core==1.0.0")]


def test_a_definition_that_names_only_an_unchanged_package_gets_its_line(released: Repo) -> None:
    released.write({"new/conda.yml": "dependencies:\n- pip: [acme_features==2.0.0]\n"})
    released.commit()
    ran = released.wheelstep("plan")
    assert ran.code == 0, ran.said
    assert (
        "+- pip: [acme_features==2.0.0, acme-core==1.0.0]"
        in (ran.definition("new/conda.yml")["diff"])
    )
    ran = released.release("--rehearse", "off")
    assert set(ran.packages.values()) == {"unchanged"}
    assert released.read("new/conda.yml").endswith("[acme_features==2.0.0, acme-core==1.0.0]\n")
    assert ran.problem("pin-added")["file"] == "new/conda.yml"


def test_a_record_that_does_not_say_is_made_up_for(released: Repo) -> None:
    recorded = released.read(FILE)
    forgetful(released)
    ran = released.release("--rehearse", "off")
    assert set(ran.packages.values()) == {"unchanged"}
    assert LINE in released.read(CONDA)
    # it goes along with the commit that there is anyway
    assert released.read(FILE) == recorded
    assert released.release("--rehearse", "off").status == "nothing-to-do"


def test_an_old_record_alone_is_no_reason_to_commit(released: Repo) -> None:
    forgetful(released)
    released.write({CONDA: released.read(CONDA).replace("      - wheel", f"{LINE}      - wheel")})
    released.commit()
    before = everything(released)
    assert released.release().status == "nothing-to-do"
    assert everything(released) == before


def test_without_a_record_it_ends_the_same(released: Repo) -> None:
    released.write({CONDA: released.read(CONDA).replace(LINE, ""), FILE: None})
    released.commit()
    ran = released.release("--rehearse", "off")
    assert set(ran.packages.values()) == {"built"}
    assert LINE in released.read(CONDA)
    assert lock(released)["acme-features"]["requires"] == REQUIRED


def test_where_the_wheels_are_gone_it_is_said(released: Repo) -> None:
    forgetful(released)
    ran = released.wheelstep("pin", "--publish-to", "../elsewhere", "--rehearse", "off")
    assert ran.code == 0, ran.said
    told = [one for one in ran.report["problems"] if one["code"] == "closure-not-looked-at"]
    assert [one["severity"] for one in told] == ["notice"]
    assert "acme-features 2.0.0" in told[0]["message"]
    assert "acme-core" not in released.read(CONDA)


def test_the_command_pin_and_the_switch(released: Repo) -> None:
    released.write({CONDA: released.read(CONDA).replace(LINE, "")})
    released.commit()
    assert released.release("--no-closure", "--rehearse", "off").status == "nothing-to-do"
    ran = released.wheelstep("pin", "--rehearse", "off")
    assert ran.code == 0, ran.said
    assert LINE in released.read(CONDA)


def test_a_plan_does_not_guess_what_a_new_wheel_needs(released: Repo) -> None:
    released.replace(FEATURES, '"2.0.0"', '"2.1.0"')
    released.commit()
    ran = released.wheelstep("plan")
    assert ran.code == 0, ran.said
    assert "known after build" in ran.problem("closure-not-looked-at")["message"]


def test_by_url_and_pip_takes_it(tmp_path: Path) -> None:
    files = FILES | {"requirements.txt": "acme-features\n"}
    repo = Repo.create(tmp_path / "place", files)
    with served(repo.index) as url:
        ran = repo.release("--serve-url", url, "--pin", "url", "--rehearse", "off")
        file = "acme_core-1.0.0-py3-none-any.whl"
        line = f"acme-core @ {url}{path_of(file)}#sha256={ran.hashes[file]}"
        assert repo.read("requirements.txt").splitlines()[1] == f"{line}  # needed by acme-features"
        assert f"- {line}  # needed by acme-features\n" in repo.read(CONDA)
        fetched = pip_download(
            tmp_path / "fetched", "--no-index", "--no-cache-dir",
            "--requirement", str(repo.root / "requirements.txt"),
            environment=repo.environment,
        )  # fmt: skip
        assert fetched == [file, "acme_features-2.0.0-py3-none-any.whl"]


def test_keep_ranges_says_what_it_means(released: Repo) -> None:
    released.replace(CONDA, "acme-features==2.0.0", "acme-features>=2")
    released.commit()
    ran = released.release("--keep-ranges", "--rehearse", "off")
    assert ran.status == "nothing-to-do"
    told = ran.problem("range-kept")
    assert (told["severity"], told["file"], told["line"]) == ("warning", CONDA, 5)
