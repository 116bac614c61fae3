from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.repositories.conftest import ME, Hosted, World
from tests.repositories.support import NoWait, change, pin, propose_once
from tests.repositories.test_git_push import advance_remote
from tests.servers.git_http import Fault, GitServer, refuse_by_hook, refuse_by_status
from wheelstep.errors import CannotHere, ServiceRefused, ServiceUnavailable, SettingError
from wheelstep.repositories.answers import error_for
from wheelstep.repositories.git_way import GitWay
from wheelstep.repositories.interface import Committed, Wording
from wheelstep.repositories.land import land
from wheelstep.repositories.objects import write_blobs
from wheelstep.repositories.remote import ASKED
from wheelstep.repositories.way import draft_of

TF402455 = (
    "TF402455: Pushes to this branch are not permitted;"
    " you must use a pull request to update this branch."
)
TF401027 = (
    "TF401027: You need the Git 'GenericContribute' permission to perform this action."
    " Details: identity 'Build\\0f0f', scope 'repository'."
)
TF401028 = (
    "TF401028: The reference 'refs/heads/main' has already been updated by another client,"
    " so you cannot update it. Please try again."
)
GH006 = (
    "error: GH006: Protected branch update failed for refs/heads/main.",
    "error: Changes must be made through a pull request.",
)
GH013 = (
    "error: GH013: Repository rule violations found for refs/heads/main.",
    "- Changes must be made through a pull request.",
)


@pytest.mark.parametrize(
    ("reason", "code", "quoted"),
    [
        (TF402455, "branch-protected", "you must use a pull request"),
        ("protected branch hook declined", "branch-protected", "protected branch"),
        (TF401027, "push-forbidden", "'GenericContribute'"),
        ("branch is currently checked out", "branch-checked-out", "currently checked out"),
        ("no such luck", "remote-refused", "no such luck"),
        ("unpacker error", "remote-cannot-store", "unpacker error"),
    ],
)
def test_reasons_in_the_status_line(hosted: Hosted, reason: str, code: str, quoted: str) -> None:
    clone = hosted.clone("clone")
    refuse_by_status(hosted.bare, reason)
    with pytest.raises(ServiceRefused) as caught:
        propose_once(hosted.push_repository(clone))
    assert caught.value.code == code
    assert quoted in caught.value.message
    assert "main" in caught.value.message or code.startswith("remote-")
    assert hosted.commits() == ["Begin"]
    assert hosted.world.git(clone, "status", "--porcelain", "--branch") == "## main...origin/main"


@pytest.mark.parametrize("lines", [GH006, GH013, (TF402455,), ("Not on a Friday.",)])
def test_reasons_told_by_a_hook(hosted: Hosted, lines: tuple[str, ...]) -> None:
    clone = hosted.clone("clone")
    refuse_by_hook(hosted.bare, *lines)
    with pytest.raises(ServiceRefused) as caught:
        propose_once(hosted.push_repository(clone))
    error = caught.value
    assert error.code == "branch-protected"
    for line in lines:
        assert line.removeprefix("error: ") in error.message
    assert "`commit: pull-request`" in error.cure
    assert "bypass" in error.cure
    # somebody the rule lets through
    assert isinstance(propose_once(hosted.push_repository(clone, "admin")), Committed)


def test_a_name_that_another_is_in_the_way_of_is_no_lost_race(hosted: Hosted) -> None:
    clone = hosted.clone("clone")
    hosted.world.git(hosted.bare, "branch", "wheelstep", "main")
    repository = hosted.push_repository(clone)
    head = repository.snapshot()
    git = hosted.world.open(clone)
    touched = write_blobs(git, head, [change(head, "conda.yml", b"x\n")])
    draft = draft_of(git, head, touched, "Pin")
    way = GitWay(git, repository._remote, ME, NoWait())
    with pytest.raises(SettingError, match="'refs/heads/wheelstep' exists") as caught:
        way.replace("wheelstep/main", None, draft, lambda _: None)
    assert caught.value.code == "name-taken"


def test_azures_wording_of_a_lost_race(hosted: Hosted) -> None:
    clone = hosted.clone("clone")
    refuse_by_status(hosted.bare, TF401028, times=2)
    clock = NoWait()
    assert land(hosted.push_repository(clone), pin(), "Pin", clock=clock).status == "pushed"
    assert len(clock.waits) == 2
    assert hosted.commits() == ["Pin [skip ci]", "Begin"]


def test_a_race_lost_too_often_says_to_whom(hosted: Hosted) -> None:
    clone = hosted.clone("clone")
    refuse_by_status(hosted.bare, TF401028)
    with pytest.raises(ServiceUnavailable, match=r"3 times.*Begin, Ada") as caught:
        land(hosted.push_repository(clone), pin(), "Pin", clock=NoWait(), attempts=3)
    assert caught.value.code == "race-lost"
    assert caught.value.exit_code == 6


def test_a_reader_is_found_out_before_anything_is_published(hosted: Hosted) -> None:
    repository = hosted.push_repository(hosted.clone("clone"), "reader")
    assert repository.snapshot().read("conda.yml")
    with pytest.raises(ServiceRefused, match="no right") as caught:
        repository.prove()
    assert caught.value.code == "push-forbidden"
    with pytest.raises(ServiceRefused, match="no right"):
        propose_once(repository)


@pytest.mark.parametrize("user", ["ci", None])
def test_wrong_password_and_none(hosted: Hosted, user: str | None) -> None:
    clone = hosted.clone("clone")
    with pytest.raises(ServiceRefused) as caught:
        hosted.push_repository(clone, user, password="wrong-password").snapshot()
    assert caught.value.code == "not-authenticated"
    assert hosted.url in caught.value.message


@pytest.mark.parametrize(
    ("config", "url", "code", "quoted"),
    [
        ("protocol.file.allow=never", "{bare}", "transport-not-allowed", "'file' not allowed"),
        ("protocol.allow=always", "nothing://x/y", "transport-unknown", "remote-nothing"),
        ("safe.directory=", "{bare}", "dubious-ownership", "dubious ownership"),
    ],
)
def test_what_git_on_this_machine_does_not_do_is_no_answer_of_the_remote(
    hosted: Hosted, config: str, url: str, code: str, quoted: str
) -> None:
    clone = hosted.clone("clone")
    key, _, value = config.partition("=")
    hosted.world.git(clone, "config", key, value)
    hosted.world.git(clone, "remote", "set-url", "origin", url.format(bare=hosted.bare))
    if code == "dubious-ownership":
        # as git's own tests have it (t0033): the folder counts as another user's
        hosted.world.environment["GIT_TEST_ASSUME_DIFFERENT_OWNER"] = "1"
        hosted.world.git(clone, "config", "--global", "safe.directory", str(clone))
    with pytest.raises(CannotHere) as caught:
        hosted.push_repository(clone).snapshot()
    assert caught.value.code == code
    assert quoted in caught.value.message


def test_no_such_repository(hosted: Hosted) -> None:
    clone = hosted.clone("clone")
    for url in (hosted.server.address("none.git"), str(hosted.world.root / "none")):
        hosted.world.git(clone, "remote", "set-url", "origin", url)
        with pytest.raises(ServiceRefused) as caught:
            hosted.push_repository(clone).snapshot()
        assert caught.value.code == "repository-not-found"


def test_a_server_that_is_gone(hosted: Hosted) -> None:
    clone = hosted.clone("clone")
    hosted.world.git(clone, "remote", "set-url", "origin", "http://127.0.0.1:9/acme.git")
    with pytest.raises(ServiceUnavailable) as caught:
        hosted.push_repository(clone).snapshot()
    assert caught.value.code == "remote-unavailable"
    assert "127.0.0.1:9" in caught.value.message


def test_a_server_that_hangs(hosted: Hosted) -> None:
    repository = hosted.push_repository(hosted.clone("clone"), wait=1.0)
    hosted.server.order("info/refs", "hang")
    start = time.monotonic()
    with pytest.raises(ServiceUnavailable) as caught:
        repository.snapshot()
    assert time.monotonic() - start < 10
    assert caught.value.code == "remote-timeout"


def pushes(server: GitServer) -> int:
    return sum(1 for seen in server.seen if seen.path.endswith("/git-receive-pack"))


def test_a_lost_reply_is_no_lost_push(hosted: Hosted) -> None:
    clone = hosted.clone("clone")
    repository = hosted.push_repository(clone)
    head = repository.snapshot()
    hosted.server.order("acme.git/git-receive-pack", "drop-reply")
    done = repository.propose([change(head, "conda.yml", b"x\n")], on=head, wording=Wording("Pin"))
    assert isinstance(done, Committed)
    assert done.sha == hosted.head()
    assert hosted.server.faults == []
    assert pushes(hosted.server) == 1


def test_a_lost_reply_and_no_way_to_look(hosted: Hosted) -> None:
    repository = hosted.push_repository(hosted.clone("clone"))
    head = repository.snapshot()
    hosted.server.order("acme.git/git-receive-pack", "drop-reply")
    for _ in range(ASKED):
        hosted.server.order("info/refs?service=git-upload-pack", "503")
    done = repository.propose([change(head, "conda.yml", b"x\n")], on=head, wording=Wording("Pin"))
    assert isinstance(done, Committed)
    assert done.sha == hosted.head()
    assert hosted.server.faults == []


def test_a_lost_reply_and_somebody_who_builds_on_what_landed(
    hosted: Hosted, monkeypatch: pytest.MonkeyPatch
) -> None:
    def blind(*_: object) -> bool:
        advance_remote(hosted)
        return False

    monkeypatch.setattr(GitWay, "_has_moved", blind)
    repository = hosted.push_repository(hosted.clone("clone"))
    hosted.server.order("acme.git/git-receive-pack", "drop-reply")
    done = propose_once(repository)
    assert isinstance(done, Committed), "it is no lost race"
    assert done.sha == hosted.world.git(hosted.bare, "rev-parse", "main~1")


def test_the_last_attempt_loses_its_reply(hosted: Hosted) -> None:
    repository = hosted.push_repository(hosted.clone("clone"))
    head = repository.snapshot()
    faults: tuple[Fault, ...] = ("drop-request", "503", "drop-reply")
    for fault in faults:
        hosted.server.order("acme.git/git-receive-pack", fault)
    done = repository.propose([change(head, "conda.yml", b"x\n")], on=head, wording=Wording("Pin"))
    assert isinstance(done, Committed)
    assert done.sha == hosted.head()
    assert pushes(hosted.server) == 3


def test_a_lost_request_is_sent_again(hosted: Hosted) -> None:
    repository = hosted.push_repository(hosted.clone("clone"))
    hosted.server.order("acme.git/git-receive-pack", "drop-request")
    hosted.server.order("acme.git/git-receive-pack", "503")
    assert isinstance(propose_once(repository), Committed)
    assert pushes(hosted.server) == 3
    assert hosted.commits() == ["Pin acme [skip ci]", "Begin"]


def test_a_push_that_never_gets_through(hosted: Hosted) -> None:
    repository = hosted.push_repository(hosted.clone("clone"))
    for _ in range(3):
        hosted.server.order("acme.git/git-receive-pack", "503")
    with pytest.raises(ServiceUnavailable, match="503"):
        propose_once(repository)
    assert hosted.commits() == ["Begin"]
    assert isinstance(propose_once(repository), Committed)


@pytest.mark.parametrize("blind", [False, True])
def test_a_lost_reply_and_a_colleague_on_top(hosted: Hosted, blind: bool) -> None:
    repository = hosted.push_repository(hosted.clone("clone"))
    head = repository.snapshot()
    # a hook on the server: right after our push a colleague commits on top
    hook = hosted.bare / "hooks/post-receive"
    hook.write_text(
        "#!/bin/sh\nrm hooks/post-receive\n"
        "export GIT_AUTHOR_NAME=c GIT_AUTHOR_EMAIL=c GIT_COMMITTER_NAME=c GIT_COMMITTER_EMAIL=c\n"
        "git update-ref refs/heads/main $(git commit-tree main^{tree} -p main -m Colleague)\n"
    )
    hook.chmod(0o755)
    hosted.server.order("acme.git/git-receive-pack", "drop-reply")
    if blind:  # the look after the lost reply fails, so the push is sent again, and refused
        hosted.server.order("info/refs?service=git-upload-pack", "503")
    done = repository.propose([change(head, "conda.yml", b"x\n")], on=head, wording=Wording("Pin"))
    assert isinstance(done, Committed)
    assert hosted.commits() == ["Colleague", "Pin [skip ci]", "Begin"]
    assert done.sha == hosted.world.git(hosted.bare, "rev-parse", "main~1")


def test_a_lost_request_and_a_colleague_faster(hosted: Hosted) -> None:
    repository = hosted.push_repository(hosted.clone("clone"))
    head = repository.snapshot()
    advance_remote(hosted)
    hosted.server.order("acme.git/git-receive-pack", "drop-request")
    hosted.server.order("info/refs?service=git-receive-pack", "503")
    assert (
        repository.propose([change(head, "conda.yml", b"x\n")], on=head, wording=Wording("Pin"))
        is None
    )
    assert hosted.commits() == ["By colleague", "Begin"]


def test_killed_while_pushing_then_run_again(hosted: Hosted, world: World) -> None:
    clone = hosted.clone("clone")
    script = world.root / "release.py"
    script.write_text(
        "import os, sys\n"
        "from pathlib import Path\n"
        "from tests.repositories.conftest import ME\n"
        "from tests.repositories.support import NoWait, pin\n"
        "from wheelstep.ground.git import Git\n"
        "from wheelstep.ground.secret import Secret\n"
        "from wheelstep.repositories.git_push import PushRepository\n"
        "from wheelstep.repositories.land import land\n"
        "env = dict(os.environ)\n"
        "git = Git.open(Path(sys.argv[1]), env)\n"
        "repository = PushRepository(git, branch='main', remote=None, identity=ME,\n"
        "    environment=env, token=Secret('ci-pass-22'))\n"
        "print(land(repository, pin(), 'Pin', clock=NoWait()).status)\n"
    )
    environment = world.environment | {"PYTHONPATH": str(Path(__file__).parents[2])}
    hosted.server.order("acme.git/git-receive-pack", "hang")
    command = [sys.executable, str(script), str(clone)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as child:
        while not pushes(hosted.server):
            assert child.poll() is None
            hosted.server.released.wait(0.02)
        child.kill()
    assert hosted.commits() == ["Begin"]
    assert world.git(clone, "for-each-ref", "refs/wheelstep") == ""
    again = subprocess.run(command, env=environment, capture_output=True, check=True, text=True)
    assert again.stdout == "pushed\n"
    once_more = subprocess.run(command, env=environment, capture_output=True, check=True, text=True)
    assert once_more.stdout == "none\n"
    assert hosted.commits() == ["Pin [skip ci]", "Begin"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("fatal: unable to access 'https://h/': Could not resolve host: h", "remote-unavailable"),
        ("fatal: unable to access 'https://h/': SSL certificate problem: x", "certificate"),
        ("remote: Repository not found.\nfatal: repository 'x' not found", "repository-not-found"),
        ("ERROR: Repository not found.\nfatal: Could not read from remote", "repository-not-found"),
        ("git@github.com: Permission denied (publickey).", "not-authenticated"),
        ("Host key verification failed.", "host-key"),
        ("remote: Permission to o/r.git denied to bot.", "push-forbidden"),
        ("fatal: write error: No space left on device", "disk-full"),
        (" ! [remote rejected] main -> main (Internal Server Error)", "remote-unavailable"),
        (" ! [remote failure] main -> main (remote failed to report status)", "remote-unavailable"),
        ('remote: Duplicate header: "Authorization"\nfatal: error: 400', "two-credentials"),
        ("fatal: something new", "remote-refused"),
        ("", "remote-refused"),
    ],
)  # fmt: skip
def test_wordings_of_hosts_that_are_not_here(text: str, code: str) -> None:
    error = error_for(text, remote="https://h/r", branch="main")
    assert error.code == code
    assert error.cure
    assert "https://h/r" in error.message or code == "disk-full"


def test_a_url_in_the_text_loses_its_password() -> None:
    text = "fatal: unable to access 'https://bot:hunter2@h/r/': returned error: 403"
    assert "hunter2" not in error_for(text, remote="x", branch="main").message


def test_a_long_text_of_a_server_is_read_in_a_moment() -> None:
    text = "a" * 100_000 + "".join(f"\nremote: {number}" for number in range(5_000))
    begun = time.process_time()
    assert "aaa..." in error_for(text, remote="x", branch="main").message
    assert time.process_time() - begun < 3


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (
            (
                "remote: Permission to acme/certificates.git denied to bob.\nfatal: unable to"
                " access 'https://github.com/acme/certificates.git/': The requested URL returned"
                " error: 403"
            ),
            "push-forbidden",
        ),
        (
            (
                "fatal: unable to access 'https://github.com/acme/read-only-data/': Could not"
                " resolve host: github.com"
            ),
            "remote-unavailable",
        ),
        (
            (
                "fatal: unable to access 'https://github.com/acme/tools/': server certificate"
                " verification failed. CAfile: none CRLfile: none"
            ),
            "certificate",
        ),
        ("error: RPC failed; HTTP/2 stream 7 was not closed cleanly", "remote-unavailable"),
        ("fatal: repository 'https://github.com/acme/x/' not found", "repository-not-found"),
    ],
)
def test_what_a_repository_is_called_means_nothing(text: str, code: str) -> None:
    assert error_for(text, remote="https://github.com/acme/x", branch="main").code == code
