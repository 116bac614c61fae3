"""Wheels that are copied into build contexts: where their bytes come from."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from wheelstep.definitions.interface import VendoredFile
from wheelstep.definitions.plan import Edits
from wheelstep.errors import CannotHere, DefinitionUnresolvable, Refused
from wheelstep.model import Change, Wheel
from wheelstep.repositories.attributes import kept_by_lfs
from wheelstep.repositories.interface import Snapshot
from wheelstep.stages.run import Run

__all__ = ["Vendoring"]


@dataclass(slots=True)
class Vendoring:
    """The wheels that this run can copy."""

    run: Run
    wheels: Sequence[Wheel] = ()
    """Those that lie on this machine."""
    fetched: dict[tuple[str, str], bytes] = field(default_factory=dict)

    def changes(self, snapshot: Snapshot, edits: Edits) -> list[Change]:
        """Return the wheels that come and go with the edits.

        Raises:
            StepError: As `content`.
        """
        coming = {file.path: file for edit in edits.edits for file in edit.files}
        going = {path for edit in edits.edits for path in edit.removed} - coming.keys()
        if snapshot.head is None:
            self._warn_of_ignored(sorted(coming))
        for path in kept_by_lfs(self.run.definition_git, snapshot, sorted(coming)):
            self.run.warn(
                "lfs-file",
                f"{path} is committed as it is, and .gitattributes lets Git LFS keep such files: "
                "git shows it as changed in every clone that has git-lfs.",
                cure=f"Except it in .gitattributes: `{path} -filter -diff -merge`.",
                file=path,
            )
        there = snapshot.read_many([*coming, *going])
        return [
            *(
                Change(path, there.get(path), self.content(file))
                for path, file in sorted(coming.items())
            ),
            *(Change(path, there.get(path), None) for path in sorted(going)),
        ]

    def _warn_of_ignored(self, paths: Sequence[str]) -> None:
        """Say which files git would pass over when the user adds them."""
        for path in paths:
            if self.run.git.try_("check-ignore", "--quiet", "--", path).code == 0:
                self.run.warn(
                    "vendored-ignored",
                    f"{path} is written, and git ignores it: a commit by hand would leave it out, "
                    "and the image would not build.",
                    cure=f"Use `git add --force {path}`, or except it in .gitignore.",
                    file=path,
                )

    def content(self, file: VendoredFile) -> bytes:
        """Return a wheel: built here, or as the first destination has it.

        Raises:
            DefinitionUnresolvable: It is neither here nor there.
            Refused: What is there has another hash.
            ServiceRefused, ServiceUnavailable: The destination.
            CannotHere: Disk full, file not readable.
        """
        key = file.file, file.sha256
        if key not in self.fetched:
            data = self._local(file)
            self.fetched[key] = data if data is not None else self._published(file)
        return self.fetched[key]

    def _local(self, file: VendoredFile) -> bytes | None:
        for wheel in self.wheels:
            if wheel.path is None or (wheel.file, wheel.sha256) != (file.file, file.sha256):
                continue
            try:
                data = wheel.path.read_bytes()
            except OSError as error:
                raise CannotHere.from_os_error(error, f"reading {wheel.file}") from error
            if hashlib.sha256(data).hexdigest() == file.sha256:
                return data
        return None

    def _published(self, file: VendoredFile) -> bytes:
        first = self.run.destinations[0] if self.run.destinations else None
        listed = first.look([file.name]).get(file.name, ()) if first is not None else ()
        found = next((one for one in listed if one.file == file.file), None)
        if first is None or found is None:
            where = f"in {first.name}" if first is not None else "in any destination: none is set"
            raise DefinitionUnresolvable(
                f"{file.file} is to be copied to {file.path}, but it was not built in this run and "
                f"is not {where}.",
                code="wheel-not-at-hand",
                cure="Publish to a destination that keeps the wheels, or change the package so "
                "that it is built again.",
                file=file.path,
            )
        try:
            with tempfile.TemporaryDirectory(prefix="wheelstep-") as folder:
                place = Path(folder) / file.file
                first.fetch(found, place)
                data = place.read_bytes()
        except OSError as error:
            raise CannotHere.from_os_error(error, f"fetching {file.file}") from error
        if file.sha256 and hashlib.sha256(data).hexdigest() != file.sha256:
            raise Refused(
                f"{file.file} has other bytes in {first.name} than in the record of its release.",
                code="download-mismatch",
                cure="Find out who replaced it; release a new version.",
                file=file.path,
            )
        return data
