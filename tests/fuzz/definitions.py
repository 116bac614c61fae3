"""Any bytes as a definition: it is edited, left alone or refused, and nothing else ever happens.

`nox -s fuzz` runs this under atheris, coverage-guided; tests/definitions/test_fuzz_seeds.py replays
the seeds, each with a part cut out, in every run of the tests.
"""

from __future__ import annotations

from pathlib import Path

from wheelstep.definitions.choice import choose_for
from wheelstep.definitions.forms import FORMS
from wheelstep.definitions.interface import PinStyle, Wanted
from wheelstep.definitions.plan import Edits, plan_edits
from wheelstep.errors import StepError
from wheelstep.model import Index, Pin, Wheel

CORPUS = Path(__file__).parent.parent / "definitions" / "corpus"
PATHS = (
    "conda.yml",
    "environment.yml",
    "requirements.txt",
    "azureml_environment.json",
    "train.py",
    "train.ipynb",
    "Dockerfile",
    "pyproject.toml",
)
STYLES: tuple[PinStyle, ...] = ("version", "url", "bare-url")
CHOOSE = choose_for("x86_64-manylinux_2_28")


def pin(name: str, version: str, digit: str) -> Pin:
    """A pin with one pure wheel."""
    file = f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
    wheel = Wheel(file, name, version, digit * 64, "", 1)
    return Pin(name, version, "c" * 40, (wheel,), ((file, f"https://wheels.example.org/{file}"),))


PINS = (pin("acme-core", "1.3.0", "1"), pin("acme-features", "0.9.2", "2"))


def plan(path: str, data: bytes, style: PinStyle, index: Index | None, *, named: bool) -> Edits:
    """Edit a repository of one file."""
    wanted = Wanted(PINS, style, index, CHOOSE)
    return plan_edits({path: data}.get, [path], wanted, patterns=[path] if named else None)


def check(path: str, data: bytes, style: PinStyle, index: Index | None) -> bool:
    """Try one file; tell whether it was edited.

    Raises:
        AssertionError: Editing twice is not editing once.
        Exception: Anything but a StepError is a defect.
    """
    for form in FORMS:
        form.recognises(path, data)
    done = False
    for named in (False, True):
        try:
            edits = plan(path, data, style, index, named=named)
        except StepError:
            continue
        for edit in edits.edits:
            again = plan(edit.path, edit.after, style, index, named=named)
            assert all(one.status != "changed" for one in again.edits), (path, edit.after)
            done = done or edit.status == "changed"
    return done


def one_input(data: bytes) -> None:
    """Take the kind of file, the style and the index from the first byte."""
    if not data:
        return
    choice, rest = data[0], data[1:]
    path = PATHS[choice % len(PATHS)]
    style = STYLES[choice // len(PATHS) % len(STYLES)]
    index = Index("https://feed.example.org/simple/") if choice & 128 else None
    check(path, rest, style, index)


def seeds() -> list[tuple[str, bytes]]:
    """Return (path to pretend, bytes) of every file of the corpus."""
    found = []
    for path in sorted(CORPUS.rglob("*")):
        if path.is_file():
            name = path.name if path.name in PATHS else _alike(path)
            found.append((name, path.read_bytes()))
    return found


def _alike(path: Path) -> str:
    return next((one for one in PATHS if Path(one).suffix == path.suffix), "requirements.txt")


def write_seeds(folder: Path) -> None:
    """Write the corpus as the fuzzer reads it: a byte that chooses, then the file."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, (path, data) in enumerate(seeds()):
        for style in range(len(STYLES)):
            choice = PATHS.index(path) + len(PATHS) * style + (128 if style == 0 else 0)
            (folder / f"{number}-{style}").write_bytes(bytes([choice]) + data)
