"""What released wheels require, where no record says it: read from the published files."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from wheelstep.destinations.interface import Destination
from wheelstep.errors import StepError
from wheelstep.model import Listed, Pin
from wheelstep.stages.run import Run

__all__ = ["with_requires"]


def with_requires(run: Run, pins: Sequence[Pin], look: Collection[str] = ()) -> list[Pin]:
    """Return the pins with what they require, as far as it is known in this run.

    Args:
        run: The run, which remembers what was read.
        pins: The pins.
        look: Normalised names of those whose wheels shall be read. What cannot be read is said, and
            stops nothing.
    """
    for pin in pins:
        if pin.name in look and (pin.name, pin.version) not in run.requires:
            read = _read(run, pin)
            if read is not None:
                run.requires[pin.name, pin.version] = read
    return [
        replace(pin, requires=run.requires.get((pin.name, pin.version)))
        if pin.requires is None
        else pin
        for pin in pins
    ]


def _read(run: Run, pin: Pin) -> tuple[str, ...] | None:
    if not pin.wheels:
        _say(run, pin, "that is known after build")
        return None
    why = "no destination has its wheels"
    for destination in run.destinations:
        try:
            found = _read_at(destination, pin)
        except StepError as error:
            why = error.message
            continue
        if found is not None:
            return found
    _say(run, pin, why)
    return None


def _say(run: Run, pin: Pin, why: str) -> None:
    why = why if why.endswith(".") else f"{why}."
    run.warn(
        "closure-not-looked-at",
        f"Whether {pin.name} {pin.version} needs other packages of this repository was not looked "
        f"at: {why}",
        cure="Nothing, where it needs none. Otherwise name them in the definition.",
        severity="notice",
    )


def _read_at(destination: Destination, pin: Pin) -> tuple[str, ...] | None:
    """Return what the wheels at a destination require, None where it has none of them.

    Raises:
        StepError: They cannot be read.
    """
    # here, so that a run that reads no wheel does not load what reads them
    from wheelstep.packages.inspect import requirements_of
    from wheelstep.stages.work import work_folder

    sums = {wheel.sha256 for wheel in pin.wheels if wheel.sha256}
    files = [
        one
        for one in destination.look([pin.name]).get(pin.name, ())
        if _is_of(one, pin) and (one.sha256 is None or not sums or one.sha256 in sums)
    ]
    if not files:
        return None
    found: set[str] = set()
    with work_folder() as folder:
        for one in files:
            target = folder / one.file
            destination.fetch(one, target)
            found |= set(requirements_of(target))
            target.unlink()
    return tuple(sorted(found))


def _is_of(listed: Listed, pin: Pin) -> bool:
    try:
        name, version, *_ = parse_wheel_filename(listed.file)
    except InvalidWheelFilename:
        return False
    return name == pin.name and str(version) == pin.version
