"""Where a setting comes from, which of them wins, and what is said when one is wrong."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from wheelstep.errors import CannotHere, SettingError
from wheelstep.hosts import Host, host_of
from wheelstep.model import Workspace
from wheelstep.options import OPTIONS, Command
from wheelstep.settings import Settings, load


def host(environment: Mapping[str, str]) -> Host:
    return host_of(environment, io.StringIO(), io.StringIO())


def read(
    folder: Path,
    *,
    flags: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
    command: Command = "release",
) -> Settings:
    variables = environment or {}
    return load(command, flags or {}, environment=variables, host=host(variables), directory=folder)


def refused(
    folder: Path, *, flags: Mapping[str, Any] | None = None, **environment: str
) -> SettingError:
    with pytest.raises(SettingError) as caught:
        read(folder, flags=flags, environment=environment)
    assert caught.value.cure
    return caught.value


def file(folder: Path, text: str, name: str = "wheelstep.toml") -> None:
    (folder / name).write_text(text, encoding="utf-8")


# --- one by one -------------------------------------------------------------------------------


def test_rehearsing_with_conda_and_comparing(tmp_path: Path) -> None:
    assert read(tmp_path).compare_with is None
    file(tmp_path, 'rehearse = "conda"\ncompare-with = "last/report.json"\n')
    settings = read(tmp_path, command="rehearse")
    assert (settings.rehearse, settings.compare_with) == ("conda", "last/report.json")
    error = refused(tmp_path, WHEELSTEP_REHEARSE="mamba")
    assert "conda" in error.message + error.cure


# --- defaults and precedence ------------------------------------------------------------------


def test_the_defaults(tmp_path: Path) -> None:
    settings = read(tmp_path)
    assert settings.packages == (".",)
    assert settings.exclude == ()
    assert settings.dist == "dist"
    assert [one.url for one in settings.publish_to] == ["wheel-index"]
    assert settings.definitions is None
    assert (settings.pin, settings.rehearse, settings.read_back) == ("version", "on", "serve")
    assert (settings.commit, settings.branch, settings.skip_ci) == ("none", None, True)
    assert settings.platform == "x86_64-manylinux_2_28"
    assert (settings.parallel, settings.public_index) == (None, None)
    assert not settings.dry_run
    assert not settings.publish_to_given


@pytest.mark.parametrize("variable", ["GITHUB_ACTIONS", "TF_BUILD"])
def test_on_a_ci_host_it_pushes_and_has_no_destination(tmp_path: Path, variable: str) -> None:
    settings = read(tmp_path, environment={variable: "true"})
    assert settings.commit == "push"
    assert settings.publish_to == ()
    assert settings.on_ci


def test_flag_beats_input_beats_environment_beats_file_beats_default(tmp_path: Path) -> None:
    everywhere = {
        "GITHUB_ACTIONS": "true",
        "INPUT_PLATFORM": "input",
        "WHEELSTEP_PLATFORM": "environment",
    }
    assert read(tmp_path).platform == "x86_64-manylinux_2_28"
    file(tmp_path, 'platform = "file"\n')
    assert read(tmp_path).platform == "file"
    assert read(tmp_path, environment={"WHEELSTEP_PLATFORM": "environment"}).platform == (
        "environment"
    )
    assert read(tmp_path, environment=everywhere).platform == "input"
    flags = {"platform": "flag"}
    assert read(tmp_path, environment=everywhere, flags=flags).platform == "flag"


def test_empty_is_unset(tmp_path: Path) -> None:
    file(tmp_path, 'packages = ["libs/*"]\nskip-ci = false\nbranch = "trunk"\n')
    empty = {f"WHEELSTEP_{name}": "" for name in ("PACKAGES", "SKIP_CI", "BRANCH", "PUBLISHTO")}
    empty |= {"GITHUB_ACTIONS": "true", "INPUT_PACKAGES": "", "INPUT_BRANCH": " \n "}
    settings = read(tmp_path, environment=empty, flags={"packages": None})
    assert settings.packages == ("libs/*",)
    assert not settings.skip_ci
    assert settings.branch == "trunk"


def test_a_list_is_lines_or_an_array_or_repeated_flags(tmp_path: Path) -> None:
    lines = {"WHEELSTEP_PACKAGES": "libs/*\n\n  apps/*  \r\n!apps/old\n"}
    assert read(tmp_path, environment=lines).packages == ("libs/*", "apps/*", "!apps/old")
    assert read(tmp_path, flags={"packages": ["a", "b"]}).packages == ("a", "b")
    file(tmp_path, 'packages = ["a b", "c,d"]\n')
    assert read(tmp_path).packages == ("a b", "c,d")


@pytest.mark.parametrize("text", ["true", "True", "1", "YES", "on", " y "])
def test_switches_that_are_on(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, environment={"WHEELSTEP_PREBUILT": text}).prebuilt


@pytest.mark.parametrize("text", ["false", "False", "0", "NO", "off", "n"])
def test_switches_that_are_off(tmp_path: Path, text: str) -> None:
    assert not read(tmp_path, environment={"WHEELSTEP_SKIP_CI": text}).skip_ci


def test_plan_is_a_dry_run(tmp_path: Path) -> None:
    assert read(tmp_path, command="plan").dry_run
    assert read(tmp_path, flags={"dry-run": True}).dry_run


# --- files ------------------------------------------------------------------------------------


def test_pyproject_and_wheelstep_toml_say_the_same(tmp_path: Path) -> None:
    file(tmp_path, "[tool.wheelstep]\nrehearse = false\nparallel = 3\n", "pyproject.toml")
    settings = read(tmp_path)
    assert (settings.rehearse, settings.parallel) == ("off", 3)
    (tmp_path / "pyproject.toml").unlink()
    file(tmp_path, 'rehearse = "off"\nparallel = 3\n')
    assert read(tmp_path) == settings


def test_other_tools_in_pyproject_are_no_settings(tmp_path: Path) -> None:
    file(tmp_path, "[project]\nname = 'x'\n[tool.other]\npin = 7\n", "pyproject.toml")
    file(tmp_path, 'pin = "url"\n')
    assert read(tmp_path).pin == "url"


def test_the_file_is_at_the_root_also_when_the_run_is_started_in_a_folder(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    inner = tmp_path / "packages" / "core"
    inner.mkdir(parents=True)
    file(tmp_path, 'pin = "url"\n')
    file(inner, "[project]\nname = 'core'\n", "pyproject.toml")
    assert read(inner).pin == "url"
    assert read(tmp_path, flags={"repository": "packages/core"}).pin == "url"
    assert read(tmp_path, flags={"repository": str(inner)}).pin == "url"


def test_two_files(tmp_path: Path) -> None:
    file(tmp_path, 'pin = "url"\n')
    file(tmp_path, '[tool.wheelstep]\npin = "url"\n', "pyproject.toml")
    assert refused(tmp_path).code == "two-settings-files"


@pytest.mark.parametrize(
    ("text", "line", "near"),
    [
        ("publish_to = []\n", 1, "publish-to"),
        ('pin = "url"\n\nplatfrom = "x"\n', 3, "platform"),
        ('# a word\n[[publish-too]]\nurl = "x"\n', 2, "publish-to"),
        ("zzz = 1\n", 1, "docs/options.md"),
        ('repository = "elsewhere"\n', 1, ""),
    ],
)
def test_an_unknown_name_has_its_line_and_the_nearest_right_one(
    tmp_path: Path, text: str, line: int, near: str
) -> None:
    file(tmp_path, text)
    error = refused(tmp_path)
    assert error.code == "unknown-setting"
    assert (error.file, error.line) == ("wheelstep.toml", line)
    assert near in error.cure


@pytest.mark.parametrize("name", [row.name for row in OPTIONS if row.kind == "secret"])
def test_a_secret_is_never_in_a_file(tmp_path: Path, name: str) -> None:
    file(tmp_path, f'[tool.wheelstep]\n{name} = "hunter2-hunter2"\n', "pyproject.toml")
    error = refused(tmp_path)
    assert error.code == "secret-in-settings"
    assert (error.file, error.line) == ("pyproject.toml", 2)
    assert "hunter2" not in f"{error.message} {error.cure}"


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"pin = url\n", 1),
        (b'pin = "url"\npin = "url"\n', 2),
        (b'a = "x\n', 1),
        (b"# \xfc\n", None),
        (b"\x00", 1),
    ],
)
def test_a_file_that_cannot_be_read(tmp_path: Path, data: bytes, line: int | None) -> None:
    (tmp_path / "wheelstep.toml").write_bytes(data)
    error = refused(tmp_path)
    assert error.code == "bad-settings-file"
    assert error.file == "wheelstep.toml"
    assert error.line == line


def test_a_byte_order_mark_is_no_harm(tmp_path: Path) -> None:
    (tmp_path / "wheelstep.toml").write_bytes(b'\xef\xbb\xbfpin = "url"\n')
    assert read(tmp_path).pin == "url"


def test_a_folder_in_the_place_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "wheelstep.toml").mkdir()
    with pytest.raises(CannotHere) as caught:
        read(tmp_path)
    assert caught.value.file == "wheelstep.toml"


@pytest.mark.parametrize("text", ["tool = 3\n", "[tool]\nother = 1\n"])
def test_a_pyproject_without_our_table(tmp_path: Path, text: str) -> None:
    file(tmp_path, text, "pyproject.toml")
    assert read(tmp_path).pin == "version"


# --- values -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("pin = 3", "version"),
        ('pin = "urls"', "url"),
        ('commit = "pushed"', "push"),
        ("packages = 3", "list"),
        ("packages = [3]", "item"),
        ('parallel = "many"', "1 to 1000"),
        ("parallel = 0", "1 to 1000"),
        ("parallel = true", "1 to 1000"),
        ("parallel = 1001", "1 to 1000"),
        ("branch = 3", "text"),
        ('branch = "a\\nb"', "one line"),
        ('skip-ci = "perhaps"', "true nor false"),
        ("skip-ci = 1", "true nor false"),
        ("publish-to = 3", "list"),
        ("publish-to = []", "no destination"),
        ("publish-to = [3]", "text"),
        ('publish-to = [{name = "x"}]', "url"),
        ('publish-to = [{url = "x", token = "y"}]', "token"),
        ('publish-to = [{url = "x", serve_url = "y"}]', "serve_url"),
        ("publish-to = [{url = 3}]", "url"),
        ("allow = 3", "allow"),
        ('allow = "dependency-confusion acme-core"', "reason"),
        ('allow = ["dependency-confusion"]', "name of a package"),
        ('allow = ["confusion acme-core It is ours."]', "dependency-confusion"),
        ('allow = [{code = "dependency-confusion", name = "acme"}]', "reason"),
        ('allow = [{code = "dependency-confusion", name = "a b", reason = "x"}]', "a b"),
        ('allow = [{code = "x", why = "y"}]', "why"),
        ("allow = [3]", "table"),
        ('connection = [{name = "ml-feed"}]', "target"),
        ('connection = [{target = "https://h/", token = "x"}]', "token-env"),
        ('connection = [{target = "https://h/", category = "Feed"}]', "PythonFeed"),
        ('connection = [{target = "https://h/", name = "x"}]', "3 to 33"),
        ('connection = ["ml-feed"]', "table"),
        ('connection = "-x"', "3 to 33"),
        ('connection-target = "pkgs.dev.azure.com/acme"', "http or https"),
        ('connection-target = "https://me:pat-1234@h/"', "token-env"),
        ('connection-category = "python_feed"', "PythonFeed"),
    ],
)
def test_a_wrong_value_names_the_setting_and_the_place(
    tmp_path: Path, text: str, word: str
) -> None:
    file(tmp_path, f"# settings\n{text}\n")
    error = refused(tmp_path)
    name = text.partition(" ")[0]
    assert error.message.startswith(f"{name} in wheelstep.toml: ")
    assert (error.file, error.line) == ("wheelstep.toml", 2)
    assert word in f"{error.message} {error.cure}"


def test_a_wrong_value_says_where_it_came_from(tmp_path: Path) -> None:
    assert refused(tmp_path, flags={"pin": "urll"}).message.startswith("--pin: ")
    error = refused(tmp_path, WHEELSTEP_PIN="bare_url")
    assert error.message.startswith("The environment variable WHEELSTEP_PIN: ")
    assert "bare-url" in error.cure
    error = refused(tmp_path, GITHUB_ACTIONS="true", INPUT_PIN="tag")
    assert error.message.startswith("The input pin: ")
    assert "version, url, bare-url" in error.message


def test_variables_that_are_none(tmp_path: Path) -> None:
    error = refused(tmp_path, WHEELSTEP_FEEDTOKEN="hunter2-hunter2")
    assert "WHEELSTEP_FEED_TOKEN" in error.cure
    assert "hunter2" not in error.message + error.cure
    assert read(tmp_path, environment={"WHEELSTEP_CACHE": "/x", "WHEELSTEPS": "y"}).pin


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
