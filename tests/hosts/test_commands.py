"""The commands of both hosts, read back by parsers written from the hosts' documentation."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wheelstep.commands.finish import finish
from wheelstep.ground.secret import Secret
from wheelstep.hosts import Host, host_of
from wheelstep.hosts.azure_pipelines import AzurePipelines
from wheelstep.hosts.github_actions import LARGEST_SUMMARY, GitHubActions, cut
from wheelstep.model import Problem
from wheelstep.report import DefinitionRow, PackageRow, Report, WheelRow

HOSTS = {"github": {"GITHUB_ACTIONS": "true"}, "azure": {"TF_BUILD": "True"}}


def made(name: str, **environment: str) -> tuple[Host, io.StringIO]:
    out = io.StringIO()
    return host_of(HOSTS[name] | environment, out, io.StringIO()), out


def github_commands(log: str) -> list[tuple[str, dict[str, str], str]]:
    """Read a log as the runner does: `::name k=v,k=v::data` at the start of a line, the older
    `##[name k=v;]data` anywhere, and nothing between stop-commands and its token."""
    found = []
    stopped = ""
    for line in re.split("\r\n|\r|\n", log):
        new = re.match(r"\s*::([a-z0-9-]+)(?: ([^:]*(?::(?!:)[^:]*)*))?::(.*)", line)
        if stopped:
            stopped = "" if new and new[1] == stopped else stopped
            continue
        if new and new[1] == "stop-commands":
            stopped = new[3]
        elif new:
            pairs = dict(part.split("=", 1) for part in (new[2] or "").split(",") if part)
            found.append(
                (new[1], {k: undone(v, "%3A:", "%2C,") for k, v in pairs.items()}, undone(new[3]))
            )
        elif old := re.search(r"##\[(\w[\w-]*)[^\]]*\](.*)", line):
            found.append((old[1], {}, old[2]))
    return found


def undone(text: str, *more: str, percent: str = "%25") -> str:
    for pair in ("%0D\r", "%0A\n", *more):
        text = text.replace(pair[:3], pair[3:])
    return text.replace(percent, "%")


def azure_commands(log: str) -> list[tuple[str, dict[str, str], str]]:
    """Read a log as the agent does: `##vso[area.event k=v;k=v]data` anywhere in a line."""
    found = []
    for line in re.split("\r\n|\r|\n", log):
        visible = re.sub("[\u200b\u200d\u00ad\ufeff]", "", line)
        if at := re.search(r"##vso\[([a-z.]+)(?: ([^\]]*))?\](.*)", visible, re.IGNORECASE):
            pairs = dict(part.split("=", 1) for part in (at[2] or "").split(";") if part)
            values = {k: undone(v, "%5D]", "%3B;", percent="%AZP25") for k, v in pairs.items()}
            found.append((at[1], values, undone(at[3], percent="%AZP25")))
    return found


READERS = {"github": github_commands, "azure": azure_commands}

nasty = st.lists(
    st.sampled_from(
        [*"abc :,;]%=#\r\n\t", "##vso[task.complete]", "::", "##[", "%25", "%AZP25", "\u200b"]
    ),
    max_size=30,
).map("".join)


@given(message=nasty, file=nasty, name=st.sampled_from(sorted(HOSTS)))
def test_an_annotation_is_one_command_that_reads_back(message: str, file: str, name: str) -> None:
    host, out = made(name)
    host.annotate(Problem("some-code", "error", 3, "m" + message, "c", file=file or None, line=7))
    [(command, values, data)] = READERS[name](out.getvalue())
    # zero-width signs are what the agent may pass over: the reader drops them too
    plain = str.maketrans("", "", "\u200b")
    assert data.translate(plain) == f"m{message}\nc".translate(plain)
    keys = {"github": ("error", "file", "line", "title"),
            "azure": ("task.logissue", "sourcepath", "linenumber", "code")}[name]  # fmt: skip
    assert command == keys[0]
    assert values.get(keys[1], "").translate(plain) == file.translate(plain)
    assert values.get(keys[2]) == ("7" if file else None)
    assert values[keys[3]] == "some-code"


ATTACKS = [
    "::add-mask::a",
    "  ::error::a",
    "x\r::set-output name=commit::a",
    "x ##[add-path]/tmp",
    "###[add-path]/tmp",
    "##vso[task.setvariable variable=commit]a",
    "text ##VSO[task.complete result=Succeeded;]",
    "#\u200b#vso[task.complete]",
    "##v\u00adso[task.complete]",
    ":::error::a",
]


def test_the_readers_see_the_attacks() -> None:
    assert [len(github_commands(text)) for text in ATTACKS[:5]] == [1] * 5
    assert [len(azure_commands(text)) for text in ATTACKS[5:9]] == [1] * 4


@pytest.mark.parametrize("name", sorted(HOSTS))
@pytest.mark.parametrize("text", ATTACKS)
@pytest.mark.parametrize("way", ["say", "relay", "group", "document"])
def test_text_of_others_is_never_a_command(name: str, text: str, way: str) -> None:
    host, out = made(name)
    if way == "group":
        with host.group(text):
            pass
        commands = [row for row in READERS[name](out.getvalue()) if "group" not in row[0]]
    else:
        given = json.dumps({"text": text}, indent=2) if way == "document" else text
        getattr(host, way)(given)
        commands = READERS[name](out.getvalue())
        if way == "document":
            assert json.loads(out.getvalue()) == {"text": text}
    assert commands == []


def test_a_secret_that_a_sign_without_width_stood_in_is_blanked() -> None:
    host, out = made("azure")
    Secret("a-half%another-half")
    before = len(out.getvalue())
    for text in ("a-half\u200b%another-half", "a-half%\u00adanother-half"):
        host.say(text)
        with host.group(text):
            pass
    assert "another-half" not in out.getvalue()[before:]
    assert out.getvalue()[before:].count("***") == 2 * 2


@pytest.mark.parametrize("name", sorted(HOSTS))
def test_a_secret_is_masked_in_every_form_before_anything_else(name: str) -> None:
    host, out = made(name)
    Secret("fi rst/p%ss\nsecond-line")
    masked = [
        data
        for command, _, data in READERS[name](out.getvalue())
        if command in {"add-mask", "task.setsecret"}
    ]
    assert {"fi rst/p%ss", "second-line"} <= set(masked)
    assert "fi%20rst%2Fp%25ss%0Asecond-line" in masked
    before = len(out.getvalue())
    host.say("it is fi rst/p%ss, or fi%20rst%2Fp%25ss%0Asecond-line")
    host.annotate(Problem("c", "error", 2, "a fi rst/p%ss b", file="second-line"))
    host.relay("second-line")
    with host.group("second-line"):
        pass
    assert "second-line" not in out.getvalue()[before:]
    assert "rst" not in out.getvalue()[before:]
    assert "***" in out.getvalue()[before:]


def test_no_mask_command_goes_into_a_file(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w+", encoding="utf-8") as log:
        host = host_of(HOSTS["github"], log, log)
        Secret("only-for-a-runner")
        host.say("only-for-a-runner")
    assert (tmp_path / "log").read_text() == "***\n"


def test_the_tenth_annotation_of_a_kind_says_that_it_is_the_last() -> None:
    host, out = made("github")
    for number in range(12):
        host.annotate(Problem("c", "warning", 0, f"number {number}", file="a.py"))
    commands = github_commands(out.getvalue())
    assert [data.split("\n")[0] for _, _, data in commands] == [f"number {n}" for n in range(10)]
    assert "the last of the 10 warning annotations" in commands[-1][2]
    assert out.getvalue().endswith("warning: a.py: number 10 [c]\nwarning: a.py: number 11 [c]\n")


def test_groups_do_not_nest() -> None:
    host, out = made("github")
    with host.group("a\nb"), host.group("inner"):
        host.say("x")
    assert out.getvalue() == "::group::a b\ninner\nx\n::endgroup::\n"


def test_outputs_cannot_set_each_other(tmp_path: Path) -> None:
    host, _ = made("github", GITHUB_OUTPUT=str(tmp_path / "out"))
    host.output("commit", "abc\nEOF\nreport=evil")
    host.output("problem-codes", "")
    lines = (tmp_path / "out").read_text().split("\n")
    first = lines[0].removeprefix("commit<<")
    assert lines[1:5] == ["abc", "EOF", "report=evil", first]
    assert len(first) > 30
    with pytest.raises(KeyError):
        host.output("no-such-output", "x")
    azure, out = made("azure")
    azure.output("problem-codes", "a;b]c\n%")
    assert azure_commands(out.getvalue()) == [
        ("task.setvariable", {"variable": "problemCodes", "isOutput": "true"}, "a;b]c\n%")
    ]


def test_the_summary_of_a_step_on_github_stays_below_its_limit(tmp_path: Path) -> None:
    page = tmp_path / "summary"
    host, _ = made("github", GITHUB_STEP_SUMMARY=str(page))
    host.summary("# one")
    host.summary("````diff\n```\n" + "line of text\n" * 100_000 + "````\n")
    text = page.read_text()
    assert text.startswith("# one\n````diff\n```\nline")
    assert text.endswith(
        "line of text\n````\n\n*The rest did not fit into the summary: it is in the log.*\n"
    )
    assert LARGEST_SUMMARY - 200 < page.stat().st_size <= LARGEST_SUMMARY
    assert cut("some text\n", 5) == ""


def test_the_summary_on_azure_is_a_file_that_is_uploaded(tmp_path: Path) -> None:
    host, out = made("azure", AGENT_TEMPDIRECTORY=str(tmp_path))
    host.summary("# one")
    host.summary("# two")
    [(_, _, one), (command, _, two)] = azure_commands(out.getvalue())
    assert command == "task.uploadsummary"
    assert [Path(one).name, Path(two).name] == ["wheelstep.md", "wheelstep-2.md"]
    assert Path(two).read_text() == "# two\n"


@pytest.mark.parametrize("name", sorted(HOSTS))
def test_a_name_that_is_no_utf_8_ends_no_run(name: str, tmp_path: Path) -> None:
    files = {"GITHUB_OUTPUT": "outputs", "GITHUB_STEP_SUMMARY": "summary.md"}
    places = {variable: str(tmp_path / file) for variable, file in files.items()}
    folders = {"RUNNER_TEMP": str(tmp_path), "AGENT_TEMPDIRECTORY": str(tmp_path)}
    environment = HOSTS[name] | places | folders
    report = Report("release", status="done")
    report.definitions.append(DefinitionRow("caf\udce9.yml", "changed", diff="+++ b/caf\udce9.yml"))
    wheel = WheelRow("half\ud83d-1-py3-none-any.whl", "", "", 0, None, [])
    report.packages.append(PackageRow("half", "1", ".", "built", [wheel]))
    host, _ = made(name, **environment)
    finish(report, host, environment)
    [page] = tmp_path.rglob("*.md")
    assert page.read_text(encoding="utf-8").count("caf\ufffd.yml") == 2
    [document] = tmp_path.rglob("report.json")
    told = json.loads(document.read_text(encoding="utf-8"))
    assert told["definitions"][0]["path"] == "caf\ufffd.yml"
    [listed] = tmp_path.rglob("wheels.txt")
    assert listed.read_text(encoding="utf-8") == "half\ufffd-1-py3-none-any.whl\n"


def test_notices_are_text_on_azure() -> None:
    host, out = made("azure")
    host.annotate(Problem("c", "notice", 0, "so it is", "do this", file="a", line=2))
    assert out.getvalue() == "notice: a:2: so it is [c]\n  do this\n"


@pytest.mark.parametrize("name", sorted(HOSTS))
def test_json_keeps_standard_output_for_itself(name: str) -> None:
    out, error = io.StringIO(), io.StringIO()
    host = host_of(HOSTS[name], out, error, json=True)
    with host.group("g"):
        host.say("x")
    host.document('{\n "a": "##vso[task.complete]"\n}\n')
    assert json.loads(out.getvalue()) == {"a": "##vso[task.complete]"}
    assert READERS[name](out.getvalue()) == []
    assert "x\n" in error.getvalue()


def test_which_host() -> None:
    assert isinstance(made("github")[0], GitHubActions)
    assert isinstance(made("azure")[0], AzurePipelines)
    assert host_of({"CI": "true"}, io.StringIO(), io.StringIO()).name == "terminal"
