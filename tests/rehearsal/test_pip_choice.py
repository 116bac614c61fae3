"""Which file pip takes, case by case, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from packaging.specifiers import SpecifierSet

from wheelstep.model import Listed
from wheelstep.rehearsal.candidates import IndexOrder, index_order
from wheelstep.rehearsal.chosen import tag_order
from wheelstep.rehearsal.pip_choice import Choice, Offer, Rules, choose
from wheelstep.rehearsal.pip_rules import allowed_formats
from wheelstep.rehearsal.pip_section import Image, decide, gather, marker_environment
from wheelstep.rehearsal.section import Section, take_apart
from wheelstep.rehearsal.section_lines import Fault, flatten

PLATFORM = "x86_64-manylinux_2_28"
TAGS = tag_order("3.10", PLATFORM)
A, B = "a" * 64, "b" * 64


def offer(version: str, index: str = "ours", tag: str = "py3-none-any", **rest: object) -> Offer:
    file = f"acme_core-{version}-{tag}.whl" if tag else f"acme_core-{version}.tar.gz"
    values = {"sha256": A, **rest}
    own = values.pop("own", None)
    listed = Listed(file, f"https://{index}.invalid/{file}", **values)  # type: ignore[arg-type]
    return Offer(listed, f"https://{index}.invalid/simple", own=own)  # type: ignore[arg-type]


@dataclass
class Case:
    offers: list[Offer]
    wanted: str | None
    """"index/version" of what is taken, with the tag after a space where it matters."""
    ranges: str = ""
    refused: str = ""
    """The reason that is given."""
    rules: dict[str, object] | None = None


ONE, TWO = offer("1.0"), offer("2.0")
CASES = {
    "the best version of all indexes": Case([TWO, offer("1.0", "other")], "ours/2.0"),
    "of equals the last listed": Case([ONE, offer("1.0", "other")], "other/1.0", "==1.0"),
    "1.0 and 1.0.0 are equal": Case([ONE, offer("1.0.0", "other")], "other/1.0.0", "==1.0"),
    "a better tag beats the order": Case(
        [offer("1.0", tag="cp310-cp310-manylinux_2_17_x86_64"), offer("1.0", "other")], "ours/1.0"
    ),
    "a build number beats the order": Case(
        [offer("1.0", tag="10-py3-none-any"), offer("1.0", "other", "9-py3-none-any")], "ours/1.0"
    ),
    "a wheel beats the source of its version": Case([ONE, offer("1.0", "other", "")], "ours/1.0"),
    "but not that of a later one": Case([ONE, offer("2.0", "other", "")], "other/2.0"),
    "unless wheels are preferred": Case(
        [ONE, offer("2.0", "other", "")], "ours/1.0", rules={"prefer_binary": True}
    ),
    "or sources excluded": Case(
        [offer("2.0", tag="")], None, refused="no-sources", rules={"sources": False}
    ),
    "or wheels": Case([ONE], None, refused="no-wheels", rules={"wheels": False}),
    "a local version is later": Case([offer("1.0+cpu"), ONE], "ours/1.0+cpu", "==1.0"),
    "an exact pin of a local version": Case([ONE], None, "==1.0+cpu", "specifier"),
    "an epoch is later than all": Case([TWO, offer("1!0.1")], "ours/1!0.1"),
    "a post release is later": Case([ONE, offer("1.0.post1")], "ours/1.0.post1", ">=1.0"),
    "but not what == means": Case([ONE, offer("1.0.post1")], "ours/1.0", "==1.0"),
    "=== compares the text": Case([offer("1.0.0")], None, "===1.0", "specifier"),
    "yanked is passed over": Case([ONE, offer("2.0", yanked="broken")], "ours/1.0"),
    "also where it is all there is": Case([offer("2.0", yanked=True)], None, "", "yanked"),
    "but for an exact pin": Case([offer("2.0", yanked=True)], "ours/2.0", "==2.0"),
    "a prefix is no exact pin": Case([offer("2.0", yanked=True)], None, "==2.*", "yanked"),
    "a pin takes what is not yanked": Case(
        [ONE, offer("1.0", "other", yanked=True)], "ours/1.0", "==1.0"
    ),
    "pre-releases are passed over": Case([ONE, offer("2.0rc1")], "ours/1.0", ">=1.0"),
    "but with --pre": Case([ONE, offer("2.0rc1")], "ours/2.0rc1", rules={"prereleases": True}),
    "or where the range names one": Case([ONE, offer("2.0rc1")], "ours/2.0rc1", ">=1.0rc1"),
    "or where nothing else is there": Case([offer("2.0rc1")], "ours/2.0rc1"),
    "not with --only-final": Case(
        [offer("2.0rc1")], None, refused="pre-release", rules={"prereleases": False}
    ),
    "requires-python": Case([ONE, offer("2.0", requires_python=">=3.11")], "ours/1.0"),
    "a patch release is assumed": Case([offer("1.0", requires_python=">=3.10.4")], "ours/1.0"),
    "requires-python that is none": Case([offer("1.0", requires_python="three")], "ours/1.0"),
    "no file for this Python": Case(
        [offer("1.0", requires_python="<3.10")], None, "", "requires-python"
    ),
    "the file's own requires-python": Case(
        [ONE, offer("2.0", own=Listed("", "", A, requires_python=">=3.11"))], "ours/1.0"
    ),
    "whose version has no second file": Case(
        [ONE, TWO, offer("2.0", "other", own=Listed("", "", A, requires_python=">=3.11"))],
        "ours/1.0",
    ),
    "no wheel for this platform": Case(
        [offer("1.0", tag="cp310-cp310-win_amd64")], None, "==1.0", "tags"
    ),
    "a libc too new": Case(
        [offer("1.0", tag="cp310-cp310-manylinux_2_31_x86_64")], None, "", "tags"
    ),
    "an allowed hash beats the version": Case(
        [ONE, offer("2.0", sha256=None)], "ours/1.0", rules={"hashes": frozenset({A})}
    ),
    "and the order": Case(
        [ONE, offer("1.0", "other", sha256=B)], "ours/1.0", rules={"hashes": frozenset({A})}
    ),
    "no allowed hash": Case([ONE], None, refused="hash", rules={"hashes": frozenset({B})}),
    "names that are none": Case([offer("one")], None, "", "name"),
    "another project's file": Case([offer("core-1.0", tag="")], None, "", "name"),
    "nothing at all": Case([], None, "", "not-listed"),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_file(case: Case) -> None:
    choice = chosen_of(case.offers, case.ranges, **(case.rules or {}))
    assert short(choice) == case.wanted
    assert not choice.doubts
    assert choice.certain == (case.wanted is not None)
    if case.refused:
        assert [refusal.reason for refusal in choice.refusals] == [case.refused]
        assert choice.why.endswith(".")


def chosen_of(offers: list[Offer], ranges: str = "", **rules: object) -> Choice:
    wanted = Rules(SpecifierSet(ranges), "3.10", TAGS, **rules)  # type: ignore[arg-type]
    return choose("acme-core", offers, wanted)


def short(choice: Choice) -> str | None:
    if choice.offer is None:
        return None
    index = (choice.offer.index or "").removeprefix("https://").partition(".")[0]
    version = choice.offer.listed.file.split("-")[1].removesuffix(".tar.gz")
    return f"{index}/{version}"


def test_a_refusal_says_what_to_do() -> None:
    choice = chosen_of([offer("1.0", tag="cp39-cp39-win_amd64"), offer("2.0", yanked="broken")])
    assert choice.why == (
        "No wheel for Python 3.10 on this platform: acme_core-1.0-cp39-cp39-win_amd64.whl. "
        "Yanked, which only an exact pin (==) takes: 2.0."
    )


def test_one_file_of_each_version_is_left_to_step_back_to() -> None:
    choice = chosen_of([ONE, TWO, offer("1.0", "other"), offer("0.9", yanked=True)])
    assert [(each.listed.file.split("-")[1], each.index) for each in choice.ranked] == [
        ("2.0", "https://ours.invalid/simple"),
        ("1.0", "https://other.invalid/simple"),
    ]


@pytest.mark.parametrize(
    ("offers", "ranges", "by_pip"),
    [
        # a range that only pre-releases meet
        ([offer("2.0rc1")], ">=1.0", {"24.0": None, "25.3": None, "26.3": "ours/2.0rc1"}),
        # an open end that names one
        (
            [ONE, offer("2.0b1")],
            "<2.0rc1",
            {"24.3.1": "ours/1.0", "25.0.1": "ours/2.0b1", "26.3": "ours/2.0b1"},
        ),
        # a name that breaks the standard
        ([offer("1.0_1")], "", {"24.0": "ours/1.0_1", "25.2": "ours/1.0_1", "25.3": None}),
        # a Requires-Python that does
        (
            [offer("1.0", requires_python="<3.10.*")],
            "",
            {"24.0": None, "24.1": "ours/1.0", "26.3": "ours/1.0"},
        ),
    ],
)
def test_where_pips_differ_it_is_not_certain(
    offers: list[Offer], ranges: str, by_pip: dict[str, str | None]
) -> None:
    for pip, wanted in by_pip.items():
        choice = chosen_of(offers, ranges, pip=pip)
        assert short(choice) == wanted
        assert not choice.doubts
    unknown = chosen_of(offers, ranges)
    assert not unknown.certain
    assert "which pip the image has is not said" in unknown.doubts[0]


def test_a_hash_that_no_page_names_is_not_certain() -> None:
    silent = offer("1.0", sha256=None)
    assert "names no SHA-256" in chosen_of([silent], hashes=frozenset({A})).doubts[0]
    read = Offer(silent.listed, silent.index, own=Listed("", "", A))
    assert chosen_of([read], hashes=frozenset({A})).certain
    other = Offer(silent.listed, silent.index, own=Listed("", "", B))
    assert chosen_of([other], hashes=frozenset({A})).offer is None


# -- the places of a section ----------------------------------------------------------------------

PAGES = {
    "https://one.invalid/simple": [Listed("acme-1.0-py3-none-any.whl", "https://one.invalid/f", A)],
    "https://two.invalid/simple/": [
        Listed("acme-1.0-py3-none-any.whl", "https://two.invalid/f", B),
        Listed("acme-1.0-py3-none-any.whl", "https://two.invalid/g", B),
        Listed("acme-1.0-py3-none-any.whl", "https://two.invalid/f", B),
    ],
    "file:///folder": [
        Listed("acme-1.0-py3-none-any.whl", "file:///folder/a", None),
        Listed("acme-1.0-py3-none-any.whl", "file:///folder/b", None),
    ],
    "https://page.invalid/links": [
        Listed("acme-1.0-py3-none-any.whl", "https://page.invalid/f", A)
    ],
}


def pages(place: str | None, name: str, links: bool) -> list[Listed]:
    assert name == "acme"
    assert links == (place in {"file:///folder", "https://page.invalid/links"})
    return PAGES.get(place or "", [])


def test_the_order_of_places() -> None:
    order = IndexOrder(
        (
            "https://two.invalid/simple/",
            "https://one.invalid/simple",
            None,
            "https://two.invalid/simple",
        ),
        ("https://page.invalid/links", "file:///folder", "file:///folder"),
    )
    # files downwards, pages, indexes where they are named first, a link once
    assert [each.listed.url for each in gather(order, "acme", pages)] == [
        "file:///folder/b",
        "file:///folder/a",
        "https://page.invalid/f",
        "https://two.invalid/f",
        "https://two.invalid/g",
        "https://one.invalid/f",
    ]


IMAGE = Image("3.10", TAGS, marker_environment("3.10", PLATFORM))
WHEEL = "https://x.invalid/acme-1.0-py3-none-any.whl"


def section_of(*lines: str) -> Section:
    return take_apart(flatten(lines, "c.txt", lambda _: None), "c.txt", {}, lambda _: None)


def decided(*lines: str, sha256: str | None = A, python: str | None = None) -> dict[str, Choice]:
    section = section_of("-i https://one.invalid/simple", *lines)
    known = Listed(WHEEL.rpartition("/")[2], WHEEL, sha256, requires_python=python)
    return decide(section, index_order(section.options), IMAGE, pages, at={WHEEL: known}.get)


def test_a_name_is_decided() -> None:
    choice = decided("acme[extra]>=1.0", "other ; python_version < '3'")["acme"]
    assert choice.certain
    assert choice.offer is not None
    assert choice.offer.index == "https://one.invalid/simple"
    assert set(decided("acme ; sys_platform == 'linux'", "other ; os_name == 'nt'")) == {"acme"}


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ((f"acme @ {WHEEL}", f"acme @ {WHEEL}2.whl"), "name url"),
        ((f"acme @ {WHEEL}", "acme>=2"), "specifier"),
        ((f"acme @ {WHEEL}#sha256={B}",), "hash"),
        (("acme @ https://x.invalid/acme-1.0-cp39-cp39-win_amd64.whl",), "tags"),
        ((f"acme==1.0 --hash=sha256:{B}",), "hash"),
        (("acme>=1.0", "acme==2.0"), "specifier"),
        ((f"acme==1.0 --hash=sha256:{A}", f"acme==1.0 --hash=sha256:{B}"), "hash"),
        (("acme==2.0",), "specifier"),
        (("--only-binary acme", "--no-binary ACME", "acme"), "no-wheels"),
        (("--no-index", "acme"), "not-listed"),
    ],
)
def test_what_is_refused(lines: tuple[str, ...], reason: str) -> None:
    choices = decided(*lines)
    (choice,) = choices.values()
    assert choice.offer is None
    assert choice.refusals[0].reason in reason


def test_a_range_with_a_hash_depends_on_pip() -> None:
    section = section_of("-i https://one.invalid/simple", f"acme>=1.0 --hash=sha256:{A}")
    order = index_order(section.options)
    by_pip = {
        pip: decide(section, order, replace(IMAGE, pip=pip), pages)["acme"]
        for pip in ("26.0", "26.1", None)
    }
    assert by_pip["26.0"].offer is None
    assert by_pip["26.1"].certain
    assert by_pip[None].offer is not None
    assert by_pip[None].doubts == (
        "pip before 26.1 wants acme pinned with ==, since it has a hash.",
    )


def test_a_pin_that_comes_second_does_not_let_a_yanked_file_in() -> None:
    yanked = Listed("acme-1.0-py3-none-any.whl", "https://one.invalid/f", A, yanked=True)
    for lines, taken in ((("acme==1.0", "acme<2"), True), (("acme<2", "acme==1.0"), False)):
        section = section_of("-i https://one.invalid/simple", *lines)
        order = index_order(section.options)
        choice = decide(section, order, IMAGE, lambda *_: [yanked])["acme"]
        assert (choice.offer is not None) == taken


def test_a_url_of_another_project() -> None:
    with pytest.raises(Fault, match="is a wheel of acme, and is named as one of other"):
        section_of(f"other @ {WHEEL}")


def test_one_hash_asks_for_all() -> None:
    choices = decided(f"acme==1.0 --hash=sha256:{A}", "other==1.0")
    assert choices["acme"].certain
    assert "makes pip ask for all" in choices["other"].why


def test_a_url_is_as_certain_as_what_is_known_of_it() -> None:
    assert decided(f"acme @ {WHEEL}#sha256={A}")["acme"].certain
    assert decided(f"acme @ {WHEEL}", sha256=None)["acme"].doubts
    assert decided(f"acme @ {WHEEL}", python="<3.9")["acme"].offer is None


def test_options_that_old_pips_do_not_know() -> None:
    choice = decided("--only-final=acme", "acme")["acme"]
    assert choice.offer is not None
    assert choice.doubts


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ([("no-binary", ":all:"), ("only-binary", "acme")], (False, True)),
        ([("only-binary", "acme"), ("no-binary", ":all:")], (True, False)),
        ([("no-binary", "acme"), ("no-binary", ":none:")], (False, False)),
        ([("no-binary", ":all:,:none:,Acme")], (True, False)),
        ([("no-binary", "x"), ("only-binary", ":all:"), ("no-binary", "acme")], (True, False)),
    ],
)
def test_formats_take_names_from_each_other(
    values: list[tuple[str, str]], named: tuple[bool, bool]
) -> None:
    assert allowed_formats(values, "acme", pair=("no-binary", "only-binary")) == named
