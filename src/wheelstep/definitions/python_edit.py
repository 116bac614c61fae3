"""What pins mean for the environments of a script: shared by scripts and notebooks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from wheelstep.definitions.conda_part import packages_left_alone, python_of
from wheelstep.definitions.environment_version import raised
from wheelstep.definitions.interface import (
    CondaPart,
    Edited,
    Environment,
    Reading,
    Section,
    Unedited,
    Wanted,
)
from wheelstep.definitions.pinning import Pinned, add_index, note, pin_slots
from wheelstep.definitions.python_found import Gathered, Left, Piece, Words
from wheelstep.definitions.python_scan import Scan
from wheelstep.definitions.requirement import Unreadable, parse, same_version
from wheelstep.definitions.slots import Slot, read_slots
from wheelstep.definitions.source import Source, refuse_secrets
from wheelstep.errors import DefinitionUnresolvable, Refused
from wheelstep.model import Pin, PinChange, Problem

__all__ = ["Decided", "decide_edits", "finished", "reading_of"]

_LAST: Final = re.compile(r"(?P<folder>.*[/\\])?(?P<file>[^/\\]*)", re.DOTALL)


@dataclass(slots=True)
class Decided:
    """What to write, and what is to be said about it."""

    edits: dict[int, tuple[Words, str]] = field(default_factory=dict)
    """By `id` of the text."""
    changed: list[tuple[int, str]] = field(default_factory=list)
    """(position among all requirements of the file, how it read before)."""
    passed: int = 0
    """How many requirements were looked at."""
    notes: list[Problem] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    environments: list[Environment] = field(default_factory=list)

    def write(self, path: str, words: Words, new: str) -> None:
        """Remember a text's new value.

        Raises:
            DefinitionUnresolvable: Two environments want different things of one text.
        """
        if self.edits.setdefault(id(words), (words, new))[1] != new:
            raise DefinitionUnresolvable(
                "Two environments of this script share this requirement, and need different "
                "wheels of it.",
                code="requirement-shared",
                cure="Write the requirement into each of them, or pin by version.",
                file=path,
                line=words.line_of(0),
            )


def _slot(piece: Piece) -> Slot:
    skipped = len(piece.before)
    return Slot(
        piece.before + piece.words.text,
        lambda index: piece.words.line_of(max(0, index - skipped)),
    )


def _slots(section: Gathered) -> list[Slot]:
    return [_slot(piece) for group in section.groups for piece in group]


def _python(section: Gathered) -> str | None:
    return section.python or python_of([text for text, _ in section.conda])


def reading_of(scan: Scan) -> Reading:
    """Return what a script says."""
    sections = []
    for one in scan.sections:
        requirements, _ = read_slots(_slots(one))
        channels = None if one.channels is None else tuple(one.channels)
        # where a script says nothing of conda, the SDK has channels and a Python of its own
        silent = one.how == "shell" or not (one.conda or channels)
        conda = None if silent else CondaPart(tuple(one.conda), channels)
        sections.append(
            Section(
                requirements,
                tuple(_pip_lines(one)),
                _python(one),
                one.line,
                one.place,
                conda,
                connected=one.how != "shell",
                unknown=tuple(one.unknown),
            )
        )
    unedited = tuple(Unedited(one.name, one.line, one.why) for one in scan.left)
    return Reading(tuple(sections), unedited=unedited)


def _pip_lines(section: Gathered) -> list[str]:
    """Return what azureml-core makes of the calls: of one package or one option that is set by
    several of them, the last call stands (observed with azureml-core 1.61)."""
    lines: list[str] = []
    options: dict[str, str] = {}
    later: set[str] = set()
    for group in reversed(section.groups):
        call = len(group) == 1 and section.how == "call"
        for piece in reversed(group):
            for text in reversed(read_slots([_slot(piece)])[1]):
                if piece.role == "option":
                    options.setdefault(re.split(r"[\s=]", text, maxsplit=1)[0], text)
                    continue
                name = _name(text)
                if name not in later:
                    lines.append(text)
                if name and call:
                    later.add(name)
    return [*reversed(lines), *reversed(options.values())]


def _name(text: str) -> str | None:
    try:
        line = parse(text)
    except Unreadable:
        return None
    return line.name if line else None


def decide_edits(source: Source, scan: Scan, wanted: Wanted) -> Decided:
    """Decide what changes in a script; raises as `Form.edit` does."""
    decided = Decided()
    for section in scan.sections:
        _decide(source, section, wanted, decided)
    return decided


def _decide(source: Source, section: Gathered, wanted: Wanted, decided: Decided) -> None:
    path, python = source.path, _python(section)
    named: list[Pinned] = []
    wheels = False
    for group in section.groups:
        slots = [_slot(piece) for piece in group]
        if group[0].role == "wheel":
            wheels = _wheel(path, group[0], wanted, python, decided) or wheels
            continue
        pinned = pin_slots(path, slots, wanted, python)
        for piece, slot, text in zip(group, slots, pinned.texts, strict=True):
            if text != slot.text:
                decided.write(path, piece.words, text[len(piece.before) :])
        decided.changed += [(decided.passed + at, before) for at, before in pinned.changed]
        decided.passed += pinned.requirements
        decided.notes += pinned.notes
        decided.unknown += pinned.unknown
        named += [pinned] if pinned.names else []
    if any(id(piece.words) in decided.edits for group in section.groups for piece in group):
        _raise(path, section, wanted, decided)
    decided.notes += packages_left_alone(path, CondaPart(tuple(section.conda)), wanted)
    if named or wheels:
        _refuse_secrets(source, section)
    if named:
        decided.notes += _index(path, section, wanted, named)


def _raise(path: str, section: Gathered, wanted: Wanted, decided: Decided) -> None:
    """Raise the version of an environment that changed: a registered one never changes."""
    own = section.registered
    if own is None:
        return
    before = own.version.text if own.version else None
    after = before
    higher = (
        raised(before, day=wanted.day, taken=wanted.floors.get(own.name, ())) if before else None
    )
    if own.version and higher:
        after = higher
        decided.write(path, own.version, higher)
    elif own.version or own.computed:
        decided.notes.append(
            note(
                path,
                own.version.line_of(0) if own.version else own.computed,
                "environment-version-not-raised",
                f"The environment {own.name} changed, but its version is no number, date or "
                "dotted version in a text of its own and was left alone; a version that is "
                "registered already cannot change.",
                "Use an integer in quotes, leave `version` out, or raise it yourself.",
                severity="warning",
            )
        )
    decided.environments.append(Environment(own.name, before, after))


def _wheel(path: str, piece: Piece, wanted: Wanted, python: str | None, decided: Decided) -> bool:
    """Put the new wheel's file name in place of the old one, in the same folder."""
    text = piece.words.text
    requirements, _ = read_slots([_slot(piece)])
    position, decided.passed = decided.passed, decided.passed + len(requirements)
    parts = _LAST.fullmatch(text)
    pin = next((one for one in wanted.pins for each in requirements if one.name == each.name), None)
    if pin is None or parts is None:
        return False
    if same_version(requirements[0].pinned or "", pin.version):
        return True
    files = sorted({*(wheel.file for wheel in pin.wheels), *(file for file, _ in pin.urls)})
    if files:
        chosen = _instead(parts["file"], files, wanted, python)
        if chosen is None:
            raise _none_fits(path, piece, parts["file"], pin, files)
        file = chosen
    else:
        decided.unknown.append(f"the file name of {pin.name} {pin.version}")
        file = f"{pin.name.replace('-', '_')}-{pin.version}-known_after_build-none-any.whl"
    decided.write(path, piece.words, (parts["folder"] or "") + file)
    decided.changed.append((position, requirements[0].text))
    decided.notes.append(
        note(
            path,
            piece.words.line_of(0),
            "wheel-file-named",
            f"The script uploads the wheel {file} from its own disk: it has to be there when the "
            "script runs.",
            "Fetch it before, or publish to the workspace's storage and name its URL in "
            "`add_pip_package`.",
        )
    )
    return True


def _instead(old: str, files: Sequence[str], wanted: Wanted, python: str | None) -> str | None:
    """Return the wheel for the same interpreters and systems; else what fits the image."""
    tags = _tags(old)
    same = [file for file in files if _tags(file) == tags]
    return same[0] if len(same) == 1 else wanted.choose(files, python)


def _none_fits(
    path: str, piece: Piece, old: str, pin: Pin, files: Sequence[str]
) -> DefinitionUnresolvable:
    return DefinitionUnresolvable(
        f"No wheel of {pin.name} {pin.version} can take the place of {old} for certain: "
        f"{', '.join(files)}.",
        code="no-wheel-fits",
        cure="Name the right one in the script by hand, or build a wheel for the image.",
        file=path,
        line=piece.words.line_of(0),
    )


def _tags(file: str) -> object:
    try:
        return parse_wheel_filename(file)[3]
    except InvalidWheelFilename:
        return None


def _refuse_secrets(source: Source, section: Gathered) -> None:
    """Refuse a credential in what an environment is made of; the rest of a script is its own."""
    texts = [
        (piece.words.text, piece.words.line_of(0)) for group in section.groups for piece in group
    ]
    for text, line in (*texts, *section.computed):
        try:
            refuse_secrets(Source(source.path, text))
        except Refused as error:
            raise Refused(
                error.message, code=error.code, cure=error.cure, file=source.path, line=line
            ) from None


def _index(path: str, section: Gathered, wanted: Wanted, named: Sequence[Pinned]) -> list[Problem]:
    """Say which index option is missing: nothing is added to a script's code."""
    pinned = replace(named[0], by_index=any(one.by_index for one in named))
    addition, remarks = add_index(path, _slots(section), wanted, pinned)
    if addition is None:
        return list(remarks)
    owner = "" if section.place.startswith("line ") else f"{section.place}."
    cure = {
        "call": f'Write `{owner}set_pip_option("{addition.text}")`.',
        "list": f'Write "{addition.text}" into the pip list, as an item of its own.',
        "shell": f"Write `{addition.text}` into the line.",
    }[section.how]
    message = "This script does not name, as far as can be seen, the index that has the wheels; "
    code = "index-not-in-script"
    return [note(path, section.line, code, message + "no code was added.", cure), *remarks]


def finished(
    data: bytes, after: Reading, decided: Decided, left: Sequence[Left], wanted: Wanted
) -> Edited:
    """Tell what changed and where it stands now.

    Args:
        data: The file after the edit.
        after: What it says.
        decided: What was written.
        left: The places that were not edited.
        wanted: The pins.
    """
    versions = {pin.name: pin.version for pin in wanted.pins}
    now = after.requirements
    pins = [
        PinChange(now[at].name, before, now[at].text, now[at].line)
        for at, before in decided.changed
    ]
    unedited = [
        Unedited(one.name, one.line, one.why)
        for one in left
        if one.name in versions
        and not (one.pinned and same_version(one.pinned, versions[one.name]))
    ]
    return Edited(
        data,
        tuple(dict.fromkeys(pins)),
        environments=tuple(dict.fromkeys(decided.environments)),
        notes=tuple(dict.fromkeys(decided.notes)),
        unknown=tuple(dict.fromkeys(decided.unknown)),
        unedited=tuple(dict.fromkeys(unedited)),
    )
