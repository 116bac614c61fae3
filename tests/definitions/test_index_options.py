from __future__ import annotations

import pytest

from tests.definitions.made import ALONE, FEED, INDEX, PURE, SCHEMA, only, pin, plan, wanted
from wheelstep.definitions.index_options import index_options
from wheelstep.definitions.pip_lines import logical_lines
from wheelstep.definitions.requirements import Requirements
from wheelstep.errors import Refused
from wheelstep.ground.index_url import same_index
from wheelstep.model import Index

EXTRA = f"--extra-index-url {FEED}"
MAIN = f"--index-url {FEED}"
OTHER = "https://other.example.org/simple"


def edited(text: str, index: Index = INDEX) -> tuple[str, list[str]]:
    edit = Requirements().edit("r.txt", text.encode(), wanted(index=index))
    again = Requirements().edit("r.txt", edit.data, wanted(index=index))
    assert (again.data, again.index_added) == (edit.data, None)
    return edit.data.decode().replace("my-pkg==1.1", "P"), [note.code for note in edit.notes]


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("my-pkg", f"{EXTRA}\nP"),
        ("# c\r\nmy-pkg\r\n", f"{EXTRA}\r\n# c\r\nP\r\n"),
        ("# -*- coding: utf-8 -*-\nmy-pkg\n", f"# -*- coding: utf-8 -*-\n{EXTRA}\nP\n"),
        (f"-i {OTHER}\nmy-pkg\n", f"-i {OTHER}\n{EXTRA}\nP\n"),
        (f"my-pkg\n--index-url={OTHER}", f"P\n--index-url={OTHER}\n{EXTRA.replace(' ', '=')}"),
        (
            f"-f x\nmy-pkg\n--extra-index-url \\\n {OTHER}\na\n",
            f"-f x\nP\n--extra-index-url \\\n {OTHER}\n{EXTRA}\na\n",
        ),
        ("my-pkg\n-r base.txt\nnumpy\n", f"P\n-r base.txt\n{EXTRA}\nnumpy\n"),
    ],
)
def test_added_as_extra_after_every_other(text: str, result: str) -> None:
    assert edited(text) == (result, [])


@pytest.mark.parametrize(
    ("text", "result", "notes"),
    [
        ("my-pkg\n", f"{MAIN}\nP\n", []),
        (
            f"a\n--extra-index-url {OTHER}\nmy-pkg\n",
            f"a\n{MAIN}\n--extra-index-url {OTHER}\nP\n",
            ["index-not-last"],
        ),
        (f"-i {OTHER}\nmy-pkg\n", f"-i {OTHER}\n{EXTRA}\nP\n", ["index-beside-another"]),
    ],
)
def test_added_as_the_only_one_where_it_can_stand_alone(
    text: str, result: str, notes: list[str]
) -> None:
    assert edited(text, ALONE) == (result, notes)


@pytest.mark.parametrize(
    "written",
    [
        f"--index-url {FEED}",
        f"-i {FEED.rstrip('/')}",
        f"-i{FEED}",
        f"--extra-index-url={FEED.replace('pkgs.dev', 'PKGS.DEV')}",
        f"--extra-index-url '{FEED.replace('.com/', '.com:443/')}'",
        f"--extra-index-url {FEED.replace('https://', 'https://${FEED_USER}:${FEED_TOKEN}@')}",
        f"--extra-index-url {FEED.replace('/feed', '/%66eed')}",
    ],
)
def test_what_names_the_index_already_is_left(written: str) -> None:
    assert edited(f"{written}\nmy-pkg\n") == (f"{written}\nP\n", [])


def test_an_option_that_pip_ignores_is_told_and_does_not_count() -> None:
    text = f"--extra-index-url {FEED}\nmy-pkg\n--index-url {OTHER}\n"
    assert edited(text) == (text.replace("my-pkg", "P") + EXTRA + "\n", ["index-ignored"])


def test_another_index_after_ours_is_told() -> None:
    text = f"-i {FEED}\n--extra-index-url {OTHER}\nmy-pkg\n"
    assert edited(text) == (text.replace("my-pkg", "P"), ["index-not-last"])


def test_no_index_is_told_and_kept() -> None:
    assert edited("--no-index\nmy-pkg\n") == ("--no-index\nP\n", ["index-switched-off"])


def test_an_index_that_cannot_be_named_is_told() -> None:
    assert edited("my-pkg\n", Index(None)) == ("P\n", ["index-not-named"])


@pytest.mark.parametrize("style", ["url", "bare-url"])
def test_wheels_by_url_need_no_index(style: str) -> None:
    edit = only(plan({"requirements.txt": b"my-pkg\n"}, style=style, index=INDEX))  # type: ignore[arg-type]
    assert edit.index_added is None


def test_wheels_by_url_that_stay_need_no_index_either() -> None:
    url = f"https://h/{PURE}"
    conda = "name: e\ndependencies:\n- pip:\n  - {}\n"
    files = {
        "c.yml": conda.format(url).encode(),
        "requirements.txt": f"my-pkg @ {url}\n".encode(),
        "e.yml": f"$schema: {SCHEMA}\nname: e\nversion: 3\nconda_file: c.yml\n".encode(),
    }
    edits = plan(files, index=INDEX).edits
    assert [(one.status, one.index_added) for one in edits] == [("unchanged", None)] * 3
    # one that is taken by version is enough, whether it was pinned already or is now
    for other in ("our-other==1.1", "our-other==1.0", "https://h/our_other-1.0-py3-none-any.whl"):
        files = {"c.yml": conda.format(f"{url}\n  - {other}").encode()}
        edit = only(plan(files, pin(), pin(name="our-other"), index=INDEX))
        assert edit.index_added == EXTRA


def test_two_options_of_one_line_are_both_read() -> None:
    options = index_options(logical_lines("--index-url a --extra-index-url=b --pre\n-r c 'open"))
    assert [(one.kind, one.url, one.line) for one in options] == [
        ("index", "a", 0),
        ("extra", "b", 0),
        ("include", "c", 1),
    ]


def test_indexes_of_different_places_differ() -> None:
    assert not same_index("https://h/a/simple", "https://h/A/simple")
    assert not same_index("https://h/simple", "http://h/simple")
    assert not same_index("https://h:bad/simple", "https://h/simple")


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("https://user:hunter2secret@h/simple", "password"),
        ("https://hunter2secret@h/simple", "token"),
        ("https://:hunter2secret@h/simple", "password"),
        ("https://${USER}:hunter2secret@h/simple", "password"),
        ("https://hunter2secret:x@h/simple", "password"),
        ("https://hunter2secret0123456789abcdef:${TOKEN}@h/simple", "user name"),
        ("git+https://hunter2secret@github.com/o/r", "token"),
        ("git+ssh://git:hunter2secret@github.com/o/r", "password"),
        ("https://h/c/x.whl?sv=2024&sig=hunter2secret%3D", "shared access signature"),
        ("https://conda.example.org/t/hunter2secret/main", "access token"),
    ],
)
@pytest.mark.parametrize("place", ["--extra-index-url {}\n", "# {}\n"])
def test_a_secret_is_refused_with_its_line_and_not_printed(url: str, what: str, place: str) -> None:
    files = {"requirements.txt": ("numpy\n" + place.format(url) + "my-pkg\n").encode()}
    with pytest.raises(Refused, match=what) as caught:
        plan(files)
    error = caught.value
    assert (error.code, error.file, error.line) == ("secret-in-definition", "requirements.txt", 2)
    assert "hunter2secret" not in f"{error}{error.message}{error.cure}{error!r}"


@pytest.mark.parametrize(
    "url",
    [
        "https://${TOKEN}@h/simple",
        "https://${USER}:${TOKEN}@h/simple",
        "https://build:${TOKEN}@h/simple",
        "https://__token__:${TOKEN}@h/simple",
        "git+ssh://git@github.com/o/r",
        "https://git@github.com/o/r",
        "https://h/c?sig=${SIGNATURE}",
        "https://h/@scope/name",
    ],
)
def test_what_is_no_secret_is_left(url: str) -> None:
    files = {"requirements.txt": f"# {url}\nmy-pkg\n".encode()}
    assert only(plan(files)).after == files["requirements.txt"].replace(b"my-pkg", b"my-pkg==1.1")
