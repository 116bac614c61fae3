"""A plan that somebody agreed to, as a file: written by `plan`, held by `release` to exactly that.

What has been done of it already is no difference: a release that was killed and is run again ends
where an undisturbed one ends. What goes beyond it, or contradicts it, is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from wheelstep import __version__
from wheelstep.definitions.plan import Edits
from wheelstep.destinations.interface import Destination
from wheelstep.errors import CannotHere, Refused, SettingError, StepError, raise_all
from wheelstep.ground.git import Git
from wheelstep.ground.secret import redact, without_credentials
from wheelstep.model import UNKNOWN
from wheelstep.report import DefinitionRow, Report
from wheelstep.repositories.identity import parent_of_ours
from wheelstep.stages.definitions import rows_of
from wheelstep.stages.run import Run
from wheelstep.stages.survey import Survey

__all__ = ["Agreed", "matrix", "planned", "read_plan", "write_plan"]

SCHEMA: Final = 1
KIND: Final = "wheelstep-plan"
LARGEST: Final = 64 << 20
"""Bytes: a plan that is larger is none."""
FIELDS: Final[Mapping[str, type]] = {
    "commit": str,
    "packages": list,
    "copies": list,
    "destinations": list,
    "view": list,
    "connections": list,
    "definitions": list,
    "register": bool,
    "tags": list,
    "commits": dict,
}
ROWS: Final[Mapping[str, Mapping[str, type]]] = {
    "packages": {"name": str, "version": str, "sources": str},
    "definitions": {"path": str, "pins": list, "environments": list},
}
"""What a plan has, for the file may be anybody's."""
COMMITS: Final = {
    "how": "commit", "with": "commit-with", "repository": "definition-repository"
}  # fmt: skip
"""What a plan has of a commit -> the option that says it, where that has another name."""
CURE: Final = "Plan again, and have that agreed to."


def planned(run: Run, found: Survey, report: Report) -> dict[str, Any]:
    """Return the plan as a document; nothing in it depends on the clock or the machine.

    Args:
        run: The run.
        found: What the plan was made from.
        report: What `plan` has put together.
    """
    settings, more = run.settings, run.settings.committing
    return {
        "kind": KIND,
        "schema": SCHEMA,
        "version": __version__,
        "commit": _not_ours(run.git, found.tree.commit),
        "packages": [
            {"name": row.name, "version": row.version, "sources": row.package.sources.tree}
            for row in found.packages
            if row.package is not None
        ],
        "copies": sorted(
            {
                f"{wheel.file} to {published.to}"
                for package in report.packages
                if package.status == "unchanged"
                for wheel in package.wheels
                for published in wheel.published
                if published.status == "planned"
            }
        ),
        "destinations": [
            _destination(one, wanted.url)
            for one, wanted in zip(run.destinations, settings.publish_to, strict=True)
        ],
        "view": sorted({str(one.view) for one in settings.publish_to if one.view}),
        "connections": [
            {
                "workspace": row.workspace,
                "name": row.name,
                "target": without_credentials(row.target),
                "category": row.category,
            }
            for row in report.connections
            if row.status == "planned"
        ],
        "definitions": [
            _definition(row) | {"diff": row.diff}
            for row in report.definitions
            if row.status == "changed"
        ],
        "register": settings.register,
        "tags": sorted(row.name for row in report.tags if row.status == "planned"),
        "commits": {
            "how": settings.commit,
            "with": more.way,
            "branch": settings.branch or run.trigger.branch,
            "repository": without_credentials(more.elsewhere) if more.elsewhere else None,
        },
    }


def _not_ours(git: Git, commit: str) -> str:
    """Return the newest commit of others: what the step has committed since is no difference."""
    while (parent := parent_of_ours(git, commit)) is not None:
        commit = parent
    return commit


def _destination(one: Destination, url: str) -> dict[str, str]:
    # a name of the settings may stand for another place in another job; a folder is the machine's
    place = without_credentials(url) if "://" in url else one.name
    return {"name": one.name, "kind": one.kind, "url": place}


def _definition(row: DefinitionRow) -> dict[str, Any]:
    return {
        "path": row.path,
        "pins": [{"name": pin["name"], "from": pin["from"], "to": _to(pin)} for pin in row.pins],
        "environments": [
            {"name": one["name"], "from": one["from"], "to": one["to"]} for one in row.environments
        ],
    }


def _to(pin: Mapping[str, Any]) -> str:
    return str(pin["to"])  # what is known after building alone says so


def write_plan(document: Mapping[str, Any], path: Path) -> None:
    """Write a plan; it is there as a whole or not at all.

    Raises:
        CannotHere: It cannot be written.
    """
    text = redact(json.dumps(document, indent=1, ensure_ascii=False)) + "\n"
    beside = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        raise CannotHere.from_os_error(error, f"writing the plan {path.name}") from error


def read_plan(path: Path, named: str) -> Agreed:
    """Read a plan that was agreed to.

    Args:
        path: The file.
        named: As the settings name it.

    Raises:
        SettingError: It is not there, or it is no plan of this version.
        CannotHere: It cannot be read.
    """
    try:
        if path.stat().st_size > LARGEST:
            raise _no_plan(named, "it is too large")
        text = path.read_bytes().decode()
        document = json.loads(text)
    except FileNotFoundError as error:
        raise SettingError(
            f"The plan {named} is not there.",
            code="plan-missing",
            cure="Write it with `wheelstep plan --out FILE`, and hand the file on to this job.",
            file=named,
        ) from error
    except OSError as error:
        raise CannotHere.from_os_error(error, f"reading the plan {named}") from error
    except json.JSONDecodeError as error:
        raise _no_plan(named, f"it is no JSON ({error.msg})", error.lineno) from error
    except (UnicodeDecodeError, RecursionError) as error:
        raise _no_plan(named, "it is no JSON") from error
    match document:
        case {"kind": "wheelstep-plan", "schema": int(schema)} if schema != SCHEMA:
            raise _no_plan(named, f"another version of wheelstep wrote it (schema {schema})")
        case {"kind": "wheelstep-plan"} if missing := _missing(document):
            raise _no_plan(named, f"{missing} in it is missing, or is no such thing")
        case {"kind": "wheelstep-plan"}:
            return Agreed(document, named)
        case _:
            raise _no_plan(named, "it does not say that it is one")


def _missing(document: Mapping[str, Any]) -> str | None:
    """Return what of a plan is not as `planned` makes it; None where all is."""
    for key, kind in FIELDS.items():
        if not isinstance(document.get(key), kind):
            return key
    for key, fields in ROWS.items():
        for row in document[key]:
            if not isinstance(row, dict):
                return f"a row of {key}"
            for name, kind in fields.items():
                if not isinstance(row.get(name), kind):
                    return f"{name} of a row of {key}"
    return None


def _no_plan(named: str, why: str, line: int | None = None) -> SettingError:
    return SettingError(
        f"{named} is no plan that can be held to: {why}.",
        code="bad-plan",
        cure="Write it anew with `wheelstep plan --out FILE`, and hand it on as it is.",
        file=named,
        line=line,
    )


@dataclass(frozen=True, slots=True)
class Agreed:
    """A plan that was agreed to."""

    document: Mapping[str, Any]
    named: str
    """As the settings name its file."""

    def hold(self, present: Mapping[str, Any], found: Survey) -> None:
        """Refuse to release what differs from it.

        Args:
            present: What would be done now.
            found: What that was made from.

        Raises:
            Refused: "plan-differs", once for each thing that does.
        """
        raise_all([self._differs(what, file) for what, file in self._differences(present, found)])

    def hold_edits(self, edits: Edits) -> None:
        """Refuse to commit other edits than those agreed to, on whatever head.

        Raises:
            Refused: As `hold`.
        """
        changed = [_definition(row) for row in rows_of(edits) if row.status == "changed"]
        raise_all(
            [
                self._differs(f"{what} Nothing is committed; what is published stays.", file)
                for what, file in self._edited(changed)
            ]
        )

    def _differs(self, what: str, file: str | None) -> StepError:
        return Refused(what, code="plan-differs", cure=CURE, file=file)

    def _differences(
        self, present: Mapping[str, Any], found: Survey
    ) -> Iterator[tuple[str, str | None]]:
        agreed = self.document
        if agreed["commit"] != present["commit"]:
            was, now = str(agreed["commit"])[:12], present["commit"][:12]
            yield f"The plan is of the commit {was}, and {now} is checked out.", None
        yield from self._packages(present, found)
        for key, what in (
            ("destinations", "The destinations"),
            ("view", "The view to promote to"),
            ("register", "Whether environments are registered"),
        ):
            if agreed[key] != present[key]:
                yield f"{what}: {_shown(agreed[key])} is agreed, now {_shown(present[key])}.", None
        then, now = agreed["commits"], present["commits"]
        for key in sorted({*then, *now}):
            if then.get(key) != now.get(key):
                was, comes = (_shown(one.get(key) or "none") for one in (then, now))
                yield f"`{COMMITS.get(key, key)}`: {was} is agreed, now it is {comes}.", None
        for key, what in (
            ("copies", "A copy"), ("connections", "A connection"), ("tags", "A tag")
        ):  # fmt: skip
            for one in present[key]:
                if one not in agreed[key]:
                    yield f"{what} is not in the plan: {_shown(one)}.", None
        yield from self._edited(present["definitions"])

    def _packages(
        self, present: Mapping[str, Any], found: Survey
    ) -> Iterator[tuple[str, str | None]]:
        agreed = {one["name"]: one for one in self.document["packages"]}
        now = {one["name"]: one for one in present["packages"]}
        rows = {row.name: row for row in found.packages}
        for name, one in now.items():
            was = agreed.get(name)
            if was is None:
                yield f"{name} {one['version']} would be released, and is not in the plan.", None
            elif was["version"] != one["version"]:
                yield f"{name}: {was['version']} is agreed, now it is {one['version']}.", None
            elif was["sources"] != one["sources"]:
                yield f"{name} {one['version']} has other sources than those agreed to.", None
        for name, was in agreed.items():
            row = rows.get(name)
            if name in now:
                continue
            if row is None:
                yield f"{name} is in the plan, and is no package here.", None
            elif row.version != was["version"]:  # unchanged since a release, but of another one
                yield f"{name}: {was['version']} is agreed, now it is {row.version}.", None

    def _edited(self, changed: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str | None]]:
        agreed = {one["path"]: one for one in self.document["definitions"]}
        for one in changed:
            path, was = one["path"], agreed.get(one["path"])
            if was is None:
                yield "It would be changed, and is not in the plan.", path
                continue
            if not _same_pins(was["pins"], one["pins"]):
                then, now = _pins(was["pins"]), _pins(one["pins"])
                yield f"The pins {then} are agreed, now {now}.", path
            elif was["environments"] != one["environments"]:
                then, now = _shown(was["environments"]), _shown(one["environments"])
                yield f"The environments {then} are agreed, now {now}.", path


def _same_pins(agreed: Sequence[Any], now: Sequence[Mapping[str, Any]]) -> bool:
    """Compare pins; what was known after building alone is as it is then."""
    return len(agreed) == len(now) and all(
        isinstance(was, dict)
        and (was.get("name"), was.get("from")) == (one["name"], one["from"])
        and (was.get("to") == one["to"] or str(UNKNOWN) in (was.get("to"), one["to"]))
        for was, one in zip(agreed, now, strict=True)
    )


def _pins(pins: Sequence[Any]) -> str:
    return (
        ", ".join(f"{one.get('from')} -> {one.get('to')}" for one in pins if isinstance(one, dict))
        or "of nothing"
    )


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def matrix(found: Survey, host: str) -> str:
    """Return the packages that would be built, as a CI host's matrix takes them: JSON, on one line.

    Args:
        found: The packages.
        host: "azure": an object of legs with variables, by names that a leg may have (Azure
            Pipelines, "strategy: matrix"); else a list under `include` (GitHub Actions).
    """
    rows = [
        {"name": row.name, "version": row.version, "directory": row.project.directory}
        for row in found.packages
        if row.package is not None
    ]
    if host == "azure":
        return json.dumps({row["name"].replace("-", "_"): row for row in rows})
    return json.dumps({"include": rows})
