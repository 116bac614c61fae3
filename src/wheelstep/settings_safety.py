"""The settings about safety: workspace connections, and what is allowed all the same."""

from __future__ import annotations

import datetime as dt
import difflib
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, cast
from urllib.parse import urlsplit

from packaging.utils import InvalidName, canonicalize_name

from wheelstep.ground.allowances import EVERY, EXCUSABLE, OF_CONNECTIONS, OF_MIRRORS, Allowance
from wheelstep.ground.connections import AuthType, Category, Connection
from wheelstep.ground.secret import Secret, without_credentials
from wheelstep.options import option
from wheelstep.settings_file import Value

__all__ = ["HOSTS_OWN", "allowances", "connections", "expiry", "switch", "texts_of", "token_of"]

TRUE: Final = frozenset({"1", "true", "yes", "on", "y"})
FALSE: Final = frozenset({"0", "false", "no", "off", "n"})
HOSTS_OWN: Final = ("ACTIONS_", "AZURE_CLIENT_", "ENDPOINT_", "GITHUB_", "INPUT_")
"""How variables begin whose secret belongs to the host or to Azure: `token-env` names none."""
CONNECTION_KEYS: Final = (
    "name", "target", "category", "auth-type", "user", "token-env", "expires", "shared",
)  # fmt: skip
AUTH_TYPES: Final[dict[str, AuthType]] = {
    "pat": "PAT",
    "username_password": "UsernamePassword",
    "none": "None",
}
"""As the command line of Azure ML spells them, and as the service does."""
NO_TEXTS: Final = {"expires": (str, dt.date), "shared": (bool,)}
"""Keys of tables that hold something else than a text; a date and time is a date, too."""
SINGLE: Final = (
    "connection-target", "connection-category", "connection-auth-type", "connection-user",
    "connection-expires", "connection-shared",
)  # fmt: skip
"""What the settings say of one connection."""
ALLOW_KEYS: Final = ("code", "name", "reason")
NAME: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_-]{2,32}")
"""What a connection may be called (REST reference, "Workspace Connections - Create")."""


def texts_of(value: Value, item: Any, keys: Collection[str], what: str) -> dict[str, Any]:
    """Return a table of the settings file: its values are texts, but for those of `NO_TEXTS`.

    Args:
        value: The setting it belongs to.
        item: What the file has.
        keys: Those it may have.
        what: What such a table is, e.g. "a destination".

    Raises:
        SettingError: No table; a key that there is not, a value of another type.
    """
    if not isinstance(item, dict):
        raise value.error(f"{what} is a table here.", f"Write its {', '.join(keys)}.")
    for key, text in item.items():
        if key not in keys:
            near = difflib.get_close_matches(key, keys, 1, 0.6)
            raise value.error(
                f"{what} has no key {key!r}.",
                f"Perhaps you meant {near[0]}." if near else f"Use {', '.join(keys)}.",
                "unknown-setting",
            )
        if not isinstance(text, NO_TEXTS.get(key, (str,))):
            if key == "shared":
                raise value.error("the key 'shared' is a switch.", "Write true or false.")
            raise value.error(f"the key {key!r} wants a text.", "Put it in quotes.")
    return item


def token_of(
    value: Value, name: str, environment: Mapping[str, str], what: str, *, hidden: bool
) -> Secret | None:
    """Return the secret in the variable that a table's `token-env` names; None without a name, and
    where it is `hidden`.

    Raises:
        SettingError: The variable is the host's own, or not set.
    """
    if name.upper().startswith(HOSTS_OWN):
        raise value.error(
            f"token-env is {name}, which holds no secret of a {what}.",
            f"Hand the {what}'s own token to the step under a name of its own.",
        )
    if not name or hidden:
        return None
    given = environment.get(name, "")
    if not given:
        raise value.error(
            f"the environment variable {name}, named by token-env, is not set.",
            f"Hand {name} to the step's environment from the secret store.",
            "missing-token",
        )
    return Secret(given.strip())


def connections(
    values: Mapping[str, Value],
    token: Secret | None,
    environment: Mapping[str, str],
    *,
    pull_request: bool,
) -> tuple[Connection, ...]:
    """Return the workspace connections that the settings know.

    Args:
        values: All settings by option.
        token: What `connection-token` holds.
        environment: This process's, for `token-env`.
        pull_request: A pull request may have written the settings file: no token goes to where
            the file says.

    Raises:
        SettingError: A value is wrong.
    """
    value = values.get("connection")
    single = [values[name] for name in SINGLE if name in values]
    if value is not None and isinstance(value.raw, list):
        if single:
            raise single[0].error(
                "it says something of one connection, and the settings file has tables of them.",
                "Write it into the table it belongs to.",
            )
        hidden = pull_request and value.file is not None
        return _tables(value, value.raw, token, environment, hidden=hidden)
    if value is None and not single and token is None:
        return ()
    target = values.get("connection-target")
    # without a target, the first destination makes it
    says_where = [target] if target else [values.get(name) for name in ("publish-to", "serve-url")]
    hidden = pull_request and any(
        one.file is not None for one in (value, *says_where) if one is not None
    )
    user, secret = _text(values.get("connection-user")) or None, None if hidden else token
    return (
        Connection(
            name=_name(value, _text(value)) if value else "",
            target=_target(target, _text(target)) if target else "",
            category=_category(values.get("connection-category")),
            auth_type=_auth_type(values.get("connection-auth-type"), user, token),
            user=user,
            secret=secret,
            expires=expiry(values.get("connection-expires")),
            shared=switch(values.get("connection-shared"), default=True),
        ),
    )


def _tables(
    value: Value,
    items: Sequence[Any],
    token: Secret | None,
    environment: Mapping[str, str],
    *,
    hidden: bool,
) -> tuple[Connection, ...]:
    found: list[Connection] = []
    for item in items:
        fields = texts_of(value, item, CONNECTION_KEYS, "a connection")
        if not fields.get("target"):
            raise value.error("a connection needs a target.", 'Add target = "https://...".')
        name = fields.get("token-env", "")
        own = token_of(value, name, environment, "connection", hidden=hidden)
        # the one token belongs to the first connection named, as that of a feed does
        secret = own or (token if not found and not hidden else None)
        user, kind = fields.get("user") or None, _part(value, fields.get("auth-type"))
        found.append(
            Connection(
                name=_name(value, fields["name"]) if fields.get("name") else "",
                target=_target(value, fields["target"]),
                category=_category(_part(value, fields.get("category"))),
                auth_type=_auth_type(kind, user, own),
                user=user,
                secret=None if kind is not None and _text(kind) == "none" else secret,
                expires=expiry(_part(value, fields.get("expires"))),
                shared=bool(fields.get("shared", True)),
                source=name if own else "connection-token",
            )
        )
    return tuple(found)


def _part(value: Value, raw: Any) -> Value | None:
    """Return what one key of a table holds, as a value of its own."""
    return None if raw is None else Value(raw, value.origin, value.file, value.line)


def switch(value: Value | None, *, default: bool) -> bool:
    """Return a switch.

    Raises:
        SettingError: Neither true nor false.
    """
    if value is None:
        return default
    if isinstance(value.raw, bool):
        return value.raw
    if isinstance(value.raw, str) and value.raw.strip().lower() in TRUE | FALSE:
        return value.raw.strip().lower() in TRUE
    raise value.error(f"{value.raw!r} is neither true nor false.", "Write true or false.")


def expiry(value: Value | None) -> dt.datetime | None:
    """Return until when a token holds, UTC: the end of a day, or a moment.

    Raises:
        SettingError: No date.
    """
    if value is None:
        return None
    raw = value.raw
    try:
        if isinstance(raw, str) and not raw.strip():
            return None
        if isinstance(raw, dt.date):  # TOML has dates of its own
            raw = raw.isoformat()
        text = str(raw).strip()
        moment = dt.datetime.fromisoformat(text)
        if re.fullmatch(r"\d{4}-?\d{2}-?\d{2}", text):
            # a token lives until the end of the day that the portal names
            moment += dt.timedelta(days=1, seconds=-1)
        # the workspace keeps whole seconds
        moment = moment.replace(microsecond=0)
        return moment.astimezone(dt.UTC) if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    except (ValueError, OverflowError):
        raise value.error(
            f"{str(raw)[:40]!r} is no day on which a token expires.",
            "Write YYYY-MM-DD, as Azure DevOps and GitHub show it beside the token.",
        ) from None


def _text(value: Value | None) -> str:
    if value is None:
        return ""
    if not isinstance(value.raw, str) or "\n" in value.raw.strip() or "\0" in value.raw:
        raise value.error("one line of text is wanted here.", "Put it in quotes.")
    return value.raw.strip()


def _name(value: Value, text: str) -> str:
    if text and not NAME.fullmatch(text):
        raise value.error(
            f"{text!r} is no name that a connection can have.",
            "Use 3 to 33 letters, digits, - and _, a letter or digit first.",
        )
    return text


def _target(value: Value, text: str) -> str:
    parts = urlsplit("")
    try:
        parts = urlsplit(text)
        fits = parts.scheme.lower() in {"http", "https"} and bool(parts.hostname)
        _ = parts.port
    except ValueError:
        fits = False
    if not fits:
        raise value.error(
            f"{without_credentials(text)!r} is no http or https URL.",
            "Write the base URL that the workspace's connection has as its target.",
        )
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise value.error(
            f"the target {without_credentials(text)} holds a user, a password or a query.",
            "Take it out, and hand the token over as connection-token or by token-env. A secret "
            "that was committed must be replaced.",
            "credentials-in-url",
        )
    return text


def _category(value: Value | None) -> Category:
    choices = option("connection-category").choices
    text = _text(value) or "PythonFeed"
    if text in choices:
        return cast("Category", text)
    assert value is not None  # noqa: S101 - the default is one of them
    near = difflib.get_close_matches(text, choices, 1, 0.4)
    hint = f" Perhaps you meant {near[0]}." if near else ""
    raise value.error(
        f"{text!r} is none of {', '.join(choices)}.", f"Choose one of {', '.join(choices)}.{hint}"
    )


def _auth_type(value: Value | None, user: str | None, secret: Secret | None) -> AuthType:
    """Return how a connection authenticates, which the settings need not say.

    Raises:
        SettingError: There is no such way, or what else is set does not fit it.
    """
    text = _text(value)
    if value is None or not text:
        return "UsernamePassword" if user else "PAT"
    if text not in AUTH_TYPES:
        near = difflib.get_close_matches(text.lower(), AUTH_TYPES, 1, 0.4)
        hint = f" Perhaps you meant {near[0]}." if near else ""
        raise value.error(
            f"{text!r} is none of {', '.join(AUTH_TYPES)}. Azure ML documents no other way for "
            "Python feeds and git.",
            f"Choose one of {', '.join(AUTH_TYPES)}.{hint}",
        )
    if text == "username_password" and not user:
        raise value.error(
            "a user name with a password is wanted, and no user name is set.",
            "Set connection-user (in a table: user), or choose pat.",
        )
    if text == "pat" and user:
        raise value.error(
            "a personal access token goes without a user name, and one is set.",
            "Remove connection-user (in a table: user), or choose username_password.",
        )
    if text == "none" and (user or secret):
        raise value.error(
            "the connection shall have no credentials, and a user name or a token is set for it.",
            "Remove them, or choose pat or username_password.",
        )
    return AUTH_TYPES[text]


def allowances(value: Value | None) -> tuple[Allowance, ...]:
    """Return the exceptions that the settings make.

    Raises:
        SettingError: A code that cannot be excused, a name that is none, no reason.
    """
    if value is None:
        return ()
    items = value.raw.splitlines() if isinstance(value.raw, str) else value.raw
    if not isinstance(items, list):
        raise value.error("tables are wanted here.", "Write [[allow]] with code, name and reason.")
    found = []
    for item in items:
        if isinstance(item, str):
            if not item.strip():
                continue
            fields = dict(zip(ALLOW_KEYS, item.split(None, 2), strict=False))
        else:
            fields = texts_of(value, item, ALLOW_KEYS, "an exception")
        found.append(_allowance(value, {key: text.strip() for key, text in fields.items()}))
    return tuple(found)


def _allowance(value: Value, fields: Mapping[str, str]) -> Allowance:
    code, name = fields.get("code", ""), fields.get("name", "")
    if code not in EXCUSABLE:
        near = difflib.get_close_matches(code, EXCUSABLE, 1, 0.6)
        raise value.error(
            f"{code!r} is no finding that can be allowed.",
            f"Perhaps you meant {near[0]}." if near else f"There is {', '.join(EXCUSABLE)}.",
        )
    normal = _excused(value, code, name)
    if not fields.get("reason"):
        raise value.error(
            f"{code} is allowed for {name} without a reason.",
            "Say why, for whoever reads it next year: the report repeats it.",
        )
    return Allowance(code, normal, " ".join(fields["reason"].split()))


def _excused(value: Value, code: str, name: str) -> str:
    if name == EVERY:
        return name
    if code in OF_CONNECTIONS:
        if NAME.fullmatch(name):
            return name
        raise value.error(
            f"{name!r} is no name of a connection.", "Write its name, or * for every connection."
        )
    if code in OF_MIRRORS:
        if re.fullmatch(r"[^\s/]+/[^\s/]+", name):
            return name.lower()
        raise value.error(
            f"{name!r} is no name of a mirror.", "Write ACCOUNT/CONTAINER, or * for every mirror."
        )
    try:
        return canonicalize_name(name, validate=True)
    except InvalidName:
        raise value.error(
            f"{name!r} is no name of a package.", "Write its name, or * for every package."
        ) from None
