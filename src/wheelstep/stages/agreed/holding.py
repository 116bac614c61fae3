"""A plan that somebody agreed to: a release does exactly that, or it is refused.

What has been done of it already is no difference: a release that was killed and is run again ends
where an undisturbed one ends. What goes beyond it, falls short of it, or contradicts it, is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Final

from wheelstep.definitions.plan import Edits
from wheelstep.errors import Refused, raise_all
from wheelstep.packages.interface import Built
from wheelstep.report import Report
from wheelstep.stages.agreed.document import Plan, definitions_of, versions_in, wheels_of
from wheelstep.stages.agreed.known_later import without_what_is_built

__all__ = ["Agreed"]

CURE: Final = "Plan again, and have that agreed to."
ITEMS: Final = {"copies": "A copy", "connections": "A connection", "tags": "A tag"}
COMPARED: Final = {
    "pins": "The pins",
    "environments": "The environments",
    "vendored": "The wheels beside it",
    "removed": "The wheels to remove beside it",
}
Plain = Callable[[str], str]
Difference = tuple[str, str | None]
"""What differs, as whole sentences, and in which file."""


@dataclass(frozen=True, slots=True)
class Agreed:
    """A plan that was agreed to."""

    document: Mapping[str, Any]
    named: str
    """As the settings name its file."""
    digest: str

    @property
    def versions(self) -> list[tuple[str, str]]:
        """Normalised name and version of each package that it builds."""
        return versions_in(self.document["packages"])

    def hold(self, present: Plan) -> None:
        """Refuse to release what differs from it.

        Args:
            present: What would be done now.

        Raises:
            Refused: "plan-differs", once for each thing that does.
        """
        found = list(self._differences(present))
        was, now = self.document["commit"], present.document["commit"]
        if found and was != now:
            about = f"The plan is of the commit {was[:12]}, and {now[:12]} is checked out."
            found.insert(0, (about, None))
        self._refuse(found)

    def hold_packages(self, present: Mapping[str, Any]) -> None:
        """Refuse other packages than those agreed to.

        Args:
            present: From `packages_of`.

        Raises:
            Refused: As `hold`.
        """
        self._refuse(self._packages(present))

    def hold_wheels(self, built: Iterable[Built]) -> None:
        """Refuse other wheels than those that were there when it was agreed to, once there are
        some: before anything is published.

        Args:
            built: What was built, or is taken instead.

        Raises:
            Refused: As `hold`.
        """
        rows = _by("name", [*self.document["packages"], *self.document["released"]])
        self._refuse(
            (what, None)
            for name, wheels in wheels_of(built).items()
            for what in self._other_wheels(rows[name], wheels)
        )

    def hold_edits(self, edits: Edits, report: Report) -> None:
        """Refuse other edits than those agreed to, on whatever head: once they are known, before
        anything is published, and again before they are committed.

        Args:
            edits: What would be done now.
            report: What has been done so far.

        Raises:
            Refused: As `hold`; it says what has been done already.
        """
        found = self._definitions(definitions_of(edits, self.versions), built=True)
        done = _done(report)
        self._refuse((f"{what} {done}", file) for what, file in found)

    def _refuse(self, found: Iterable[Difference]) -> None:
        raise_all(
            [Refused(what, code="plan-differs", cure=CURE, file=file) for what, file in found]
        )

    def _differences(self, present: Plan) -> Iterator[Difference]:
        agreed, now = self.document, present.document
        yield from self._packages(now)
        settings = (agreed["settings"], now["settings"])
        for name in sorted({*settings[0], *settings[1]}):
            one, other = (json.dumps(each.get(name), sort_keys=True) for each in settings)
            if one != other or not all(name in each for each in settings):
                one, other = (_shown(each.get(name)) for each in settings)
                yield f"`{name}`: {one} is agreed, now it is {other}.", None
        for key, what in ITEMS.items():
            wanted, left, done = (_each(one[key]) for one in (agreed, now, present.done))
            for one in sorted(left - wanted):
                yield f"{what} is not in the plan: {one}.", None
            for one in sorted(wanted - left - done):
                yield f"{what} is in the plan, and would not be made: {one}.", None
        yield from self._definitions(now["definitions"], built=False)

    def _packages(self, present: Mapping[str, Any]) -> Iterator[Difference]:
        agreed, released = (_by("name", self.document[key]) for key in ("packages", "released"))
        now, left = (_by("name", present[key]) for key in ("packages", "released"))
        for name, one in {**left, **now}.items():
            was = agreed.get(name) or released.get(name)
            if name in now and name not in agreed:
                yield f"{name} {one['version']} would be released, and is not in the plan.", None
            elif was is None:
                yield f"{name} {one['version']} is a package here, and is not in the plan.", None
            elif was["version"] != one["version"]:
                yield f"{name}: {was['version']} is agreed, now it is {one['version']}.", None
            elif was["sources"] != one["sources"]:
                yield f"{name} {one['version']} has other sources than those agreed to.", None
            else:
                yield from ((what, None) for what in self._wheels(was, one))
        for name in {**agreed, **released}:
            if name not in now and name not in left:
                yield f"{name} is in the plan, and is no package here.", None

    def _wheels(self, was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
        """Yield how the wheels of one package differ, as far as they are there: see `packages_of`
        for the two kinds of rows, those that are to be released and those that are."""
        about = f"{now['name']} {now['version']}"
        if "added" not in now:
            if now["wheels"]:  # else they are held to once they are built
                yield from self._other_wheels(was, now["wheels"])
            return
        named, there, adds = (_sums(one) for one in (was["wheels"], now["wheels"], now["added"]))
        if "added" in was:
            more = _sums(was["added"]).items()
            grown = named.items() <= there.items() <= named.items() | more
            if not grown or not adds.items() <= more:
                yield f"{about} has other wheels than those agreed to."
        # released since: where a destination had the same content already, its bytes count
        elif adds.keys() - named.keys() or (
            self.document["prebuilt"] and named.keys() != there.keys() | adds.keys()
        ):
            yield f"{about} was released with other wheels meanwhile."

    def _other_wheels(
        self, was: Mapping[str, Any], wheels: Sequence[Mapping[str, str]]
    ) -> Iterator[str]:
        """Yield how wheels differ from those agreed to.

        Args:
            was: What the plan says of their package.
            wheels: Of it, as a plan has them.
        """
        about = f"{was['name']} {was['version']}: the wheel"
        released = "added" in was
        if not released and not self.document["prebuilt"]:
            return  # they were to be built after it
        named, there = _sums([*was["wheels"], *was.get("added", ())]), _sums(wheels)
        for file in sorted(there):
            if file not in named:
                yield f"{about} {file} is not in the plan."
            elif there[file] != named[file]:
                yield f"{about} {file} has other content than the one agreed to."
        for file in sorted(named.keys() - there.keys()) if not released else ():
            yield f"{about} {file} is in the plan, and is not there."

    def _definitions(
        self, present: Sequence[Mapping[str, Any]], *, built: bool
    ) -> Iterator[Difference]:
        agreed = _by("path", self.document["definitions"])
        for now in present:
            path, was = now["path"], agreed.pop(now["path"], None)
            what: str | None
            if was is not None:
                what = next(self._edited(was, now, built=built), None)
            elif now["status"] == "changed":
                what = "It would be changed, and is not in the plan."
            else:
                what = "It is a definition now, and is not in the plan."
            if what is not None:
                yield what, path
        for path in agreed:
            yield "It is in the plan, and is no definition any more.", path

    def _edited(
        self, was: Mapping[str, Any], now: Mapping[str, Any], *, built: bool
    ) -> Iterator[str]:
        """Yield what differs of one definition's edit; what comes first says most."""
        if was["status"] == "changed" != now["status"]:
            if was["after"] != now["after"]:  # else that is done
                yield "It would not be changed as agreed: somebody has changed it since."
            return
        if now["status"] == "changed" != was["status"]:
            yield f"It would be changed, and the plan leaves it alone: {_pins(now['pins'])}."
        plain = self._plain(was) if built else str
        for key, what in COMPARED.items():
            if plain(_shown(was[key])) != plain(_shown(now[key])):
                shown = _pins if key == "pins" else _shown
                yield f"{what} {shown(was[key])} are agreed, now {shown(now[key])}."
        if was["before"] != now["before"]:
            yield "Somebody has changed it since the plan was made."
        later, left = (sorted(each["known-after-build"]) for each in (was, now))
        if later != left and not (built and set(left) <= set(later)):
            yield f"{_shown(later)} is agreed to be known after build, now {_shown(left)}."
        for one, other in _lines(plain(was["diff"]), plain(now["diff"])):
            yield f"Its edit differs: {one!r} is agreed, now {other!r}."
        if any(was[key] != now[key] for key in ("after", "status")):
            yield "Its edit is not the one that the plan has."

    def _plain(self, was: Mapping[str, Any]) -> Plain:
        """Return what takes out of a text what was known after building when it was agreed to."""
        later = was["known-after-build"]
        hashes = any(one.startswith("the hash") for one in later)
        versions = self.versions if later else []
        return lambda text: without_what_is_built(text, versions, hashes=hashes)


def _lines(one: str, other: str) -> Iterator[tuple[str, str]]:
    """Yield the lines of two texts that differ, side by side."""
    for pair in zip_longest(one.split("\n"), other.split("\n"), fillvalue=""):
        if pair[0] != pair[1]:
            yield pair


def _by(key: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    return {row[key]: row for row in rows}


def _sums(wheels: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return the SHA-256 of each file."""
    return {one["file"]: one["sha256"] for one in wheels}


def _each(items: Sequence[Any]) -> set[str]:
    return {_item(one) if isinstance(one, Mapping) else _shown(one) for one in items}


def _item(one: Mapping[str, Any]) -> str:
    """Return a tag or a connection in words: its name, and all else that is compared."""
    more = ", ".join(f"{key} {_shown(one[key])}" for key in sorted(one.keys() - {"name"}))
    return f"{one['name']} ({more})"


def _done(report: Report) -> str:
    """Say what has been done already, and what has not."""
    done = [
        f"{package.name} {package.version} is published at {published.to}"
        for package in report.packages
        for published in {
            one.to: one
            for wheel in package.wheels
            for one in wheel.published
            if one.status in {"uploaded", "copied"} or (one.promoted_to and report.promoted)
        }.values()
    ]
    done += [
        f"the connection {row.name} in {row.workspace} is {row.status}"
        for row in report.connections
        if row.status in {"created", "updated", "removed"}
    ]
    if not done:
        return "Nothing is published, and nothing is committed."
    return f"Nothing is committed; this is done, and stays: {'; '.join(done)}."


def _pins(pins: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(f"{one['from']} -> {one['to']}" for one in pins) or "of nothing"


def _shown(value: Any) -> str:
    """Return a value as text: two that are the same read the same."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
