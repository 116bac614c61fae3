"""Pin the requirements of one pip section: what conda items and requirements files share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from wheelstep.definitions.git_url import repointed
from wheelstep.definitions.index_options import Addition, decide
from wheelstep.definitions.interface import Requirement, Wanted
from wheelstep.definitions.pip_lines import logical_lines
from wheelstep.definitions.repinning import Target, admits, has_hashes, has_pinned, overruled, repin
from wheelstep.definitions.requirement import (
    begins_with_name,
    same_version,
)
from wheelstep.definitions.slots import FoundLine, Slot, looked_through, requirements_in
from wheelstep.definitions.source import leave_out
from wheelstep.definitions.splice import EditNotProven, apply
from wheelstep.definitions.targets import target_of
from wheelstep.errors import DefinitionUnresolvable
from wheelstep.ground.secret import without_credentials
from wheelstep.model import Pin, PinChange, Problem

__all__ = ["LEFT_ALONE", "Pinned", "add_index", "note", "pin_changes", "pin_slots"]


LEFT_ALONE: Final = "url-left-alone"
"""The code of the note about a package at a URL of somebody else's."""


@dataclass(frozen=True, slots=True)
class Pinned:
    """A pip section with its pins."""

    requirements: int
    """How many the section has."""
    texts: tuple[str, ...]
    """The slots' new texts."""
    names: frozenset[str]
    """Which wanted packages the section names."""
    by_index: bool
    """Whether one of them is pinned by version now, so that an index has to have it."""
    changed: tuple[tuple[int, str], ...]
    """(position among the section's requirements, how it read before)."""
    notes: tuple[Problem, ...]
    unknown: tuple[str, ...]


def note(
    path: str,
    line: int | None,
    code: str,
    message: str,
    cure: str = "",
    *,
    severity: Literal["warning", "notice"] = "notice",
) -> Problem:
    """Return something the reader should know that stops nothing."""
    return Problem(code, severity, 0, message, cure, path, line)


def pin_slots(path: str, slots: Sequence[Slot], wanted: Wanted, python: str | None) -> Pinned:
    """Pin what the section names already.

    Args:
        path: For errors.
        slots: The section's texts, in order.
        wanted: The pins and their style.
        python: The image's Python, for the choice of a wheel.

    Raises:
        DefinitionUnresolvable: A package is named twice; a line that names one cannot be read;
            no wheel fits.
    """
    pins = {pin.name: pin for pin in wanted.pins}
    _refuse_unreadable(path, slots, pins)
    found = requirements_in(slots)
    _refuse_twice(path, slots, found, pins)
    splices: list[list[tuple[int, int, str]]] = [[] for _ in slots]
    changed: list[tuple[int, str]] = []
    notes: list[Problem] = []
    unknown: list[str] = []
    targets: dict[int, Target] = {}
    ours = [(position, one) for position, one in enumerate(found) if one.line.name in pins]
    for position, one in ours:
        pin = pins[one.line.name]
        if wanted.keep_ranges and admits(one.line, one.logical.text, pin.version):
            notes.append(_kept(path, one, pin))
            continue
        hashed = bool(one.line.hashes)
        python = python or wanted.python
        target, missing = target_of(path, one.at, pin, wanted, python, hashed=hashed)
        if _is_anothers(one, wanted, target):
            notes.append(_left_alone(path, one, pin))
            continue
        if has_pinned(one.line, target) and has_hashes(one.line, one.logical.text, target):
            continue
        splices[one.slot] += repin(slots[one.slot].text, one.logical, one.line, target)
        before = one.logical.text[slice(*one.line.body)]
        changed.append((position, before))
        targets[position] = target
        unknown += missing
        notes += [*_overruled(path, one, target), *_form_changed(path, one, target)]
    texts = tuple(
        apply(slot.text, part) if part else slot.text
        for slot, part in zip(slots, splices, strict=True)
    )
    _prove(path, slots, texts, found, targets)
    repinned = {position for position, _ in changed}
    return Pinned(
        requirements=len(found),
        texts=texts,
        names=frozenset(one.line.name for _, one in ours),
        # by version, a URL is kept only where it is that of the very version
        by_index=wanted.style == "version"
        and any(at in repinned or one.line.url is None for at, one in ours),
        changed=tuple(changed),
        notes=tuple(notes),
        unknown=tuple(dict.fromkeys(unknown)),
    )


def _refuse_unreadable(path: str, slots: Sequence[Slot], pins: Mapping[str, Pin]) -> None:
    for slot, logical, why in looked_through(tuple(slots)).unreadable:
        name = next((one for one in pins if begins_with_name(logical.text, one)), None)
        if name is not None:
            raise DefinitionUnresolvable(
                f"The requirement of {name} cannot be read as pip reads it: {why}.",
                code="requirement-unreadable",
                cure=f"Write it as `{name}=={pins[name].version}`.",
                file=path,
                line=slot.line_of(logical.first),
            )


def _refuse_twice(
    path: str, slots: Sequence[Slot], found: Sequence[FoundLine], pins: Mapping[str, Pin]
) -> None:
    """Two lines of one package are right only where their markers differ."""
    seen: dict[str, dict[str, FoundLine]] = {}
    for one in found:
        name = one.line.name
        if name not in pins:
            continue
        marker = one.logical.text[slice(*one.line.marker)].strip() if one.line.marker else ""
        others = seen.setdefault(name, {})
        clash = others.get(marker) or others.get("")
        if clash is None and not marker and others:
            clash = next(iter(others.values()))
        if clash is not None:
            first, second = (slots[each.slot].alias_line or each.at for each in (clash, one))
            aliased = [
                f"line {line} is a YAML alias of line {each.at}"
                for each in (clash, one)
                if (line := slots[each.slot].alias_line)
            ]
            where = f"on lines {first} and {second}" if first != second else f"on line {first}"
            also = f" ({', '.join(dict.fromkeys(aliased))})" if aliased else ""
            raise DefinitionUnresolvable(
                f"{name} is named twice, {where}{also}; pip refuses that, or takes one of the two.",
                code="requirement-twice",
                cure="Remove one of the lines, or give both different markers.",
                file=path,
                line=second,
            )
        others[marker] = one


def _kept(path: str, found: FoundLine, pin: Pin) -> Problem:
    return note(
        path,
        found.at,
        "range-kept",
        f"`{found.logical.text[slice(*found.line.body)]}` allows {pin.name} {pin.version} and "
        "stays as it is. Azure Machine Learning builds an image anew only when the text of its "
        "definition changes: it will not rebuild this one, which keeps the version that it has.",
        "Let `keep-ranges` off to have the version pinned, or change something else in the "
        "definition.",
        severity="warning",
    )


def _is_anothers(found: FoundLine, wanted: Wanted, target: Target) -> bool:
    """Tell whether a line names a wheel, or an archive, at a URL that is not ours."""
    url = found.line.url
    if url is None or not url.lower().startswith(("http://", "https://")):
        return False  # a path, or git, which has rules of its own
    return url.partition("#")[0] not in target.urls and not wanted.ours(url)


def _left_alone(path: str, found: FoundLine, pin: Pin) -> Problem:
    url = without_credentials((found.line.url or "").partition("#")[0])
    return note(
        path,
        found.at,
        LEFT_ALONE,
        f"{pin.name} is taken from {url}, which is under none of the destinations, and nothing "
        f"that was released here: the line stays as it is, and {pin.version} is not pinned.",
        f"If it is to follow the releases, write `{pin.name}` alone once; the next release pins "
        "it.",
    )


def _overruled(path: str, found: FoundLine, target: Target) -> Iterator[Problem]:
    """Say that somebody's own limit or higher pin gave way."""
    line, text = found.line, found.logical.text
    written = text[slice(*line.pin)].strip()
    match overruled(line, written, target.version):
        case "higher":
            yield note(
                path,
                found.at,
                "pin-lowered",
                f"{target.name} was pinned to {line.pinned} (`{text[slice(*line.body)]}`); it is "
                f"pinned to the lower {target.version} now.",
                f"Nothing, if you meant to go back. Otherwise raise the package's version above "
                f"{line.pinned}, or put the line back and {leave_out(path)}.",
                severity="warning",
            )
        case "limit":
            yield note(
                path,
                found.at,
                "limit-replaced",
                f"`{text[slice(*line.body)]}` does not allow {target.name} {target.version}; it "
                f"was replaced, and {target.version} is pinned now.",
                f"If the limit has to hold, put the line back and {leave_out(path)}; otherwise "
                "there is nothing to do.",
                severity="warning",
            )


def _form_changed(path: str, found: FoundLine, target: Target) -> Iterator[Problem]:
    if target.style == "git" and found.line.kind == "git" and found.line.url is not None:
        if repointed(found.line.url, target.url) == target.url != found.line.url:
            yield note(
                path,
                found.at,
                "pin-form-changed",
                f"{target.name} was taken from another repository or folder, {found.line.url}; it "
                "is taken from the released one now.",
                "Nothing, if that is the package which is released here.",
                severity="warning",
            )
    elif target.style == "version" and found.line.url is not None:
        yield note(
            path,
            found.at,
            "pin-form-changed",
            f"{target.name} was taken from a URL or path; it is pinned by version now.",
            "Set the option `pin` to url or bare-url to keep URLs.",
        )
    if target.style == "bare-url" and found.line.extras:
        yield note(
            path,
            found.at,
            "pin-form-kept",
            f"A bare URL cannot ask for the extras {found.line.extras} of {target.name}, so the "
            "form `name[extras] @ URL` is used.",
        )


def _prove(
    path: str,
    slots: Sequence[Slot],
    texts: Sequence[str],
    found: Sequence[FoundLine],
    targets: Mapping[int, Target],
) -> None:
    """Read the result as pip would, and compare it with what was there."""
    # a text that is the same reads the same: only what was touched is read again
    touched = {number for number, slot in enumerate(slots) if texts[number] != slot.text}
    before = [(at, one) for at, one in enumerate(found) if one.slot in touched]
    after = [Slot(texts[number], slots[number].line_of) for number in sorted(touched)]
    for (position, old), new in zip(before, requirements_in(after), strict=True):
        target = targets.get(position)
        if target is None:
            same = old.logical.text == new.logical.text
        else:
            same = (
                (old.line.name, _marker(old)) == (new.line.name, _marker(new))
                and _extras(old) == _extras(new)
                and (
                    has_pinned(new.line, target)
                    if target.style in {"git", "vendor"}
                    else new.line.pinned is not None
                    and same_version(new.line.pinned, target.version)
                )
            )
        if not same:
            raise EditNotProven(f"{path}: line {old.at} would not read as it was meant to.")
    if targets.keys() - {position for position, _ in before}:
        raise EditNotProven(f"{path}: a pin would not have been written.")


def _marker(found: FoundLine) -> str:
    marker = found.logical.text[slice(*found.line.marker)] if found.line.marker else ""
    return marker.strip().removeprefix(";").strip()


def _extras(found: FoundLine) -> str:
    return "".join(found.line.extras.split())


def add_index(
    path: str, slots: Sequence[Slot], wanted: Wanted, pinned: Pinned
) -> tuple[Addition | None, tuple[Problem, ...]]:
    """Decide where the index goes, with what is to be said about it.

    A definition that takes its wheels by URL needs no index.

    Args:
        path: For what is said.
        slots: The section's texts before the edit.
        wanted: The pins and the index.
        pinned: What `pin_slots` made of the section.
    """
    if wanted.index is None or not pinned.by_index:
        return None, ()
    if wanted.index.url is None:
        return None, (
            note(
                path,
                None,
                "index-not-named",
                "No index was added: the wheels lie in a folder of this machine, which a "
                "definition cannot name.",
                "Set `serve-url`, the URL at which that folder is served.",
            ),
        )
    placed = [(slot, line) for slot in slots for line in logical_lines(slot.text)]
    lines = [line for _, line in placed]

    def line_of(number: int) -> int:
        slot, line = placed[number]
        return slot.line_of(line.first)

    index = wanted.index
    addition, remarks = decide(
        lines, wanted.index.url, stands_alone=index.public_upstream, also=index.also
    )
    return addition, tuple(
        note(
            path,
            line_of(remark.line) if remark.line is not None else None,
            remark.code,
            remark.message,
            remark.cure,
            severity=remark.severity,
        )
        for remark in remarks
    )


def pin_changes(
    after: Sequence[Requirement], edits: Sequence[tuple[int, Sequence[tuple[int, str]]]]
) -> tuple[PinChange, ...]:
    """Tell what changed, and where it stands now.

    Args:
        after: The requirements of all sections, as they read after the edit.
        edits: (how many requirements, `Pinned.changed`) of each section, in the same order.
    """
    changes: list[PinChange] = []
    passed = 0
    for requirements, changed in edits:
        for position, before in changed:
            now = after[passed + position]
            changes.append(PinChange(now.name, before, now.text, now.line))
        passed += requirements
    return tuple(changes)
