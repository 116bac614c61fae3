"""A build back end of the tests' own: it builds pure packages in a tenth of the time that others
take. Nothing imports it here: projects have a copy beside them, or a wheel has it that a build
environment installs. What is to be shown of the others' back ends is shown with those."""

from __future__ import annotations

import base64
import hashlib
import os
import re
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
    members = {one: path.read_bytes() for one, path in _modules(name).items()}
    members |= {f"{info}/{one}": text.encode() for one, text in _info(name, version).items()}
    lines = [f"{one},sha256={_digest(content)},{len(content)}" for one, content in members.items()]
    members[f"{info}/RECORD"] = "\n".join([*lines, f"{info}/RECORD,,", ""]).encode()
    file = f"{name}-{version}-{_tag()}.whl"
    print("adding", *members)  # noqa: T201 - what a build says is what users see
    with zipfile.ZipFile(os.path.join(folder, file), "w") as archive:  # noqa: PTH118
        for one, content in members.items():
            archive.writestr(zipfile.ZipInfo(one), content)
    return file


def _project() -> dict[str, Any]:
    table: dict[str, Any] = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))
    return table


def _tag() -> str:
    return str(_project().get("tool", {}).get("back-end", {}).get("tag", "py3-none-any"))


def _modules(name: str) -> dict[str, Path]:
    """Return the package's files, or its one module, by their place in the wheel."""
    for base in (Path("src"), Path()):
        if (base / name).is_dir():
            found = sorted(
                path
                for path in (base / name).rglob("*")
                if path.is_file() and "__pycache__" not in path.parts
            )
            return {path.relative_to(base).as_posix(): path for path in found}
    return {f"{name}.py": Path(f"{name}.py")}


def _named() -> tuple[str, str]:
    table = _project()["project"]
    name = re.sub(r"[-_.]+", "_", table["name"]).lower()
    return name, table.get("version") or _written(name) or _described()


def _written(name: str) -> str | None:
    """Return the version that a module says it has."""
    places = [path for one, path in _modules(name).items() if one.endswith(".py")]
    text = "".join(path.read_text(encoding="utf-8") for path in places)
    found = re.search(r"^__version__ = '(.*)'$", text, re.MULTILINE)
    return found[1] if found else None


def _described() -> str:
    """Return the version as setuptools-scm finds it, of a tag."""
    command = ["git", "describe", "--tags", "--match", "v*", "--abbrev=0"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.strip().removeprefix("v")


def _info(name: str, version: str) -> dict[str, str]:
    project = _project()["project"]
    lines = ["Metadata-Version: 2.1", f"Name: {project['name']}", f"Version: {version}"]
    if "requires-python" in project:
        lines.append(f"Requires-Python: {project['requires-python']}")
    lines += [f"Provides-Extra: {extra}" for extra in project.get("optional-dependencies", {})]
    lines += [f"Requires-Dist: {one}" for one in project.get("dependencies", [])]
    wheel = f"Wheel-Version: 1.0\nGenerator: kit\nRoot-Is-Purelib: true\n{_tags()}"
    return {"METADATA": "\n".join([*lines, ""]), "WHEEL": wheel}


def _tags() -> str:
    pythons, rest = _tag().split("-", 1)
    return "".join(f"Tag: {python}-{rest}\n" for python in pythons.split("."))


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
