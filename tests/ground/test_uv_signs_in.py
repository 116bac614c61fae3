"""Real uv, as it is run here, brings no credentials of this machine along."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.ground.web import Answer, Web
from wheelstep.ground.public_index import public_indexes, uv_environment
from wheelstep.ground.uv import run_uv


def test_a_netrc_and_a_keyring_stay_out(tmp_path: Path) -> None:
    secret = "planted-in-netrc-4711"
    netrc = tmp_path / ".netrc"
    netrc.write_text(f"machine 127.0.0.1 login somebody password {secret}\n", encoding="utf-8")
    netrc.chmod(0o600)
    called = tmp_path / "keyring-was-called"
    keyring = tmp_path / "keyring"
    keyring.write_text(f"#!/bin/sh\necho called > '{called}'\necho {secret}\n", encoding="utf-8")
    keyring.chmod(0o755)
    denied = Answer(401, {"WWW-Authenticate": 'Basic realm="x"'})
    with Web(denied) as web:
        given = {
            "HOME": str(tmp_path),
            "NETRC": str(netrc),
            "PATH": str(tmp_path),
            "PIP_INDEX_URL": f"{web.url}/simple/",
            "PIP_KEYRING_PROVIDER": "subprocess",
            "UV_KEYRING_PROVIDER": "subprocess",
            "UV_CACHE_DIR": str(tmp_path / "cache"),
        }
        environment = uv_environment(given, public_indexes(given))
        command = ["pip", "compile", "--no-header", "--python", sys.executable, "-"]
        run_uv(command, environment=environment, stdin=b"acme-core\n", cwd=tmp_path)
        ours = [one.headers.get("Authorization") for one in web.asked]
        assert ours
        assert not any(ours)
        assert not called.exists()
        # the plants are live: without what is set here they are used
        bare = environment | {"NETRC": str(netrc)}
        run_uv(command, environment=bare, stdin=b"acme-core\n", cwd=tmp_path)
        assert any(one.headers.get("Authorization") for one in web.asked[len(ours) :])
