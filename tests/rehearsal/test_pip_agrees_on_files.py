"""What we say that pip takes, and what three real pips take."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.rehearsal.pip_cases import Case, make_cases
from tests.rehearsal.pips import Taken, answers, pins, unpacked
from wheelstep.rehearsal.pip_choice import Choice

COUNT = 500
FALSE_REDS = 0
"""Cases that every pip takes alike and of which we are not certain, where the definition does not
say its pip. There would be some if less was known of the files: an index that names no SHA-256
beside `--hash`, or a URL that nobody has read."""

pytestmark = pytest.mark.timeout(900)


@dataclass
class Asked:
    """Every case with the answers of every pip."""

    cases: list[Case]
    answers: dict[str, list[Taken | None]]


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Asked:
    cache = pytestconfig.cache
    assert cache is not None
    place = Path(cache.mkdir("pips"))
    pips = {version: unpacked(version, place) for version in pins()}
    root = tmp_path_factory.mktemp("cases")
    cases = make_cases(root / "cases", COUNT)
    questions = [case.asked() for case in cases]
    with ThreadPoolExecutor() as pool:
        running = {
            version: pool.submit(answers, folder, questions, root)
            for version, folder in pips.items()
        }
        return Asked(cases, {version: future.result() for version, future in running.items()})


def said(choices: Mapping[str, Choice] | None) -> Taken | None:
    """Return what would be installed; None where any name keeps pip from it."""
    if choices is None:
        return None
    found: Taken = {}
    for name, choice in choices.items():
        if choice.offer is None:
            return None
        own = choice.offer.own or choice.offer.listed
        assert own.sha256
        found[name] = (unquote(choice.offer.listed.url), own.sha256)
    return found


def told(case: Case, **rest: object) -> str:
    """Show a case, to be looked at."""
    return f"{case.folder}: {case.lines} {case.files} {case.python} {rest}"


@pytest.mark.parametrize("version", pins())
def test_each_pip_takes_the_file_that_we_say(asked: Asked, version: str) -> None:
    wrong = []
    for case, theirs in zip(asked.cases, asked.answers[version], strict=True):
        choices = case.decided(version)
        if said(choices) != theirs:
            wrong.append(told(case, theirs=theirs, ours=choices))
    assert not wrong, f"{len(wrong)}: " + "\n\n".join(wrong[:5])


def test_of_an_unknown_pip_nothing_is_said_that_one_of_them_does_not(asked: Asked) -> None:
    false_red = []
    for number, case in enumerate(asked.cases):
        theirs = [of_one[number] for of_one in asked.answers.values()]
        choices = case.decided(None)
        certain = choices is not None and all(each.certain for each in choices.values())
        if certain:
            assert all(said(choices) == each for each in theirs), told(case, theirs=theirs)
        elif theirs[0] is not None and all(each == theirs[0] for each in theirs):
            false_red.append(told(case, theirs=theirs, ours=choices))
    assert len(false_red) == FALSE_REDS, "\n\n".join(false_red)


def test_the_cases_cover_what_pip_does(asked: Asked) -> None:
    for of_one in asked.answers.values():
        taken = [each for each in of_one if each]
        assert len(taken) > COUNT / 3
        assert sum(each is None for each in of_one) > COUNT / 5
        files = [url for each in taken for url, _ in each.values()]
        for place in ("/public/", "/one/", "/two/", "/links/"):
            assert sum(place in url for url in files) > 5, place
        assert sum(url.endswith(".tar.gz") for url in files) > 5
    different = [
        len({str(each) for each in one}) > 1 for one in zip(*asked.answers.values(), strict=True)
    ]
    assert any(different)
