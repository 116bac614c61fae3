from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.packages.wheel_kit import Builds, builds, in_tree, package, project, tree, wheel
from wheelstep.errors import BuildFailed, CannotHere, ServiceUnavailable, SeveralProblems
from wheelstep.ground.secret import Secret
from wheelstep.packages.build import evaluate

SETUPTOOLS = (
    '[build-system]\nrequires = ["setuptools>=77"]\nbuild-backend = "setuptools.build_meta"\n'
)
HATCHLING = '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
FLIT = '[build-system]\nrequires = ["flit_core>=3.12"]\nbuild-backend = "flit_core.buildapi"\n'


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Builds]:
    with builds(tmp_path) as made:
        yield made


def static(name: str, version: str = "1.0") -> str:
    return (
        f'[project]\nname = "{name}"\nversion = "{version}"\n'
        f'description = "of {name}"\nrequires-python = ">=3.9"\n'
    )


def monorepo(folder: Path) -> None:
    tree(
        folder,
        {
            "packages/one/pyproject.toml": SETUPTOOLS + static("acme-one"),
            "packages/one/acme_one/__init__.py": "",
            "packages/two/pyproject.toml": HATCHLING + static("acme.two"),
            "packages/two/acme/two/__init__.py": "",
            "packages/two/acme_two/__init__.py": "",
            "packages/three/pyproject.toml": FLIT + static("acme_three"),
            "packages/three/acme_three/__init__.py": "",
            "root/pyproject.toml": SETUPTOOLS + static("acme"),
            "root/src/acme/__init__.py": "",
        },
    )


PACKAGES = [
    package("acme-one", directory="packages/one"),
    package("acme.two", directory="packages/two"),
    package("acme_three", directory="packages/three"),
    package("acme", directory="root"),
]


def test_builds_each_package_with_its_own_back_end_and_equal_requirements_once(
    build: Builds,
) -> None:
    monorepo(build.repository)
    made = build(*PACKAGES)
    assert [one.package.name for one in made] == ["acme-one", "acme-two", "acme-three", "acme"]
    assert sorted(path.name for path in build.dist.iterdir()) == [
        "acme-1.0-py3-none-any.whl",
        "acme_one-1.0-py3-none-any.whl",
        "acme_three-1.0-py3-none-any.whl",
        "acme_two-1.0-py3-none-any.whl",
    ]
    assert all(one.wheels[0].path == build.dist / one.wheels[0].file for one in made)
    assert any(line.startswith("setuptools==") for line in made[0].build_requirements)
    assert any(line.startswith("hatchling==") for line in made[1].build_requirements)
    assert made[0].build_requirements == made[3].build_requirements
    # one environment for both setuptools packages, one for hatchling, one for flit
    assert len(list(build.environments.folder.glob("environment-*"))) == 3
    assert not list(build.environments.folder.glob("build-*"))
    assert set(build.said) == {f"Build {one.name} 1.0" for one in PACKAGES}
    assert "acme_one" in build.said["Build acme-one 1.0"]
    assert "acme/__init__" not in build.said["Build acme-one 1.0"]


C_SOURCE = """
#include <Python.h>
#include "where.h"
static PyObject *place(PyObject *self, PyObject *unused) {
    return PyUnicode_FromString(where);
}
static PyMethodDef methods[] = {{"place", place, METH_NOARGS, ""}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "acme_c.native", NULL, -1, methods};
PyMODINIT_FUNC PyInit_native(void) { return PyModule_Create(&module); }
"""

C_SETUP = """
import os
from setuptools import Extension, setup
# absolute paths and debug information, as careless projects have them
extension = Extension("acme_c.native", ["acme_c/native.c"], extra_compile_args=["-g"],
                      include_dirs=[os.path.abspath("include")])
setup(packages=["acme_c"], ext_modules=[extension])
"""


def test_equal_bytes_from_other_folders_and_masks_even_with_a_c_extension(tmp_path: Path) -> None:
    digests = set()
    for number, mask in enumerate((0o022, 0o002)):
        folder = tmp_path / ("clone/" * (number + 1))
        folder.mkdir(parents=True)
        with builds(folder) as build:
            tree(
                build.repository,
                {
                    "pyproject.toml": SETUPTOOLS + static("acme-c"),
                    "setup.py": C_SETUP,
                    "acme_c/__init__.py": "",
                    "acme_c/native.c": C_SOURCE,
                    "include/where.h": "static const char *where = __FILE__;\n",
                },
            )
            old = os.umask(mask)
            try:
                [made] = build(package("acme-c"))
            finally:
                os.umask(old)
            path = made.wheels[0].path
            assert path is not None
            digests.add(made.wheels[0].sha256)
            target = tmp_path / f"installed-{number}"
            with zipfile.ZipFile(path) as archive:
                archive.extractall(target)
            said = subprocess.run(
                [sys.executable, "-c", "import acme_c.native as n; print(n.place())"],
                cwd=target,
                capture_output=True,
                text=True,
                check=True,
            )
            assert said.stdout.strip() == "./include/where.h"
    assert len(digests) == 1


def test_a_back_end_gets_settled_variables_and_no_secret(tmp_path: Path) -> None:
    secret = Secret("hunter2-of-the-feed")
    variables = os.environ | {
        "FEED_PAT": secret.reveal(),
        "WHEELSTEP_FEED_TOKEN": "abc123xyz",
        "PIP_INDEX_URL": "https://me:pw-in-url@127.0.0.1/simple",
        "PYTHONPATH": "/elsewhere",
        "GIT_DIR": "/elsewhere/.git",
        "HARMLESS": "yes",
    }
    with builds(tmp_path, variables) as build:
        show = 'import json; print("ENVIRON", json.dumps(dict(os.environ)))'
        in_tree(build.repository, "acme", on_build=show)
        build(package("acme"))
        said = build.said["Build acme 1.0"]
    assert '"HARMLESS": "yes"' in said
    assert f'"SOURCE_DATE_EPOCH": "{1_700_000_000}"' in said
    assert '"PYTHONHASHSEED": "0"' in said
    assert '"TZ": "UTC"' in said
    for absent in ("FEED_PAT", "FEED_TOKEN", "pw-in-url", "/elsewhere", secret.reveal()):
        assert absent not in said


def test_a_broken_back_end_is_told_and_does_not_stop_the_others(build: Builds) -> None:
    in_tree(
        build.repository / "bad",
        "bad",
        on_build='print("step 1"); raise RuntimeError("no such template")',
    )
    in_tree(build.repository / "good", "good")
    with pytest.raises(BuildFailed) as caught:
        build(package("bad", directory="bad"), package("good", directory="good"))
    error = caught.value
    assert error.exit_code == 3
    assert error.code == "build-failed"
    assert error.file == "bad/pyproject.toml"
    assert "back end backend of bad (bad) failed" in error.message
    assert "step 1\nRuntimeError: no such template" in error.message
    assert "Traceback" not in error.message
    assert str(build.environments.folder) not in error.message
    assert "Traceback" in build.said["Build bad 1.0"]  # the log has all of it
    assert [path.name for path in build.dist.iterdir()] == ["good-1.0-py3-none-any.whl"]


@pytest.mark.parametrize(
    ("pyproject", "code", "words"),
    [
        ('[build-system]\nbuild-backend = "x"\n', "build-failed", "`requires` is a required"),
        ("[build-system\n", "build-failed", "Failed to parse a/pyproject.toml: "),
        (
            '[build-system]\nrequires = ["not a requirement"]\n',
            "build-requirement-invalid",
            "'not a requirement'",
        ),
        (
            '[build-system]\nrequires = []\nbuild-backend = "no_such_backend"\n',
            "no-build-backend",
            "no_such_backend",
        ),
        (
            '[build-system]\nrequires = ["wheelstep-no-such-tool>=3"]\n',
            "build-requirements",
            "wheelstep-no-such-tool",
        ),
    ],
)
def test_a_faulty_build_system_table_is_told(
    build: Builds, pyproject: str, code: str, words: str
) -> None:
    tree(build.repository / "a", {"pyproject.toml": pyproject})
    with pytest.raises(BuildFailed) as caught:
        build(package("acme", directory="a"))
    assert caught.value.code == code
    assert words in caught.value.message
    assert "acme" in caught.value.message
    assert caught.value.cure


def test_a_folder_with_setup_cfg_alone_is_told(build: Builds) -> None:
    tree(build.repository, {"setup.cfg": "[metadata]\nname = acme\n"})
    with pytest.raises(BuildFailed, match=r"no pyproject\.toml or setup\.py") as caught:
        build(package("acme"))
    assert caught.value.file == "setup.cfg"


def test_a_setup_py_alone_is_built_with_setuptools(build: Builds) -> None:
    setup = "from setuptools import setup\nsetup(name='acme', version='1.0', py_modules=['acme'])\n"
    tree(build.repository, {"setup.py": setup, "acme.py": ""})
    [made] = build(package("acme"))
    assert made.wheels[0].file == "acme-1.0-py3-none-any.whl"


def test_an_unreachable_index_is_told_once_for_all_packages(tmp_path: Path) -> None:
    variables = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PIP_", "UV_", "XDG_", "HOME"))
    } | {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
        "UV_HTTP_RETRIES": "0",
        "UV_CACHE_DIR": str(tmp_path / "cache"),
    }
    with builds(tmp_path, variables) as build:
        monorepo(build.repository)
        with pytest.raises(ServiceUnavailable) as caught:
            build(PACKAGES[0], PACKAGES[3])
    assert caught.value.exit_code == 6
    assert "acme, acme-one" in caught.value.message
    assert caught.value.packages == ("acme", "acme-one")


def test_the_tools_of_the_last_release_are_used_again_while_they_fit(build: Builds) -> None:
    monorepo(build.repository)
    [made] = build(PACKAGES[2], constraints={"acme-three": ["flit-core==3.12.0"]})
    assert made.build_requirements == ("flit-core==3.12.0",)
    [made] = build(PACKAGES[2], constraints={"acme-three": ["flit-core==3.2.0", "--bad line"]})
    assert made.build_requirements != ("flit-core==3.2.0",)
    assert "no longer fit" in build.said["Build acme-three 1.0"]


def test_evaluating_and_building_use_the_same_environment(build: Builds) -> None:
    tree(
        build.repository,
        {
            "pyproject.toml": FLIT
            + '[project]\nname = "Acme.Dyn"\ndynamic = ["version", "description"]',
            "acme_dyn.py": '"""Of acme."""\n__version__ = "1.0.post01"\n',
        },
    )
    source = build.export(package("Acme.Dyn"), build.environments.work_folder("evaluate"))
    # flit looks for the module by the project's name
    (source / "Acme").mkdir()
    (source / "acme_dyn.py").rename(source / "Acme" / "Dyn.py")
    found = evaluate(source, project("Acme.Dyn"), environments=build.environments)
    assert found[1] == "1.0.post1"
    monorepo(build.repository)
    build(PACKAGES[2])
    assert len(list(build.environments.folder.glob("environment-*"))) == 1


def test_evaluating_tells_a_version_that_is_none(build: Builds) -> None:
    in_tree(build.repository, "acme", "one")
    with pytest.raises(BuildFailed, match="'one'") as caught:
        evaluate(build.repository, project("acme"), environments=build.environments)
    assert caught.value.code == "version-invalid"


def test_what_a_back_end_asks_for_is_installed(build: Builds) -> None:
    asked = in_tree(
        build.repository / "a", "acme", extra=["flit_core>=3.12"], on_build="import flit_core"
    )
    assert asked.is_dir()
    [made] = build(package("acme", directory="a"))
    assert [line.partition("==")[0] for line in made.build_requirements] == ["flit-core"]
    in_tree(build.repository / "b", "bad", extra=["?"])
    with pytest.raises(BuildFailed, match=r"'\?'"):
        build(package("bad", directory="b"))


def test_only_inspected_wheels_reach_dist_and_nothing_else_is_touched(build: Builds) -> None:
    stale = wheel(build.dist, version="0.9")
    replaced = wheel(build.dist, {"acme/old.py": ""})
    before = replaced.read_bytes()
    in_tree(build.repository, "acme", "2.0")
    with pytest.raises(BuildFailed, match=r"acme 2\.0, but acme 1\.0 \(\.\) was to be released"):
        build(package("acme"))
    assert sorted(build.dist.iterdir()) == sorted([stale, replaced])
    assert replaced.read_bytes() == before
    in_tree(build.repository, "acme", "1.0")
    [made] = build(package("acme"))
    assert replaced.read_bytes() != before
    assert made.wheels[0].path == replaced
    assert sorted(build.dist.iterdir()) == sorted([stale, replaced])


def test_the_folder_of_the_build_never_gets_into_a_wheel(build: Builds) -> None:
    in_tree(build.repository, "acme", on_build='files["acme/where.py"] = os.getcwd()')
    with pytest.raises(BuildFailed, match=r"acme/where\.py") as caught:
        build(package("acme"))
    assert caught.value.code == "build-path-in-wheel"
    assert not list(build.dist.iterdir())


def test_warnings_of_hooks_and_misspelt_keys_are_in_the_log(build: Builds) -> None:
    warn = 'import warnings; warnings.warn("old setting\\n::error::injected")'
    in_tree(build.repository, "acme", on_build=warn)
    build(package("acme"))
    assert "warning: old setting" in build.said["Build acme 1.0"]
    tree(build.repository / "b", {"pyproject.toml": "[build_system]\n", "setup.py": "1/0"})
    with pytest.raises(BuildFailed):
        build(package("typo", directory="b"))
    assert "did you mean 'build-system'" in build.said["Build typo 1.0"]


def test_this_machine_cannot(build: Builds, tmp_path: Path) -> None:
    full = 'raise OSError(28, "No space left on device")'
    in_tree(build.repository, "acme", on_build=full)
    with pytest.raises(CannotHere) as caught:
        build(package("acme"))
    assert caught.value.code == "disk-full"
    in_tree(build.repository, "acme")
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotHere, match="folder for wheels"):
        build(package("acme"), dist=tmp_path / "file")


def test_several_problems_are_all_told(build: Builds) -> None:
    in_tree(build.repository / "a", "one", on_build='raise RuntimeError("first")')
    in_tree(build.repository / "b", "two", on_build='raise RuntimeError("second")')
    with pytest.raises(SeveralProblems) as caught:
        build(package("one", directory="a"), package("two", directory="b"))
    assert [problem.file for problem in caught.value.problems()] == [
        "a/pyproject.toml",
        "b/pyproject.toml",
    ]
    assert [error.packages for error in caught.value.errors] == [("one",), ("two",)]
    assert caught.value.packages == ("one", "two")


def test_nothing_to_build(build: Builds) -> None:
    assert build() == []
    assert not build.dist.exists()
