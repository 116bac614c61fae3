"""A connection's secret is in two requests, and nowhere else. The search, which
tests/robustness/test_secrets.py shows to find one planted in each channel, is shown here to find
one in a request."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.connecting.conftest import Scene
from tests.robustness.kit import HOOK, start
from tests.robustness.oracle import MASKING, Watch, files_with, forms, history_with, text_with
from tests.robustness.test_secrets import on_host, program_of
from tests.servers.arm import Seen

TOKEN = 'read+t0ken/"78% &=9-of-the-connection'
"""With signs that URLs, JSON and forms write in another way."""


def request_with(seen: Seen, secrets: Mapping[str, str]) -> list[str]:
    """Return which secrets a request to Azure Resource Manager carries."""
    head = json.dumps([seen.path, seen.query, seen.headers]).encode()
    where = f"{seen.method} {seen.path}"
    return [*text_with(head, secrets, where), *text_with(seen.body, secrets, f"{where}, body")]


def outside(scene: Scene, secrets: Mapping[str, str]) -> Iterator[str]:
    """Yield where secrets went beside the write of a connection and the reading of the feed."""
    for seen in scene.arm.requests:
        if not (seen.method == "PUT" and "/connections/" in seen.path):
            yield from request_with(seen, secrets)
    for asked in scene.feed.requests:
        if asked.password in secrets.values() and not (
            asked.method in {"GET", "HEAD"} and re.search("/pypi/(simple|download)", asked.path)
        ):
            yield f"{asked.method} {asked.path}"
        line = f"{asked.path} {asked.user} {asked.agent}".encode()
        yield from text_with(line, secrets, asked.path)


def test_the_search_finds_one_in_a_request() -> None:
    planted = {"it": TOKEN}
    for form in forms(TOKEN).values():
        text = form.decode()
        clean = Seen("GET", "/x", {}, {}, b"")
        assert request_with(clean, planted) == []
        assert request_with(Seen("PUT", "/x", {}, {}, form), planted)
        # JSON escapes once more what is looked at as JSON: the plain forms are those that a
        # header or a query can have
        if text.isalnum():
            assert request_with(Seen("GET", f"/x/{text}", {}, {}, b""), planted)
            assert request_with(Seen("GET", "/x", {"q": text}, {}, b""), planted)
            assert request_with(Seen("GET", "/x", {}, {"A": text}, b""), planted)


@pytest.mark.parametrize("host", ["terminal", "github", "azure"])
@pytest.mark.parametrize("command", ["connect", "release", "rotate", "doctor"])
def test_a_connection_keeps_its_secret(
    scene: Scene, host: str, command: str, tmp_path: Path
) -> None:
    scene.feed.read_only_token = TOKEN
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    handed = on_host(host, temporary, scene.feed.token, "a-repository-token-of-nobody")
    inputs = {"github": "INPUT_CONNECTION_TOKEN", "azure": "INPUT_CONNECTIONTOKEN"}
    handed[inputs.get(host, "WHEELSTEP_CONNECTION_TOKEN")] = TOKEN
    secrets, log = {"connection token": TOKEN}, tmp_path / "children"
    if command == "rotate":
        scene.train.connect("ml-feed", scene.target, {"pat": "the-token-before-this-one"},
                            metadata={"madeBy": "wheelstep"})  # fmt: skip
        secrets["old token"] = "the-token-before-this-one"
    if command == "doctor":
        scene.train.connect("ml-feed", scene.target, {"pat": TOKEN})
        handed = {name: value for name, value in handed.items() if value != TOKEN}
    extra = scene.settings(WHEELSTEP_CONNECTION_TOKEN=None, WHEELSTEP_FEED_TOKEN=None)
    extra |= {"WHEELSTEP_COMMIT": "local", "CHILDREN_LOG": str(log), "PYTHONPATH": str(HOOK)}
    extra |= {"WHEELSTEP_BRANCH": "main"} | handed
    words = ["connect", "--rotate"] if command == "rotate" else [command]
    with Watch(secrets, temporary) as watch:
        run = start(scene.repo, *words, extra=extra, json_=host != "azure")
        out, said = run.process.communicate(timeout=120)
    assert run.process.returncode == 0, said.decode()
    if command == "doctor":
        assert scene.arm.seen("POST", "*/ml-feed/listsecrets")  # it was read, and tried at the feed
    assert scene.held()["credentials"] == {"pat": TOKEN}  # it was used
    assert TOKEN in {asked.password for asked in scene.feed.requests}
    shown = MASKING.sub(b"", out + b"\n" + said)
    leaks = [
        *watch.found,
        *text_with(shown, secrets, "the output"),
        *files_with(scene.repo.root, secrets),
        *history_with(scene.repo.root, secrets),
        *files_with(temporary, secrets),
        *files_with(Path(scene.repo.environment["HOME"]), secrets),
        *text_with(json.dumps(scene.held()["metadata"]).encode(), secrets, "the metadata"),
        *(leak for stored in scene.feed.files.values()
          for leak in text_with(stored.content, secrets, stored.file)),
        *outside(scene, secrets),
    ]  # fmt: skip
    assert not leaks
    children = log.read_text().splitlines() if log.exists() else []
    for child in map(json.loads, children):
        assert not text_with(json.dumps(child["arguments"]).encode(), secrets, "arguments")
        # uv reads the feed with it; uname is asked by Python's own module platform, inside the SDK
        if program_of(child) not in {"uv", "uname"}:
            values = "\n".join(child["environment"].values()).encode()
            assert not text_with(values, secrets, "the environment of a child")
