"""Index pages: what all sorts of indexes say, and what we write."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from packaging.utils import parse_wheel_filename

from wheelstep.errors import ServiceRefused
from wheelstep.ground.simple_index import (
    ACCEPT,
    parse,
    project_html,
    project_json,
    root_html,
    root_json,
    version_of,
)
from wheelstep.model import Listed

URL = "https://index.example/simple/acme/"
SHA = "0123456789abcdef" * 4
META = "f" * 64
WHEEL = "acme-1.0-py3-none-any.whl"
HTML = "text/html; charset=UTF-8"
JSON = "application/vnd.pypi.simple.v1+json"


def page(*anchors: str, head: str = "") -> bytes:
    lines = "\n".join(anchors)
    return f"<!DOCTYPE html><html><head>{head}</head><body><h1>x</h1>{lines}</body></html>".encode()


def document(*files: dict[str, object], version: str = "1.1") -> bytes:
    return json.dumps({"meta": {"api-version": version}, "name": "acme", "files": files}).encode()


@pytest.mark.parametrize(
    ("href", "expected"),
    [
        (f"../../packages/{WHEEL}#sha256={SHA}", f"https://index.example/packages/{WHEEL}"),
        (f"/abs/{WHEEL}#sha256={SHA.upper()}", f"https://index.example/abs/{WHEEL}"),
        (f"//other.example/{WHEEL}#sha256={SHA}", f"https://other.example/{WHEEL}"),
        (f"https://user:pw@other.example/{WHEEL}#sha256={SHA}", f"https://other.example/{WHEEL}"),
        (f"{WHEEL}?sv=1&amp;sig=a%2Fb#sha256={SHA}", f"{URL}{WHEEL}?sv=1&sig=a%2Fb"),
        (f"{WHEEL}#egg=acme&amp;sha256={SHA}", f"{URL}{WHEEL}"),
        (f"  {WHEEL}#sha256={SHA}\n", f"{URL}{WHEEL}"),
    ],
)
def test_links(href: str, expected: str) -> None:
    (listed,) = parse(page(f'<a href="{href}">any text</a>'), HTML, URL)
    assert listed == Listed(WHEEL, expected, SHA)


def test_the_base_of_a_page() -> None:
    anchors = page(f'<a href="f/{WHEEL}">x</a>', head='<base href="../files/">')
    assert parse(anchors, HTML, URL)[0].url == f"https://index.example/simple/files/f/{WHEEL}"


@pytest.mark.parametrize("fragment", ["", "#md5=abc", "#sha256=short", f"#sha512={SHA}{SHA}"])
def test_no_sha256(fragment: str) -> None:
    assert parse(page(f'<a href="{WHEEL}{fragment}">x</a>'), HTML, URL)[0].sha256 is None


def test_a_local_version_in_a_link() -> None:
    (listed,) = parse(page('<a href="acme-1.0%2Blocal-py3-none-any.whl">x</a>'), HTML, URL)
    assert listed.file == "acme-1.0+local-py3-none-any.whl"


def test_attributes() -> None:
    anchor = (
        f'<A HREF="{WHEEL}" data-requires-python="&gt;=3.9,&lt;4" '
        'data-yanked="too &quot;old&quot;" '
        f'data-dist-info-metadata="sha256={META}" data-gpg-sig="true">x</A>'
    )
    (listed,) = parse(page(anchor), HTML, URL)
    assert listed.requires_python == ">=3.9,<4"
    assert listed.yanked == 'too "old"'
    assert listed.core_metadata == META


@pytest.mark.parametrize(
    ("attribute", "expected"),
    [
        ("", None),
        ("data-core-metadata", None),
        ('data-core-metadata="true"', True),
        ('data-core-metadata="false"', None),
        ('data-core-metadata="md5=1"', True),
        (f'data-core-metadata="sha256={META}" data-dist-info-metadata="true"', META),
    ],
)
def test_core_metadata_in_html(attribute: str, expected: object) -> None:
    assert (
        parse(page(f'<a href="{WHEEL}" {attribute}>x</a>'), HTML, URL)[0].core_metadata == expected
    )


@pytest.mark.parametrize(
    ("attribute", "expected"), [("", None), ("data-yanked", True), ('data-yanked=""', True)]
)
def test_yanked_in_html(attribute: str, expected: object) -> None:
    assert parse(page(f'<a href="{WHEEL}" {attribute}>x</a>'), HTML, URL)[0].yanked is expected


def test_the_page_of_azure_artifacts() -> None:
    place = "https://pkgs.example/o/_packaging/1f2e/pypi/download/acme/1"
    body = (
        "<!DOCTYPE html><html><head><title>Links for acme</title></head><body>"
        f'<h1>Links for acme</h1><a href="{place}/{WHEEL}#sha256={SHA}" '
        'data-requires-python="&gt;=3.8">acme</a><br/></body></html>'
    ).encode()
    assert parse(body, "text/html; charset=utf-8", URL) == [
        Listed(
            WHEEL,
            f"{place}/{WHEEL}",
            SHA,
            requires_python=">=3.8",
        )
    ]


def test_only_distributions_are_listed() -> None:
    anchors = [f'<a href="{name}">x</a>' for name in ("../", "?C=M", "acme.asc", "x.whl.metadata",
               "acme-1.0.tar.gz", WHEEL, "acme-1.zip")]  # fmt: skip
    listed = parse(page(*anchors, "<a name='top'>no href</a>"), HTML, URL)
    assert [one.file for one in listed] == ["acme-1.0.tar.gz", WHEEL, "acme-1.zip"]


def test_an_empty_page_is_an_empty_listing() -> None:
    assert parse(page(), HTML, URL) == []
    assert parse(document(), JSON, URL) == []


def test_json() -> None:
    body = document(
        {
            "filename": WHEEL,
            "url": f"../../w/{WHEEL}",
            "hashes": {"sha256": SHA, "md5": "x"},
            "size": 7,
            "requires-python": ">=3.9",
            "yanked": "old",
            "core-metadata": {"sha256": META},
            "upload-time": "2026-01-01T00:00:00Z",
        },
        {"filename": "b-1.zip", "url": "https://u:p@x/b-1.zip", "hashes": {}, "yanked": False,
         "requires-python": None, "dist-info-metadata": True},
    )  # fmt: skip
    assert parse(body, JSON, URL) == [
        Listed(WHEEL, f"https://index.example/w/{WHEEL}", SHA, 7, ">=3.9", "old", META),
        Listed("b-1.zip", "https://x/b-1.zip", None, core_metadata=True),
    ]


@pytest.mark.parametrize(
    "kind", ["application/json", "application/vnd.pypi.simple.latest+json", "", "text/plain"]
)
def test_json_by_other_names(kind: str) -> None:
    assert parse(b"\xef\xbb\xbf" + document(), kind, URL) == []


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"<html>not json</html>", JSON),
        (b"[]", JSON),
        (b"{}", JSON),
        (b'{"meta": {"api-version": "1.0"}}', JSON),
        (document(version="2.0"), JSON),
        (b'{"meta": {"api-version": "1.0"}, "files": ["x"]}', JSON),
        (document({"filename": WHEEL}), JSON),
        (document({"filename": 1, "url": "x"}), JSON),
        (document({"filename": WHEEL, "url": "http://["}), JSON),
        (b"\xff\xfe\x00", HTML),
        (b"x", "text/html; charset=klingon"),
        (page(head='<meta name="pypi:repository-version" content="2.0">'), HTML),
        (page('<a href="http://[">x</a>'), HTML),
        (page('<form action="/login"></form><a href="/help">Help</a>'), HTML),
        (page("<script>sign()</script>"), HTML),
        (document({"filename": "acme-1-py3-none-any\0.whl", "url": "x"}), JSON),
        (document({"filename": "acme-1-py3-none-any\ud800.whl", "url": "x"}), JSON),
        (page('<a href="acme-1-py3-none-any%0a::error::x.whl">x</a>'), HTML),
    ],
)
def test_an_error_is_never_an_empty_listing(body: bytes, kind: str) -> None:
    with pytest.raises(ServiceRefused, match="simple index page") as caught:
        parse(body, kind, f"{URL}?sig=secret")
    assert "secret" not in caught.value.message


def test_html_that_the_parser_does_not_know_is_never_a_traceback() -> None:
    body = page(f'<![klingon[x]]><a href="{WHEEL}">x</a>')
    try:
        # newer versions pass it over
        assert [one.file for one in parse(body, HTML, URL)] == [WHEEL]
    except ServiceRefused as error:
        assert "cannot be read" in error.message  # noqa: PT017 - it depends on Python's version


FILES = [
    Listed("acme-1.10-py3-none-any.whl", "../../w/acme-1.10-py3-none-any.whl", SHA, 5, ">=3.8"),
    Listed("acme-1.9-py3-none-any.whl", "../../w/acme-1.9-py3-none-any.whl", SHA, 6,
           "<4,>=3.8", 'bad "one" & <worse>', META),
    Listed("acme-1.9-cp311-cp311-win_amd64.whl", "../../w/x.whl", None, 0, yanked=True,
           core_metadata=True),
    Listed("acme-1.9rc1.tar.gz", "../../w/acme-1.9rc1.tar.gz", SHA, 8),
    Listed("no version.zip", "../../w/no%20version.zip", SHA, 9),
]  # fmt: skip
ORDER = ["no version.zip", "acme-1.9rc1.tar.gz", "acme-1.9-cp311-cp311-win_amd64.whl",
         "acme-1.9-py3-none-any.whl", "acme-1.10-py3-none-any.whl"]  # fmt: skip


def test_what_is_written_in_json_is_read_again() -> None:
    body = project_json("acme", FILES)
    assert body == project_json("acme", list(reversed(FILES)))
    listed = {one.file: one for one in parse(body, JSON, URL)}
    assert list(listed) == ORDER
    for file in FILES:
        there = listed[file.file]
        assert replace(there, url=file.url) == file
        assert there.url == file.url.replace("../..", "https://index.example")
    written = json.loads(body)
    assert written["meta"] == {"api-version": "1.1"}
    assert written["versions"] == ["1.9rc1", "1.9", "1.10"]
    assert written["files"][3]["core-metadata"] == {"sha256": META}
    assert written["files"][3]["dist-info-metadata"] == {"sha256": META}
    assert b"upload-time" not in body


def test_what_is_written_in_html_is_read_again() -> None:
    body = project_html("acme", FILES)
    assert body == project_html("acme", list(reversed(FILES)))
    listed = parse(body, HTML, URL)
    assert [one.file for one in listed if one.file != "x.whl"] == [
        name for name in ORDER if "win" not in name
    ]
    wanted = {file.url.replace("../..", "https://index.example"): file for file in FILES}
    for there in listed:
        file = wanted[there.url]
        # HTML names neither the size nor a file name beside the URL's
        assert replace(there, file=file.file, url=file.url, size=file.size) == file
    text = body.decode()
    assert f'data-core-metadata="sha256={META}" data-dist-info-metadata="sha256={META}"' in text
    assert 'data-core-metadata="true" data-dist-info-metadata="true"' in text
    assert 'data-requires-python="&lt;4,&gt;=3.8"' in text


def test_without_every_size_it_is_the_first_version_of_the_api() -> None:
    written = json.loads(project_json("acme", [replace(FILES[0], size=None)]))
    assert written["meta"] == {"api-version": "1.0"}
    assert "versions" not in written


def test_the_root() -> None:
    html = root_html(["b", "a", "b"]).decode()
    assert html.index('<a href="a/">a</a>') < html.index('<a href="b/">b</a>')
    assert html.count("<a ") == 2
    assert json.loads(root_json(["b", "a"]))["projects"] == [{"name": "a"}, {"name": "b"}]


def test_names_cannot_break_out_of_the_page() -> None:
    bad = Listed('"><script>-1-py3-none-any.whl', 'x"><script>.whl', None)
    assert b"<script>" not in project_html("<script>", [bad])


@pytest.mark.parametrize(
    ("file", "version"),
    [
        (WHEEL, str(parse_wheel_filename(WHEEL)[1])),
        ("acme-1.0.0RC1-py3-none-any.whl", "1.0.0rc1"),
        ("acme-1.0.tar.gz", "1.0"),
        ("acme.whl", None),
        ("acme-x.tar.gz", None),
        ("notes.txt", None),
    ],
)
def test_version_of(file: str, version: str | None) -> None:
    assert version_of(file) == version


def test_accept_prefers_json() -> None:
    kinds = [part.partition(";") for part in ACCEPT.split(", ")]
    weights = {kind: float(rest.partition("q=")[2] or 1) for kind, _, rest in kinds}
    assert max(weights, key=lambda kind: weights[kind]) == JSON
    assert weights["text/html"] < weights["application/vnd.pypi.simple.v1+html"] < 1
