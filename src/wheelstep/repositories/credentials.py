"""How a token reaches git: one Authorization header, by environment alone."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from wheelstep.errors import CannotHere
from wheelstep.ground.git import Git
from wheelstep.ground.secret import Secret, password_in

__all__ = ["header_settings", "hide_password", "is_http", "need_config_by_environment"]

USER: Final = "x-access-token"
"""What GitHub wants beside an app's token; Azure Repos takes any user name."""
OLDEST: Final = (2, 31)
"""The first git that reads GIT_CONFIG_COUNT."""


def is_http(url: str) -> bool:
    """Tell whether git speaks HTTP to this URL, so that a header reaches it; what is no URL is
    left to git, which says so."""
    try:
        _ = urlsplit(url).port
    except ValueError:
        return False
    return url.lower().startswith(("http://", "https://"))


def header_settings(url: str, user: str | None, token: Secret) -> list[tuple[str, str]]:
    """Return the settings with which git sends exactly one Authorization header to `url`.

    An empty value first resets the key: actions/checkout leaves a header for the host (up to v5 in
    .git/config, from v6 on in a file that .git/config includes), Azure's checkout one for the full
    URL. The longest matching key wins (git-config(1), http.<url>.*), so ours is the full URL too.

    Args:
        url: The remote's URL as git uses it.
        user: For basic authentication; None for one that every host takes.
        token: The password.
    """
    pair = f"{user or USER}:{token.reveal()}"
    header = Secret(base64.b64encode(pair.encode()).decode())
    place = _without_password(url)
    key = f"http.{place}.extraHeader"
    return [
        (key, ""),
        (key, f"AUTHORIZATION: basic {header.reveal()}"),
        # a redirect would carry the header to wherever the answer points
        (f"http.{place}.followRedirects", "false"),
        # a refused token is an answer: no helper may offer another account instead
        ("credential.helper", ""),
    ]


def hide_password(url: str) -> None:
    """Make a password inside a remote's URL known for masking."""
    password = password_in(url)
    if password:
        Secret(password)
        Secret(urlsplit(url).password or password)  # as it is written there


def need_config_by_environment(git: Git) -> None:
    """Refuse a git that would silently not send the token.

    Raises:
        CannotHere: When git is older than 2.31.
    """
    said = git.text("version")
    found = re.search(r"(\d+)\.(\d+)", said)
    if found and (int(found[1]), int(found[2])) < OLDEST:
        raise CannotHere(
            f"{said} is too old: it cannot be given a token without writing it to a file.",
            code="git-too-old",
            cure="Install git 2.31 or newer.",
        )


def helper_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the tokens that GitHub's own credential helper (`gh auth setup-git`) reads.

    Where no token is given git uses what the user has set up, and this is a part of it.
    """
    names = ("GH_TOKEN", "GITHUB_TOKEN", "GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN")
    return {name: environment[name] for name in names if environment.get(name)}


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    account, at, host = parts.netloc.rpartition("@")
    user = account.partition(":")[0]
    # a user in the URL stays: Azure's checkout has it in its key, and a key with it ranks higher
    return urlunsplit(parts._replace(netloc=f"{user}{at}{host}", query="", fragment=""))
