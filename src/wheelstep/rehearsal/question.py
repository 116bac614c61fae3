"""What is asked of uv, once for all definitions that ask the same, and how its answer is got."""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

from packaging.utils import canonicalize_name

from wheelstep.errors import CannotHere, ServiceRefused, StepError
from wheelstep.ground.process import Finished
from wheelstep.ground.public_index import (
    IndexCredential,
    PipIndexes,
    credential_for,
    uv_index_variables,
)
from wheelstep.ground.secret import without_credentials
from wheelstep.ground.uv import (
    annotated_indexes,
    compile_requirements,
    index_refusal,
    solved,
    uv_error,
)
from wheelstep.model import Wheel
from wheelstep.rehearsal.chosen import chosen, tag_order
from wheelstep.rehearsal.interface import Resolved

__all__ = ["Answer", "Asker", "Question"]

NO_WHEEL = re.compile(r"hint: Wheels are required for `([\w.-]+)`")
URL_DEPENDENCY = re.compile(
    r"Package `([\w.-]+)` was included as a URL dependency.*?Consider adding `([^`]+)`", re.DOTALL
)
MOST_ROUNDS = 25
"""How many packages without a wheel are set aside before the rest is given up."""


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


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of it."""

    resolved: tuple[Resolved, ...] = ()
    unproven: tuple[str, ...] = ()
    """Reasons why it is no proof, each a sentence."""
    error: StepError | None = None


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


@dataclass(slots=True)
class Asker:
    """What all questions share."""

    environment: Mapping[str, str]
    folder: Path
    """Temporary; every question works in a folder of its own below it."""
    first: tuple[str, ...]
    """Indexes that win: the new wheels', then those of this machine."""
    fresh: frozenset[str]
    credentials: tuple[IndexCredential, ...]
    instead: Mapping[str, str]
    wheels: Mapping[str, Wheel]
    public: PipIndexes
    timeout: float | None
    refusals: dict[tuple[str, IndexCredential | None], StepError] = field(default_factory=dict)

    def lay_down(self, path: str, data: bytes | None) -> Path | None:
        """Write a wheel of the repository where uv can read it."""
        if data is None:
            return None
        place = self.folder / "repository" / hashlib.sha256(data).hexdigest() / Path(path).name
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
        except OSError as error:
            raise CannotHere.from_os_error(error, f"laying out {path}", file=path) from error
        return place

    def remote(self, question: Question) -> dict[str, IndexCredential | None]:
        """Return the indexes over the network that the definition itself names, with who reads
        them."""
        public = {url.rstrip("/") for url in self.public.index_urls if url}
        return {
            url: self.reader(url, question)
            for url in question.index_urls
            if url
            and url.startswith("http")
            and url.rstrip("/") not in public
            and url.rstrip("/") not in self.instead
        }

    def reader(self, url: str, question: Question) -> IndexCredential | None:
        """Return who reads an index: as the settings have it, else as the definition has it."""
        return credential_for(url, self.credentials) or credential_for(url, question.credentials)

    def check_indexes(self, questions: Iterable[Question], pool: Executor) -> None:
        """Ask each index once whether it lets us read: uv passes over one that does not."""
        wanted = {pair for question in questions for pair in self.remote(question).items()}
        probes = {pair: pool.submit(self.refusal, *pair) for pair in wanted}
        for pair, probe in probes.items():
            if error := probe.result():
                self.refusals[pair] = error

    def refusal(self, url: str, credential: IndexCredential | None) -> StepError | None:
        """Return what keeps us from reading an index."""
        variables = uv_index_variables([url], (), [credential] if credential else ())
        try:
            return index_refusal(
                without_credentials(url),
                probe=min(self.fresh, default="wheelstep-probe"),
                environment=bare(self.environment) | variables,
                folder=self.folder,
                timeout=self.timeout,
            )
        except StepError as error:
            return error

    def answer(self, question: Question) -> Answer:
        """Resolve; never raises what a user can mend, but answers with it."""
        unreadable: list[str] = []
        for url, credential in self.remote(question).items():
            error = self.refusals.get((url, credential))
            if isinstance(error, ServiceRefused) and not (credential and credential.password):
                unreadable.append(
                    f"{without_credentials(url)} asks for credentials, and none were given for it."
                )
            elif error is not None:
                return Answer(error=error)
        if unreadable:
            return Answer(unproven=tuple(unreadable))
        try:
            work = Path(tempfile.mkdtemp(prefix="question-", dir=self.folder))
            return self.resolve(question, work)
        except OSError as error:
            return Answer(error=CannotHere.from_os_error(error, "resolving a definition"))
        except StepError as error:
            return Answer(error=error)

    def resolve(self, question: Question, work: Path) -> Answer:
        """Resolve, and again without what would have to be built, until uv knows an end."""
        aside = dict(question.from_source)
        rules = Rules(list(question.constraints), aside)
        doing = "resolving " + (", ".join(question.requirements[:3]) or "nothing")
        for _ in range(MOST_ROUNDS):
            done = self.compile(question, work, rules, ["--format", "pylock.toml"])
            reasons = tuple(reason(name, why) for name, why in aside.items())
            if done.code == 0:
                resolved = self.packages(done, question, work, rules)
                return Answer(resolved, reasons)
            said = " ".join(done.error.decode("utf-8", "replace").split())
            missing = {canonicalize_name(name) for name in NO_WHEEL.findall(said)} - set(aside)
            by_url = URL_DEPENDENCY.search(said)
            if missing:
                aside |= dict.fromkeys(missing, "no wheel of it fits, only its source")
            elif by_url and rules.open(name := canonicalize_name(by_url[1])):
                rules.take_url(name, by_url[2], self.wheels)
            else:
                error = uv_error(done, doing, hide=self.hidden())
                if isinstance(error, ServiceRefused) and not self.ours(said, question):
                    why = f"a file of it cannot be read with what is known here: {error.message}"
                    return Answer(unproven=(*reasons, why))
                return Answer(unproven=reasons, error=error)
        return Answer(unproven=("too many packages have no wheel to look further.",))

    def ours(self, said: str, question: Question) -> bool:
        """Tell whether the URLs that uv speaks of are ones we have a credential for."""
        urls = re.findall(r"https?://[^\s`'\"()<>]+", said)
        return any(self.reader(url, question) for url in urls)

    def unverified(self, question: Question) -> list[str]:
        """Return the hosts whose certificate is not looked at, as the definition has it; but for
        those that are sent a credential of the settings: a definition may not give that away."""
        ours = {urlsplit(credential.url).hostname for credential in self.credentials}
        return [
            host
            for host in question.trusted_hosts
            if host in self.public.trusted_hosts
            or re.sub(r":\d+$", "", host).strip("[]").lower() not in ours
        ]

    def hidden(self) -> dict[str, str]:
        """Return the temporary places that no reader can use, and what they stand for."""
        return {
            self.first[0]: "the new wheels",
            f"{self.folder.as_uri()}/": "",
            f"{self.folder}/": "",
            "building from source is disabled": "nothing is built here",
            " in the package registry": " in any index",
            "you require": "the definition requires",
            "your requirements are": "its requirements are",
        }

    def compile(
        self,
        question: Question,
        work: Path,
        rules: Rules,
        options: list[str],
    ) -> Finished:
        """Call uv once."""
        urls = [
            self.instead.get(url.rstrip("/"), url) if url else None for url in question.index_urls
        ]
        readers = [
            replace(credential, url=url)
            for url in urls
            if url and (credential := self.reader(url, question))
        ]
        variables = uv_index_variables(urls, question.find_links, readers, first=self.first)
        if hosts := self.unverified(question):
            variables["UV_INSECURE_HOST"] = " ".join(hosts)
        gone = [name for name in rules.aside if not name.startswith("<")]
        if question.prerelease:
            options = [*options, "--prerelease", "allow"]
        offline = "--offline" in options
        return compile_requirements(
            [text for text in question.requirements if canonical(text) not in gone],
            python_version=question.python,
            platform=question.platform,
            environment=bare(self.environment, keep_default=None in question.index_urls)
            | variables,
            folder=work,
            constraints=rules.constraints,
            # a requirement that no Python meets takes the place of all others: uv leaves it out
            overrides=[
                *(f'{name} ; python_version < "0"' for name in gone),
                *(f"{name} @ {url}" for name, url in rules.replaced.items()),
            ],
            fresh=() if offline else self.fresh,
            options=options,
            timeout=self.timeout,
        )

    def from_the_only_index(self, done: Finished, question: Question) -> dict[str, str] | None:
        """Return where packages come from, when there is one index beside the new wheels; None
        where there are more."""
        match question.index_urls, question.find_links, self.first:
            case (str(only),), (), (new,):
                mine = {
                    wheel.path.absolute().as_uri() for wheel in self.wheels.values() if wheel.path
                }
            case _:
                return None
        return {
            package.name: new if {file.place for file in package.files} & mine else only
            for package in solved(done)
            if not package.direct
        }

    def packages(
        self,
        done: Finished,
        question: Question,
        work: Path,
        rules: Rules,
    ) -> tuple[Resolved, ...]:
        """Read the resolution; uv says in another format only where a package comes from, which it
        then knows from its cache. It is not asked where there is only one index to come from."""
        indexes = self.from_the_only_index(done, question)
        if indexes is None:
            options = ["--emit-index-annotation", "--no-annotate", "--offline"]
            again = self.compile(question, work, rules, options)
            indexes = annotated_indexes(again.text) if again.code == 0 else {}
        back = {place.rstrip("/"): url for url, place in self.instead.items()}
        order = tag_order(question.python, question.platform)
        found: list[Resolved] = []
        for package in solved(done):
            file = chosen(package.files, order)
            index = indexes.get(package.name)
            if index == self.first[0]:
                index = None
            elif index is not None:
                index = without_credentials(back.get(index.rstrip("/"), index))
            found.append(
                Resolved(package.name, package.version or "", file.sha256 if file else None, index)
            )
        return tuple(found)


def bare(environment: Mapping[str, str], *, keep_default: bool = False) -> dict[str, str]:
    """Return uv's environment without the indexes of the public, to be named anew."""
    return {
        name: value
        for name, value in environment.items()
        if not name.startswith(("UV_INDEX", "UV_FIND_LINKS", "UV_DEFAULT_INDEX"))
    } | ({} if keep_default else {"UV_NO_CONFIG": "1"})


def canonical(requirement: str) -> str:
    """Return the normalised name that a requirement starts with."""
    return canonicalize_name(re.split(r"[^\w.-]", requirement, maxsplit=1)[0])


def reason(name: str, why: str) -> str:
    """Return why a package keeps a definition from being proved."""
    label = name.strip("<>")
    return f"{label} is not looked into: {why}, and nothing is built here."
