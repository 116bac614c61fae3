"""A requirement by git of a commit that this run built: the wheel stands for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from wheelstep.model import Wheel
from wheelstep.rehearsal.section import take_apart
from wheelstep.rehearsal.section_lines import Line

SHA = "c" * 40
FILE = "acme_core-1.1-py3-none-any.whl"
URL = "git+https://host.example/acme/mono"


@pytest.mark.parametrize(
    ("line", "taken"),
    [
        (f"acme-core @ {URL}@{SHA}", "acme-core==1.1"),
        (
            f"Acme.Core[x] @ {URL}@{SHA}#subdirectory=core ; python_version > '3'",
            'acme-core[x]==1.1 ; python_version > "3"',
        ),
        (f"{URL}@{SHA}#egg=acme_core&subdirectory=core", "acme-core==1.1"),
        (f"acme-core @ {URL}@{'d' * 40}", None),
        (f"acme-core @ {URL}@main", None),
        (f"acme-other @ {URL}@{SHA}", None),
    ],
)
def test_a_commit_is_its_wheel_and_others_are_unproven(line: str, taken: str | None) -> None:
    wheel = Wheel(FILE, "acme-core", "1.1", "0" * 64, "", 1, path=Path(FILE))
    section = take_apart(
        [Line(line)],
        "requirements.txt",
        {FILE: wheel},
        lambda _: None,
        {"acme-core": SHA, "acme-other": SHA},
    )
    assert section.requirements == ([taken] if taken else [])
    assert bool(section.from_source) is (taken is None)


def test_without_a_wheel_at_hand_it_is_unproven() -> None:
    lines = [Line(f"acme-core @ {URL}@{SHA}")]
    section = take_apart(lines, "r.txt", {}, lambda _: None, {"acme-core": SHA})
    assert list(section.from_source) == ["acme-core"]
