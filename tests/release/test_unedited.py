"""Definitions that name a new package and need no edit are proved like those that are edited."""

from __future__ import annotations

import shutil

import pytest

from tests.rehearsal.made import make_wheel
from tests.release.kit import Ran, Repo, served
from tests.release.samples import CONDA, REQUIREMENTS
from tests.release.test_served import raised, served_otherwise

RANGE = ("'Acme.Core[fast]==1.0.0 ;", "'Acme.Core[fast]>=0.5 ;")
BY_HAND = ("'Acme.Core[fast]==1.0.0 ;", "'Acme.Core[fast]==1.1.0 ;")
WAYS = {"a range that stays": RANGE, "pinned by hand": BY_HAND}


def prepared(repo: Repo, url: str, way: tuple[str, str]) -> Repo:
    """Let the definitions name the index and a new version without any need of an edit."""
    repo.release("--serve-url", url)
    repo.replace(CONDA, *way)
    repo.replace(REQUIREMENTS, "acme-core == 1.0.0", "acme-core == 1.1.0")
    return raised(repo)


def nowhere(repo: Repo) -> None:
    """Let a definition need what no index has."""
    before = "acme_features==2.0.0"
    repo.replace(CONDA, before, f"{before}\n      - acme-nowhere")
    repo.commit()


def verdicts(ran: Ran) -> dict[str, str]:
    return {row["path"]: row["status"] for row in ran.report["rehearsals"]}


@pytest.mark.parametrize("way", WAYS)
def test_what_needs_no_edit_is_rehearsed_before_and_as_it_is_served(
    monorepo: Repo, way: str
) -> None:
    with served(monorepo.index) as url:
        options = ("--serve-url", url, "--keep-ranges")
        prepared(monorepo, url, WAYS[way])
        planned = monorepo.wheelstep("plan", *options)
        assert planned.code == 0, planned.said
        assert verdicts(planned) == {CONDA: "skipped", REQUIREMENTS: "skipped"}
        ran = monorepo.release(*options)
        assert ran.definition(CONDA)["status"] == "unchanged"
        assert verdicts(ran) == {CONDA: "resolved", REQUIREMENTS: "resolved"}
        for said in ("resolved for", "resolved (as it is served now) for"):
            assert f"{CONDA}: {said}" in ran.said
            assert f"{REQUIREMENTS}: {said}" in ran.said
        # and once that is known, nothing is new
        again = monorepo.release(*options)
    assert (again.status, again.report["rehearsals"]) == ("nothing-to-do", [])


def test_what_needs_no_edit_and_does_not_resolve_stops_the_release(monorepo: Repo) -> None:
    with served(monorepo.index) as url:
        prepared(monorepo, url, BY_HAND)
        nowhere(monorepo)
        files = sorted(path.name for path in monorepo.index.rglob("*.whl"))
        ran = monorepo.wheelstep("release", "--serve-url", url)
    assert ran.code == 7, ran.said
    problem = ran.report["problems"][-1]
    assert problem["file"] == CONDA
    assert "acme-nowhere" in problem["message"]
    assert sorted(path.name for path in monorepo.index.rglob("*.whl")) == files


def test_another_file_is_found_where_nothing_needs_an_edit(monorepo: Repo) -> None:
    with served(monorepo.index) as url:
        prepared(monorepo, url, BY_HAND)
    other = make_wheel(monorepo.index / "other", "acme-core", "1.1.0", note="other")
    link = f"../../other/{other.file}#sha256={other.sha256}"
    page = f'<!DOCTYPE html><a href="{link}">{other.file}</a>'
    with served_otherwise(monorepo.index, page.encode()) as there:
        for path in (CONDA, REQUIREMENTS):
            monorepo.write({path: monorepo.read(path).replace(url, there).encode()})
        head = monorepo.commit()
        ran = monorepo.wheelstep("release", "--serve-url", there)
    assert ran.code == 7, ran.said
    assert {"other-file"} == {one["code"] for one in ran.report["problems"] if one["exit_code"]}
    assert monorepo.head == head


def test_what_takes_in_a_range_that_stays_is_rehearsed_too(monorepo: Repo) -> None:
    with served(monorepo.index) as url:
        options = ("--serve-url", url, "--keep-ranges")
        prepared(monorepo, url, RANGE)
        monorepo.replace(REQUIREMENTS, "acme-core == 1.1.0", "acme-core >= 0.5")
        monorepo.commit({"dev/requirements.txt": "-r ../serving/requirements.txt\n"})
        for command in ("plan", "release"):
            ran = monorepo.wheelstep(command, *options)
            assert ran.code == 0, ran.said
            assert verdicts(ran).keys() == {CONDA, REQUIREMENTS, "dev/requirements.txt"}


def test_a_place_that_cannot_be_edited_is_looked_at_as_far_as_it_is_known(monorepo: Repo) -> None:
    script = "serving/make.py"
    adds = (
        'conda.add_pip_package("acme-core==" + version)',
        'conda.add_pip_package("acme-models")',
    )
    monorepo.commit({script: "\n".join(adds)})
    monorepo.release()
    ran = raised(monorepo).release()
    assert ran.definition(script)["status"] == "found-not-edited"
    assert verdicts(ran)[script] == "unproven"


@pytest.mark.parametrize("named", [(), ("acme-core==1.1.0",)])
def test_the_command_pin_proves_what_needs_no_edit(monorepo: Repo, named: tuple[str, ...]) -> None:
    shutil.rmtree(monorepo.root / "dist")  # wheels of the first release, which are no more wanted
    with served(monorepo.index) as url:
        prepared(monorepo, url, BY_HAND)
        for command in ("build", "publish"):
            done = monorepo.wheelstep(command, "--serve-url", url)
            assert done.code == 0, done.said
        ran = monorepo.wheelstep("pin", *named, "--serve-url", url)
        assert (ran.code, ran.status) == (0, "nothing-to-do"), ran.said
        assert verdicts(ran) == {CONDA: "resolved", REQUIREMENTS: "resolved"}
        nowhere(monorepo)
        failed = monorepo.wheelstep("pin", *named, "--serve-url", url)
    assert failed.code == 7, failed.said
    assert "acme-nowhere" in failed.report["problems"][-1]["message"]


def test_pin_has_nothing_to_prove_of_what_was_released(monorepo: Repo) -> None:
    ran = monorepo.wheelstep("pin")
    assert (ran.code, ran.status, ran.report["rehearsals"]) == (0, "nothing-to-do", [])
