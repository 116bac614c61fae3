"""The file of a plan, with a digest over what it says: written as a whole, read with distrust.

The digest tells whether a file is the one that was agreed to, and whether it is whole. It keeps
nobody out: whoever can put another file in its place can put another digest there, too.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import stat
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

from wheelstep.errors import CannotHere, SettingError
from wheelstep.stages.agreed.document import KIND, SCHEMA
from wheelstep.stages.agreed.holding import Agreed

__all__ = ["digest_of", "read_plan", "write_plan"]

LARGEST: Final = 64 << 20
"""Bytes: a plan that is larger is none."""
DIGEST: Final = "digest"
DEEPEST: Final = 8
"""Levels of the settings: more than they have."""
MAYBE: Final = (str, type(None))
WHEELS: Final = [{"file": str, "sha256": str}]
SHAPE: Final[Mapping[str, Any]] = {
    "kind": str,
    "schema": int,
    "version": str,
    "digest": str,
    "commit": str,
    "prebuilt": bool,
    "packages": [{"name": str, "version": str, "sources": str, "wheels": WHEELS}],
    "released": [{"name": str, "version": str, "sources": str, "wheels": WHEELS, "added": WHEELS}],
    "copies": [str],
    "connections": [{"workspace": str, "name": str, "target": str, "category": str}],
    "definitions": [
        {
            "path": str,
            "status": str,
            "before": str,
            "after": str,
            "pins": [{"name": str, "from": str, "to": str}],
            "environments": [{"name": MAYBE, "from": MAYBE, "to": MAYBE}],
            "vendored": [str],
            "removed": [str],
            "known-after-build": [str],
            "diff": str,
        }
    ],
    "tags": [{"name": str, "commit": str}],
    "settings": dict,
}
"""What a plan has, for the file may be anybody's: a list holds any number of what its one item
says."""
ONCE: Final[Mapping[str, Callable[[Any], Any]]] = {
    "packages": itemgetter("name"),
    "released": itemgetter("name"),
    "definitions": itemgetter("path"),
    "tags": itemgetter("name"),
    "copies": str,
    "connections": str,
}
"""What no two rows of a list have in common: of two, one would be read and the other agreed to."""


def digest_of(document: Mapping[str, Any]) -> str:
    """Return `sha256:` and the SHA-256 of a plan without its digest: of its JSON with sorted keys,
    without spaces, in ASCII."""
    said = {key: value for key, value in document.items() if key != DIGEST}
    text = json.dumps(said, sort_keys=True, separators=(",", ":"))
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def write_plan(document: Mapping[str, Any], path: Path) -> str:
    """Write a plan; it is there as a whole or not at all.

    Args:
        document: What it says, without secrets.
        path: The file.

    Returns:
        Its digest.

    Raises:
        SettingError: It is a folder.
        CannotHere: It cannot be written.
    """
    if path.is_dir():
        raise SettingError(
            f"The option `out` names {path}, which is a folder.",
            code="bad-setting",
            cure="Name a file, such as plan.json in it.",
        )
    digest = digest_of(document)
    text = json.dumps({DIGEST: digest, **document}, indent=1, ensure_ascii=False) + "\n"
    beside = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
        raise CannotHere.from_os_error(error, f"writing the plan {path.name}") from error
    return digest


def read_plan(path: Path, named: str) -> Agreed:
    """Read a plan that was agreed to.

    Args:
        path: The file.
        named: As the settings name it.

    Raises:
        SettingError: It is not there, it is no plan of this version, or somebody has changed it.
        CannotHere: It cannot be read.
    """
    document = _parsed(_content(path, named), named)
    match document:
        case {"kind": kind, "schema": int(schema)} if kind == KIND and schema != SCHEMA:
            raise _no_plan(named, f"another version of wheelstep wrote it (schema {schema})")
        case {"kind": kind} if kind == KIND:
            if wrong := next(_wrong(document, SHAPE, ""), None) or next(_unread(document), None):
                raise _no_plan(named, wrong)
        case _:
            raise _no_plan(named, "it does not say that it is one")
    if (digest := digest_of(document)) != document[DIGEST]:
        raise _no_plan(
            named,
            f"it has been changed since it was written: its digest is {document[DIGEST]!r}, and "
            f"what it says now has {digest}",
        )
    return Agreed(document, named, digest)


def _content(path: Path, named: str) -> bytes:
    try:
        about = path.lstat()
        if stat.S_ISLNK(about.st_mode):
            raise _no_plan(named, "it is a symbolic link")
        if not stat.S_ISREG(about.st_mode):
            raise _no_plan(named, "it is a folder, or something else that is no file")
        if about.st_size > LARGEST:
            raise _no_plan(named, "it is too large")
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise SettingError(
            f"The plan {named} is not there.",
            code="plan-missing",
            cure="Write it with `wheelstep plan --out FILE`, and hand the file on to this job.",
            file=named,
        ) from error
    except OSError as error:
        raise CannotHere.from_os_error(error, f"reading the plan {named}") from error


def _parsed(data: bytes, named: str) -> Any:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(found := dict(pairs)) != len(pairs):
            raise ValueError("it says the same key twice")
        return found

    def no_number(text: str) -> Any:
        raise ValueError(f"it has {text}, which is no JSON")

    try:
        document = json.loads(data.decode(), object_pairs_hook=once, parse_constant=no_number)
        # half a character is none, in whatever form it is printed later
        json.dumps(document, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise _no_plan(named, f"it is no JSON ({error.msg})", error.lineno) from error
    except (UnicodeError, RecursionError) as error:
        raise _no_plan(named, "it is no JSON") from error
    except ValueError as error:  # two keys; a number of more digits than Python reads
        raise _no_plan(named, str(error).partition(":")[0].rstrip(".")) from error
    return document


def _wrong(value: Any, shape: Any, where: str) -> Iterator[str]:
    """Yield what of a plan is not as `planned` makes it."""
    if isinstance(shape, Mapping):
        if not isinstance(value, dict):
            yield f"{where} is missing, or is no such thing"
            return
        for key, part in shape.items():
            inner = f"{key} of {where}" if where else f"{key} in it"
            if key not in value:
                yield f"{inner} is missing, or is no such thing"
            else:
                yield from _wrong(value[key], part, inner)
        for key in value.keys() - shape.keys():
            yield f"{key!r} in it is nothing that a plan says"
    elif isinstance(shape, list):
        if not isinstance(value, list):
            yield f"{where} is missing, or is no such thing"
            return
        for row in value:
            yield from _wrong(row, shape[0], f"a row of {where.removesuffix(' in it')}")
    elif isinstance(value, bool) != (shape is bool) or not isinstance(value, shape):
        # True is an int of Python's
        yield f"{where} is missing, or is no such thing"


def _depth(value: Any) -> int:
    """Return how deep values are nested, as far as it matters."""
    level, here = 0, [value]
    while here and level <= DEEPEST:
        level += 1
        inner = [list(one.values()) if isinstance(one, dict) else one for one in here]
        here = [item for one in inner if isinstance(one, list) for item in one]
    return level


def _unread(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield what of a plan would not be read as it stands there."""
    if _depth(document["settings"]) > DEEPEST:
        yield "its settings are nested too deeply"
    for row in document["packages"]:
        if document["prebuilt"] != bool(row["wheels"]):
            yield f"it does not say whether the wheels of {row['name']} are there"
    rows = [*document["packages"], *document["released"]]
    wheels = [
        (row["name"], one["file"])
        for row in rows
        for one in [*row["wheels"], *row.get("added", ())]
    ]
    lists = {key: map(name, document[key]) for key, name in ONCE.items()} | {"wheels": wheels}
    for key, names in lists.items():
        for one, times in Counter(names).items():
            if times > 1:
                yield f"{key} has {one} {times} times"


def _no_plan(named: str, why: str, line: int | None = None) -> SettingError:
    return SettingError(
        f"{named} is no plan that can be held to: {why}.",
        code="bad-plan",
        cure="Write it anew with `wheelstep plan --out FILE`, and hand it on as it is.",
        file=named,
        line=line,
    )
