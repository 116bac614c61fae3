"""Packages, definitions and machines that are not as they should be."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.release.kit import Repo, everything
from tests.robustness.kit import CONDA, own_backend, package, refused


@pytest.fixture
def untouched(local: Repo) -> Iterator[Repo]:
    """After the test nothing is published and nothing committed but what the test did itself."""
    yield local
    assert not local.index.exists()
    assert local.git("log", "-1", "--format=%s") == "A change"


def test_a_yaml_file_with_a_tab(untouched: Repo) -> None:
    text = untouched.read(CONDA).replace("  - pip\n", "\t- pip\n")
    untouched.commit({CONDA: text.encode()})
    ran = untouched.wheelstep("release", "--definitions", CONDA)
    refused(ran, 7, "definition-not-yaml", f"{CONDA} 4: ", "tab", "spaces")


def test_a_yaml_file_with_a_tab_that_nobody_named(untouched: Repo) -> None:
    text = untouched.read(CONDA).replace("  - pip\n", "\t- pip\n")
    untouched.commit({CONDA: text.encode()})
    refused(untouched.wheelstep("release"), 7, "definition-not-yaml", CONDA, "tab")


def test_a_definition_that_is_not_utf8(untouched: Repo) -> None:
    text = untouched.read(CONDA).replace("is ours", "gehört uns")
    untouched.commit({CONDA: text.encode("latin-1")})
    refused(untouched.wheelstep("release"), 7, "definition-not-utf8", CONDA, "UTF-8")


def test_a_token_in_the_url_of_a_definition(untouched: Repo) -> None:
    url = "https://build:0123secret4567@pkgs.example.com/simple/"
    text = untouched.read(CONDA).replace("  - pip:\n", f"  - pip:\n      - --index-url {url}\n")
    untouched.commit({CONDA: text.encode()})
    ran = untouched.wheelstep("release")
    told = refused(ran, 4, "secret-in-definition", f"{CONDA} 6: ", "Revoke")
    assert "0123secret4567" not in told + ran.said + str(ran.report)


def test_a_build_back_end_that_fails(untouched: Repo) -> None:
    untouched.commit(
        {
            "packages/acme-one/pyproject.toml": own_backend("acme-one", "broken"),
            "packages/acme-one/broken.py": (
                "def build_wheel(*args, **options):\n    raise RuntimeError('no compiler here')\n"
            ),
        }
    )
    code, out, said = untouched.run(["release"])
    assert code == 3, said
    # the back end's own traceback is its output, and is shown as such
    assert "no compiler here" in out
    assert "[build-failed]" in out + said
    assert "acme-one" in out + said
    assert "wheelstep/cli.py" not in out + said


def test_a_build_back_end_that_is_not_there(untouched: Repo) -> None:
    untouched.commit(package("acme-one", "1.0", backend="flit_core.nowhere"))
    ran = untouched.run(["release"])
    assert ran[0] == 3, ran
    assert "flit_core.nowhere" in ran[1] + ran[2]


def test_a_prebuilt_wheel_with_a_bad_record(untouched: Repo) -> None:
    assert untouched.wheelstep("build").code == 0
    wheel = next((untouched.root / "dist").glob("acme_one-*.whl"))
    _rewrite(wheel, {"acme_one.py": b"NAME = 'somebody else'\n"})
    ran = untouched.wheelstep("release", "--prebuilt")
    refused(ran, 3, "wheel-invalid", wheel.name, "RECORD", "acme_one.py")


def test_a_prebuilt_wheel_that_is_cut_off(untouched: Repo) -> None:
    assert untouched.wheelstep("build").code == 0
    wheel = next((untouched.root / "dist").glob("acme_one-*.whl"))
    wheel.write_bytes(wheel.read_bytes()[:-100])
    refused(untouched.wheelstep("release", "--prebuilt"), 3, "wheel-invalid", wheel.name)


def test_a_wheel_with_a_secret_file(untouched: Repo) -> None:
    untouched.commit(
        {
            "packages/acme-one/acme_one.py": None,
            "packages/acme-one/acme_one/__init__.py": "NAME = 'acme-one'\n",
            "packages/acme-one/acme_one/.env": "DATABASE=postgres://ada:pass@db\n",
        }
    )
    ran = untouched.wheelstep("release")
    told = refused(ran, 4, "secret-in-wheel", "acme_one/.env")
    assert "postgres" not in told


def test_git_is_missing(local: Repo, tmp_path: Path) -> None:
    before = local.git("for-each-ref")
    tools = tmp_path / "tools"
    tools.mkdir()
    ran = local.wheelstep("release", extra={"PATH": str(tools)})
    refused(ran, 8, "program-missing", "git", "PATH")
    assert local.git("for-each-ref") == before
    assert not local.index.exists()


def test_no_repository(local: Repo, tmp_path: Path) -> None:
    ran = local.wheelstep("release", "--repository", str(tmp_path))
    refused(ran, 2, "no-repository", str(tmp_path))


def test_a_lock_that_another_git_left(local: Repo) -> None:
    before = local.git("for-each-ref"), local.git("ls-files", "--stage")
    held = local.root / ".git" / "index.lock"
    held.touch()
    ran = local.wheelstep("release")
    refused(ran, 8, "index-locked", "index.lock", "delete")
    assert (local.git("for-each-ref"), local.git("ls-files", "--stage")) == before
    held.unlink()
    assert local.release().report["commit"]["status"] == "local"


def test_what_cannot_be_resolved_changes_nothing(local: Repo) -> None:
    local.release()
    two = package("acme-two", "1.1")
    two["packages/acme-two/pyproject.toml"] += '            dependencies = ["acme-one<0.5"]\n'
    local.commit(two)
    before = everything(local)
    ran = local.wheelstep("release")
    refused(ran, 7, "unresolvable", "acme-one", CONDA)
    assert everything(local) == before


def _rewrite(wheel: Path, contents: dict[str, bytes]) -> None:
    with zipfile.ZipFile(wheel) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    assert contents.keys() <= members.keys()
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, data in (members | contents).items():
            archive.writestr(name, data)
