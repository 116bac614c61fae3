"""What a hostile pull request, definition, index or build could try, tried. See docs/security.md.

Each attack is shown to work where the defense does not stand in its way, or the same place is shown
to be reached by what is allowed.
"""

from __future__ import annotations

import base64
import gzip
import io
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from tests.ground.web import Answer, Asked, InstantClock, Web
from tests.release.kit import Repo
from tests.robustness.kit import package
from wheelstep.commands.finish import summary
from wheelstep.destinations.folder import FolderDestination
from wheelstep.destinations.interface import Wanted
from wheelstep.errors import Refused, ServiceRefused
from wheelstep.ground import answers, simple_index
from wheelstep.ground.connections import Connection
from wheelstep.ground.process import found_on
from wheelstep.ground.public_index import (
    IndexCredential,
    PipIndexes,
    credential_for,
    uv_environment,
    uv_index_variables,
)
from wheelstep.ground.secret import Secret
from wheelstep.ground.sending import LARGEST_PAGE
from wheelstep.ground.transport import Transport
from wheelstep.ground.uv import compile_requirements
from wheelstep.hosts import host_of
from wheelstep.model import Listed, Problem
from wheelstep.rehearsal.asker import Asker
from wheelstep.rehearsal.pages import Pages
from wheelstep.rehearsal.places import Indexes
from wheelstep.rehearsal.question import Question
from wheelstep.report import Report
from wheelstep.settings import load
from wheelstep.stages.committing import place_of
from wheelstep.stages.run import open_run

TOKEN: Final = "feed-token-of-the-organization"
PULL_REQUEST: Final = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_EVENT_NAME": "pull_request_target",
    "GITHUB_REF": "refs/heads/main",
    "WHEELSTEP_FEED_TOKEN": TOKEN,
    "FEED_TOKEN": TOKEN,
}
PAGE: Final = {"Content-Type": "text/html"}


def passwords(asked: list[Asked]) -> set[str]:
    """The passwords that a server was sent."""
    headers = [str(one.headers.get("Authorization", "")) for one in asked]
    sent = [base64.b64decode(text.split()[1]).decode() for text in headers if text]
    return {pair.partition(":")[2] for pair in sent}


def locked_in(asked: Asked) -> Answer:
    """An index that wants credentials, whichever they are, and then lists nothing."""
    if asked.headers.get("Authorization"):
        return Answer(200, PAGE, b"<html></html>")
    return Answer(401, {"WWW-Authenticate": 'Basic realm="index"'})


@pytest.fixture
def web() -> Iterator[Web]:
    with Web(answer=locked_in) as running:
        yield running


# --- a pull request -----------------------------------------------------------------------------


def released(place: Path) -> Repo:
    """A repository whose package is released: so a plan resolves its definitions."""
    files = package("acme-one", "1.0")
    files |= {"wheelstep.toml": 'packages = ["packages/*"]\npublish-to = ["../index"]\n'}
    repo = Repo.create(place, files | {".gitignore": "/dist/\n"})
    repo.release()
    return repo


def proposed(repo: Repo, url: str, settings: str) -> None:
    """What the pull request changes."""
    conda = "dependencies:\n  - python=3.11\n  - pip:\n"
    conda += f"    - --extra-index-url {url}/simple/\n    - acme-one==0.9\n"
    repo.commit({"conda.yml": conda, "wheelstep.toml": f'packages = ["packages/*"]\n{settings}'})


def test_a_pull_request_gets_no_token_sent_to_where_its_own_settings_say(
    tmp_path: Path, web: Web
) -> None:
    repo = released(tmp_path / "place")
    index = f"index+{web.url}/"
    proposed(repo, web.url, "")
    named_by_the_workflow = {"WHEELSTEP_PUBLISH_TO": index}
    repo.wheelstep("release", extra=PULL_REQUEST | named_by_the_workflow)
    assert TOKEN in passwords(web.asked)  # so this is how it would look

    for settings in (
        f'publish-to = ["{index}"]\n',
        f'[[publish-to]]\nurl = "{index}"\ntoken-env = "FEED_TOKEN"\n',
    ):
        proposed(repo, web.url, settings)
        web.asked.clear()
        ran = repo.wheelstep("release", extra=PULL_REQUEST)
        assert ran.code == 0, ran.said
        assert web.asked
        assert passwords(web.asked) == set()
        assert "No token is sent" in ran.problem("pull-request")["message"]
        assert "none were given for it" in ran.problem("unproven")["message"]


def test_a_connections_token_follows_no_destination_of_a_pull_request(
    tmp_path: Path, web: Web
) -> None:
    """The target of a connection is made from the first destination where none is set."""
    repo = released(tmp_path / "place")
    token = "connection-token-of-the-workspace"
    connection = {"WHEELSTEP_CONNECTION_TOKEN": token}
    proposed(repo, web.url, "")
    named = {"WHEELSTEP_PUBLISH_TO": f"index+{web.url}/"}
    repo.wheelstep("plan", extra=PULL_REQUEST | named | connection)
    assert passwords(web.asked) >= {token}  # so this is how it would look

    proposed(repo, web.url, f'publish-to = ["index+{web.url}/"]\n')
    web.asked.clear()
    ran = repo.wheelstep("plan", extra=PULL_REQUEST | connection)
    assert web.asked
    assert passwords(web.asked) == set()
    assert "its token is not known here" in ran.problem("unproven")["message"]

    # the folder is the workflow's, and where it is served is what the file says
    proposed(repo, f"{web.url}/beside", f'serve-url = "{web.url}"\n')
    web.asked.clear()
    folder = {"WHEELSTEP_PUBLISH_TO": "../other"}
    repo.wheelstep("plan", extra=PULL_REQUEST | folder | connection)
    assert web.asked
    assert passwords(web.asked) == set()


@pytest.mark.parametrize("command", ["doctor", "plan"])
def test_a_pull_request_gets_no_repository_asked(tmp_path: Path, web: Web, command: str) -> None:
    repo = released(tmp_path / "place")
    repo.git("remote", "add", "origin", f"{web.url}/acme/tools")
    for more in ("", f'definition-repository = "{web.url}/evil/environments"\n'):
        repo.commit(
            {
                "wheelstep.toml": 'packages = ["packages/*"]\npublish-to = ["../index"]\n'
                'commit = "push"\ncommit-with = "github"\nbranch = "main"\n'
                f'tag = "{{name}}-v{{version}}"\ngithub-release = true\n{more}'
            }
        )
        tokens = {
            f"WHEELSTEP_{name}": TOKEN
            for name in ("REPOSITORY_TOKEN", "DEFINITION_REPOSITORY_TOKEN")
        }
        server = {"GITHUB_SERVER_URL": web.url, "GITHUB_TOKEN": TOKEN}
        push = PULL_REQUEST | tokens | server | {"GITHUB_EVENT_NAME": "push"}
        repo.wheelstep(command, extra=push)
        assert TOKEN in passwords(web.asked)  # so this is how it would look
        web.asked.clear()
        repo.wheelstep(command, extra=PULL_REQUEST | tokens | server)
        assert web.asked == []


def test_token_env_names_no_secret_of_the_host(tmp_path: Path) -> None:
    repo = Repo.create(tmp_path / "place", package("acme-one", "1.0"))
    for name in ("GITHUB_TOKEN", "INPUT_JOB_TOKEN", "AZURE_CLIENT_SECRET"):
        repo.commit(
            {
                "wheelstep.toml": 'packages = ["packages/*"]\n[[publish-to]]\n'
                f'url = "index+https://index.example/"\ntoken-env = "{name}"\n'
            }
        )
        ran = repo.wheelstep("plan", extra={name: TOKEN})
        assert ran.code == 2
        assert name in ran.problem("bad-setting")["message"]


@pytest.mark.parametrize(
    ("upstream", "url", "goes"),
    [
        ("origin", "https://github.example/a/b", True),
        ("origin", "http://github.example/a/b", False),
        ("mirror", "https://mirror.example/a/b", False),
    ],
)
def test_the_jobs_token_goes_to_the_jobs_host_alone(
    tmp_path: Path, upstream: str, url: str, *, goes: bool
) -> None:
    repo = Repo.create(tmp_path / "place", package("acme-one", "1.0"))
    repo.git("remote", "add", "origin", "https://github.example/a/b")
    if upstream != "origin":
        repo.git("remote", "add", upstream, url)
    repo.git("remote", "set-url", upstream, url)
    repo.git("config", "branch.main.remote", upstream)
    environment = dict(repo.environment) | {
        "GITHUB_ACTIONS": "true",
        "GITHUB_REF": "refs/heads/main",
        "GITHUB_SERVER_URL": "https://github.example",
        "GITHUB_TOKEN": TOKEN,
        "WHEELSTEP_PUBLISH_TO": "../index",
    }
    host = host_of(environment, io.StringIO(), io.StringIO())
    settings = load("release", {}, environment=environment, host=host, directory=repo.root)
    run = open_run(settings, host, environment, Report("release"))
    header = base64.b64encode(f"x-access-token:{TOKEN}".encode()).decode()
    extra: dict[str, str] = run.repository._remote.extra  # type: ignore[attr-defined]
    assert any(header in value for value in extra.values()) is goes


@pytest.mark.parametrize("moved", [False, True])
def test_the_jobs_token_follows_no_rewriting_of_the_other_repositorys_url(
    tmp_path: Path, *, moved: bool
) -> None:
    repo = Repo.create(tmp_path / "place", package("acme-one", "1.0"))
    environment = dict(repo.environment) | {
        "GITHUB_ACTIONS": "true",
        "GITHUB_REF": "refs/heads/main",
        "GITHUB_SERVER_URL": "https://github.example",
        "GITHUB_TOKEN": TOKEN,
        "WHEELSTEP_BRANCH": "main",
        "WHEELSTEP_DEFINITION_REPOSITORY": "https://github.example/acme/environments",
        "WHEELSTEP_PUBLISH_TO": "../index",
    }
    if moved:
        environment |= {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "url.https://evil.example/.insteadOf",
            "GIT_CONFIG_VALUE_0": "https://github.example/",
        }
    host = host_of(environment, io.StringIO(), io.StringIO())
    settings = load("release", {}, environment=environment, host=host, directory=repo.root)
    run = open_run(settings, host, environment, Report("release"))
    with run.closing:
        place = place_of(run)
    assert place is not None
    assert (place.token is None) is moved


# --- definitions --------------------------------------------------------------------------------


def test_no_line_of_a_definition_gives_an_index_the_name_of_ours(
    tmp_path: Path, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("UV_INDEX_URL", raising=False)
    with Web(answer=locked_in) as evil:
        ours = f"{web.url}/simple/"
        line = " ".join([f"{evil.url}/a", *(f"index{n}={evil.url}/{n}" for n in range(3))])
        credential = IndexCredential(ours, "us", Secret(TOKEN))
        variables = uv_index_variables([ours, line], (), [credential])
        base = uv_environment({"PATH": "", "HOME": str(tmp_path)})
        compile_requirements(
            ["acme"],
            python_version="3.11",
            platform="linux",
            environment=base | variables | {"UV_CACHE_DIR": str(tmp_path / "cache")},
            folder=tmp_path,
            timeout=60,
        )
        assert evil.asked
        assert passwords(web.asked) == {TOKEN}
        assert passwords(evil.asked) == set()


@pytest.mark.parametrize(
    ("url", "fits"),
    [
        ("https://index.example/ours/simple/", True),
        ("https://index.example:443/ours/simple", True),
        ("https://index.example/ours/simple/../../evil/simple/", False),
        ("https://index.example/ours/simple/%2e%2e/%2E%2e/evil/", False),
        ("https://index.example/ours-evil/simple/", False),
        ("http://index.example/ours/simple/", False),
        ("https://index.example.evil.example/ours/simple/", False),
        ("https://index.example@evil.example/ours/simple/", False),
        ("https://evil.example\\@index.example/ours/simple/", False),
        ("https://[index.example/ours/simple/", False),
    ],
)
def test_a_credential_belongs_to_its_prefix(url: str, *, fits: bool) -> None:
    ours = IndexCredential("https://index.example/ours/simple/", "us", Secret(TOKEN))
    assert (credential_for(url, [ours]) is ours) is fits


@pytest.mark.parametrize(
    ("line", "code"),
    [("--extra-index-url https://[bad", 7), ("acme-two ; " + "(" * 5000 + ")" * 5000, 7)],
)
def test_a_definition_that_cannot_be_read_is_no_defect(
    tmp_path: Path, line: str, code: int
) -> None:
    repo = released(tmp_path / "place")
    repo.commit({"requirements.txt": f"{line}\nacme-one==0.9\n"})
    ran = repo.wheelstep("release")
    assert ran.code == code, ran.said


def test_a_definition_switches_no_certificate_off_where_a_token_goes(tmp_path: Path) -> None:
    ours = IndexCredential("https://index.example/simple/", "us", Secret(TOKEN))
    theirs = Connection("ml", "https://feed.example/org", secret=Secret(TOKEN))
    asker = Asker(
        environment={}, folder=tmp_path, pages=Pages(Transport({})), private=frozenset(), new=(),
        wheels={}, graph={}, known=frozenset(), stands_alone=bool, announce=print, timeout=None,
        indexes=Indexes(
            PipIndexes(trusted_hosts=("pip.example",)), None, "file:///new",
            credentials=(ours,), connections=(theirs,),
        ),
    )  # fmt: skip
    hosts = (
        "index.example", "INDEX.example:443", "feed.example", "other.example", "pip.example", "[",
    )  # fmt: skip
    question = Question(
        (), (), (), (), frozenset(), (), (), hosts, (), prerelease=False, require_hashes=False,
        python="3.11", platform="linux",
    )  # fmt: skip
    assert asker.unverified(question) == ["other.example", "pip.example", "["]
    # the token of a feed goes to the other host of its organization, too
    feed = "/_packaging/wheels/pypi/simple/"
    newer = IndexCredential(f"https://pkgs.dev.azure.com/contoso{feed}", "us", Secret(TOKEN))
    asker.indexes = Indexes(PipIndexes(), None, "file:///new", credentials=(newer,))
    older = "contoso.pkgs.visualstudio.com"
    other = replace(question, trusted_hosts=(older, "other.example"))
    assert asker.unverified(other) == [older, "other.example"]
    named = replace(other, index_urls=(f"https://{older}{feed}",))
    assert asker.unverified(named) == ["other.example"]


# --- an index -----------------------------------------------------------------------------------


def test_a_page_that_unpacks_without_end_is_refused() -> None:
    bomb = gzip.compress(b"\0" * (LARGEST_PAGE + 1), 9)
    page = gzip.compress(b"<html></html>")
    packed = PAGE | {"Content-Encoding": "gzip"}
    replies = (Answer(200, packed, page), Answer(200, packed, bomb))
    with Web(*replies) as web, Transport({}, clock=InstantClock()) as transport:
        assert transport.request("GET", web.url).body == b"<html></html>"
        with pytest.raises(ServiceRefused, match="more than 64 MiB"):
            transport.request("GET", web.url)


def test_nested_json_is_no_defect() -> None:
    with pytest.raises(ServiceRefused, match="no JSON"):
        simple_index.parse(b"[" * 100_000, "application/json", "https://index.example/acme/")
    assert answers.said(b'{"error":"no"}', "application/json") == "no"
    assert answers.said(b'{"error":' * 2800 + b"1" + b"}" * 2800, "application/json") == ""


def test_a_listed_url_is_one_word_without_variables() -> None:
    page = b'<a href="/${TOKEN}/a --index-url x/acme-1.0-py3-none-any.whl">acme</a>'
    (listed,) = simple_index.parse(page, "text/html", "https://index.example/simple/acme/")
    expected = "https://index.example/$%7BTOKEN%7D/a%20--index-url%20x/acme-1.0-py3-none-any.whl"
    assert listed.url == expected


def test_a_folders_page_leads_to_no_other_file(tmp_path: Path) -> None:
    other = tmp_path / "id_rsa.whl"
    other.write_text("private", encoding="utf-8")
    folder = FolderDestination(Wanted("index"), tmp_path)
    target = tmp_path / "copy"
    with pytest.raises(Refused, match="another file of this machine"):
        folder.fetch(Listed("acme-1.0-py3-none-any.whl", other.as_uri(), None), target)
    assert not target.exists()


# --- names --------------------------------------------------------------------------------------


def test_the_summary_shows_names_and_nothing_else() -> None:
    report = Report("release")
    name = "x`|<img src=x>\n[free](https://evil.example)"
    report.add([Problem("code", "warning", 0, "message", "", name, 1)])
    report.commit.sha, report.commit.branch = "0" * 40, name
    page = summary(report)
    assert page.count("<img") == 1  # as code, which is where it means nothing
    (problem,) = [line for line in page.splitlines() if "message" in line]
    assert "&lt;img src=x> &#91;free]" in problem
    (commit,) = [line for line in page.splitlines() if line.startswith("Commit")]
    assert "`x'\u00a6<img src=x> [free](https://evil.example)`" in commit
    assert commit.count("`") == 4


def test_a_program_is_not_looked_for_in_the_present_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("checkout", "tools"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "git.exe").touch()
    monkeypatch.chdir(tmp_path / "checkout")
    separator = ";" if sys.platform == "win32" else ":"
    path = separator.join(["", ".", str(tmp_path / "tools")])
    assert found_on(path, "git.exe") == str(tmp_path / "tools" / "git.exe")
    assert found_on(".", "git.exe") is None
