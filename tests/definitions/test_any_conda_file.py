"""Whatever a conda file looks like: only the wanted changes, and twice is once."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from packaging.requirements import Requirement

from tests.definitions.made import FEED, INDEX, PURE, foreign, only, plan, url_of
from wheelstep.definitions.interface import PinStyle

URL = f"{url_of(PURE)}#sha256={'0' * 64}"

COMMENTS = st.sampled_from(["", "  # keep", " # my-pkg==0.1 \U0001f600"])
QUOTES = st.sampled_from(["", "'", '"', "|-", ">-"])
OURS = st.builds(
    lambda name, extras, pin, marker: name + extras + pin + marker,
    st.sampled_from(["my-pkg", "My_Pkg", "my.pkg", "MY--pkg"]),
    st.sampled_from(["", "[a]", " [a, b]"]),
    st.sampled_from(
        ["", "==1.0", " == 1.0", "~=1.0", " >=0.9, <2", " (==1.0)", "==1.0.*", "==1.1"]
    ),
    st.sampled_from(["", "; python_version > '3'", " ; python_version>\"3.8\" and os_name!='nt'"]),
)
OTHERS = st.sampled_from(
    [
        "numpy",
        "pandas==2.0",
        "my-pkg-extra==1.0",
        "not-my-pkg",
        "x @ https://h/x.whl#sha256=0",
        "-f links",
    ]
)


def block_item(text: str, quotes: str, comment: str, column: int) -> str:
    spaces = " " * column
    if quotes in {"|-", ">-"}:
        return f"{spaces}- {quotes}{comment}\n{spaces}    {text}\n"
    return f"{spaces}- {quoted(text, quotes)}{comment}\n"


def quoted(text: str, quotes: str) -> str:
    if quotes == "'":
        return "'" + text.replace("'", "''") + "'"
    if quotes == '"':
        return '"' + text.replace('"', '\\"') + '"'
    return text


@st.composite
def conda_files(draw: st.DrawFn) -> tuple[bytes, str, int]:
    """A conda file, our requirement in it, and its position in the pip list."""
    items = draw(st.lists(OTHERS, max_size=4, unique=True))
    position = draw(st.integers(0, len(items)))
    ours = draw(OURS)
    items.insert(position, ours)
    column = draw(st.sampled_from([2, 4, 6]))
    comment = draw(COMMENTS)
    if draw(st.booleans()):
        between = draw(st.sampled_from([", ", ",", ",\n      ", " , "]))
        inside = between.join(quoted(text, draw(st.sampled_from("'\""))) for text in items)
        ends = draw(st.sampled_from([("[", "]"), ("[ ", " ]"), ("[\n      ", ",\n    ]")]))
        pip = f"  - pip: {ends[0]}{inside}{ends[1]}{comment}\n"
    else:
        lines = [block_item(text, draw(QUOTES), draw(COMMENTS), column + 2) for text in items]
        blank = draw(st.sampled_from(["", "\n", "      # a line\n"]))
        pip = f"  -{' ' * (column - 3)} pip:{comment}\n{blank}" + blank.join(lines)
    parts = ["name: e\n", "channels: [conda-forge]\n"]
    order = draw(st.permutations(["  - python=3.10\n", "  - pip\n", pip]))
    body = "dependencies:\n" + "".join(order)
    parts.insert(draw(st.integers(0, 2)), body)
    text = draw(st.sampled_from(["", "# \u00e9\U0001f600\n", "---\n"])) + "".join(parts)
    if draw(st.booleans()):
        text = text.removesuffix("\n")
    if draw(st.booleans()):
        text = text.replace("\n", "\r\n")
    mark = b"\xef\xbb\xbf" if draw(st.booleans()) else b""
    return mark + text.encode(), ours, position


def pip_list(document: dict[str, Any]) -> list[str]:
    (found,) = (one["pip"] for one in document["dependencies"] if isinstance(one, dict))
    assert isinstance(found, list)
    return found


@settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
@given(conda_files(), st.sampled_from(["version", "version with index", "url"]))
def test_only_the_wanted_changes(made: tuple[bytes, str, int], how: str) -> None:
    data, ours, position = made
    index = INDEX if how == "version with index" else None
    style: PinStyle = "url" if how == "url" else "version"
    edit = only(plan({"e.yml": data}, index=index, style=style))
    before, now = foreign(data)[0], foreign(edit.after)[0]
    listed = pip_list(before)
    new = pip_list(now)
    if index:
        options = [place for place, text in enumerate(listed) if text.startswith("-f")]
        place = options[-1] + 1 if options else 0
        assert new.pop(place) == f"--extra-index-url {FEED}"
    assert new[:position] + new[position + 1 :] == listed[:position] + listed[position + 1 :]
    wanted, got = Requirement(ours), Requirement(new[position])
    assert (got.name, got.extras, got.marker) == (wanted.name, wanted.extras, wanted.marker)
    assert (str(got.specifier), got.url) == (("", URL) if style == "url" else ("==1.1", None))
    now["dependencies"] = before["dependencies"]
    assert now == before
    # no line but ours and the index's differs, to the byte
    marks = [one.startswith(b"\xef\xbb\xbf") for one in (data, edit.after)]
    assert marks[0] == marks[1]
    assert edit.after.endswith(b"\n") == data.endswith(b"\n")
    assert (b"\r\n" in data) == (edit.after.count(b"\r\n") == edit.after.count(b"\n") > 0)
    left = edit.after.replace(b"\r", b"").split(b"\n")
    changed = [line for line in data.replace(b"\r", b"").split(b"\n") if line not in left]
    assert all(b"pkg" in line.lower() or re.search(rb"[\[\]]", line) for line in changed)
    assert len(changed) <= 1 + (index is not None)
    again = only(plan({"e.yml": edit.after}, index=index, style=style))
    assert (again.after, again.pins, again.index_added) == (edit.after, (), None)
