"""What a requirement shall say in the styles that are no index's: a file beside it, a commit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from wheelstep.definitions.interface import Wanted
from wheelstep.definitions.requirement import Target
from wheelstep.errors import DefinitionUnresolvable
from wheelstep.model import Pin

__all__ = ["UNKNOWN", "no_source", "none_fits", "vendor_target"]

UNKNOWN: Final = "known-after-build"


def vendor_target(
    path: str, line: int, pin: Pin, wanted: Wanted, python: str | None
) -> tuple[Target, list[str]]:
    """Return a requirement of the wheel's own file."""
    if wanted.vendor is None:
        raise ValueError(f"{path} is in no build context: it should not have been asked")
    digest = {wheel.file: wheel.sha256 for wheel in pin.wheels}
    unknown = []
    if digest:
        file = wanted.choose(sorted(digest), python)
        if file is None:
            raise none_fits(path, line, pin, sorted(digest), python)
    else:
        file = f"{pin.name.replace('-', '_')}-{pin.version}-py3-none-any.whl"
        unknown.append(f"the wheel of {pin.name} {pin.version}")
    url = wanted.vendor(pin.name, file, line)
    hashes = (digest.get(file) or UNKNOWN,)
    return Target(pin.name, pin.version, wanted.style, url, hashes[0], hashes), unknown


def no_source(path: str, line: int, pin: Pin) -> DefinitionUnresolvable:
    """Say that nothing is known to pin by git."""
    return DefinitionUnresolvable(
        f"{pin.name} {pin.version} cannot be pinned by git: it is not known from which commit it "
        "was released.",
        code="git-source-unknown",
        cure="Release it with this version of wheelstep, or use another `pin`.",
        file=path,
        line=line,
    )


def none_fits(
    path: str, line: int, pin: Pin, files: Sequence[str], python: str | None
) -> DefinitionUnresolvable:
    """Say that no wheel is right for an image."""
    listed = ", ".join(files)
    if python is None:
        return DefinitionUnresolvable(
            "This definition does not say exactly which Python the image has, and none of the "
            f"wheels of {pin.name} {pin.version} fits every Python: {listed}.",
            code="no-wheel-fits",
            cure="Name the Python in the definition (`python=3.10` among the conda dependencies), "
            "or pin by version.",
            file=path,
            line=line,
        )
    return DefinitionUnresolvable(
        f"No wheel of {pin.name} {pin.version} fits Python {python} on the image's platform: "
        f"{listed}.",
        code="no-wheel-fits",
        cure="Build a wheel for it, or check the option `platform`.",
        file=path,
        line=line,
    )
