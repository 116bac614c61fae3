"""`keep-ranges`: what admits the new version stays, and it is said what that means."""

from __future__ import annotations

import pytest

from tests.definitions.made import INDEX, foreign, only, pin, plan


@pytest.mark.parametrize(
    "line",
    [
        "my-pkg",
        "My_Pkg[x] >= 1, <2",
        "my-pkg (>=1.0)",
        "my-pkg~=1.0",
        "my-pkg==1.*",
        "my-pkg!=1.0 ; python_version > '3'",
        "my-pkg>=1.1rc1",
    ],
)
def test_a_range_that_admits_the_version_stays(line: str) -> None:
    files = {
        "requirements.txt": f"numpy\n{line}\n".encode(),
        "conda.yml": f'dependencies:\n- pip:\n  - "{line}"\n'.encode(),
    }
    edits = plan(files, keep_ranges=True)
    for edit in edits.edits:
        assert (edit.status, edit.pins) == ("unchanged", ())
        (told,) = edit.notes
        assert (told.code, told.severity) == ("range-kept", "warning")
        assert told.line == (2 if edit.form == "requirements" else 3)
        assert "will not rebuild" in told.message
    assert {edit.status for edit in plan(files).edits} == {"changed"}


@pytest.mark.parametrize(
    "line",
    [
        "my-pkg>=2",
        "my-pkg<1.1",
        "my-pkg==1.0",
        "my-pkg~=1.0.0",
        "my-pkg!=1.1",
        f"my-pkg>=1 --hash=sha256:{'a' * 64}",
        "my-pkg @ https://example.org/my_pkg-1.0-py3-none-any.whl",
    ],
)
def test_what_does_not_admit_it_is_pinned(line: str) -> None:
    edit = only(plan({"requirements.txt": f"{line}\n".encode()}, keep_ranges=True))
    assert edit.after.startswith(b"my-pkg==1.1")
    assert "range-kept" not in {note.code for note in edit.notes}


def test_a_pre_release_is_not_what_pip_takes_for_a_range() -> None:
    new = pin("my_pkg-1.2rc1-py3-none-any.whl", version="1.2rc1")
    for line, expected in {"my-pkg>=1": b"my-pkg==1.2rc1\n", "my-pkg>=1.2b1": None}.items():
        data = f"{line}\n".encode()
        edit = only(plan({"requirements.txt": data}, new, keep_ranges=True))
        assert edit.after == (expected or data)


def test_a_pin_beside_a_kept_range_is_raised_and_the_index_is_added() -> None:
    data = b"dependencies:\n- pip:\n  - my-pkg>=1  # any\n  - other==1.0\n"
    other = pin("other-2.0-py3-none-any.whl", name="other", version="2.0")
    edit = only(plan({"c.yml": data}, pin(), other, index=INDEX, keep_ranges=True))
    assert b"  - my-pkg>=1  # any\n" in edit.after
    assert [(one.name, one.after) for one in edit.pins] == [("other", "other==2.0")]
    assert f"--extra-index-url {INDEX.url}" in foreign(edit.after)[0]["dependencies"][0]["pip"]
