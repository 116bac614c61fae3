"""How a static index is laid out, in a folder or in a mirror: the pure part, no I/O.

```
simple/NAME/FILE            a wheel, beside the page that lists it
simple/NAME/FILE.metadata   its METADATA (PEP 658): pip resolves without the wheel
simple/NAME/index.html      PEP 503
simple/NAME/index.json      PEP 691, for readers that ask for it by name
simple/index.html, .json    the projects
```
Links are relative, so that the whole can be moved and served from anywhere: a folder that is copied
into a container is a mirror. Written in this order: wheel, metadata, page; so a page never names
what is not there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from email.parser import BytesHeaderParser
from typing import Final
from urllib.parse import quote

from packaging.utils import (
    InvalidWheelFilename,
    canonicalize_name,
    is_normalized_name,
    parse_wheel_filename,
)

from wheelstep.ground.simple_index import project_html, project_json, root_html, root_json
from wheelstep.model import Listed

__all__ = [
    "LINKS",
    "METADATA_ENDING",
    "SIMPLE",
    "links_page",
    "metadata_member",
    "pages",
    "path_of",
    "project_of",
    "requires_python",
    "root_pages",
]

SIMPLE: Final = "simple"
LINKS: Final = "links"
METADATA_ENDING: Final = ".metadata"


def project_of(file: str) -> str | None:
    """Return the normalised project name in a wheel's file name; None when it is no wheel's."""
    try:
        name = parse_wheel_filename(file)[0]
    except InvalidWheelFilename:
        return None
    # a page's name becomes a folder's: nothing but what PEP 503 allows
    return str(name) if is_normalized_name(name) else None


def path_of(file: str) -> str:
    """Return where a wheel lies.

    Args:
        file: A wheel's file name.
    """
    return f"{SIMPLE}/{project_of(file)}/{file}"


def metadata_member(file: str, members: Iterable[str]) -> str | None:
    """Return which member of a wheel is its METADATA, or None when it has none.

    Args:
        file: The wheel's file name.
        members: The names in the archive.
    """
    wanted = project_of(file)
    for member in members:
        folder, slash, rest = member.partition("/")
        name, dash, _ = folder.removesuffix(".dist-info").rpartition("-")
        if (
            slash
            and rest == "METADATA"
            and folder.endswith(".dist-info")
            and dash
            and canonicalize_name(name) == wanted
        ):
            return member
    return None


def requires_python(metadata: bytes) -> str | None:
    """Return the Requires-Python in a METADATA file, on one line."""
    value = BytesHeaderParser().parsebytes(metadata).get("Requires-Python")
    return " ".join(str(value).split()) or None if value else None


def pages(name: str, files: Iterable[Listed]) -> dict[str, bytes]:
    """Return a project's pages by path, in the order in which they are to be written.

    Args:
        name: Normalised.
        files: What lies beside them; their `url` is made relative here.
    """
    linked = [replace(file, url=quote(file.file)) for file in files]
    return {
        f"{SIMPLE}/{name}/index.json": project_json(name, linked),
        f"{SIMPLE}/{name}/index.html": project_html(name, linked),
    }


def links_page(definition: str, files: Iterable[Listed]) -> tuple[str, bytes]:
    """Return where the page of links for one definition is, and the page.

    Args:
        definition: Its path in the repository, with forward slashes.
        files: What it pins.
    """
    up = "../" * (definition.count("/") + 1)
    linked = [replace(file, url=f"{up}{quote(path_of(file.file))}") for file in files]
    return f"{LINKS}/{definition}.html", project_html(definition, linked)


def root_pages(names: Iterable[str]) -> dict[str, bytes]:
    """Return the pages that list the projects, by path.

    Args:
        names: Normalised.
    """
    listed = list(names)
    return {
        f"{SIMPLE}/index.json": root_json(listed),
        f"{SIMPLE}/index.html": root_html(listed),
    }
