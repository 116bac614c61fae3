"""How conda is asked to solve, and what its answer means: pure but for looking for the program.

conda, mamba and micromamba share the options used here. conda's answers were recorded from a real
one (tests/rehearsal/data/conda); micromamba's form is that of libmamba's source
(`solver_problems`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from wheelstep.errors import (
    CannotHere,
    DefinitionUnresolvable,
    ServiceRefused,
    ServiceUnavailable,
    StepError,
)
from wheelstep.ground.process import Finished, found_on
from wheelstep.ground.secret import redact, without_credentials
from wheelstep.rehearsal.conda_part import package_of
from wheelstep.rehearsal.interface import CondaHalf, Resolved

__all__ = [
    "Program",
    "Target",
    "channels_of",
    "command_of",
    "failure_of",
    "find_program",
    "holds_credential",
    "holds_variable",
    "overrides",
    "python_in",
    "solution_of",
    "specs_of",
    "target_of",
]

NAMES: Final = ("micromamba", "conda", "mamba")
"""In this order: micromamba starts fastest, and of a mamba beside a conda the latter knows all
that is asked here, whichever of its two generations the mamba is."""
TOKEN_PATH: Final = re.compile(r"/t/[^/\s]+")
TOKEN: Final = re.compile(r"://[^/\s]*@|/t/[^/\s]+")
SYSTEMS: Final = {
    ("x86_64", "linux"): "linux-64",
    ("aarch64", "linux"): "linux-aarch64",
    ("x86_64", "windows"): "win-64",
    ("x86_64", "macos"): "osx-64",
    ("aarch64", "macos"): "osx-arm64",
}
PROSE: Final = re.compile(
    r"^(?:Output in format:|Elapsed:|You will need to modify|You will need to adjust|Use `conda"
    r"|and use `conda|Further configuration|To search for alternate|looking for, navigate"
    r"|and use the search|https?://\S+$|As of conda|`?noarch/repodata|empty\. Use"
    r"|try your request|An HTTP error occurred|HTTP errors are often|critical libmamba"
    r"|A 500-type error|fulfill a valid request|of the remote server"
    r"|The channel is not accessible|warning\s+libmamba)"
)


@dataclass(frozen=True, slots=True)
class Program:
    """What solves here."""

    name: Literal["micromamba", "conda", "mamba"]
    path: str


@dataclass(frozen=True, slots=True)
class Target:
    """The image, in conda's words."""

    subdir: str
    """"linux-64"."""
    glibc: str | None
    """"2.28"; None where there is none."""


def find_program(environment: Mapping[str, str]) -> Program | None:
    """Return what can solve on this machine.

    Args:
        environment: This process's: PATH, and CONDA_EXE and MAMBA_EXE, which conda's and mamba's
            own shell functions set.
    """
    path = environment.get("PATH", "")
    for name in NAMES:
        for suffix in ("", ".exe", ".bat"):
            if place := found_on(path, name + suffix):
                return Program(name, place)
        for variable in ("MAMBA_EXE", "CONDA_EXE"):
            place = environment.get(variable, "")
            if Path(place).stem == name and Path(place).is_absolute() and Path(place).is_file():
                return Program(name, place)
    return None


def target_of(platform: str) -> Target | None:
    """Return what conda calls a platform as the option `platform` has it; None where it has no
    name for it."""
    found = re.fullmatch(r"(x86_64|aarch64)-manylinux_(\d+)_(\d+)", platform)
    if found:
        return Target(SYSTEMS[found[1], "linux"], f"{found[2]}.{found[3]}")
    if found := re.fullmatch(r"(x86_64|aarch64)-(manylinux2014|unknown-linux-gnu)", platform):
        return Target(SYSTEMS[found[1], "linux"], "2.17" if found[2] == "manylinux2014" else "2.28")
    if platform == "linux":
        return Target("linux-64", "2.28")
    machine = "aarch64" if platform.startswith(("aarch64", "macos")) else "x86_64"
    for system, word in (("windows", "windows"), ("macos", "macos"), ("macos", "apple")):
        if word in platform and (machine, system) in SYSTEMS:
            return Target(SYSTEMS[machine, system], None)
    return None


def specs_of(half: CondaHalf) -> list[str]:
    """Return what conda is asked for: comments are taken off, and pip is added where there is none,
    as conda does for a definition with a pip section."""
    texts = [re.split(r"(?:^|\s)#", text, maxsplit=1)[0].strip() for text, _ in half.packages]
    named = {package_of(text).name for text in texts}
    return [*texts, *(() if "pip" in named else ("pip",))]


def channels_of(half: CondaHalf) -> list[str]:
    """Return where conda looks: `nodefaults` is no channel, and without any it is `defaults`."""
    return [name for name in half.channels or () if name != "nodefaults"] or ["defaults"]


def holds_credential(half: CondaHalf) -> bool:
    """Tell whether a channel or a requirement carries a token: it would stand in an argument."""
    texts = [*(half.channels or ()), *(text for text, _ in half.packages)]
    return any(TOKEN.search(text) or redact(text) != text for text in texts)


def holds_variable(half: CondaHalf) -> bool:
    """Tell whether a channel has a variable of the environment in it: a program that puts its value
    in, as conda does in its configuration, would send what this machine's variables hold to
    whatever host a definition names."""
    return any(re.search(r"\$[\w{]|%\w+%", name) for name in half.channels or ())


def command_of(program: Program, half: CondaHalf, target: Target) -> list[str]:
    """Return program and arguments of a solve that changes nothing.

    The requirements follow `--`, and each channel is one word with its option, so that none of them
    is an option itself; only the channels that the definition names are searched, whatever the user
    of this machine has configured.
    """
    channels = [f"--channel={name}" for name in channels_of(half)]
    platform = [] if program.name == "conda" else ["--platform", target.subdir]
    return [
        *(program.path, "create", "--dry-run", "--json", "--yes"),
        *("--name", "wheelstep-rehearsal", "--override-channels", *channels, *platform),
        *("--", *specs_of(half)),
    ]


def overrides(target: Target, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that put the image in the place of this machine: an image is built where
    no GPU is, unless the environment says otherwise."""
    found = {"CONDA_SUBDIR": target.subdir}
    if target.glibc:
        found["CONDA_OVERRIDE_GLIBC"] = target.glibc
    if "CONDA_OVERRIDE_CUDA" not in environment:
        found["CONDA_OVERRIDE_CUDA"] = ""
    return found


def document_of(text: str) -> dict[str, Any]:
    """Return the JSON objects in a text, joined: some versions write several, or words between."""
    found: dict[str, Any] = {}
    decoder, at = json.JSONDecoder(), 0
    while (at := text.find("{", at)) >= 0:
        try:
            value, at = decoder.raw_decode(text, at)
        except ValueError:
            at += 1
            continue
        found |= value
    return found


def solution_of(finished: Finished) -> tuple[Resolved, ...] | None:
    """Return the packages that were chosen, sorted by name; None where this is no solution."""
    said = document_of(finished.out.decode("utf-8", "replace"))
    actions = said.get("actions")
    if finished.code != 0 or not said.get("success") or not isinstance(actions, dict):
        return None
    # what lies in the cache already is linked only; what has to be fetched is described better
    fetched = {str(row.get("name")): row for row in actions.get("FETCH") or ()}
    linked = {str(row.get("name")): row for row in actions.get("LINK") or ()}
    found = []
    for name in sorted(fetched | linked):
        row = linked.get(name, {}) | fetched.get(name, {})
        channel = str(linked.get(name, {}).get("base_url") or row.get("channel") or "")
        found.append(
            Resolved(
                name,
                str(row.get("version") or ""),
                str(row["sha256"]) if row.get("sha256") else None,
                without_credentials(TOKEN_PATH.sub("/t/***", channel)) if channel else None,
            )
        )
    return tuple(found)


def python_in(packages: Sequence[Resolved]) -> str | None:
    """Return the version of the Python that was chosen, "3.10.4"; None where there is none."""
    return next((one.version for one in packages if one.name == "python"), None)


def failure_of(finished: Finished, program: Program) -> StepError:
    """Return what a solve that failed means.

    Returns:
        7 where no set of packages fits, 5 for a channel that refuses or is not there, 6 for one
        that does not answer, 8 where the program itself failed.
    """
    said = document_of(finished.out.decode("utf-8", "replace"))
    problems = said.get("solver_problems")
    text = "\n".join(map(str, problems)) if isinstance(problems, list) else ""
    text = text or str(said.get("message") or said.get("error") or "") or finished.error_text
    kind = str(said.get("exception_name") or "")
    why = cleaned(text) or f"{program.name} ended with code {finished.code}."
    if re.search(r"No space left on device|Disk quota exceeded", text):
        return CannotHere(
            f"The disk is full: {program.name} failed. {why}",
            code="disk-full",
            cure=f"Free some disk space; `{program.name} clean --all` clears what it keeps.",
        )
    if problems or re.search(r"Unsatisfiable|NotFound|InvalidMatchSpec|InvalidVersionSpec", kind):
        return unsatisfiable(why)
    status = re.search(r"\b(?:HTTP|status|code:?|returned error:?)\s*(\d{3})\b", text)
    number = int(str(said.get("status_code") or (status[1] if status else "0")))
    if kind == "UnavailableInvalidChannel" or number in {401, 403, 404, 407, 410}:
        return ServiceRefused(
            f"A conda channel cannot be read. {why}",
            code="channel-refused",
            cure="Check its name in the definition, and whether this machine may read it.",
        )
    if kind.endswith("HTTPError") or re.search(
        r"HTTP|Download error|[Cc]ould not (?:resolve|connect)|timed? ?out|Timeout|SSL|[Pp]roxy"
        r"|Connection", text
    ):  # fmt: skip
        return ServiceUnavailable(
            f"A conda channel did not answer. {why}",
            code="channel-unavailable",
            cure="Run it again. If it stays so, check the network, proxy and certificates.",
        )
    if re.search(r"nothing provides|Could not solve|InvalidMatchSpec|does not exist", text):
        return unsatisfiable(why)
    return CannotHere(
        f"{program.name} failed on this machine. {why}",
        code="conda-failed",
        cure=f"Run `{program.name} create --dry-run` with the definition to see more.",
    )


def unsatisfiable(why: str) -> DefinitionUnresolvable:
    """Return the error for a half that no set of packages meets."""
    return DefinitionUnresolvable(
        f"The conda packages cannot be installed together. {why}",
        code="conda-unsatisfiable",
        cure="Change the conda packages named above so that one version fits them all, or add the "
        "channel that has them.",
    )


def cleaned(text: str) -> str:
    """Return what the solver said as prose of one line, without advice that only a person at its
    own command line could follow, and without what may be a credential."""
    lines = []
    body = text.replace("\x1b", "").splitlines()
    if "Traceback (" in text:  # an exception that nobody caught: one line says what it is
        named = [line for line in body if re.match(r"[\w.]+(?:Error|Spec|Exception): \S", line)]
        body = [line for line in named if "Invalid" in line][:1] or named[-1:] or body[-1:]
    for line in body:
        item = re.match("[\\s\u2500-\u257f]*- ", line) or " -> " in line
        bare = re.sub("^[\\s\u2500-\u257f]*(?:- )?", "", line).strip()
        if bare and not PROSE.match(bare):
            lines.append(f"{bare};" if item and not bare.endswith(";") else bare)
    said = " ".join(lines)
    said = re.sub(r"(?<=\S)The following|;The following|; The following", ". The following", said)
    said = said.replace("incompatible with your system", "incompatible with the image")
    said = re.sub(r"feature:/\S+::__glibc==([\d.]+)=[^\s;]+", r"the image has glibc \1", said)
    said = re.sub(r"(https?://)[^\s/@]+@", r"\1", redact(said))
    said = re.sub(r"(?<=\s)'https?//\S*", "", TOKEN_PATH.sub("/t/***", said))
    said = re.sub(r"\s*Your installed version is: [\d.]+", "", " ".join(said.split())).rstrip("; ")
    return said if not said or said.endswith((".", "!", "?")) else f"{said}."
