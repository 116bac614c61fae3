"""What pip takes, as an index of this machine that uv looks at first."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from wheelstep.errors import CannotHere
from wheelstep.ground.simple_index import project_html
from wheelstep.model import Listed

__all__ = ["lay_over"]


def lay_over(files: Mapping[str, Sequence[Listed]], folder: Path) -> str:
    """Write a simple index (PEP 503) of files, which stay where they are.

    The same files make the same index, whoever asks: uv keeps what it learns of a file by the URL
    of its index. Several may ask at once.

    Args:
        files: By normalised name.
        folder: Where the indexes are written to.

    Returns:
        The index as a `file:` URL.

    Raises:
        CannotHere: Disk full, folder not writable.
    """
    pages = {name: project_html(name, listed) for name, listed in sorted(files.items())}
    digest = hashlib.sha256(repr(pages).encode()).hexdigest()
    index = folder / digest
    try:
        if not index.is_dir():
            folder.mkdir(parents=True, exist_ok=True)
            made = Path(tempfile.mkdtemp(prefix="new-", dir=folder))
            for name, page in pages.items():
                (made / name).mkdir()
                (made / name / "index.html").write_bytes(page)
            move(made, index)
    except OSError as error:
        raise CannotHere.from_os_error(error, "laying the new wheels over the index") from error
    return index.as_uri()


def move(made: Path, index: Path) -> None:
    """Let a whole index be there at once; one that somebody else has made meanwhile is the same."""
    try:
        made.rename(index)
    except OSError:
        if not index.is_dir():
            raise
