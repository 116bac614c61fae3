"""Cases for pip and for us, made at random from a fixed seed: indexes with files, and a definition
that asks for some of them."""

from __future__ import annotations

import gzip
import hashlib
import io
import random
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from packaging.markers import default_environment
from packaging.tags import sys_tags

from tests.rehearsal.made import make_wheel
from tests.rehearsal.pips import Asked
from wheelstep.ground.public_index import PipIndexes
from wheelstep.ground.simple_index import parse, project_html
from wheelstep.model import Listed
from wheelstep.rehearsal.candidates import index_order
from wheelstep.rehearsal.chosen import platform_tags, tag_order
from wheelstep.rehearsal.pip_choice import Choice
from wheelstep.rehearsal.pip_section import Image, decide
from wheelstep.rehearsal.section import take_apart
from wheelstep.rehearsal.section_lines import Fault, flatten

NAME = "acme-core"
VERSIONS = (
    *("1.0", "1.0", "1.0", "1.1", "1.1", "1.10", "2.0", "2.0", "1.0.0", "1.0.post1"),
    *("2.0rc1", "2.1.dev3", "1.0+local.1", "1.1+acme", "1!0.5", "1.0a2"),
)
TAGS = (
    *("py3-none-any",) * 9,
    *("py2.py3-none-any", "1-py3-none-any", "10b-py3-none-any", "2-py3-none-any"),
    *("cp310-cp310-manylinux_2_17_x86_64", "cp310-cp310-manylinux_2_28_x86_64"),
    *("cp38-cp38-manylinux2014_x86_64", "cp37-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64"),
    *("cp311-cp311-win_amd64", "cp312-cp312-win_amd64", "py3-none-win_amd64", "cp27-none-any"),
)
PYTHONS = (None, None, None, None, ">=3.8", ">=3.11", "<3.10", ">=3.6.*", "!=3.9.*,>=3.7", "~=3.8")
RANGES = (
    *("", "", "==1.0", "==1.0", "==1.1", "==2.0", "===1.0", "==1.0+local.1", "==2.0rc1"),
    *(">=1.0", ">=1.1,<2", "<2", "<=1.0", ">1.0", "<1.10", "~=1.0", "==1.*", "!=2.0"),
    *(">=2.0rc1", "<2.0rc1", ">2.0rc1", ">=1!0", "==1.0.post1", ">=2", "==9.9", "<1.0"),
)
IMAGES = (
    ("3.10.4", "x86_64-manylinux_2_28"),
    ("3.10", "x86_64-manylinux_2_17"),
    ("3.8.12", "x86_64-manylinux2014"),
    ("3.12.1", "windows"),
)
BACKEND = """import os
def prepare_metadata_for_build_wheel(folder, config_settings=None):
    info = "{name}-{version}.dist-info"
    os.mkdir(os.path.join(folder, info))
    with open(os.path.join(folder, info, "METADATA"), "w") as file:
        file.write(open("PKG-INFO").read())
    return info
"""


def make_sdist(folder: Path, name: str, version: str, note: str) -> Path:
    """A source whose metadata can be made without installing anything."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{version}.tar.gz"
    texts = {
        "PKG-INFO": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "backend"\n'
        'backend-path = ["."]\n',
        "backend.py": f"# {note}\n{BACKEND.format(name=name, version=version)}",
    }
    # without the time of day, so that a case is the same every time
    with (
        gzip.GzipFile(path, "wb", mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w") as archive,
    ):
        for file, text in texts.items():
            member = tarfile.TarInfo(f"{name}-{version}/{file}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    return path


@dataclass
class Case:
    """Indexes, a definition, and the image it is for."""

    folder: Path
    lines: list[str] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    """Beside the definition, for `-r` and `-c`."""
    python: str | None = None
    """None: the Python and the platform that run here."""
    platform: str = ""
    places: dict[str, list[Listed]] = field(default_factory=dict)
    """What find-links hold."""
    own: dict[str, Listed] = field(default_factory=dict)
    """What every file says itself, by URL."""
    public: PipIndexes = field(default_factory=PipIndexes)

    def asked(self) -> Asked:
        """Return what pip is asked, and write what it reads."""
        for name, data in {
            **self.files,
            "definition.txt": "\n".join(self.lines).encode(),
        }.items():
            (self.folder / name).write_bytes(data)
        args = ["--index-url", str(self.public.index_url)]
        args += [f"-r{self.folder / 'definition.txt'}", f"--target={self.folder / 'target'}"]
        if self.python:
            full = self.python if self.python.count(".") > 1 else f"{self.python}.99"
            args += [f"--python-version={full}", "--implementation=cp"]
            args += [f"--platform={tag}" for tag in platform_tags(self.platform)]
        return Asked(tuple(args), self.folder)

    def image(self, pip: str | None) -> Image:
        """Return where pip runs; it evaluates markers for the Python that runs it."""
        environment = {key: str(value) for key, value in default_environment().items()}
        if self.python:
            tags = tag_order(self.python, self.platform)
            return Image(self.python, tags, environment, pip)
        tags = {tag: rank for rank, tag in enumerate(sys_tags())}
        return Image(environment["python_full_version"], tags, environment, pip)

    def decided(self, pip: str | None) -> dict[str, Choice] | None:
        """Return what we say; None where a line cannot be read."""
        try:
            lines = flatten(self.lines, "definition.txt", self.files.get)
            section = take_apart(lines, "definition.txt", {}, lambda _: None)
        except Fault:
            return None
        assert not section.unknown, section.unknown
        order = index_order(section.options, self.public)
        return decide(section, order, self.image(pip), self.pages, at=self.own.get)

    def pages(self, place: str | None, name: str, links: bool) -> Iterable[Listed]:
        """Read what a place lists, as a rehearsal would."""
        assert place is not None
        if links:
            return self.places[place]
        page = Path(place.removeprefix("file://").rstrip("/")) / name / "index.html"
        if not page.is_file():
            return []
        return parse(page.read_bytes(), "text/html", f"{page.parent.as_uri()}/")


class Maker:
    """Makes one case."""

    def __init__(self, folder: Path, number: int) -> None:
        self.chance = random.Random(f"wheelstep {number}")  # noqa: S311 - cases, no secrets
        folder.mkdir(parents=True)
        self.case = Case(folder)
        self.made: list[Listed] = []
        """Every file, by its URL."""

    def one_in(self, count: int) -> bool:
        return self.chance.randrange(count) == 0

    def file(self, place: str, name: str = NAME) -> Listed:
        """Make one file in a folder of its own index."""
        chance = self.chance
        folder = self.case.folder / place
        version = chance.choice(VERSIONS)
        note = chance.choice((place, place, place, "the same everywhere"))
        page_python = chance.choice(PYTHONS)
        own_python = chance.choice(PYTHONS) if self.one_in(8) else page_python
        if self.case.python:
            # told of another Python, pip 24.0 holds the metadata to the one that runs it
            own_python = None
        if self.one_in(9):
            path = make_sdist(folder, name.replace("-", "_"), version, note)
            page_python = own_python = None
        else:
            tag = chance.choice(TAGS)
            made = make_wheel(folder, name, version, tag=tag, python=own_python, note=note)
            assert made.path is not None
            path = made.path
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        # pip reads no file at a URL that names a wrong hash, so pages are right or silent
        listed = Listed(
            file=path.name,
            url=f"{folder.as_uri()}/{quote(path.name)}",
            sha256=None if self.one_in(12) else sha256,
            requires_python=page_python,
            yanked=chance.choice((None,) * 7 + (True, "broken")),
        )
        self.case.own[listed.url] = Listed(path.name, listed.url, sha256, None, own_python)
        self.made.append(listed)
        return listed

    def some(self, place: str, most: int = 5, name: str = NAME) -> list[Listed]:
        """Make files, one of each name."""
        files = {}
        for _ in range(self.chance.randint(1, most)):
            listed = self.file(place, name)
            files[listed.file] = listed
        return list(files.values())

    def index(self, place: str) -> str:
        """Make an index; one in eight does not know the name."""
        if not self.one_in(8):
            listed = self.some(f"{place}/{NAME}")
            page = self.case.folder / place / NAME / "index.html"
            page.write_bytes(project_html(NAME, listed))
        (self.case.folder / place).mkdir(exist_ok=True)
        return (self.case.folder / place).as_uri()

    def links(self) -> str:
        """Make a place of find-links: a folder, a page or a file."""
        listed = self.some("links", 3)
        bare = [Listed(each.file, each.url, None) for each in listed]
        kind = self.chance.choice(("folder", "page", "file"))
        if kind == "page":
            page = self.case.folder / "links.html"
            page.write_bytes(project_html(NAME, listed))
            url, found = page.as_uri(), parse(page.read_bytes(), "text/html", page.as_uri())
        elif kind == "file":
            url, found = bare[0].url, bare[:1]
        else:
            url, found = (self.case.folder / "links").as_uri(), bare
        self.case.places[url] = found
        return url

    def option_lines(self) -> list[str]:
        """Make indexes, and say where to look."""
        chance = self.chance
        self.case.public = PipIndexes(index_url=self.index("public"))
        one, two = self.index("one"), self.index("two")
        lines = chance.choice(
            (
                [f"--extra-index-url {one}"],
                [f"--extra-index-url {one}", f"--extra-index-url {two}"],
                [f"--index-url {one}", f"--extra-index-url {two}"],
                [f"--index-url {one}", f"--extra-index-url {self.case.public.index_url}"],
                [f"--extra-index-url {one}", f"--index-url {two}"],
                [f"-i {one}", f"-i {two}"],
                [f"-i {one}", f"--extra-index-url={two}", f"--extra-index-url={one}/"],
                [f"--extra-index-url {one} -i {two}"],
                [f"--index-url {one}"],
                [],
            )
        )
        if self.one_in(4):
            lines.append(f"--find-links {self.links()}")
            if self.one_in(3):
                lines.append("--no-index")
        for option, count in (
            ("--pre", 8),
            ("--prefer-binary", 8),
            (f"--only-binary {NAME}", 12),
            ("--only-binary=:all:", 12),
            ("--no-binary Acme_Core", 14),
            (f"--only-binary=:all: --no-binary={NAME}", 25),
        ):
            if self.one_in(count):
                lines.append(option)
        return lines

    def requirement(self) -> str:
        """Ask for the name in one of the ways."""
        chance = self.chance
        name = chance.choice((NAME, NAME, "Acme.Core", "acme_core"))
        marker = chance.choice(
            ("",) * 12 + (' ; python_version >= "3.8"', ' ; python_version < "3"')
        )
        wheels = [each for each in self.made if each.file.endswith(".whl")]
        if self.one_in(10) and wheels:
            listed = chance.choice(wheels)
            own = self.case.own[listed.url].sha256
            fragment = chance.choice(
                ("", f"#sha256={own}", f"#sha256={own}", f"#sha256={'0' * 64}")
            )
            return f"{name} @ {listed.url}{fragment}{marker}"
        text = f"{name}{chance.choice(RANGES)}"
        if self.one_in(5):
            own_sums = [str(each.sha256) for each in self.case.own.values()]
            sums = chance.sample(own_sums, min(len(own_sums), chance.choice((1, 1, 2, 3))))
            if self.one_in(5):
                sums = ["0" * 64]
            if not self.one_in(6):
                listed = chance.choice(self.made)
                own = self.case.own[listed.url].sha256
                version = listed.file.split("-")[1].removesuffix(".tar.gz")
                text, sums = f"{name}=={version}", [*sums, str(own)]
            marker += "".join(f" --hash=sha256:{each}" for each in dict.fromkeys(sums))
        return f"{text}{marker}"

    def make(self) -> Case:
        """Put it all together."""
        case, chance = self.case, self.chance
        if self.one_in(3):
            case.python, case.platform = chance.choice(IMAGES)
        options = self.option_lines()
        asked = [self.requirement()]
        if self.one_in(10) and "--hash" not in asked[0]:
            # another package's need, or the same name twice
            asked.append(f"{NAME}{chance.choice(RANGES)}")
        if self.one_in(10):
            case.files["constraints.txt"] = f"{NAME}{chance.choice(RANGES[2:])}\n".encode()
            options.append("-c constraints.txt")
        if self.one_in(10):
            case.files["more.txt"] = "\n".join(options).encode() + b"\n"
            options = ["-r more.txt"]
        # all options count, wherever they stand
        case.lines = [*options, *asked] if chance.random() < 0.6 else [*asked, *options]
        return case


def make_cases(folder: Path, count: int, first: int = 0) -> list[Case]:
    """Make that many cases, the same every time."""
    return [Maker(folder / str(number), number).make() for number in range(first, first + count)]
