"""Where a setting comes from, which of them wins, and what is said when one is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.settings_kit import file, read, refused
from wheelstep.errors import CannotHere
from wheelstep.options import OPTIONS

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


def test_a_token_that_is_no_text_is_told_by_its_variable(tmp_path: Path) -> None:
    error = refused(tmp_path, WHEELSTEP_FEED_TOKEN="half-\udcff-of-it")
    assert error.message == (
        "The environment variable WHEELSTEP_FEED_TOKEN: it holds bytes that are no UTF-8."
    )
    assert "half" not in error.cure


def test_variables_that_are_none(tmp_path: Path) -> None:
    error = refused(tmp_path, WHEELSTEP_FEEDTOKEN="hunter2-hunter2")
    assert "WHEELSTEP_FEED_TOKEN" in error.cure
    assert "hunter2" not in error.message + error.cure
    assert read(tmp_path, environment={"WHEELSTEP_CACHE": "/x", "WHEELSTEPS": "y"}).pin


# --- destinations as people paste them --------------------------------------------------------

FEED = "https://pkgs.dev.azure.com/contoso/ml/_packaging/wheels/pypi/simple/"


@pytest.mark.parametrize(
    "pasted",
    [
        "contoso/ml/wheels",
        "feed:contoso/ml/wheels",
        "https://dev.azure.com/contoso/ml/_artifacts/feed/wheels",
        f"[global]\nindex-url={FEED}",
        f"[distutils]\nIndex-servers =\n  wheels\n\n[wheels]\nRepository = {FEED}\n",
        f'  "{FEED}" ',
    ],
)
def test_a_destination_is_taken_as_the_portal_shows_it(tmp_path: Path, pasted: str) -> None:
    variables = {"WHEELSTEP_PUBLISH_TO": pasted, "WHEELSTEP_FEED_TOKEN": "pat-12345"}
    (one,) = read(tmp_path, environment=variables).publish_to
    assert one.url == FEED
    # the token is the feed's: what was pasted is a service and no folder
    assert one.token is not None


def test_a_table_and_a_list_take_the_same_forms(tmp_path: Path) -> None:
    file(tmp_path, '[[publish-to]]\nurl = "contoso/ml/wheels"\n[[publish-to]]\nurl = "./a/b/c"\n')
    assert [one.url for one in read(tmp_path).publish_to] == [FEED, "./a/b/c"]
    file(tmp_path, f'publish-to = ["index-url={FEED}", "wheel-index"]\n')
    assert [one.url for one in read(tmp_path).publish_to] == [FEED, "wheel-index"]
    settings = read(tmp_path, flags={"publish-to": ["contoso/ml/wheels", "./a/b/c"]})
    assert [one.url for one in settings.publish_to] == [FEED, "./a/b/c"]


def test_a_pasted_password_is_refused_and_not_shown(tmp_path: Path) -> None:
    pasted = f"[wheels]\nrepository = {FEED}\nusername = contoso\npassword = hunter2hunter2\n"
    error = refused(tmp_path, WHEELSTEP_PUBLISH_TO=pasted)
    assert error.code == "credentials-in-url"
    assert "hunter2" not in f"{error.message} {error.cure}"
