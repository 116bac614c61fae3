"""Small real projects and hand-made wheels, for the tests of building and inspecting."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from packaging.utils import canonicalize_name

from wheelstep.ground.public_index import uv_environment
from wheelstep.model import Package, Project, Sources
from wheelstep.packages.build import build_all
from wheelstep.packages.environments import BuildEnvironments
from wheelstep.packages.interface import Built

EPOCH = 1_700_000_000

IN_TREE = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""


def tree(folder: Path, files: Mapping[str, str]) -> Path:
    """Write files below a folder."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8", newline="")
    return folder


def project(name: str, directory: str = ".", version: str | None = None) -> Project:
    return Project(
        name=name,
        normalized=canonicalize_name(name),
        directory=directory,
        static_version=version,
        build_requires=(),
        needs_history=False,
    )


def package(name: str, version: str = "1.0", directory: str = ".") -> Package:
    return Package(
        project=project(name, directory, version),
        version=version,
        sources=Sources(tree="0" * 64, commit="0" * 40, epoch=EPOCH),
        fingerprint="0" * 64,
    )


@dataclass
class Builds:
    """Builds projects that lie in a folder, by copying them as an export would."""

    repository: Path
    environments: BuildEnvironments
    dist: Path
    said: dict[str, str] = field(default_factory=dict)

    def __call__(
        self,
        *packages: Package,
        constraints: Mapping[str, Sequence[str]] | None = None,
        dist: Path | None = None,
    ) -> list[Built]:
        return build_all(
            packages,
            exporter=self.export,
            environments=self.environments,
            dist=dist or self.dist,
            parallel=2,
            constraints=constraints or {},
            output=self.said.__setitem__,
        )

    def export(self, package: Package, target: Path) -> Path:
        folder = target / package.directory
        shutil.copytree(self.repository / package.directory, folder, dirs_exist_ok=True)
        return folder


@contextmanager
def builds(folder: Path, environment: Mapping[str, str] | None = None) -> Iterator[Builds]:
    """Give builds of the projects in `folder`/repository."""
    variables = dict(os.environ if environment is None else environment)
    repository = folder / "repository"
    repository.mkdir(exist_ok=True)
    with BuildEnvironments(
        environment=variables, uv_environment=uv_environment(variables)
    ) as environments:
        yield Builds(repository, environments, folder / "dist")


def wheel(
    folder: Path,
    files: Mapping[str, bytes | str] | None = None,
    *,
    name: str = "acme",
    version: str = "1.0",
    tag: str = "py3-none-any",
    metadata: str = "",
    replaced: Mapping[str, bytes | str | None] | None = None,
    executable: Sequence[str] = (),
    compression: int = zipfile.ZIP_DEFLATED,
    file: str | None = None,
) -> Path:
    """Write a wheel; `replaced` puts other bytes into members after RECORD was made, None leaves
    them out."""
    info = f"{name}-{version}.dist-info"
    members: dict[str, bytes] = {
        member: data.encode() if isinstance(data, str) else data
        for member, data in (files if files is not None else {f"{name}/__init__.py": ""}).items()
    }
    members.setdefault(
        f"{info}/METADATA",
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{metadata}".encode(),
    )
    members.setdefault(
        f"{info}/WHEEL",
        f"Wheel-Version: 1.0\nGenerator: kit\nRoot-Is-Purelib: true\nTag: {tag}\n".encode(),
    )
    members.setdefault(f"{info}/RECORD", record(info, members))
    for member, data in (replaced or {}).items():
        if data is None:
            del members[member]
        else:
            members[member] = data.encode() if isinstance(data, str) else data
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / (file or f"{name}-{version}-{tag}.whl")
    with zipfile.ZipFile(path, "w", compression) as archive:
        for member, data in members.items():
            entry = zipfile.ZipInfo(member)
            entry.compress_type = compression
            entry.external_attr = (0o100755 if member in executable else 0o100644) << 16
            archive.writestr(entry, data)
    return path


def record(info: str, members: Mapping[str, bytes]) -> bytes:
    lines = [
        f"{member},sha256={_hash(data)},{len(data)}"
        for member, data in members.items()
        if not member.endswith("/")
    ]
    return ("\n".join([*lines, f"{info}/RECORD,,"]) + "\n").encode()


def _hash(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


BACKEND = """
import base64, hashlib, os, zipfile

FILES = {files!r}
EXTRA = {extra!r}

def get_requires_for_build_wheel(config_settings=None):
    {on_requires}
    return EXTRA

def build_wheel(folder, config_settings=None, metadata_directory=None):
    files = dict(FILES)
    {on_build}
    info = "{name}-{version}.dist-info"
    files[info + "/METADATA"] = "Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n"
    files[info + "/WHEEL"] = "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
    lines = []
    file = "{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(folder, file), "w") as archive:
        for member, text in files.items():
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest())
            lines.append(member + ",sha256=" + digest.decode().rstrip("=") + ",")
            archive.writestr(zipfile.ZipInfo(member), text)
        lines.append(info + "/RECORD,,")
        archive.writestr(info + "/RECORD", "\\n".join(lines))
    return file
"""


def in_tree(
    folder: Path,
    name: str,
    version: str = "1.0",
    *,
    files: Mapping[str, str] | None = None,
    extra: Sequence[str] = (),
    on_requires: str = "pass",
    on_build: str = "pass",
) -> Path:
    """Write a project whose back end lies in it: it needs nothing installed, so it builds fast."""
    backend = BACKEND.format(
        files=dict(files if files is not None else {f"{name}/__init__.py": ""}),
        extra=list(extra),
        name=name,
        version=version,
        on_requires=on_requires,
        on_build=on_build,
    )
    return tree(folder, {"pyproject.toml": IN_TREE, "backend.py": backend})
