"""Many questions about the same indexes: what they share is read once."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, wait
from dataclasses import replace
from functools import partial
from typing import Final

from wheelstep.errors import StepError
from wheelstep.rehearsal.asker import Asker, canonical
from wheelstep.rehearsal.question import Answer, Question

__all__ = ["answer_all"]

FEW: Final = 2
"""Questions that are asked at once without any ado."""
MOST_FILLS: Final = 3
"""How many requirements of one name are looked up in advance."""


def answer_all(
    asker: Asker, questions: Sequence[Question], pool: Executor, *, resolve: bool
) -> Mapping[Question, Answer]:
    """Answer each question, in parallel.

    Of those that have the same indexes and Python one is answered first, and what the others
    require is read into uv's cache at the same time: for uv, the network is nearly all of the work.

    Args:
        asker: Answers one.
        questions: Each once.
        pool: Where they are answered.
        resolve: As `Asker.answer`.
    """
    groups: dict[object, list[Question]] = {}
    for one in questions:
        groups.setdefault((one.where, one.python, one.platform), []).append(one)
    answer = partial(asker.answer, resolve=resolve)
    first = [one for group in groups.values() for one in group[: 1 if len(group) > FEW else FEW]]
    fills = [one for group in groups.values() if len(group) > FEW and resolve
             for one in fills_of(group, asker.private)]  # fmt: skip
    filled = [pool.submit(fill, asker, one) for one in fills]
    start = time.monotonic()
    answers = dict(zip(first, pool.map(answer, first), strict=True))
    # what takes much longer than an answer has got lost in what does not fit together
    wait(filled, timeout=1 + time.monotonic() - start)
    others = [one for one in questions if one not in answers]
    return answers | dict(zip(others, pool.map(answer, others), strict=True))


def fills_of(group: Sequence[Question], private: frozenset[str]) -> list[Question]:
    """Return questions that ask for what a group requires of the public, each requirement once and
    each name at most once in a question; their answers mean nothing.

    Args:
        group: Questions with the same indexes and Python.
        private: The normalised names of our packages: whose page is read is decided elsewhere.
    """
    texts: dict[str, dict[str, None]] = {}
    for one in group:
        aside = {name for name, _ in one.from_source}
        for text in one.requirements:
            name = canonical(text)
            if name not in private | aside and "@" not in text and "://" not in text:
                texts.setdefault(name, {})[text] = None
    fills: list[list[str]] = [[] for _ in range(MOST_FILLS)]
    for some in texts.values():
        for fill_, text in zip(fills, some, strict=False):
            fill_.append(text)
    return [
        replace(group[0], requirements=tuple(one), constraints=(), hashes=(), from_source=())
        for one in fills
        if one
    ]


def fill(asker: Asker, question: Question) -> None:
    """Let uv read what is asked for. What goes wrong is told where it is asked again: by the
    questions themselves."""
    try:
        asker.fill(question)
    except (StepError, OSError):
        return
