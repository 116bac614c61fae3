"""Files that pip sections include: found, edited, and what they mean for what includes them."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

import pytest

from tests.definitions.made import FEED, INDEX, SCHEMA, after, pin, plan, url_of
from tests.packages.wheel_kit import wheel
from wheelstep.definitions.azureml import AzureMl
from wheelstep.definitions.conda import Conda
from wheelstep.definitions.find import definitions_in
from wheelstep.definitions.interface import Form
from wheelstep.definitions.requirements import Requirements
from wheelstep.errors import DefinitionUnresolvable, Refused
from wheelstep.model import Pin

ENVIRONMENT = f"$schema: {SCHEMA}\nname: e\nversion: 3\nimage: i\nconda_file: conda.yml\n".encode()
INLINE = f"$schema: {SCHEMA}\nname: e\nimage: i\nconda_file:\n  dependencies:\n"
CONDA = b"dependencies:\n- python=3.11\n- pip:\n  - numpy\n  - -r reqs/base.txt\n"


def edited(
    files: dict[str, bytes], *pins: Pin, patterns: list[str] | None = None
) -> dict[str, str]:
    edits = plan(files, *pins, patterns=patterns)
    return {edit.path: edit.after.decode() for edit in edits.edits}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("-r a.txt", ("a.txt", "d/a.txt", False)),
        ("-ra.txt", ("a.txt", "d/a.txt", False)),
        ("--requirement=a.txt", ("a.txt", "d/a.txt", False)),
        ("--requirement ../a.txt  # why", ("../a.txt", "a.txt", False)),
        ("-c 'my limits.txt'", ("my limits.txt", "d/my limits.txt", True)),
        ("--constraint=c.txt", ("c.txt", "d/c.txt", True)),
        ("-r ../../out.txt", ("../../out.txt", None, False)),
        ("-r https://example.org/a.txt", None),
        ("-r ${FOLDER}/a.txt", None),
        ("numpy  # -r a.txt", None),
        ("-r 'a.txt", None),
    ],
)
def test_what_a_line_includes(line: str, expected: tuple[str, str | None, bool] | None) -> None:
    azureml, conda, requirements = AzureMl(), Conda(), Requirements()
    files: dict[str, tuple[Form, str, int]] = {
        "d/r.txt": (requirements, f"x\n{line}\n", 2),
        "d/c.yml": (conda, f"dependencies:\n- pip:\n  - x\n  - >-\n    {line}\n", 5),
        "d/e.yml": (
            azureml,
            INLINE + f"  - pip:\n    - x\n    - |\n      {line}\n",
            9,
        ),
    }
    for path, (form, text, at) in files.items():
        named = form.read(path, text.encode()).named
        said = [(one.text, one.path, one.constraint) for one in named]
        assert said == ([expected] if expected else [])
        assert all((one.kind, one.line) == ("include", at) for one in named)


def test_an_environment_rises_when_what_its_conda_file_includes_changes() -> None:
    files = {
        "environment.yml": ENVIRONMENT,
        "conda.yml": CONDA,
        "reqs/base.txt": b"my-pkg==1.0\n",
        "reqs/unused.txt": b"-r other.txt\n",
        "reqs/other.txt": b"numpy\n",
    }
    for patterns in (None, ["environment.yml"], ["conda.yml"], ["reqs/base.txt"]):
        edits = plan(files, patterns=patterns)
        said = {edit.path: edit for edit in edits.edits}
        assert set(said) == {"environment.yml", "conda.yml", "reqs/base.txt"}
        assert said["reqs/base.txt"].after == b"my-pkg==1.1\n"
        assert said["conda.yml"].status == "unchanged"
        assert b"version: 4\n" in said["environment.yml"].after
        assert said["conda.yml"].followed == ("reqs/base.txt",)
        notes = {note.code: note for note in said["conda.yml"].notes}
        assert notes["conda-includes-file"].severity == "warning"
        assert notes["conda-includes-file"].line == 5
        again = plan(after(files, edits), patterns=patterns)
        assert {edit.status for edit in again.edits} == {"unchanged"}


def test_an_inline_environment_rises_with_what_it_includes() -> None:
    inline = ENVIRONMENT.replace(
        b"conda_file: conda.yml\n",
        b"conda_file:\n  dependencies:\n  - pip:\n    - --requirement=reqs/base.txt\n",
    )
    texts = edited({"environment.yml": inline, "reqs/base.txt": b"my-pkg==1.0\n"})
    assert "version: 4\n" in texts["environment.yml"]


def test_what_is_included_is_a_definition_whatever_it_is_called() -> None:
    files = {
        "conda.yml": CONDA.replace(b"base.txt", b"base.list"),
        "reqs/base.list": b"numpy\n-c limits\n",
        "reqs/limits": b"My_Pkg\n",
        "reqs/not-included": b"my-pkg\n",
    }
    for patterns in (None, ["conda.yml"]):
        texts = edited(files, patterns=patterns)
        assert texts["reqs/limits"] == "My_Pkg==1.1\n"
        assert set(texts) == {"conda.yml", "reqs/base.list", "reqs/limits"}


def test_who_includes_is_not_edited_when_other_files_were_asked_for() -> None:
    files = {"requirements.txt": b"my-pkg==1.0\n", "dev.txt": b"-r requirements.txt\nmy-pkg\n"}
    assert set(edited(files, patterns=["requirements.txt"])) == {"requirements.txt"}
    assert set(edited(files)) == {"requirements.txt", "dev.txt"}
    assert set(edited(files, patterns=["dev.txt", "!requirements.txt"])) == {"dev.txt"}


def test_files_that_include_each_other_end() -> None:
    files = {"a.txt": b"-r b.txt\nmy-pkg==1.0\n", "b.txt": b"-r a.txt\n"}
    assert edited(files) == {"a.txt": "-r b.txt\nmy-pkg==1.1\n", "b.txt": "-r a.txt\n"}


@pytest.mark.parametrize("name", ["gone.txt", "../../gone.txt", "/etc/gone.txt"])
def test_a_missing_file_is_a_warning(name: str) -> None:
    files = {
        "d/requirements.txt": f"my-pkg==1.0\n-r {name}\n".encode(),
        "d/conda.yml": f"dependencies:\n- pip:\n  - my-pkg\n  - -c {name}\n".encode(),
    }
    found = definitions_in(files.get, sorted(files), patterns=None, names=["my-pkg"])
    assert [(one.code, one.severity, one.file, one.line) for one in found.notes] == [
        ("included-file-missing", "warning", "d/conda.yml", 4),
        ("included-file-missing", "warning", "d/requirements.txt", 2),
    ]
    assert name in found.notes[0].message


def test_a_file_that_cannot_be_read_is_left_alone() -> None:
    files = {"requirements.txt": b"my-pkg==1.0\n-r latin.txt\n", "latin.txt": b"my-pkg # \xe9\n"}
    found = definitions_in(
        files.get, sorted(files), patterns=["requirements.txt"], names=["my-pkg"]
    )
    assert [kind.path for kind in found.kinds] == ["requirements.txt"]
    assert [one.code for one in found.notes] == ["definition-left-alone"]


URL, OTHER_URL = (
    url_of("my_pkg-1.1-py3-none-any.whl"),
    "https://b.example.org/my_pkg-1.1-py3-none-any.whl",
)


@pytest.mark.parametrize(
    ("base", "top", "refused"),
    [
        ("my-pkg==1.0", "my-pkg>=1", False),
        ("my-pkg[x]==1.0", "My.Pkg", False),
        (f"my-pkg @ {URL}", "my-pkg==1.0", False),
        (f"my-pkg @ {URL}", f"my-pkg @ {URL}", False),
        (f"my-pkg @ {URL}", f"my-pkg @ {OTHER_URL}", True),
        (f"my-pkg @ {URL} ; python_version<'3.9'", f"{OTHER_URL} ; python_version>'3.9'", False),
        (f"my-pkg @ {URL}", f"{OTHER_URL} ; python_version>'3'", True),
    ],
)
def test_required_in_two_files_of_a_tree(base: str, top: str, *, refused: bool) -> None:
    files = {
        "requirements.txt": f"numpy\n-r base.txt\n{top}\n".encode(),
        "base.txt": f"{base}\n".encode(),
    }
    if not refused:
        assert set(edited(files)) == set(files)
        return
    with pytest.raises(DefinitionUnresolvable) as caught:
        edited(files)
    assert caught.value.code == "requirement-twice"
    assert (caught.value.file, caught.value.line) == ("requirements.txt", 3)
    assert "in base.txt, line 1" in caught.value.message


def test_one_file_that_several_include_is_no_duplicate() -> None:
    files = {
        "requirements.txt": b"-r a.txt\n-r b.txt\n-c base.txt\n",
        "a.txt": b"-r base.txt\n",
        "b.txt": b"-r base.txt\n",
        "base.txt": f"my-pkg @ {OTHER_URL}\n".encode(),
    }
    assert set(edited(files)) == set(files)


@pytest.mark.parametrize(("same", "where"), list(itertools.product((True, False), ("one", "tree"))))
def test_pip_takes_the_same_twice_and_refuses_two_urls(
    tmp_path: Path, where: str, *, same: bool
) -> None:
    lines = []
    for folder in ("a", "a" if same else "b"):
        (tmp_path / folder).mkdir(exist_ok=True)
        file = wheel(tmp_path / folder, name="my_pkg", version="1.1")
        lines += [f"my-pkg @ {file.as_uri()}"]
    base, top = (lines[0], lines[1]) if where == "tree" else ("", "\n".join(lines))
    (tmp_path / "base.txt").write_text(f"{base}\n", encoding="utf-8")
    (tmp_path / "top.txt").write_text(f"-r base.txt\n{top}\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-index",
         "--dest", str(tmp_path / "out"), "-r", str(tmp_path / "top.txt")],
        capture_output=True,
        check=False,
    )  # fmt: skip
    assert (done.returncode == 0) is same, done.stderr.decode()


def test_a_constraint_is_pinned_and_requires_nothing() -> None:
    texts = edited(
        {
            "requirements.txt": b"-c constraints.txt\nmy-features\n",
            "constraints.txt": b"my-pkg<2\n",
        },
        pin(),
        pin("my_features-2.0-py3-none-any.whl", name="my-features", version="2.0"),
    )
    assert texts["constraints.txt"] == "my-pkg==1.1\n"
    assert texts["requirements.txt"] == "-c constraints.txt\nmy-features==2.0\n"


def test_what_names_nothing_of_ours_is_not_taken() -> None:
    files = {
        "requirements.txt": b"my-pkg\n-r packages/a/requirements.txt\n-r lead.txt\n",
        "packages/a/requirements.txt": b"numpy\n-r more.txt\n",
        "packages/a/more.txt": b"scipy\n-r gone.txt\n",
        "lead.txt": b"-r last.txt\n",
        "last.txt": b"my-pkg\n",
    }
    for patterns in (None, ["requirements.txt"]):
        found = definitions_in(files.get, sorted(files), patterns=patterns, names=["my-pkg"])
        taken = [kind.path for kind in found.kinds]
        assert taken == ["last.txt", "lead.txt", "requirements.txt"]
        assert found.kinds[2].uses == ("lead.txt",)
        assert [one.file for one in found.notes] == ["packages/a/more.txt"]


@pytest.mark.parametrize("line", ["-r", "-c"])
def test_a_secret_in_what_is_included_is_refused_though_none_of_ours_is_named_there(
    line: str,
) -> None:
    secret = b"numpy\n--extra-index-url https://u:hunter2secret@h/simple\n"
    files = {"requirements.txt": f"{line} other.txt\nmy-pkg\n".encode(), "other.txt": secret}
    with pytest.raises(Refused) as caught:
        plan(files)
    error = caught.value
    assert (error.code, error.file, error.line) == ("secret-in-definition", "other.txt", 2)
    assert "hunter2secret" not in f"{error}{error.message}{error.cure}{error!r}"


def index_texts(files: dict[str, bytes]) -> dict[str, str]:
    edits = plan(files, index=INDEX)
    return {edit.path: edit.after.decode() for edit in edits.edits}


@pytest.mark.parametrize("named", ["base.txt", "index.txt"])
def test_the_index_of_what_is_included_is_not_added_again(named: str) -> None:
    option = f"--extra-index-url {FEED}\n"
    files = {
        "requirements.txt": f"-r {named}\nmy-pkg\n".encode(),
        "base.txt": f"-c other.txt\n{option}my-pkg\n".encode(),
        "index.txt": option.encode(),
    }
    assert index_texts(files)["requirements.txt"] == f"-r {named}\nmy-pkg==1.1\n"


def test_an_included_index_counts_only_where_it_is_the_only_one() -> None:
    option = f"--extra-index-url {FEED}\n"
    other = "--index-url https://other.example/simple/\n"
    for top, base in (
        ("-r base.txt\nmy-pkg\n", other),
        ("-r base.txt\nmy-pkg\n", "numpy\n"),
        (f"-r base.txt\n{other}my-pkg\n", option),
    ):
        files = {"requirements.txt": top.encode(), "base.txt": base.encode()}
        assert option in index_texts(files)["requirements.txt"], (top, base)


def test_a_constraint_names_no_index() -> None:
    files = {"requirements.txt": b"-c constraints.txt\nmy-pkg\n", "constraints.txt": b"my-pkg<2\n"}
    texts = index_texts(files)
    assert texts["constraints.txt"] == "my-pkg==1.1\n"
    assert f"--extra-index-url {FEED}\n" in texts["requirements.txt"]
