"""Where pip looks, given the lines of a pip section: pip's rules, pure.

Source: pip's reference, "Requirements File Format" (global options), and what pip 21.3, 24.0 and
26.3 were seen to do.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass

from wheelstep.ground.public_index import PipIndexes

__all__ = ["IndexOrder", "index_order", "options_of"]

WITH_VALUE = {
    "-i": "index-url",
    "--index-url": "index-url",
    "--pypi-url": "index-url",
    "--extra-index-url": "extra-index-url",
    "-f": "find-links",
    "--find-links": "find-links",
    "-r": "requirement",
    "--requirement": "requirement",
    "-c": "constraint",
    "--constraint": "constraint",
    "-e": "editable",
    "--editable": "editable",
    "--no-binary": "no-binary",
    "--only-binary": "only-binary",
    "--trusted-host": "trusted-host",
    "--use-feature": "use-feature",
    "--all-releases": "all-releases",
    "--only-final": "only-final",
    "--hash": "hash",
    "--config-settings": "config-settings",
    "--config-setting": "config-settings",
    "-C": "config-settings",
    "--global-option": "config-settings",
    "--install-option": "config-settings",
}
FLAGS = ("no-index", "pre", "prefer-binary", "require-hashes")


@dataclass(frozen=True, slots=True)
class IndexOrder:
    """Where pip looks in the end."""

    index_urls: tuple[str | None, ...]
    """In pip's order: all are searched, the best version wins, and of equal files that of the
    index named last. None is pip's default index. As written, credentials included."""
    find_links: tuple[str, ...]
    trusted_hosts: tuple[str, ...] = ()


def options_of(line: str) -> list[tuple[str, str]]:
    """Return the options of a line as (long name without dashes, value).

    An option that pip is not known to have comes back with the name "".

    Raises:
        ValueError: A quotation mark or a value is missing.
    """
    found: list[tuple[str, str]] = []
    words = iter(shlex.split(line))
    for word in words:
        name, equals, value = word.partition("=")
        if not word.startswith("--") and word[:2] in WITH_VALUE and len(word) > 2:  # noqa: PLR2004 - "-rFILE"
            found.append((WITH_VALUE[word[:2]], word[2:]))
        elif name in WITH_VALUE and (equals or (value := next(words, ""))):
            found.append((WITH_VALUE[name], value))
        elif name in WITH_VALUE:
            raise ValueError(f"{name} has no value")
        else:
            known = word.removeprefix("--") in FLAGS and word.startswith("--")
            found.append((word.removeprefix("--"), "") if known else ("", word))
    return found


def index_order(lines: Iterable[str], public: PipIndexes | None = None) -> IndexOrder:
    """Return where pip looks after it has read these lines.

    An index that stands alone (`--index-url`) discards all that were named before it, extra ones
    included; find-links stay.

    Args:
        lines: All lines in the order in which pip reads them, `-r` and `-c` files in their place.
        public: What pip is configured with outside of the lines; nothing when None.

    Raises:
        ValueError: As `options_of`.
    """
    public = public or PipIndexes()
    urls: list[str | None] = list(public.index_urls)
    links = list(public.find_links)
    hosts = list(public.trusted_hosts)
    without = public.no_index
    for line in lines:
        if not line.lstrip().startswith("-"):
            continue
        # within one line pip heeds the kind of an option, not its place
        options = options_of(line)
        named = [value for name, value in options if name == "index-url"]
        if any(name == "no-index" for name, _ in options):
            without, urls = True, []
        if named and not without:
            # what stands in for the public index goes with it
            urls, links = [named[-1]], [link for link in links if link not in public.find_links]
        if not without:
            urls += [value for name, value in options if name == "extra-index-url"]
        # pip takes the first of several in one line
        links += [value for name, value in options if name == "find-links"][:1]
        hosts += [value for name, value in options if name == "trusted-host"]
    return IndexOrder(tuple(urls), tuple(links), tuple(dict.fromkeys(hosts)))
