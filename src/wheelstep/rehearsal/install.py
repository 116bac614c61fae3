"""Install a pip section into a fresh environment, to show that a release can be used."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from wheelstep.errors import DefinitionUnresolvable
from wheelstep.ground.public_index import (
    PipIndexes,
    public_indexes,
    split_credential,
    uv_environment,
    uv_index_variables,
)
from wheelstep.ground.uv import run_uv, uv_error, working_folder
from wheelstep.rehearsal.candidates import index_order

__all__ = ["install_pip_section"]


def install_pip_section(
    lines: Sequence[str],
    *,
    target: Path,
    index_url: str,
    environment: Mapping[str, str],
    public: PipIndexes | None = None,
    timeout: float | None = 600.0,
) -> dict[str, str]:
    """Make a virtual environment and install a pip section's packages there, wheels only.

    Args:
        lines: The section; requirements and index options, no `-r`.
        target: Where the environment is made; must not exist.
        index_url: The index of what was released (`file:` for a folder), beside those that the
            lines name and the public one.
        environment: This process's.
        public: What stands for the public index; what pip is configured with when None.
        timeout: Seconds for each step.

    Returns:
        {normalised name: version} of everything that is installed then.

    Raises:
        DefinitionUnresolvable: It cannot be installed, or what is installed does not fit together.
        ServiceUnavailable, ServiceRefused: An index.
        CannotHere: Disk full, target not writable.
        SettingError: A broken configuration of pip.
    """
    public = public if public is not None else public_indexes(environment)
    try:
        order = index_order(lines, public)
    except ValueError as error:
        raise DefinitionUnresolvable(
            f"The pip section cannot be read: {error}.",
            code="unresolvable",
            cure="Mend the line: pip would refuse it too.",
        ) from error
    split = [split_credential(url) if url else (None, None) for url in order.index_urls]
    credentials = [*public.credentials, *(credential for _, credential in split if credential)]
    variables = uv_environment(environment, public)
    variables |= uv_index_variables(
        [url for url, _ in split], order.find_links, credentials, first=[index_url]
    )
    wanted = "".join(f"{line}\n" for line in lines if not line.lstrip().startswith("-"))
    steps: list[tuple[str, list[str | Path], bytes | None]] = [
        (f"making an environment in {target}", ["venv", "--python", sys.executable, target], None),
        (
            "installing the pip section",
            ["pip", "install", "--python", target, "--no-build", "-r", "-"],
            wanted.encode(),
        ),
        ("checking what is installed", ["pip", "check", "--python", target], None),
        ("listing it", ["pip", "list", "--python", target, "--format", "json"], None),
    ]
    listed = b"[]"
    with working_folder("installing a pip section") as folder:
        for doing, arguments, stdin in steps:
            done = run_uv(
                arguments, environment=variables, cwd=folder, stdin=stdin, timeout=timeout
            )
            if done.code != 0:
                raise uv_error(
                    done,
                    doing,
                    hide={"you require": "it requires", "your requirements": "its requirements"},
                )
            listed = done.out
    return {str(package["name"]): str(package["version"]) for package in json.loads(listed)}
