"""Which files of the repository are environment definitions to look after."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from wheelstep.definitions.azureml import AzureMl
from wheelstep.definitions.conda import Conda
from wheelstep.definitions.interface import Form, Found, Kind, Named, Read
from wheelstep.definitions.patterns import choose_paths
from wheelstep.definitions.pinning import note
from wheelstep.definitions.requirements import Requirements
from wheelstep.definitions.source import decode, leave_out
from wheelstep.definitions.tree import compose
from wheelstep.errors import DefinitionUnresolvable, SettingError, StepError, raise_all
from wheelstep.model import Problem

__all__ = ["FORMS", "definitions_in", "worth_reading"]

_AZUREML: Final = AzureMl()
_REQUIREMENTS: Final = Requirements()
_CONDA: Final = Conda()
FORMS: Final[tuple[Form, ...]] = (_AZUREML, _CONDA, _REQUIREMENTS)
"""Every form of definition; the first that recognises a file is its form."""
_PLAIN: Final[tuple[Form, ...]] = (_CONDA, _REQUIREMENTS)
"""Forms without a version that rises."""

_YAML: Final = (".yml", ".yaml")
_SUFFIXES: Final = tuple(sorted({suffix for form in FORMS for suffix in form.suffixes}))
_NAMING: Final = re.compile(rb"conda_file|(?<![A-Za-z0-9_-])-(?:[rc]|-requirement|-constraint)")
"""What a file that names others has in it."""
_LIMITS: Final = re.compile(r"(?i)constraint[^/]*$")
_VENDORED: Final = re.compile(
    r"(?:^|/)(?:node_modules|vendor|third_party|\.venv|venv|site-packages|\.git|\.tox|\.nox)/"
)
_PARTS: Final = re.compile(rb"[a-z0-9]+")
_UTF_16: Final = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}


def worth_reading(paths: Sequence[str]) -> list[str]:
    """Return the files that discovery reads: by their suffix, vendored folders left out."""
    return [
        path for path in paths if path.lower().endswith(_SUFFIXES) and not _VENDORED.search(path)
    ]


def definitions_in(
    read: Read,
    paths: Sequence[str],
    *,
    patterns: Sequence[str] | None,
    names: Collection[str],
) -> Found:
    """Find the definitions.

    Args:
        read: Reads a file of the snapshot.
        paths: All its tracked files.
        patterns: Files, folders or globs, `!` to leave out; None (or only `!` patterns) for every
            file of a known form that names one of `names` already.
        names: Normalised names of the released packages.

    Returns:
        The definitions. A conda file that Azure ML environments name comes with them, and an
        environment with its conda file.

    Raises:
        SettingError: A pattern names nothing, or no definition.
        DefinitionUnresolvable: A file that was asked for, or that plainly names one of our
            packages, cannot be read.
    """
    searching = patterns is None or all(pattern.startswith("!") for pattern in patterns)
    chosen = choose_paths(paths, patterns or ())
    look = _Look(read, names)
    if searching:
        for path in worth_reading(paths):
            if path not in chosen.left_out:
                look.discover(path)
        look.discover_included(chosen.left_out)
    else:
        for path in chosen.named:
            look.take(path, f"`{path}`")
        for pattern, matched in chosen.matched:
            if not [path for path in matched if look.take(path, None)]:
                look.errors.append(_no_definition(f"`{pattern}`", matched))
    raise_all(look.errors)
    look.follow(chosen.left_out)
    if not searching and look.forms:
        look.environments_among(paths, chosen.left_out)
    return look.found(all_users=searching)


def _no_definition(what: str, matched: Sequence[str]) -> SettingError:
    files = ", ".join(matched[:3]) or "nothing that is not left out"
    return SettingError(
        f"The option `definitions` names {what} ({files}), which is no environment definition of "
        "a form that is known.",
        code="definition-unknown",
        cure="Known are conda files with a pip section, Azure ML environment YAML and "
        "requirements files.",
        file=matched[0] if len(matched) == 1 else None,
    )


@dataclass(slots=True)
class _Look:
    """What was seen so far."""

    read: Read
    names: Collection[str]
    forms: dict[str, Form] = field(default_factory=dict)
    naming: dict[str, bytes] = field(default_factory=dict)
    """Files that may name others, taken or not."""
    included: set[str] = field(default_factory=set)
    """Files that others include: requirements files, whatever they are called."""
    passing: set[str] = field(default_factory=set)
    """Those taken only because they are included, and that name none of our packages."""
    notes: list[Problem] = field(default_factory=list)
    errors: list[StepError] = field(default_factory=list)
    needed: dict[str, frozenset[bytes]] = field(init=False)

    def __post_init__(self) -> None:
        self.needed = {name: frozenset(_PARTS.findall(name.encode())) for name in self.names}

    def take(self, path: str, asked: str | None) -> bool:
        """Take a file that a pattern names; `asked` when it was written out in full."""
        data = self.read(path)
        form = _form(path, data) if data is not None else None
        if form is None and data is not None and asked and not path.lower().endswith(_YAML):
            form = _REQUIREMENTS if _is_text(data) else None
        try:
            if data is None:
                raise _no_definition(asked or path, [path])
            if form is None and path.lower().endswith(_YAML):
                compose(decode(path, data))  # says what is wrong with it
            if form is None:
                if asked:
                    raise _no_definition(asked, [path])
                return False
            if form is _REQUIREMENTS:
                _REQUIREMENTS.refuse_unreadable(path, data)
            form.read(path, data)
        except StepError as error:
            self.errors.append(error)
            return True
        self.forms[path] = form
        return True

    def discover(self, path: str) -> None:
        """Take a file if it names one of our packages."""
        data = self.read(path)
        if data is None:
            return
        if _NAMING.search(data):
            self.naming[path] = data
        if not self._may_name(data):
            return
        form = _form(path, data)
        try:
            if form is None:
                if path.lower().endswith(_YAML):
                    compose(decode(path, data))
                elif data[:2] in _UTF_16:
                    decode(path, data)
                return
            reading = form.read(path, data)
            if any(requirement.name in self.names for requirement in reading.requirements) or any(
                self._begins(line) for section in reading.sections for line in section.pip_lines
            ):
                self.forms[path] = form
        except DefinitionUnresolvable as error:
            if self._plainly_names(path, data):
                self.errors.append(error)
                return
            self.notes.append(
                note(
                    path,
                    error.line,
                    "definition-left-alone",
                    f"This file mentions a released package and was left alone. {error.message}",
                    error.cure
                    if leave_out(path) in error.cure
                    else f"{error.cure} If it is no definition, {leave_out(path)}.",
                    severity="warning",
                )
            )

    def discover_included(self, left_out: frozenset[str]) -> None:
        """Take what is included and names one of our packages, though it is not called so that it
        would be found by itself."""
        waiting = list(self.naming.items())
        while waiting:
            path, data = waiting.pop()
            for named in _named(self.form_of(path, data), path, data):
                inside = named.path
                if named.kind != "include" or inside is None or inside in left_out:
                    continue
                text = None if inside in self.included else self.read(inside)
                if text is None or not _is_text(text):
                    continue
                self.included.add(inside)
                if inside not in self.naming:
                    self.naming[inside] = text
                    waiting.append((inside, text))
                if inside not in self.forms and self._may_name(text):
                    self._take_if_named(inside, text)

    def _take_if_named(self, path: str, data: bytes) -> None:
        try:
            if self._names_ours(path, data):
                self.forms[path] = _REQUIREMENTS
        except DefinitionUnresolvable:
            return  # `_take_included` says so, where what includes it is taken

    def _names_ours(self, path: str, data: bytes) -> bool:
        requirements = _REQUIREMENTS.read(path, data).requirements
        return any(one.name in self.names for one in requirements)

    def form_of(self, path: str, data: bytes) -> Form | None:
        """Return the form of a file; what is included is a requirements file, as pip has it."""
        if path in self.included:
            return self.forms.get(path, _REQUIREMENTS)
        return self.forms.get(path) or _form(path, data)

    def _may_name(self, data: bytes) -> bool:
        if encoding := _UTF_16.get(data[:2]):
            data = data.decode(encoding, errors="replace").encode()
        # the parts of a name are all in the file: much faster than searching for each name
        parts = set(_PARTS.findall(data.lower()))
        likely = tuple(name for name, needed in self.needed.items() if needed <= parts)
        return bool(likely) and _spellings(likely).search(data) is not None

    def _begins(self, line: str) -> bool:
        return re.match(_one_of(self.names) + r"(?![A-Za-z0-9._-])", line) is not None

    def _plainly_names(self, path: str, data: bytes) -> bool:
        """Tell whether a broken file is a definition of ours all the same: a list item or line
        that is a requirement of our package, in what has a pip section. A template that makes YAML
        (Helm, Jinja) is broken as YAML and may list our package's name for a reason of its own."""
        encoding = _UTF_16.get(data[:2])
        text = data.decode(encoding or "latin-1", errors="replace")
        item = rf"^[\s\ufeff]*(?:-\s+)?['\"]?{_one_of(self.names)}\s*(?:[\[=<>~!@'\"#;]|$)"
        section = re.search(r"^\s*-?\s*pip\s*:", text, re.MULTILINE)
        outer = re.search(r"^\s*(?:dependencies|conda_file)\s*:", text, re.MULTILINE)
        if re.search(item, text, re.MULTILINE) is None:
            return False
        if path.lower().endswith(_YAML):
            return section is not None and outer is not None
        return section is not None or outer is None

    def follow(self, left_out: frozenset[str]) -> None:
        """Take the files that belong to those taken, and to those in turn."""
        waiting = list(self.forms)
        while waiting:
            path = waiting.pop(0)
            data = self.read(path) or b""
            self.naming[path] = data
            for named in self.forms[path].read(path, data).named:
                if named.path is None or named.path not in left_out | self.forms.keys():
                    waiting += self._take_named(path, named)

    def _take_named(self, path: str, named: Named) -> list[str]:
        """Take a file that a definition names; return what was taken."""
        if named.kind == "include":
            return self._take_included(path, named)
        inside = self.read(named.path) if named.path else None
        if named.path is None or inside is None:
            raise DefinitionUnresolvable(
                f"The environment names the conda file `{named.text}`, which is not in the "
                "repository at that place.",
                code="conda-file-missing",
                cure="The path is relative to the environment's own file; commit the file.",
                file=path,
                line=named.line,
            )
        form = _form(named.path, inside)
        if form is None:
            compose(decode(named.path, inside))
            self.notes.append(
                note(named.path, None, "no-pip-section", "The conda file has no pip section.")
            )
            return []
        self.forms[named.path] = form
        return [named.path]

    def _take_included(self, path: str, named: Named) -> list[str]:
        """Take a requirements file that a pip section includes; return what was taken."""
        inside = self.read(named.path) if named.path else None
        option = "-c" if named.constraint else "-r"
        if named.path is None or inside is None:
            self.notes.append(
                note(
                    path,
                    named.line,
                    "included-file-missing",
                    f"`{option} {named.text}` names a file that is not in the repository at that "
                    "place; pip would stop there.",
                    "The path is relative to the file that names it; commit the file, or remove "
                    "the line.",
                    severity="warning",
                )
            )
            return []
        try:
            _REQUIREMENTS.read(named.path, inside)
        except DefinitionUnresolvable as error:
            self.notes.append(
                note(
                    path,
                    named.line,
                    "definition-left-alone",
                    f"`{option} {named.text}` names a file that was left alone. {error.message}",
                    error.cure,
                    severity="warning",
                )
            )
            return []
        self.included.add(named.path)
        self.forms[named.path] = _REQUIREMENTS
        if not self._names_ours(named.path, inside):
            self.passing.add(named.path)
        return [named.path]

    def environments_among(self, paths: Sequence[str], left_out: frozenset[str]) -> None:
        """Remember which files may name one of those taken: whichever does has to rise with it."""
        for path in worth_reading(paths):
            if path not in left_out | self.naming.keys():
                data = self.read(path)
                if data is not None and _NAMING.search(data):
                    self.naming[path] = data

    def found(self, *, all_users: bool) -> Found:
        """Return the definitions, each with those that belong to it and to which it belongs.

        Args:
            all_users: Whether to take all that reach a package by what they include; else only
                environments, which have to rise, and what is between.
        """
        uses: dict[str, list[str]] = {}
        used_by: dict[str, list[str]] = {}
        as_limits: dict[str, set[bool]] = {}
        links: dict[tuple[str, str], str] = {}
        for path, data in sorted(self.naming.items()):
            for named in _named(self.form_of(path, data), path, data):
                if named.path:
                    as_limits.setdefault(named.path, set()).add(named.constraint)
                    links[named.path, path] = named.kind
                    uses.setdefault(path, []).append(named.path)
                    used_by.setdefault(named.path, []).append(path)

        def rises(path: str, user: str, seen: frozenset[str] = frozenset()) -> bool:
            """Tell whether an environment's version depends on the file by way of this user."""
            form = self.form_of(user, self.naming[user])
            if links[path, user] != "include" or form not in {*_PLAIN, None}:
                return True
            users = [one for one in used_by.get(user, ()) if one not in seen]
            return any(rises(user, one, seen | {user}) for one in users)

        # one that neither names a package nor leads to one is none of our business: it may well
        # be part of a package, whose release it must make when it changes
        idle = set(self.passing)
        while leading := {
            path for path in idle if (self.forms.keys() - idle) & {*uses.get(path, ())}
        }:
            idle -= leading
        taken = {path: form for path, form in self.forms.items() if path not in idle}
        waiting = list(taken)
        while waiting:
            used = waiting.pop()
            for path in used_by.get(used, ()):
                form = self.form_of(path, self.naming[path])
                if path not in taken and form and (all_users or rises(used, path)):
                    taken[path] = form
                    waiting.append(path)
        kinds = tuple(
            Kind(
                path,
                form,
                tuple(dict.fromkeys(one for one in uses.get(path, ()) if one in taken)),
                tuple(dict.fromkeys(used_by.get(path, ()))),
                as_limits.get(path, {form is _REQUIREMENTS and bool(_LIMITS.search(path))})
                == {True},
            )
            for path, form in sorted(taken.items())
        )
        return Found(kinds, tuple(self.notes))


def _named(form: Form | None, path: str, data: bytes) -> tuple[Named, ...]:
    try:
        return form.read(path, data).named if form else ()
    except StepError:
        return ()  # it is none of those taken, or else its fault is told where it is edited


def _form(path: str, data: bytes) -> Form | None:
    return next((form for form in FORMS if form.recognises(path, data)), None)


def _is_text(data: bytes) -> bool:
    return b"\0" not in data or data[:2] in _UTF_16


def _one_of(names: Collection[str]) -> str:
    """Return a pattern for every spelling that PEP 503 takes for one of the names."""
    spelled = (
        "[-_.]+".join(re.escape(part) for part in name.split("-"))
        for name in sorted(names, key=len, reverse=True)
    )
    return f"(?i:{'|'.join(spelled)})"


@lru_cache(maxsize=64)
def _spellings(names: tuple[str, ...]) -> re.Pattern[bytes]:
    return re.compile(_one_of(names).encode())
