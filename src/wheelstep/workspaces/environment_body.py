"""What Azure Machine Learning is told of an environment: the body that azure-ai-ml sends for a YAML
file, and when a version that a workspace has is the same.

Sources: azure-ai-ml 1.35 (EnvironmentSchema, Environment._to_rest_object; observed, and held
against it in a test) and the REST reference of Microsoft.MachineLearningServices, "Environment
Versions - Create Or Update".
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import yaml

__all__ = ["Unregistrable", "body_of", "differences", "is_same", "refused_name"]

Properties = Mapping[str, Any]

_NAME: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9\-_]{0,254}")
"""Source: REST reference, "Environment Containers - Create Or Update"."""
_RESERVED: Final = ("AzureML", "Microsoft")
"""How curated environments begin (source: the reference of azureml-core, `Environment`)."""

_TEXTS: Final = ("name", "description", "image", "datastore", "id")
_SILENT: Final = ("$schema", "creation_context", "latest_version", "intellectual_property")
"""Keys that azure-ai-ml passes over."""
_KEYS: Final = frozenset(
    {*_TEXTS, *_SILENT, "version", "tags", "conda_file", "build", "inference_config"}
    | {"os_type", "auto_delete_setting"}
)
_ROUTES: Final = {
    "liveness_route": "livenessRoute",
    "scoring_route": "scoringRoute",
    "readiness_route": "readinessRoute",
}
# besides YAMLError: what PyYAML's constructors let through for values such as 2026-99-99, `!!int x`
_UNREADABLE: Final = (
    yaml.YAMLError, ValueError, LookupError, AttributeError, TypeError, ArithmeticError,
    RecursionError,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Unregistrable:
    """Why an environment cannot be created over Azure Resource Manager."""

    why: str
    """A whole sentence for people."""


class _Unfit(Exception):
    """Azure ML's own tools would refuse the file, too; the message is a whole sentence."""


def refused_name(name: str) -> str | None:
    """Return why Azure ML refuses an environment's name, as a whole sentence; None where it does
    not.

    >>> refused_name("acme.train")
    'It may have letters, digits, hyphens and underscores only, and begins with one of the first.'
    """
    if len(name) > 255:  # noqa: PLR2004 - the pattern's
        return "It is longer than 255 characters."
    if not _NAME.fullmatch(name):
        return (
            "It may have letters, digits, hyphens and underscores only, and begins with one of the "
            "first."
        )
    if name.startswith(_RESERVED):
        return f"Names that begin with {' or '.join(_RESERVED)} are kept for Azure ML's own."
    return None


def body_of(data: bytes, read: Callable[[str], bytes | None]) -> Properties | Unregistrable:
    """Return the properties with which a version of this environment is created.

    Args:
        data: The YAML file's bytes.
        read: Reads a file that the YAML names, as it names it; None where there is none.

    Returns:
        Equal to what azure-ai-ml sends for the file; or why there is nothing that could be sent.
    """
    try:
        found = yaml.safe_load(data.decode("utf-8-sig"))
    except _UNREADABLE:
        return Unregistrable("Azure ML's own tools cannot read it as one YAML document.")
    try:
        return _properties(found, read)
    except _Unfit as unfit:
        return Unregistrable(str(unfit))
    except _UNREADABLE:  # it was read, and cannot be written: nested too deeply
        return Unregistrable("Azure ML's own tools cannot write its conda specification.")


def _properties(found: Any, read: Callable[[str], bytes | None]) -> Properties:
    _check(found)
    conda = _conda(found["conda_file"], read) if "conda_file" in found else None
    tags, routes = found.get("tags"), found.get("inference_config")
    sent = {
        "condaFile": conda,
        "image": found["image"],
        "osType": found["os_type"].lower() if "os_type" in found else None,
        "tags": {key: _tag(value) for key, value in tags.items()} if tags else None,
        "inferenceConfig": _inference(routes) if routes is not None else None,
        "description": found.get("description"),
    }
    return {
        **{key: value for key, value in sent.items() if value},
        "isAnonymous": False,
        "isArchived": False,
    }


def _check(found: Any) -> None:
    """Refuse what azure-ai-ml refuses.

    Raises:
        _Unfit: With the reason.
    """
    if not isinstance(found, dict):
        raise _Unfit("It is no mapping.")
    if unknown := sorted(map(str, found.keys() - _KEYS)):
        raise _Unfit(f"Azure ML's own tools refuse the key `{unknown[0]}` in an environment.")
    if "build" in found:
        raise _Unfit(
            "It is built from a folder, which has to be uploaded to the workspace's storage first."
        )
    _check_values(found)
    if not found.get("name"):
        raise _Unfit("It has no name.")
    if "image" not in found:
        raise _Unfit("It names no image.")


def _check_values(found: Mapping[Any, Any]) -> None:
    if empty := sorted(key for key in _KEYS if found.get(key, "") is None):
        raise _Unfit(f"`{empty[0]}` has no value, which Azure ML's own tools refuse.")
    if not isinstance(found.get("version", ""), str | int | float):
        raise _Unfit("`version` is a date for a reader of YAML: it lacks its quotes.")
    for key in _TEXTS:
        if not isinstance(found.get(key, ""), str):
            raise _Unfit(f"`{key}` is no text for a reader of YAML: it lacks its quotes.")
    system = found.get("os_type", "linux")
    if not isinstance(system, str) or system.lower() not in {"linux", "windows"}:
        raise _Unfit("`os_type` is neither linux nor windows.")
    tags = found.get("tags", {})
    if not isinstance(tags, dict) or not all(isinstance(key, str) for key in tags):
        raise _Unfit("`tags` is no mapping of texts.")


def _conda(value: Any, read: Callable[[str], bytes | None]) -> str | None:
    """Return the conda specification as it is sent: dumped anew, its keys sorted."""
    if isinstance(value, dict):
        return _dumped(value) if value else None
    if not isinstance(value, str):
        raise _Unfit("`conda_file` is neither a path nor a mapping.")
    if not value:
        return None
    if "\n" in value:
        raise _Unfit("`conda_file` is a text; Azure ML's own tools take a path or a mapping.")
    data = None if value.startswith("file:") else read(value)
    if data is None:
        raise _Unfit(f"The conda file {value} is not in the repository.")
    try:
        return _conda_text(data)
    except _UNREADABLE:
        raise _Unfit(f"Azure ML's own tools cannot read the conda file {value}.") from None


@lru_cache(maxsize=32)
def _conda_text(data: bytes) -> str | None:
    found = yaml.safe_load(data.decode("utf-8-sig"))
    return _dumped(found) if found else None


def _dumped(value: Any) -> str:
    # the dumper in C folds long lines at other places
    text: str = yaml.dump(value, Dumper=yaml.Dumper, sort_keys=True)
    return text


def _tag(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        raise _Unfit("A tag is a number that JSON does not have.")
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return value.isoformat()
    if value is None or isinstance(value, str | int | float):
        return value
    raise _Unfit("A tag is neither a text nor a number.")


def _inference(config: Any) -> dict[str, Any]:
    if not isinstance(config, dict) or config.keys() != _ROUTES.keys():
        raise _Unfit(f"`inference_config` has other keys than {', '.join(_ROUTES)}.")
    return {wire: _route(key, config[key]) for key, wire in _ROUTES.items()}


def _route(key: str, route: Any) -> dict[str, Any]:
    if isinstance(route, dict) and route.keys() == {"port", "path"}:
        port, path = route["port"], route["path"]
        if isinstance(path, str) and isinstance(port, str | int | float):
            try:
                if not isinstance(port, bool):
                    return {"port": int(port), "path": path}
            except (ValueError, OverflowError):
                pass  # said below
    raise _Unfit(f"`{key}` is no route with a `port` and a `path`.")


# --- what a workspace has -------------------------------------------------------------------------


def is_same(ours: Properties, theirs: Properties) -> bool:
    """Tell whether a version that a workspace has is what we would create: see `differences`."""
    return not differences(ours, theirs)


def differences(ours: Properties, theirs: Properties) -> list[str]:
    """Return in which properties a version that a workspace has is another than we would create.

    What makes the image has to be equal; what the service adds is passed over. Description and tags
    can be changed in the workspace at any time: it is enough that it has those that we state.

    Args:
        ours: As `body_of` returns them.
        theirs: As the service does.
    """
    wanted, held = _image(ours), _image(theirs)
    found = [name for name, value in wanted.items() if held[name] != value]
    said = ours.get("description")
    if said and theirs.get("description") != said:
        found.append("description")
    labels, there = ours.get("tags") or {}, theirs.get("tags") or {}
    if any(key not in there or _plain(there[key]) != _plain(labels[key]) for key in labels):
        found.append("tags")
    return found


def _image(properties: Properties) -> dict[str, object]:
    """Return what an image is made of, and how it serves."""
    return {
        "image": properties.get("image") or None,
        "condaFile": _canonical(properties.get("condaFile") or None),
        "osType": str(properties.get("osType") or "Linux").lower(),
        "build": _filled(properties.get("build")),
        "inferenceConfig": _filled(properties.get("inferenceConfig")),
    }


def _canonical(conda: Any) -> Any:
    """Return a conda specification as text that is equal where its values are."""
    if not isinstance(conda, str):
        return _dumped(conda) if conda else None
    try:
        return _conda_text(conda.encode()) or None
    except _UNREADABLE:
        return conda


def _filled(value: Any) -> Any:
    """Return the values that are there, those of mappings inside too; None where there is none."""
    if not isinstance(value, Mapping):
        return value
    inside = {key: _filled(item) for key, item in value.items()}
    return {key: item for key, item in inside.items() if item is not None} or None


def _plain(value: Any) -> str:
    """Return a tag as the service may give it back: as text."""
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
