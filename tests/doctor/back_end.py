"""A build back end that goes by the name of setuptools: it builds what these tests release, in a
tenth of the time. It is never imported here: a wheel has it, which a build environment installs."""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
import tomllib
import zipfile
from pathlib import Path
from typing import Any


def get_requires_for_build_wheel(config_settings: dict[str, Any] | None = None) -> list[str]:
    return []


def prepare_metadata_for_build_wheel(
    folder: str, config_settings: dict[str, Any] | None = None
) -> str:
    name, version = _named()
    info = f"{name}-{version}.dist-info"
    place = Path(folder, info)
    place.mkdir()
    for member, text in _info(name, version).items():
        (place / member).write_text(text, encoding="utf-8")
    return info


def build_wheel(
    folder: str,
    config_settings: dict[str, Any] | None = None,
    metadata_directory: str | None = None,
) -> str:
    name, version = _named()
    info = f"{name}-{version}.dist-info"
    members = {path.as_posix(): path.read_bytes() for path in sorted(Path().rglob(f"{name}/*.py"))}
    members |= {f"{info}/{one}": text.encode() for one, text in _info(name, version).items()}
    lines = [f"{one},sha256={_digest(content)},{len(content)}" for one, content in members.items()]
    members[f"{info}/RECORD"] = "\n".join([*lines, f"{info}/RECORD,,", ""]).encode()
    file = f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(folder, file), "w") as archive:  # noqa: PTH118
        for one, content in members.items():
            archive.writestr(zipfile.ZipInfo(one), content)
    return file


def _named() -> tuple[str, str]:
    table = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    version = table.get("version")
    if version is None:  # as setuptools-scm finds it
        command = ["git", "describe", "--tags", "--match", "v*", "--abbrev=0"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        version = done.stdout.strip().removeprefix("v")
    return table["name"].replace("-", "_"), version


def _info(name: str, version: str) -> dict[str, str]:
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    wheel = "Wheel-Version: 1.0\nGenerator: kit\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    return {"METADATA": metadata, "WHEEL": wheel}


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
