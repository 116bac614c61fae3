"""How a question is answered: our own packages by pip's rules, the rest by uv."""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from packaging.utils import canonicalize_name

from wheelstep.errors import (
    CannotHere,
    DefinitionUnresolvable,
    ServiceRefused,
    ServiceUnavailable,
    StepError,
)
from wheelstep.ground.process import Finished
from wheelstep.ground.public_index import credential_for, uv_index_file, uv_index_variables
from wheelstep.ground.secret import blanked, without_credentials
from wheelstep.ground.uv import (
    Solved,
    annotated_indexes,
    compile_requirements,
    solved,
    uv_error,
)
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
from wheelstep.rehearsal.rounds import Rules

__all__ = ["Asker"]

NO_WHEEL = re.compile(r"hint: Wheels are required for `([\w.-]+)`")
URL_DEPENDENCY = re.compile(
    r"Package `([\w.-]+)` was included as a URL dependency.*?Consider adding `([^`]+)`", re.DOTALL
)
FILLING = 10.0
"""Seconds after which reading in advance is given up."""
MOST_ROUNDS = 25
"""How many packages without a wheel are set aside before the rest is given up."""


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
    anew: dict[object, set[str]] = field(default_factory=dict)
    """By `Question.where`, the names of ours whose pages uv has read anew in this run."""

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
        over = overlay_of(looked, self.new, self.folder / "taken")
        given = Given(order, over, looked)
        aside = dict(question.from_source)
        rules = Rules(list(question.constraints), aside)
        doing = "resolving " + (", ".join(map(blanked, question.requirements[:3])) or "nothing")
        for _ in range(MOST_ROUNDS):
            done = self.compile(question, given, work, rules, ["--format", "pylock.toml"])
            reasons = tuple(reason(name, why) for name, why in aside.items())
            if done.code == 0:
                found = solved(done)
                names = {package.name for package in found}
                self.anew.setdefault(question.where, set()).update(names & self.private)
                resolved = self.packages(found, question, given, work, rules)
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
                if isinstance(error, ServiceUnavailable) and rules.patience:
                    rules.patience -= 1  # what was read until then is in uv's cache
                    continue
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
                error.cure = looked.cure(name) or error.cure
            absent = name in looked.missing or looked.reasons(name) == {"not-listed"}
            if absent and self.indexes.published:
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
        ours = self.indexes.guarded(self.order(question).places)
        return [
            host
            for host in question.trusted_hosts
            if host in self.indexes.public.trusted_hosts
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

    def fill(self, question: Question) -> None:
        """Let uv read pages and metadata of what is required, and of what that needs, into its
        cache; it is given up after a while, for what many require may not fit together."""
        work = Path(tempfile.mkdtemp(prefix="fill-", dir=self.folder))
        given = Given(self.order(question), None, Looked({}, (), {}, frozenset()))
        self.compile(question, given, work, Rules([], {}), [], timeout=FILLING)

    def compile(
        self,
        question: Question,
        given: Given,
        work: Path,
        rules: Rules,
        options: list[str],
        *,
        timeout: float | None = None,
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
        first = (given.over, *local) if given.over else local
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
            # once in a run is enough, and each time would cost more than all the rest
            fresh=() if offline else self.private - self.anew.get(question.where, set()),
            options=options,
            timeout=self.timeout if timeout is None else timeout,
        )

    def packages(
        self,
        packages: Iterable[Solved],
        question: Question,
        given: Given,
        work: Path,
        rules: Rules,
    ) -> tuple[Resolved, ...]:
        """Tell where each package comes from, which uv says in another format only, where there is
        more than one index; it knows from its cache then."""
        only = self.only_index(question, given)
        indexes: dict[str, str] = {}
        if only is None:
            options = ["--emit-index-annotation", "--no-annotate", "--offline"]
            again = self.compile(question, given, work, rules, options)
            # as it is: a secret may stand in an index's URL by chance, and nothing is shown here
            said = again.out.decode("utf-8", "replace") if again.code == 0 else ""
            indexes = annotated_indexes(said)
        back = {place.rstrip("/"): url for url, place in (self.indexes.instead or {}).items()}
        order = tag_order(question.python, question.platform)
        new = {wheel.sha256 for wheel in self.new}
        found: list[Resolved] = []
        for package in packages:
            file = chosen(package.files, order)
            sha256 = file.sha256 if file else None
            index = indexes.get(package.name)
            if only is not None and not package.direct:
                # of equal versions uv takes that of the files that pip takes
                taken = (package.name, package.version or "") in given.looked.origins
                index = given.over if taken or sha256 in new else only
            if index is not None and index == given.over:
                place = given.looked.origins.get((package.name, package.version or ""))
                index = (place.url or place.read) if place and sha256 not in new else None
            if index is not None:
                index = without_credentials(back.get(index.rstrip("/"), index))
            found.append(Resolved(package.name, package.version or "", sha256, index))
        return tuple(found)

    def only_index(self, question: Question, given: Given) -> str | None:
        """Return the index that all packages come from that are not ours; None where there are
        more of them, or none."""
        if question.find_links or self.indexes.local:
            return None
        places = [place.read for place in given.order.places if place.read != self.indexes.new]
        return places[0] if len(places) == 1 else None


@dataclass(frozen=True, slots=True)
class Given:
    """What uv is given beside a question."""

    order: Order
    over: str | None
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
