"""A real PyPI-compatible index: pypiserver in a process of its own, behind basic authentication."""

from __future__ import annotations

import base64
import hashlib
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

__all__ = ["PypiServer", "pypi_server"]

STARTS_WITHIN = 30.0
"""Seconds."""


@dataclass(frozen=True, slots=True)
class PypiServer:
    """A running index."""

    url: str
    """The base: files are uploaded to it, and read below `simple/`; with a final slash."""
    user: str
    password: str
    """Both empty when everybody may do everything."""
    directory: Path
    """Where it keeps the files."""

    @property
    def simple_url(self) -> str:
        return f"{self.url}simple/"

    @property
    def url_with_password(self) -> str:
        """The simple index with user and password inside, for pip and uv."""
        if not self.user:
            return self.simple_url
        return self.simple_url.replace("://", f"://{self.user}:{self.password}@")


@contextmanager
def pypi_server(
    directory: Path, *, user: str = "alice", password: str = "correct-horse-1"
) -> Iterator[PypiServer]:
    """Run pypiserver over `directory`; an empty `user` opens it to everybody.

    Args:
        directory: Made if missing; `packages/` and the password file are put below it.
        user: Who may list, download and upload.
        password: Theirs.
    """
    packages = directory / "packages"
    packages.mkdir(parents=True, exist_ok=True)
    if user:
        passwords = directory / "htpasswd"
        digest = base64.b64encode(hashlib.sha1(password.encode()).digest()).decode()  # noqa: S324 - the form htpasswd has
        passwords.write_text(f"{user}:{{SHA}}{digest}\n", encoding="ascii")
        access = ["-a", "update,download,list", "-P", str(passwords)]
    else:
        access = ["-a", ".", "-P", "."]
    log = directory / "pypiserver.log"
    port = _free_port()
    with log.open("wb") as stream:
        command = [sys.executable, "-W", "ignore", "-m", "pypiserver", "run", *access]
        command += ["--disable-fallback", "-i", "127.0.0.1", "-p", str(port), str(packages)]
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
        )
    try:
        url = f"http://127.0.0.1:{port}/"
        _wait_until_it_answers(url, process, log)
        yield PypiServer(url, user, password if user else "", packages)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_it_answers(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + STARTS_WITHIN
    while True:
        if process.poll() is not None:
            raise RuntimeError(f"pypiserver ended: {log.read_text(errors='replace')}")
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - our own server
                return
        except urllib.error.HTTPError as error:
            error.close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
