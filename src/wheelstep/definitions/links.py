"""Which definitions belong to which: conda files, what is included, what a Dockerfile builds."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from wheelstep.definitions.azureml import is_below
from wheelstep.definitions.forms import AZUREML, CONDA, DOCKERFILE, REQUIREMENTS, form_of
from wheelstep.definitions.interface import BuildContext, Form, Kind, Named
from wheelstep.definitions.named import in_context
from wheelstep.errors import StepError

__all__ = ["Links"]

_LIMITS: Final = re.compile(r"(?i)constraint[^/]*$")


@dataclass(slots=True)
class Links:
    """What is known of the files that name others."""

    forms: dict[str, Form]
    """The definitions taken so far."""
    naming: dict[str, bytes] = field(default_factory=dict)
    """Files that may name others, taken or not."""
    included: set[str] = field(default_factory=set)
    """Files that others include: requirements files, whatever they are called."""
    passing: set[str] = field(default_factory=set)
    """Those taken only because they are included, and that name none of our packages."""
    builds: dict[str, list[str]] = field(default_factory=dict)
    """Dockerfile -> the folders that it is built in, as environments have it."""
    uses: dict[str, list[str]] = field(default_factory=dict)
    used_by: dict[str, list[str]] = field(default_factory=dict)
    limits: dict[str, set[bool]] = field(default_factory=dict)
    """Included file -> whether as constraints, by each that includes it."""
    plain: set[tuple[str, str]] = field(default_factory=set)
    """(file, what includes it) where the latter has no version of its own to raise."""

    own: dict[str, Form | None] = field(default_factory=dict)
    """The form that a file shows by itself, once it was looked at."""
    said: dict[tuple[str, str], tuple[Named, ...]] = field(default_factory=dict)
    """(file, name of the form that it was read as) -> what it names."""

    def named_by(self, path: str, data: bytes) -> tuple[Named, ...]:
        """Return what a file names; nothing where it cannot be read."""
        form = self.form_of(path, data)
        if form is None:
            return ()
        key = path, form.name
        if key not in self.said:
            try:
                self.said[key] = form.read(path, data).named
            except StepError:
                self.said[key] = ()  # no one's, or else its fault is told where it is edited
        return self.said[key]

    def form_of(self, path: str, data: bytes) -> Form | None:
        """Return the form of a file; what is included is a requirements file, as pip has it, and
        what is built a Dockerfile."""
        if path in self.forms:
            return self.forms[path]
        if path in self.builds:
            return DOCKERFILE
        if path in self.included:
            return REQUIREMENTS
        if path not in self.own:
            self.own[path] = form_of(path, data)
        return self.own[path]

    def folders_of(self, dockerfile: str) -> list[str]:
        """Return the folders that a Dockerfile is built in; its own where no environment says."""
        return self.builds.get(dockerfile) or [posixpath.dirname(dockerfile) or "."]

    def paths_of(self, path: str, form: Form, named: Named) -> list[str]:
        """Return the files that a definition may mean, relative to the repository's root."""
        if named.kind == "build-context":
            return [in_context(named.path, named.dockerfile)] if named.path is not None else []
        if form is not DOCKERFILE:
            return [named.path] if named.path else []
        found = (in_context(folder, named.text) for folder in self.folders_of(path))
        return [one for one in found if not one.startswith("../")]

    def join(self, left_out: frozenset[str]) -> None:
        """Find out which file uses which."""
        built: dict[str, list[str]] = {}
        for path, data in sorted(self.naming.items()):
            form = self.form_of(path, data)
            if path in left_out or form is None:
                continue
            for named in self.named_by(path, data):
                if named.kind == "build-context" and named.path is not None:
                    built.setdefault(path, []).append(named.path)
                for other in self.paths_of(path, form, named):
                    self._add(path, other)
                    self.limits.setdefault(other, set()).add(named.constraint)
                    if named.kind == "include" and form in {CONDA, REQUIREMENTS}:
                        self.plain.add((other, path))
        for path, folders in built.items():
            # whatever else is edited in the folder is sent to the build, too
            for other, form in self.forms.items():
                if form is not AZUREML and any(is_below(other, folder) for folder in folders):
                    self._add(path, other)

    def _add(self, user: str, used: str) -> None:
        self.uses.setdefault(user, []).append(used)
        self.used_by.setdefault(used, []).append(user)

    def rises(self, path: str, user: str, seen: frozenset[str] = frozenset()) -> bool:
        """Tell whether an environment's version depends on a file by way of this user of it."""
        if (path, user) not in self.plain:
            return True
        users = [one for one in self.used_by.get(user, ()) if one not in seen]
        return any(self.rises(user, one, seen | {user}) for one in users)

    def kinds(self, *, all_users: bool) -> tuple[Kind, ...]:
        """Return the definitions, each with those that belong to it and to which it belongs.

        Args:
            all_users: Whether to take all that reach a package by what they include; else only
                environments, which have to rise, and what is between.
        """
        idle = self._idle()
        taken = {path: form for path, form in self.forms.items() if path not in idle}
        waiting = list(taken)
        while waiting:
            used = waiting.pop()
            for path in self.used_by.get(used, ()):
                form = self.form_of(path, self.naming[path])
                if path not in taken and form and (all_users or self.rises(used, path)):
                    taken[path] = form
                    waiting.append(path)
        contexts = self._contexts(taken)
        return tuple(
            Kind(
                path,
                form,
                tuple(dict.fromkeys(one for one in self.uses.get(path, ()) if one in taken)),
                tuple(dict.fromkeys(self.used_by.get(path, ()))),
                self._limits(path, form),
                tuple(contexts.get(path, ())),
            )
            for path, form in sorted(taken.items())
        )

    def _idle(self) -> set[str]:
        """Return what neither names a package nor leads to one: it is none of our business, and may
        well be part of a package, whose release it must make when it changes."""
        idle = set(self.passing)
        while leading := {
            path for path in idle if (self.forms.keys() - idle) & {*self.uses.get(path, ())}
        }:
            idle -= leading
        return idle

    def _limits(self, path: str, form: Form) -> bool:
        by_name = form is REQUIREMENTS and bool(_LIMITS.search(path))
        return self.limits.get(path, {by_name}) == {True}

    def _contexts(self, taken: Mapping[str, Form]) -> dict[str, list[BuildContext]]:
        """Return the builds that use each file: a Dockerfile's, and those of what it names."""
        found: dict[str, list[BuildContext]] = {}
        for dockerfile in sorted(path for path, form in taken.items() if form is DOCKERFILE):
            inside, waiting = {dockerfile}, [dockerfile]
            while waiting:
                more: Sequence[str] = self.uses.get(waiting.pop(), ())
                more = [one for one in more if one not in inside]
                inside.update(more)
                waiting += more
            for folder in self.folders_of(dockerfile):
                for path in inside:
                    if path == dockerfile or is_below(path, folder):
                        found.setdefault(path, []).append(BuildContext(folder, dockerfile))
        return found
