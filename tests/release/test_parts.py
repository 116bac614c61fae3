"""Plans, and the commands that are a part of a release."""

from __future__ import annotations

import shutil

import pytest

from tests.release.kit import Repo, contents, everything
from tests.release.samples import AZUREML, CONDA, REQUIREMENTS
from wheelstep.destinations.layout import path_of


@pytest.mark.parametrize("command", [("plan",), ("release", "--dry-run")])
def test_a_plan_changes_nothing_and_says_what_would_be(
    monorepo: Repo, command: tuple[str, ...]
) -> None:
    monorepo.replace("packages/core/pyproject.toml", '"1.0.0"', '"1.1.0"')
    monorepo.commit()
    before = everything(monorepo)
    ran = monorepo.wheelstep(*command)
    assert ran.code == 0, ran.said
    assert everything(monorepo) == before
    assert ran.status == "planned"
    assert ran.packages == {
        "acme-core": "planned",
        "acme-features": "unchanged",
        "acme-models": "unchanged",
    }
    assert [row["version"] for row in ran.report["packages"]] == ["1.1.0", "2.0.0", "3.0.0"]
    assert "Acme.Core[fast]==1.1.0" in ran.definition(CONDA)["diff"]
    assert ran.definition(AZUREML)["environment"]["to"] == "9"
    assert ran.report["commit"]["status"] == "planned"
    assert {row["status"] for row in ran.report["rehearsals"]} == {"skipped"}
    # what was planned is what comes
    done = monorepo.release()
    assert [row["diff"] for row in done.report["definitions"]] == [
        row["diff"] for row in ran.report["definitions"]
    ]


def test_a_plan_of_nothing(monorepo: Repo) -> None:
    before = everything(monorepo)
    ran = monorepo.wheelstep("plan")
    assert (ran.code, ran.status) == (0, "nothing-to-do")
    assert everything(monorepo) == before


def test_a_plan_before_the_first_release_makes_no_folder(unreleased: Repo) -> None:
    before = everything(unreleased)
    ran = unreleased.wheelstep("plan")
    assert (ran.code, ran.status) == (0, "planned")
    assert set(ran.packages.values()) == {"planned"}
    assert everything(unreleased) == before
    assert not unreleased.index.exists()
    assert not (unreleased.root / "dist").exists()


def test_build_then_publish_then_pin(unreleased: Repo) -> None:
    head = unreleased.head
    built = unreleased.wheelstep("build")
    assert (built.code, built.status) == (0, "done"), built.said
    dist = contents(unreleased.root / "dist")
    assert {file: digest for file, digest in dist.items() if file != ".gitignore"} == built.hashes
    assert not unreleased.index.exists()
    assert unreleased.git("status", "--porcelain") == ""

    published = unreleased.wheelstep("publish")
    assert published.code == 0, published.said
    assert set(published.packages.values()) == {"prebuilt"}
    assert all(statuses == ["uploaded"] for statuses in published.published.values())
    assert published.hashes == built.hashes
    assert unreleased.head == head
    assert unreleased.git("status", "--porcelain") == ""

    nothing = unreleased.clone("elsewhere").wheelstep("pin", "--publish-to", "../other")
    assert nothing.code == 2
    assert "wheelstep release" in nothing.problem("nothing-released")["cure"]
    pinned = unreleased.wheelstep("pin")
    assert pinned.code == 0, pinned.said
    assert pinned.report["commit"]["status"] == "local"
    assert unreleased.git("rev-parse", "HEAD^") == head
    assert "acme_features==2.0.0" in unreleased.read(CONDA)
    assert "acme-models==3.0.0" in unreleased.read(REQUIREMENTS)
    unknown = unreleased.wheelstep("pin", "acme-core==7.0")
    assert unknown.code == 2
    assert "1.0.0" in unknown.problem("not-released")["message"]

    # a release finds all of it done, but for the record
    index = contents(unreleased.index)
    ran = unreleased.release()
    assert all(statuses == ["identical"] for statuses in ran.published.values())
    assert contents(unreleased.index) == index
    assert unreleased.git("show", "--name-only", "--format=").split() == ["wheelstep.lock"]
    assert unreleased.release().status == "nothing-to-do"


def test_pin_without_names_takes_what_the_record_says_and_takes_a_version_back(
    monorepo: Repo,
) -> None:
    monorepo.replace("packages/core/pyproject.toml", '"1.0.0"', '"1.1.0"')
    monorepo.commit()
    monorepo.release()
    back = monorepo.wheelstep("pin", "acme-core==1.0.0")
    assert back.code == 0, back.said
    assert back.status == "done"
    assert "pin-lowered" in back.codes
    assert "Acme.Core[fast]==1.0.0" in monorepo.read(CONDA)
    assert "version: 10\n" in monorepo.read(AZUREML)
    monorepo.replace("packages/core/pyproject.toml", '"1.1.0"', '"1.2.0"')
    monorepo.commit()
    forth = monorepo.wheelstep("pin")
    assert "1.2.0" in forth.problem("not-published")["message"]
    assert forth.code == 0, forth.said
    assert "Acme.Core[fast]==1.1.0" in monorepo.read(CONDA)
    assert (monorepo.wheelstep("pin").status, monorepo.wheelstep("pin").code) == (
        "nothing-to-do",
        0,
    )


def test_wheels_that_other_jobs_built(unreleased: Repo) -> None:
    builder = unreleased.clone("builder")
    assert builder.wheelstep("build").code == 0
    target = unreleased.root / "dist"
    shutil.copytree(builder.root / "dist", target)
    wheel = target / "acme_core-1.0.0-py3-none-any.whl"
    aside = wheel.rename(unreleased.place / wheel.name)
    missing = unreleased.wheelstep("release", "--prebuilt")
    assert missing.code == 3
    assert "acme-core" in missing.report["problems"][-1]["message"]
    assert not unreleased.index.exists()
    aside.rename(wheel)
    ran = unreleased.release("--prebuilt")
    assert set(ran.packages.values()) == {"prebuilt"}
    assert all(statuses == ["uploaded"] for statuses in ran.published.values())
    assert unreleased.release().status == "nothing-to-do"
    assert unreleased.release("--prebuilt").status == "nothing-to-do"


def test_rehearse_alone(monorepo: Repo) -> None:
    before = everything(monorepo)
    ran = monorepo.wheelstep("rehearse")
    assert ran.code == 0, ran.said
    assert {row["path"]: row["status"] for row in ran.report["rehearsals"]} == {
        CONDA: "resolved",
        REQUIREMENTS: "resolved",
    }
    assert everything(monorepo) == before
    monorepo.commit({REQUIREMENTS: "acme-models==3.0.0\nacme-core==9.9.9\n"})
    ran = monorepo.wheelstep("rehearse")
    assert ran.code == 7
    problem = ran.report["problems"][-1]
    assert (problem["file"], problem["line"]) == (REQUIREMENTS, 2)
    assert "9.9.9" in problem["message"]


def test_a_definition_that_would_not_resolve_stops_the_release_before_it_publishes(
    unreleased: Repo,
) -> None:
    extras = "[project.optional-dependencies]"
    needs = f'dependencies = ["acme-models<3"]\n{extras}'
    unreleased.replace("packages/core/pyproject.toml", extras, needs)
    head = unreleased.commit()
    ran = unreleased.wheelstep("release")
    assert ran.code == 7, ran.said
    assert "acme-models" in ran.report["problems"][-1]["message"]
    assert not unreleased.index.exists()
    assert unreleased.head == head


def test_a_released_version_is_copied_to_a_second_index(monorepo: Repo) -> None:
    both = {"WHEELSTEP_PUBLISH_TO": "../index\n../second"}
    ran = monorepo.wheelstep("publish", "acme-core==1.0.0", extra=both)
    assert (ran.code, ran.status) == (0, "done"), ran.said
    assert list(ran.published.values()) == [["identical", "copied"]]
    (name,) = ran.published
    first, second = (monorepo.place / folder / path_of(name) for folder in ("index", "second"))
    assert second.read_bytes() == first.read_bytes()
    assert [path.name for path in second.parent.glob("*.whl")] == [name]
    unknown = monorepo.wheelstep("publish", "acme-core==9.9", extra=both)
    assert (unknown.code, unknown.problem("not-released")["exit_code"]) == (2, 2)
