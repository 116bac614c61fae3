"""`pin: vendor`: the wheel lies in the build context, and real pip finds it as the line says."""

# ruff: noqa: E501 - the rows read best unbroken
from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path
from textwrap import dedent

import pytest

from tests.definitions.made import NATIVE, PURE, SCHEMA, after, pin, plan
from wheelstep.definitions.plan import Edits
from wheelstep.errors import DefinitionUnresolvable, SettingError
from wheelstep.model import Pin, Wheel

ENVIRONMENT = f"$schema: {SCHEMA}\nname: e\nversion: 3\nbuild:\n  path: ctx\n".encode()
OLD = "my_pkg-1.0-py3-none-any.whl"


def vendored(dockerfile: str, **more: bytes) -> tuple[dict[str, bytes], Edits]:
    """A context with a requirements file, pinned; `more` by path below it, `__` for a slash."""
    files = {
        "e.yml": ENVIRONMENT,
        "ctx/Dockerfile": b"FROM python:3.10\n" + dedent(dockerfile).encode(),
        "ctx/requirements.txt": b"my-pkg==1.0\n",
    }
    files |= {f"ctx/{path.replace('__', '/')}": data for path, data in more.items()}
    return files, plan(files, style="vendor")


def line(dockerfile: str) -> str:
    files, edits = vendored(dockerfile)
    return after(files, edits)["ctx/requirements.txt"].decode().strip()


@pytest.mark.parametrize(
    ("dockerfile", "written"),
    [
        ("WORKDIR /app\nCOPY . .\nRUN pip install -r requirements.txt", f"./wheels/{PURE}"),
        ("COPY . /code/\nRUN pip install -r /code/requirements.txt", f"/code/wheels/{PURE}"),
        ("COPY . /code/\nRUN cd /code && pip install -r requirements.txt", f"./wheels/{PURE}"),
        (
            "COPY wheels/ /w/\nCOPY requirements.txt /r.txt\nRUN pip install -r /r.txt",
            f"/w/{PURE}",
        ),
        (
            "WORKDIR /a/b\nCOPY wheels/*.whl ../w/\nADD requirements.txt .\nRUN pip install -r requirements.txt",
            f"/a/w/{PURE}",
        ),
        ("COPY . .\nRUN pip install -r requirements.txt", f"./wheels/{PURE}"),
        (
            "RUN --mount=type=bind,target=/mnt pip install -r /mnt/requirements.txt",
            f"/mnt/wheels/{PURE}",
        ),
        (
            "WORKDIR /app\nRUN --mount=type=bind,source=wheels,target=wheels --mount=type=bind,source=requirements.txt,target=r.txt pip install -r r.txt",
            f"./wheels/{PURE}",
        ),
        (
            "ARG HOME_DIR=/srv\nENV APP=${HOME_DIR}/app\nWORKDIR $APP\nCOPY requirements.txt wheels ./\nRUN pip install -r requirements.txt",
            f"./{PURE}",
        ),
    ],
)
def test_the_path_is_that_of_the_image_at_that_command(dockerfile: str, written: str) -> None:
    assert line(dockerfile) == written


def test_wheel_and_environment_go_along_and_the_old_wheel_goes() -> None:
    dockerfile = "WORKDIR /app\nCOPY . .\nRUN pip install -r requirements.txt\n"
    files, edits = vendored(
        dockerfile,
        **{f"third__{OLD}": b"old", "third__other-1.0-py3-none-any.whl": b"x"},
    )
    by_path = {edit.path: edit for edit in edits.edits}
    edit = by_path["ctx/requirements.txt"]
    assert edit.after == f"./third/{PURE}\n".encode()
    assert [(one.path, one.sha256) for one in edit.files] == [(f"ctx/third/{PURE}", "0" * 64)]
    assert edit.removed == (f"ctx/third/{OLD}",)
    assert b"version: 4" in by_path["e.yml"].after
    # again, with the wheel where it belongs: nothing to do
    data = b"wheel"
    one = Pin("my-pkg", "1.1", "c" * 40, (_wheel(hashlib.sha256(data).hexdigest()),))
    there = after(files, edits) | {f"ctx/third/{PURE}": data}
    del there[f"ctx/third/{OLD}"]
    assert {edit.status for edit in plan(there, one, style="vendor").edits} == {"unchanged"}
    # and with other bytes there it comes again, without a change of the text
    there[f"ctx/third/{PURE}"] = b"broken"
    again = {edit.path: edit for edit in plan(there, one, style="vendor").edits}
    assert again["ctx/requirements.txt"].status == again["e.yml"].status == "changed"
    assert again["ctx/requirements.txt"].before == again["ctx/requirements.txt"].after


def _wheel(sha256: str) -> Wheel:
    return Wheel(PURE, "my-pkg", "1.1", sha256, "", 1)


def test_an_old_wheel_that_something_still_names_stays() -> None:
    _, edits = vendored(
        f"WORKDIR /app\nCOPY . .\nRUN pip install -r requirements.txt\nRUN echo wheels/{OLD}\n",
        **{f"wheels__{OLD}": b"old"},
    )
    assert [edit.removed for edit in edits.edits] == [(), (), ()]


def test_words_conda_files_extras_markers_and_hashes() -> None:
    dockerfile = """\
        WORKDIR /app
        COPY . .
        RUN pip install "my-pkg[a]==1.0; python_version > '3'" && pip install my-pkg
        RUN conda env create -f envs/conda.yml && pip install -r requirements.txt
        """
    files, edits = vendored(
        dockerfile,
        **{
            "requirements.txt": b"My_Pkg [b] == 1.0 ; python_version > '3' --hash=sha256:00  # c\n",
            "envs__conda.yml": b"dependencies:\n- python=3.10\n- pip:\n  - my-pkg>=1\n",
        },
    )
    result = after(files, edits)
    assert f"\"./wheels/{PURE}[a]; python_version > '3'\" && pip install ./wheels/{PURE}\n" in (
        result["ctx/Dockerfile"].decode()
    )
    assert result["ctx/requirements.txt"].decode() == (
        f"./wheels/{PURE}[b] ; python_version > '3' --hash=sha256:{'0' * 64}  # c\n"
    )
    assert result["ctx/envs/conda.yml"].decode().endswith(f"  - /app/wheels/{PURE}\n")


def test_the_wheel_is_chosen_by_the_python_of_the_base_image() -> None:
    native = NATIVE.replace("cp310", "cp311")
    files, _ = vendored("COPY . .\nRUN pip install -r requirements.txt\n")
    edits = plan(files, pin(NATIVE, native), style="vendor")
    assert NATIVE in after(files, edits)["ctx/requirements.txt"].decode()
    files["ctx/Dockerfile"] = files["ctx/Dockerfile"].replace(b"3.10", b"3.11")
    edits = plan(files, pin(NATIVE, native), style="vendor")
    assert native in after(files, edits)["ctx/requirements.txt"].decode()


@pytest.mark.parametrize(
    ("dockerfile", "number", "cure"),
    [
        ("COPY requirements.txt .\nRUN pip install -r requirements.txt", 3, "COPY wheels/ /wheels/"),
        ("COPY requirements.txt .\nRUN pip install -r requirements.txt\nCOPY . .", 3, "COPY wheels/"),
        ("COPY --from=x wheels wheels\nCOPY requirements.txt .\nRUN \\\n x; pip install -r requirements.txt", 5, "COPY wheels/"),
    ],
)  # fmt: skip
def test_a_wheel_that_is_not_copied_is_an_error(dockerfile: str, number: int, cure: str) -> None:
    with pytest.raises(DefinitionUnresolvable) as caught:
        vendored(dockerfile)
    error = caught.value
    assert (error.code, error.file, error.line) == ("wheel-not-copied", "ctx/Dockerfile", number)
    assert cure in error.cure


def test_a_wheel_that_dockerignore_keeps_out_is_an_error() -> None:
    dockerfile = "COPY . .\nRUN pip install -r requirements.txt"
    with pytest.raises(DefinitionUnresolvable, match=r"\*\.whl") as caught:
        vendored(dockerfile, **{".dockerignore": b"# x\n**/*.whl\n"})
    assert caught.value.code == "wheel-not-copied"
    assert f"!wheels/{PURE}" in caught.value.cure
    vendored(dockerfile, **{".dockerignore": b"**/*.whl\n!wheels/\n"})
    # BuildKit takes the one that belongs to the Dockerfile
    vendored(dockerfile, **{".dockerignore": b"*.whl\n", "Dockerfile.dockerignore": b""})


def test_outside_of_a_context_there_is_no_place_for_a_wheel() -> None:
    with pytest.raises(SettingError) as caught:
        vendored("COPY . .\nRUN x", **{"other.txt": b"-r x\nmy-pkg==1\n"})
    assert caught.value.code == "vendor-outside-context"
    assert "ctx/other.txt, ctx/requirements.txt" in caught.value.message


@pytest.mark.parametrize(
    ("dockerfile", "root", "folder"),
    [
        ("WORKDIR /app\nCOPY . .\nRUN pip install -r sub/requirements.txt", "app", "app"),
        ("WORKDIR /app\nCOPY . .\nRUN cd sub && pip install -r requirements.txt", "app", "app/sub"),
    ],
)
def test_real_pip_installs_it_in_a_folder_laid_out_as_the_image(
    tmp_path: Path, dockerfile: str, root: str, folder: str
) -> None:
    files = {
        "ctx/Dockerfile": f"FROM python:3.10\n{dockerfile}\n".encode(),
        "ctx/sub/requirements.txt": b"my-pkg==1.0  # ours\n",
    }
    result = after(files, plan(files, style="vendor"))
    for path, data in result.items():
        if path.startswith("ctx/"):  # COPY . .
            place = tmp_path / root / path.removeprefix("ctx/")
            place.parent.mkdir(parents=True, exist_ok=True)
            # where the image's root is
            place.write_bytes(data.replace(b"/app/", f"{tmp_path}/app/".encode()))
    (tmp_path / root / "wheels").mkdir()
    with zipfile.ZipFile(tmp_path / root / "wheels" / PURE, "w") as wheel:
        base = "my_pkg-1.1.dist-info"
        wheel.writestr("my_pkg.py", "VERSION = '1.1'\n")
        wheel.writestr(f"{base}/METADATA", "Metadata-Version: 2.1\nName: my-pkg\nVersion: 1.1\n")
        tags = "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        wheel.writestr(f"{base}/WHEEL", tags)
        wheel.writestr(f"{base}/RECORD", "")
    command = dockerfile.rpartition("pip install ")[2].split()
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--target",
         str(tmp_path / "site"), *command],
        cwd=tmp_path / folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "site/my_pkg.py").read_text() == "VERSION = '1.1'\n"
