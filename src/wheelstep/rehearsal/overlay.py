"""What pip takes, as an index of this machine that uv looks at first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from wheelstep.errors import CannotHere
from wheelstep.ground.simple_index import project_html
from wheelstep.model import Listed

__all__ = ["lay_over"]


def lay_over(files: Mapping[str, Sequence[Listed]], folder: Path) -> str:
    """Write a simple index (PEP 503) of files, which stay where they are.

    Args:
        files: By normalised name.
        folder: Where the pages are written to.

    Returns:
        The index as a `file:` URL.

    Raises:
        CannotHere: Disk full, folder not writable.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, listed in files.items():
            (folder / name).mkdir(exist_ok=True)
            (folder / name / "index.html").write_bytes(project_html(name, listed))
    except OSError as error:
        raise CannotHere.from_os_error(error, "laying the new wheels over the index") from error
    return folder.as_uri()
