"""Secrets have a type that never prints, and every made secret is known for masking."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Callable
from typing import Final, final
from urllib.parse import quote, quote_plus, unquote, urlsplit, urlunsplit

from wheelstep.errors import SettingError

__all__ = [
    "Secret",
    "blanked",
    "known_forms",
    "on_new_secret",
    "password_in",
    "redact",
    "without_credentials",
]

_listeners: list[Callable[[str], None]] = []
_known: set[str] = set()

_HEX: Final = re.compile("%[0-9A-F]{2}")
WIDTHS: Final = (64, 76)
"""Characters of a line of base64 that a tool wraps (RFC 7468, RFC 2045)."""
SHORTEST_PART: Final = 16
"""Characters of such a line: a shorter last one says little, and could be a word."""
SHORTEST_MASKED = 4
"""Shorter values are not masked: they would blank out ordinary text."""


def encodings(value: str) -> list[str]:
    """Return the forms in which a secret could appear in text: plain, URL, base64, JSON, HTML,
    hexadecimal, UTF-16, as Python shows a text."""
    raw = value.encode()
    quoted = {quote(value, safe=""), quote(value), quote_plus(value)}
    forms = {
        value,
        *quoted,
        *(_HEX.sub(lambda found: found[0].lower(), one) for one in quoted),
        json.dumps(value)[1:-1],
        html.escape(value),
        html.escape(value, quote=False),
        repr(value)[1:-1],
        raw.hex(),
        raw.hex().upper(),
        "".join(f"%{byte:02x}" for byte in raw),
        "".join(f"%{byte:02X}" for byte in raw),
        "\0".join(value),
    }
    # as a shell on Windows has it (UTF-16), too
    in_base64 = _in_base64(raw) | _in_base64(value.encode("utf-16-le"))
    # by the alphabet for URLs, too (RFC 4648, 5)
    forms |= in_base64 | {one.replace("+", "-").replace("/", "_") for one in in_base64}
    forms.update(line for line in value.splitlines() if line.strip())
    return sorted((form for form in forms if len(form) >= SHORTEST_MASKED), key=len, reverse=True)


def _in_base64(raw: bytes) -> set[str]:
    whole = base64.b64encode(raw).decode().rstrip("=")
    forms = {whole, base64.b64encode(b":" + raw).decode().rstrip("=")}
    for width in WIDTHS:
        lines = (whole[at : at + width] for at in range(0, len(whole), width))
        forms.update(line for line in lines if len(line) >= SHORTEST_PART)
    # inside a longer text (user:secret) base64 depends on the offset: the whole groups of each
    for shift in (1, 2):
        encoded = base64.b64encode(b"\0" * shift + raw)
        end = -4 if len(encoded) > 8 else None  # noqa: PLR2004 - keep one whole group at least
        forms.add(encoded[4:end].decode())
    forms.add(base64.b64encode(raw[: len(raw) // 3 * 3]).decode())
    return forms


@final
class Secret:
    """A value that must not be seen. `reveal()` is called in one place per service."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        """Register the value for masking, then keep it.

        Raises:
            SettingError: It holds bytes that are no UTF-8: no service takes those.
        """
        self._value = value
        try:
            forms = encodings(value)
        except UnicodeEncodeError:
            raise SettingError(
                "A token, key or password of this run holds bytes that are no UTF-8.",
                code="bad-setting",
                cure="Store it again as it was issued.",
            ) from None
        for form in forms:
            if form not in _known:
                _known.add(form)
                for listener in _listeners if _is_text(form) else ():
                    listener(form)

    def reveal(self) -> str:
        """Return the value itself: for a request's header or a child's environment only."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> str:
        raise TypeError("a secret is not pickled")


_LOGIN: Final = re.compile(
    r"(?<=//)(?:[^/\s:@]*:(?!\d*(?:[/?#\s]|$))[^\s`'\"<>]{0,4096}@|[^/\s`'\"<>]*@)"
)
"""A user, or a password with any sign in it but spaces and marks; a port is none. Without a bound
a long text of many URLs would be read once for each."""
_SIGNATURE: Final = re.compile(
    r"([?&;](?:sig|signature|\w*token|\w*key|\w*secret|password|pwd|code)=)[^&;#\s`'\"<>]+",
    re.IGNORECASE,
)


_TOKEN: Final = re.compile(r"(?:gh[a-z]|github_pat|glpat)[_-]\w.*|[A-Za-z0-9]{40,}")
"""A user's name that is a token: by its prefix, or as long as those of Azure DevOps (52, 84)."""


def on_new_secret(listener: Callable[[str], None]) -> None:
    """Call `listener` with every form of every secret that is a text, those made before
    included."""
    _listeners.append(listener)
    for form in sorted(filter(_is_text, _known)):
        listener(form)


def _is_text(form: str) -> bool:
    """Tell UTF-16 apart, as bytes of it are read: no host that is told what to blank takes NUL."""
    return "\0" not in form


def known_forms() -> list[bytes]:
    """Return every known secret in every form, longest first: for a search in files."""
    return [form.encode() for form in sorted(_known, key=len, reverse=True)]


def redact(text: str) -> str:
    """Return `text` with every known secret, in every form, replaced by `***`."""
    for form in sorted(_known, key=len, reverse=True):
        text = text.replace(form, "***")
    return text


def blanked(text: str) -> str:
    """Return a text of another's, to be quoted: known secrets, and what the form of a URL in it
    says is one (a login, a signature), replaced by `***`."""
    return _SIGNATURE.sub(r"\1***", _LOGIN.sub("***@", redact(text)))


def password_in(url: str) -> str | None:
    """Return the password in a URL, as it is meant; also a token in the place of the user, as
    `https://TOKEN@github.com/...` has it. None where there is none, or it is no URL."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    if parts.password:
        return unquote(parts.password)
    user = unquote(parts.username or "")
    return user if _TOKEN.fullmatch(user) else None


def without_credentials(url: str) -> str:
    """Return a URL without user, password and query (a SAS lives there), to be shown."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url.partition("?")[0].rpartition("@")[2]  # no URL, and shown to say so
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))
