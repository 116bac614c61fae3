"""wheelstep.lock: what is written is read, sorted, and nothing that is in the way is an error."""

from __future__ import annotations

import tomllib
from dataclasses import replace

import pytest

from wheelstep.lock import FILE, Lock, Locked, LockedWheel

WHEEL = LockedWheel(
    file="acme_core-1.0-cp311-cp311-linux_x86_64.whl",
    sha256="a" * 64,
    content="b" * 64,
    size=1234,
    requires_python=">=3.8, !=3.9.0",
    places=("../index", "https://pkgs.dev.azure.com/o/_packaging/f/"),
)
CORE = Locked(
    name="acme-core",
    version="1.0",
    sources="c" * 64,
    commit="d" * 40,
    history="e" * 64,
    build_requirements=("setuptools==84.2.1", "cython==3.1"),
    wheels=(WHEEL, replace(WHEEL, file="acme_core-1.0-cp310-cp310-linux_x86_64.whl", places=())),
)
OTHER = Locked(
    name="zeta",
    version="2.0rc1",
    sources="1" * 64,
    commit="2" * 40,
    history=None,
    build_requirements=(),
    wheels=(replace(WHEEL, file="zeta-2.0rc1-py3-none-any.whl", requires_python=None),),
)


def test_the_name_of_the_file() -> None:
    assert FILE == "wheelstep.lock"


def test_what_is_written_is_read() -> None:
    lock = Lock().with_packages(OTHER, CORE)
    data = lock.render()
    read = Lock.parse(data)
    assert read.broken is None
    assert list(read.packages) == ["acme-core", "zeta"]
    assert read.packages["zeta"] == OTHER
    again = read.packages["acme-core"]
    assert again.same_release(replace(CORE, wheels=CORE.wheels[::-1]))
    assert again.build_requirements == ("cython==3.1", "setuptools==84.2.1")
    assert again.wheels == CORE.wheels[::-1]
    assert read.render() == data


def test_a_block_without_wheels_tells_nothing() -> None:
    data = Lock().with_packages(OTHER, replace(CORE, wheels=())).render()
    assert b"acme-core" in data
    assert list(Lock.parse(data).packages) == ["zeta"]


def test_the_bytes_are_the_same_whatever_the_order() -> None:
    assert Lock().with_packages(CORE, OTHER).render() == Lock().with_packages(OTHER, CORE).render()
    flipped = replace(CORE, wheels=CORE.wheels[::-1])
    assert Lock().with_packages(flipped).render() == Lock().with_packages(CORE).render()
    data = Lock().with_packages(CORE, OTHER).render()
    assert b"\r" not in data
    assert data.endswith(b"]\n")


def test_each_package_is_one_block_so_that_two_branches_merge() -> None:
    data = Lock().with_packages(CORE, OTHER).render()
    newer = Lock.parse(data).with_packages(replace(CORE, version="1.1")).render()
    before, after = data.decode().splitlines(), newer.decode().splitlines()
    different = [pair for pair in zip(before, after, strict=True) if pair[0] != pair[1]]
    assert different == [('version = "1.0"', 'version = "1.1"')]


@pytest.mark.parametrize(
    "text", ['a"quote', "back\\slash", "line\nend", "tab\t", "b\u00fccher \u2603", "\x7f", "\x01"]
)
def test_any_text_survives(text: str) -> None:
    odd = replace(CORE, version=text, wheels=(replace(WHEEL, places=(text,)),))
    data = Lock().with_packages(odd).render()
    assert tomllib.loads(data.decode())["package"][0]["version"] == text
    assert Lock.parse(data).packages["acme-core"].places() == {text}


def test_a_byte_order_mark_is_no_harm() -> None:
    assert Lock.parse(b"\xef\xbb\xbf" + Lock().with_packages(OTHER).render()).packages


def test_windows_line_ends_are_no_harm() -> None:
    data = Lock().with_packages(OTHER, CORE).render().replace(b"\n", b"\r\n")
    assert Lock.parse(data).render() == Lock().with_packages(OTHER, CORE).render()


def test_an_absent_file_is_an_empty_record() -> None:
    assert Lock.parse(None) == Lock()
    assert Lock.parse(None).broken is None


GOOD = Lock().with_packages(CORE).render()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<<<<<<< HEAD\n",
        b"\xff\xfe\x00",
        b"lock-version = 2\n",
        b"lock-version = '1'\n",
        GOOD.replace(b'version = "1.0"', b"version = 1.0"),
        GOOD.replace(b"commit = ", b"comit = "),
        GOOD.replace(b"size = 1234", b'size = "many"'),
        b"lock-version = 1\npackage = 3\n",
        b"lock-version = 1\npackage = [3]\n",
        b"lock-version = 1\n[[package]]\nname = []\n",
        GOOD[: len(GOOD) // 2],
        # what only malice writes
        b"lock-version = 1\na = " + b"[" * 100_000,
        GOOD.replace(b"size = 1234", b"size = inf"),
        GOOD.replace(b'commit = "' + b"d" * 40, b'commit = "HEAD'),
        GOOD.replace(b'commit = "' + b"d" * 40, b'commit = "--all'),
        GOOD.replace(b'sha256 = "' + b"a" * 64, b'sha256 = "a b'),
        GOOD.replace(b"linux_x86_64.whl", b"linux_x86_64\\u0000.whl"),
        GOOD.replace(b"linux_x86_64.whl", b"linux/../../x.whl"),
        GOOD.replace(b'"cython==3.1"', b'"cython @ https://evil.example/cython.whl"'),
        GOOD.replace(b'"cython==3.1"', b'"--extra-index-url https://evil.example/"'),
        GOOD.replace(b'"cython==3.1"', b'"cython==3.1\\n-r /etc/passwd"'),
    ],
)
def test_a_broken_file_counts_as_absent_and_says_why(data: bytes) -> None:
    lock = Lock.parse(data)
    assert lock.packages == {}
    assert lock.broken
    mended = lock.with_packages(OTHER)
    assert mended.broken is None
    assert Lock.parse(mended.render()).packages == {"zeta": OTHER}


def test_places_are_those_that_have_every_wheel() -> None:
    one, other = WHEEL, replace(WHEEL, file="acme_core-1.0-py3-none-any.whl", places=("../index",))
    assert replace(CORE, wheels=(one, other)).places() == {"../index"}
    assert replace(CORE, wheels=(one,)).places() == set(WHEEL.places)
    assert replace(CORE, wheels=()).places() == frozenset()


def test_the_same_release_in_other_words() -> None:
    said_otherwise = replace(CORE, commit="f" * 40, sources="0" * 64, build_requirements=())
    assert CORE.same_release(said_otherwise)
    assert not CORE.same_release(replace(CORE, version="1.1"))
    assert not CORE.same_release(replace(CORE, wheels=CORE.wheels[:1]))


def test_wheels_as_values() -> None:
    wheel = CORE.as_wheels()[0]
    assert (wheel.file, wheel.name, wheel.version) == (WHEEL.file, "acme-core", "1.0")
    assert (wheel.sha256, wheel.content, wheel.size) == ("a" * 64, "b" * 64, 1234)
    assert (wheel.requires_python, wheel.path) == (">=3.8, !=3.9.0", None)


def test_what_the_wheels_require_is_kept_where_it_is_known() -> None:
    lone, needy = replace(OTHER, requires=()), replace(CORE, requires=("zeta>=2", "acme-x"))
    data = Lock().with_packages(lone, needy).render()
    read = Lock.parse(data)
    assert read.packages["zeta"].requires == ()
    assert read.packages["acme-core"].requires == ("acme-x", "zeta>=2")
    assert read.render() == data
    # nothing else of the record changes, and it is the same release
    without = Lock().with_packages(OTHER, CORE).render().decode()
    added = "requires = []\n", 'requires = [\n  "acme-x",\n  "zeta>=2",\n]\n'
    assert without == data.decode().replace(added[0], "").replace(added[1], "")
    old = Lock.parse(without.encode()).packages["acme-core"]
    assert old.requires is None
    assert old.same_release(read.packages["acme-core"])


def test_requirements_that_are_no_texts_break_the_record() -> None:
    data = Lock().with_packages(replace(OTHER, requires=())).render()
    assert Lock.parse(data.replace(b"\nrequires = []", b"\nrequires = [1]")).broken


def test_a_feed_that_was_recorded_in_another_spelling_is_the_same_place() -> None:
    """Records of before had the case that the settings had; nothing is published or written anew
    for that."""
    old, new = (
        f"https://pkgs.dev.azure.com/{path}/pypi/simple/"
        for path in ("Contoso/ML/_packaging/Wheels", "contoso/ml/_packaging/wheels")
    )
    locked = replace(OTHER, wheels=(replace(OTHER.wheels[0], places=(old,)),))
    read = Lock.parse(Lock().with_packages(locked).render()).packages["zeta"]
    assert read.places() == {new}
    assert read.same_release(replace(OTHER, wheels=(replace(OTHER.wheels[0], places=(new,)),)))
