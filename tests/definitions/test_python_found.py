"""Which scripts are definitions, what cannot be read in them, and what follows an edit."""

from __future__ import annotations

import time

import pytest

from tests.definitions.made import plan
from tests.definitions.python_kit import FORM, edit
from wheelstep.definitions.find import definitions_in
from wheelstep.definitions.forms import worth_reading
from wheelstep.definitions.python_references import follow_references
from wheelstep.errors import DefinitionUnresolvable, SettingError

BROKEN = [
    (b'print "pip_packages my-pkg==1.0"\n', 1, "definition-not-python"),
    (b"# coding: latin-1\nc.add_pip_package('my-pkg')\n", 1, "definition-not-utf8"),
    (b"#!x\n# -*- coding: cp1252 -*-\nc.add_pip_package('my-pkg')\n", 2, "definition-not-utf8"),
    (b"x = 1\ny = '\xe9'; c.add_pip_package('my-pkg')\n", 2, "definition-not-utf8"),
    (b"c.add_pip_package('my-pkg')\x00\n", None, "definition-not-python"),
    (b"c.add_pip_package('my-pkg', " + b"(" * 5000 + b")" * 5000 + b")\n", None, None),
]


@pytest.mark.parametrize(("data", "line", "code"), BROKEN)
def test_what_cannot_be_read_is_left_with_a_notice_unless_it_was_asked_for(
    data: bytes, line: int | None, code: str | None
) -> None:
    edits = plan({"old.py": data})
    assert edits.edits == ()
    assert [(one.code, one.severity, one.file) for one in edits.notes] == [
        ("definition-left-alone", "notice", "old.py")
    ]
    with pytest.raises(DefinitionUnresolvable) as caught:
        plan({"old.py": data}, patterns=["old.py"])
    if code:
        assert (caught.value.code, caught.value.line) == (code, line)
    globbed = {"old.py": data, "new.py": b"c.add_pip_package('my-pkg')"}
    assert [one.path for one in plan(globbed, patterns=["*.py"]).edits] == ["new.py"]


def test_an_encoding_line_that_says_utf_8_is_fine() -> None:
    text = "#!/usr/bin/python\n# vim: set fileencoding=UTF8 :\nc.add_pip_package('my-pkg')\n"
    assert len(edit(text).pins) == 1
    later = "x = 1\n# coding: latin-1\nc.add_pip_package('my-pkg')\n"
    assert len(edit(later).pins) == 1


@pytest.mark.parametrize(
    ("path", "read"),
    [
        ("env.py", True),
        ("environments/make_env.py", True),
        ("packages/core/env.py", True),
        ("packages/core/acme/env.py", False),
        ("packages/core/acme/sub/env.py", False),
        ("packages/core/src/other/env.py", False),
        ("src/env.py", False),
        ("setup.py", False),
        ("a/noxfile.py", False),
        ("a/conftest.py", False),
        ("tests/env.py", False),
        ("a/Tests/env.py", False),
        ("packages/core/acme/demo.ipynb", False),
        ("tests/demo.ipynb", False),
        ("src/demo.ipynb", True),
    ],
)
def test_a_packages_own_modules_are_no_definitions(path: str, *, read: bool) -> None:
    paths = sorted({path, "packages/core/acme/__init__.py"})
    assert (path in worth_reading(paths)) is read
    if path.endswith(".py"):
        script = b"c.add_pip_package('my-pkg')\n"
        files = {path: script, "packages/core/acme/__init__.py": b""}
        assert bool(plan(files).edits) is read
        assert [one.path for one in plan(files, patterns=[path]).edits] == [path]
        if not read:
            with pytest.raises(SettingError, match="no environment definition"):
                plan(files, patterns=[path.replace(".py", ".[p]y")])


def test_a_script_that_says_nothing_about_environments_is_no_definition() -> None:
    for text in (b"import my_pkg\n", b"'''pip install my-pkg'''\nimport my_pkg\n"):
        assert plan({"run.py": text}).edits == ()
        with pytest.raises(SettingError, match="no environment definition"):
            plan({"run.py": text}, patterns=["run.py"])


def test_a_large_script_is_not_looked_at() -> None:
    script = b"c.add_pip_package('my-pkg')\n"
    assert plan({"a.py": script + b"#" * 5_000_000}).edits == ()
    assert len(plan({"a.py": script + b"#" * 1_000_000}).edits) == 1


def test_discovery_parses_no_script_that_does_not_look_like_it() -> None:
    # it would take seconds to parse them all
    body = b"".join(b"x%d = ['my-pkg', %d]\n" % (number, number) for number in range(2000))
    files = {f"a/m{number}.py": body for number in range(150)}
    before = time.process_time()
    assert definitions_in(files.get, sorted(files), patterns=None, names=["my-pkg"]).kinds == ()
    assert time.process_time() - before < 1.5


@pytest.mark.parametrize(
    ("version", "raised"),
    [('version="7"', 'version="8"'), ("version=V", "version=V"), ("", "")],
)
def test_the_version_of_an_environment_that_changed_rises(version: str, raised: str) -> None:
    text = (
        'V = "7"\nconda = {"dependencies": [{"pip": ["my-pkg==1.0"]}]}\n'
        f'Environment(name="train", conda_file=conda, image="x", {version})\n'
        'Environment(name="other", conda_file={"dependencies": [{"pip": ["a"]}]}, version="7")\n'
    )
    edited = edit(text)
    expected = text.replace("my-pkg==1.0", "my-pkg==1.1").replace(version, raised, 1)
    expected = expected.replace('V = "7"', 'V = "8"') if "V" in version else expected
    assert edited.data.decode() == expected
    (environment,) = edited.environments
    now = ("train", "7", "8") if version else ("train", None, None)
    assert (environment.name, environment.before, environment.after) == now
    assert edited.notes == ()


@pytest.mark.parametrize("version", ["7", '"blue"', "str(7)", '"1.2-rc"'])
def test_a_version_that_is_not_raised_is_said(version: str) -> None:
    pip = '{"dependencies": [{"pip": ["my-pkg==1.0"]}]}'
    edited = edit(f'Environment(name="train", conda_file={pip},\n version={version})\n')
    assert [(one.code, one.line) for one in edited.notes] == [("environment-version-not-raised", 2)]
    assert f"version={version})" in edited.data.decode()


def test_references_follow() -> None:
    text = (
        '"""azureml:train:7"""\nE = "azureml:train:7"  # azureml:train:7\n'
        'def f():\n  j = command(environment=E, command="azureml:train:7")\n'
        "  j.environment = r'azureml:train:7'\n"
        '  d = {"environment": "azureml:train:7", "x": "azureml:train:7"}\n'
        '  command(environment="azureml:train:6", e="azureml:train:7")\n'
        '  command(environment="azureml:train@latest")\n'
        '  command(environment="azureml://registries/r/environments/train/versions/7")\n'
        '  command(environment=f"azureml:train:{7}")\n'
    )
    data = b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode()
    after = follow_references("a.py", data, {("train", "7"): "8", ("other", "7"): "9"})
    lines = text.split("\n")
    for number in (1, 4):
        lines[number] = lines[number].replace("train:7", "train:8", 1)
    lines[5] = lines[5].replace("train:7", "train:8", 1)
    assert after == b"\xef\xbb\xbf" + "\r\n".join(lines).encode()
    assert follow_references("a.py", after, {("train", "7"): "8"}) == after
    for broken in (b"azureml:train:7 (", b"\xff azureml:", b"# coding: latin-1\n# azureml:"):
        assert follow_references("a.py", broken, {("train", "7"): "8"}) == broken


def test_the_running_python_does_not_matter_for_strings_in_f_strings() -> None:
    # what stands inside an f-string has a place of its own from 3.12 on only
    text = "x = f\"{make(pip_packages=['my-pkg==1.0'])}\"\n"
    assert edit(text).data == text.encode()


def test_a_script_that_says_nothing_of_conda_has_the_defaults_of_the_sdk() -> None:
    plain = b'c = CondaDependencies()\nc.add_pip_package("my-pkg==1.0")\n'
    (section,) = FORM.read("a.py", plain).sections
    assert section.conda is None
    named = plain.replace(b"()\n", b'()\nc.add_conda_package("numpy")\n', 1)
    (section,) = FORM.read("a.py", named).sections
    assert section.conda is not None
    assert [text for text, _ in section.conda.packages] == ["numpy"]
