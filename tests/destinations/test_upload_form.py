"""The form of an upload, held against twine's own."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest
import requests_toolbelt
from twine.package import PackageFile
from twine.repository import Repository

from tests.destinations.wheels import make_wheel, record_of
from wheelstep.destinations.upload_form import PIECE, UploadForm
from wheelstep.errors import BuildFailed, CannotHere
from wheelstep.model import Wheel

METADATA = """Metadata-Version: 2.4
Name: Acme.Core
Version: 1.0
Summary: Größe in 東京
Keywords: one,two
Author-Email: A <a@example.org>
License-Expression: MIT
License-File: LICENSE
Classifier: Programming Language :: Python :: 3
Classifier: Topic :: Software Development
Requires-Dist: numpy>=1
Requires-Dist: pandas; extra == "all"
Requires-Python: >=3.8
Project-URL: Source, https://example.org/a?b=c&d="e"
Project-URL: Docs, https://example.org/
Provides-Extra: all
Description-Content-Type: text/markdown

# Acme

--boundary\r
ends with a line
"""


def rich_wheel(folder: Path, *, filling: bytes = b"") -> Wheel:
    """A wheel whose metadata has every kind of field."""
    wheel = make_wheel(folder, "acme-core")
    assert wheel.path
    with zipfile.ZipFile(wheel.path, "w") as archive:
        archive.writestr("acme_core-1.0.dist-info/METADATA", METADATA)
        archive.writestr("data.bin", filling)
    return record_of(wheel.path)


def as_twine_sends(path: Path, boundary: str) -> bytes:
    package = PackageFile.from_filename(os.fspath(path), None)
    fields = Repository._convert_metadata_to_list_of_tuples(package.metadata_dictionary())
    fields += [(":action", "file_upload"), ("protocol_version", "1")]
    with path.open("rb") as stream:
        fields.append(("content", (path.name, stream, "application/octet-stream")))
        return bytes(requests_toolbelt.MultipartEncoder(fields, boundary).read())


@pytest.mark.parametrize("size", [0, 10, PIECE - 1, 2 * PIECE + 1])
def test_the_form_is_twines_byte_by_byte(tmp_path: Path, size: int) -> None:
    wheel = rich_wheel(tmp_path, filling=os.urandom(size))
    assert wheel.path
    form = UploadForm(wheel.path, wheel.sha256)
    sent = b"".join(form)
    assert sent == as_twine_sends(wheel.path, form.content_type.partition("boundary=")[2])
    assert len(form) == len(sent)
    assert b"".join(form) == sent  # for another attempt


def test_a_wheel_that_is_another_one_is_not_sent(tmp_path: Path) -> None:
    wheel = rich_wheel(tmp_path)
    assert wheel.path
    with pytest.raises(CannotHere, match="changed on this disk"):
        UploadForm(wheel.path, "0" * 64)


@pytest.mark.parametrize("change", ["grows", "shrinks", "turns"])
def test_a_wheel_that_changes_while_it_is_sent_has_no_end(tmp_path: Path, change: str) -> None:
    wheel = rich_wheel(tmp_path, filling=os.urandom(3 * PIECE))
    assert wheel.path
    form = UploadForm(wheel.path, wheel.sha256)
    sent = bytearray()
    with pytest.raises(CannotHere, match="changed on this disk"):  # noqa: PT012 - it is in the middle
        for number, piece in enumerate(form):
            sent += piece
            if number == 0:
                with wheel.path.open("r+b") as file:
                    if change == "shrinks":
                        file.truncate(PIECE + 5)
                    else:
                        file.seek(2 * PIECE)
                        file.write(b"x" * (100 if change == "turns" else 2 * PIECE))
    assert len(sent) < len(form)
    assert f"--{form.content_type.partition('boundary=')[2]}--".encode() not in sent


def test_a_wheel_that_is_gone_while_it_is_sent(tmp_path: Path) -> None:
    wheel = rich_wheel(tmp_path)
    assert wheel.path
    form = UploadForm(wheel.path, wheel.sha256)
    wheel.path.unlink()
    with pytest.raises(CannotHere, match=r"reading acme_core-1\.0"):
        list(form)


def test_metadata_that_twine_refuses(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "acme-core")
    assert wheel.path
    with zipfile.ZipFile(wheel.path, "w") as archive:
        archive.writestr("acme_core-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: a b!\n")
    with pytest.raises(BuildFailed, match="cannot be uploaded: Invalid distribution metadata"):
        UploadForm(wheel.path, wheel.sha256)
