"""`pin: git`: the commit that a package was released from."""

# ruff: noqa: E501 - the rows read best unbroken
from __future__ import annotations

from dataclasses import replace

import pytest

from tests.definitions.made import only, pin, plan
from wheelstep.definitions.git_url import parse_git_url
from wheelstep.definitions.requirement import parse
from wheelstep.errors import DefinitionUnresolvable
from wheelstep.repositories.urls import served_url

SHA = "c" * 40
SOURCE = f"https://github.com/acme/mono@{SHA}#subdirectory=packages/core"
URL = f"git+{SOURCE}"
PIN = replace(pin(), source=SOURCE)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("my-pkg==1.0", f"my-pkg @ {URL}"),
        ("My_Pkg[a] >=1; python_version>'3'  # c", f"My_Pkg[a] @ {URL} ; python_version>'3'  # c"),
        (
            "my-pkg @ git+ssh://git@github.com/Acme/mono.git@v1.0#subdirectory=packages/core/",
            f"my-pkg @ git+ssh://git@github.com/Acme/mono.git@{SHA}#subdirectory=packages/core/",
        ),
        (
            "my-pkg[x]@git+https://github.com/acme/mono#subdirectory=packages/core ; extra == 'x'",
            f"my-pkg[x] @ git+https://github.com/acme/mono@{SHA}#subdirectory=packages/core ; extra == 'x'",
        ),
        (
            "git+https://github.com/acme/mono@main#egg=my_pkg&subdirectory=packages/core",
            f"git+https://github.com/acme/mono@{SHA}#egg=my_pkg&subdirectory=packages/core",
        ),
        ("my-pkg @ git+https://github.com/fork/mono@abc", f"my-pkg @ {URL}"),
        ("my-pkg @ https://x.example/my_pkg-1.1-py3-none-any.whl", f"my-pkg @ {URL}"),
    ],
)
def test_lines(before: str, after: str) -> None:
    files = {"requirements.txt": f"x\n{before}\n".encode()}
    edit = only(plan(files, PIN, style="git"))
    said = edit.after.decode().splitlines()[1]
    assert said.replace("[x]@git", "[x] @ git") == after.replace("[x]@git", "[x] @ git")
    again = {"requirements.txt": edit.after}
    assert only(plan(again, PIN, style="git")).status == "unchanged"
    found = parse(said.partition("  #")[0])
    assert found is not None
    assert found.kind == ("bare-url" if said.startswith("git+") else "git")


def test_another_repository_is_replaced_with_a_warning() -> None:
    files = {"requirements.txt": b"my-pkg @ git+https://github.com/fork/mono@abc\n"}
    (note,) = only(plan(files, PIN, style="git")).notes
    assert (note.code, note.severity, note.line) == ("pin-form-changed", "warning", 1)


def test_conda_files_and_dockerfiles_take_it_too() -> None:
    files = {
        "conda.yml": b"dependencies:\n- pip:\n  - my-pkg==1.0\n",
        "Dockerfile": b"FROM python:3.10\nRUN pip install my-pkg==1.0\n",
    }
    edits = {edit.path: edit.after.decode() for edit in plan(files, PIN, style="git").edits}
    assert f"- my-pkg @ {URL}\n" in edits["conda.yml"]
    assert edits["Dockerfile"].endswith(f'pip install "my-pkg @ {URL}"\n')


def test_without_a_known_commit_it_is_an_error() -> None:
    with pytest.raises(DefinitionUnresolvable) as caught:
        plan({"requirements.txt": b"my-pkg==1.0\n"}, pin(), style="git")
    assert (caught.value.code, caught.value.line) == ("git-source-unknown", 1)


def test_the_other_styles_take_a_pin_by_git_back() -> None:
    files = {"requirements.txt": f"my-pkg[a] @ {URL}\n".encode()}
    assert only(plan(files, PIN)).after == b"my-pkg[a]==1.1\n"


def test_the_parts_of_a_url() -> None:
    found = parse_git_url("git+ssh://git@host.example/a/b.git")
    assert found is not None
    assert (found.repository, found.revision) == ("ssh://git@host.example/a/b.git", None)
    assert parse_git_url("https://host.example/a@b") is None


@pytest.mark.parametrize(
    ("remote", "served"),
    [
        ("https://user:secret@github.com/a/b.git", "https://github.com/a/b.git"),
        ("git@github.com:a/b.git", "https://github.com/a/b.git"),
        ("ssh://git@github.com:22/a/b", "https://github.com/a/b"),
        ("git@ssh.dev.azure.com:v3/org/My%20Project/repo",
         "https://dev.azure.com/org/My%20Project/_git/repo"),
        ("org@vs-ssh.visualstudio.com:v3/org/p/r", "https://dev.azure.com/org/p/_git/r"),
        ("https://org@dev.azure.com/org/p/_git/r", "https://dev.azure.com/org/p/_git/r"),
        ("git@host.example:a/b", None),
        ("/srv/git/a.git", None),
        ("file:///srv/git/a.git", None),
    ],
)  # fmt: skip
def test_the_url_that_others_read_a_remote_at(remote: str, served: str | None) -> None:
    assert served_url(remote) == served
