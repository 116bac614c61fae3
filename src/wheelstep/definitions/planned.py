"""One definition before and after, and all of a repository's: values."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field, replace
from typing import Literal

from wheelstep.definitions.interface import Environment, Kind, Reading, Unedited, VendoredFile
from wheelstep.definitions.references import Followed
from wheelstep.errors import DefinitionUnresolvable
from wheelstep.model import Change, PinChange, Problem

__all__ = ["Edits", "PlannedEdit"]


@dataclass(frozen=True, slots=True)
class PlannedEdit:
    """One definition, before and after."""

    path: str
    form: str
    """As `Form.name` has it: "conda", "azureml", ..."""
    before: bytes
    after: bytes
    pins: tuple[PinChange, ...] = ()
    index_added: str | None = None
    environments: tuple[Environment, ...] = ()
    """The Azure ML environments of the file whose version rose, or would have."""
    followed: tuple[str, ...] = ()
    """Other files that belong to it: environments of a conda file, the conda file of one."""
    notes: tuple[Problem, ...] = ()
    unknown: tuple[str, ...] = ()
    """What exists only after building or publishing; such an edit can be shown, not committed."""
    reading: Reading = field(default_factory=Reading)
    """What the definition says after the edit."""
    files: tuple[VendoredFile, ...] = ()
    """The wheels that it names in its build context and that are not there yet."""
    removed: tuple[str, ...] = ()
    """The wheels there that nothing names any more."""
    unedited: tuple[Unedited, ...] = ()
    """What names a released package and was found, but not edited."""

    @property
    def status(self) -> Literal["changed", "unchanged", "found-not-edited"]:
        """Tell whether any byte differs, of the wheels beside it too; and if not, whether some
        should have."""
        if self.before != self.after or self.files or self.removed:
            return "changed"
        return "found-not-edited" if self.unedited else "unchanged"

    @property
    def diff(self) -> str:
        """Return the unified diff, for people: line ends are not shown; "" where equal."""
        return unified_diff(self.path, self.before, self.after)

    def line_before(self, line: int) -> int:
        """Return which line of the file as it is now became a line of the edited one; for a line
        that is new, the one that stands there now."""
        before, after = self.before.splitlines(), self.after.splitlines()
        for _, start, end, new_start, new_end in difflib.SequenceMatcher(
            None, before, after, autojunk=False
        ).get_opcodes():
            if new_start < line <= new_end:
                return max(1, min(start + line - new_start, end))
        return line

    def change(self) -> Change:
        """Return what to commit.

        Raises:
            DefinitionUnresolvable: Something is not known yet.
        """
        if self.unknown:
            raise DefinitionUnresolvable(
                f"The edit needs {' and '.join(self.unknown)}, which is not known.",
                code="pin-incomplete",
                cure="Publish the wheels in the same run, or pin by version.",
                file=self.path,
            )
        return Change(self.path, self.before, self.after)

    def with_references(self, followed: Followed) -> PlannedEdit:
        """Return it with references to risen environments that follow."""
        return replace(
            self,
            after=followed.data,
            followed=tuple(dict.fromkeys((*self.followed, *followed.paths))),
            notes=(*self.notes, *followed.notes),
        )


@dataclass(frozen=True, slots=True)
class Edits:
    """All definitions found, sorted by path, and what was passed over."""

    edits: tuple[PlannedEdit, ...]
    notes: tuple[Problem, ...]
    kinds: tuple[Kind, ...] = ()
    """The definitions as they were found: which of them belongs to which."""


def unified_diff(path: str, before: bytes, after: bytes) -> str:
    """Return a unified diff of two UTF-8 texts, its own lines ended by line feeds."""
    if before == after:
        return ""
    lines: list[str] = []
    compared = difflib.unified_diff(
        _lines(before), _lines(after), f"a/{path}", f"b/{path}", lineterm=""
    )
    for number, line in enumerate(compared):
        body = line.removesuffix("\n")
        lines.append(body.removesuffix("\r"))
        if number > 1 and body == line and not line.startswith("@@"):
            lines.append("\\ No newline at end of file")
    return "\n".join(lines) + "\n"


def _lines(data: bytes) -> list[str]:
    # by line feeds only: str.splitlines would also split at characters that are no line ends here
    parts = data.decode().split("\n")
    return [part + "\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])
