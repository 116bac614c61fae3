"""Where an environment's conda file is a symbolic link, its version does not rise: that is said."""

from __future__ import annotations

import pytest

from tests.definitions.made import SCHEMA, pin, plan
from wheelstep.stages.behind_links import behind_links

CONDA = b"dependencies:\n- pip:\n  - my-pkg==0.1\n"
AZUREML = f"$schema: {SCHEMA}\nname: e\nversion: 1\nconda_file: conda.yml\n".encode()
FILES = {"envs/e.yml": AZUREML, "shared.yml": CONDA, "broken.yml": b"conda_file: ["}


@pytest.mark.parametrize(
    ("links", "warned"),
    [
        ({"envs/conda.yml": "../shared.yml"}, True),
        ({"envs/conda.yml": "../a/b", "a/b": "../shared.yml"}, True),
        ({"envs/conda.yml": "../other.yml", "envs/unnamed.yml": "../shared.yml"}, False),
        ({"envs/conda.yml": "conda.yml"}, False),
        ({"envs/conda.yml": "/etc/shared.yml"}, False),
    ],
)
def test_a_conda_file_behind_a_link(links: dict[str, str], warned: bool) -> None:
    edits = plan(FILES, pin())
    assert [edit.path for edit in edits.edits if edit.status == "changed"] == ["shared.yml"]
    notes = behind_links(FILES.get, sorted(FILES), lambda: links, edits)
    assert [(one.code, one.file, one.line) for one in notes] == (
        [("behind-a-link", "envs/e.yml", 4)] if warned else []
    )
    assert all("a symbolic link to shared.yml" in one.message for one in notes)
