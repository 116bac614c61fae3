"""Which files of the repository are environment definitions to look after."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from wheelstep.definitions.azureml import AzureMl, is_below
from wheelstep.definitions.conda import Conda
from wheelstep.definitions.dockerfile import Dockerfile, is_dockerfile
from wheelstep.definitions.interface import BuildContext, Form, Found, Kind, Named, Read
from wheelstep.definitions.named import conda_file_missing, file_missing, in_context
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
_DOCKERFILE: Final = Dockerfile()
FORMS: Final[tuple[Form, ...]] = (_DOCKERFILE, _AZUREML, Conda(), _REQUIREMENTS)
"""Every form of definition; the first that recognises a file is its form."""

_YAML: Final = (".yml", ".yaml")
_SUFFIXES: Final = tuple(sorted({suffix for form in FORMS for suffix in form.suffixes}))
_NAMING: Final = re.compile(rb"conda_file|\bbuild['\"]?\s*:")
"""What a file that names others has in it."""
_VENDORED: Final = re.compile(
    r"(?:^|/)(?:node_modules|vendor|third_party|\.venv|venv|site-packages|\.git|\.tox|\.nox)/"
)
_PARTS: Final = re.compile(rb"[a-z0-9]+")
_UTF_16: Final = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}


def worth_reading(paths: Sequence[str]) -> list[str]:
    """Return the files that discovery reads: by their suffix, vendored folders left out."""
    return [
        path
        for path in paths
        if (path.lower().endswith(_SUFFIXES) or is_dockerfile(path)) and not _VENDORED.search(path)
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
    else:
        for path in chosen.named:
            look.take(path, f"`{path}`")
        for pattern, matched in chosen.matched:
            if not [path for path in matched if look.take(path, None)]:
                look.errors.append(_no_definition(f"`{pattern}`", matched))
    raise_all(look.errors)
    if not searching:
        look.environments_among(paths, chosen.left_out)
    look.find_contexts()
    look.follow(chosen.left_out)
    return look.found(chosen.left_out)


def _no_definition(what: str, matched: Sequence[str]) -> SettingError:
    files = ", ".join(matched[:3]) or "nothing that is not left out"
    return SettingError(
        f"The option `definitions` names {what} ({files}), which is no environment definition of "
        "a form that is known.",
        code="definition-unknown",
        cure="Known are conda files with a pip section, Azure ML environment YAML, requirements "
        "files and Dockerfiles.",
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
    notes: list[Problem] = field(default_factory=list)
    errors: list[StepError] = field(default_factory=list)
    builds: dict[str, list[str]] = field(default_factory=dict)
    """Dockerfile -> the folders that it is built in, as environments have it."""
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
        if _NAMING.search(data) or is_dockerfile(path):
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
            named = {one.name for one in reading.requirements}
            named |= {one.name for one in reading.unedited}
            if not named.isdisjoint(self.names) or any(
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

    def find_contexts(self) -> None:
        """Learn which Dockerfiles environments build, and where."""
        for path, data in sorted((self.naming | self._taken()).items()):
            for named in _named(self.forms.get(path) or _form(path, data), path, data):
                if named.kind == "build-context" and named.path is not None:
                    dockerfile = in_context(named.path, named.dockerfile)
                    folders = self.builds.setdefault(dockerfile, [])
                    if named.path not in folders:
                        folders.append(named.path)
                    self._take_dockerfile(dockerfile)

    def _taken(self) -> dict[str, bytes]:
        return {path: self.read(path) or b"" for path in self.forms}

    def _take_dockerfile(self, path: str) -> None:
        """Look at a Dockerfile that an environment names, whatever it is called."""
        if path not in self.naming and (data := self.read(path)) is not None:
            self.naming[path] = data

    def _form(self, path: str, data: bytes) -> Form | None:
        return self.forms.get(path) or (_DOCKERFILE if path in self.builds else _form(path, data))

    def _folders(self, dockerfile: str) -> list[str]:
        return self.builds.get(dockerfile) or [posixpath.dirname(dockerfile) or "."]

    def _paths(self, path: str, form: Form, named: Named) -> list[str]:
        """Return the files that a definition may mean, relative to the repository's root."""
        if named.kind == "build-context":
            return [in_context(named.path, named.dockerfile)] if named.path is not None else []
        if form is not _DOCKERFILE:
            return [named.path] if named.path else []
        found = (in_context(folder, named.text) for folder in self._folders(path))
        return [one for one in found if not one.startswith("../")]

    def follow(self, left_out: frozenset[str]) -> None:
        """Take the files that belong to those taken, and to those in turn."""
        waiting = list(self.forms)
        while waiting:
            path = waiting.pop(0)
            data = self.read(path) or b""
            self.naming[path] = data
            form = self.forms[path]
            missing: dict[int, Named] = {}
            there: set[int] = set()
            for named in form.read(path, data).named:
                found = self._paths(path, form, named)
                known = [one for one in found if one in left_out | self.forms.keys()]
                inside = {one: self.read(one) for one in found if one not in known}
                for other, content in inside.items():
                    if content is not None:
                        known.append(other)
                        waiting += self._take_named(named, other, content)
                if known:
                    there.add(named.line)
                elif named.kind == "conda-file" and form is not _DOCKERFILE:
                    raise conda_file_missing(path, named)
                else:
                    missing.setdefault(named.line, named)
            self.notes += [
                file_missing(path, named) for line, named in missing.items() if line not in there
            ]

    def _take_named(self, named: Named, other: str, data: bytes) -> list[str]:
        """Take a file that a definition names; return what was taken."""
        form = _DOCKERFILE if named.kind == "build-context" else _form(other, data)
        if form is None and named.kind == "include":
            form = _REQUIREMENTS if _is_text(data) else None
        if form is None:
            compose(decode(other, data))
            self.notes.append(
                note(other, None, "no-pip-section", "The conda file has no pip section.")
            )
            return []
        self.forms[other] = form
        return [other]

    def environments_among(self, paths: Sequence[str], left_out: frozenset[str]) -> None:
        """Remember which files may name one of those taken: whichever does has to rise with it."""
        worth = worth_reading(paths)
        if all(form is _REQUIREMENTS for form in self.forms.values()) and not any(
            is_dockerfile(path) for path in worth
        ):
            return
        for path in worth:
            if path not in left_out | self.naming.keys():
                data = self.read(path)
                if data is not None and (_NAMING.search(data) or is_dockerfile(path)):
                    self.naming[path] = data

    def found(self, left_out: frozenset[str] = frozenset()) -> Found:
        """Return the definitions, each with those that belong to it and to which it belongs."""
        uses, used_by = self._links(left_out)
        taken = dict(self.forms)
        waiting = list(taken)
        while waiting:
            for path in used_by.get(waiting.pop(), ()):
                form = self._form(path, self.naming[path])
                if path not in taken and form is not None:
                    taken[path] = form
                    waiting.append(path)
        contexts = self._contexts(taken, uses)
        kinds = tuple(
            Kind(
                path,
                form,
                tuple(dict.fromkeys(one for one in uses.get(path, ()) if one in taken)),
                tuple(dict.fromkeys(used_by.get(path, ()))),
                tuple(contexts.get(path, ())),
            )
            for path, form in sorted(taken.items())
        )
        return Found(kinds, tuple(dict.fromkeys(self.notes)))

    def _links(self, left_out: frozenset[str]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
        """Return what each file uses, and what each is used by."""
        uses: dict[str, list[str]] = {}
        used_by: dict[str, list[str]] = {}
        built: dict[str, list[str]] = {}
        for path, data in sorted(self.naming.items()):
            form = self._form(path, data)
            if path in left_out or form is None:
                continue
            for named in _named(form, path, data):
                if named.kind == "build-context" and named.path is not None:
                    built.setdefault(path, []).append(named.path)
                for other in self._paths(path, form, named):
                    uses.setdefault(path, []).append(other)
                    used_by.setdefault(other, []).append(path)
        for path, folders in built.items():
            # whatever else is edited in the folder is sent to the build, too
            for other, form in self.forms.items():
                if form is not _AZUREML and any(is_below(other, folder) for folder in folders):
                    uses.setdefault(path, []).append(other)
                    used_by.setdefault(other, []).append(path)
        return uses, used_by

    def _contexts(
        self, taken: Mapping[str, Form], uses: Mapping[str, Sequence[str]]
    ) -> dict[str, list[BuildContext]]:
        """Return the builds that use each file: a Dockerfile's, and those of what it names."""
        found: dict[str, list[BuildContext]] = {}
        for dockerfile in sorted(path for path, form in taken.items() if form is _DOCKERFILE):
            inside, waiting = {dockerfile}, [dockerfile]
            while waiting:
                more = [one for one in uses.get(waiting.pop(), ()) if one not in inside]
                inside.update(more)
                waiting += more
            for folder in self._folders(dockerfile):
                for path in inside:
                    if path == dockerfile or is_below(path, folder):
                        found.setdefault(path, []).append(BuildContext(folder, dockerfile))
        return found


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
