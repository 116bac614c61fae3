"""Every setting of a run, read once: flag beats input beats environment beats file beats default.

Nothing else in wheelstep reads argv or the environment for a setting. An empty variable or input
is unset. The table of options is in options.py.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from wheelstep.destinations.interface import Wanted
from wheelstep.errors import SettingError
from wheelstep.ground.allowances import Allowance
from wheelstep.ground.connections import Connection
from wheelstep.ground.secret import Secret
from wheelstep.ground.service_connection import ServiceConnection
from wheelstep.hosts.interface import Host
from wheelstep.hosts.service_connection import service_connection
from wheelstep.model import Workspace
from wheelstep.options import OPTIONS, Command, option
from wheelstep.settings_commit import CommitSettings, branch_of, commit_settings
from wheelstep.settings_destinations import destinations
from wheelstep.settings_file import Value, from_file, root_of, text_of
from wheelstep.settings_safety import allowances, connections, switch
from wheelstep.settings_view import with_view

__all__ = ["OPTIONS", "Settings", "load"]

OTHER_VARIABLES: Final = frozenset({"WHEELSTEP_RESOURCE_MANAGER", "WHEELSTEP_CACHE"})
"""Variables of ours that are no options."""

WORKSPACE: Final = re.compile(
    r"(?:(?P<id>subscriptions/)|(?!subscriptions/))(?P<subscription>[A-Za-z0-9-]+)"
    r"/(?(id)resourceGroups/)(?P<group>[\w.()-]*[\w()-])"
    r"/(?(id)providers/Microsoft\.MachineLearningServices/workspaces/)(?P<name>\w[\w-]*)",
    re.IGNORECASE,
)
"""A workspace's resource id, or its three parts.

Source: the naming rules of Azure Resource Manager: a group's name has letters, digits, underscores,
parentheses, hyphens and full stops, and does not end with one of the last."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one run, with every default filled in."""

    repository: Path
    packages: tuple[str, ...]
    exclude: tuple[str, ...]
    dist: str
    prebuilt: bool
    publish_to: tuple[Wanted, ...]
    read_back: Literal["serve", "write", "none"]
    definitions: tuple[str, ...] | None
    """None: every file that already names a released package."""
    read_by: tuple[tuple[str, tuple[Workspace, ...]], ...]
    """Where `definitions` is a table: (file or glob, the workspaces that read it)."""
    workspaces: tuple[Workspace, ...]
    api_version: str | None
    """Of Azure Machine Learning at Azure Resource Manager; None: the one that was tested."""
    register: bool
    pin: Literal["version", "url", "bare-url", "git", "vendor"]
    keep_ranges: bool
    find_links: bool
    closure: bool
    rehearse: Literal["on", "off", "conda"]
    compare_with: str | None
    """The report of an earlier run, relative to the repository's root."""
    platform: str
    commit: Literal["none", "local", "push", "pull-request"]
    committing: CommitSettings
    branch: str | None
    commit_message: str | None
    skip_ci: bool
    public_index: str | None
    """None: what pip is configured with."""
    no_public_index: bool
    """Nothing stands for the public one, and no name is looked up there."""
    connections: tuple[Connection, ...]
    """The workspace connections that are known; none: what Azure ML will authenticate with is
    not known here."""
    allow: tuple[Allowance, ...]
    parallel: int | None
    """None: processors for building, 16 for transfers."""
    repository_token: Secret | None
    feed_sign_in: Literal["auto", "pypirc", "job", "azure"]
    service_connection: ServiceConnection | None
    """Who signs in at Azure, where Azure Pipelines says it."""
    plan: Path | None
    """The plan that was agreed to."""
    out: Path | None
    """Where a plan is written to."""
    dry_run: bool
    on_ci: bool
    publish_to_given: bool
    """False when `publish_to` is the default folder."""


def load(
    command: Command,
    flags: Mapping[str, Any],
    *,
    environment: Mapping[str, str],
    host: Host,
    directory: Path,
) -> Settings:
    """Read all settings.

    Args:
        command: Which command runs.
        flags: Option name to what argparse gave; absent or None is unset.
        environment: This process's environment.
        host: Where the step runs: its inputs and its defaults.
        directory: What relative paths are relative to.

    Raises:
        SettingError: A value is wrong, a name is misspelt, settings lie in two files.
        CannotHere: The settings file cannot be read.
    """
    _check_variables(environment)
    values = _from_outside(flags, environment, host)
    repository = directory / text_of(values.get("repository"), ".")
    for name, value in from_file(root_of(repository)).items():
        values.setdefault(name, value)
    tokens = {row.name: _secret(values.get(row.name)) for row in OPTIONS if row.kind == "secret"}
    wanted = destinations(values, tokens["feed-token"], environment, host)
    wanted = with_view(wanted, values.get("view"))
    definitions, read_by = _definitions(values.get("definitions"))
    dry_run = switch(values.get("dry-run"), default=False)
    public = text_of(values.get("public-index"), "")
    no_public = public.lower() == "none"
    commit_default = "push" if host.is_ci else "none"
    return Settings(
        repository=repository,
        packages=_list(values.get("packages")) or (".",),
        exclude=_list(values.get("exclude")),
        dist=text_of(values.get("dist"), "dist"),
        prebuilt=switch(values.get("prebuilt"), default=False),
        publish_to=wanted,
        read_back=_choice(values.get("read-back"), "read-back", "serve"),
        definitions=definitions or None,
        read_by=read_by,
        workspaces=_workspaces(values.get("workspace")),
        api_version=_api_version(values.get("api-version")),
        register=switch(values.get("register"), default=False),
        pin=_choice(values.get("pin"), "pin", _pin_default(wanted)),
        keep_ranges=switch(values.get("keep-ranges"), default=False),
        find_links=switch(values.get("find-links"), default=False),
        closure=switch(values.get("closure"), default=True),
        rehearse=_choice(values.get("rehearse"), "rehearse", "on"),
        compare_with=text_of(values.get("compare-with"), "") or None,
        platform=text_of(values.get("platform"), "x86_64-manylinux_2_28"),
        commit=_choice(values.get("commit"), "commit", commit_default),
        committing=commit_settings(
            values, tokens["definition-repository-token"], choice=_choice, texts=_list
        ),
        branch=branch_of(values.get("branch")),
        commit_message=text_of(values.get("commit-message"), "", lines=True) or None,
        skip_ci=switch(values.get("skip-ci"), default=True),
        public_index=None if no_public else public or None,
        no_public_index=no_public,
        connections=connections(
            values,
            tokens["connection-token"],
            environment,
            pull_request=host.trigger().pull_request,
        ),
        allow=allowances(values.get("allow")),
        parallel=_number(values.get("parallel")),
        repository_token=tokens["repository-token"],
        feed_sign_in=_choice(values.get("feed-sign-in"), "feed-sign-in", "auto"),
        service_connection=_connection(values.get("service-connection"), environment),
        plan=_beside(directory, values.get("plan")),
        out=_beside(directory, values.get("out")),
        dry_run=dry_run or command == "plan",
        on_ci=host.is_ci,
        publish_to_given="publish-to" in values,
    )


def _pin_default(wanted: Sequence[Wanted]) -> str:
    """Return how definitions name a package: in a workspace's own storage there is no index, and
    the bare URL is the form for which Azure ML documents that it signs it."""
    own = bool(wanted) and wanted[0].url.lower().startswith("azureml:")
    return "bare-url" if own else "version"


def _check_variables(environment: Mapping[str, str]) -> None:
    known = {row.variable for row in OPTIONS} | OTHER_VARIABLES
    for name in sorted(environment):
        if not name.startswith("WHEELSTEP_") or name in known or not environment[name]:
            continue
        near = difflib.get_close_matches(name, known, 1, 0.6)
        raise SettingError(
            f"The environment variable {name} is no setting of wheelstep.",
            code="unknown-setting",
            cure=f"Perhaps you meant {near[0]}." if near else "Remove it; see docs/options.md.",
        )


def _from_outside(
    flags: Mapping[str, Any], environment: Mapping[str, str], host: Host
) -> dict[str, Value]:
    values: dict[str, Value] = {}
    for row in OPTIONS:
        flag, variable = flags.get(row.name), f"The environment variable {row.variable}"
        if row.as_flag and flag is not None and flag != []:
            values[row.name] = Value(flag, f"--{row.name}")
        elif row.as_input and (given := host.input(row.name)):
            values[row.name] = Value(given, f"The input {row.name}")
        elif given := host.seen(row.name, variable, environment.get(row.variable, "")):
            values[row.name] = Value(given, variable)
    return values


# --- one reader for each kind -----------------------------------------------------------------


def _beside(directory: Path, value: Value | None) -> Path | None:
    text = text_of(value, "")
    return directory / text if text else None


def _secret(value: Value | None) -> Secret | None:
    text = text_of(value, "")
    if value is None or not text:
        return None
    try:
        return Secret(text)
    except SettingError as error:
        raise value.error("it holds bytes that are no UTF-8.", error.cure) from None


def _connection(value: Value | None, environment: Mapping[str, str]) -> ServiceConnection | None:
    text = text_of(value, "")
    return service_connection(text, environment) if text else None


def _list(value: Value | None) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value.raw, str):
        raw: Sequence[Any] = value.raw.splitlines()
    elif isinstance(value.raw, list):
        raw = value.raw
    else:
        raise value.error("a list of texts is wanted here.", 'Write it as ["one", "two"].')
    if not all(isinstance(item, str) for item in raw):
        raise value.error("every item of the list has to be a text.", 'Write ["one", "two"].')
    return tuple(item.strip() for item in raw if item.strip())


def _definitions(
    value: Value | None,
) -> tuple[tuple[str, ...], tuple[tuple[str, tuple[Workspace, ...]], ...]]:
    """Return the patterns and, of a table, which workspaces read what they name."""
    if value is None or not isinstance(value.raw, dict):
        return _list(value), ()
    patterns, read_by = [], []
    for pattern, raw in value.raw.items():
        named = Value(raw, f"{value.origin}, {pattern}", value.file, value.line)
        readers = _workspaces(named)
        if pattern.strip().startswith("!"):
            if readers:
                raise named.error(
                    "what is left out is read by no workspace.", f'Write "{pattern}" = [].'
                )
        elif not readers:
            raise named.error(
                "it names no workspace.",
                'Name those that read it, ["SUBSCRIPTION/GROUP/NAME"], or write `definitions` as '
                "a list.",
            )
        else:
            read_by.append((pattern.strip(), readers))
        patterns.append(pattern.strip())
    return tuple(patterns), tuple(read_by)


def _workspaces(value: Value | None) -> tuple[Workspace, ...]:
    found: list[Workspace] = []
    for text in _list(value):
        one = WORKSPACE.fullmatch(text.strip("/"))
        if one is None and value is not None:
            raise value.error(
                f"{text!r} is no workspace.",
                "Write SUBSCRIPTION/GROUP/NAME, or the resource id: /subscriptions/SUBSCRIPTION/"
                "resourceGroups/GROUP/providers/Microsoft.MachineLearningServices/workspaces/NAME.",
            )
        if one is not None:
            new = Workspace(one["subscription"], one["group"], one["name"])
            found += [] if any(new.same(other) for other in found) else [new]
    return tuple(found)


def _api_version(value: Value | None) -> str | None:
    text = text_of(value, "")
    if text and value is not None and not re.fullmatch(r"20\d\d-\d\d-\d\d(-preview)?", text):
        raise value.error(
            f"{text!r} is no api-version.", "Write a date, as in 2024-10-01 or 2024-04-01-preview."
        )
    return text or None


def _choice(value: Value | None, name: str, default: str) -> Any:
    if value is None:
        return default
    raw = value.raw
    if isinstance(raw, bool):
        raw = "on" if raw else "off"
    choices = option(name).choices
    if isinstance(raw, str) and raw.strip() in choices:
        return raw.strip()
    near = difflib.get_close_matches(str(raw), choices, 1, 0.6)
    hint = f" Perhaps you meant {near[0]}." if near else ""
    raise value.error(
        f"{raw!r} is none of {', '.join(choices)}.", f"Choose one of {', '.join(choices)}.{hint}"
    )


def _number(value: Value | None) -> int | None:
    if value is None:
        return None
    try:
        number = value.raw if type(value.raw) is int else int(str(value.raw).strip())
    except ValueError:
        number = 0
    if not 1 <= number <= 1000:  # noqa: PLR2004 - a sane bound
        raise value.error(f"{value.raw!r} is no number from 1 to 1000.", "Write a whole number.")
    return number
