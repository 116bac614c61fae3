"""Which files of the repository are environment definitions to look after."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, Literal

from wheelstep.definitions.azureml import AzureMl
from wheelstep.definitions.azureml_places import unknown_schemas
from wheelstep.definitions.conda import Conda
from wheelstep.definitions.interface import Form, Found, Kind, Named, Read
from wheelstep.definitions.json_text import compose_json
from wheelstep.definitions.notebook import Notebook
from wheelstep.definitions.patterns import choose_paths
from wheelstep.definitions.pinning import note
from wheelstep.definitions.pyproject import Pyproject, project_of
from wheelstep.definitions.python_source import (
    PythonSource,
    may_install,
    module_folders,
    source_module,
)
from wheelstep.definitions.requirements import Requirements
from wheelstep.definitions.sdk_v1 import RunConfiguration, SdkV1
from wheelstep.definitions.source import decode, leave_out
from wheelstep.definitions.toml_text import compose_toml
from wheelstep.definitions.tree import compose
from wheelstep.errors import DefinitionUnresolvable, SettingError, StepError, raise_all
from wheelstep.model import Problem

__all__ = ["FORMS", "NAMING", "SUFFIXES", "definitions_in", "worth_reading"]

_AZUREML: Final = AzureMl()
_PYPROJECT: Final = Pyproject()
_REQUIREMENTS: Final = Requirements()
_CONDA: Final = Conda()
FORMS: Final[tuple[Form, ...]] = (
    _AZUREML,
    SdkV1(),
    RunConfiguration(),
    _CONDA,
    _PYPROJECT,
    _REQUIREMENTS,
    PythonSource(),
    Notebook(),
)
"""Every form of definition; the first that recognises a file is its form."""
_PLAIN: Final[tuple[Form, ...]] = (_CONDA, _REQUIREMENTS)
"""Forms without a version that rises."""

SUFFIXES: Final = tuple(sorted({suffix for form in FORMS for suffix in form.suffixes}))
"""How the names of all definitions end."""
NAMING: Final = (
    "conda_file",
    "condaDependencies",
    "(^|[^[:alnum:]_-])-([rc]|-requirement|-constraint)",
)
"""What files that name others have in them, one or the other, as POSIX has patterns."""
_YAML: Final = (".yml", ".yaml", ".runconfig")
_JSON: Final = (".json",)
_TOML: Final = ("pyproject.toml",)
_CODE: Final = (".py", ".ipynb")
_NAMING: Final = re.compile("|".join(NAMING).replace("[:alnum:]", "A-Za-z0-9").encode())
_LARGEST: Final = 5_000_000
"""Bytes: a larger JSON file is data. An environment has some thousand."""
_LIMITS: Final = re.compile(r"(?i)constraint[^/]*$")
_VENDORED: Final = re.compile(
    r"(?:^|/)(?:node_modules|vendor|third_party|\.venv|venv|site-packages|\.git|\.tox|\.nox)/"
)
_PARTS: Final = re.compile(rb"[a-z0-9]+")
_UTF_16: Final = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}


def worth_reading(paths: Sequence[str]) -> list[str]:
    """Return the files that discovery reads: by their suffix, vendored folders left out, and of
    Python what looks like a package's own modules or tests.

    Args:
        paths: All tracked files.
    """
    folders = module_folders(paths)
    return [
        path
        for path in paths
        if path.lower().endswith(SUFFIXES)
        and not _VENDORED.search(path)
        and not (path.lower().endswith(_CODE) and source_module(path, folders))
    ]


def definitions_in(
    read: Read,
    paths: Sequence[str],
    *,
    patterns: Sequence[str] | None,
    names: Collection[str],
    released: Collection[str] = (),
) -> Found:
    """Find the definitions.

    Args:
        read: Reads a file of the snapshot.
        paths: All its tracked files.
        patterns: Files, folders or globs, `!` to leave out; None (or only `!` patterns) for every
            file of a known form that names one of `names` already.
        names: Normalised names of the packages to look for.
        released: Normalised names of all packages of this repository: their own pyproject.toml is
            what is released, and nothing is pinned there.

    Returns:
        The definitions. A conda file that Azure ML environments name comes with them, and an
        environment with its conda file.

    Raises:
        SettingError: A pattern names nothing, no definition, or a released package's own file.
        DefinitionUnresolvable: A file that was asked for, or that plainly names one of our
            packages, cannot be read.
    """
    searching = patterns is None or all(pattern.startswith("!") for pattern in patterns)
    chosen = choose_paths(paths, patterns or ())
    look = _Look(read, names, {*names, *released})
    if searching:
        for path in worth_reading(paths):
            if path not in chosen.left_out:
                look.discover(path)
        look.discover_included(chosen.left_out)
    else:
        for path in chosen.named:
            look.take(path, f"`{path}`")
        folders = module_folders(paths)
        for pattern, matched in chosen.matched:
            likely = [
                path
                for path in matched
                if not (path.lower().endswith(_CODE) and source_module(path, folders))
            ]
            if not [path for path in likely if look.take(path, None)]:
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
        cure="Known are conda files with a pip section, Azure ML environment YAML, environments of "
        "the SDK v1, requirements files, pyproject.toml with dependencies, and Python scripts and "
        "notebooks that say what pip installs.",
        file=matched[0] if len(matched) == 1 else None,
    )


def _is_package(path: str, name: str) -> SettingError:
    return SettingError(
        f"The option `definitions` names {path}, which is the package {name} itself. A pin there "
        "would change what is released, and so make a new release with every release.",
        code="definition-is-package",
        cure=f"Take the file out of `definitions`; if {name} is not to be released, leave its "
        "folder out of `packages` with `!`.",
        file=path,
    )


@dataclass(slots=True)
class _Look:
    """What was seen so far."""

    read: Read
    names: Collection[str]
    released: Collection[str]
    forms: dict[str, Form] = field(default_factory=dict)
    naming: dict[str, bytes] = field(default_factory=dict)
    """Files that may name others, taken or not."""
    included: set[str] = field(default_factory=set)
    """Files that others include: requirements files, whatever they are called."""
    notes: list[Problem] = field(default_factory=list)
    errors: list[StepError] = field(default_factory=list)
    needed: dict[str, frozenset[bytes]] = field(init=False)

    def __post_init__(self) -> None:
        self.needed = {name: frozenset(_PARTS.findall(name.encode())) for name in self.names}

    def take(self, path: str, asked: str | None) -> bool:
        """Take a file that a pattern names; `asked` when it was written out in full."""
        data = self.read(path)
        try:
            if data is None:
                raise _no_definition(asked or path, [path])
            if self._is_ours(path, data):
                if asked:
                    raise _is_package(path, project_of(path, data) or "")
                return True  # a folder or glob may have it among others
            form = self._form_asked(path, data, asked)
            if form is None:
                return False
            form.read(path, data)
        except StepError as error:
            if not asked and path.lower().endswith(_CODE):
                self._left_alone(path, error)
                return False
            self.errors.append(error)
            return True
        self.forms[path] = form
        return True

    def _form_asked(self, path: str, data: bytes, asked: str | None) -> Form | None:
        form = _form(path, data)
        known = path.lower().endswith((*_YAML, *_JSON, *_TOML, *_CODE))
        if form is None and asked and not known:
            form = _REQUIREMENTS if _is_text(data) else None
        if form is None:
            _refuse_broken(path, data)
            if asked:
                raise _no_definition(asked, [path])
        if form is _REQUIREMENTS:
            _REQUIREMENTS.refuse_unreadable(path, data)
        return form

    def discover(self, path: str) -> None:
        """Take a file if it names one of our packages."""
        data = self.read(path)
        if data is None or _is_data(path, data):
            return
        if _NAMING.search(data):
            self.naming[path] = data
        if not self._may_name(path, data) or self._is_ours(path, data):
            return
        form = _form(path, data)
        try:
            if form is None:
                _refuse_broken(path, data)
                if path.lower().endswith(_YAML):
                    self.notes += unknown_schemas(path, data, self.names)
                elif data[:2] in _UTF_16:
                    decode(path, data)
                return
            reading = form.read(path, data)
            named = {one.name for one in reading.requirements}
            named |= {one.name for one in reading.unedited}
            if not named.isdisjoint(self.names) or any(
                self._begins(line) for section in reading.sections for line in section.pip_lines
            ):
                self.forms[path] = form
        except DefinitionUnresolvable as error:
            if not path.lower().endswith(_CODE) and self._plainly_names(path, data):
                self.errors.append(error)
                return
            self._left_alone(path, error)

    def _is_ours(self, path: str, data: bytes) -> bool:
        """Tell whether this is the pyproject.toml of a package that is released."""
        return project_of(path, data) in self.released

    def _left_alone(self, path: str, error: StepError) -> None:
        # code of another Python, or of another kernel, is nothing to warn of
        severity: Literal["warning", "notice"] = (
            "notice" if path.lower().endswith(_CODE) else "warning"
        )
        self.notes.append(
            note(
                path,
                error.line,
                "definition-left-alone",
                f"This file mentions a released package and was left alone. {error.message}"
                if severity == "warning"
                else f"This file was left alone. {error.message}",
                error.cure
                if leave_out(path) in error.cure
                else f"{error.cure} If it is no definition, {leave_out(path)}.",
                severity=severity,
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
                if inside not in self.forms and self._may_name(inside, text):
                    self._take_if_named(inside, text)

    def _take_if_named(self, path: str, data: bytes) -> None:
        try:
            reading = _REQUIREMENTS.read(path, data)
        except DefinitionUnresolvable:
            return  # `_take_included` says so, where what includes it is taken
        if any(one.name in self.names for one in reading.requirements):
            self.forms[path] = _REQUIREMENTS

    def form_of(self, path: str, data: bytes) -> Form | None:
        """Return the form of a file; what is included is a requirements file, as pip has it."""
        if path in self.included:
            return self.forms.get(path, _REQUIREMENTS)
        return self.forms.get(path) or _form(path, data)

    def _may_name(self, path: str, data: bytes) -> bool:
        if path.lower().endswith(_CODE) and not may_install(data):
            return False
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
        (Helm, Jinja) is broken as YAML and may list our package's name for a reason of its own. In
        JSON and TOML it is a quoted item of a list."""
        encoding = _UTF_16.get(data[:2])
        text = data.decode(encoding or "latin-1", errors="replace")
        ours = _one_of(self.names)
        if path.lower().endswith((*_JSON, *_TOML)):
            quoted = rf"(?:[\[,]|^)\s*['\"]{ours}\s*(?:[\[=<>~!@;(]|['\"](?!\s*[:=]))"
            telling = r"\"pip\"\s*:" if path.lower().endswith(_JSON) else r"^\s*\[project\]"
            return all(re.search(one, text, re.MULTILINE) for one in (telling, quoted))
        item = rf"^[\s\ufeff]*(?:-\s+)?['\"]?{ours}\s*(?:[\[=<>~!@'\"#;]|$)"
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
                if named.kind == "build-context":
                    continue
                if named.path is None or named.path not in left_out | self.forms.keys():
                    waiting += self._take_named(path, named)

    def _take_named(self, path: str, named: Named) -> list[str]:
        """Take a file that a definition names; return what was taken."""
        if named.kind == "include":
            return self._take_included(path, named)
        inside = self.read(named.path) if named.path else None
        if inside is None and not named.text:
            return []  # taken by its usual name where it is there
        if named.path and inside is not None and self._is_ours(named.path, inside):
            return []
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
        return [named.path]

    def environments_among(self, paths: Sequence[str], left_out: frozenset[str]) -> None:
        """Remember which files may name one of those taken: whichever does has to rise with it."""
        for path in worth_reading(paths):
            if path not in left_out | self.naming.keys():
                data = self.read(path)
                if data is not None and _NAMING.search(data) and not _is_data(path, data):
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

        taken = dict(self.forms)
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


def _is_data(path: str, data: bytes) -> bool:
    """Tell whether a JSON file is too large for anything but data."""
    return path.lower().endswith(_JSON) and len(data) > _LARGEST


def _refuse_broken(path: str, data: bytes) -> None:
    """Say what is wrong with a file that may be a definition.

    Raises:
        DefinitionUnresolvable: It is not what its name says.
    """
    if path.lower().endswith(_YAML):
        compose(decode(path, data))
    elif path.lower().endswith(_JSON) and _NAMING.search(data):
        compose_json(decode(path, data))
    elif path.lower().endswith(_TOML):
        compose_toml(decode(path, data))


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
