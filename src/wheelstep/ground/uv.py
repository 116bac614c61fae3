"""The one adapter to uv: how it is called, and what its words mean."""

from __future__ import annotations

import contextlib
import difflib
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from wheelstep.errors import (
    CannotHere,
    DefinitionUnresolvable,
    ServiceRefused,
    ServiceUnavailable,
    SettingError,
    StepError,
)
from wheelstep.ground.process import Finished, run
from wheelstep.ground.secret import blanked

__all__ = [
    "Solved",
    "SolvedFile",
    "check_platform",
    "compile_requirements",
    "default_index",
    "platforms",
    "run_uv",
    "uv_binary",
    "uv_error",
    "working_folder",
]

DISK_FULL = re.compile(r"No space left on device|os error 28\b|os error 112\b|Disk quota exceeded")
MACHINE = re.compile(
    r"Failed to initialize cache|failed to create directory|Permission denied|Read-only file system"
    r"|No interpreter found|Failed to inspect Python interpreter|No virtual environment found"
)
# by number: a server's own words for a status vary
UNAUTHORIZED = re.compile(
    r"client error \(4(?!04|08|10|29)\d\d|401 Unauthorized|403 Forbidden"
    r"|authentication credentials|Missing credentials"
)
NOT_FOUND = re.compile(r"client error \(4(?:04|10)\b")
NO_ANSWER = re.compile(
    r"error sending request|Failed to fetch|Request failed after|timed out|timeout|dns error"
    r"|Connection refused|connection closed|HTTP status server error|client error \(4(?:08|29)\b"
    r"|error decoding response body|network connectivity is disabled"
)
URL = re.compile(r"\bhttps?://[^\s`'\"()<>]+")


@dataclass(frozen=True, slots=True)
class SolvedFile:
    """A file that uv could take for a package."""

    name: str
    """The file's name."""
    sha256: str | None
    place: str = ""
    """URL or path, as uv says it."""


@dataclass(frozen=True, slots=True)
class Solved:
    """A package in a resolution."""

    name: str
    """Normalised as PEP 503 has it."""
    version: str | None
    """None for a source tree whose version is not static."""
    files: tuple[SolvedFile, ...]
    """The wheels that the chosen index (or the requirement's URL) offers for this version."""
    index: str | None = None
    """The index it comes from; None for a requirement by URL, and where uv does not say."""
    direct: bool = False
    """Whether a requirement named it by URL, so that it comes from no index."""


@contextlib.contextmanager
def working_folder(doing: str) -> Iterator[Path]:
    """Make an empty folder to run uv in, where no project's settings are found; it is removed.

    Args:
        doing: What it is for, e.g. "rehearsing".

    Raises:
        CannotHere: Disk full, no temporary folder.
    """
    try:
        made = tempfile.TemporaryDirectory(prefix="wheelstep-", ignore_cleanup_errors=True)
    except OSError as error:
        raise CannotHere.from_os_error(error, doing) from error
    with made as folder:
        yield Path(folder).resolve()


def uv_binary() -> Path:
    """Return the uv that came with this package.

    Raises:
        CannotHere: It is not there.
    """
    import uv

    try:
        return Path(uv.find_uv_bin())
    except FileNotFoundError as error:
        raise CannotHere(
            "uv, which resolves and installs packages, is not beside this Python.",
            code="program-missing",
            cure="Install wheelstep again, with its dependencies: `pip install --force-reinstall "
            "uv`.",
        ) from error


def run_uv(
    arguments: Sequence[str | Path],
    *,
    environment: Mapping[str, str],
    cwd: Path | None = None,
    stdin: bytes | None = None,
    timeout: float | None = None,
) -> Finished:
    """Run uv to its end; its exit code is the caller's to judge (see `uv_error`).

    Args:
        arguments: Never a secret among them: credentials go by `environment`.
        environment: The whole one, from `public_index.uv_environment`.
        cwd: Where to run; a folder without a project file keeps projects' settings out.
        stdin: What it reads.
        timeout: Seconds; None waits.

    Raises:
        CannotHere: uv is not there or does not start.
        ServiceUnavailable: It took longer than `timeout`.
    """
    try:
        return run(
            [uv_binary(), *arguments],
            environment=environment,
            cwd=cwd,
            stdin=stdin,
            timeout=timeout,
        )
    except subprocess.TimeoutExpired as error:
        raise ServiceUnavailable(
            f"`uv {' '.join(map(str, arguments[:2]))}` was not done after {timeout:.0f} s.",
            code="uv-timeout",
            cure="Run it again; if it stays so, an index answers too slowly: `wheelstep doctor`.",
        ) from error


def explanation(text: str) -> str:
    """Return uv's standard error as prose: no markers, no warnings, no way out that only a person
    at uv's own command line has."""
    lines: list[str] = []
    for line in blanked(text).splitlines():
        if line.strip().startswith(
            (
                *("warning:", "Resolved ", "Updating ", "Using Python "),
                *("hint: Wheels are required", "hint: The `--python-version` value"),
            )
        ):
            continue
        cleaned = re.sub(
            "^\\s*(error:|cause:|hint:|Caused by:|[\u00d7\u2500-\u257f\u25b6]+)?\\s*", "", line
        )
        if cleaned:
            ended = cleaned if cleaned.endswith((".", ":", "`", ")", ",")) else f"{cleaned}:"
            lines.append(ended if line.startswith("error:") else cleaned)
    # a URL's user and query may be credentials that nobody registered
    bare = re.sub(r"(https?://)[^\s/@]+@", r"\1", " ".join(lines))
    return re.sub(r"(https?://[^\s`'\"()<>?]+)\?[^\s`'\"()<>]*", r"\1", bare).rstrip(":")


def uv_error(finished: Finished, doing: str, *, hide: Mapping[str, str] | None = None) -> StepError:
    """Tell what a failed uv means, as an error of the right exit code.

    Args:
        finished: A uv that ended with another code than 0.
        doing: What it was to do: "resolving acme==1.0".
        hide: Texts to replace in what uv says: temporary paths and what they stand for.

    Returns:
        8 for a full disk or this machine's own faults, 5 for a refused credential, 6 where
        something did not answer, else 7.
    """
    said = " ".join(finished.error_text.split())  # older ones wrap their lines
    why = explanation(finished.error_text) or f"uv ended with code {finished.code}"
    for text, shown in (hide or {}).items():
        why = why.replace(text, shown)
    why = why if why.endswith(".") else f"{why}."
    # not urlsplit: what a definition names may be no URL
    hosts = {re.split(r"[/?#]", url)[2].rpartition("@")[2] for url in URL.findall(said)}
    where = ", ".join(sorted(hosts)) or "the index"
    if DISK_FULL.search(said):
        return CannotHere(
            f"The disk is full: {doing} failed. {why}",
            code="disk-full",
            cure="Free some disk space; `uv cache prune` clears what uv keeps, and UV_CACHE_DIR "
            "puts it elsewhere.",
        )
    if MACHINE.search(said) or finished.code < 0:
        return CannotHere(
            f"{doing[:1].upper()}{doing[1:]} failed on this machine. {why}",
            code="machine",
            cure="Check that this user may write to uv's cache (UV_CACHE_DIR puts it elsewhere).",
        )
    if UNAUTHORIZED.search(said):
        return ServiceRefused(
            f"{where} refused the credentials while {doing}. {why}",
            code="index-unauthorized",
            cure="Check that the token has not expired and may read there (Packaging: Read), and "
            "that the URL is right.",
        )
    if NO_ANSWER.search(said) and not NOT_FOUND.search(said):
        return ServiceUnavailable(
            f"{where} could not be read while {doing}. {why}",
            code="index-unavailable",
            cure="Run it again. If it stays so, check the network, proxy and certificates.",
        )
    return DefinitionUnresolvable(
        why,
        code="unresolvable",
        cure="Change the requirements named above so that one version fits them all.",
    )


def platforms(environment: Mapping[str, str]) -> frozenset[str]:
    """Return every platform that this uv can resolve for; empty where it does not say.

    Args:
        environment: As `run_uv` takes it.
    """
    # an empty value is refused with the list of all, before anything else is looked at
    asked = run_uv(["pip", "compile", "--python-platform=", "-"], environment=environment)
    listed = re.search(r"\[possible values: ([^\]]+)\]", asked.error_text)
    return frozenset(re.split(r"[,\s]+", listed[1].strip())) if listed else frozenset()


def default_index(environment: Mapping[str, str]) -> str | None:
    """Return the index that pip and uv have where none is configured; None where uv does not say.

    Args:
        environment: As `run_uv` takes it.
    """
    asked = run_uv(["pip", "compile", "--help"], environment=environment)
    said = " ".join(asked.out.decode("utf-8", "replace").split())
    found = re.search(r"--default-index <[^>]*> The default [^<]*<(https://[^>\s]+)>", said)
    return found[1] if found else None


def check_platform(platform: str, environment: Mapping[str, str]) -> None:
    """Refuse a platform that uv cannot resolve for.

    Args:
        platform: E.g. "x86_64-manylinux_2_28".
        environment: As `run_uv` takes it.

    Raises:
        SettingError: With the nearest names that are right.
    """
    known = platforms(environment)
    if known and platform not in known:
        near = difflib.get_close_matches(platform, sorted(known), n=3, cutoff=0.4)
        raise SettingError(
            f"`platform` is {platform!r}, which is no platform that packages are resolved for.",
            code="unknown-platform",
            cure=f"Did you mean {' or '.join(map(repr, near))}?"
            if near
            else f"Choose one of: {', '.join(sorted(known))}.",
        )


def compile_requirements(
    lines: Iterable[str],
    *,
    python_version: str,
    platform: str,
    environment: Mapping[str, str],
    folder: Path,
    constraints: Iterable[str] = (),
    overrides: Iterable[str] = (),
    fresh: Collection[str] = (),
    options: Sequence[str] = (),
    timeout: float | None = None,
) -> Finished:
    """Resolve requirements, without building anything and without downloading any Python.

    Args:
        lines: Requirements as PEP 508 has them, one each; no options.
        python_version: "3.10" or "3.10.4"; for the former the newest patch release is assumed,
            which is what conda installs.
        platform: One of `platforms`.
        environment: From `uv_environment`, with `uv_index_variables` for the indexes.
        folder: An empty folder to work in; relative paths in `lines` start there.
        constraints: As pip's `--constraint`.
        overrides: Requirements that take the place of all others of the same name.
        fresh: Names whose index pages are read anew, past uv's cache.
        options: Further arguments.
        timeout: Seconds.

    Returns:
        uv's end: `solved` reads it, `uv_error` explains it.

    Raises:
        CannotHere: uv is not there, or the folder is not writable.
        ServiceUnavailable: It took longer than `timeout`.
    """
    extra: list[str] = list(options)
    try:
        for name, wanted in (("constraints", constraints), ("overrides", overrides)):
            if text := "".join(f"{line}\n" for line in wanted):
                (folder / f"{name}.txt").write_text(text, encoding="utf-8")
                extra += [f"--{name}", f"{name}.txt"]
    except OSError as error:
        raise CannotHere.from_os_error(error, "preparing to resolve requirements") from error
    if python_version.count(".") < 2:  # noqa: PLR2004 - major.minor without a patch release
        # uv takes 3.10 for 3.10.0; no release series has come near a hundred patches
        python_version += ".99"
    for name in sorted(fresh):
        extra += ["--refresh-package", name]
    return run_uv(
        [
            *("pip", "compile", "-", "--no-header", "--no-build", "--python", sys.executable),
            *("--python-version", python_version, "--python-platform", platform, *extra),
        ],
        environment=environment,
        cwd=folder,
        stdin="".join(f"{line}\n" for line in lines).encode(),
        timeout=timeout,
    )


def solved(finished: Finished, indexes: Mapping[str, str] | None = None) -> tuple[Solved, ...]:
    """Read a resolution that `compile_requirements` made with `--format pylock.toml` (PEP 751).

    Args:
        finished: A uv that ended well.
        indexes: Where each package comes from, by normalised name.
    """
    document = tomllib.loads(finished.out.decode())
    found: list[Solved] = []
    for package in document.get("packages", []):
        archive = package.get("archive")
        files = [
            SolvedFile(
                file_name(file),
                (file.get("hashes") or {}).get("sha256"),
                str(file.get("url") or file.get("path") or ""),
            )
            for file in (*package.get("wheels", []), *([archive] if archive else []))
        ]
        name = str(package["name"])
        index = (indexes or {}).get(name)
        direct = archive is not None
        found.append(Solved(name, package.get("version"), tuple(files), index, direct))
    return tuple(found)


def file_name(file: Mapping[str, object]) -> str:
    """Return the name of a file as PEP 751 lists it: by name, URL or path."""
    if name := file.get("name"):
        return str(name)
    place = str(file.get("url") or file.get("path") or "")
    return unquote(urlsplit(place).path.replace("\\", "/").rpartition("/")[2])


def annotated_indexes(text: str) -> dict[str, str]:
    """Read which index each package comes from, out of `--emit-index-annotation`'s comments."""
    pairs = re.findall(
        r"^([\w.-]+)==\S+(?:\s\\)?\n(?:\s+--hash.*\n)*\s+# from (\S+)", text, re.MULTILINE
    )
    return {name: re.sub(r"//[^/@]*@", "//", index) for name, index in pairs}
