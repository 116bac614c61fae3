"""The setting `publish-to`: destinations in lines or tables, each with its own token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlsplit

from wheelstep.destinations.feed_forms import items_of, plain
from wheelstep.destinations.interface import Wanted
from wheelstep.ground.credentials import organization_of
from wheelstep.ground.secret import Secret
from wheelstep.hosts.interface import Host
from wheelstep.settings_file import Value, text_of
from wheelstep.settings_safety import texts_of, token_of
from wheelstep.settings_view import view_name

__all__ = ["TABLE_KEYS", "destinations"]

TABLE_KEYS: Final = ("name", "url", "serve-url", "view", "user", "token-env")


def destinations(
    values: Mapping[str, Value],
    token: Secret | None,
    environment: Mapping[str, str],
    host: Host,
) -> tuple[Wanted, ...]:
    """Return where wheels are published to.

    Args:
        values: All settings by option.
        token: What `feed-token` holds.
        environment: This process's, for `token-env`.
        host: Where this runs.

    Raises:
        SettingError: A value is wrong.
    """
    value = values.get("publish-to")
    serve_url = text_of(values.get("serve-url"), "") or None
    user = text_of(values.get("feed-user"), "") or None
    if value is None:
        if host.is_ci:
            return ()
        return (Wanted("wheel-index", serve_url=serve_url),)
    raw = [value.raw] if isinstance(value.raw, str) else value.raw
    if not isinstance(raw, list):
        raise value.error("a list is wanted here.", 'Write ["https://..."] or tables.')
    # a pull request may have written the file: no token goes to where the file says
    anonymous = value.file is not None and host.trigger().pull_request
    lines = [line for item in raw for line in (items_of(item) if isinstance(item, str) else [item])]
    wanted = [
        _table(value, item, environment, anonymous=anonymous)
        if isinstance(item, dict)
        else _one_line(text_of(Value(item, value.origin, value.file, value.line), ""))
        for item in lines
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
    remote = [_owner(item.url) for item in wanted if not _is_folder(item.url)]
    return tuple(
        Wanted(
            url=item.url,
            name=item.name,
            serve_url=item.serve_url or (serve_url if only else None),
            user=item.user or user,
            # the one token belongs to the first service named, and to no other's
            token=item.token or (token if remote and _owner(item.url) == remote[0] else None),
            written=item.written,
            anonymous=anonymous,
            view=item.view,
        )
        for item in wanted
    )


def _one_line(text: str) -> Wanted:
    form = plain(text)
    return Wanted(form.text, written=text if form.hint else "")


def _is_folder(url: str) -> bool:
    """Tell whether no token belongs there: a workspace is signed in at with Entra ID."""
    return "://" not in url or url.lower().startswith(("file://", "azureml://"))


def _owner(url: str) -> str | None:
    """Return whose a service is: the organization of Azure DevOps, at whichever of its hosts, else
    the host; None for a folder."""
    if _is_folder(url):
        return None
    plain_url = url.split("+", 1)[-1] if "+http" in url else url
    try:
        return organization_of(plain_url) or urlsplit(plain_url).netloc.lower()
    except ValueError:
        return None  # no URL: destinations/table.py says so


def _table(
    value: Value, item: dict[str, Any], environment: Mapping[str, str], *, anonymous: bool
) -> Wanted:
    fields = texts_of(value, item, TABLE_KEYS, "a destination")
    if not fields.get("url"):
        raise value.error("a destination needs a url.", 'Add url = "https://...".')
    name = fields.get("token-env", "")
    token = token_of(value, name, environment, "destination", hidden=anonymous)
    line = _one_line(next(iter(items_of(fields["url"])), ""))
    view = fields.get("view")
    return Wanted(
        url=line.url,
        name=fields.get("name"),
        serve_url=fields.get("serve-url"),
        user=fields.get("user"),
        token=token,
        written=line.written,
        view=view_name(replace(value, raw=view)) if view else None,
    )
