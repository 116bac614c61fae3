"""Makes wheelstep's own environment, once in a job, and runs wheelstep in it.

The GitHub Action and the Azure Pipelines task share it. It needs nothing but Python: pip fetches
uv, uv fetches the rest, every file held to its hash in requirements/. Nothing is written beside
the sources: the environment lies in the host's temporary folder, which ends with the job.

A stopped installation leaves no half environment behind: what is finished is named by a file that
is moved into place last.
"""

# ruff: noqa: INP001 - a script, in no package
from __future__ import annotations

import ast
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "src" / "wheelstep"
UV_LOCK = ROOT / "requirements" / "uv.txt"
LOCK = ROOT / "requirements" / "action.txt"

OLDEST = (3, 11)
WINDOWS = os.name == "nt"
CANNOT_HERE = 8
"""The exit code for "this machine cannot", see docs/exit-codes.md."""

UV_KEEPS = (
    "UV_CACHE_DIR", "UV_CONCURRENT_", "UV_DEFAULT_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS",
    "UV_HTTP_", "UV_INDEX", "UV_INSECURE_HOST", "UV_KEYRING_PROVIDER", "UV_LINK_MODE",
    "UV_NATIVE_TLS", "UV_NO_CACHE", "UV_OFFLINE", "UV_REQUEST_TIMEOUT", "UV_SYSTEM_CERTS",
)  # fmt: skip
"""What a job may tell uv: where and how to fetch. Anything else is about the job's own projects."""


NOT_FOR_INSTALLERS = ("INPUT_", "ENDPOINT_", "SECRET_", "SECUREFILE_", "PYTHON")
"""Inputs and endpoints hold secrets, and are for wheelstep alone; PYTHONPATH and the like could put
a file of the repository in the place of a module."""


class SetupFailed(Exception):
    """The environment cannot be made; the text says why and what to do."""


def main(arguments: list[str]) -> int:
    """Make the environment if it is not there, run wheelstep, return its exit code.

    Args:
        arguments: The command's words, unless the input `command` says others.
    """
    if sys.version_info < OLDEST:
        _annotate(f"wheelstep needs Python 3.11 or newer, not {sys.version.split()[0]}.")
        return CANNOT_HERE
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        python = _environment()
    except SetupFailed as error:
        _annotate(str(error))
        return CANNOT_HERE
    except OSError as error:
        _annotate(f"While setting up wheelstep: {error}.")
        return CANNOT_HERE
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    # a list of words, which no shell sees
    words = os.environ.get("INPUT_COMMAND", "").split() or arguments
    # isolated: a file of the repository must not stand in for a module
    command = [str(python), "-I", "-X", "utf8", "-m", "wheelstep", *words]
    if not WINDOWS:
        # signals and the exit code then need no help
        os.execv(command[0], command)  # noqa: S606 - a list of arguments, and no shell is wanted
    with subprocess.Popen(command) as child:
        while True:
            try:
                return child.wait()
            except KeyboardInterrupt:
                continue  # the child was told too, and ends in its own way


def _environment() -> Path:
    """Return the interpreter of wheelstep's environment."""
    given = os.environ.get("RUNNER_TEMP") or os.environ.get("AGENT_TEMPDIRECTORY")
    place = Path(given or tempfile.mkdtemp(prefix="wheelstep-"))
    finished = place / f"wheelstep-{_identity()}.txt"
    try:
        python = Path(finished.read_text(encoding="utf-8"))
        if python.is_file():
            return python
    except FileNotFoundError:
        pass  # the first step of the job
    _fold("Set up wheelstep")
    try:
        python = _made(Path(tempfile.mkdtemp(prefix="wheelstep-", dir=place)))
    finally:
        _unfold()
    beside = finished.with_suffix(f".{os.getpid()}")
    beside.write_text(str(python), encoding="utf-8")
    beside.replace(finished)
    return python


def _identity() -> str:
    """Name everything the environment is made of: another interpreter, lock or source, another
    environment."""
    seen = hashlib.sha256(f"{sys.version}\0{sys.executable}".encode())
    sources = (path for path in SOURCES.rglob("*") if "__pycache__" not in path.parts)
    for path in [UV_LOCK, LOCK, *sorted(sources)]:
        if path.is_file():
            data = path.read_bytes()
            seen.update(f"{path.relative_to(ROOT).as_posix()}\0{len(data)}\0".encode() + data)
    return seen.hexdigest()[:20]


def _made(folder: Path) -> Path:
    """Make the environment in an empty folder; return its interpreter."""
    _write(f"Python {sys.version.split()[0]} ({sys.executable})")
    scripts = folder / ("Scripts" if WINDOWS else "bin")
    python = scripts / ("python.exe" if WINDOWS else "python")
    here = [sys.executable, "-I", "-m"]
    if _succeeds([*here, "pip", "--version"]):
        _run([*here, "venv", "--without-pip", str(folder)], "making a virtual environment")
        pip, into = [*here, "pip"], ["--python", str(python)]
    else:
        # the pip that comes with Python: some distributions leave both out
        _run([*here, "venv", str(folder)], "making a virtual environment with pip")
        pip, into = [str(python), "-I", "-m", "pip"], []
    _run(
        [*pip, *into, "--no-input", "--disable-pip-version-check", "install",
         "--require-hashes", "--only-binary", ":all:", "--no-deps", "--requirement", str(UV_LOCK)],
        "fetching uv with pip",
        # what a job or a machine wants of its own installations
        {"PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0"},
        ("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT"),
    )  # fmt: skip
    foreign = [
        name for name in os.environ if name.startswith("UV_") and not name.startswith(UV_KEEPS)
    ]
    _run(
        [str(scripts / ("uv.exe" if WINDOWS else "uv")), "pip", "install",
         "--python", str(python), "--require-hashes", "--no-build", "--no-deps",
         "--requirement", str(LOCK)],
        "fetching what wheelstep runs on with uv",
        _index_of_pip(pip),
        foreign,
    )  # fmt: skip
    paths = {"base": str(folder), "platbase": str(folder)}
    site_packages = sysconfig.get_path("purelib", "venv", paths)
    # a copy: a later step may check out another state of this folder
    shutil.copytree(
        SOURCES, Path(site_packages) / "wheelstep", ignore=shutil.ignore_patterns("__pycache__")
    )
    return python


def _index_of_pip(pip: list[str]) -> dict[str, str]:
    """Return the environment in which uv fetches from where pip is configured to, and as it is.

    `pip config list` prints `section.key='value'`; the section of a command beats `global`, and
    variables, which it shows as `:env:`, beat both.
    """
    listed = subprocess.run([*pip, "config", "list"], capture_output=True, text=True, check=False)
    given: dict[tuple[int, str], str] = {}
    for line in listed.stdout.splitlines():
        name, sign, value = line.partition("=")
        section, _, key = name.rpartition(".")
        if sign and section in {"global", "install", ":env:"}:
            rank = ("global", "install", ":env:").index(section)
            given[rank, key] = str(ast.literal_eval(value))
    pips = {key: value for (_, key), value in sorted(given.items())}
    # every file is held to its hash, so that it does not matter which index has it
    wanted = {"UV_NO_CONFIG": "1", "UV_PYTHON_DOWNLOADS": "never",
              "UV_INDEX_STRATEGY": "unsafe-best-match"}  # fmt: skip
    if not any(os.environ.get(name) for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL")):
        for key, variable, joint in (
            ("index-url", "UV_DEFAULT_INDEX", " "),
            ("extra-index-url", "UV_INDEX", " "),
            ("find-links", "UV_FIND_LINKS", ","),
            ("no-index", "UV_NO_INDEX", " "),
        ):
            if pips.get(key):
                wanted[variable] = joint.join(pips[key].split())
    for key, variables in (
        ("cert", ("SSL_CERT_FILE",)),
        ("proxy", ("HTTP_PROXY", "HTTPS_PROXY")),
        ("trusted-host", ("UV_INSECURE_HOST",)),
    ):
        for variable in variables:
            if pips.get(key) and not os.environ.get(variable):
                wanted[variable] = " ".join(pips[key].split())
    return wanted


def _succeeds(command: list[str]) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _run(
    command: list[str],
    doing: str,
    more: dict[str, str] | None = None,
    less: list[str] | tuple[str, ...] = (),
) -> None:
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in less and not name.startswith(NOT_FOR_INSTALLERS)
    }
    done = subprocess.run(
        command,
        env=environment | (more or {}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if done.returncode:
        for line in done.stdout.splitlines():
            _write(f"| {line}")
        last = next((line for line in reversed(done.stdout.splitlines()) if line.strip()), "")
        raise SetupFailed(
            f"Setting up wheelstep failed while {doing} (exit code {done.returncode}): "
            f"{last.strip()}\nThe log has the whole output. Check that this machine reaches the "
            "index that pip is configured with."
        )


# --- the few host commands that are needed before wheelstep is there ---------------------------


def _write(text: str) -> None:
    # no part of another program's output may be a command to the host
    for start in ("##[", "##vso["):
        text = text.replace(start, "# " + start[1:])
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _fold(title: str) -> None:
    sys.stdout.write(f"{'##[group]' if _on_azure() else '::group::'}{title}\n")
    sys.stdout.flush()


def _unfold() -> None:
    sys.stdout.write("##[endgroup]\n" if _on_azure() else "::endgroup::\n")
    sys.stdout.flush()


def _annotate(text: str) -> None:
    if _on_azure():
        start, percent = "##vso[task.logissue type=error;code=setup]", "%AZP25"
    else:
        start, percent = "::error title=wheelstep%3A setup::", "%25"
    text = text.replace("%", percent).replace("\r", "%0D").replace("\n", "%0A")
    sys.stdout.write(f"{start}{text}\n")
    sys.stdout.flush()


def _on_azure() -> bool:
    return os.environ.get("TF_BUILD", "").lower() == "true"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
