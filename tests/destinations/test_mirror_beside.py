"""Files that are stored while others are on their way: what waits for them, and what fails."""

from __future__ import annotations

import threading

import pytest

from wheelstep.destinations.mirror_beside import Beside
from wheelstep.errors import CannotHere, ServiceRefused, StepError


def test_only_what_needs_a_file_waits_for_it() -> None:
    beside, let_go, stored = Beside(2), threading.Event(), list[str]()

    def slow() -> None:
        assert let_go.wait(60)
        stored.append("slow")

    beside.store("a", slow)
    beside.store("b", lambda: stored.append("quick"))
    beside.wait("b")
    assert stored == ["quick"]
    let_go.set()
    beside.wait("a")
    assert stored == ["quick", "slow"]
    beside.wait("a")  # nothing was begun since


def test_what_could_not_be_stored_is_told_where_it_is_waited_for() -> None:
    beside = Beside(2)

    def fail(error: StepError) -> None:
        raise error

    first = ServiceRefused("The first.", code="not-authorized", cure="Mend it.")
    second = CannotHere("The second.", code="disk-full", cure="Mend that.")
    for error in (first, second):
        beside.store("a", lambda error=error: fail(error))  # type: ignore[misc]
    with pytest.raises(StepError) as caught:
        beside.wait("a")
    assert "The first." in str(caught.value)
    assert "The second." in str(caught.value)
    beside.wait("a")
