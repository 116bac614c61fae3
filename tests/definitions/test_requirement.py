from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from tests.definitions.made import NATIVE, PURE, pin, url_of, wanted
from wheelstep.definitions import requirement
from wheelstep.definitions.interface import PinStyle
from wheelstep.definitions.pip_lines import logical_lines
from wheelstep.definitions.requirement import Unreadable, parse
from wheelstep.definitions.requirements import Requirements
from wheelstep.errors import DefinitionUnresolvable

ZEROS, ONES = "0" * 64, "1" * 64
WITH_HASH = f"{url_of(PURE)}#sha256={ZEROS}"


def edited(line: str, style: PinStyle) -> str:
    return Requirements().edit("r.txt", line.encode(), wanted(style=style)).data.decode()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("my-pkg", "my-pkg==1.1"),
        ("My_Pkg", "My_Pkg==1.1"),
        ("my.pkg[a]", "my.pkg[a]==1.1"),
        ("my-pkg==1.0", "my-pkg==1.1"),
        ("my-pkg == 1.0", "my-pkg == 1.1"),
        ("my-pkg  [a, b]  ==1.0", "my-pkg  [a, b]  ==1.1"),
        ("my-pkg===1.0", "my-pkg===1.1"),
        ("my-pkg (==1.0)", "my-pkg (==1.1)"),
        ("my-pkg (>=1.0)", "my-pkg (==1.1)"),
        ("my-pkg >=1.0, <2", "my-pkg ==1.1"),
        ("my-pkg ~= 0.9", "my-pkg == 1.1"),
        ("my-pkg >= 1.0, < 2", "my-pkg == 1.1"),
        ("my-pkg (>= 1.0)", "my-pkg (== 1.1)"),
        ("my-pkg~=1.0;python_version>'3'", "my-pkg==1.1;python_version>'3'"),
        ("my-pkg ; python_version > '3'", "my-pkg==1.1 ; python_version > '3'"),
        ("my-pkg==1.0.*", "my-pkg==1.1"),
        ("my-pkg==1.0  # why ; not", "my-pkg==1.1  # why ; not"),
        ("my-pkg==1.0\\\n# why\nb", "my-pkg==1.1\\\n# why\nb"),
        (
            "my-pkg==1.0 \\\r\n ; python_version>'3'\r\n",
            "my-pkg==1.1 \\\r\n ; python_version>'3'\r\n",
        ),
        (
            "my-pkg @ https://h/my_pkg-1.0-py3-none-any.whl#sha256=0 ; python_version>'3'",
            "my-pkg==1.1 ; python_version>'3'",
        ),
        ("https://h/my_pkg-1.0-py3-none-any.whl", "my-pkg==1.1"),
        (
            "https://h/my_pkg-1.0-py3-none-any.whl; python_version>'3'",
            "my-pkg==1.1; python_version>'3'",
        ),
        ("./wheels/My_pkg-1.0-py3-none-any.whl[a]", "my-pkg[a]==1.1"),
        ("git+https://github.com/o/r@v1#egg=My.Pkg[a]", "My.Pkg[a]==1.1"),
        # pinned already, whatever way it is written
        ("my-pkg==1.1.0", "my-pkg==1.1.0"),
        ("https://h/my_pkg-1.1-py3-none-any.whl", "https://h/my_pkg-1.1-py3-none-any.whl"),
        # not ours
        ("my-pkg-extra==1.0", "my-pkg-extra==1.0"),
        ("# my-pkg==1.0", "# my-pkg==1.0"),
        ("other @ https://h/my-pkg==1.0.whl", "other @ https://h/my-pkg==1.0.whl"),
    ],
)
def test_pinned_by_version(before: str, after: str) -> None:
    assert edited(before, "version") == after
    assert edited(after, "version") == after


@pytest.mark.parametrize(
    ("before", "url", "bare"),
    [
        ("my-pkg>=1", f"my-pkg @ {WITH_HASH}", url_of(PURE)),
        ("My_Pkg[a] == 1.0", f"My_Pkg[a] @ {WITH_HASH}", f"My_Pkg[a] @ {WITH_HASH}"),
        (
            "my-pkg==1.0;python_version>'3'  # c",
            f"my-pkg @ {WITH_HASH} ; python_version>'3'  # c",
            f"{url_of(PURE)} ; python_version>'3'  # c",
        ),
        ("https://h/my_pkg-1.0-py3-none-any.whl", f"my-pkg @ {WITH_HASH}", url_of(PURE)),
        ("my-pkg==1.1", f"my-pkg @ {WITH_HASH}", url_of(PURE)),
        (url_of(PURE), url_of(PURE), url_of(PURE)),
    ],
)
def test_pinned_by_url(before: str, url: str, bare: str) -> None:
    assert (edited(before, "url"), edited(before, "bare-url")) == (url, bare)
    assert (edited(url, "url"), edited(bare, "bare-url")) == (url, bare)


@pytest.mark.parametrize("style", ["version", "url", "bare-url", "git"])
@pytest.mark.parametrize(
    "line",
    [
        "my-pkg @ https://h/my_pkg-1.0-py3-none-any.whl",
        "my-pkg @ https://h/my_pkg-1.1-py3-none-any.whl#sha256=" + "0" * 64,
        "https://h/git+x/my_pkg-1.0-py3-none-any.whl ; python_version > '3'",
        "HTTPS://h/x%2Fmy_pkg-1.0-py3-none-any.whl",
        "my-pkg[a] @ https://h/my-pkg-1.0.tar.gz",
    ],
)
def test_a_url_of_anothers_is_left_alone(style: PinStyle, line: str) -> None:
    seen: list[str] = []

    def ours(url: str) -> bool:
        seen.append(url)
        return False

    wish = replace(wanted(style=style), ours=ours)
    wish = replace(wish, pins=(replace(wish.pins[0], source=f"https://x/y@{'c' * 40}"),))
    edit = Requirements().edit("r.txt", f"numpy\n{line}\n".encode(), wish)
    assert edit.data.decode() == f"numpy\n{line}\n"
    assert not edit.pins
    (note,) = edit.notes
    assert (note.code, note.severity, note.line) == ("url-left-alone", "notice", 2)
    assert [url.lower()[:10] for url in seen] == ["https://h/"]


def test_a_url_that_is_known_and_paths_need_nobody_to_say_that_they_are_ours() -> None:
    wish = replace(wanted(style="url"), ours=lambda _: False)
    for line in (url_of(PURE), "./wheels/my_pkg-1.0-py3-none-any.whl", "my-pkg==1.0"):
        assert not Requirements().edit("r.txt", line.encode(), wish).notes


def test_the_hash_of_another_file_is_put_right() -> None:
    for digest in ("0" * 63 + "1", "f" * 64):
        assert edited(f"my-pkg @ {url_of(PURE)}#sha256={digest}", "url") == f"my-pkg @ {WITH_HASH}"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (
            "my-pkg==1.0 --hash=sha256:aa # c",
            f"my-pkg==1.1 --hash=sha256:{ZEROS} --hash=sha256:{ONES} # c",
        ),
        (
            "my-pkg==1.0 \\\n  --hash=sha256:aa\n",
            f"my-pkg==1.1 \\\n  --hash=sha256:{ZEROS} \\\n  --hash=sha256:{ONES}\n",
        ),
        (
            "my-pkg==1 \\\n --hash=sha256:a \\\n --hash=sha256:b \\\n --hash sha512:c\n  # via\nb",
            f"my-pkg==1.1 \\\n --hash=sha256:{ZEROS} \\\n --hash=sha256:{ONES}\n  # via\nb",
        ),
    ],
)
def test_hashes_become_those_of_the_new_wheels(old: str, new: str) -> None:
    wish = wanted(pin(PURE, NATIVE))
    assert Requirements().edit("r.txt", old.encode(), wish).data.decode() == new
    assert Requirements().edit("r.txt", new.encode(), wish).data.decode() == new


def test_hashes_that_are_not_known_yet_are_told() -> None:
    bare = pin()
    bare = type(bare)(bare.name, bare.version, bare.commit)
    edit = Requirements().edit("r.txt", b"my-pkg==1.0 --hash=sha256:aa\n", wanted(bare))
    assert edit.unknown == ("the hashes of my-pkg 1.1",)
    edit = Requirements().edit("r.txt", b"my-pkg==1.0\n", wanted(bare, style="url"))
    assert edit.unknown == ("the URL of my-pkg 1.1", "the hash of my-pkg 1.1")


@pytest.mark.parametrize("line", ["my-pkg=1.0", "my-pkg==1.0 other", "my-pkg==", "my-pkg[a==1.0"])
def test_a_line_of_ours_that_pip_cannot_read_is_an_error(line: str) -> None:
    with pytest.raises(DefinitionUnresolvable, match="my-pkg") as caught:
        edited("numpy\n\n" + line, "version")
    assert (caught.value.code, caught.value.line) == ("requirement-unreadable", 3)


def test_others_lines_that_pip_cannot_read_are_left_to_pip() -> None:
    assert edited("what is this\nmy-pkg\n", "version") == "what is this\nmy-pkg==1.1\n"


def test_named_twice_is_an_error_with_both_lines() -> None:
    with pytest.raises(DefinitionUnresolvable, match="lines 1 and 3") as caught:
        edited("my-pkg==1.0\nnumpy\nMy_Pkg\n", "version")
    assert caught.value.line == 3


@pytest.mark.parametrize(
    ("line", "code", "old"),
    [
        ("my-pkg!=1.1,<2", "limit-replaced", "!=1.1,<2"),
        ("my-pkg (<1.1)", "limit-replaced", "(<1.1)"),
        ("my-pkg==1.0.*", "limit-replaced", "==1.0.*"),
        ("my-pkg ~= 1.0.2", "limit-replaced", "~= 1.0.2"),
        ("my-pkg===of-mine", "limit-replaced", "===of-mine"),
        ("my-pkg==1.2", "pin-lowered", "==1.2"),
        ("https://h/my_pkg-1.2-py3-none-any.whl", "pin-lowered", "1.2-py3"),
    ],
)
@pytest.mark.parametrize("style", ["version", "url"])
def test_a_limit_or_higher_pin_that_gives_way_is_told(
    line: str, code: str, old: str, style: PinStyle
) -> None:
    data = f"numpy\n{line}\n".encode()
    edit = Requirements().edit("env/r.txt", data, wanted(style=style))
    assert edit.pins
    (note,) = [one for one in edit.notes if one.code != "pin-form-changed"]
    assert (note.code, note.severity, note.file, note.line) == (code, "warning", "env/r.txt", 2)
    assert old in note.message
    assert "1.1 " in note.message
    assert '"!env/r.txt"' in note.cure
    assert not Requirements().edit("env/r.txt", edit.data, wanted(style=style)).notes


@pytest.mark.parametrize("line", ["my-pkg", "my-pkg==1.0", "my-pkg (>=1,<2)", "my-pkg<=1.1,!=1.0"])
def test_a_limit_that_holds_and_an_older_pin_are_no_news(line: str) -> None:
    assert not Requirements().edit("r.txt", line.encode(), wanted()).notes


def test_named_twice_with_different_markers_is_right() -> None:
    text = "my-pkg==1.0 ; python_version<'3.9'\nmy-pkg==1.0 ; python_version>='3.9'\n"
    assert edited(text, "version") == text.replace("1.0", "1.1")


@pytest.mark.parametrize("text", ["", "-r x.txt", "--index-url x", "./folder", "https://h/x.zip"])
def test_what_has_no_name_is_none(text: str) -> None:
    assert parse(text) is None


@pytest.mark.parametrize("text", ["a b", "=1", "é", "a==1;nonsense"])
def test_what_is_no_requirement(text: str) -> None:
    with pytest.raises(Unreadable):
        parse(text)


def test_characters_know_where_they_stand() -> None:
    text = "  a \\\r\n\t==1 \\\n --hash=x # c\n\n# d\nlast\\"
    lines = logical_lines(text)
    assert [line.text for line in lines] == ["a \t==1  --hash=x", "", "", "last"]
    for line in lines:
        assert "".join(text[line.at(index)] for index in range(len(line.text))) == line.text
    assert (lines[0].start, lines[-1].end) == (0, len(text))


NAMES = ("foo", "Foo.Bar", "foo_bar", "a", "foo.whl", "FOO.WHL-x")
EXTRAS = ("", "[fast]", " [fast]")
PINS = ("", "==1.0", " == 1.0", ">=1,<2", "==1.0,<2", "== 1.0rc1", "!=1.5.post1", "~=1", ">1.*")
MARKERS = ("", ";python_version<'3'", " ; python_version >= '3.8'", "; x == 'y'",
           " ;  os_name == 'a -b'", "; python_version > '3' ", "; extra == '\u00e9'")  # fmt: skip


def test_the_short_way_reads_as_packaging_does(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["".join(parts) for parts in itertools.product(NAMES, EXTRAS, PINS, MARKERS)]
    short = sum(requirement._parse_plain(text) is not None for text in texts)
    assert short > len(texts) // 10
    quick = [_said(text) for text in texts]
    monkeypatch.setattr(requirement, "_parse_plain", lambda _: None)
    assert [_said(text) for text in texts] == quick


def _said(text: str) -> object:
    requirement.parse.cache_clear()
    try:
        return requirement.parse(text)
    except requirement.Unreadable:
        return "unreadable"


def test_a_pin_whose_hash_allows_no_released_wheel_is_written_anew() -> None:
    wrong, right = f"--hash=sha256:{'f' * 64}", f"--hash=sha256:{ZEROS}"
    assert edited(f"my-pkg==1.1 {wrong}\n", "version") == f"my-pkg==1.1 {right}\n"
    both = f"my-pkg==1.1 {right} {wrong}\n"
    assert edited(both, "version") == both
    other = f"my-pkg==1.1 --hash=SHA256:{ZEROS.upper()}\n"
    assert edited(other, "version") == other


@pytest.mark.parametrize("text", ["https://a]b/x.whl", "my-pkg @ https://[b/x.whl", "https://[/#x"])
def test_a_url_that_is_none_is_unreadable(text: str) -> None:
    with pytest.raises(Unreadable, match=r"cannot be read|Invalid"):
        parse(text)
