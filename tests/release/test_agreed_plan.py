"""A plan in one job, somebody's approval, and a release in another job that does exactly that."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from tests.rehearsal.made import make_wheel
from tests.release.kit import Ran, Repo, contents
from tests.release.samples import AZUREML, CONDA, REQUIREMENTS
from tests.stages.plan_kit import SAID_ONLY, mutations
from tests.stages.plan_kit import agreed as agreed_to
from tests.stages.plan_kit import present as as_present
from wheelstep.errors import StepError
from wheelstep.stages.agreed.file import read_plan

PUSH = {"WHEELSTEP_COMMIT": "push", "WHEELSTEP_TAG": "{name}-v{version}"}


@pytest.fixture
def checkout(monorepo: Repo) -> Repo:
    """A checkout of the released monorepo with one new version."""
    monorepo.replace("packages/core/pyproject.toml", '"1.0.0"', '"1.1.0"')
    monorepo.commit()
    monorepo.clone("origin.git", "--bare")
    return replace(monorepo, name="origin.git").clone("checkout")


def plan(repo: Repo, **more: str) -> dict[str, Any]:
    ran = repo.wheelstep("plan", "--out", "../plan/agreed.json", extra=PUSH | more)
    assert (ran.code, ran.status) == (0, "planned"), ran.said
    document: dict[str, Any] = json.loads((repo.place / "plan/agreed.json").read_text())
    return document


def agreed(repo: Repo, **more: str) -> Ran:
    return repo.wheelstep("release", "--plan", "../plan/agreed.json", extra=PUSH | more)


def differences(ran: Ran) -> str:
    assert ran.code == 4, ran.said
    errors = [one for one in ran.report["problems"] if one["severity"] == "error"]
    assert {one["code"] for one in errors} == {"plan-differs"}
    return "\n".join(one["message"] for one in errors)


def test_exactly_what_was_agreed_to_is_released(checkout: Repo) -> None:
    document = plan(checkout)
    assert [one["name"] for one in document["packages"]] == ["acme-core"]
    assert [one["path"] for one in document["definitions"]] == [CONDA, AZUREML, REQUIREMENTS]
    assert document["definitions"][0]["diff"].count("+") > 0
    # the setting is new: what was released before gets a tag, too
    names = ["acme-core-v1.1.0", "acme-features-v2.0.0", "acme-models-v3.0.0"]
    assert [one["name"] for one in document["tags"]] == names
    text = (checkout.place / "plan/agreed.json").read_text()
    assert str(checkout.place) not in text
    assert plan(checkout) == document
    ran = agreed(checkout)
    assert (ran.code, ran.status) == (0, "done"), ran.said
    assert ran.packages["acme-core"] == "built"
    # whoever agreed finds in both jobs which plan that was
    assert ran.report["plan"] == {"file": "agreed.json", "digest": document["digest"]}
    assert f"The plan agreed.json is {document['digest']}." in ran.said
    assert {one["name"] for one in ran.report["tags"]} == set(names)
    # the job is run again, as it is
    again = agreed(checkout)
    assert (again.code, again.status) == (0, "nothing-to-do"), again.said
    # and whoever would have to agree is not asked where there is nothing to do
    assert checkout.wheelstep("plan", extra=PUSH).status == "nothing-to-do"


def move_on(repo: Repo) -> None:
    repo.commit({"packages/core/acme_core/more.py": "x = 1\n"})


def raise_version(repo: Repo) -> None:
    repo.replace("packages/core/pyproject.toml", '"1.1.0"', '"1.2.0"')
    repo.commit()


def new_package(repo: Repo) -> None:
    repo.replace("packages/models/acme_models.py", "3.0.0", "3.1.0")
    repo.commit()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (move_on, "acme-core 1.1.0 has other sources than those agreed to."),
        (raise_version, "acme-core: 1.1.0 is agreed, now it is 1.2.0."),
        (new_package, "acme-models 3.1.0 would be released, and is not in the plan."),
    ],
)
def test_other_sources_are_refused_before_anything_is_built(
    checkout: Repo, change: Callable[[Repo], None], says: str
) -> None:
    plan(checkout)
    before = contents(checkout.index)
    change(checkout)
    checkout.git("push", "--quiet")
    ran = agreed(checkout)
    text = differences(ran)
    assert says in text
    assert "The plan is of the commit" in text
    assert contents(checkout.index) == before
    assert "built" not in ran.packages.values()


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"WHEELSTEP_COMMIT": "local"}, "`commit`: push is agreed, now it is local."),
        ({"WHEELSTEP_TAG": "v-{name}-{version}"}, "is not in the plan: v-acme-core-1.1.0 (commit "),
    ],
)
def test_other_settings_are_refused(checkout: Repo, more: dict[str, str], says: str) -> None:
    plan(checkout)
    assert says in differences(agreed(checkout, **more))


def colleague(checkout: Repo, path: str, old: str, new: str) -> None:
    other = replace(checkout, name="origin.git").clone("colleague")
    other.replace(path, old, new)
    other.commit()
    other.git("push", "--quiet")


def test_what_touches_neither_packages_nor_definitions_may_change_meanwhile(
    checkout: Repo,
) -> None:
    plan(checkout)
    checkout.commit({"notes.md": "Hello\n"})
    checkout.git("push", "--quiet")
    ran = agreed(checkout)
    assert ran.code == 0, ran.said


def test_another_line_of_a_definition_may_not(checkout: Repo) -> None:
    plan(checkout)
    colleague(checkout, CONDA, "name: train  # ours", "name: train  # theirs")
    ran = agreed(checkout)
    assert differences(ran) == "Somebody has changed it since the plan was made."
    assert ran.problem("plan-differs")["file"] == CONDA


def test_a_pinned_line_may_not(checkout: Repo) -> None:
    plan(checkout)
    before = contents(checkout.index)
    colleague(checkout, CONDA, "Acme.Core[fast]==1.0.0", "Acme.Core[fast]==1.0.1")
    ran = agreed(checkout)
    text = differences(ran)
    assert text.startswith("The pins Acme.Core[fast]==1.0.0 ; ")
    assert ", now Acme.Core[fast]==1.0.1 ; " in text
    assert ran.problem("plan-differs")["file"] == CONDA
    assert contents(checkout.index) == before


def test_published_and_killed_it_is_run_again(checkout: Repo) -> None:
    plan(checkout)
    published = checkout.wheelstep("publish", extra={"WHEELSTEP_PUBLISH_TO": "../index"})
    assert published.code in {0, 2}, published.said
    ran = agreed(checkout)
    assert (ran.code, ran.status) == (0, "done"), ran.said


def test_committed_and_killed_before_the_tags_it_is_run_again(checkout: Repo) -> None:
    plan(checkout)
    without = {"WHEELSTEP_TAG": ""}
    assert checkout.wheelstep("release", extra=PUSH | without).code == 0
    ran = agreed(checkout)
    assert ran.code == 0, ran.said
    assert {row["status"] for row in ran.report["tags"]} == {"created"}


def test_whatever_is_changed_in_a_real_plan_is_refused(checkout: Repo, tmp_path: Path) -> None:
    document = plan(checkout)
    path, present = tmp_path / "plan.json", as_present(document)
    read_plan(checkout.place / "plan/agreed.json", "agreed.json").hold(present)
    del document["digest"]
    # each and every one is tried with a smaller plan: tests/stages
    for steps, other in islice(mutations(document), 0, None, 5):
        if steps not in SAID_ONLY:
            with pytest.raises(StepError):
                agreed_to(other, path).hold(present)


def test_what_is_known_after_building_is_held_to_before_anything_is_published(
    checkout: Repo,
) -> None:
    checkout.replace(
        "packages/core/pyproject.toml", 'version = "1.1.0"',
        'version = "1.1.0"\ndependencies = ["acme-models"]',
    )  # fmt: skip
    checkout.commit()
    checkout.git("push", "--quiet")
    plan(checkout)
    before = contents(checkout.index)
    text = differences(ran := agreed(checkout))
    assert ran.packages["acme-core"] == "built"
    assert ",  -> acme-models==3.0.0." in text
    assert text.endswith(" Nothing is published, and nothing is committed.")
    assert contents(checkout.index) == before
    # a plan that sees the wheels knows what they need
    prebuilt = {"WHEELSTEP_PREBUILT": "true"}
    plan(checkout, **prebuilt)
    assert agreed(checkout, **prebuilt, WHEELSTEP_DRY_RUN="true").status == "planned"
    assert agreed(checkout, **prebuilt, WHEELSTEP_DRY_RUN="true", WHEELSTEP_TAG="").code == 4
    ran = agreed(checkout, **prebuilt)
    assert (ran.code, ran.status) == (0, "done"), ran.said


def test_wheels_that_were_there_when_it_was_agreed_to_are_held_to(checkout: Repo) -> None:
    dist = checkout.root / "dist"
    prebuilt = {"WHEELSTEP_PREBUILT": "true"}
    wheel = dist / make_wheel(dist, "acme-core", "1.1.0").file
    document = plan(checkout, **prebuilt)
    assert [one["file"] for one in document["packages"][0]["wheels"]] == [wheel.name]
    before, right = contents(checkout.index), wheel.read_bytes()
    # another one of the same name, here and built by the release itself
    make_wheel(dist, "acme-core", "1.1.0", note="another")
    other = f"acme-core 1.1.0: the wheel {wheel.name} has other content than the one agreed to."
    assert differences(agreed(checkout, **prebuilt, WHEELSTEP_DRY_RUN="true")) == other
    assert differences(agreed(checkout, **prebuilt)) == other
    assert differences(agreed(checkout)) == other
    # one more of a package that is as it was released
    wheel.write_bytes(right)
    more = dist / make_wheel(dist, "acme-models", "3.0.0", tag="py311-none-any").file
    text = "acme-models 3.0.0 has other wheels than those agreed to."
    assert differences(agreed(checkout, **prebuilt)) == text
    # a package whose wheel is not there is not in the plan at all
    more.unlink()
    checkout.replace("packages/models/acme_models.py", "3.0.0", "3.1.0")
    checkout.commit()
    checkout.git("push", "--quiet")
    text = "acme-models 3.1.0 would be released, and is not in the plan."
    assert differences(agreed(checkout, **prebuilt)) == text
    assert contents(checkout.index) == before
    checkout.git("reset", "--quiet", "--hard", "HEAD~1")
    checkout.git("push", "--quiet", "--force")
    ran = agreed(checkout, **prebuilt)
    assert (ran.code, ran.packages["acme-core"]) == (0, "prebuilt"), ran.said


def test_a_matrix_for_other_jobs(checkout: Repo, tmp_path: Path) -> None:
    code, out, said = checkout.run(["plan", "--matrix"], extra=PUSH)
    assert code == 0, said
    row = {"name": "acme-core", "version": "1.1.0", "directory": "packages/core"}
    assert json.loads(out) == {"include": [row]}
    azure = {"TF_BUILD": "True", "BUILD_SOURCEBRANCH": "refs/heads/main",
             "AGENT_TEMPDIRECTORY": str(tmp_path)}  # fmt: skip
    code, out, said = checkout.run(["plan", "--matrix"], extra=PUSH | azure)
    assert code == 0, said
    assert '{"acme_core": ' in out
