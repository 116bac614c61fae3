"""What stands in tables, and what a token, a workspace or a connection belongs to."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.settings_kit import file, read, refused
from wheelstep.model import Workspace

# --- destinations and their secrets -----------------------------------------------------------

FEED = "https://pkgs.dev.azure.com/acme/_packaging/private/pypi/simple/"


def test_a_token_goes_to_the_first_service_and_to_no_other_host(tmp_path: Path) -> None:
    environment = {
        "WHEELSTEP_FEED_TOKEN": "made-up-token-1",
        "WHEELSTEP_FEED_USER": "ada",
        "WHEELSTEP_PUBLISH_TO": f"../index\n{FEED}\nindex+https://pypi.acme.example/\n",
    }
    folder, feed, index = read(tmp_path, environment=environment).publish_to
    assert folder.token is None
    assert feed.token is not None
    assert feed.token.reveal() == "made-up-token-1"
    assert index.token is None
    assert feed.user == "ada"
    assert "made-up-token-1" not in repr(read(tmp_path, environment=environment))


def test_a_token_is_of_one_organization_at_all_of_its_hosts(tmp_path: Path) -> None:
    feeds = {
        "https://pkgs.dev.azure.com/contoso/ml/_packaging/wheels/pypi/simple/": True,
        "https://pkgs.dev.azure.com/fabrikam/_packaging/wheels/pypi/simple/": False,
        "https://contoso.pkgs.visualstudio.com/_packaging/others/pypi/simple/": True,
        "feed+https://pkgs.dev.azure.com/Contoso/web/_packaging/more/": True,
        "feed+http://pkgs.dev.azure.com/contoso/_packaging/plain/": False,
    }
    environment = {
        "WHEELSTEP_FEED_TOKEN": "made-up-token-1",
        "WHEELSTEP_PUBLISH_TO": "\n".join(feeds),
    }
    found = read(tmp_path, environment=environment).publish_to
    assert [one.token is not None for one in found] == list(feeds.values())


def test_tables_with_tokens_of_their_own(tmp_path: Path) -> None:
    file(
        tmp_path,
        f"""
[[publish-to]]
name = "main"
url = "{FEED}"
token-env = "MAIN_TOKEN"

[[publish-to]]
url = "../index"
serve-url = "https://wheels.acme.example/"
""",
    )
    main, folder = read(tmp_path, environment={"MAIN_TOKEN": "made-up-token-2\n"}).publish_to
    assert main.name == "main"
    assert main.token is not None
    assert main.token.reveal() == "made-up-token-2"
    assert (folder.serve_url, folder.token) == ("https://wheels.acme.example/", None)
    error = refused(tmp_path)
    assert error.code == "missing-token"
    assert "MAIN_TOKEN" in error.message


def test_serve_url_is_for_one_destination(tmp_path: Path) -> None:
    flags = {"publish-to": ["../index"], "serve-url": "https://w.acme.example/"}
    assert read(tmp_path, flags=flags).publish_to[0].serve_url == "https://w.acme.example/"
    assert "tables" in refused(tmp_path, flags=flags | {"publish-to": ["../a", "../b"]}).cure


# --- workspaces -------------------------------------------------------------------------------

ID = "/subscriptions/S-1/resourceGroups/my.group/providers/Microsoft.MachineLearningServices/"
W1, W2 = Workspace("S-1", "my.group", "W1"), Workspace("S-1", "my.group", "W2")


def test_the_switches_for_ranges_and_closure(tmp_path: Path) -> None:
    settings = read(tmp_path)
    assert (settings.keep_ranges, settings.closure, settings.workspaces) == (False, True, ())
    file(tmp_path, "keep-ranges = true\nclosure = false\n")
    settings = read(tmp_path)
    assert (settings.keep_ranges, settings.closure) == (True, False)


def test_workspaces_are_ids_or_three_parts(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        flags={"workspace": [f"{ID}workspaces/W1", "S-1/my.group/W2", "s-1/MY.group/w1"]},
    )
    assert settings.workspaces == (W1, W2)
    assert str(W1) == "S-1/my.group/W1"


@pytest.mark.parametrize(
    "text",
    [
        "W1",
        "G/W1",
        "S/G/W/X",
        "S//W",
        "S/G./W",
        "subscriptions/S/W",
        "/subscriptions/S/resourceGroups/G/workspaces/W",
        "S/G/providers/Microsoft.MachineLearningServices/workspaces/W",
        "https://ml.azure.com/W",
    ],
)
def test_what_is_no_workspace(tmp_path: Path, text: str) -> None:
    error = refused(tmp_path, WHEELSTEP_WORKSPACE=text)
    assert "is no workspace" in error.message
    assert "SUBSCRIPTION/GROUP/NAME" in error.cure


def test_definitions_may_be_a_table(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        "[tool.wheelstep.definitions]\n"
        '"environments/a.yml" = ["S-1/my.group/W1"]\n'
        '"environments/*.yml" = ["S-1/my.group/W1", "S-1/my.group/W2"]\n'
        '"!environments/old.yml" = []\n',
        encoding="utf-8",
    )
    settings = read(tmp_path)
    assert settings.definitions == (
        "environments/a.yml",
        "environments/*.yml",
        "!environments/old.yml",
    )
    assert settings.read_by == (("environments/a.yml", (W1,)), ("environments/*.yml", (W1, W2)))
    settings = read(tmp_path, flags={"definitions": ["other.yml"]})
    assert (settings.definitions, settings.read_by) == (("other.yml",), ())


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ('{"a.yml" = []}', "names no workspace"),
        ('{"a.yml" = ["W"]}', "is no workspace"),
        ('{"a.yml" = 3}', "a list of texts"),
        ('{"!a.yml" = ["S/G/W"]}', "left out"),
        ("3", "a list of texts"),
    ],
)
def test_a_table_of_definitions_that_is_wrong(tmp_path: Path, table: str, said: str) -> None:
    file(tmp_path, f"\ndefinitions = {table}\n")
    error = refused(tmp_path)
    assert said in error.message
    assert (error.file, error.line) == ("wheelstep.toml", 2)


# --- connections, and what is allowed ---------------------------------------------------------


def test_one_connection(tmp_path: Path) -> None:
    environment = {
        "WHEELSTEP_CONNECTION": "ml-feed",
        "WHEELSTEP_CONNECTION_TARGET": "https://pkgs.dev.azure.com/acme",
        "WHEELSTEP_CONNECTION_USER": "ada",
        "WHEELSTEP_CONNECTION_TOKEN": "made-up-token-3",
    }
    (one,) = read(tmp_path, environment=environment).connections
    assert (one.name, one.target, one.category, one.user) == (
        "ml-feed",
        "https://pkgs.dev.azure.com/acme",
        "PythonFeed",
        "ada",
    )
    assert one.secret is not None
    assert one.secret.reveal() == "made-up-token-3"
    assert "made-up-token-3" not in repr(read(tmp_path, environment=environment))
    assert read(tmp_path).connections == ()
    # of a token alone, the destination makes the target
    (made,) = read(tmp_path, environment={"WHEELSTEP_CONNECTION_TOKEN": "made-up-4"}).connections
    assert (made.name, made.target) == ("", "")
    flags = {"connection-target": "https://h.example/", "connection-category": "Git"}
    assert read(tmp_path, flags=flags).connections[0].category == "Git"


CONNECTIONS = """
[[connection]]
name = "ml-feed"
target = "https://pkgs.dev.azure.com/acme"
token-env = "ML_TOKEN"

[[connection]]
target = "https://index.example/"
user = "ada"
"""


def test_several_connections_are_tables(tmp_path: Path) -> None:
    file(tmp_path, CONNECTIONS)
    environment = {"ML_TOKEN": "made-up-token-5\n"}
    first, second = read(tmp_path, environment=environment).connections
    assert first.secret is not None
    assert first.secret.reveal() == "made-up-token-5"
    assert (second.target, second.user, second.secret) == ("https://index.example/", "ada", None)
    assert refused(tmp_path).code == "missing-token"
    error = refused(tmp_path, ML_TOKEN="made-up-5", WHEELSTEP_CONNECTION_USER="bob")
    assert "table" in error.cure
    file(tmp_path, CONNECTIONS.replace("ML_TOKEN", "GITHUB_TOKEN"))
    assert "GITHUB_TOKEN" in refused(tmp_path, GITHUB_TOKEN="made-up-6").message


@pytest.mark.parametrize("text", [CONNECTIONS, 'connection-target = "https://collects.example/"\n'])
def test_no_connections_token_goes_to_where_a_pull_request_says(tmp_path: Path, text: str) -> None:
    file(tmp_path, text)
    environment = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_NAME": "pull_request",
        "INPUT_CONNECTION_TOKEN": "made-up-token-7",
        "ML_TOKEN": "made-up-token-5",
    }
    settings = read(tmp_path, environment=environment)
    assert settings.connections
    assert {one.secret for one in settings.connections} == {None}


def test_what_is_allowed(tmp_path: Path) -> None:
    line = "dependency-confusion  Acme_Core   It is ours  there, too."
    (one,) = read(tmp_path, environment={"WHEELSTEP_ALLOW": f"\n{line}\n"}).allow
    assert (one.code, one.name, one.reason) == (
        "dependency-confusion",
        "acme-core",
        "It is ours there, too.",
    )
    assert read(tmp_path, flags={"allow": [line]}).allow == (one,)
    file(
        tmp_path,
        """
[[allow]]
code = "dependency-confusion"
name = "*"
reason = "The public index here is a curated mirror."
""",
    )
    (every,) = read(tmp_path).allow
    assert (every.name, every.reason) == ("*", "The public index here is a curated mirror.")


def test_no_public_index(tmp_path: Path) -> None:
    for text in ("none", "None"):
        settings = read(tmp_path, flags={"public-index": text})
        assert (settings.public_index, settings.no_public_index) == (None, True)
    settings = read(tmp_path, flags={"public-index": "https://none.example/"})
    assert (settings.public_index, settings.no_public_index) == ("https://none.example/", False)


def test_a_work_item_that_is_none_is_told_and_not_dropped(tmp_path: Path) -> None:
    (tmp_path / "wheelstep.toml").write_text("work-items = [12, true]\n", encoding="utf-8")
    assert "work-items" in refused(tmp_path).message
    (tmp_path / "wheelstep.toml").write_text('work-items = [12, "AB#34"]\n', encoding="utf-8")
    assert read(tmp_path).committing.work_items == (12, 34)


def test_a_branch_may_be_the_whole_of_a_ref(tmp_path: Path) -> None:
    whole = {
        "WHEELSTEP_BRANCH": "refs/heads/release/1",
        "WHEELSTEP_PULL_REQUEST_BRANCH": "refs/heads/pins",
    }
    settings = read(tmp_path, environment=whole)
    assert (settings.branch, settings.committing.branch) == ("release/1", "pins")


def test_a_repository_is_named_by_its_whole_url(tmp_path: Path) -> None:
    error = refused(tmp_path, flags={"definition-repository": "acme/environments"})
    assert "'acme/environments' does not say where" in error.message
    assert "https://github.com/acme/environments" in error.cure
    for none in ("environments", "-x", "https://", "file:///"):
        error = refused(tmp_path, flags={"definition-repository": none})
        assert f"{none!r} does not say where" in error.message
    for whole in (
        "./acme/environments",
        "../environments",
        "..\\environments",
        "git@github.com:acme/environments.git",
        "file:///x",
    ):
        settings = read(tmp_path, flags={"definition-repository": whole})
        assert settings.committing.elsewhere == whole
