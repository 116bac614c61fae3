"""How a question is answered: our own packages by pip's rules, the rest by uv."""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

from packaging.utils import canonicalize_name

from wheelstep.errors import CannotHere, DefinitionUnresolvable, ServiceRefused, StepError
from wheelstep.ground.process import Finished
from wheelstep.ground.public_index import credential_for, uv_index_file, uv_index_variables
from wheelstep.ground.secret import blanked, without_credentials
from wheelstep.ground.uv import annotated_indexes, compile_requirements, solved, uv_error
from wheelstep.model import Wheel
from wheelstep.rehearsal.chosen import chosen, tag_order
from wheelstep.rehearsal.interface import Resolved
from wheelstep.rehearsal.lookup import Looked, Order, asked_of, fault_of, look, overlay_of
from wheelstep.rehearsal.needs import Need, Required, needs
from wheelstep.rehearsal.pages import Asked, Pages
from wheelstep.rehearsal.pip_rules import allowed_formats
from wheelstep.rehearsal.pip_section import marker_environment
from wheelstep.rehearsal.places import Indexes, Place
from wheelstep.rehearsal.question import Answer, Question

__all__ = ["Asker"]

NO_WHEEL = re.compile(r"hint: Wheels are required for `([\w.-]+)`")
URL_DEPENDENCY = re.compile(
    r"Package `([\w.-]+)` was included as a URL dependency.*?Consider adding `([^`]+)`", re.DOTALL
)
MOST_ROUNDS = 25
"""How many packages without a wheel are set aside before the rest is given up."""


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
    indexes: Indexes
    pages: Pages
    private: frozenset[str]
    """The normalised names of all packages that are ours: their pages are read anew."""
    new: Sequence[Wheel]
    """The wheels of this release."""
    wheels: Mapping[str, Wheel]
    """Those of them that lie here, by file name."""
    graph: Mapping[str, Required]
    """What they require, by name."""
    known: frozenset[tuple[str, str]]
    """(file, SHA-256) of every wheel that is ours."""
    stands_alone: Callable[[str], bool]
    announce: Callable[[Mapping[str, Sequence[str]]], None]
    """Is told which of our names are asked of which index, before they are."""
    timeout: float | None

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

    # -- what the indexes have

    def order(self, question: Question) -> Order:
        """Return where a question's pip looks, and by which rules."""
        places = self.indexes.places(
            question.index_urls,
            question.find_links,
            question.credentials,
            connected=question.connected,
        )
        return Order(
            tuple(places),
            question.python,
            question.platform,
            question.options,
            dict(question.hashes),
            question.connected,
        )

    def needs(self, question: Question, more: Iterable[str] = ()) -> dict[str, Need]:
        """Return our own packages that a question reaches; `more` are further ones."""
        pair = ("no-binary", "only-binary")
        aside = {
            name
            for name, _ in question.from_source
            # of an index all the same
            if not allowed_formats(question.options, name, pair=pair)[0]
        }
        found = needs(
            [*question.requirements, *sorted(more)],
            question.constraints,
            self.graph,
            self.private,
            marker_environment(question.python, question.platform),
        )
        return {name: need for name, need in found.items() if name not in aside}

    def asked(
        self, question: Question, order: Order, needed: Mapping[str, Need]
    ) -> list[tuple[Place, Asked]]:
        """Return the pages that a question wants."""
        return asked_of(order, needed, min(question.names, default="wheelstep-probe"))

    def read_first(self, questions: Iterable[Question], pool: Executor) -> None:
        """Read what all questions want, each page once, in parallel."""
        asked = [
            pair
            for question in questions
            for pair in self.asked(question, self.order(question), self.needs(question))
        ]
        self.tell(asked)
        self.pages.read_all([one for _, one in asked], pool)

    def tell(self, asked: Iterable[tuple[Place, Asked]]) -> None:
        """Say which of our names are going to be asked of whom."""
        names: dict[str, list[str]] = {}
        for place, one in asked:
            remote = not place.links and one.url.startswith("http")
            if remote and one.name in self.private and self.pages.new([one]):
                of_place = names.setdefault(place.shown if place.url else one.url, [])
                of_place += [] if one.name in of_place else [one.name]
        if names:
            self.announce(names)

    # -- an answer

    def answer(self, question: Question, *, resolve: bool = True) -> Answer:
        """Resolve; never raises what a user can mend, but answers with it.

        Args:
            question: What is asked.
            resolve: False: only look what pip could take from a public index.
        """
        try:
            return self.answered(question, resolve=resolve)
        except OSError as error:
            return Answer(error=CannotHere.from_os_error(error, "resolving a definition"))
        except StepError as error:
            return Answer(error=error)

    def answered(self, question: Question, *, resolve: bool) -> Answer:
        """Do it: again with more names, where uv comes across further ones of ours."""
        order = self.order(question)
        told = Answer(
            sources=frozenset(place.source for place in order.places if place.credential),
            matched=question.connected
            and bool(self.indexes.connections)
            and any(place.url in question.index_urls and place.remote for place in order.places),
        )
        unread = tuple(self.indexes.unread(place) for place in order.places if place.read is None)
        public = any(place.kind == "public" and place.read for place in order.places)
        work = Path(tempfile.mkdtemp(prefix="question-", dir=self.folder))
        more: set[str] = set()
        while True:
            needed = self.needs(question, more)
            asked = self.asked(question, order, needed)
            self.tell(asked)
            error, reasons = fault_of(order, asked, self.pages, self.indexes)
            if error is not None or reasons:
                return replace(told, unproven=reasons, error=error)
            order = replace(order, built=resolve)
            looked = look(order, needed, self.pages, self.new, self.known, self.stands_alone)
            names = tuple(name for name, need in needed.items() if public and not need.by_url)
            told = replace(told, confused=looked.confused, looked=names)
            if not resolve:
                return told
            answer = self.resolve(question, order, work / f"round-{len(more)}", looked)
            found = {each.name for each in answer.resolved} & self.private
            if not found - set(needed):
                break
            more |= found
        if unread and isinstance(answer.error, DefinitionUnresolvable):
            answer = replace(answer, error=None)
        refused, differing = looked.differs(answer.resolved, question.names)
        error = answer.error or refused
        reasons = (*answer.unproven, *unread, *looked.doubts(answer.resolved), *differing)
        return replace(told, resolved=answer.resolved, unproven=reasons, error=error)

    def resolve(self, question: Question, order: Order, work: Path, looked: Looked) -> Answer:
        """Resolve, and again without what would have to be built, until uv knows an end."""
        work.mkdir()
        over = overlay_of(looked, self.new, work / "index")
        given = Given(order, over, looked)
        aside = dict(question.from_source)
        rules = Rules(list(question.constraints), aside)
        doing = "resolving " + (", ".join(map(blanked, question.requirements[:3])) or "nothing")
        for _ in range(MOST_ROUNDS):
            done = self.compile(question, given, work, rules, ["--format", "pylock.toml"])
            reasons = tuple(reason(name, why) for name, why in aside.items())
            if done.code == 0:
                resolved = self.packages(done, question, given, work, rules)
                return Answer(resolved, reasons)
            said = " ".join(done.error.decode("utf-8", "replace").split())
            missing = {canonicalize_name(name) for name in NO_WHEEL.findall(said)} - set(aside)
            by_url = URL_DEPENDENCY.search(said)
            if missing:
                aside |= dict.fromkeys(missing, "no wheel of it fits, only its source")
            elif by_url and rules.open(name := canonicalize_name(by_url[1])):
                served = self.indexes.may_serve(by_url[2].partition(" @ ")[2].strip())
                rules.take_url(name, by_url[2], self.wheels if served else {})
            else:
                error = uv_error(done, doing, hide=self.hidden(over))
                if isinstance(error, ServiceRefused) and not self.ours(said, question):
                    why = f"a file of it cannot be read with what is known here: {error.message}"
                    return Answer(unproven=(*reasons, why))
                return Answer(unproven=reasons, error=self.explained(error, looked))
        return Answer(unproven=("too many packages have no wheel to look further.",))

    def explained(self, error: StepError, looked: Looked) -> StepError:
        """Add why pip takes no file of those of our packages that a failure speaks of."""
        if not isinstance(error, DefinitionUnresolvable):
            return error
        for name in looked.choices:
            if (why := looked.why_not(name)) and name in spelled(error.message):
                error.message = f"{error.message} {why}"
            if name in looked.missing and self.indexes.published:
                error.cure = f"Name the index {self.indexes.published[0]} in the definition."
        return error

    def ours(self, said: str, question: Question) -> bool:
        """Tell whether the URLs that uv speaks of are ones we have a credential for."""
        urls = re.findall(r"https?://[^\s`'\"()<>]+", said)
        readers = (
            self.indexes.reader(url, question.credentials, connected=question.connected)
            for url in urls
        )
        return any(credential for credential, _, _ in readers)

    def unverified(self, question: Question) -> list[str]:
        """Return the hosts whose certificate is not looked at, as the definition has it; but for
        those that are sent a credential of the settings: a definition may not give that away."""
        known = self.indexes
        ours = {urlsplit(credential.url).hostname for credential in known.credentials}
        ours |= {urlsplit(one.target).hostname for one in known.connections if one.secret}
        return [
            host
            for host in question.trusted_hosts
            if host in known.public.trusted_hosts
            or re.sub(r":\d+$", "", host).strip("[]").lower() not in ours
        ]

    def hidden(self, over: str) -> dict[str, str]:
        """Return the temporary places that no reader can use, and what they stand for."""
        return {
            over: "the files that pip takes",
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
        given: Given,
        work: Path,
        rules: Rules,
        options: list[str],
    ) -> Finished:
        """Call uv once."""
        local = self.indexes.local
        places = [
            place
            for place in given.order.places
            if not place.links and place.read and place.read not in {*local, self.indexes.new}
        ]
        urls = [place.read if place.url else None for place in places]
        readers = [
            replace(place.credential, url=place.read)
            for place in places
            if place.read and place.credential
        ]
        readers += self.indexes.public.credentials
        first = (given.over, *local)
        variables = uv_index_variables(urls, question.find_links, readers, first=first)
        environment = bare(self.environment, keep_default=None in urls)
        hosts_read = {urlsplit(one.url).netloc for one in readers}
        if any(
            url and urlsplit(url).netloc in hosts_read and not credential_for(url, readers)
            for url in urls
        ):
            file = work / "uv.toml"
            file.write_text(uv_index_file(variables), encoding="utf-8")
            for name in ("UV_NO_CONFIG", "UV_INDEX", "UV_DEFAULT_INDEX"):
                environment.pop(name, None)
                variables.pop(name, None)
            variables["UV_CONFIG_FILE"] = str(file)
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
            environment=environment | variables,
            folder=work,
            constraints=rules.constraints,
            # a requirement that no Python meets takes the place of all others: uv leaves it out
            overrides=[
                *(f'{name} ; python_version < "0"' for name in gone),
                *(f"{name} @ {url}" for name, url in rules.replaced.items()),
            ],
            fresh=() if offline else self.private,
            options=options,
            timeout=self.timeout,
        )

    def packages(
        self,
        done: Finished,
        question: Question,
        given: Given,
        work: Path,
        rules: Rules,
    ) -> tuple[Resolved, ...]:
        """Read the resolution; uv says in another format only where a package comes from, which it
        then knows from its cache."""
        options = ["--emit-index-annotation", "--no-annotate", "--offline"]
        again = self.compile(question, given, work, rules, options)
        indexes = annotated_indexes(again.text) if again.code == 0 else {}
        back = {place.rstrip("/"): url for url, place in (self.indexes.instead or {}).items()}
        order = tag_order(question.python, question.platform)
        new = {wheel.sha256 for wheel in self.new}
        found: list[Resolved] = []
        for package in solved(done):
            file = chosen(package.files, order)
            sha256 = file.sha256 if file else None
            index = indexes.get(package.name)
            if index == given.over:
                place = given.looked.origins.get((package.name, package.version or ""))
                index = (place.url or place.read) if place and sha256 not in new else None
            if index is not None:
                index = without_credentials(back.get(index.rstrip("/"), index))
            found.append(Resolved(package.name, package.version or "", sha256, index))
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Given:
    """What uv is given beside a question."""

    order: Order
    over: str
    """The index of the files that pip takes."""
    looked: Looked


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


def spelled(text: str) -> str:
    """Return prose with every spelling of a name as PEP 503 normalises it."""
    return re.sub(r"(?<=\w)[-_.]+(?=\w)", "-", text).lower()


def reason(name: str, why: str) -> str:
    """Return why a package keeps a definition from being proved."""
    label = name.strip("<>")
    return f"{label} is not looked into: {why}, and nothing is built here."
