"""What a hostile back end, or a wheel that is changed on the way, could try, tried. See
docs/security.md."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.destinations.wheels import make_wheel
from tests.ground.web import Answer, Web
from tests.release.kit import Repo
from tests.robustness.kit import package
from wheelstep.destinations.index import IndexDestination
from wheelstep.destinations.interface import Wanted
from wheelstep.destinations.table import destination_of
from wheelstep.errors import CannotHere
from wheelstep.ground.process import child_environment
from wheelstep.ground.transport import Transport
from wheelstep.packages.environments import BuildEnvironments

TOKEN: Final = "feed-token-of-the-organization"

READS: Final = """
import os
try:
    print(open(f"/proc/{os.getppid()}/environ").read().count("planted-in-the-environment"))
except OSError as error:
    print(type(error).__name__)
"""
STARTS: Final = """
import ctypes, os, subprocess, sys
from wheelstep.ground.process import hide
if os.environ.get("DROPPED") is None:
    for capability in range(64):  # as an ordinary user: root may look at everything
        ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], os.environ | {"DROPPED": "1"})
if sys.argv[1] == "hidden":
    hide()
print(subprocess.run([sys.executable, "-c", sys.argv[2]], capture_output=True, text=True).stdout)
"""


@pytest.mark.parametrize(("how", "seen"), [("open", "1"), ("hidden", "PermissionError")])
def test_a_back_end_reads_no_secret_from_our_own_environment(how: str, seen: str) -> None:
    if sys.platform != "linux":
        seen = "FileNotFoundError"  # there is no /proc
    done = subprocess.run(
        [sys.executable, "-c", STARTS, how, READS],
        env={"PATH": "", "INPUT_FEED_TOKEN": "planted-in-the-environment"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == seen


def test_what_a_back_end_is_not_told(tmp_path: Path) -> None:
    files = ("ENV", "OUTPUT", "PATH", "STATE", "STEP_SUMMARY")
    withheld = {f"GITHUB_{name}": str(tmp_path / name) for name in files}
    withheld |= {"IDENTITY_HEADER": "x", "MYSQL_PWD": "x", "DOCKER_AUTH_CONFIG": "{}"}
    # what AzureCLI@2 and NuGetAuthenticate@1 leave for later steps
    withheld |= {"servicePrincipalKey": "x", "VSS_NUGET_EXTERNAL_FEED_ENDPOINTS": "{}"}
    told = {"GITHUB_WORKSPACE": "/w", "HTTPS_PROXY": "http://me:pw@proxy:1", "OLDPWD": "/"}
    assert child_environment(withheld | told) == told
    environment = withheld | told | {"DATABASE_URL": "postgres://me:pw@host/base"}
    made = BuildEnvironments(environment=environment, uv_environment={})
    assert dict(made.child_environment) == told


def test_a_link_that_waits_in_dist_is_not_written_through(tmp_path: Path) -> None:
    repo = Repo.create(tmp_path / "place", package("acme-one", "1.0"))
    victim = tmp_path / "victim"
    victim.write_text("mine", encoding="utf-8")
    dist = repo.root / "dist"
    dist.mkdir()
    (dist / ".acme_one-1.0-py2.py3-none-any.whl.part").symlink_to(victim)
    (dist / "acme_one-1.0-py2.py3-none-any.whl").symlink_to(victim)
    ran = repo.wheelstep("build", "--packages", "packages/*")
    assert ran.code == 0, ran.said
    assert victim.read_text(encoding="utf-8") == "mine"
    (wheel,) = dist.glob("*.whl")
    assert not wheel.is_symlink()


def index_at(url: str, transport: Transport) -> IndexDestination:
    made = destination_of(Wanted(f"index+{url}/"), root=Path(), environment={}, transport=transport)
    assert isinstance(made, IndexDestination)
    return made


def test_a_wheel_that_was_changed_after_it_was_checked_is_not_sent(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "acme")
    with Web(Answer(200)) as web, Transport({}) as transport:
        index = index_at(web.url, transport)
        assert index.put(wheel)
        make_wheel(tmp_path, "acme", code="EVIL = True\n")
        with pytest.raises(CannotHere, match="changed on this disk"):
            index.put(wheel)
        assert len(web.asked) == 1
