"""Single parts: folders, indexes, hooks, advice, and set-ups without any cloud."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.doctor.world import CONDA, EXPIRES, settings, world
from tests.ground.web import Answer, Web
from tests.release.kit import Repo
from tests.release.samples import MONOREPO
from wheelstep.errors import ServiceRefused, SettingError, StoppedBySignal
from wheelstep.ground.inside import is_inside
from wheelstep.ground.secret import Secret
from wheelstep.stages.doctor.advice import Found, advice
from wheelstep.stages.doctor.known import Once, Task
from wheelstep.stages.doctor.together import _all


def checks(repo: Repo, *arguments: str, **extra: str) -> dict[str, dict[str, Any]]:
    """Checks of a run in a process of its own, by subject."""
    ran = repo.wheelstep("doctor", *arguments, extra=extra)
    return {check["subject"]: check for check in ran.report["checks"]}


@pytest.fixture
def plain(tmp_path: Path) -> Repo:
    """A repository that publishes to a folder, with no cloud at all."""
    return Repo.create(tmp_path / "place", MONOREPO)


def test_a_folder_is_looked_at_and_not_made(plain: Repo) -> None:
    found = checks(plain)
    assert found["the folder ../index"]["status"] == "ok"
    assert not plain.index.exists()
    assert found["destinations"]["code"] == "folder-not-served"


def test_a_file_in_the_place_of_a_folder_is_a_fault(plain: Repo) -> None:
    plain.index.write_text("no folder")
    found = checks(plain)["the folder ../index"]
    assert (found["status"], found["exit_code"]) == ("fault", 8)


def test_without_a_workspace_builds_are_said_to_be_unknown(plain: Repo) -> None:
    assert checks(plain)["workspaces"]["status"] == "unknown"


def test_registering_nowhere_would_end_the_release(plain: Repo) -> None:
    ran = plain.wheelstep("doctor", "--register")
    assert (ran.code, "register-without-workspace" in ran.codes) == (2, True)
    assert plain.wheelstep("release", "--register").code == 2


def test_on_a_host_without_a_destination_the_release_would_end(plain: Repo) -> None:
    plain.replace("wheelstep.toml", 'publish-to = ["../index"]\n', "")
    plain.commit()
    ran = plain.wheelstep("doctor", "--commit", "none", extra={"GITHUB_ACTIONS": "true"})
    assert ran.code == 2
    assert "no-destination" in ran.codes


def test_hooks_are_named_that_a_release_does_not_run(plain: Repo) -> None:
    hook = plain.root / ".git" / "hooks" / "pre-push"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    assert "pre-push" in checks(plain)["hooks"]["message"]
    plain.git("config", "core.hooksPath", "elsewhere")
    assert "pre-push" not in checks(plain)["hooks"]["message"]
    (plain.root / "elsewhere").mkdir()
    hook.rename(plain.root / "elsewhere" / "commit-msg")
    assert "commit-msg" in checks(plain)["hooks"]["message"]


def test_a_broken_record_is_told(plain: Repo) -> None:
    plain.commit({"wheelstep.lock": "<<<<<<< mine\n"})
    assert checks(plain)["the record"]["code"] == "lock-broken"


def test_packages_that_are_not_there_end_it_and_leave_the_rest(plain: Repo) -> None:
    found = checks(plain, "--packages", "nowhere/*")
    assert found["packages"]["code"] == "no-packages"
    assert found["the folder ../index"]["status"] == "ok"
    assert found["the history"]["status"] == "ok"


# --- who else can read --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "inside"),
    [
        ("127.0.0.1", True),
        ("10.1.2.3", True),
        ("::1", True),
        ("8.8.8.8", False),
        ("pypi", True),
        ("index.corp", True),
        ("index.contoso.com", False),
        ("localhost", True),
        ("wheels.internal", True),
    ],
)
def test_a_name_that_means_something_inside_alone_is_told_apart(host: str, inside: bool) -> None:
    assert is_inside(host) is inside


@pytest.fixture
def public_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this machine's own address count as a public name."""
    monkeypatch.setattr("wheelstep.stages.doctor.destinations.is_inside", lambda _host: False)


@pytest.mark.usefixtures("public_name")
def test_an_index_that_everybody_can_read_is_a_fault_unless_it_is_meant(
    tmp_path: Path, authority: Path
) -> None:
    with world(tmp_path, authority) as healthy:
        page = b'<a href="acme_core-1.0.0-py3-none-any.whl">acme_core-1.0.0-py3-none-any.whl</a>'
        with Web(Answer(200, {"Content-Type": "text/html"}, page)) as index:
            text = settings("x", healthy.train.option, healthy.score.option)
            healthy.repo.write({"wheelstep.toml": text.replace("feed+x", f"index+{index.url}")})
            healthy.changed = True
            ran = healthy.doctor()
            check = ran.fault("index-open")
            assert check.exit_code == 0
            healthy.environment["WHEELSTEP_CONNECTION_AUTH_TYPE"] = "none"
            healthy.environment["WHEELSTEP_CONNECTION_TARGET"] = index.url
            assert "index-open" not in healthy.doctor().faults


def test_a_definition_that_spells_the_feed_otherwise_is_told_where_no_connection_matches(
    tmp_path: Path, authority: Path
) -> None:
    with world(tmp_path, authority) as healthy:
        ours = healthy.feed.simple_url
        theirs = ours.replace("/contoso/", "/Contoso/")
        healthy.edit(CONDA, ours, theirs)
        ran = healthy.doctor()
        check = ran.fault("connection-missing")
        assert (check.exit_code, check.file, check.line) == (2, CONDA, 8)
        assert f"{healthy.feed.base}/contoso: Azure ML compares the text" in check.message
        assert f"Write {ours} in the definition" in (check.cure or "")
        for one in (healthy.train, healthy.score):
            one.connect("theirs", f"{healthy.feed.base}/Contoso",
                        {"pat": healthy.feed.read_only_token}, expiryTime=EXPIRES)  # fmt: skip
        ran = healthy.doctor()
        assert "connection-missing" not in ran.faults
        # every definition reads it in its own spelling, so that of `publish-to` needs none
        assert ran.of(f"{theirs} in train")
        assert not ran.of(f"{ours} in train")


def test_a_feed_tells_what_it_keeps(tmp_path: Path, authority: Path) -> None:
    with world(tmp_path, authority) as healthy:
        healthy.feed.retention = {"countLimit": 100, "daysToKeepRecentlyDownloadedPackages": 30}
        (check,) = healthy.doctor().of(f"the feed {healthy.feed.simple_url}: retention")
    assert check.status == "ok"
    assert "100 newest" in check.message
    assert "30 days" in check.message


def test_a_feed_that_does_not_answer_is_a_fault_of_the_network(
    tmp_path: Path, authority: Path
) -> None:
    with world(tmp_path, authority) as healthy:
        port = healthy.feed.base.rpartition(":")[2]
        healthy.edit("wheelstep.toml", f":{port}/", ":9/")
        ran = healthy.doctor()
    assert ran.report.exit_code == 6
    (check,) = [one for one in ran.report.checks if one.exit_code == 6]
    assert check.group == "destinations"


class Nobody:
    """Signs nobody in, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def token(self) -> Secret:
        self.asked += 1
        raise SettingError("Nobody is signed in.", code="not-signed-in", cure="Sign in.")


@pytest.mark.parametrize("token", ["", "a-personal-access-token-of-somebody"])
def test_that_nobody_is_signed_in_at_azure_is_found_out_once(
    token: str, tmp_path: Path, authority: Path
) -> None:
    nobody = Nobody()
    with world(tmp_path, authority) as healthy:
        healthy.environment["WHEELSTEP_CONNECTION_TOKEN"] = token
        ran = healthy.doctor(nobody)
    assert nobody.asked == 1
    (check,) = ran.of("signed in at Azure as")
    # with a token to store, a release could not go on
    assert (check.status, ran.report.exit_code) == (("fault", 2) if token else ("unknown", 0))
    assert not [
        one for one in ran.report.checks if one.group == "workspaces" and one.status == "ok"
    ]


def test_a_rule_of_the_branch_is_unknown_until_a_push(tmp_path: Path, authority: Path) -> None:
    with world(tmp_path, authority) as healthy:
        healthy.github["/repos/acme/ml/branches/main"]["protected"] = True
        (check,) = healthy.doctor().of("protection of main")
    assert check.status == "unknown"
    assert "published" in check.breaks


def test_what_allow_excuses_is_no_fault(tmp_path: Path, authority: Path) -> None:
    with world(tmp_path, authority) as healthy:
        healthy.public["/simple/acme-core/"] = (
            b'<a href="/files/acme_core-99.0-py3-none-any.whl">acme_core-99.0-py3-none-any.whl</a>'
        )
        feed, index = healthy.feed.simple_url, healthy.environment["PIP_INDEX_URL"]
        line = f"      - --extra-index-url {index}/\n"
        healthy.edit(CONDA, f"--index-url {feed}\n", f"--index-url {feed}\n{line}")
        assert healthy.doctor().report.exit_code == 4
        healthy.environment["WHEELSTEP_ALLOW"] = "dependency-confusion acme-core it is our mirror"
        assert healthy.doctor().report.exit_code == 0


# --- together -----------------------------------------------------------------------------------


def test_a_strange_answer_is_a_check_of_its_own_and_takes_no_other_along() -> None:
    def strange() -> list[Any]:
        raise ServiceRefused("It speaks in riddles.", code="riddle", cure="Solve it.")

    tasks = [
        Task("workspaces", "the sphinx", strange, "connect", "Nobody passes."),
        Task("workspaces", "the gate", list, "connect"),
    ]
    (check,), rest = _all(tasks)
    assert (check.status, check.subject, check.message) == (
        "unknown",
        "the sphinx",
        "It speaks in riddles.",
    )
    assert rest == []


@pytest.mark.parametrize("error", [KeyError("ours"), StoppedBySignal(2)])
def test_a_defect_and_a_signal_are_no_checks(error: Exception) -> None:
    def broken() -> list[Any]:
        raise error

    with pytest.raises(type(error)):
        _all([Task("workspaces", "x", broken, "connect")])


def test_what_is_wanted_by_many_is_found_out_once() -> None:
    calls: list[int] = []

    def counts() -> int:
        calls.append(1)
        return len(calls)

    once = Once(counts)
    assert [once(), once()] == [1, 1]

    def fails() -> int:
        calls.append(2)
        raise ServiceRefused("no", code="no")

    failing = Once(fails)
    for _ in range(2):
        with pytest.raises(ServiceRefused):
            failing()
    assert calls == [1, 2]


PREPARED = """\
import sys, sysconfig
from wheelstep.stages.doctor import together

WANTED = {"requests", "azure.identity", "azure.mgmt.core", "azure.devops"}

def asked(tasks):
    print(sorted(WANTED & set(sys.modules)))
    raise SystemExit

filled = []
table = sysconfig.get_config_vars
sysconfig.get_config_vars = lambda *names: filled.append(1) or table(*names)
together._all = lambda tasks: print(bool(filled)) or asked(tasks)
sys.argv[1:] = ["doctor"]
from wheelstep.cli import main
main()
"""


def test_what_threads_would_see_half_made_is_made_before_there_are_any(
    tmp_path: Path, authority: Path
) -> None:
    with world(tmp_path, authority) as healthy:
        done = subprocess.run(
            [sys.executable, "-c", PREPARED],
            cwd=healthy.repo.root,
            env={**healthy.repo.environment, **healthy.environment},
            capture_output=True,
            check=True,
            text=True,
        )
    filled, modules = done.stdout.splitlines()
    assert filled == "True"
    assert modules == "['azure.devops', 'azure.identity', 'azure.mgmt.core', 'requests']"


# --- advice -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (Found(40, {"feed"}, 3, restricted=True, contexts=False), "mirror"),
        (Found(2, {"folder"}, 1, restricted=False, contexts=False), "own storage"),
        (Found(2, {"feed"}, 1, restricted=False, contexts=False), "that is set"),
        (Found(9, {"folder"}, 1, restricted=False, contexts=False), "Azure Artifacts feed"),
        (Found(2, {"folder"}, 2, restricted=False, contexts=False), "Azure Artifacts feed"),
        (Found(2, {"feed"}, 1, restricted=False, contexts=True), "pin: vendor"),
    ],
)
def test_the_road_that_fits_follows_from_what_was_found(found: Found, says: str) -> None:
    check = advice(found)
    assert check.status == "ok"
    assert says in check.message


def test_one_package_in_one_workspace_needs_no_feed() -> None:
    found = Found(2, {"folder"}, 1, restricted=False, contexts=False)
    assert "publish-to: azureml://" in advice(found).message


def test_a_mirror_is_the_road_through_a_firewall() -> None:
    found = Found(40, {"feed"}, 3, restricted=True, contexts=False)
    assert "A mirror behind the firewall fits" in advice(found).message
    assert "The feed serves, too" in advice(found).message
    there = Found(40, {"mirror"}, 3, restricted=True, contexts=False)
    assert advice(there).message.startswith("The mirror that is set behind the firewall fits")
    few = Found(2, {"mirror"}, 1, restricted=False, contexts=False)
    assert advice(few).message.startswith("The mirror that is set fits")
