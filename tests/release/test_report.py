"""The report has the shape that docs/report.md promises: read from that page, held against runs."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.release.kit import Ran, Repo, served
from tests.release.samples import AZUREML

PAGE = Path(__file__).parents[2] / "docs" / "report.md"
TOKEN = re.compile(r'"(?P<text>[^"]*)"|(?P<number>[0-9.]+)|(?P<sign>[{}\[\]:,|])')


@dataclass
class Shape:
    """What may stand at one place."""

    words: set[str] = field(default_factory=set)
    numbers: set[float] = field(default_factory=set)
    keys: dict[str, Shape] | None = None
    items: Shape | None = None
    is_list: bool = False
    empty: bool = False

    def check(self, value: Any, at: str = "report") -> None:
        if self.is_list:
            assert isinstance(value, list), at
            assert not (self.empty and value), f"{at} is said to be empty"
            for number, item in enumerate(value):
                if self.items is not None:
                    self.items.check(item, f"{at}[{number}]")
        elif self.keys is not None and value is not None:
            if any(shape.numbers and key != "schema" for key, shape in self.keys.items()):
                assert all(isinstance(one, float) for one in value.values()), at
                return
            assert set(value) == set(self.keys), at
            for key, shape in self.keys.items():
                shape.check(value[key], f"{at}.{key}")
        elif self.words:
            assert value in self.words, f"{at}: {value!r}"
        elif self.numbers:
            assert value in self.numbers, at


class Reader:
    """Reads the notation of the page: JSON with keys that may lack a value, and `|`."""

    def __init__(self, text: str) -> None:
        self.tokens = [match.groupdict() for match in TOKEN.finditer(text)]

    def next_is(self, sign: str) -> bool:
        if self.tokens and self.tokens[0]["sign"] == sign:
            del self.tokens[0]
            return True
        return False

    def value(self) -> Shape:
        if self.next_is("{"):
            keys: dict[str, Shape] = {}
            while not self.next_is("}"):
                key = self.tokens.pop(0)["text"]
                assert key
                keys[key] = self.value() if self.next_is(":") else Shape()
                self.next_is(",")
            return Shape(keys=keys)
        if self.next_is("["):
            items = None
            if not self.next_is("]"):
                items = self.value()
                assert self.next_is("]")
            return Shape(is_list=True, items=items)
        shape = Shape()
        while True:
            token = self.tokens.pop(0)
            if token["number"]:
                shape.numbers.add(float(token["number"]))
            else:
                shape.words.add(token["text"])
            if not self.next_is("|"):
                return shape


@pytest.fixture(scope="session")
def shape() -> Shape:
    block = PAGE.read_text(encoding="utf-8").partition("```\n")[2].partition("```")[0]
    shape = Reader(block).value()
    # rehearsals' own problems are problems like all others
    assert shape.keys is not None
    rehearsals = shape.keys["rehearsals"].items
    assert rehearsals is not None
    assert rehearsals.keys is not None
    rehearsals.keys["problems"] = shape.keys["problems"]
    assert len(shape.keys) >= 14
    return shape


def test_the_reader_sees_what_does_not_fit(shape: Shape, first: Ran) -> None:
    spoils: list[Callable[[dict[str, Any]], object]] = [
        lambda document: document.pop("checks"),
        lambda document: document.update(more=1),
        lambda document: document.update(status="good"),
        lambda document: document["packages"][0].update(status="compiled"),
        lambda document: document["packages"][0]["wheels"][0]["published"][0].pop("url"),
        lambda document: document["commit"].update(status="merged"),
        lambda document: document["checks"].append({}),
    ]
    for spoil in spoils:
        document = copy.deepcopy(first.report)
        shape.check(document)
        spoil(document)
        with pytest.raises(AssertionError):
            shape.check(document)


def test_a_release_again_a_plan_and_a_failure(monorepo: Repo, first: Ran, shape: Shape) -> None:
    shape.check(first.report)
    assert first.report["schema"] == 1
    assert first.report["command"] == "release"
    assert first.definition(AZUREML)["environment"]["to"] == "8"
    assert {"survey", "build", "rehearse", "publish", "commit"} <= set(first.report["timings"])
    for row in first.report["rehearsals"]:
        assert {one["name"] for one in row["resolved"]} <= {
            "acme-core", "acme-features", "acme-models",
        }  # fmt: skip
        assert row["resolved"]
    shape.check(monorepo.release().report)
    diagnosed = monorepo.wheelstep("doctor")
    assert {"ok", "fault", "unknown"} == {row["status"] for row in diagnosed.report["checks"]}
    shape.check(diagnosed.report)
    monorepo.write({"packages/core/acme_core/__init__.py": "NAME = 'changed'\n"})
    monorepo.commit()
    shape.check(monorepo.wheelstep("plan").report)
    with served(monorepo.index) as url:
        failed = monorepo.wheelstep("release", "--serve-url", url)
    shape.check(failed.report)
    assert (failed.code, failed.report["exit_code"], failed.status) == (4, 4, "failed")
    shape.check(monorepo.wheelstep("release", "--commit", "sometimes").report)
