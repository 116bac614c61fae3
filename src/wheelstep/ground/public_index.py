"""The index that pip is configured with, read as pip reads it but without starting pip, and handed
to uv so that both choose from the same files.

Source of the rules: pip's user guide, "Configuration" (files, their precedence, environment
variables); uv's reference, "Environment variables".
"""

from __future__ import annotations

import configparser
import json
import locale
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit, urlunsplit
from urllib.request import url2pathname

from wheelstep.errors import SettingError
from wheelstep.ground.feed_names import same_feed
from wheelstep.ground.process import child_environment
from wheelstep.ground.proxies import is_below
from wheelstep.ground.secret import Secret

__all__ = [
    "IndexCredential",
    "PipIndexes",
    "credential_for",
    "pip_indexes",
    "public_indexes",
    "split_credential",
    "uv_environment",
    "uv_index_file",
    "uv_index_variables",
]

NOWHERE = (Path(__file__).parent / "no-index").as_uri()
"""A folder index that does not exist: uv has `--no-index` as an argument only, and an index in
which nothing is found means the same."""

KEPT_UV_VARIABLES = (
    "UV_CACHE_DIR",
    "UV_CONCURRENT_",
    "UV_HTTP_",
    "UV_INSECURE_HOST",
    "UV_LINK_MODE",
    "UV_NATIVE_TLS",
    "UV_NO_CACHE",
    "UV_OFFLINE",
    "UV_REQUEST_TIMEOUT",
    "UV_SYSTEM_CERTS",
)
"""What a user may say about uv without changing what it resolves to; every other UV_ variable
(pre-releases, overrides, constraints, `exclude-newer`) would make it choose unlike pip."""


@dataclass(frozen=True, slots=True)
class IndexCredential:
    """A user and password, and the URL prefix they belong to: they are sent nowhere else."""

    url: str
    """Without credentials; compared by scheme, host and whole path segments."""
    user: str
    password: Secret | None


@dataclass(frozen=True, slots=True)
class PipIndexes:
    """Where pip looks for packages, credentials kept apart."""

    index_url: str | None = None
    """None where nothing is configured: then it is pip's own default."""
    extra_index_urls: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    """URLs (`file:` for folders of this machine, which exist)."""
    certificate: str | None = None
    """Path of a CA bundle."""
    no_index: bool = False
    trusted_hosts: tuple[str, ...] = ()
    credentials: tuple[IndexCredential, ...] = ()

    @property
    def names_an_index(self) -> bool:
        """True when anything but pip's own default index is configured."""
        return bool(self.index_url or self.extra_index_urls or self.find_links or self.no_index)

    @property
    def index_urls(self) -> tuple[str | None, ...]:
        """All indexes in pip's order; None stands for the one that pip has by default."""
        return () if self.no_index else (self.index_url, *self.extra_index_urls)


def split_credential(url: str) -> tuple[str, IndexCredential | None]:
    """Take user and password out of a URL.

    Args:
        url: Any URL; percent-encoding in user and password is undone, as pip does.

    Returns:
        The URL without them, and what was taken out (None where there was nothing).
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return url, None  # no URL: uv says so
    login, at, host = parts.netloc.rpartition("@")
    if not at:
        return url, None
    bare = urlunsplit((parts.scheme, host, parts.path, parts.query, parts.fragment))
    user, colon, password = login.partition(":")
    secret = Secret(unquote(password)) if colon and password else None
    return bare, IndexCredential(bare, unquote(user), secret)


def credential_for(url: str, credentials: Iterable[IndexCredential]) -> IndexCredential | None:
    """Return the credential with the longest prefix that `url` lies under, or None.

    One for a feed of Azure Artifacts is one for its views and its other spellings, too, at both
    hosts of Azure DevOps Services: it is returned for the spelling of `url`.
    """
    known = tuple(credentials)
    under = [credential for credential in known if is_below(url, credential.url)]
    under = under or [replace(one, url=url) for one in known if same_feed(url, one.url)]
    return max(
        under, key=lambda credential: len(urlsplit(credential.url).path.rstrip("/")), default=None
    )


def pip_indexes(
    environment: Mapping[str, str], *, prefixes: Sequence[str] = (sys.base_prefix, sys.prefix)
) -> PipIndexes:
    """Return the indexes that pip would use, from its configuration files and PIP_ variables.

    Args:
        environment: This process's; HOME, XDG_ variables, APPDATA and so on are taken from it.
        prefixes: Where the pip in question may be installed, least first: the Python this
            process runs in, and the one its virtual environment was made from.

    Raises:
        SettingError: A configuration file that pip would not read either.
    """
    values: dict[str, str] = {}
    for path in configuration_files(environment, prefixes):
        values |= read_configuration(path)
    found = {
        name: value
        for section in ("global", "install")  # the command's own section beats the general one
        for key, value in values.items()
        for name in [key.removeprefix(f"{section}.")]
        if name != key and value
    }
    found |= {
        name[4:].lower().replace("_", "-"): value
        for name, value in environment.items()
        if name.startswith("PIP_") and value
    }
    urls: list[str] = []
    credentials: list[IndexCredential] = []
    for value in (found.get("index-url", ""), *found.get("extra-index-url", "").split()):
        url, credential = split_credential(as_url(value.strip()))
        urls.append(url)
        credentials += [credential] if credential else []
    links = [split_credential(as_url(value)) for value in found.get("find-links", "").split()]
    return PipIndexes(
        index_url=urls[0] or None,
        extra_index_urls=tuple(urls[1:]),
        find_links=tuple(url for url, _ in links if exists(url)),
        certificate=found.get("cert"),
        no_index=found.get("no-index", "").lower() in {"y", "yes", "t", "true", "on", "1"},
        trusted_hosts=tuple(found.get("trusted-host", "").split()),
        credentials=(*credentials, *(credential for _, credential in links if credential)),
    )


def configuration_files(environment: Mapping[str, str], prefixes: Sequence[str]) -> list[Path]:
    """Return the places of pip's configuration files on this system, least important first."""
    named = environment.get("PIP_CONFIG_FILE")
    if named == os.devnull:
        return []
    home = environment.get("USERPROFILE" if sys.platform == "win32" else "HOME")
    name = "pip.ini" if sys.platform == "win32" else "pip.conf"
    system: list[Path]
    user: list[Path] = []
    if sys.platform == "win32":
        system = [Path(environment.get("PROGRAMDATA", "C:\\ProgramData")) / "pip"]
        user += [Path(home) / "pip"] if home else []
        user += [Path(environment["APPDATA"]) / "pip"] if environment.get("APPDATA") else []
    elif sys.platform == "darwin":
        system = [Path("/Library/Application Support/pip")]
        if home:
            own = Path(home) / "Library/Application Support/pip"
            user += [Path(home) / ".pip", own if own.is_dir() else Path(home) / ".config/pip"]
    else:
        shared = environment.get("XDG_CONFIG_DIRS") or "/etc/xdg"
        system = [Path(part) / "pip" for part in shared.split(os.pathsep) if part]
        system += [Path("/etc")]
        if home:
            own = Path(environment.get("XDG_CONFIG_HOME") or Path(home) / ".config") / "pip"
            user += [Path(home) / ".pip", own]
    if named and Path(named).exists():
        user = []  # a named file takes the place of the user's
    site = [Path(prefix) for prefix in dict.fromkeys(prefixes)]
    files = [folder / name for folder in (*system, *user, *site)]
    return [*files, Path(named)] if named else files


def read_configuration(path: Path) -> dict[str, str]:
    """Return a configuration file's values as {"section.key-name": value}; {} if it is absent."""
    parser = configparser.RawConfigParser()
    try:
        # the encoding that pip reads it with
        parser.read(path, encoding="utf-8" if sys.flags.utf8_mode else locale.getencoding())
    except (configparser.Error, UnicodeError) as error:
        # the parser's own words quote the line, which may hold a password
        line = getattr(error, "lineno", None)
        raise SettingError(
            f"pip's configuration file {path} cannot be read"
            + (f" (line {line})" if line else "")
            + ": it is no valid INI file in this system's encoding.",
            code="pip-configuration",
            cure="Mend it: `pip config debug` shows the same fault. Or name another file with "
            "PIP_CONFIG_FILE.",
        ) from None
    except OSError as error:
        raise SettingError(
            f"pip's configuration file {path} cannot be read: {error.strerror}.",
            code="pip-configuration",
            cure="Let this user read it, or name another file with PIP_CONFIG_FILE.",
        ) from error
    return {
        f"{section}.{key.lower().replace('_', '-').removeprefix('--')}": value
        for section in parser.sections()
        for key, value in parser.items(section)
    }


def as_url(value: str) -> str:
    """Return a folder or file of this machine as a `file:` URL, and a URL as it is."""
    if not value or "://" in value or value.startswith("file:"):
        return value
    return Path(value).expanduser().absolute().as_uri()


def exists(url: str) -> bool:
    """False for a `file:` URL that leads nowhere: pip passes it over, uv would fail."""
    parts = urlsplit(url)
    return parts.scheme != "file" or Path(url2pathname(parts.path)).exists()


def public_indexes(environment: Mapping[str, str]) -> PipIndexes:
    """Return what pip is configured with or, where that names no index, what uv is told by its
    environment variables.

    Raises:
        SettingError: As `pip_indexes`.
    """
    pip = pip_indexes(environment)
    default = environment.get("UV_DEFAULT_INDEX") or environment.get("UV_INDEX_URL")
    extra = f"{environment.get('UV_INDEX', '')} {environment.get('UV_EXTRA_INDEX_URL', '')}"
    links = [part for part in environment.get("UV_FIND_LINKS", "").split(",") if part.strip()]
    if pip.names_an_index or not (default or extra.strip() or links):
        return pip
    urls: list[str] = []
    credentials: list[IndexCredential] = []
    # uv gives the index named first the precedence, pip the one named last
    for value in (default or "", *reversed(extra.split())):
        name, _, named = value.partition("=")
        named = named if name.replace("-", "").replace("_", "").isalnum() and named else value
        url, credential = split_credential(as_url(named))
        stem = "".join(letter if letter.isalnum() else "_" for letter in name.upper())
        user = environment.get(f"UV_INDEX_{stem}_USERNAME")
        password = environment.get(f"UV_INDEX_{stem}_PASSWORD")
        if named != value and (user or password):
            secret = Secret(password) if password else None
            credential = IndexCredential(url, user or "", secret)
        urls.append(url)
        credentials += [credential] if credential else []
    return PipIndexes(
        index_url=urls[0] or None,
        extra_index_urls=tuple(urls[1:]),
        find_links=tuple(url for part in links if exists(url := as_url(part.strip()))),
        certificate=pip.certificate,
        trusted_hosts=pip.trusted_hosts,
        credentials=tuple(credentials),
    )


def uv_index_variables(
    index_urls: Sequence[str | None],
    find_links: Sequence[str] = (),
    credentials: Sequence[IndexCredential] = (),
    *,
    first: Sequence[str] = (),
) -> dict[str, str]:
    """Return the variables that make uv choose among these indexes as pip does.

    pip takes the best version over all indexes and, of equal files, that of the index named last;
    uv's `unsafe-best-match` takes the best version and, of equal ones, that of the index named
    first, the default index last of all. So the order is turned round.

    Args:
        index_urls: In pip's order, without credentials; None is the default one, which is left to
            uv to know.
        find_links: URLs.
        credentials: Sent only to the indexes that lie under their prefix, and by variables of
            their own: uv writes credentials of a URL into its output.
        first: Indexes that win over all others for an equal version.
    """
    # a space inside would end the URL for uv, and begin another one with a name of its choice:
    # that of ours, say, whose password it would then be sent
    index_urls = [re.sub(r"\s", lambda sign: quote(sign[0]), url) if url else url
                  for url in index_urls]  # fmt: skip
    order = [*first, *reversed([url for url in index_urls if url])]
    last = None if None in index_urls else (order.pop() if order else NOWHERE)
    names = {url: f"index{number}" for number, url in enumerate([*order, *filter(None, [last])])}
    variables = {"UV_INDEX_STRATEGY": "unsafe-best-match"}
    if order:
        variables["UV_INDEX"] = " ".join(f"{names[url]}={url}" for url in order)
    if last:
        variables["UV_DEFAULT_INDEX"] = f"{names[last]}={last}"
    if find_links:
        variables["UV_FIND_LINKS"] = ",".join(url.replace(",", "%2C") for url in find_links)
    for url, name in names.items():
        if credential := credential_for(url, credentials):
            variables[f"UV_INDEX_{name.upper()}_USERNAME"] = credential.user
            if credential.password:  # the one place where uv gets a password
                variables[f"UV_INDEX_{name.upper()}_PASSWORD"] = credential.password.reveal()
    return variables


def uv_index_file(variables: Mapping[str, str]) -> str:
    """Return a uv.toml with the indexes of such variables, in which one without a credential of its
    own gets none: uv would send it that of another one on the same host.

    Source: uv's guide, "Indexes", "Disabling authentication"; that the credential of one index is
    tried for every URL of its host was observed.

    Args:
        variables: From `uv_index_variables`; `UV_INDEX` and `UV_DEFAULT_INDEX` are what the file
            takes the place of.
    """
    default = variables.get("UV_DEFAULT_INDEX", "")
    parts: list[str] = []
    for value in [*variables.get("UV_INDEX", "").split(), *filter(None, [default])]:
        name, _, url = value.partition("=")
        # what JSON quotes, TOML reads
        lines = ["[[index]]", f"name = {json.dumps(name)}", f"url = {json.dumps(url)}"]
        lines += ["default = true"] if value == default else []
        known = f"UV_INDEX_{name.upper()}_USERNAME" in variables
        lines += [] if known else ['authenticate = "never"']
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def uv_environment(
    environment: Mapping[str, str], indexes: PipIndexes | None = None
) -> dict[str, str]:
    """Return a whole environment for uv, in which it sees what pip would see.

    Args:
        environment: This process's; nothing in it that looks like a secret is handed on.
        indexes: Where to look; `public_indexes(environment)` when None. Where nothing at all is
            configured, uv keeps its own default.

    Raises:
        SettingError: As `pip_indexes`.
    """
    indexes = public_indexes(environment) if indexes is None else indexes
    variables = {
        name: value
        for name, value in child_environment(environment).items()
        if not name.startswith(("PIP_", "UV_")) or name.startswith(KEPT_UV_VARIABLES)
    }
    variables |= {
        "UV_KEYRING_PROVIDER": "disabled",
        # ~/.netrc is of this machine: an image build has none, and what it holds is for others
        "NETRC": os.devnull,
        "UV_NO_PROGRESS": "1",
        "UV_PYTHON_DOWNLOADS": "never",
        "NO_COLOR": "1",
    }
    bundles = (environment.get(name) for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"))
    if indexes.certificate:
        variables["SSL_CERT_FILE"] = indexes.certificate
    elif not environment.get("SSL_CERT_FILE") and (bundle := next(filter(None, bundles), None)):
        variables["SSL_CERT_FILE"] = bundle  # pip's HTTP library reads these two
    if not variables.get("SSL_CERT_FILE") and "UV_NATIVE_TLS" not in variables:
        variables.setdefault("UV_SYSTEM_CERTS", "1")  # pip trusts what the system trusts
    if indexes.trusted_hosts:
        known = variables.get("UV_INSECURE_HOST", "").split()
        variables["UV_INSECURE_HOST"] = " ".join(dict.fromkeys([*known, *indexes.trusted_hosts]))
    if indexes.names_an_index:
        # uv's own files could name other indexes, which pip knows nothing of
        variables["UV_NO_CONFIG"] = "1"
        variables |= uv_index_variables(indexes.index_urls, indexes.find_links, indexes.credentials)
    elif config := environment.get("UV_CONFIG_FILE"):
        variables["UV_CONFIG_FILE"] = config
    return variables
