"""Simple index pages: read what any index says, write what pip and uv read.

PEP 503 (HTML) and PEP 691 (JSON), with PEP 592 (yanked), PEP 629 (version of the page), PEP 658
and 714 (metadata beside the file, under both its names) and PEP 700 (sizes and versions; upload
times are left out, so that the same files always make the same page).
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from html.parser import HTMLParser
from typing import Final, Literal
from urllib.parse import parse_qs, quote, unquote, urldefrag, urljoin, urlsplit, urlunsplit

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

from wheelstep.errors import ServiceRefused
from wheelstep.ground.secret import without_credentials
from wheelstep.model import Listed

__all__ = [
    "ACCEPT",
    "parse",
    "project_html",
    "project_json",
    "root_html",
    "root_json",
    "version_of",
]

ACCEPT: Final = (
    "application/vnd.pypi.simple.v1+json, "
    "application/vnd.pypi.simple.v1+html; q=0.2, "
    "text/html; q=0.01"
)
"""The Accept header for a page (PEP 691, "Version + Format Selection")."""
FILE_ENDINGS: Final = (
    ".whl", ".tar.gz", ".zip", ".tar.bz2", ".tgz", ".tar.xz", ".tar.Z", ".tar", ".egg", ".exe",
)  # fmt: skip
"""What a link must end with to be a distribution; pages link other things, too."""
URL_SIGNS: Final = "%/:=&?~+!$,;'@()*[]"
"""Signs of a URL that stay as they are (pip's `_clean_url_path`, RFC 3986)."""
UNNAMED: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Signs that no file's name has: they break paths, and lines of a log."""
SHA256: Final = re.compile(r"[0-9a-f]{64}")


# -- reading ------------------------------------------------------------------------------------


def parse(body: bytes, content_type: str, url: str) -> list[Listed]:
    """Return the files that a project's page lists, in its order.

    Args:
        body: The page.
        content_type: The answer's header; without one, the body tells.
        url: Where the page was read, after redirects: relative links start there.

    Raises:
        ServiceRefused: It is no index page, or one of a later major version: an error while
            reading is never an empty listing.
    """
    kind, _, parameters = content_type.partition(";")
    kind = kind.strip().lower()
    text = _decoded(body, parameters, url)
    if kind.endswith("json") or (not kind.endswith("html") and text.lstrip().startswith("{")):
        return _parse_json(text, url)
    return _parse_html(text, url)


def _decoded(body: bytes, parameters: str, url: str) -> str:
    charset = re.search(r"charset\s*=\s*\"?([\w.:-]+)", parameters, re.IGNORECASE)
    try:
        return body.decode(charset[1] if charset else "utf-8-sig")
    except (LookupError, UnicodeDecodeError) as error:
        raise _not_an_index(url, f"it cannot be decoded: {error}") from error


def _not_an_index(url: str, why: str) -> ServiceRefused:
    return ServiceRefused(
        f"{without_credentials(url)} did not answer with a simple index page: {why}.",
        code="not-an-index",
        cure="Check the index's URL; it usually ends with /simple/. A sign-in page in its place "
        "means that the token is missing or wrong.",
    )


def _check_version(version: object, url: str) -> None:
    if re.fullmatch(r"1(\.\d+)?", str(version)) is None:
        raise _not_an_index(url, f"its version is {version!r}, and 1 is what is understood")


def _check_name(name: str, url: str) -> None:
    if UNNAMED.search(name):
        raise _not_an_index(url, f"one of its files has control signs in its name: {name!a}")


def _sha256(value: object) -> str | None:
    text = value.lower() if isinstance(value, str) else ""
    return text if SHA256.fullmatch(text) else None


def _absolute(base: str, link: str) -> tuple[str, str]:
    """Return (absolute URL without user, password and fragment, fragment)."""
    target, fragment = urldefrag(urljoin(base, link.strip()))
    parts = urlsplit(target)
    host = parts.netloc.rpartition("@")[2]
    # as pip does; so what a page lists is one word in a definition, and no ${VARIABLE} of the image
    path, query = (quote(part, safe=URL_SIGNS) for part in (parts.path, parts.query))
    return urlunsplit((parts.scheme, host, path, query, "")), fragment


def _parse_json(text: str, url: str) -> list[Listed]:
    try:
        page = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _not_an_index(url, f"it is no JSON ({error})") from error
    meta = page.get("meta") if isinstance(page, dict) else None
    files = page.get("files") if isinstance(page, dict) else None
    if not isinstance(meta, dict) or not isinstance(files, list):
        raise _not_an_index(url, 'it has no "meta" and "files"')
    _check_version(meta.get("api-version"), url)
    listed = []
    for file in files:
        if not isinstance(file, dict):
            raise _not_an_index(url, "one of its files is no object")
        name, link = file.get("filename"), file.get("url")
        if not isinstance(name, str) or not isinstance(link, str):
            raise _not_an_index(url, "one of its files has no name or no URL")
        _check_name(name, url)
        hashes, size = file.get("hashes"), file.get("size")
        requires, yanked = file.get("requires-python"), file.get("yanked")
        try:
            target, _ = _absolute(url, link)
        except ValueError as error:
            raise _not_an_index(url, f"it has a link that is no URL: {link!r}") from error
        listed.append(
            Listed(
                file=name,
                url=target,
                sha256=_sha256(hashes.get("sha256") if isinstance(hashes, dict) else None),
                size=size if isinstance(size, int) else None,
                requires_python=requires if isinstance(requires, str) and requires else None,
                yanked=(yanked if isinstance(yanked, str) and yanked else True) if yanked else None,
                core_metadata=_metadata_hash(
                    file.get("core-metadata", file.get("dist-info-metadata"))
                ),
            )
        )
    return listed


def _metadata_hash(value: object) -> str | Literal[True] | None:
    """Return what PEP 714's key says: a hash, only that it is there, or nothing."""
    if isinstance(value, dict):
        return _sha256(value.get("sha256")) or True
    return True if value is True else None


class _Page(HTMLParser):
    """The anchors of a page, its base and what tells an index from any other page."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.base: str | None = None
        self.version: str | None = None
        self.anchors: list[tuple[str, dict[str, str | None]]] = []
        self.alive = False
        """True with a form or a script: pages for people, such as a sign-in page."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        match tag:
            case "a" if found.get("href"):
                self.anchors.append((found["href"] or "", found))
            case "base" if self.base is None and found.get("href"):
                self.base = found["href"]
            case "meta" if (found.get("name") or "").lower() == "pypi:repository-version":
                self.version = found.get("content") or ""
            case "form" | "script":
                self.alive = True
            case _:
                pass


def _parse_html(text: str, url: str) -> list[Listed]:
    page = _Page()
    try:
        page.feed(text)
        page.close()
    except AssertionError as error:
        # html.parser of Python 3.11 and its like, at `<![` before an unknown word
        raise _not_an_index(url, f"its HTML cannot be read: {error}") from error
    if page.version is not None:
        _check_version(page.version, url)
    listed = []
    for href, attributes in page.anchors:
        try:
            target, fragment = _absolute(urljoin(url, page.base or ""), href)
        except ValueError as error:
            raise _not_an_index(url, f"it has a link that is no URL: {href!r}") from error
        # pip takes the last part of the URL for the file's name, not the anchor's text
        name = unquote(urlsplit(target).path.rpartition("/")[2])
        if not name.lower().endswith(tuple(ending.lower() for ending in FILE_ENDINGS)):
            continue
        _check_name(name, url)
        metadata = attributes.get("data-core-metadata", attributes.get("data-dist-info-metadata"))
        algorithm, _, value = (metadata or "").partition("=")
        yanked: str | Literal[True] = attributes.get("data-yanked") or True
        listed.append(
            Listed(
                file=name,
                url=target,
                sha256=_sha256(next(iter(parse_qs(fragment).get("sha256", [])), None)),
                requires_python=attributes.get("data-requires-python") or None,
                yanked=yanked if "data-yanked" in attributes else None,
                core_metadata=(_sha256(value) if algorithm == "sha256" else None) or True
                if metadata and metadata.lower() != "false"
                else None,
            )
        )
    if not listed and page.version is None and page.alive:
        raise _not_an_index(url, "it is a page for people, with a form or a script and no file")
    return listed


# -- writing ------------------------------------------------------------------------------------


def version_of(file: str) -> str | None:
    """Return the version in a file's name, normalised, or None where none can be told."""
    try:
        if file.endswith(".whl"):
            return str(parse_wheel_filename(file)[1])
        return str(parse_sdist_filename(file)[1])
    except (InvalidWheelFilename, InvalidSdistFilename, InvalidVersion):
        return None


def _sorted(files: Iterable[Listed]) -> list[Listed]:
    """Sort by version, then by name; names without a version come first."""
    lowest = Version("0.dev0")

    def key(listed: Listed) -> tuple[bool, Version, str]:
        version = version_of(listed.file)
        return version is not None, Version(version) if version else lowest, listed.file

    return sorted(files, key=key)


def _page(title: str, lines: Sequence[str]) -> bytes:
    name = html.escape(title)
    head = (
        "<!DOCTYPE html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        '<meta name="pypi:repository-version" content="1.0">',
        f"<title>{name}</title>",
        "</head>",
        "<body>",
        f"<h1>{name}</h1>",
    )
    return ("\n".join((*head, *lines, "</body>", "</html>")) + "\n").encode()


def _anchor(href: str, text: str, attributes: Mapping[str, str]) -> str:
    values = {"href": href, **attributes}
    written = " ".join(f'{name}="{html.escape(value)}"' for name, value in values.items())
    return f"<a {written}>{html.escape(text)}</a><br>"


def project_html(name: str, files: Iterable[Listed]) -> bytes:
    """Return a project's page as HTML (PEP 503).

    Args:
        name: Normalised.
        files: In any order; their `url` is written as it is and may be relative to the page.
    """
    lines = []
    for file in _sorted(files):
        attributes = {}
        if file.requires_python:
            attributes["data-requires-python"] = file.requires_python
        if file.core_metadata is not None:
            value = "true" if file.core_metadata is True else f"sha256={file.core_metadata}"
            # PEP 714: the old name for pip 22.3 to 23.2 and old uv
            attributes |= {"data-core-metadata": value, "data-dist-info-metadata": value}
        if file.yanked is not None:
            attributes["data-yanked"] = "" if file.yanked is True else file.yanked
        href = f"{file.url}#sha256={file.sha256}" if file.sha256 else file.url
        lines.append(_anchor(href, file.file, attributes))
    return _page(f"Links for {name}", lines)


def project_json(name: str, files: Iterable[Listed]) -> bytes:
    """Return a project's page as JSON (PEP 691; PEP 700 when every size is known).

    Args:
        name: Normalised.
        files: In any order; their `url` is written as it is and may be relative to the page.
    """
    ordered = _sorted(files)
    listed: list[dict[str, object]] = []
    for file in ordered:
        entry: dict[str, object] = {
            "filename": file.file,
            "url": file.url,
            "hashes": {"sha256": file.sha256} if file.sha256 else {},
        }
        if file.requires_python:
            entry["requires-python"] = file.requires_python
        if file.size is not None:
            entry["size"] = file.size
        if file.core_metadata is not None:
            value = True if file.core_metadata is True else {"sha256": file.core_metadata}
            entry |= {"core-metadata": value, "dist-info-metadata": value}
        if file.yanked is not None:
            entry["yanked"] = file.yanked
        listed.append(entry)
    sized = all(file.size is not None for file in ordered)
    page: dict[str, object] = {"meta": {"api-version": "1.1" if sized else "1.0"}, "name": name}
    if sized:
        page["versions"] = list(
            dict.fromkeys(v for v in (version_of(file.file) for file in ordered) if v)
        )
    page["files"] = listed
    return _json(page)


def root_html(names: Iterable[str]) -> bytes:
    """Return the page that lists all projects, as HTML with relative links.

    Args:
        names: Normalised.
    """
    return _page("Simple index", [_anchor(f"{name}/", name, {}) for name in sorted(set(names))])


def root_json(names: Iterable[str]) -> bytes:
    """Return the page that lists all projects, as JSON.

    Args:
        names: Normalised.
    """
    projects = [{"name": name} for name in sorted(set(names))]
    return _json({"meta": {"api-version": "1.1"}, "projects": projects})


def _json(page: object) -> bytes:
    return (json.dumps(page, indent=1, ensure_ascii=False) + "\n").encode()
