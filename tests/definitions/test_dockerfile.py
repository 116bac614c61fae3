"""Dockerfiles: what their commands install, edited in place."""

# ruff: noqa: E501 - the rows read best unbroken
from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.definitions.made import INDEX, PURE, SCHEMA, only, plan, url_of
from wheelstep.definitions.docker_pip import installs
from wheelstep.definitions.docker_text import instructions
from wheelstep.definitions.dockerfile import Dockerfile
from wheelstep.definitions.image_files import ignored
from wheelstep.definitions.shell_words import commands, quoted
from wheelstep.rehearsal.candidates import index_order

ENVIRONMENT = f"$schema: {SCHEMA}\nname: e\nversion: 3\nbuild:\n  path: ctx\n".encode()


def edited(*lines: str, style: str = "version") -> str:
    """A Dockerfile that begins with FROM, edited; returned without that line."""
    data = "\n".join(["FROM python:3.10-slim", *lines]).encode()
    edit = only(plan({"Dockerfile": data}, style=style))  # type: ignore[arg-type]
    return edit.after.decode().partition("\n")[2]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("RUN pip install my-pkg==1.0", "RUN pip install my-pkg==1.1"),
        ("run pip3 install -U My_Pkg", "run pip3 install -U My_Pkg==1.1"),
        ('RUN pip install "my-pkg>=1,<2" x', 'RUN pip install "my-pkg==1.1" x'),
        ("RUN pip install 'my-pkg[a,b]>=1'", "RUN pip install 'my-pkg[a,b]==1.1'"),
        ('RUN pip install my-pkg"==1.0"', 'RUN pip install my-pkg"==1.1"'),
        ("RUN python -m pip install my-pkg", "RUN python -m pip install my-pkg==1.1"),
        ("RUN uv pip install --system my-pkg", "RUN uv pip install --system my-pkg==1.1"),
        ("RUN conda run -n e pip install my-pkg", "RUN conda run -n e pip install my-pkg==1.1"),
        ("RUN A=b sudo pip install my-pkg", "RUN A=b sudo pip install my-pkg==1.1"),
        ("RUN pip --no-cache-dir install my-pkg", "RUN pip --no-cache-dir install my-pkg==1.1"),
        ("RUN /opt/e/bin/pip install my-pkg", "RUN /opt/e/bin/pip install my-pkg==1.1"),
        ("RUN (cd /a; pip install my-pkg)", "RUN (cd /a; pip install my-pkg==1.1)"),
        ("RUN if true; then pip install my-pkg; fi", "RUN if true; then pip install my-pkg==1.1; fi"),
        ("RUN pip install x&&pip install my-pkg>/dev/null 2>&1 ", None),
        ("RUN pip install my-pkg > /dev/null", "RUN pip install my-pkg==1.1 > /dev/null"),
        ('RUN ["pip", "install", "my-pkg==1.0"]', 'RUN ["pip", "install", "my-pkg==1.1"]'),
        ('RUN [ "pip","install","my-pkg\\u003d=1" ]', 'RUN [ "pip","install","my-pkg==1.1" ]'),
        ("RUN --mount=type=cache,target=/c pip install my-pkg",
         "RUN --mount=type=cache,target=/c pip install my-pkg==1.1"),
        ("RUN pip install \\\n  # why\n\n  my-pkg==1.0 \\\n  x", "RUN pip install \\\n  # why\n\n  my-pkg==1.1 \\\n  x"),
        ("RUN pip install my-pkg==1.\\\n0", "RUN pip install my-pkg==1.1"),
        ("RUN <<EOF\npip install my-pkg==1.0\nEOF\nRUN x", "RUN <<EOF\npip install my-pkg==1.1\nEOF\nRUN x"),
        ("RUN <<-'A' bash\n\tset -e; pip install \\\n  my-pkg\n\tA", "RUN <<-'A' bash\n\tset -e; pip install \\\n  my-pkg==1.1\n\tA"),
        ("RUN pip install my-pkg==1.0\r", "RUN pip install my-pkg==1.1\r"),
        # none of pip's own
        ("RUN echo pip install my-pkg", None),
        ("RUN apt-get install my-pkg", None),
        ("# RUN pip install my-pkg", None),
        ("RUN x # pip install my-pkg", None),
        ("RUN pip uninstall my-pkg", None),
        ("RUN pip install -t my-pkg x", None),
        ("RUN <<EOF python3\npip install my-pkg\nEOF", None),
        ("RUN conda install my-pkg pip", None),
        ("COPY <<EOF /x\nRUN pip install my-pkg\nEOF", None),
        ("LABEL a=pip install my-pkg", None),
    ],
)  # fmt: skip
def test_words_of_commands(before: str, after: str | None) -> None:
    data = f"FROM python:3.10\n{before}".encode()
    edits = plan({"Dockerfile": data}).edits
    result = edits[0].after.decode().partition("\n")[2] if edits else before
    assert result == (before if after is None else after)


def test_the_escape_directive_continues_lines_with_a_backtick() -> None:
    data = b"# escape=`\nFROM python:3.10\nRUN pip install `\n  my-pkg==1.0\n"
    assert only(plan({"Dockerfile": data})).after == data.replace(b"1.0", b"1.1")


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("RUN pip install my-pkg==${VERSION}", "variable"),
        ('RUN pip install "my-pkg==$(cat version)"', "variable"),
        ("RUN pip install my-pkg>=1", "quotation marks"),
        ('RUN bash -c "pip install my-pkg==1.0"', "string"),
        ('RUN ["sh", "-c", "pip install my-pkg==1.0"]', "string"),
    ],
)
def test_what_is_computed_is_told_and_left_alone(line: str, why: str) -> None:
    edit = only(plan({"Dockerfile": f"FROM x\n{line}\n".encode()}))
    assert edit.status == "found-not-edited"
    assert [(one.name, one.line) for one in edit.unedited] == [("my-pkg", 2)]
    assert why in edit.unedited[0].why
    assert [(note.code, note.line) for note in edit.notes] == [("found-not-edited", 2)]


def test_an_index_is_never_added_but_missed() -> None:
    lines = ["FROM python:3.10", "RUN pip install my-pkg"]
    notes = {
        "none": [*lines],
        "other": [lines[0], "RUN pip install --index-url https://x.example/simple my-pkg"],
        "ours": [lines[0], f"RUN pip install --extra-index-url={INDEX.url} my-pkg"],
        "variable": [lines[0], f"ENV PIP_EXTRA_INDEX_URL={INDEX.url}", lines[1]],
        "computed": [lines[0], "ARG PIP_INDEX_URL", lines[1]],
    }
    missing = {
        name: "index-not-in-dockerfile"
        in [note.code for note in only(plan({"Dockerfile": "\n".join(text).encode()}, index=INDEX)).notes]
        for name, text in notes.items()
    }  # fmt: skip
    assert missing == {
        "none": True, "other": True, "ours": False, "variable": False, "computed": False,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("base", "python"),
    [
        ("FROM python:3.11-slim", "3.11"),
        ("FROM --platform=linux/amd64 docker.io/library/python:3.11.4 AS x", "3.11.4"),
        ("ARG V=3.10\nFROM python:${V}-slim", "3.10"),
        ("FROM python:3.10 AS base\nFROM base", "3.10"),
        ("FROM mcr.microsoft.com/devcontainers/python:1-3.11-bookworm", "3.11"),
        ("FROM python:3", None),
        ("FROM python", None),
        ("FROM micropython:3.11", None),
        ("FROM ${BASE}", None),
    ],
)
def test_the_python_of_the_base_image(base: str, python: str | None) -> None:
    (one,) = installs(f"{base}\nRUN pip install x\n")
    assert one.state.python == python


def test_an_environment_rises_with_what_its_build_installs() -> None:
    dockerfile = b"""\
        FROM python:3.10
        WORKDIR /code
        COPY requirements.txt dev/*.txt ./
        COPY conda.yml /tmp/
        RUN --mount=type=bind,source=extra,target=/mnt pip install -r requirements.txt -r /mnt/more.txt
        RUN conda env create -f /tmp/conda.yml
        """
    files = {
        "envs/e.yml": ENVIRONMENT.replace(b"ctx", b"../ctx\n  dockerfile_path: docker/image"),
        "ctx/docker/image": dockerfile,
        "ctx/requirements.txt": b"my-pkg==1.0\n",
        "ctx/extra/more.txt": b"x\n",
        "ctx/conda.yml": b"dependencies: [python=3.10, {pip: [x]}]\n",
    }
    edits = {edit.path: edit for edit in plan(files).edits}
    assert sorted(edits) == ["ctx/docker/image", "ctx/requirements.txt", "envs/e.yml"]
    assert edits["envs/e.yml"].after.endswith(b"dockerfile_path: docker/image\n")
    assert b"version: 4" in edits["envs/e.yml"].after
    assert edits["ctx/requirements.txt"].after == b"my-pkg==1.1\n"
    (section,) = edits["ctx/requirements.txt"].reading.sections
    assert (section.connected, section.python) == (False, "3.10")
    (note,) = edits["ctx/requirements.txt"].notes
    assert (note.code, note.file, note.line) == ("build-context-unconnected", "ctx/requirements.txt", 1)  # fmt: skip
    (reads,) = edits["ctx/docker/image"].reading.sections
    assert reads.pip_lines == ("-r ../requirements.txt", "-r ../extra/more.txt")
    # any definition in the folder is sent to the build, too
    files["ctx/requirements.txt"] = b"my-pkg==1.1\n"
    files["ctx/other/conda.yml"] = b"dependencies: [{pip: [my-pkg==1.0]}]\n"
    again = {edit.path: edit.status for edit in plan(files).edits}
    assert again["envs/e.yml"] == again["ctx/other/conda.yml"] == "changed"
    assert again["ctx/requirements.txt"] == "unchanged"
    by_name = plan(files, patterns=["envs/e.yml"])
    assert {edit.path for edit in by_name.edits} >= {"envs/e.yml", "ctx/requirements.txt"}


def test_files_that_the_build_makes_are_a_note() -> None:
    data = b"FROM x\nCOPY . /a\nRUN pip install -r /a/made.txt my-pkg\n"
    edits = plan({"ctx/Dockerfile": data, "e.yml": ENVIRONMENT})
    assert [edit.path for edit in edits.edits] == ["ctx/Dockerfile", "e.yml"]
    assert [(note.code, note.file, note.line) for note in edits.notes] == [
        ("named-file-missing", "ctx/Dockerfile", 3)
    ]
    missing = plan({"e.yml": ENVIRONMENT}, patterns=["e.yml"])
    assert [(note.code, note.line) for note in missing.notes] == [("named-file-missing", 5)]


def test_a_url_is_written_as_one_word() -> None:
    url = url_of("my_pkg-1.1-py3-none-any.whl")
    said = edited("RUN pip install my-pkg==1.0 x", style="url")
    assert shlex.split(said) == ["RUN", "pip", "install", f"my-pkg @ {url}#sha256={'0' * 64}", "x"]


def test_other_files_of_such_a_name_are_none() -> None:
    files = {
        "dockerfile_tools.py": b"from x import my_pkg\n",
        "Dockerfile.md": b"FROM x\nRUN pip install my-pkg\n",
        "gpu.Dockerfile": b"FROM x\nRUN pip install my-pkg\n",
    }
    assert [edit.path for edit in plan(files).edits] == ["gpu.Dockerfile"]


def test_ignore_rules() -> None:
    rules = ["# all", "*", "!wheels", "wheels/old*", "**/*.tmp"]
    assert ignored("wheels/a.whl", rules) is None
    assert ignored("wheels/old.whl", rules) == "wheels/old*"
    assert ignored("x/y.txt", rules) == "*"
    assert ignored("a/b/c.tmp", ["**/*.tmp"]) == "**/*.tmp"
    assert ignored("a/b", ["/a"]) == "/a"
    assert ignored("ab", ["a", "b"]) is None


TEXT = st.text(alphabet="ab \\'\"$`;&|<>(){}#\n\t[]*~=!-", max_size=30)


@given(TEXT)
def test_any_script_is_read_and_words_stand_where_they_say(text: str) -> None:
    for command in commands(text):
        for word in command.words:
            assert 0 <= word.start <= word.end <= len(text)
            if not word.computed and "\\\n" not in text[word.start : word.end]:
                try:
                    expected = shlex.split(text[word.start : word.end], comments=False)
                except ValueError:
                    continue
                if "\\" not in text[word.start : word.end]:
                    assert expected == [word.value]


@given(TEXT)
def test_any_dockerfile_is_read(text: str) -> None:
    data = f"FROM x\nRUN {text}\nRUN pip install {text}\n"
    for one in instructions(data):
        for index in range(len(one.text.text)):
            assert data[one.text.at(index)] == one.text.text[index]
    installs(data)


@given(st.text(alphabet="ab=.;@ '\"[]", min_size=1, max_size=12), st.sampled_from("'\" "))
def test_a_word_gets_a_value_in_its_own_quotation(value: str, mark: str) -> None:
    raw = f"{mark}a{mark}".strip()
    new = quoted(raw, "a", value)
    if new is not None:
        assert shlex.split(new) == [value]
    else:
        assert {"'", '"'} <= set(value) or "\\" in value


def test_a_wheel_in_the_context_needs_no_credentials() -> None:
    files = {
        "Dockerfile": b"FROM python:3.10\nCOPY . .\nRUN pip install -r requirements.txt\n",
        "requirements.txt": f"./wheels/{PURE}\n".encode(),
        f"wheels/{PURE}": b"a wheel",
    }
    assert [note.code for edit in plan(files).edits for note in edit.notes] == []
    files["requirements.txt"] = b"my-pkg==1.1\n"
    codes = [note.code for edit in plan(files).edits for note in edit.notes]
    assert codes == ["build-context-unconnected"]


OURS = "--index-url https://ours.example/simple"
OTHER = "https://other.example/simple"


@pytest.mark.parametrize(
    "lines",
    [
        [f"RUN pip install --extra-index-url {OTHER} {OURS} my-pkg==1.0"],
        [f"RUN pip install {OURS} --extra-index-url {OTHER} my-pkg==1.0"],
        [f"ENV PIP_EXTRA_INDEX_URL={OTHER}", f"RUN pip install {OURS} my-pkg==1.0"],
        [f"RUN PIP_EXTRA_INDEX_URL={OTHER} pip install {OURS} my-pkg==1.0"],
        [f"RUN env PIP_EXTRA_INDEX_URL={OTHER} pip install {OURS} my-pkg==1.0"],
        [f"RUN export PIP_EXTRA_INDEX_URL={OTHER} && pip install {OURS} my-pkg==1.0"],
        [f"ENV PIP_INDEX_URL={OTHER}", f"RUN pip install {OURS} --extra-index-url {OTHER} my-pkg"],
    ],
)
def test_a_command_line_has_its_own_index_first_in_whatever_order(lines: list[str]) -> None:
    data = "\n".join(["FROM python:3.11", *lines, ""]).encode()
    (section,) = Dockerfile().read("Dockerfile", data).sections
    assert section.unknown == ()
    # pip's own order, whatever the order of the words: `index_url`, then every `extra_index_urls`
    # (`_internal/cli/index_command.py`); tests/rehearsal asks real pips about such a line
    order = index_order(section.pip_lines)
    assert order.index_urls == ("https://ours.example/simple", OTHER)


@pytest.mark.parametrize(
    "lines",
    [
        [f"RUN pip config set global.extra-index-url {OTHER}", "RUN pip install my-pkg==1.0"],
        ["COPY pip.conf /etc/pip.conf", "RUN pip install my-pkg==1.0"],
        ["RUN --mount=type=secret,id=c,target=/etc/pip.conf pip install my-pkg==1.0"],
        ["RUN echo x >> ~/.config/pip/pip.conf", "RUN pip install my-pkg==1.0"],
        ["ENV PIP_FIND_LINKS=https://x.example/", "RUN pip install my-pkg==1.0"],
        ["RUN PIP_NO_INDEX=1 pip install my-pkg==1.0"],
        ["ARG PIP_INDEX_URL", "RUN pip install my-pkg==1.0"],
        ["RUN export PIP_INDEX_URL=$(cat /run/secrets/x); pip install my-pkg==1.0"],
    ],
)
def test_indexes_that_are_configured_elsewhere_prove_nothing(lines: list[str]) -> None:
    data = "\n".join(["FROM python:3.11", *lines, ""]).encode()
    (section,) = Dockerfile().read("Dockerfile", data).sections
    assert "configures pip's indexes" in section.unknown[0]


def test_what_says_nothing_of_indexes_is_passed_over() -> None:
    data = b"""FROM python:3.11
ENV PIP_NO_CACHE_DIR=1
RUN pip config set global.timeout 60
RUN PIP_ROOT_USER_ACTION=ignore pip install --prefer-binary my-pkg==1.0
"""
    (section,) = Dockerfile().read("Dockerfile", data).sections
    assert section.unknown == ()
    assert section.pip_lines == ("--prefer-binary", "my-pkg==1.0")
