"""What is asked about a definition, and what came of it: the same for all that ask the same."""

from __future__ import annotations

from dataclasses import dataclass

from wheelstep.errors import StepError
from wheelstep.ground.public_index import IndexCredential
from wheelstep.rehearsal.confusion import Confusion
from wheelstep.rehearsal.interface import Resolved
from wheelstep.rehearsal.places import Source

__all__ = ["Answer", "Question"]


@dataclass(frozen=True, slots=True)
class Question:
    """All that a resolution depends on."""

    requirements: tuple[str, ...]
    constraints: tuple[str, ...]
    from_source: tuple[tuple[str, str], ...]
    hashes: tuple[tuple[str, frozenset[str]], ...]
    names: frozenset[str]
    index_urls: tuple[str | None, ...]
    find_links: tuple[str, ...]
    trusted_hosts: tuple[str, ...]
    credentials: tuple[IndexCredential, ...]
    prerelease: bool
    require_hashes: bool
    python: str
    platform: str
    options: tuple[tuple[str, str], ...] = ()
    """Those that say which files are taken (`candidates.options_of`)."""
    connected: bool = True
    """Whether workspace connections reach this build."""

    @property
    def where(self) -> object:
        """Where it looks, and as whom: equal for all that read the same."""
        return (
            self.index_urls,
            self.find_links,
            self.trusted_hosts,
            self.credentials,
            self.connected,
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of it."""

    resolved: tuple[Resolved, ...] = ()
    unproven: tuple[str, ...] = ()
    """Reasons why it is no proof, each a sentence."""
    error: StepError | None = None
    confused: tuple[Confusion, ...] = ()
    looked: tuple[str, ...] = ()
    """The private names that were looked for in a public index."""
    sources: frozenset[Source] = frozenset()
    """Where the credentials come from that its indexes were read with."""
    matched: bool = False
    """It was assumed which of the workspace's connections matches an index."""
