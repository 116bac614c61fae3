"""Settings as a run reads them, from a folder, flags and variables of its own."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from wheelstep.errors import SettingError
from wheelstep.hosts import Host, host_of
from wheelstep.options import Command
from wheelstep.settings import Settings, load


def host(environment: Mapping[str, str]) -> Host:
    return host_of(environment, io.StringIO(), io.StringIO())


def read(
    folder: Path,
    *,
    flags: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
    command: Command = "release",
) -> Settings:
    variables = environment or {}
    return load(command, flags or {}, environment=variables, host=host(variables), directory=folder)


def refused(
    folder: Path, *, flags: Mapping[str, Any] | None = None, **environment: str
) -> SettingError:
    with pytest.raises(SettingError) as caught:
        read(folder, flags=flags, environment=environment)
    assert caught.value.cure
    return caught.value


def file(folder: Path, text: str, name: str = "wheelstep.toml") -> None:
    (folder / name).write_text(text, encoding="utf-8")
