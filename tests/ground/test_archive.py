"""Archives that are not what they should be: whatever is wrong is one error."""

from __future__ import annotations

import errno
import io
import random
import zipfile
from pathlib import Path

import pytest

from wheelstep.ground.archive import CHUNK, Damaged, faults, member_bytes, opened, text_of

METADATA = "acme-1.0.dist-info/METADATA"
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)


def archive(method: int) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as writing:
        writing.writestr("acme/__init__.py", "print('hello')\n" * 40)
        writing.writestr(METADATA, "Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n" * 20)
    return made.getvalue()


def damaged(whole: bytes, dice: random.Random) -> bytes:
    """Return it with a few bytes changed, a piece cut out, or its end missing."""
    some = bytearray(whole)
    for _ in range(dice.randint(1, 12)):
        some[dice.randrange(len(some))] = dice.choice((0, 0x7F, 0x80, 0xFF, dice.randrange(256)))
    if dice.random() < 0.2:
        del some[dice.randrange(len(some)) :]
    if dice.random() < 0.2:
        start = dice.randrange(len(some) + 1)
        del some[start : start + dice.randrange(40)]
    return bytes(some)


@pytest.mark.parametrize("method", METHODS)
def test_an_archive_damaged_at_random_is_damaged_or_read(method: int) -> None:
    whole, dice = archive(method), random.Random(method)  # noqa: S311 - no secret is made
    refused: list[str] = []
    for _ in range(3000):
        stream = io.BytesIO(damaged(whole, dice))
        try:
            with opened(stream) as one:
                for member in one.infolist():
                    for _ in member_bytes(one, member):
                        pass
        except Damaged as error:
            refused.append(str(error))
    assert len(refused) > 1500
    assert all(refused)


def test_a_member_is_read_in_pieces_and_only_up_to_a_size(tmp_path: Path) -> None:
    path = tmp_path / "one.whl"
    big = b"x" * (2 * CHUNK + 5)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as writing:
        writing.writestr("big", big)
    with opened(path) as one:
        assert [len(piece) for piece in member_bytes(one, one.getinfo("big"))] == [CHUNK, CHUNK, 5]
        assert text_of(one, "big", len(big)) == big
        with pytest.raises(Damaged, match="at most 100 are accepted"):
            text_of(one, "big", 100)
        with pytest.raises(KeyError):
            text_of(one, "small", 100)


def test_the_disks_faults_stay_the_disks(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        opened(tmp_path / "none.whl")
    with pytest.raises(OSError, match="gone"), faults():
        raise OSError(errno.EIO, "gone")
    with pytest.raises(Damaged, match="no such method"), faults():
        raise OSError("no such method")
