"""What a Dockerfile's commands install with pip, uv and conda, and where they run."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import pairwise
from typing import Final, Literal

from wheelstep.definitions.docker_text import Instruction, array, expanded, flags, instructions
from wheelstep.definitions.image_files import BASE, Copied, State, joined
from wheelstep.definitions.pip_lines import LogicalLine
from wheelstep.definitions.shell_words import Command, Word, commands

__all__ = ["FileNamed", "Install", "installs"]

_PIP: Final = re.compile(r"pip(?:\d+(?:\.\d+)?)?")
_BEFORE: Final = re.compile(
    r"sudo|env|exec|time|nice|command|python(?:\d+(?:\.\d+)*)?|uv|conda|mamba|micromamba"
)
_WORDS_OF_SHELL: Final = frozenset({"{", "!", "then", "do", "else", "if", "elif", "while", "until"})
_SHELL: Final = re.compile(r"(?:ba|da|z|k)?sh")
_CONDA: Final = re.compile(r"conda|mamba|micromamba")
_PYTHON_IMAGE: Final = re.compile(r"(?:^|/)python:(?:\d+-)?(3\.\d{1,3}(?:\.\d{1,3})?)(?![\w.])")

FileKind = Literal["requirement", "constraint", "conda"]

_KEPT: Final = {
    "-i": "--index-url", "--index-url": "--index-url", "--pypi-url": "--index-url",
    "--default-index": "--index-url", "--extra-index-url": "--extra-index-url",
    "--index": "--extra-index-url", "-f": "--find-links", "--find-links": "--find-links",
    "--trusted-host": "--trusted-host", "--no-binary": "--no-binary",
    "--only-binary": "--only-binary", "-e": "--editable", "--editable": "--editable",
}  # fmt: skip
"""Options with a value that say where packages come from, as a requirements file has them."""
_KEPT_FLAGS: Final = frozenset({"--no-index", "--pre", "--prefer-binary", "--require-hashes"})
_PLACES: Final = ("--index-url", "--extra-index-url", "--no-index")
"""Options of a command line that pip heeds by their kind, in whatever order they stand there."""
_ASSIGNMENT: Final = re.compile(r"[A-Za-z_]\w*=.*", re.DOTALL)
_CONFIGURES: Final = re.compile(
    r"PIP_(?:NO_INDEX|FIND_LINKS|PRE|PREFER_BINARY|NO_BINARY|ONLY_BINARY|CONSTRAINT|REQUIREMENT"
    r"|REQUIRE_HASHES|CONFIG_FILE|ALL_RELEASES|ONLY_FINAL|PYPI_URL)"
    r"|UV_(?:INDEX\w*|DEFAULT_INDEX|EXTRA_INDEX_URL|FIND_LINKS|NO_INDEX|CONFIG_FILE|PRERELEASE"
    r"|CONSTRAINT|OVERRIDE)"
)
"""Variables that say which files are taken, and are not followed here."""
_CONFIG_KEY: Final = re.compile(
    r"(?:\w+\.)?(?:(?:extra-)?index-url|pypi-url|no-index|find-links|pre|prefer-binary|no-binary"
    r"|only-binary|constraint|require-hashes)"
)
_CONFIG_FILE: Final = re.compile(r"(?<![\w.-])(?:pip\.(?:conf|ini)|uv\.toml)(?![\w.-])")
_FILES: Final[dict[str, FileKind]] = {
    "-r": "requirement", "--requirement": "requirement", "--requirements": "requirement",
    "-c": "constraint", "--constraint": "constraint", "--constraints": "constraint",
}  # fmt: skip
_WITH_VALUE: Final = frozenset({
    "-t", "--target", "--platform", "--python-version", "--implementation", "--abi", "--root",
    "--prefix", "--src", "--upgrade-strategy", "-C", "--config-settings", "--config-setting",
    "--global-option", "--build-option", "--progress-bar", "--root-user-action", "--report",
    "--group", "--python", "-p", "--log", "--keyring-provider", "--proxy", "--retries", "--timeout",
    "--exists-action", "--cert", "--client-cert", "--cache-dir", "--use-feature",
    "--use-deprecated", "--resume-retries", "--build-constraint", "--build-constraints", "-b",
    "--override", "--overrides", "--exclude", "--excludes", "--index-strategy", "--resolution",
    "--prerelease", "--link-mode", "--python-platform", "--exclude-newer", "--refresh-package",
    "-P", "--upgrade-package", "--reinstall-package", "--no-build-package", "--no-binary-package",
    "--color", "--directory", "--project", "--config-file", "--torch-backend", "--extra",
    "--no-build-isolation-package", "--fork-strategy", "--allow-insecure-host", "-d", "--dest",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class FileNamed:
    """A file that a command reads requirements from."""

    kind: FileKind
    name: str
    """As the command has it: a path in the image."""
    at: int
    """Index in the Dockerfile."""


@dataclass(frozen=True, slots=True)
class Install:
    """One command that installs packages."""

    at: int
    """Index of the command in the Dockerfile."""
    script: LogicalLine
    """The text its words stand in."""
    exec_form: bool
    state: State
    words: tuple[Word, ...] = ()
    """The requirements among its words."""
    options: tuple[str, ...] = ()
    """Its index options and the like, each as a requirements file has it."""
    files: tuple[FileNamed, ...] = ()
    editable: bool = True
    """False for a script inside of a word: what it says can be told, not edited."""
    indexes_known: bool = True
    """False where pip's indexes are configured by what is not followed here."""


@dataclass(slots=True)
class _Stage:
    folder: str | None = BASE
    copied: list[Copied] = field(default_factory=list)
    variables: dict[str, str | None] = field(default_factory=dict)
    python: str | None = None
    configured: bool = False
    """A configuration file of pip's is written or copied."""


@lru_cache(maxsize=32)
def installs(text: str) -> tuple[Install, ...]:  # noqa: C901 - one case for each instruction
    """Return what a Dockerfile's RUN instructions install, in order."""
    found: list[Install] = []
    stages: dict[str, _Stage] = {}
    arguments: dict[str, str | None] = {}
    stage: _Stage | None = None
    for one in instructions(text):
        if stage is not None and one.keyword in {"COPY", "ADD", "RUN"}:
            stage.configured = stage.configured or _CONFIG_FILE.search(one.text.text) is not None
        match one.keyword:
            case "FROM":
                stage = _from(one, stages, arguments)
            case "ARG" if stage is None:
                arguments |= _assigned(one, arguments)
            case "ARG" if stage is not None:
                for name, value in _assigned(one, stage.variables | arguments).items():
                    # an ENV of the same name wins, and a bare ARG brings the one before FROM in
                    stage.variables.setdefault(name, value or arguments.get(name))
            case "ENV" if stage is not None:
                stage.variables |= _assigned(one, stage.variables)
            case "WORKDIR" if stage is not None:
                to = expanded(one.rest.strip().strip('"'), stage.variables)
                stage.folder = joined(stage.folder, to) if to is not None else None
            case "COPY" | "ADD" if stage is not None:
                stage.copied += _copied(one, stage)
            case "RUN" if stage is not None:
                found += _run(one, stage)
            case _:
                pass
    return tuple(found)


def _from(
    one: Instruction, stages: dict[str, _Stage], arguments: Mapping[str, str | None]
) -> _Stage:
    _, at = flags(one)
    words = one.text.text[at:].split()
    image = expanded(words[0], arguments) if words else None
    base = stages.get((image or "").lower())
    if base is not None:
        stage = replace(base, copied=list(base.copied), variables=dict(base.variables))
    else:
        said = _PYTHON_IMAGE.search(image or "")
        stage = _Stage(python=said[1] if said else None)
    if len(words) > 2 and words[1].lower() == "as":  # noqa: PLR2004 - FROM image AS name
        stages[words[2].lower()] = stage
    return stage


def _assigned(one: Instruction, known: Mapping[str, str | None]) -> dict[str, str | None]:
    """Return what ARG or ENV sets, in both of ENV's forms."""
    words = [word for command in commands(one.text.text, one.after) for word in command.words]
    if one.keyword == "ENV" and words and "=" not in words[0].value:
        return {words[0].value: expanded(" ".join(word.value for word in words[1:]), known)}
    found: dict[str, str | None] = {}
    for word in words:
        name, equals, value = word.value.partition("=")
        found[name] = expanded(value, dict(known) | found) if equals else None
    return found


def _copied(one: Instruction, stage: _Stage) -> Iterator[Copied]:
    options, at = flags(one)
    if one.heredocs or any(name in {"from", "parents"} for name, _ in options):
        return
    listed = array(one.text.text, at)
    words = [value for value, _, _ in listed] if listed else one.text.text[at:].split()
    plain = [expanded(word.strip("\"'"), stage.variables) for word in words]
    sources = tuple(word for word in plain[:-1] if word is not None and "://" not in word)
    target = plain[-1] if plain else None
    place = joined(stage.folder, target) if target is not None else None
    if target is not None and place is not None and sources:
        yield Copied(sources, place, target.endswith(("/", "/.")) or target == ".")


def _run(one: Instruction, stage: _Stage) -> Iterator[Install]:
    options, at = flags(one)
    mounts = [
        mounted for name, value in options if name == "mount" and (mounted := _mount(value, stage))
    ]
    state = State(stage.folder, (*stage.copied, *mounts), stage.python)
    listed = array(one.text.text, at)
    if listed is not None:
        command = Command(tuple(Word(*each) for each in listed), 0)
        yield from _installs([command], one.text, state, stage, exec_form=True)
        return
    script = commands(one.text.text, at)
    yield from _installs(script, one.text, state, stage)
    first = script[0].words[0].value if script else ""
    for heredoc in one.heredocs:
        shebang = re.match(r"#!\s*(\S+)(?:\s+(\S+))?", heredoc.body.text)
        runs = posixpath.basename((shebang[2] or shebang[1]) if shebang else first or "sh")
        if _SHELL.fullmatch(runs):
            yield from _installs(commands(heredoc.body.text), heredoc.body, state, stage)


def _mount(value: str, stage: _Stage) -> Copied | None:
    said = dict(part.partition("=")[::2] for part in value.split(","))
    if said.get("type", "bind") != "bind" or "from" in said:
        return None
    source = expanded(said.get("source", said.get("src", ".")), stage.variables)
    named = said.get("target", said.get("dst", said.get("destination", "")))
    target = joined(stage.folder, expanded(named, stage.variables) or "")
    return Copied((source or ".",), target, into=False) if target and named else None


def _installs(  # noqa: C901 - one case for each kind of command
    script: Sequence[Command],
    text: LogicalLine,
    state: State,
    stage: _Stage,
    *,
    exec_form: bool = False,
) -> Iterator[Install]:
    folders = [state.folder]
    variables = dict(stage.variables)
    for command in script:
        while len(folders) > command.depth + 1:
            folders.pop()
        while len(folders) <= command.depth:
            folders.append(folders[-1])
        words = command.words
        while words and words[0].value in _WORDS_OF_SHELL:
            words = words[1:]
        if not words:
            continue
        if words[0].value == "cd":
            to = words[1] if len(words) > 1 else None
            named = expanded(to.value, stage.variables) if to else None
            folders[-1] = joined(folders[-1], named) if named and named != "-" else None
            continue
        set_here = _assignments(words, variables)
        if words[0].value == "export" or len(set_here) == len(words):
            variables |= set_here
            continue
        if _writes_configuration(words):
            stage.configured = True
            continue
        here = replace(state, folder=folders[-1])
        base = Install(text.at(words[0].start), text, exec_form, here)
        arguments = _after_pip(words)
        if arguments is not None:
            one = _pip(base, arguments, variables | set_here)
            yield replace(one, indexes_known=one.indexes_known and not stage.configured)
        elif _CONDA.fullmatch(posixpath.basename(words[0].value)):
            yield from _conda(base, words[1:], stage.variables)
        elif _SHELL.fullmatch(posixpath.basename(words[0].value)):
            yield from _inside(base, words[1:], stage)


def _assignments(words: Sequence[Word], known: Mapping[str, str | None]) -> dict[str, str | None]:
    """Return the variables that a command sets for itself: `A=b pip`, `export A=b`, `env A=b pip`;
    not what stands behind the name of pip, as in `pip install a==1`."""
    found: dict[str, str | None] = {}
    for word in words:
        if _PIP.fullmatch(posixpath.basename(word.value)):
            break
        if _ASSIGNMENT.fullmatch(word.value):
            name, _, value = word.value.partition("=")
            found[name] = expanded(value, known)
    return found


def _writes_configuration(words: Sequence[Word]) -> bool:
    """Tell whether a command is a `pip config set` of something that says which files are taken."""
    said = [word.value for word in words]
    at = next((at for at, one in enumerate(said) if _PIP.fullmatch(posixpath.basename(one))), None)
    if at is None or "config" not in said[at:] or "set" not in said[at:]:
        return False
    return any(_CONFIG_KEY.fullmatch(one.replace("_", "-")) for one in said[at:])


def _inside(base: Install, words: Sequence[Word], stage: _Stage) -> Iterator[Install]:
    """Read the script of `sh -c "..."`, which is one word: it can be told, and is not edited."""
    for option, script in pairwise(words):
        if re.fullmatch(r"-[a-z]*c", option.value):
            inner = _installs(commands(script.value), base.script, base.state, stage)
            for one in inner:
                yield replace(one, at=base.at, editable=False)
            return


def _after_pip(words: Sequence[Word]) -> Sequence[Word] | None:
    """Return what follows `pip install`; None where that is not what the command says."""
    names = [posixpath.basename(word.value) for word in words]
    at = next((at for at, name in enumerate(names) if _PIP.fullmatch(name)), None)
    before = _BEFORE.fullmatch(names[0]) or _ASSIGNMENT.fullmatch(words[0].value)
    if at is None or (at and not before):
        return None
    rest = list(words[at + 1 :])
    while rest and rest[0].value.startswith("-"):
        takes = rest[0].value in _WITH_VALUE
        rest = rest[2 if takes else 1 :]
    return rest[1:] if rest and rest[0].value == "install" else None


def _pip(base: Install, words: Sequence[Word], variables: Mapping[str, str | None]) -> Install:
    requirements: list[Word] = []
    options: list[str] = []
    places: list[str] = []
    files: list[FileNamed] = []
    known = not any(map(_CONFIGURES.fullmatch, variables))
    for kind in ("index-url", "extra-index-url"):
        name = "PIP_" + kind.upper().replace("-", "_")
        if name in variables:
            known = known and variables[name] is not None
            places += [f"--{kind} {url}" for url in (variables[name] or "").split()]
    waiting = list(words)
    while waiting:
        word = waiting.pop(0)
        name, equals, value = word.value.partition("=")
        if not word.value.startswith("-"):
            requirements.append(word)
            continue
        if not name.startswith("--") and len(name) > 2 and name[:2] in {*_KEPT, *_FILES}:  # noqa: PLR2004 - `-rFILE`
            name, equals, value = word.value[:2], "=", word.value[2:].removeprefix("=")
        takes = name in _KEPT or name in _FILES or name in _WITH_VALUE
        if takes and not equals and waiting:
            word = waiting.pop(0)
            value = word.value
        said = expanded(value, variables) or value
        target = places if _KEPT.get(name, name) in _PLACES else options
        if name in _KEPT_FLAGS:
            target.append(name)
        elif name in _KEPT:
            target.append(f"{_KEPT[name]} {said}")
        elif name in _FILES:
            files.append(FileNamed(_FILES[name], said, base.script.at(word.start)))
    return replace(
        base,
        words=tuple(requirements),
        # on one line, where `--index-url` does not discard what was named before it
        options=(*([" ".join(places)] if places else []), *options),
        files=tuple(files),
        indexes_known=known and not any("$" in option for option in (*places, *options)),
    )


def _conda(
    base: Install, words: Sequence[Word], variables: Mapping[str, str | None]
) -> Iterator[Install]:
    said = [word.value for word in words]
    if not {"create", "update", "install"} & set(said):
        return
    for at, word in enumerate(words):
        name, equals, value = word.value.partition("=")
        if name in {"-f", "--file"} and (equals or at + 1 < len(words)):
            file = value if equals else said[at + 1]
            if not file.lower().endswith((".yml", ".yaml")):
                continue  # a list of conda packages
            named = FileNamed(
                "conda", expanded(file, variables) or file, base.script.at(word.start)
            )
            yield replace(base, files=(named,))
            return
    if said[:2] in (["env", "create"], ["env", "update"]):
        yield replace(base, files=(FileNamed("conda", "environment.yml", base.at),))
