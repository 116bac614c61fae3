"""A definition's text, its lines, and what may not be in it."""

from __future__ import annotations

import io
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import accumulate
from typing import Final

from wheelstep.errors import DefinitionUnresolvable, Refused

__all__ = ["Source", "decode", "leave_out", "refuse_secrets", "without_secrets"]

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_LFS_POINTER: Final = b"version https://git-lfs.github.com/spec/"
"""How the file begins that git keeps in the place of one in LFS (git-lfs, docs/spec.md)."""
_UTF_16: Final = (b"\xff\xfe", b"\xfe\xff")
_LINE_END: Final = re.compile(r"\r\n|\r|\n")

_PLACEHOLDER: Final = r"(?:\$\{[A-Za-z0-9_]+\})*"
# what is before it is looked at afterwards: a scheme would be sought from each letter of a long run
_USER_INFO: Final = re.compile(r"://(?P<user>[^\s/?#'\"<>]*)@", re.ASCII)
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*\Z", re.ASCII)
_LONGEST_SCHEME: Final = 40
# no token is as short as this: a name, when the password beside it is a variable
_USER_NAME: Final = r"[A-Za-z0-9._-]{1,24}"
_HARMLESS_USER: Final = re.compile(
    rf"(?:git|{_PLACEHOLDER})(?::{_PLACEHOLDER})?|{_USER_NAME}:\$\{{[A-Za-z0-9_]+\}}"
)
_SSH_USER: Final = re.compile(rf"[A-Za-z0-9._-]+|{_PLACEHOLDER}")
# a shared access signature of Azure Storage: whoever has the URL reads the container
_SIGNATURE: Final = re.compile(r"https?://[^\s'\"<>]*[?&]sig=(?!\$\{)[^&\s'\"#]", re.IGNORECASE)
# a token in the path, as conda channels of Anaconda have it
_PATH_TOKEN: Final = re.compile(r"https?://[^\s/'\"]+/t/(?!\$\{)[A-Za-z0-9-]{8,}/", re.IGNORECASE)


@dataclass(frozen=True)
class Source:
    """A definition, decoded."""

    path: str
    text: str
    """Without the byte order mark; line ends as they are in the file."""
    mark: bytes = b""
    """The byte order mark, if the file has one."""
    stands_on: int | None = None
    """The line that all of the text counts for: that of the quoted text in a file that it is."""

    def line(self, index: int) -> int:
        """Return the line of a character, counted from 1, as editors count."""
        if self.stands_on is not None:
            return self.stands_on
        return bisect_right(self._starts, index) + 1

    @cached_property
    def _starts(self) -> list[int]:
        # kept here: looked up by its text, a text of a megabyte would be compared each time
        # its lines end as those of a file that is read without translation: \r\n, \r or \n
        ends = [*accumulate(map(len, io.StringIO(self.text, newline="")))]
        return ends if self.text.endswith(("\r", "\n")) else ends[:-1]

    @property
    def line_end(self) -> str:
        """The line end that the file uses first; a line feed where it has none."""
        found = _LINE_END.search(self.text)
        return found[0] if found else "\n"

    def line_end_at(self, index: int) -> str:
        """Return the end of the line that a character stands in; the file's first at its last."""
        found = _LINE_END.search(self.text, index)
        return found[0] if found else self.line_end

    def encode(self, text: str) -> bytes:
        """Return a new text as bytes, with the byte order mark the file had."""
        return self.mark + text.encode()


@lru_cache(maxsize=16)
def decode(path: str, data: bytes) -> Source:
    """Decode a definition; the same one again gives the same object, whose comparison is free.

    Raises:
        DefinitionUnresolvable: It is in Git LFS; or not UTF-8, with the line and the offset of the
            first wrong byte.
    """
    mark = _BYTE_ORDER_MARK if data.startswith(_BYTE_ORDER_MARK) else b""
    if data.startswith(_LFS_POINTER):
        raise DefinitionUnresolvable(
            "Git LFS keeps this file: the repository has a pointer to it alone, which cannot be "
            "edited in its place.",
            code="definition-in-lfs",
            cure="Take it out of LFS: in .gitattributes a line for its path with `-filter`, then "
            "`git add --renormalize` with that path.",
            file=path,
            line=1,
        )
    try:
        return Source(path, data[len(mark) :].decode(), mark)
    except UnicodeDecodeError as error:
        if data.startswith(_UTF_16):
            raise DefinitionUnresolvable(
                "The file is UTF-16, as PowerShell's `>` writes it; definitions are UTF-8.",
                code="definition-not-utf8",
                cure="Save it as UTF-8, e.g. with `| Out-File -Encoding utf8`.",
                file=path,
                line=1,
            ) from None
        offset = error.start + len(mark)
        line = data[:offset].count(b"\n") + 1
        raise DefinitionUnresolvable(
            f"The file is not UTF-8: byte 0x{data[offset]:02x} at offset {offset} cannot be read.",
            code="definition-not-utf8",
            cure="Save the file as UTF-8; it may be in an older encoding such as Latin-1.",
            file=path,
            line=line,
        ) from None


def leave_out(path: str) -> str:
    """Return, as part of a cure's sentence, how a file is kept out of discovery."""
    return f'leave the file out with `definitions: ["!{path}"]`'


def refuse_secrets(source: Source) -> None:
    """Refuse a definition that holds a credential, in a comment too; it is never printed.

    `${VARIABLE}` placeholders are no secret, nor is the short name of a user before one, the user
    of an SSH URL, or the user "git".

    Raises:
        Refused: A user name or password, a shared access signature, or a channel token in a URL.
    """
    for start, end in _lines_with_urls(source.text):
        for found in _USER_INFO.finditer(source.text, start, end):
            before = source.text[max(0, found.start() - _LONGEST_SCHEME) : found.start()]
            scheme = _SCHEME.search(before)
            if scheme is None:
                continue
            harmless = _SSH_USER if scheme[0].lower().endswith("ssh") else _HARMLESS_USER
            if not harmless.fullmatch(found["user"]):
                what = "a user name, password or token before the host"
                raise _secret(source, found.start(), what)
    for start, end in _lines_with_urls(source.text):
        if signature := _SIGNATURE.search(source.text, start, end):
            raise _secret(source, signature.start(), "a shared access signature (`sig=`)")
        if token := _PATH_TOKEN.search(source.text, start, end):
            raise _secret(source, token.start(), "an access token in its path (`/t/...`)")


def without_secrets(data: bytes) -> bytes:
    """Return a file without what `refuse_secrets` refuses, line for line: whoever looks for other
    faults reads on."""
    text = data.decode("utf-8", "surrogateescape")
    text = _USER_INFO.sub(
        lambda found: found[0] if _HARMLESS_USER.fullmatch(found["user"]) else "://", text
    )
    text = _SIGNATURE.sub(lambda found: f"{found[0][:-1]}${{SIGNATURE}}", text)
    text = _PATH_TOKEN.sub(lambda found: f"{found[0].rpartition('/t/')[0]}/t/${{TOKEN}}/", text)
    return text.encode("utf-8", "surrogateescape")


def _lines_with_urls(text: str) -> Iterator[tuple[int, int]]:
    """Yield where lines with a URL begin and end: in a large definition few lines have one."""
    place = text.find("://")
    while place >= 0:
        end = text.find("\n", place)
        end = len(text) if end < 0 else end
        yield text.rfind("\n", 0, place) + 1, end
        place = text.find("://", end)


def _secret(source: Source, index: int, what: str) -> Refused:
    return Refused(
        f"A URL in this definition holds {what}. Whoever reads the repository can use it, and "
        "Azure Machine Learning keeps it in the environment.",
        code="secret-in-definition",
        cure="Revoke it, write the URL without it, and let a workspace connection (or a variable "
        "such as ${FEED_TOKEN}) supply the credential.",
        file=source.path,
        line=source.line(index),
    )
