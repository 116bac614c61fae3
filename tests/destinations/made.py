"""Small wheels, made without a build back end, that pip and uv install."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from pathlib import Path

from packaging.utils import canonicalize_name

from wheelstep.model import Wheel

__all__ = ["make_wheel"]


def make_wheel(
    directory: Path,
    name: str = "acme-core",
    version: str = "1.0.0",
    *,
    text: str = "VALUE = 1\n",
    metadata: str = "",
    requires_python: str | None = ">=3.9",
    build: str = "",
) -> Wheel:
    """Write a pure wheel to `directory`.

    Args:
        directory: Made if missing.
        name: As a project spells it.
        version: PEP 440.
        text: Its one module.
        metadata: More lines of METADATA, each with its line end.
        requires_python: None leaves the field out.
        build: A build number with its final dash.
    """
    directory.mkdir(parents=True, exist_ok=True)
    module = canonicalize_name(name).replace("-", "_")
    info = f"{module}-{version}.dist-info"
    python = f"Requires-Python: {requires_python}\n" if requires_python else ""
    members = {
        f"{module}.py": text,
        f"{info}/METADATA": (
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{python}{metadata}"
        ),
        f"{info}/WHEEL": (
            "Wheel-Version: 1.0\nGenerator: made\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        ),
    }
    record = ""
    for member, content in members.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content.encode()).digest())
        record += f"{member},sha256={digest.rstrip(b'=').decode()},{len(content.encode())}\n"
    members[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n"
    path = directory / f"{module}-{version}-{build}py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in members.items():
            archive.writestr(zipfile.ZipInfo(member), content)
    data = path.read_bytes()
    return Wheel(
        file=path.name,
        name=canonicalize_name(name),
        version=version,
        sha256=hashlib.sha256(data).hexdigest(),
        content="",
        size=len(data),
        requires_python=requires_python,
        path=path,
    )
