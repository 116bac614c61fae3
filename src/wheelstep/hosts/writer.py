"""One stream that several threads write to: redacted, whole, in what its encoding can carry."""

from __future__ import annotations

import os
import stat
import threading
from typing import Final, TextIO

from wheelstep.errors import CannotHere
from wheelstep.ground.secret import redact

__all__ = ["Writer"]

IN_ASCII: Final = str.maketrans({"✓": "+", "✗": "x", "→": "->", "…": "...", "•": "*"})
"""What stands for the signs we use where an encoding lacks them."""


class Writer:
    """Writes text to a stream, whole lines at a time."""

    def __init__(self, stream: TextIO) -> None:
        """Take a stream; it is never closed here."""
        self.stream = stream
        self.lock = threading.RLock()
        """Held by whoever writes several pieces that belong together."""

    @property
    def is_file(self) -> bool:
        """True when the stream is a regular file: no host reads commands from there."""
        try:
            return stat.S_ISREG(os.fstat(self.stream.fileno()).st_mode)
        except (OSError, ValueError, AttributeError):
            return False

    def line(self, text: str) -> None:
        """Write text and a line end, every known secret blanked."""
        self.raw(redact(text))

    def raw(self, text: str) -> None:
        """Write text and a line end as they are: only a mask command may hold a secret.

        Raises:
            CannotHere: The stream cannot be written, e.g. because the disk is full.
        """
        with self.lock:
            if self.stream.closed:
                return
            try:
                self.stream.write(self.carried(text) + "\n")
                self.stream.flush()
            except BrokenPipeError:
                # a reader that went away (`| head`) must not stop a release half-way
                devnull = os.open(os.devnull, os.O_WRONLY)
                os.dup2(devnull, self.stream.fileno())
                os.close(devnull)
            except OSError as error:
                raise CannotHere.from_os_error(error, "writing to the log") from error

    def carried(self, text: str) -> str:
        """Return the text in signs that the stream's encoding has."""
        encoding = getattr(self.stream, "encoding", None) or "utf-8"
        try:
            text.encode(encoding)
        except UnicodeEncodeError:
            return text.translate(IN_ASCII).encode(encoding, "replace").decode(encoding)
        return text
