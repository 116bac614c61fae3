"""Whatever a script looks like: only the wanted constants change, and twice is once."""

from __future__ import annotations

import ast

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from packaging.requirements import Requirement

from tests.definitions.made import PURE, url_of, wanted
from wheelstep.definitions.interface import PinStyle
from wheelstep.definitions.python_source import PythonSource
from wheelstep.definitions.python_text import NotPython, literal_of, parse_python

FORM = PythonSource()

OURS = st.builds(
    lambda name, extras, pin, marker: name + extras + pin + marker,
    st.sampled_from(["my-pkg", "My_Pkg", "my.pkg", "MY--pkg"]),
    st.sampled_from(["", "[a]", " [a, b]"]),
    st.sampled_from(["", "==1.0", " == 1.0", "~=1.0", " >=0.9, <2", " (==1.0)", "==1.1"]),
    st.sampled_from(["", "; python_version > '3'", " ; python_version>\"3.8\" and os_name!='nt'"]),
)
OTHERS = st.sampled_from(["numpy", "pandas==2.0", "my-pkg-extra==1.0", "not-my-pkg", "-f links"])
QUOTES = st.sampled_from(["'", '"', "'''", '"""'])
AROUND = st.sampled_from(
    [
        "x = 'my-pkg==1.0'",
        "print('my-pkg==1.0', \"\u00e9\U0001f600\")",
        "# my-pkg==1.0 \u00e9",
        "'''my-pkg==1.0\n  pip_packages=[\n'''",
        "\tif_ = 1".strip(),
        "y = f'{x}my-pkg==1.0' ; z = \"a\" 'b'",
        "@d('my-pkg')\ndef f(a='my-pkg'):\n\treturn [a for a in 'my-pkg']",
        "r'\\d' '\\N{BULLET}\\x41\\101\\\n'",
    ]
)
CALLS = st.sampled_from(
    [
        "c.add_pip_package({})",
        "env.python.conda_dependencies.add_pip_package(pip_package = {} )",
        "c = CondaDependencies.create(pip_packages=[ 'a' ,{}, # my-pkg\n  'b'])",
        "Environment('e', conda_file={{'dependencies': ['python=3.10', {{'pip': [{}]}}]}})",
        "P = [{},]\nmake(pip_packages=P)",
        "Q = ({})\nif 1:\n  d.add_pip_package(Q)",
        "s = '\u00e9\U0001f600'; make(x='my-pkg==1.0', pip_packages=({},))",
    ]
)


@st.composite
def literals(draw: st.DrawFn, text: str) -> str:
    """The text as a literal, some of its characters escaped."""
    quote = draw(QUOTES)
    prefix = draw(st.sampled_from(["", "", "u", "r", "R"]))
    if prefix in {"r", "R"}:
        return prefix + quote + text + quote if quote[0] not in text else repr(text)
    written = []
    for letter in text:
        escaped = draw(st.integers(0, 12))
        if letter == quote[0]:
            written.append("\\" + letter)
        elif escaped == 0:
            written.append(f"\\x{ord(letter):02x}")
        elif escaped == 1:
            written.append(f"\\u{ord(letter):04x}")
        elif escaped == 2:
            written.append("\\\n" + letter)
        else:
            written.append(letter)
    return prefix + quote + "".join(written) + quote


@st.composite
def scripts(draw: st.DrawFn) -> tuple[bytes, str]:
    ours = draw(OURS)
    parts = [draw(CALLS).format(draw(literals(ours)))]
    for other in draw(st.lists(OTHERS, max_size=2)):
        parts.insert(draw(st.integers(0, 1)), f"o.add_pip_package({draw(literals(other))})")
    for around in draw(st.lists(AROUND, max_size=4)):
        parts.insert(draw(st.integers(0, len(parts))), around)
    text = "\n".join(parts) + draw(st.sampled_from(["", "\n", "  # end"]))
    text = text.replace("\n", draw(st.sampled_from(["\n", "\r\n", "\r"])))
    mark = draw(st.sampled_from([b"", b"\xef\xbb\xbf"]))
    return mark + text.encode(), ours


@given(scripts(), st.sampled_from(["version", "url", "bare-url"]))
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_only_the_wanted_constant_changes(script: tuple[bytes, str], style: PinStyle) -> None:
    data, ours = script
    edited = FORM.edit("a.py", data, wanted(style=style))
    before, after = ast.parse(data), ast.parse(edited.data)
    old = [node for node in ast.walk(before) if isinstance(node, ast.Constant)]
    new = [node for node in ast.walk(after) if isinstance(node, ast.Constant)]
    differ = [(one, other) for one, other in zip(old, new, strict=True) if one.value != other.value]
    assert len(differ) == len(edited.pins) <= 1
    for one, other in differ:
        assert one.value == ours
        assert isinstance(other.value, str)
        if style != "bare-url" or "[" in ours:
            parsed, asked = Requirement(other.value), Requirement(ours)
            assert (parsed.extras, parsed.marker) == (asked.extras, asked.marker)
            assert str(parsed.specifier) == ("==1.1" if style == "version" else "")
        assert style == "version" or url_of(PURE) in other.value
        one.value = other.value
    assert ast.dump(before) == ast.dump(after)
    if not differ:
        assert edited.data == data
    # the rest of the file is what it was, byte by byte
    lead = next((at for at, (a, b) in enumerate(zip(data, edited.data, strict=False)) if a != b), 0)
    assert differ or lead == 0
    again = FORM.edit("a.py", edited.data, wanted(style=style))
    assert (again.data, again.pins) == (edited.data, ())


@given(st.text(alphabet="ab\u00e9\U0001f600'\"\\\n\r\tnrxuN{}019 #;()f=", max_size=30))
@settings(max_examples=500, deadline=None)
def test_every_literal_is_read_as_python_reads_it(text: str) -> None:
    try:
        unit = parse_python(text, lambda index: index)
    except NotPython:
        return
    if any(isinstance(node, ast.JoinedStr) for node in ast.walk(unit.tree)):
        return
    for node in ast.walk(unit.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            start, end = unit.span(node)
            literal = literal_of(unit, node)
            if literal is not None:
                assert literal.text == node.value
                assert all(
                    start <= a < b <= end for a, b in zip(literal.starts, literal.ends, strict=True)
                )
                # proved inside by parsing again
                added = "z" if literal.raw else "'\"\\\n\u00e9"
                unit.rewritten(
                    [
                        (literal, node.value + added),
                    ]
                )


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
@settings(max_examples=200, deadline=None)
def test_nothing_makes_discovery_fail(data: bytes) -> None:
    FORM.recognises("a.py", b"pip_packages " + data)
