"""Which files of the repository are environment definitions to look after."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal

from wheelstep.definitions.azureml_places import unknown_schemas
from wheelstep.definitions.forms import (
    DOCKERFILE,
    REQUIREMENTS,
    UTF_16,
    form_of,
    is_code,
    is_data,
    is_json,
    is_text,
    is_toml,
    is_yaml,
    may_name_others,
    only_sources,
    refuse_broken,
    worth_reading,
)
from wheelstep.definitions.interface import Form, Found, Named, Read
from wheelstep.definitions.links import Links
from wheelstep.definitions.mentions import Mentions
from wheelstep.definitions.named import conda_file_missing, file_missing, in_context, left_alone
from wheelstep.definitions.patterns import choose_paths
from wheelstep.definitions.pinning import note
from wheelstep.definitions.pyproject import project_of
from wheelstep.definitions.source import decode, leave_out, refuse_secrets
from wheelstep.definitions.tree import compose
from wheelstep.errors import DefinitionUnresolvable, SettingError, StepError, raise_all
from wheelstep.model import Problem

__all__ = ["definitions_in"]


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
        environment with its conda file; what is included, with what includes it; what a Dockerfile
        installs, with the Dockerfile.

    Raises:
        SettingError: A pattern names nothing, no definition, or a released package's own file.
        DefinitionUnresolvable: A file that was asked for, or that plainly names one of our
            packages, cannot be read.
    """
    searching = patterns is None or all(pattern.startswith("!") for pattern in patterns)
    chosen = choose_paths(paths, patterns or ())
    look = _Look(read, names, {*names, *released}, chosen.left_out)
    if searching:
        for path in worth_reading(paths):
            if path not in chosen.left_out:
                look.discover(path)
        look.discover_included()
    else:
        for path in chosen.named:
            look.take(path, f"`{path}`")
        for pattern, matched in chosen.matched:
            sources = only_sources(matched, paths)
            if not [path for path in matched if path not in sources and look.take(path, None)]:
                look.errors.append(_no_definition(f"`{pattern}`", matched))
    raise_all(look.errors)
    if not searching and look.forms:
        look.remember_naming(worth_reading(paths))
    look.find_contexts()
    look.follow()
    look.links.join(chosen.left_out)
    return Found(look.links.kinds(all_users=searching), tuple(dict.fromkeys(look.notes)))


def _no_definition(what: str, matched: Sequence[str]) -> SettingError:
    files = ", ".join(matched[:3]) or "nothing that is not left out"
    return SettingError(
        f"The option `definitions` names {what} ({files}), which is no environment definition of "
        "a form that is known.",
        code="definition-unknown",
        cure="Known are conda files with a pip section, Azure ML environment YAML, environments of "
        "the SDK v1, requirements files, Dockerfiles, pyproject.toml with dependencies, and Python "
        "scripts and notebooks that say what pip installs.",
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


class _Look:
    """What was seen so far."""

    def __init__(
        self,
        read: Read,
        names: Collection[str],
        released: Collection[str],
        left_out: frozenset[str],
    ) -> None:
        self.read = read
        self.names = names
        self.released = released
        self.left_out = left_out
        self.forms: dict[str, Form] = {}
        self.links = Links(self.forms)
        self.mentions = Mentions(names)
        self.notes: list[Problem] = []
        self.errors: list[StepError] = []

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
            form = _form_asked(path, data, asked)
            if form is None:
                return False
            form.read(path, data)
        except StepError as error:
            if not asked and is_code(path):
                self._left_alone(path, error)
                return False
            self.errors.append(error)
            return True
        self.forms[path] = form
        return True

    def discover(self, path: str) -> None:
        """Take a file if it names one of our packages."""
        data = self.read(path)
        if data is None or is_data(path, data):
            return
        if may_name_others(path, data):
            self.links.naming[path] = data
        if not self.mentions.may_be_in(path, data) or self._is_ours(path, data):
            return
        form = form_of(path, data)
        try:
            if form is None:
                self._look_at_unknown(path, data)
            elif self._names_ours(form, path, data):
                self.forms[path] = form
        except DefinitionUnresolvable as error:
            if self.mentions.plainly_in(path, data):
                self.errors.append(error)
            else:
                self._left_alone(path, error)

    def _look_at_unknown(self, path: str, data: bytes) -> None:
        refuse_broken(path, data)
        if is_yaml(path):
            self.notes += unknown_schemas(path, data, self.names)
        elif data[:2] in UTF_16:
            decode(path, data)

    def _names_ours(self, form: Form, path: str, data: bytes) -> bool:
        reading = form.read(path, data)
        named = {one.name for one in reading.requirements}
        named |= {one.name for one in reading.unedited}
        return not named.isdisjoint(self.names) or any(
            self.mentions.begins(line) for section in reading.sections for line in section.pip_lines
        )

    def _is_ours(self, path: str, data: bytes) -> bool:
        """Tell whether this is the pyproject.toml of a package that is released."""
        return project_of(path, data) in self.released

    def _left_alone(self, path: str, error: StepError) -> None:
        # code of another Python, or of another kernel, is nothing to warn of
        severity: Literal["warning", "notice"] = "notice" if is_code(path) else "warning"
        mentions = "" if is_code(path) else "mentions a released package and "
        self.notes.append(
            note(
                path,
                error.line,
                "definition-left-alone",
                f"This file {mentions}was left alone. {error.message}",
                error.cure
                if leave_out(path) in error.cure
                else f"{error.cure} If it is no definition, {leave_out(path)}.",
                severity=severity,
            )
        )

    def discover_included(self) -> None:
        """Take what is included and names one of our packages, though it is not called so that it
        would be found by itself."""
        waiting = list(self.links.naming.items())
        while waiting:
            path, data = waiting.pop()
            if self.links.form_of(path, data) is DOCKERFILE:
                continue  # its paths are known when its contexts are
            for named in self.links.named_by(path, data):
                inside = named.path
                if named.kind != "include" or inside is None or inside in self.left_out:
                    continue
                text = None if inside in self.links.included else self.read(inside)
                if text is None or not is_text(text):
                    continue
                self.links.included.add(inside)
                if inside not in self.links.naming:
                    self.links.naming[inside] = text
                    waiting.append((inside, text))
                if inside not in self.forms and self.mentions.may_be_in(inside, text):
                    self._take_if_named(inside, text)

    def _take_if_named(self, path: str, data: bytes) -> None:
        try:
            if self._names_ours(REQUIREMENTS, path, data):
                self.forms[path] = REQUIREMENTS
        except DefinitionUnresolvable:
            return  # `_take_named` says so, where what includes it is taken

    def find_contexts(self) -> None:
        """Learn which Dockerfiles environments build, and where."""
        taken = {path: self.read(path) or b"" for path in self.forms}
        for path, data in sorted((self.links.naming | taken).items()):
            for named in self.links.named_by(path, data):
                if named.kind == "build-context" and named.path is not None:
                    dockerfile = in_context(named.path, named.dockerfile)
                    folders = self.links.builds.setdefault(dockerfile, [])
                    if named.path not in folders:
                        folders.append(named.path)
                    self._remember(dockerfile)

    def _remember(self, path: str) -> None:
        """Look at a Dockerfile that an environment names, whatever it is called."""
        if path not in self.links.naming and (data := self.read(path)) is not None:
            self.links.naming[path] = data

    def follow(self) -> None:
        """Take the files that belong to those taken, and to those in turn."""
        waiting = list(self.forms)
        while waiting:
            path = waiting.pop(0)
            data = self.read(path) or b""
            self.links.naming[path] = data
            form = self.forms[path]
            missing: dict[int, Named] = {}
            there: set[int] = set()
            for named in form.read(path, data).named:
                found = self.links.paths_of(path, form, named)
                known = [one for one in found if one in self.left_out | self.forms.keys()]
                inside = {one: self.read(one) for one in found if one not in known}
                for other, content in inside.items():
                    if content is not None:
                        known.append(other)
                        waiting += self._take_named(path, named, other, content)
                if known or named.optional:
                    there.add(named.line)
                elif named.kind == "conda-file" and form is not DOCKERFILE:
                    raise conda_file_missing(path, named)
                else:
                    missing.setdefault(named.line, named)
            self.notes += [
                file_missing(path, named, built=form is DOCKERFILE)
                for line, named in missing.items()
                if line not in there
            ]

    def _take_named(self, path: str, named: Named, other: str, data: bytes) -> list[str]:
        """Take a file that a definition names; return what was taken."""
        if self._is_ours(other, data):
            return []
        form = DOCKERFILE if named.kind == "build-context" else form_of(other, data)
        if named.kind == "include" and (form is None or self.forms[path] is not DOCKERFILE):
            form = REQUIREMENTS if is_text(data) else None
            if form is None:
                return []
            try:
                form.read(other, data)
            except DefinitionUnresolvable as error:
                self.notes.append(left_alone(path, named, error))
                return []
            self.links.included.add(other)
            if not self._names_ours(form, other, data):
                # it is not edited, but what includes it is resolved and committed with it
                refuse_secrets(decode(other, data))
                self.links.passing.add(other)
        if form is None:
            compose(decode(other, data))
            self.notes.append(
                note(other, None, "no-pip-section", "The conda file has no pip section.")
            )
            return []
        self.forms[other] = form
        return [other]

    def remember_naming(self, paths: Sequence[str]) -> None:
        """Remember which files may name one of those taken: whichever does has to rise with it."""
        for path in paths:
            if path not in self.left_out | self.links.naming.keys():
                data = self.read(path)
                if data is not None and may_name_others(path, data) and not is_data(path, data):
                    self.links.naming[path] = data


def _form_asked(path: str, data: bytes, asked: str | None) -> Form | None:
    form = form_of(path, data)
    known = is_yaml(path) or is_json(path) or is_toml(path) or is_code(path)
    if form is None and asked and not known:
        form = REQUIREMENTS if is_text(data) else None
    if form is None:
        refuse_broken(path, data)
        if asked:
            raise _no_definition(asked, [path])
    if form is REQUIREMENTS:
        REQUIREMENTS.refuse_unreadable(path, data)
    return form
