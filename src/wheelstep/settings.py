"""Every setting of a run, read once: flag beats input beats environment beats file beats default.

Nothing else in wheelstep reads argv or the environment for a setting. An empty variable or input
is unset. The table of options is in options.py.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, cast
from urllib.parse import urlsplit

from wheelstep.destinations.interface import Wanted
from wheelstep.errors import CannotHere, SettingError
from wheelstep.ground.secret import Secret
from wheelstep.hosts.interface import Host
from wheelstep.options import OPTIONS, Command, Option, option

__all__ = ["OPTIONS", "Settings", "load"]

OTHER_VARIABLES: Final = frozenset({"WHEELSTEP_RESOURCE_MANAGER", "WHEELSTEP_CACHE"})
"""Variables of ours that are no options."""

TABLE_KEYS: Final = ("name", "url", "serve-url", "user", "token-env")
HOSTS_OWN: Final = ("ACTIONS_", "AZURE_CLIENT_", "ENDPOINT_", "GITHUB_", "INPUT_")
"""How variables begin whose secret belongs to the host or to Azure: `token-env` names none."""

TRUE: Final = frozenset({"1", "true", "yes", "on", "y"})
FALSE: Final = frozenset({"0", "false", "no", "off", "n"})


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
    pin: Literal["version", "url", "bare-url"]
    rehearse: Literal["on", "off"]
    platform: str
    commit: Literal["none", "local", "push"]
    branch: str | None
    commit_message: str | None
    skip_ci: bool
    public_index: str | None
    """None: what pip is configured with."""
    parallel: int | None
    """None: processors for building, 16 for transfers."""
    repository_token: Secret | None
    dry_run: bool
    on_ci: bool
    publish_to_given: bool
    """False when `publish_to` is the default folder."""


@dataclass(frozen=True, slots=True)
class _Value:
    """A value with where it came from, for errors."""

    raw: Any
    origin: str
    file: str | None = None
    line: int | None = None

    def error(self, message: str, cure: str, code: str = "bad-setting") -> SettingError:
        return SettingError(
            f"{self.origin}: {message}", code=code, cure=cure, file=self.file, line=self.line
        )


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
    repository = directory / _text(values.get("repository"), ".")
    for name, value in _from_file(_root(repository)).items():
        values.setdefault(name, value)
    tokens = {name: _secret(values.get(name)) for name in ("feed-token", "repository-token")}
    wanted = _destinations(values, tokens["feed-token"], environment, host)
    definitions = _list(values.get("definitions"))
    dry_run = _switch(values.get("dry-run"), default=False)
    commit_default = "push" if host.is_ci else "none"
    return Settings(
        repository=repository,
        packages=_list(values.get("packages")) or (".",),
        exclude=_list(values.get("exclude")),
        dist=_text(values.get("dist"), "dist"),
        prebuilt=_switch(values.get("prebuilt"), default=False),
        publish_to=wanted,
        read_back=_choice(values.get("read-back"), "read-back", "serve"),
        definitions=definitions or None,
        pin=_choice(values.get("pin"), "pin", "version"),
        rehearse=_choice(values.get("rehearse"), "rehearse", "on"),
        platform=_text(values.get("platform"), "x86_64-manylinux_2_28"),
        commit=_choice(values.get("commit"), "commit", commit_default),
        branch=_text(values.get("branch"), "") or None,
        commit_message=_text(values.get("commit-message"), "") or None,
        skip_ci=_switch(values.get("skip-ci"), default=True),
        public_index=_text(values.get("public-index"), "") or None,
        parallel=_number(values.get("parallel")),
        repository_token=tokens["repository-token"],
        dry_run=dry_run or command == "plan",
        on_ci=host.is_ci,
        publish_to_given="publish-to" in values,
    )


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
) -> dict[str, _Value]:
    values: dict[str, _Value] = {}
    for row in OPTIONS:
        flag = flags.get(row.name)
        if row.as_flag and flag is not None and flag != []:
            values[row.name] = _Value(flag, f"--{row.name}")
        elif row.as_input and (given := host.input(row.name)):
            values[row.name] = _Value(given, f"The input {row.name}")
        elif given := environment.get(row.variable):
            values[row.name] = _Value(given, f"The environment variable {row.variable}")
    return values


# --- the settings file ------------------------------------------------------------------------


def _root(folder: Path) -> Path:
    """Return the repository's root for a folder in it (where `.git` is, a folder or a file)."""
    here = folder.absolute()
    return next((one for one in (here, *here.parents) if (one / ".git").exists()), folder)


def _from_file(repository: Path) -> dict[str, _Value]:
    found: dict[str, _Value] = {}
    seen: list[str] = []
    for name, table in (("wheelstep.toml", None), ("pyproject.toml", "wheelstep")):
        path = repository / name
        try:
            data = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise CannotHere.from_os_error(error, "reading the settings", file=name) from error
        parsed = _parse_toml(name, data)
        if table is not None:
            tool = parsed.get("tool", {})
            parsed = tool.get(table, {}) if isinstance(tool, dict) else {}
            if not isinstance(parsed, dict):
                raise SettingError("[tool.wheelstep] is no table.", code="bad-setting", file=name)
        if not parsed:
            continue
        seen.append(name)
        text = data.decode("utf-8")
        for key, raw in parsed.items():
            found[key] = _file_value(name, text, key, raw)
    if len(seen) > 1:
        raise SettingError(
            "Settings lie in two files, wheelstep.toml and [tool.wheelstep] of pyproject.toml.",
            code="two-settings-files",
            cure="Keep one of them.",
            file=seen[0],
        )
    return found


def _parse_toml(name: str, data: bytes) -> dict[str, Any]:
    try:
        return tomllib.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise SettingError(
            f"{name} is not UTF-8 (byte {error.start}).",
            code="bad-settings-file",
            cure="Save it as UTF-8.",
            file=name,
        ) from error
    except RecursionError:
        raise SettingError(
            f"{name} is nested too deeply to be read.",
            code="bad-settings-file",
            cure="Mend the file.",
            file=name,
        ) from None
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"line (\d+)", str(error))
        raise SettingError(
            f"{name} is not valid TOML: {error}.",
            code="bad-settings-file",
            cure="Mend the file.",
            file=name,
            line=int(at[1]) if at else None,
        ) from error


def _file_value(name: str, text: str, key: str, raw: Any) -> _Value:
    at = re.search(
        rf"^[ \t]*(?:\[\[?(?:tool\.wheelstep\.)?)?[\"']?{re.escape(key)}\b", text, re.MULTILINE
    )
    line = text.count("\n", 0, at.start()) + 1 if at else None
    value = _Value(raw, f"{key} in {name}", name, line)
    names = [row.name for row in OPTIONS if row.in_file]
    if key in names:
        return value
    if key in {row.name for row in OPTIONS if row.kind == "secret"}:
        raise value.error(
            "a secret does not belong into a file.",
            f"Set it as {option(key).variable} or as the step's input, and revoke this one.",
            "secret-in-settings",
        )
    near = difflib.get_close_matches(key, names, 1, 0.6)
    raise value.error(
        "there is no such setting.",
        f"Perhaps you meant {near[0]}." if near else "Remove it; see docs/options.md.",
        "unknown-setting",
    )


# --- one reader for each kind -----------------------------------------------------------------


def _text(value: _Value | None, default: str) -> str:
    if value is None:
        return default
    if not isinstance(value.raw, str):
        raise value.error("a text is wanted here.", "Put it in quotes.")
    text = value.raw.strip()
    if "\0" in text or "\n" in text:
        raise value.error("one line is wanted here.", "Remove the line end.")
    return text or default


def _secret(value: _Value | None) -> Secret | None:
    text = _text(value, "")
    return Secret(text) if text else None


def _list(value: _Value | None) -> tuple[str, ...]:
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


def _switch(value: _Value | None, *, default: bool) -> bool:
    if value is None:
        return default
    if isinstance(value.raw, bool):
        return value.raw
    if isinstance(value.raw, str) and value.raw.strip().lower() in TRUE | FALSE:
        return value.raw.strip().lower() in TRUE
    raise value.error(f"{value.raw!r} is neither true nor false.", "Write true or false.")


def _choice(value: _Value | None, name: str, default: str) -> Any:
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


def _number(value: _Value | None) -> int | None:
    if value is None:
        return None
    try:
        number = value.raw if type(value.raw) is int else int(str(value.raw).strip())
    except ValueError:
        number = 0
    if not 1 <= number <= 1000:  # noqa: PLR2004 - a sane bound
        raise value.error(f"{value.raw!r} is no number from 1 to 1000.", "Write a whole number.")
    return number


def _destinations(
    values: Mapping[str, _Value],
    token: Secret | None,
    environment: Mapping[str, str],
    host: Host,
) -> tuple[Wanted, ...]:
    value = values.get("publish-to")
    serve_url = _text(values.get("serve-url"), "") or None
    user = _text(values.get("feed-user"), "") or None
    if value is None:
        if host.is_ci:
            return ()
        return (Wanted("wheel-index", serve_url=serve_url),)
    raw = value.raw.splitlines() if isinstance(value.raw, str) else value.raw
    if not isinstance(raw, list):
        raise value.error("a list is wanted here.", 'Write ["https://..."] or tables.')
    # a pull request may have written the file: no token goes to where the file says
    anonymous = value.file is not None and host.trigger().pull_request
    wanted = [
        _table(value, item, {} if anonymous else environment, anonymous=anonymous)
        if isinstance(item, dict)
        else Wanted(_text(_Value(item, value.origin, value.file, value.line), ""))
        for item in raw
    ]
    wanted = [item for item in wanted if item.url]
    if not wanted:
        raise value.error("no destination is named.", "Name a feed, an index or a folder.")
    if serve_url and len(wanted) > 1 and not any(item.serve_url for item in wanted):
        raise values["serve-url"].error(
            "with several destinations it is not clear whose base URL this is.",
            "Write the destinations as tables with a serve-url each.",
        )
    only, token = len(wanted) == 1, None if anonymous else token
    remote = [_host(item.url) for item in wanted if not _is_folder(item.url)]
    return tuple(
        Wanted(
            url=item.url,
            name=item.name,
            serve_url=item.serve_url or (serve_url if only else None),
            user=item.user or user,
            # the one token belongs to the first service named, and to no other host
            token=item.token or (token if remote and _host(item.url) == remote[0] else None),
            anonymous=anonymous,
        )
        for item in wanted
    )


def _is_folder(url: str) -> bool:
    return "://" not in url or url.startswith("file://")


def _host(url: str) -> str | None:
    return (
        None
        if _is_folder(url)
        else urlsplit(url.split("+", 1)[-1] if "+http" in url else url).netloc.lower()
    )


def _table(
    value: _Value, item: dict[str, Any], environment: Mapping[str, str], *, anonymous: bool
) -> Wanted:
    for key, text in item.items():
        if key not in TABLE_KEYS:
            near = difflib.get_close_matches(key, TABLE_KEYS, 1, 0.6)
            raise value.error(
                f"a destination has no key {key!r}.",
                f"Perhaps you meant {near[0]}." if near else f"Use {', '.join(TABLE_KEYS)}.",
                "unknown-setting",
            )
        if not isinstance(text, str):
            raise value.error(f"the key {key!r} wants a text.", "Put it in quotes.")
    fields = cast("dict[str, str]", item)
    if not fields.get("url"):
        raise value.error("a destination needs a url.", 'Add url = "https://...".')
    token: Secret | None = None
    name = fields.get("token-env", "")
    if name.upper().startswith(HOSTS_OWN):
        raise value.error(
            f"token-env is {name}, which holds no secret of a destination.",
            "Hand the destination's own token to the step under a name of its own.",
        )
    if name and not anonymous:
        given = environment.get(name, "")
        if not given:
            raise value.error(
                f"the environment variable {name}, named by token-env, is not set.",
                f"Hand {name} to the step's environment from the secret store.",
                "missing-token",
            )
        token = Secret(given.strip())
    return Wanted(
        fields["url"], fields.get("name"), fields.get("serve-url"), fields.get("user"), token
    )


def describe(row: Option) -> str:
    """Return an option's help text."""
    choices = f" One of {', '.join(row.choices)}." if row.choices else ""
    return f"{row.meaning}{choices} [default: {row.default}; {row.variable}]".replace("`", "")
