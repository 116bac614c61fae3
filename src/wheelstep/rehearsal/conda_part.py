"""What can be said of the conda packages of a definition without conda: pure.

Sources: conda's match specifications (docs "Package match specifications", and what conda's own
parser was seen to take and to refuse: tests/rehearsal/data/conda/specs.json); Azure Machine
Learning's own remarks on environments (how-to-troubleshoot-environments: pip not specified, pip
not pinned, missing channels, multiple Python versions).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from wheelstep.errors import DefinitionUnresolvable
from wheelstep.ground.secret import redact
from wheelstep.model import Problem
from wheelstep.rehearsal.interface import CondaHalf, Subject

__all__ = ["CondaPackage", "fault_of", "line_of_package", "package_of", "part_problems"]

NEWEST: Final = 15
"""The minor version of the newest Python 3 that this version knows of."""
LEAVES: Final = re.compile(r"\.(?:conda|tar\.bz2)(?:#\S*)?$")
NAME: Final = re.compile(r"[A-Za-z0-9_.*-]+")
HEAD: Final = re.compile(r"(?P<name>[^\s<>=!~]*)\s*(?P<rest>.*)", re.DOTALL)
MINOR: Final = re.compile(r"={0,2}\s*(\d+)\.(\d+)(?:\.(?:\d+|\*))?(?:\s*=.*|\s.*)?")
"""A version that fixes the minor one."""


@dataclass(frozen=True, slots=True)
class CondaPackage:
    """A conda requirement, as far as it is told apart here."""

    name: str
    """In lower case; "" where a file is named by URL."""
    rest: str
    """Version and build, as written; "" without."""


NOTHING: Final = CondaPackage("", "")


def package_of(text: str) -> CondaPackage:
    """Tell name from version; for a text that `fault_of` finds no fault with."""
    body = bare(text)
    if LEAVES.search(body):
        return CondaPackage("", body)
    found = HEAD.fullmatch(re.sub(r"[\[(][^\])]*[\])]", "", without_channel(body)).strip())
    return CondaPackage(found["name"].lower(), found["rest"].strip()) if found else NOTHING


def bare(text: str) -> str:
    """Return the text without a comment, which conda itself takes off."""
    return re.split(r"(?:^|\s)#", text, maxsplit=1)[0].strip()


def shown(text: str) -> str:
    """Return a requirement to be quoted: what may be a credential is blanked."""
    return redact(re.sub(r"(?<=://)[^/\s]*@", "***@", text))


def without_channel(body: str) -> str:
    """Take off `conda-forge::`, and the namespace that may stand between."""
    head, bracket, more = body.partition("[")
    return head.rpartition(":")[2] + bracket + more


def fault_of(text: str) -> str | None:
    """Return why conda cannot read a requirement, as the end of a sentence; None where it can, or
    where that is in doubt."""
    body = bare(text)
    if body.startswith("-"):
        return "it is an option, and conda takes none in a file"
    if LEAVES.search(body):
        return None
    if re.match(r"(?:\S*::)?[\w.-]+(?:\[[^\]]*\])?\s*@", body):
        return "`@` is pip's, not conda's"
    package = package_of(body)
    if not package.name:
        return "it names no package"
    if not NAME.fullmatch(package.name):
        return f"{package.name!r} is no name of a conda package"
    return fault_of_version(package.rest)


def fault_of_version(rest: str) -> str | None:
    """Look at version and build."""
    compact = re.sub(r"(?<=[<>=!~,|])\s+|\s+(?=[,|])", "", rest)
    version = compact.split(" ", maxsplit=1)[0]
    pattern = version.startswith(("^", "=^"))
    if not pattern and (found := re.search(r"[;\"'{}$]", version)):
        return f"{found[0]!r} has no meaning in a version"
    if re.search(r"^=?,|,[,|]|[,|]$|[<>=!~],", version):
        return "a comma or `|` has no version on one of its sides"
    if version in {"==", ">=", "<=", "!=", "~="} or re.match(r"=!=|<>", version):
        return f"{version!r} is no version"
    if re.match(r"[<>!~]=?\S+ [<>!~]", compact):
        return "two conditions on the version need a comma between them"
    return None


def line_of_package(half: CondaHalf, said: str) -> int | None:
    """Return the line of the first conda package that a text speaks of; None for none."""
    best: tuple[int, int] | None = None
    for text, line in half.packages:
        name = package_of(text).name
        found = re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", said) if name else None
        if found and (best is None or found.start() < best[0]):
            best = (found.start(), line)
    return best[1] if best else None


def part_problems(subject: Subject) -> tuple[Problem, ...]:
    """Return what is wrong with the conda half of a definition, or worth knowing about it.

    That no Python is named is not said here: the pip half says for which one it was resolved.
    """
    half = subject.conda
    return () if half is None else tuple(problems_of(subject.path, subject.line, half))


def problems_of(path: str, section: int, half: CondaHalf) -> Iterator[Problem]:
    """Yield them in the order of the file, what concerns all of it last."""
    pythons: dict[tuple[str, str], int] = {}
    pips: list[tuple[CondaPackage, int]] = []
    for text, line in half.packages:
        if why := fault_of(text):
            yield Problem(
                "conda-package-unreadable",
                "error",
                DefinitionUnresolvable.exit_code,
                f"conda cannot read the requirement `{shown(text)}`: {why}.",
                "Write it as conda has it, for instance `numpy>=1.26,<2`; what pip shall install "
                "belongs into the `pip:` list.",
                path,
                line,
            )
            continue
        package = package_of(text)
        if package.name == "pip":
            pips.append((package, line))
        found = MINOR.fullmatch(package.rest) if package.name == "python" else None
        if found is None:
            continue
        minor = (found[1], found[2])
        if pythons and minor not in pythons:
            (one, two), first = next(iter(pythons.items()))
            yield Problem(
                "python-twice",
                "error",
                DefinitionUnresolvable.exit_code,
                f"Two versions of Python are named, {one}.{two} on line {first} and "
                f"{minor[0]}.{minor[1]} on line {line}: no image has both.",
                "Remove one of the lines.",
                path,
                line,
            )
        pythons.setdefault(minor, line)
        if not released(*minor):
            yield Problem(
                "python-unknown",
                "warning",
                0,
                f"Python {minor[0]}.{minor[1]} is no release of Python that is known here; the "
                f"newest is 3.{NEWEST}.",
                "Check the version; if it is newer than this tool, nothing is wrong.",
                path,
                line,
            )
    if not pips:
        yield Problem(
            "pip-not-named",
            "warning",
            0,
            f"{path} has a pip section, but pip is not among its conda packages: conda warns, and "
            "installs whichever it finds.",
            "Add pip to the conda packages, at a version: `- pip=24.0`.",
            path,
            section,
        )
    elif not any(re.match(r"={1,2}\s*\d|\d", pip.rest) for pip, _ in pips):
        yield Problem(
            "pip-not-pinned",
            "notice",
            0,
            "No version of pip is named: a later build may take one that reads the pip section "
            "otherwise.",
            "Name one: `- pip=24.0`.",
            path,
            pips[0][1],
        )
    if not half.channels:
        yield Problem(
            "channels-missing",
            "warning",
            0,
            f"{path} names no channels: which packages conda finds depends on how the image's "
            "conda is configured.",
            "Name them, for instance `channels: [conda-forge]`.",
            path,
            half.packages[0][1] if half.packages else section,
        )


def released(major: str, minor: str) -> bool:
    """Tell whether there is such a Python, as far as is known here."""
    match int(major):
        case 2:
            return int(minor) <= 7  # noqa: PLR2004 - the last Python 2
        case 3:
            return int(minor) <= NEWEST
        case _:
            return False
