"""What one answer of uv teaches the next question: packages set aside, URLs that are heeded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from wheelstep.model import Wheel

__all__ = ["Rules"]


@dataclass(slots=True)
class Rules:
    """What is added to a question's requirements from round to round."""

    constraints: list[str]
    aside: dict[str, str]
    """Names that are left out, with the reason."""
    replaced: dict[str, str] = field(default_factory=dict)
    """Names that mean a file of this release, whatever URL another package gives for them."""
    urls: set[str] = field(default_factory=set)
    """Names whose URL, which another package gives, is taken as it is."""

    patience: int = 2
    """How many more times an index is asked that did not answer, after uv's own attempts."""

    def open(self, name: str) -> bool:
        """False when nothing more can be done about a name."""
        return name not in self.aside

    def take_url(self, name: str, text: str, wheels: Mapping[str, Wheel]) -> None:
        """Heed a URL that a package gives for one it needs: pip does, uv wants it said.

        Args:
            name: Normalised.
            text: `name @ url`, maybe with a marker.
            wheels: The new ones by file name: they are not at their URL yet.
        """
        url = text.partition(" @ ")[2]
        file = unquote(urlsplit(url.partition(" ;")[0].strip()).path).rpartition("/")[2]
        wheel = wheels.get(file)
        if wheel and wheel.path and name not in self.replaced:
            self.replaced[name] = wheel.path.absolute().as_uri()
        elif file.endswith(".whl") and "git+" not in url and name not in self.urls:
            self.urls.add(name)
            self.constraints.append(text)
        else:
            self.aside[name] = "another package names its source by URL"
