"""URLs of remotes: which there are, and what is found at them."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from wheelstep.errors import SettingError
from wheelstep.ground.git import Git
from wheelstep.ground.github_address import RESIDENT
from wheelstep.repositories.credentials import is_http

__all__ = ["commit_page", "remote_urls", "rewritten_url", "served_url", "usual_remote"]

SSH: Final = re.compile(
    r"(?:ssh://(?:[^@/]+@)?(?P<host>[^:/@]+)(?::\d+)?/|(?:[^@/:]+@)(?P<server>[^:/@]+):)(?P<path>.+)"
)
SAME_PATH: Final = frozenset({"github.com", "gitlab.com", "bitbucket.org"})
"""Hosts that serve the same path by ssh and by HTTPS."""
BY_HTTPS_PORT: Final = {"ssh.github.com": "github.com"}
"""Where ssh is spoken on port 443, for networks that let nothing else out."""


def remote_urls(git: Git, branch: str) -> list[str]:
    """Return the URLs that the branch's remote is read from and pushed to, as git rewrites them;
    nothing where there is no remote. What may be sent to one of them is sent to all."""
    try:
        name = usual_remote(git, branch)
    except SettingError:
        return []
    asked = [git.try_("remote", "get-url", *how, "--", name) for how in ((), ("--push",))]
    return [done.text.strip().partition("\n")[0] for done in asked if done.code == 0]


def rewritten_url(git: Git, url: str) -> str:
    """Return the URL that git makes of one (url.*.insteadOf)."""
    done = git.try_("ls-remote", "--get-url", "--", url)
    return done.text.strip().partition("\n")[0] or url


def served_url(url: str, *, same_path: bool = False) -> str | None:
    """Return the URL at which anyone with access reads a remote by HTTP, without credentials.

    Args:
        url: The remote's, as git has it; in one of ssh's forms too.
        same_path: It is known that the host serves the same path by ssh and by HTTPS.

    Returns:
        None where there is none for certain: a folder, ssh to a host that is not known.
    """
    if is_http(url):
        parts = urlsplit(url)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
    found = SSH.fullmatch(url)
    if found is None:
        return None
    host, path = (found["host"] or found["server"]).lower(), found["path"].strip("/")
    host = BY_HTTPS_PORT.get(host, host)
    if host in {"ssh.dev.azure.com", "vs-ssh.visualstudio.com"}:
        azure = re.fullmatch(r"v3/([^/]+)/([^/]+)/([^/]+)", path)
        return f"https://dev.azure.com/{azure[1]}/{azure[2]}/_git/{azure[3]}" if azure else None
    known = same_path or host in SAME_PATH or host.endswith(RESIDENT)
    return f"https://{host}/{path}" if known else None


def usual_remote(git: Git, branch: str) -> str:
    """Return the name of a branch's remote: its upstream's, else origin, else the only one.

    Raises:
        SettingError: There is none, or there are several.
    """
    upstream = git.try_("config", "--get", f"branch.{branch}.remote").text.strip()
    if upstream and upstream != ".":
        return upstream
    remotes = git.text("remote").split("\n")
    if "origin" in remotes:
        return "origin"
    if len(remotes) == 1 and remotes[0]:
        return remotes[0]
    raise SettingError(
        "This repository has no remote to push to."
        if not remotes[0]
        else f"This repository has several remotes and none named origin: {', '.join(remotes)}.",
        code="no-remote",
        cure="Add it with `git remote add origin URL`, or use `commit: local`."
        if not remotes[0]
        else f"Make one the branch's upstream: `git branch --set-upstream-to=NAME/{branch}`.",
    )


def commit_page(url: str, commit: str, *, github: bool = False) -> str | None:
    """Return the address of a commit's page on GitHub or Azure Repos; None elsewhere.

    Args:
        url: The remote's, as git has it; in one of ssh's forms too.
        commit: Full id.
        github: It is known to be on a GitHub, whatever its host is called.
    """
    served = served_url(url, same_path=github)
    if served is None:
        return None
    parts = urlsplit(served)
    if not github and parts.netloc != "github.com" and "/_git/" not in parts.path:
        return None
    path = parts.path.rstrip("/").removesuffix(".git")
    return urlunsplit((parts.scheme, parts.netloc, f"{path}/commit/{commit}", "", ""))
