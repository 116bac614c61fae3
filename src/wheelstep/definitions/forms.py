"""Every form of definition, and which files of a repository may be of one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from wheelstep.definitions.azureml import AzureMl
from wheelstep.definitions.conda import Conda
from wheelstep.definitions.dockerfile import Dockerfile, is_dockerfile
from wheelstep.definitions.interface import Form
from wheelstep.definitions.json_text import compose_json
from wheelstep.definitions.notebook import Notebook
from wheelstep.definitions.pyproject import Pyproject
from wheelstep.definitions.python_source import PythonSource, module_folders, source_module
from wheelstep.definitions.requirements import Requirements
from wheelstep.definitions.sdk_v1 import RunConfiguration, SdkV1
from wheelstep.definitions.source import decode
from wheelstep.definitions.toml_text import compose_toml
from wheelstep.definitions.tree import compose

__all__ = [
    "AZUREML",
    "CONDA",
    "DOCKERFILE",
    "FORMS",
    "NAMING",
    "REQUIREMENTS",
    "SUFFIXES",
    "UTF_16",
    "form_of",
    "is_code",
    "is_data",
    "is_json",
    "is_text",
    "is_toml",
    "is_yaml",
    "may_name_others",
    "only_sources",
    "refuse_broken",
    "worth_reading",
]

AZUREML: Final = AzureMl()
CONDA: Final = Conda()
DOCKERFILE: Final = Dockerfile()
REQUIREMENTS: Final = Requirements()
FORMS: Final[tuple[Form, ...]] = (
    DOCKERFILE,
    AZUREML,
    SdkV1(),
    RunConfiguration(),
    CONDA,
    Pyproject(),
    REQUIREMENTS,
    PythonSource(),
    Notebook(),
)
"""Every form of definition; the first that recognises a file is its form."""

SUFFIXES: Final = tuple(sorted({suffix for form in FORMS for suffix in form.suffixes}))
"""How the names of all definitions end, in lower case."""
NAMING: Final = (
    "conda_file",
    "condaDependencies",
    "build['\"]?[[:space:]]*:",
    "(^|[^[:alnum:]_-])-([rc]|-requirement|-constraint)",
)
"""What files that name others have in them, one or the other, as POSIX has patterns."""
UTF_16: Final = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
"""The first bytes of a text that PowerShell's `>` wrote, and the encoding."""

_YAML: Final = (".yml", ".yaml", ".runconfig")
_CODE: Final = (".py", ".ipynb")
# one by one, and each with its letters first, they are found forty times faster in a large file
_NAMING: Final = tuple(
    re.compile(
        one.replace("[:alnum:]", "A-Za-z0-9")
        .replace("[[:space:]]", r"\s")
        .replace("(^|[^A-Za-z0-9_-])-", "-(?<![A-Za-z0-9_-]-)")
        .encode()
    )
    for one in NAMING
)
_LARGEST: Final = 5_000_000
"""Bytes: a larger JSON file is data. An environment has some thousand."""
_VENDORED: Final = re.compile(
    r"(?:^|/)(?:node_modules|vendor|third_party|\.venv|venv|site-packages|\.git|\.tox|\.nox)/"
)


def form_of(path: str, data: bytes) -> Form | None:
    """Return the form that a file shows by itself, None where it shows none."""
    return next((form for form in FORMS if form.recognises(path, data)), None)


def worth_reading(paths: Sequence[str]) -> list[str]:
    """Return the files that discovery reads: by their names, vendored folders left out, and of
    Python what looks like a package's own modules or tests.

    Args:
        paths: All tracked files.
    """
    likely = [
        path
        for path in paths
        if (path.lower().endswith(SUFFIXES) or is_dockerfile(path)) and not _VENDORED.search(path)
    ]
    sources = only_sources(likely, paths)
    return [path for path in likely if path not in sources]


def only_sources(some: Sequence[str], paths: Sequence[str]) -> frozenset[str]:
    """Return those of some files that look like a package's own modules or tests.

    Args:
        some: Files of any kind.
        paths: All tracked files, which tell where the modules are.
    """
    folders = module_folders(paths)
    return frozenset(path for path in some if is_code(path) and source_module(path, folders))


def may_name_others(path: str, data: bytes) -> bool:
    """Tell whether a file may name others that belong to it; code names none."""
    if is_code(path) or is_toml(path):
        return False
    return is_dockerfile(path) or _names_others(data)


def _names_others(data: bytes) -> bool:
    return any(one.search(data) for one in _NAMING)


def is_yaml(path: str) -> bool:
    """Tell by its name whether a file is YAML."""
    return path.lower().endswith(_YAML)


def is_json(path: str) -> bool:
    """Tell by its name whether a file is JSON, notebooks aside."""
    return path.lower().endswith(".json")


def is_toml(path: str) -> bool:
    """Tell by its name whether a file is a pyproject.toml."""
    return path.lower().endswith("pyproject.toml")


def is_code(path: str) -> bool:
    """Tell by its name whether a file is a Python script or a notebook."""
    return path.lower().endswith(_CODE)


def is_data(path: str, data: bytes) -> bool:
    """Tell whether a JSON file is too large for anything but data."""
    return is_json(path) and len(data) > _LARGEST


def is_text(data: bytes) -> bool:
    """Tell whether bytes are a text, in any of the encodings that are told from binary data."""
    return b"\0" not in data or data[:2] in UTF_16


def refuse_broken(path: str, data: bytes) -> None:
    """Say what is wrong with a file that may be a definition.

    Raises:
        DefinitionUnresolvable: It is not what its name says.
    """
    if is_yaml(path):
        compose(decode(path, data))
    elif is_json(path) and _names_others(data):
        compose_json(decode(path, data))
    elif is_toml(path):
        compose_toml(decode(path, data))
