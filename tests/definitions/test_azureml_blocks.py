"""Conda text inside of a block scalar, or quoted: edited in its own lines only."""

from __future__ import annotations

import pytest

from tests.definitions.azureml_samples import SPARK
from tests.definitions.made import FEED, INDEX, SCHEMA, foreign, only, plan
from wheelstep.definitions.azureml import AzureMl
from wheelstep.errors import DefinitionUnresolvable, Refused

BLOCK = """\
environment:
  image: i
  conda_file: |{header}
{text}
{after}"""


@pytest.mark.parametrize("header", ["", "-", "+", "2", "2-", " # the conda part"])
@pytest.mark.parametrize("rest", ["conf: {a: b}\n", "\n\nconf: {a: b}\n", "# end\n", ""])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_block_changes_in_its_own_lines_only(header: str, rest: str, end: str) -> None:
    text = (
        "    # odd   spaces\n\n   \n    dependencies:\n    - python=3.10\n      \n"
        "    - pip:\n        - my-pkg==1.0 # ours\n        - azure-core>=1"
    )
    job = "type: spark\n" + BLOCK.format(header=header, text=text, after=rest)
    data = (job if rest else job.removesuffix("\n")).replace("\n", end).encode()
    edit = only(plan({"s.yml": data}, index=INDEX))
    old, new = data.split(b"\n"), edit.after.split(b"\n")
    place = next(number for number, line in enumerate(old) if b"my-pkg" in line)
    option = f"        - --extra-index-url {FEED}".encode() + end.encode()[:-1]
    assert new == [*old[:place], option, old[place].replace(b"1.0", b"1.1"), *old[place + 1 :]]
    assert edit.pins[0].line == place + 2
    before, now = foreign(data)[0], foreign(edit.after)[0]
    inner = [foreign(one["environment"]["conda_file"].encode())[0] for one in (before, now)]
    inner[0]["dependencies"][1]["pip"] = [
        f"--extra-index-url {FEED}",
        "my-pkg==1.1",
        "azure-core>=1",
    ]
    assert inner[0] == inner[1]
    now["environment"]["conda_file"] = before["environment"]["conda_file"]
    assert now == before
    assert only(plan({"s.yml": edit.after}, index=INDEX)).status == "unchanged"


def test_a_block_of_a_plain_environment_raises_its_version() -> None:
    data = (
        f"$schema: {SCHEMA}\nname: e\nversion: 1.9\nimage: i\nconda_file: |\n  dependencies:\n"
        "  - pip:\n    - my-pkg==1.0\n"
    )
    edit = only(plan({"e.yml": data.encode()}))
    assert edit.after.decode() == data.replace("1.9", "'1.10'").replace("==1.0", "==1.1")


def test_a_quoted_conda_text_is_edited_too() -> None:
    text = r'"dependencies:\n- pip:\n  - my-pkg==1.0\n  - numpy\n"'
    data = f"type: spark\nenvironment:\n  image: i\n  conda_file: {text}\n".encode()
    edit = only(plan({"s.yml": data}))
    assert edit.after == data.replace(b"==1.0", b"==1.1")
    assert edit.pins[0].line == edit.reading.sections[0].line == 4


def test_a_folded_text_that_cannot_stay_folded_is_quoted() -> None:
    data = (
        b"type: spark\nenvironment:\n  conda_file: >\n    dependencies:\n\n    - pip:\n\n"
        b"      - my-pkg==1.0\n\nconf: {a: b}\n"
    )
    edit = only(plan({"s.yml": data}))
    assert edit.after == data.replace(b"==1.0", b"==1.1")
    with_index = only(plan({"s.yml": data}, index=INDEX)).after
    assert with_index.endswith(b'"\n\nconf: {a: b}\n')
    (text,) = (one["environment"]["conda_file"] for one in foreign(with_index))
    assert foreign(text.encode())[0]["dependencies"] == [
        {"pip": [f"--extra-index-url {FEED}", "my-pkg==1.1"]}
    ]


@pytest.mark.parametrize("named", [">-\n    ./conda.yml", "|\n    ./conda.yml", "'file:conda.yml'"])
def test_a_path_in_a_block_is_a_path(named: str) -> None:
    data = f"type: spark\nenvironment:\n  image: i\n  conda_file: {named}\n".encode()
    (found,) = AzureMl().read("s.yml", data).named
    assert (found.kind, found.path) == ("conda-file", "conda.yml")


def test_a_text_in_one_line_is_no_path() -> None:
    data = b"type: spark\nenvironment:\n  conda_file: |\n    {dependencies: [pip: [my-pkg]]}\n"
    assert only(plan({"s.yml": data})).after == data.replace(b"my-pkg", b"my-pkg==1.1")


def test_faults_inside_a_block_name_the_line_in_the_file() -> None:
    lines = SPARK.replace("        - azureml-fsspec", "        - my_pkg").splitlines()
    with pytest.raises(DefinitionUnresolvable, match="named twice") as caught:
        plan({"s.yml": "\n".join(lines).encode()})
    line = caught.value.line
    assert line is not None
    assert lines[line - 1].strip() == "- my_pkg"
    secret = SPARK.replace("azureml-fsspec", "-i https://u:p@h/simple")
    with pytest.raises(Refused) as refused:
        plan({"s.yml": secret.encode()})
    line = refused.value.line
    assert line is not None
    assert "@h/simple" in secret.splitlines()[line - 1]
    broken = SPARK.replace("name: spark", "name: [spark")
    with pytest.raises(DefinitionUnresolvable, match="not valid YAML"):
        plan({"s.yml": broken.encode()})
