from __future__ import annotations

import time

import pytest

from tests.definitions.made import SCHEMA, pin, plan
from wheelstep.definitions.find import definitions_in
from wheelstep.definitions.forms import form_of
from wheelstep.errors import DefinitionUnresolvable, SettingError, SeveralProblems

CONDA = b"dependencies:\n- pip:\n  - My.Pkg==1.0\n"
OTHER = CONDA.replace(b"My.Pkg", b"other")
FILES = {
    "a/environment.yml": CONDA,
    "a/other.yaml": OTHER,
    "requirements.txt": b"my_pkg\n",
    "dev.txt": b"-r requirements.txt\nmy-pkg>=1\n",
    "docs/words.txt": b"wheel\nmy-pkg\n",
    "docs/note.txt": b"We wrote my-pkg for this.\n",
    "requirements/base.in": b"my-pkg\n",
    "lock.txt": b"numpy==1 # via my-pkg\n",
    "node_modules/x/requirements.txt": b"my-pkg\n",
    ".venv/lib/requirements.txt": b"my-pkg\n",
    ".github/workflows/ci.yml": b"jobs: {a: {run: pip install my-pkg}}\n",
    "src/my_pkg/__init__.py": b"my-pkg\n",
}


def found(files: dict[str, bytes], *patterns: str) -> list[tuple[str, str]]:
    kinds = definitions_in(
        files.get, sorted(files), patterns=patterns or None, names=["my-pkg"]
    ).kinds
    return [(kind.path, kind.form.name) for kind in kinds]


def test_without_patterns_every_known_form_that_names_a_package_is_found() -> None:
    assert found(FILES) == [
        ("a/environment.yml", "conda"),
        ("dev.txt", "requirements"),
        ("requirements.txt", "requirements"),
        ("requirements/base.in", "requirements"),
    ]
    assert [path for path, _ in found(FILES, "!a/**", "!*.txt")] == ["requirements/base.in"]


@pytest.mark.parametrize(
    ("patterns", "paths"),
    [
        (["a/*.y*ml"], ["a/environment.yml", "a/other.yaml"]),
        (["./a"], ["a/environment.yml", "a/other.yaml"]),
        (["**/*.yml"], ["a/environment.yml"]),
        (["**/[!o]*.y*ml", "!a/other.yaml"], ["a/environment.yml"]),
        (
            ["requirements.txt", "node_modules/**"],
            ["node_modules/x/requirements.txt", "requirements.txt"],
        ),
        (["docs\\words.txt"], ["docs/words.txt"]),
    ],
)
def test_patterns_choose(patterns: list[str], paths: list[str]) -> None:
    assert [path for path, _ in found(FILES, *patterns)] == paths


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("a/enviroment.yml", r"Did you mean a/environment\.yml"),
        ("environment.yml", r"Did you mean a/environment\.yml"),
        ("nothing/**", "no tracked file"),
        (".github/workflows/ci.yml", "no environment definition"),
        (".github/**", "no environment definition"),
    ],
)
def test_a_pattern_that_chooses_nothing_is_an_error(pattern: str, said: str) -> None:
    with pytest.raises(SettingError, match=said):
        found(FILES, pattern)


@pytest.mark.parametrize("pattern", ["requirements.txt", "*.txt", "e.yml", "aml.yml"])
def test_a_pointer_of_lfs_is_no_definition_without_packages(pattern: str) -> None:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
    named = f"$schema: {SCHEMA}\nname: e\nversion: 1\nconda_file: e.yml".encode()
    with pytest.raises(DefinitionUnresolvable, match="Git LFS keeps this file") as caught:
        found({"requirements.txt": pointer, "aml.yml": named, "e.yml": pointer}, pattern)
    assert caught.value.code == "definition-in-lfs"


def test_a_file_that_was_asked_for_must_be_readable() -> None:
    with pytest.raises(DefinitionUnresolvable) as caught:
        found(FILES, "docs/note.txt")
    assert (caught.value.file, caught.value.line) == ("docs/note.txt", 1)
    broken = {"e.yml": b"dependencies:\n\t- pip: []\n", "f.yml": b"a: [\n"}
    with pytest.raises(SeveralProblems, match="tab") as several:
        found(broken, "*.yml")
    assert [(one.file, one.line) for one in several.value.problems()] == [
        ("e.yml", 2),
        ("f.yml", 2),
    ]


@pytest.mark.parametrize(
    ("path", "data", "line"),
    [
        ("e.yml", b"dependencies:\n- pip:\n\t- my-pkg==1.0\n", 3),
        ("e.yml", b"dependencies:\n- pip:\n\t- my-pkg # c\n", 3),
        ("e.yml", b"name: e\nconda_file:\n  - pip:\n\t- my-pkg\n", 4),
        ("e.yml", b"dependencies:\n- pip:\n  - my-pkg==1.0 # \xff\n", 3),
        ("requirements.txt", b"numpy # \xe9\nmy-pkg==1.0\n", 1),
        ("requirements.txt", "my-pkg==1.0\n".encode("utf-16"), 1),
        ("requirements.txt", b"numpy\nmy-pkg=1.0\n", 2),
    ],
)
def test_a_broken_file_that_names_ours_is_an_error(path: str, data: bytes, line: int) -> None:
    with pytest.raises(DefinitionUnresolvable) as caught:
        plan({path: data})
    assert (caught.value.file, caught.value.line) == (path, line)
    if caught.value.code == "definition-not-yaml":
        assert '`definitions: ["!e.yml"]`' in caught.value.cure


@pytest.mark.parametrize(
    "data",
    [
        b"{{- if .Values.x }}\nimage: my-pkg\n{{- end }}\n",
        b"{{- if .Values.x }}\nwheels:\n  - my-pkg\n  - my-pkg==1.0\n{{- end }}\n",
        b"{{- if .Values.x }}\ndependencies:\n  - my-pkg\n{{- end }}\n",
        b"{{- if .Values.x }}\npip:\n  - my-pkg\n{{- end }}\n",
        b"a: \xe9\nmy-pkg: 1\n",
        b"dependencies:\n- pip:\n\t- other # not my-pkg\n",
    ],
)
def test_a_broken_file_that_only_mentions_it_is_left_with_a_note(data: bytes) -> None:
    edits = plan({"chart.yml": data})
    assert edits.edits == ()
    assert [(one.code, one.file) for one in edits.notes] == [("definition-left-alone", "chart.yml")]
    assert edits.notes[0].cure.count('`definitions: ["!chart.yml"]`') == 1
    assert plan({"chart.yml": data}, patterns=["!chart.yml"]).notes == ()


def test_an_environment_left_out_is_not_raised() -> None:
    files = {
        "conda.yml": CONDA,
        "aml.yml": f"$schema: {SCHEMA}\nname: e\nversion: 1\nconda_file: conda.yml".encode(),
    }
    assert found(files) == [("aml.yml", "azureml"), ("conda.yml", "conda")]
    assert found(files, "conda.yml", "!aml.yml") == [("conda.yml", "conda")]
    assert found(files, "!aml.yml") == [("conda.yml", "conda")]


def test_errors_of_all_definitions_come_together() -> None:
    files = {"requirements.txt": b"my-pkg\nmy-pkg\n", "b/requirements.txt": b"my-pkg=1\n"}
    with pytest.raises(SeveralProblems) as caught:
        plan(files)
    assert {one.file for one in caught.value.problems()} == set(files)


def test_ten_thousand_files_are_quick() -> None:
    files = {f"d{number}/values.yaml": OTHER * 20 for number in range(10_000)}
    files["e.yml"] = CONDA
    names = [pin(name=f"package-{number}") for number in range(100)]
    start = time.process_time()
    edits = plan(files, pin(), *names)
    took = time.process_time() - start
    assert [edit.path for edit in edits.edits] == ["e.yml"]
    # a parse of every file would take far longer; the bound leaves room for a slow machine
    assert took < 8


def test_a_requirements_file_stays_one_whatever_yaml_it_becomes() -> None:
    text = (
        "type: sweep\ntrial:\n  image: a\ntrial:\n  command: x\n  environment:\n    image: b\n"
        "acme-core==1.2.0 \\\n    --hash=x\n"
    )
    for data in (text.encode(), b"dependencies:\n- pip:\n  - my-pkg\n"):
        for name in ("requirements.txt", "reqs/all.in"):
            form = form_of(name, data)
            assert form is not None
            assert form.name == "requirements"
