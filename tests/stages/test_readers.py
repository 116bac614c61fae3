"""Which workspaces read a definition, and whether all of them can read what it names."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.release.kit import Repo, everything
from tests.release.samples import root_package
from wheelstep.definitions.forms import FORMS
from wheelstep.definitions.interface import Kind
from wheelstep.errors import SettingError, SeveralProblems
from wheelstep.model import Workspace
from wheelstep.stages.readers import check_readers, readers_of, storage_of

W1, W2 = Workspace("S", "G", "W1"), Workspace("S", "G", "W2")
OWN = "azureml://subscriptions/S/resourcegroups/g/workspaces/w1"
BLOBS = "https://acct.blob.core.windows.net/azureml/Environment/azureml-private-packages"


def kind(path: str, *used_by: str) -> Kind:
    return Kind(path, FORMS[0], used_by=used_by)


@pytest.mark.parametrize(
    ("place", "owner"),
    [
        (OWN, W1),
        (f"{OWN}/datastores/x", W1),
        (BLOBS, W2),
        (f"{BLOBS}/a.whl", W2),
        (f"{BLOBS}-public/", None),
        (BLOBS.replace("acct", "other"), None),
        ("https://pkgs.dev.azure.com/o/_packaging/f/", None),
        ("azureml://registries/r", None),
        ("https://[", None),
        ("wheel-index", None),
        (None, None),
    ],
)
def test_whose_own_storage_a_place_is(place: str | None, owner: Workspace | None) -> None:
    found = storage_of(place, {"acct.blob.core.windows.net": W2})
    assert (found is None) == (owner is None)
    assert found is None or (owner is not None and found.same(owner))


def test_who_reads_a_definition() -> None:
    kinds = [
        kind("a/environment.yml"),
        kind("a/conda.yml", "a/environment.yml", "not/taken.yml"),
        kind("a/base.txt", "a/conda.yml", "b/conda.yml"),
        kind("b/conda.yml"),
        kind("c/one.txt", "c/two.txt"),
        kind("c/two.txt", "c/one.txt"),
    ]
    read_by = [
        ("a/environment.yml", [W1]),
        ("b/*", [W2, W1]),
        ("b/conda.yml", [W2]),
        ("gone", [W2]),
    ]
    assert readers_of(kinds, read_by, [W2]) == {
        "a/environment.yml": (W1,),
        "a/conda.yml": (W1,),
        "a/base.txt": (W1, W2),
        "b/conda.yml": (W2, W1),
        "c/one.txt": (W2,),
        "c/two.txt": (W2,),
    }
    assert set(readers_of(kinds, (), [W1]).values()) == {(W1,)}


def test_one_workspace_cannot_read_the_storage_of_another() -> None:
    check_readers(OWN, {"a.yml": [W1], "b.yml": ()})
    check_readers("https://example.org/", {"a.yml": [W1, W2]})
    check_readers(BLOBS, {"a.yml": [W1, W2]})
    with pytest.raises(SettingError) as caught:
        check_readers(OWN, {"a.yml": [W1, W2], "b.yml": [W1]})
    error = caught.value
    assert (error.code, error.exit_code, error.file) == ("workspace-cannot-read", 2, "a.yml")
    assert "S/G/W2" in error.message
    assert "S/g/w1" in error.message
    with pytest.raises(SeveralProblems):
        check_readers(BLOBS, {"a.yml": [W1], "b.yml": [W1]}, {"acct.blob.core.windows.net": W2})


@pytest.mark.parametrize("command", ["release", "plan", "pin"])
def test_it_is_said_before_anything_is_built(tmp_path: Path, command: str) -> None:
    files = root_package(OWN)
    files["pyproject.toml"] += """\
            workspace = ["S/G/W1", "S/G/W2"]
            """
    repo = Repo.create(tmp_path / "place", files)
    before = everything(repo)
    ran = repo.wheelstep(command)
    problem = ran.report["problems"][0]
    assert (ran.code, problem["code"]) == (2, "workspace-cannot-read"), ran.said
    assert problem["file"] == "conda.yml"
    assert everything(repo) == before
    repo.replace("pyproject.toml", '"S/G/W2"', '"s/G/w1"')
    assert "workspace-cannot-read" not in repo.wheelstep(command).codes
