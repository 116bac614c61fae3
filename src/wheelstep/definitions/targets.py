"""What a requirement shall say, in each style."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from wheelstep.definitions.interface import Wanted
from wheelstep.definitions.repinning import Target
from wheelstep.errors import DefinitionUnresolvable
from wheelstep.model import Pin

__all__ = ["target_of"]

_UNKNOWN: Final = "known-after-build"


def _vendor_target(
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
            raise _none_fits(path, line, pin, sorted(digest), python)
    else:
        file = f"{pin.name.replace('-', '_')}-{pin.version}-py3-none-any.whl"
        unknown.append(f"the wheel of {pin.name} {pin.version}")
    url = wanted.vendor(pin.name, file, line)
    hashes = (digest.get(file) or _UNKNOWN,)
    return Target(pin.name, pin.version, wanted.style, url, hashes[0], hashes), unknown


def _no_source(path: str, line: int, pin: Pin) -> DefinitionUnresolvable:
    """Say that nothing is known to pin by git."""
    return DefinitionUnresolvable(
        f"{pin.name} {pin.version} cannot be pinned by git: it is not known from which commit it "
        "was released.",
        code="git-source-unknown",
        cure="Release it with this version of wheelstep, or use another `pin`.",
        file=path,
        line=line,
    )


def _none_fits(
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


def target_of(
    path: str, at: int, pin: Pin, wanted: Wanted, python: str | None, *, hashed: bool
) -> tuple[Target, list[str]]:
    """Return what a line of a section shall say, and what of it is not known yet.

    Args:
        path: For errors.
        at: The line in the file, for errors.
        pin: The package.
        wanted: How to write it.
        python: The image's Python, for the choice of a wheel.
        hashed: Whether the line has `--hash` options.

    Raises:
        DefinitionUnresolvable: No wheel fits.
    """
    unknown = []
    hashes = tuple(wheel.sha256 for wheel in pin.wheels)
    if hashed and not hashes:
        hashes = (_UNKNOWN,)
        unknown.append(f"the hashes of {pin.name} {pin.version}")
    if wanted.style == "version":
        return Target(pin.name, pin.version, wanted.style, hashes=hashes), unknown
    if wanted.style == "git":
        if pin.source is None:
            raise _no_source(path, at, pin)
        url = f"git+{pin.source}"
        return Target(pin.name, pin.version, wanted.style, url, hashes=hashes), unknown
    if wanted.style == "vendor":
        return _vendor_target(path, at, pin, wanted, python)
    urls = dict(pin.urls)
    digest = {wheel.file: wheel.sha256 for wheel in pin.wheels}
    if urls:
        file = wanted.choose(sorted(urls), python)
        if file is None:
            raise _none_fits(path, at, pin, sorted(urls), python)
        url, sha256 = urls[file], digest.get(file, "")
    else:
        # a host that cannot exist (RFC 2606), should it ever be asked
        base = pin.name.replace("-", "_")
        url = f"https://{_UNKNOWN}.invalid/{base}-{pin.version}-py3-none-any.whl"
        sha256 = ""
        unknown.append(f"the URL of {pin.name} {pin.version}")
    if wanted.style == "url" and not sha256:
        sha256 = _UNKNOWN
        unknown.append(f"the hash of {pin.name} {pin.version}")
    places = tuple(one.partition("#")[0] for one in urls.values())
    return (
        Target(pin.name, pin.version, wanted.style, url, sha256, hashes, places),
        unknown,
    )
