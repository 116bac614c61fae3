"""The fuzzer's seeds, whole and damaged, in every run: no form ever crashes on them."""

from __future__ import annotations

import random

import pytest

from tests.fuzz.definitions import STYLES, check, seeds
from wheelstep.model import Index

INDEX = Index("https://feed.example.org/simple/")
DAMAGES = 25


@pytest.mark.parametrize(
    ("number", "path", "data"),
    [(number, path, data) for number, (path, data) in enumerate(seeds())],
)
def test_a_seed_whole_and_damaged(number: int, path: str, data: bytes) -> None:
    chance = random.Random(number)  # noqa: S311 - the same damage in every run
    for style in STYLES:
        check(path, data, style, INDEX)
    for _ in range(DAMAGES):
        start = chance.randrange(len(data))
        end = min(len(data), start + chance.choice((1, 1, 2, 9)))
        put = bytes(chance.choice(b"\t\n\r \"'#&*-:<>[\\]{|}\x00\xff=@;,1a$") for _ in range(2))
        damaged = data[:start] + chance.choice((b"", put)) + data[end:]
        check(path, damaged, chance.choice(STYLES), chance.choice((None, INDEX)))


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("Dockerfile", f"FROM x\nRUN pip install acme-core=={'9' * 5000}\n"),
        ("requirements.txt", f"acme-core=={'9' * 5000}\n"),
        ("requirements.txt", f"acme-core>=1,<{'9' * 5000}\n"),
        ("conda.yml", f"dependencies:\n- python=3.{'9' * 5000}\n- pip:\n  - acme-core==1.0\n"),
        ("conda.yml", f"dependencies:\n- python>=3.1,<3.{'9' * 5000}\n- pip:\n  - acme-core\n"),
        (
            "azureml_environment.json",
            (
                r'{"name": "\ud800", "version": "1", "python": {"condaDependencies": '
                r'{"dependencies": ["python=3.8", {"pip": ["acme-core==1.0"]}]}}}'
            ),
        ),
        ("requirements.txt", "--extra-index-url https://feed.example\x85#x\nacme-core==1.2.0\n"),
    ],
)
def test_what_the_fuzzer_once_found(path: str, data: str) -> None:
    for style in STYLES:
        for index in (None, INDEX):
            check(path, data.encode(), style, index)
