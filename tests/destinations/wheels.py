"""Small wheels, made by hand so that their bytes can differ while their content does not."""

from __future__ import annotations

import hashlib
import zipfile
from base64 import urlsafe_b64encode
from pathlib import Path

from packaging.utils import canonicalize_name

from wheelstep.model import Wheel

WRITTEN_BY_TOOLS = ("/RECORD", "/WHEEL")


def content_of(path: Path) -> str:
    """The members by name and hash, less what build tools write about themselves."""
    with zipfile.ZipFile(path) as archive:
        members = sorted(
            (name, hashlib.sha256(archive.read(name)).hexdigest())
            for name in archive.namelist()
            if not name.endswith(WRITTEN_BY_TOOLS)
        )
    return hashlib.sha256(repr(members).encode()).hexdigest()


def record_of(path: Path, *, requires_python: str | None = None) -> Wheel:
    name, version, *_ = path.name.split("-")
    return Wheel(
        file=path.name,
        name=canonicalize_name(name),
        version=version,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        content=content_of(path),
        size=path.stat().st_size,
        requires_python=requires_python,
        path=path,
    )


def make_wheel(
    folder: Path,
    name: str,
    version: str = "1.0",
    *,
    code: str = "",
    tool: str = "by hand",
    requires: tuple[str, ...] = (),
    requires_python: str | None = None,
    tag: str = "py3-none-any",
) -> Wheel:
    """Make an installable wheel; `tool` changes its bytes, `code` its content."""
    module = canonicalize_name(name).replace("-", "_")
    info = f"{module}-{version}.dist-info"
    metadata = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}"]
    metadata += [f"Requires-Dist: {requirement}" for requirement in requires]
    metadata += [f"Requires-Python: {requires_python}"] if requires_python else []
    members = {
        f"{module}.py": code or f"VERSION = {version!r}\n",
        f"{info}/METADATA": "\n".join(metadata) + "\n\nWords about it.\n",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: {tool}\n"
        f"Root-Is-Purelib: true\nTag: {tag}\n",
    }
    record = []
    for path, text in members.items():
        digest = urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
        record.append(f"{path},sha256={digest},{len(text)}")
    members[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,"]) + "\n"
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"{module}-{version}-{tag}.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, text in members.items():
            archive.writestr(zipfile.ZipInfo(member, (2020, 1, 1, 0, 0, 0)), text)
    return record_of(wheel, requires_python=requires_python)
