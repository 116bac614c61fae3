"""What uv says, told apart; and what it is told, searched for secrets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.rehearsal.conftest import Scene
from tests.rehearsal.made import make_index, make_wheel, serve
from wheelstep.errors import ServiceUnavailable
from wheelstep.ground import uv
from wheelstep.ground.process import Finished
from wheelstep.ground.process import run as really_run
from wheelstep.ground.public_index import IndexCredential
from wheelstep.ground.secret import Secret

SEEN = {
    "full": "failed to write to file\n  cause: No space left on device (os error 28)",
    "cache": "Failed to initialize cache at `/x`\n  cause: failed to create directory",
    "forbidden": "Failed to fetch: `https://feed.invalid/a.whl`\n  Caused by: HTTP status client "
    "error (403 Forbidden) for url (https://feed.invalid/a.whl)",
    "slow": "Failed to fetch: `https://feed.invalid/simple/left/`\n  Caused by: Request failed "
    "after 3 retries\n  Caused by: operation timed out",
    "limited": "Failed to fetch: https://feed.invalid/simple/left/\n  cause: HTTP status client "
    "error (429 Slow down) for url (https://feed.invalid/simple/left/)",
    "gone": "Failed to fetch: https://feed.invalid/a.whl\n  cause: HTTP status client error (404 "
    "Nope) for url (https://feed.invalid/a.whl)",
    "odd": "Couldn't parse requirement in `-` at position 0",
}
OLDER = (
    "  \u00d7 No solution found when resolving dependencies:\n  \u2570\u2500\u25b6 Because xgboost "
    "was not found in the package registry and you require xgboost, we can conclude\n      that "
    "your requirements are unsatisfiable.\n\n      hint: An index URL (https://feed.invalid) "
    "could not be queried due to a lack of valid authentication credentials (401 Unauthorized)."
)
SAID = [
    (8, "disk-full", f"error: {SEEN['full']}"),
    (8, "machine", f"error: {SEEN['cache']}"),
    (5, "index-unauthorized", OLDER),
    (5, "index-unauthorized", f"error: {SEEN['forbidden']}"),
    (6, "index-unavailable", f"error: {SEEN['slow']}"),
    (6, "index-unavailable", f"error: {SEEN['limited']}"),
    (7, "unresolvable", f"error: {SEEN['gone']}"),
    (7, "unresolvable", f"error: {SEEN['odd']}"),
]


@pytest.mark.parametrize(("exit_code", "code", "said"), SAID)
def test_each_failure_gets_its_own_exit_code(exit_code: int, code: str, said: str) -> None:
    error = uv.uv_error(Finished(2, b"", said.encode()), "resolving left")
    assert (error.exit_code, error.code) == (exit_code, code)
    assert error.cure
    assert "\u2570" not in error.message
    assert "cause:" not in error.message.lower().replace("because", "")
    if "xgboost" in said:
        assert "Because xgboost was not found" in error.message


def test_what_may_be_a_credential_in_a_url_is_not_shown() -> None:
    said = b"error: Failed to fetch: https://me:hunter22@feed.invalid/a.whl?sig=abcdef123"
    message = uv.uv_error(Finished(2, b"", said), "resolving left").message
    assert "https://feed.invalid/a.whl" in message
    assert "hunter22" not in message
    assert "abcdef123" not in message


def test_uv_that_takes_too_long(scene: Scene, tmp_path: Path) -> None:
    with pytest.raises(ServiceUnavailable) as caught:
        uv.run_uv(["--version"], environment=scene.environment, cwd=tmp_path, timeout=0.0)
    assert "uv --version" in caught.value.message


def test_a_password_reaches_uv_s_environment_and_nothing_else(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "pat-that-must-not-be-seen"
    places: dict[str, list[bool]] = {"environment": [], "arguments": [], "stdin": [], "files": []}

    def watched(
        command: Sequence[str | Path], *, environment: Mapping[str, str], **more: Any
    ) -> Any:
        done = really_run(command, environment=environment, **more)
        places["environment"].append(secret in repr(dict(environment)))
        places["arguments"].append(secret in repr(command))
        places["stdin"].append(secret in repr(more.get("stdin")))
        cwd = more.get("cwd")
        read = [each.read_bytes() for each in cwd.rglob("*") if each.is_file()] if cwd else []
        places["files"].append(any(secret.encode() in data for data in (*read, done.out)))
        return done

    monkeypatch.setattr(uv, "run", watched)
    make_index(scene.folder / "served/simple", make_wheel(scene.folder / "w", "acme-behind", "0.9"))
    with serve(scene.folder / "served", ("me", secret)) as server:
        verdict = scene.rehearse(
            f"--extra-index-url {server.url.replace('://', f'://me:{secret}@')}/simple",
            "acme-behind==0.9",
        )
        with_settings = scene.rehearse(
            f"--extra-index-url {server.url}/simple",
            "acme-behind==0.9",
            credentials=(IndexCredential(server.url, "me", Secret(secret)),),
        )
    assert (verdict.status, with_settings.status) == ("resolved", "resolved")
    assert secret not in repr((verdict, with_settings))
    assert any(places["environment"])
    assert not any((*places["arguments"], *places["stdin"], *places["files"]))
