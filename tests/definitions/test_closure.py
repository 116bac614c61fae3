"""`closure`: a package that is reached only through another one gets a pin, too."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.definitions.made import INDEX, SCHEMA, after, foreign, only, pin, plan, url_of
from wheelstep.definitions.closure import closure_of
from wheelstep.definitions.interface import PinStyle, Requirement
from wheelstep.definitions.requirements import Requirements
from wheelstep.errors import DefinitionUnresolvable
from wheelstep.model import Pin

LINUX = "x86_64-manylinux_2_28"


def a_pin(name: str, *requires: str, version: str = "1.3.0") -> Pin:
    file = f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
    return replace(pin(file, name=name, version=version), requires=requires)


CORE = a_pin("acme-core")
FEATURES = a_pin("acme-features", "numpy>=1", "Acme.Core>=1", version="2.0")


def needed(
    text: str, *pins: Pin, python: str | None = "3.11", platform: str = LINUX, also: str = ""
) -> list[tuple[str, str]]:
    (section,) = Requirements().read("r.txt", text.encode()).sections
    return closure_of(section.requirements, pins, python, platform, also.split())


# --- the decision -----------------------------------------------------------------------------


def test_what_is_reached_through_others_at_any_remove() -> None:
    pins = [
        a_pin("a", "b", "zlib"),
        a_pin("b", "c", "d"),
        a_pin("c", "a"),
        a_pin("d"),
        a_pin("e", "c"),
    ]
    assert needed("a", *pins) == [("b", "a"), ("c", "b"), ("d", "b")]
    assert needed("e\na", *pins) == [("c", "e"), ("b", "a"), ("d", "b")]
    assert needed("a\nB\nd", *pins) == [("c", "b")]
    assert needed("a", *pins, also="b d") == [("c", "b")]
    assert needed("numpy", *pins) == []
    assert needed("https://example.org/a-1.3.0-py3-none-any.whl", *pins)[0] == ("b", "a")


@pytest.mark.parametrize(
    ("marker", "python", "platform", "holds"),
    [
        ("python_version < '3.9'", "3.8", LINUX, True),
        ("python_version < '3.9'", "3.11", LINUX, False),
        ("python_full_version >= '3.11.4'", "3.11.3", LINUX, False),
        ("python_full_version >= '3.11.4'", "3.11.4", LINUX, True),
        ("python_version < '3.9'", None, LINUX, True),
        ("python_version < '3'", None, LINUX, False),
        ("sys_platform == 'win32'", None, LINUX, False),
        ("sys_platform == 'linux' and os_name == 'posix'", "3.11", LINUX, True),
        ("platform_machine == 'aarch64'", "3.11", LINUX, False),
        ("platform_machine == 'aarch64'", "3.11", "aarch64-manylinux_2_28", True),
        ("implementation_name == 'cpython'", "3.11", LINUX, True),
        ("extra == 'fast'", "3.11", LINUX, False),
    ],
)
def test_markers_are_those_of_the_image(
    marker: str, python: str | None, platform: str, *, holds: bool
) -> None:
    features = a_pin("acme-features", f"acme-core; {marker}")
    expected = [("acme-core", "acme-features")] if holds else []
    assert needed("acme-features", CORE, features, python=python, platform=platform) == expected
    if "extra" not in marker:
        line = f"acme-features==1 ; {marker}"
        pins = [CORE, a_pin("acme-features", "acme-core")]
        assert needed(line, *pins, python=python, platform=platform) == expected


def test_extras_are_followed() -> None:
    pins = [
        a_pin("a", "b[x-y]; extra == 'more'", "a[more]; extra == 'all'"),
        a_pin("b", "c; extra == 'x_y'"),
        a_pin("c"),
    ]
    assert needed("a", *pins) == []
    assert needed("a[More]", *pins) == [("b", "a"), ("c", "b")]
    assert needed("a [all]", *pins) == [("b", "a"), ("c", "b")]
    assert needed("a[other]\na[more]", *pins) == [("b", "a"), ("c", "b")]


def test_what_pip_would_refuse_is_not_pinned() -> None:
    pins = [CORE, a_pin("acme-features", "acme-core<1"), a_pin("acme-models", "acme-core")]
    assert needed("acme-features", *pins) == []
    assert needed("acme-models\nacme-features", *pins) == []
    assert needed("acme-models", *pins) == [("acme-core", "acme-models")]
    assert needed("f", CORE, a_pin("f", "acme-core @ https://example.org/c.whl")) == []
    assert needed("f", CORE, a_pin("f", "acme-core >")) == []


@given(
    st.dictionaries(st.sampled_from("abcdef"), st.sets(st.sampled_from("abcdefgh")), min_size=1),
    st.sets(st.sampled_from("abcdefgh"), min_size=1),
)
def test_it_is_the_reachable_part_of_the_graph(graph: dict[str, set[str]], named: set[str]) -> None:
    reached = set(named) & graph.keys()
    while more := {o for one in reached for o in graph[one] if o in graph} - reached:
        reached |= more
    pins = [a_pin(name, *sorted(others)) for name, others in graph.items()]
    requirements = [Requirement(name, name, 1) for name in sorted(named)]
    found = closure_of(requirements, pins, "3.11", LINUX)
    assert {name for name, _ in found} == reached - named
    seen = set(named)
    for name, by in found:
        assert by in seen
        assert name in graph[by]
        seen.add(name)


# --- what is written --------------------------------------------------------------------------

BLOCK = """\
dependencies:
  - python=3.11
  - pip:
    - numpy
    - 'acme-features==1.0'   # ours
    - scipy
"""


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_the_line_comes_below_the_one_that_needs_it(line_end: str) -> None:
    data = BLOCK.replace("\n", line_end).encode()
    edit = only(plan({"conda.yml": data}, CORE, FEATURES, closure=True, index=INDEX))
    expected = (
        BLOCK.replace("==1.0", "==2.0")
        .replace("    - scipy", "    - acme-core==1.3.0  # needed by acme-features\n    - scipy")
        .replace("    - numpy", f"    - --extra-index-url {INDEX.url}\n    - numpy")
    )
    assert edit.after == expected.replace("\n", line_end).encode()
    assert [(one.name, one.before, one.after, one.line) for one in edit.pins] == [
        ("acme-features", "acme-features==1.0", "acme-features==2.0", 6),
        ("acme-core", "", "acme-core==1.3.0", 7),
    ]
    assert "acme-core==1.3.0" in foreign(edit.after)[0]["dependencies"][1]["pip"]
    again = only(plan({"conda.yml": edit.after}, CORE, FEATURES, closure=True, index=INDEX))
    assert again.status == "unchanged"


def test_the_next_release_just_raises_it() -> None:
    data = only(plan({"c.yml": BLOCK.encode()}, CORE, FEATURES, closure=True)).after
    newer = a_pin("acme-core", version="1.4.0")
    lone = replace(FEATURES, requires=())
    edit = only(plan({"c.yml": data}, newer, lone, closure=True))
    assert b"    - acme-core==1.4.0  # needed by acme-features\n" in edit.after
    assert edit.diff.count("\n-") == 1


def test_without_closure_and_without_knowledge_nothing_is_added() -> None:
    for features, closure in ((FEATURES, False), (replace(FEATURES, requires=None), True)):
        edit = only(plan({"c.yml": BLOCK.encode()}, CORE, features, closure=closure))
        assert b"acme-core" not in edit.after


def test_several_lines_in_order_at_the_end_without_line_end() -> None:
    pins = [a_pin("a", "b", "d"), a_pin("b", "c"), a_pin("c"), a_pin("d")]
    conda = "dependencies:\n- pip:\n  - a==1"
    for path, text, start in (("c.yml", conda, "  - "), ("requirements.txt", "x\na==1", "")):
        edit = only(plan({path: text.encode()}, *pins, closure=True))
        lines = edit.after.decode().splitlines()
        assert [line.removeprefix(start) for line in lines[-4:]] == [
            "a==1.3.0",
            "b==1.3.0  # needed by a",
            "c==1.3.0  # needed by b",
            "d==1.3.0  # needed by a",
        ]
        assert not edit.after.endswith(b"\n")
        assert [(one.name, one.line) for one in edit.pins] == [
            (name, len(lines) - 3 + at) for at, name in enumerate("abcd")
        ]
        assert only(plan({path: edit.after}, *pins, closure=True)).status == "unchanged"


def test_in_brackets_a_note_says_why() -> None:
    data = b"dependencies: [python=3.11, {pip: [acme-features==1.0, numpy]}]\n"
    edit = only(plan({"c.yml": data}, CORE, FEATURES, closure=True))
    assert edit.after == (
        b"dependencies: [python=3.11, {pip: [acme-features==2.0, acme-core==1.3.0, numpy]}]\n"
    )
    (told,) = [one for one in edit.notes if one.code == "pin-added"]
    assert "needed by acme-features" in told.message
    assert told.line == 1


def test_a_requirements_file_with_hashes_gets_hashes() -> None:
    data = f"acme-features==1.0 \\\n    --hash=sha256:{'f' * 64}  # locked\nnumpy==1\n".encode()
    edit = only(plan({"requirements.txt": data}, CORE, FEATURES, closure=True))
    assert edit.after.decode().splitlines() == [
        "acme-features==2.0 \\",
        f"    --hash=sha256:{'0' * 64}  # locked",
        f"acme-core==1.3.0 --hash=sha256:{'0' * 64}  # needed by acme-features",
        "numpy==1",
    ]
    assert only(plan({"requirements.txt": edit.after}, CORE, FEATURES, closure=True)).pins == ()


@pytest.mark.parametrize(
    ("style", "expected"),
    [
        ("url", f"acme-core @ {url_of('acme_core-1.3.0-py3-none-any.whl')}#sha256={'0' * 64}"),
        ("bare-url", url_of("acme_core-1.3.0-py3-none-any.whl")),
    ],
)
def test_url_styles(style: PinStyle, expected: str) -> None:
    files = {"c.yml": BLOCK.encode(), "requirements.txt": b"acme-features\n"}
    edits = plan(files, CORE, FEATURES, closure=True, style=style)
    assert expected in foreign(after(files, edits)["c.yml"])[0]["dependencies"][1]["pip"]
    lines = after(files, edits)["requirements.txt"].decode().splitlines()
    assert lines[1] == f"{expected}  # needed by acme-features"
    again = plan(after(files, edits), CORE, FEATURES, closure=True, style=style)
    assert {edit.status for edit in again.edits} == {"unchanged"}


@pytest.mark.parametrize(
    "files",
    [
        {"c.yml": b"dependencies:\n- acme-core\n- pip:\n  - acme-features\n"},
        {"requirements.txt": b"acme-features\n-e ../core#egg=acme-core\n"},
        {"requirements.txt": b"-r base.txt\nacme-features\n", "base.txt": b"acme-core\n"},
        {"requirements.txt": b"numpy\n", "constraints.txt": b"acme-features\n"},
        {"requirements.txt": b"-c limits.txt\n", "limits.txt": b"acme-features==1\n"},
    ],
)
def test_what_is_named_elsewhere_and_constraints_get_no_line(files: dict[str, bytes]) -> None:
    edits = plan(files, CORE, FEATURES, closure=True)
    assert edits.edits
    for edit in edits.edits:
        assert edit.after.count(b"\n") == edit.before.count(b"\n")


def test_an_included_file_gets_the_line_once() -> None:
    files = {"requirements.txt": b"-r base.txt\nacme-models\n", "base.txt": b"acme-features\n"}
    models = a_pin("acme-models", "acme-core")
    edits = plan(files, CORE, FEATURES, models, closure=True)
    assert after(files, edits) == {
        "requirements.txt": b"-r base.txt\nacme-models==1.3.0\n",
        "base.txt": b"acme-features==2.0\nacme-core==1.3.0  # needed by acme-features\n",
    }


def test_an_unchanged_definition_rises_for_the_line_alone() -> None:
    inside = b"conda_file:\n  dependencies:\n  - python=3.11\n  - pip:\n    - acme-features==2.0\n"
    data = f"$schema: {SCHEMA}\nname: e\nversion: 3\nimage: i\n".encode() + inside
    edit = only(plan({"e.yml": data}, CORE, FEATURES, closure=True))
    assert edit.after == data.replace(b"version: 3", b"version: 4") + (
        b"    - acme-core==1.3.0  # needed by acme-features\n"
    )


def test_each_document_of_a_file_gets_its_line() -> None:
    one = b"dependencies:\n- pip:\n  - acme-features==1.0\n  - x==1\n"
    edit = only(plan({"c.yml": one + b"---\n" + one}, CORE, FEATURES, closure=True))
    lists = [said["dependencies"][0]["pip"] for said in foreign(edit.after)]
    assert lists == [["acme-features==2.0", "acme-core==1.3.0", "x==1"]] * 2
    assert [(pin.name, pin.line) for pin in edit.pins] == [
        ("acme-features", 3), ("acme-core", 4), ("acme-features", 9), ("acme-core", 10),
    ]  # fmt: skip


def test_beside_an_alias_it_has_to_be_written_by_hand() -> None:
    data = b"a: &f acme-features==1.0\ndependencies:\n- pip:\n  - *f\n"
    with pytest.raises(DefinitionUnresolvable) as caught:
        plan({"c.yml": data}, CORE, FEATURES, closure=True)
    assert caught.value.code == "definition-only-aliases"
    assert "acme-core==1.3.0" in caught.value.cure
