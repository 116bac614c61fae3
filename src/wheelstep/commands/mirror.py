"""`wheelstep mirror`: the upkeep of a blob mirror."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from packaging.version import InvalidVersion, Version

from wheelstep.commands.released import Named, named_versions
from wheelstep.destinations.blob_mirror import BlobMirror
from wheelstep.destinations.mirror_upkeep import Done, delete, repair, yank
from wheelstep.errors import Refused, SettingError, StepError, raise_all
from wheelstep.lock import FILE
from wheelstep.report import MirroredRow
from wheelstep.stages.definitions import find_definitions
from wheelstep.stages.run import Run

__all__ = ["Asked", "mirror"]


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line asks for."""

    repair: bool = False
    yanked: Sequence[str] = ()
    """`NAME==VERSION`, as the others."""
    unyanked: Sequence[str] = ()
    deleted: Sequence[str] = ()
    reason: str | None = None


def mirror(run: Run, asked: Asked) -> None:
    """Repair, yank, unyank, delete: in every mirror that the settings name.

    Args:
        run: The run.
        asked: What is to be done.

    Raises:
        SettingError: Nothing is asked for; there is no mirror, or not this version in it.
        Refused: A version that is to be deleted is still named.
        StepError: As the store has it.
    """
    yanked, unyanked, deleted = (
        named_versions(texts) for texts in (asked.yanked, asked.unyanked, asked.deleted)
    )
    if not (asked.repair or yanked or unyanked or deleted):
        raise SettingError(
            "Filling a mirror with public packages is not there yet; nothing else was asked for.",
            code="bad-setting",
            cure="`wheelstep mirror --repair`, `--yank NAME==VERSION`, `--unyank NAME==VERSION` or "
            "`--delete NAME==VERSION`.",
        )
    if asked.reason and not yanked:
        raise SettingError(
            "--reason says why a version is yanked, and none is.",
            code="bad-setting",
            cure="Write `wheelstep mirror --yank NAME==VERSION --reason TEXT`.",
        )
    mirrors = _mirrors(run)
    with run.stage("check"):
        raise_all(list(_still_named(run, deleted)))
    if run.planning:
        run.report.status = "planned"
        return
    with run.stage("mirror"):
        for one in mirrors:
            for name, version in yanked:
                _note(run, one, yank(one, name, version, asked.reason), (name, version))
            for name, version in unyanked:
                _note(run, one, yank(one, name, version, None, back=True), (name, version))
            for name, version in deleted:
                _note(run, one, delete(one, name, version), (name, version))
            if asked.repair:
                _note(run, one, repair(one, run.transfers))
    run.report.status = "done" if asked.repair or run.report.changed else "nothing-to-do"


def _mirrors(run: Run) -> list[BlobMirror]:
    found = [one for one in run.destinations if isinstance(one, BlobMirror)]
    if not found:
        others = ", ".join(f"the {one.kind} {one.name}" for one in run.destinations) or "nothing"
        raise SettingError(
            f"No blob mirror is among the destinations ({others}): other destinations keep their "
            "pages themselves.",
            code="no-destination",
            cure="Name it: publish-to = https://ACCOUNT.blob.core.windows.net/CONTAINER.",
        )
    return found


def _note(run: Run, one: BlobMirror, done: Sequence[Done], named: Named | None = None) -> None:
    if named is not None and not done:
        name, version = named
        raise SettingError(
            f"{one.name} has no wheel of {name} {version}.",
            code="version-not-there",
            cure="Check the name and the version; `wheelstep mirror --repair` lists what is there.",
        )
    for wheel in done:
        run.report.mirrored.append(MirroredRow(wheel.file, wheel.sha256, wheel.status))
        if named is not None or wheel.status == "deleted":
            run.host.say(f"{wheel.file} {wheel.status} in {one.name}")
    if named is None:
        listed = sum(wheel.status == "listed" for wheel in done)
        run.host.say(f"{one.name}: {listed} wheels listed, as they lie there")


def _still_named(run: Run, versions: Sequence[Named]) -> Iterator[StepError]:
    """Yield where versions that are to be deleted are still named."""
    if not versions:
        return
    wanted = dict.fromkeys(versions)
    for name, version in wanted:
        locked = run.lock.packages.get(name)
        if locked is not None and _is(locked.version, version):
            yield _refused(name, version, FILE, None)
    snapshot = run.snapshot
    for kind in find_definitions(run, snapshot, sorted({name for name, _ in wanted})).kinds:
        data = snapshot.read(kind.path)
        if data is None:
            continue
        for one in kind.form.read(kind.path, data).requirements:
            for name, version in wanted:
                if one.name == name and _is(one.pinned, version):
                    yield _refused(name, version, kind.path, one.line)


def _is(pinned: str | None, version: Version) -> bool:
    try:
        return bool(pinned) and Version(pinned or "") == version
    except InvalidVersion:
        return False


def _refused(name: str, version: Version, file: str, line: int | None) -> Refused:
    return Refused(
        f"{file} still names {name} {version}: what it describes could not be built any more.",
        code="version-in-use",
        cure="Pin another version first (`wheelstep pin`), and release it; or yank this one: it "
        "stays for those who pin it, and nobody else takes it.",
        file=file,
        line=line,
    )
