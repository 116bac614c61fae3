"""The new wheels as an index of this machine, laid over what is published already."""

from __future__ import annotations

import html
from collections.abc import Iterable
from pathlib import Path

from wheelstep.errors import CannotHere
from wheelstep.model import Wheel

__all__ = ["lay_over"]


def lay_over(wheels: Iterable[Wheel], folder: Path) -> str:
    """Write a simple index (PEP 503) of these wheels, which stay where they are.

    Args:
        wheels: Each with `path`.
        folder: Where the pages are written to.

    Returns:
        The index as a `file:` URL.

    Raises:
        CannotHere: Disk full, folder not writable.
    """
    pages: dict[str, list[str]] = {}
    for wheel in wheels:
        if wheel.path is None:
            continue
        python = html.escape(wheel.requires_python or "")
        attribute = f' data-requires-python="{python}"' if python else ""
        pages.setdefault(wheel.name, []).append(
            f'<a href="{wheel.path.absolute().as_uri()}#sha256={wheel.sha256}"{attribute}>'
            f"{html.escape(wheel.file)}</a><br>"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, links in pages.items():
            (folder / name).mkdir(exist_ok=True)
            (folder / name / "index.html").write_text(
                "<!DOCTYPE html><html><body>\n" + "\n".join(links) + "\n</body></html>\n",
                encoding="utf-8",
            )
    except OSError as error:
        raise CannotHere.from_os_error(error, "laying the new wheels over the index") from error
    return folder.as_uri()
