"""No secret of a run is shown, stored, committed, published, or handed to who has no business
with it. The search is first shown to find one that is planted in each place."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.release.kit import Repo
from tests.robustness.kit import HOOK, Hosted, Started, own_backend, package, start
from tests.robustness.oracle import MASKING, Watch, files_with, forms, history_with, text_with
from tests.servers.git_http import USERS

FEED_TOKEN = 'feed+t0ken/"56%&=7'
"""With signs that URLs, JSON and forms write in another way."""
OTHERS = {
    "ACME_API_TOKEN": "acme-t0ken-of-others-1",
    "DATABASE_PASSWORD": "d4tabase-p4ssword-22",
    "MY_PAT": "personal-access-t0ken-3",
    "CODE_SIGNING_KEY": "signing-k3y-4444",
    "SECRET_SAUCE": "s3cret-sauce-55555",
}
"""What else a job's environment may hold."""

DUMPING = """
import json, os
from flit_core.buildapi import *
def _dump():
    with open({dump!r}, "a") as file:
        file.write(json.dumps(dict(os.environ)) + "\\n")
_dump()
"""
"""A back end that writes down the whole environment that it is given."""


# --- the search itself ---------------------------------------------------------------------------

PLANTED = {"it": 'pl4nted+/"%& one'}


@pytest.mark.parametrize("form", forms(PLANTED["it"]))
def test_the_search_finds_every_form(form: str) -> None:
    around = b'{"a": "' + forms(PLANTED["it"])[form] + b'"}'
    assert any(form in one for one in text_with(around, PLANTED, "here"))
    assert not text_with(b"nothing of the kind", PLANTED, "here")


@pytest.mark.parametrize("before", ["", "x", "xy", "xyz", "user:"])
def test_base64_inside_a_longer_text(before: str) -> None:
    import base64

    header = base64.b64encode(f"{before}{PLANTED['it']}".encode())
    assert text_with(b"AUTHORIZATION: basic " + header, PLANTED, "here")


def test_the_search_finds_what_lies_in_files(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / ".netrc").write_text(f"password {PLANTED['it']}\n")
    assert files_with(tmp_path / "plain", PLANTED)
    (tmp_path / "wheels").mkdir()
    with zipfile.ZipFile(tmp_path / "wheels" / "a.whl", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("METADATA", f"Home-page: {PLANTED['it']}\n" * 20)
    assert files_with(tmp_path / "wheels", PLANTED)
    (tmp_path / "names").mkdir()
    (tmp_path / "names" / "pl4nted").touch()
    assert files_with(tmp_path / "names", {"it": "pl4nted"})


@pytest.mark.parametrize("packed", [False, True])
def test_the_search_finds_what_was_committed_once(local: Repo, packed: bool) -> None:
    assert not history_with(local.root, PLANTED)
    local.commit({"notes.txt": f"{PLANTED['it']}\n"})
    local.commit({"notes.txt": None})
    local.git("reset", "--quiet", "--hard", "HEAD~2")
    if packed:
        local.git("repack", "-adq", "--keep-unreachable")
    assert history_with(local.root, PLANTED)


def test_the_search_finds_arguments_and_passing_files(tmp_path: Path) -> None:
    with Watch(PLANTED, tmp_path) as watch:
        subprocess.run([sys.executable, "-c", "import time; time.sleep(0.3)", PLANTED["it"]],
                       check=True)  # fmt: skip
        assert any("the arguments of" in one for one in watch.found)
        passing = tmp_path / "passing"
        passing.write_text(PLANTED["it"])
        looks = watch.looks
        while watch.looks < looks + 12:
            assert watch._thread.is_alive()
        passing.unlink()
    assert any(str(passing) in one for one in watch.found)


# --- a release -----------------------------------------------------------------------------------


def on_host(host: str, temporary: Path, feed: str, repository: str) -> dict[str, str]:
    """The variables of a host, with the tokens as it hands them over."""
    match host:
        case "github":
            files = {
                f"GITHUB_{name}": str(temporary / f"github-{name.lower()}")
                for name in ("OUTPUT", "STEP_SUMMARY", "ENV", "STATE")
            }
            for path in files.values():
                Path(path).touch()
            return files | {
                "GITHUB_ACTIONS": "true",
                "GITHUB_REF": "refs/heads/main",
                "GITHUB_EVENT_NAME": "push",
                "GITHUB_TOKEN": "ghs_jobt0ken0000000000000000000000000000",
                "RUNNER_TEMP": str(temporary),
                "INPUT_FEED_TOKEN": feed,
                "INPUT_REPOSITORY_TOKEN": repository,
            }
        case "azure":
            return {
                "TF_BUILD": "True",
                "BUILD_SOURCEBRANCH": "refs/heads/main",
                "BUILD_REASON": "IndividualCI",
                "SYSTEM_ACCESSTOKEN": "azure-job-t0ken-0123456789",
                "AGENT_TEMPDIRECTORY": str(temporary),
                "INPUT_FEEDTOKEN": feed,
                "INPUT_REPOSITORYTOKEN": repository,
            }
        case _:
            return {"WHEELSTEP_FEED_TOKEN": feed, "WHEELSTEP_REPOSITORY_TOKEN": repository}


@pytest.mark.parametrize(
    ("host", "as_json"),
    [("terminal", True), ("terminal", False), ("github", True), ("github", False),
     ("azure", True), ("azure", False)],
)  # fmt: skip
def test_a_release_keeps_its_secrets(
    unreleased: Hosted, host: str, as_json: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unreleased.feed, "token", FEED_TOKEN)
    # no other test that runs now gives this one to a process of its own
    own = replace(USERS["ci"], password=f"ci-pass-{tmp_path.stat().st_ino}-{os.getpid()}")
    monkeypatch.setitem(USERS, "ci", own)
    repository_token = unreleased.server.password("ci")
    repo, dump, log = unreleased.clone("clone"), tmp_path / "dump", tmp_path / "children"
    repo.commit(
        {
            "packages/acme-one/pyproject.toml": own_backend("acme-one", "dumping").replace(
                "requires = []", 'requires = ["flit_core>=3.4,<5"]'
            ).replace('version = "1.0"', 'version = "1.0"\n        description = "A sample"'),
            "packages/acme-one/dumping.py": DUMPING.format(dump=str(dump)),
        }
    )  # fmt: skip
    unreleased.push(repo)
    temporary = unreleased.place / "temporary"
    handed = on_host(host, temporary, FEED_TOKEN, repository_token)
    settings = {
        name: value for name, value in unreleased.settings().items() if not name.endswith("TOKEN")
    }
    secrets = OTHERS | {"feed token": FEED_TOKEN, "repository token": repository_token}
    secrets |= {name: handed[name] for name in ("GITHUB_TOKEN", "SYSTEM_ACCESSTOKEN")
                if name in handed}  # fmt: skip
    extra = settings | OTHERS | handed
    extra |= {"PYTHONPATH": str(HOOK), "CHILDREN_LOG": str(log)}
    with Watch(secrets, temporary) as watch:
        run = start(repo, "release", extra=extra, json_=as_json)
        code, out, said = _ended(run)
    assert code == 0, said.decode()
    assert len(unreleased.published()) == 2  # with the tokens, so they were used
    assert watch.looks > 10
    shown = MASKING.sub(b"", out + b"\n" + said)
    home = Path(repo.environment["HOME"])
    leaks = [
        *watch.found,
        *text_with(shown, secrets, "the output"),
        *files_with(repo.root, secrets),
        *history_with(repo.root, secrets),
        *history_with(unreleased.bare, secrets),
        *files_with(temporary, secrets),
        *files_with(home, secrets),
        *text_with(dump.read_bytes(), secrets, "the environment of a back end"),
        *(leak for stored in unreleased.feed.files.values()
          for leak in text_with(stored.content, secrets, stored.file)),
    ]  # fmt: skip
    _check_wheels(unreleased, secrets, tmp_path)
    assert not leaks
    children = [json.loads(line) for line in log.read_text().splitlines()]
    assert {"git", "uv", "python"} <= {program_of(child) for child in children}
    for child in children:
        check_child(child, secrets)
    if host != "terminal":
        # the host is told what to blank, before anything else is said
        text = said if as_json else out
        masks = list(MASKING.finditer(text))
        assert len(masks) >= 2
        assert not text[: masks[0].start()].strip()
        assert masks[-1].start() < text.index(b"acme")


def _ended(run: Started) -> tuple[int, bytes, bytes]:
    out, said = run.process.communicate(timeout=120)
    return run.process.returncode, out, said


def program_of(child: Mapping[str, Any]) -> str:
    name = Path(child["arguments"][0]).name.removesuffix(".exe")
    return "python" if name.startswith("python") else name


def check_child(child: Mapping[str, Any], secrets: Mapping[str, str]) -> None:
    """Hold that no child has a secret among its arguments, nor one in its environment that is not
    for it: git's is the repository's, uv's is the feed's, and others have none."""
    program = program_of(child)
    assert not text_with(json.dumps(child["arguments"]).encode(), secrets, "arguments")
    if program == "uname":
        return  # Python's own module platform asks the system's own program, from inside the SDK
    meant = {"git": "repository token", "uv": "feed token"}.get(program)
    others = {name: secret for name, secret in secrets.items() if name != meant}
    values = "\n".join(child["environment"].values()).encode()
    assert not text_with(values, others, f"the environment of {program}")


def _check_wheels(hosted: Hosted, secrets: Mapping[str, str], folder: Path) -> None:
    place = folder / "published"
    place.mkdir()
    for stored in hosted.feed.files.values():
        (place / stored.file).write_bytes(stored.content)
    assert not files_with(place, secrets)


def test_a_password_in_the_url_of_the_remote(released: Hosted) -> None:
    """git names the remote in its errors: without what stands before the host."""
    repo = released.clone("clone")
    repo.commit(package("acme-one", "1.1"))
    released.push(repo)
    address = released.server.address(released.name, "reader")
    repo.git("remote", "set-url", "origin", address)
    settings = released.settings(WHEELSTEP_REPOSITORY_TOKEN="")
    ran = repo.wheelstep("release", extra=settings)
    assert (ran.code, ran.codes[-1]) == (5, "push-forbidden"), ran.said
    password = {"password": released.server.password("reader")}
    assert not text_with((ran.said + json.dumps(ran.report)).encode(), password, "the output")
