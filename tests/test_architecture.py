"""Imports go one way: cli -> release, stages, commands -> rooms -> ground floor."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "wheelstep"
ROOMS = {
    "packages",
    "destinations",
    "definitions",
    "rehearsal",
    "repositories",
    "workspaces",
    "hosts",
}
FLOOR = {"ground", "model", "errors", "lock", "options", "__version__"}
LONGEST = 450


def modules() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def imported(path: Path) -> set[str]:
    """Return the second name of each `wheelstep.X` that a module imports, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        match node:
            case ast.ImportFrom(module=str(module)) if module.split(".")[0] == "wheelstep":
                found |= {module.split(".")[1]} if "." in module else {n.name for n in node.names}
            case ast.Import():
                found |= {
                    name.name.split(".")[1]
                    for name in node.names
                    if name.name.startswith("wheelstep.")
                }
    return found


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_no_room_imports_another(room: str) -> None:
    for path in sorted((SOURCE / room).glob("*.py")):
        foreign = imported(path) - FLOOR - {room}
        assert not foreign, f"{path.relative_to(SOURCE)} imports {foreign}"


def test_the_ground_floor_uses_no_room() -> None:
    for path in sorted((SOURCE / "ground").glob("*.py")):
        foreign = imported(path) - FLOOR
        assert not foreign, f"{path.relative_to(SOURCE)} imports {foreign}"
    for name in ("model.py", "errors.py"):
        assert imported(SOURCE / name) <= {"model"}


def test_only_the_command_line_reads_the_process() -> None:
    for path in modules():
        if path.name in {"cli.py", "__main__.py", "generate.py"}:
            continue
        text = path.read_text("utf-8")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                read = f"{node.value.id}.{node.attr}"
                assert read not in {"os.environ", "os.getenv", "sys.argv"}, path


def test_only_the_ground_floor_starts_a_program_by_its_name() -> None:
    # Windows would look for it in the checkout first: see `ground.process.program`
    for path in modules():
        if path.parent.name == "ground":
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.Call(
                    func=ast.Attribute(value=ast.Name(id="subprocess")),
                    args=[ast.List(elts=[ast.Constant(value=str(name)), *_]), *_],
                ):
                    pytest.fail(f"{path.relative_to(SOURCE)} starts {name}")


def test_files_stay_readable() -> None:
    for path in modules():
        lines = len(path.read_text("utf-8").splitlines())
        assert lines <= LONGEST, f"{path.relative_to(SOURCE)} has {lines} lines"


HEAVY = ("azure", "msrest", "twine", "requests", "rich", "github", "build", "keyring")


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["release", "--help"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom wheelstep.cli import main\n"
        f"try: main({arguments!r})\nexcept SystemExit: pass\n"
        "print(sorted({name.split('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    loaded = set(ast.literal_eval(done.stderr.strip().splitlines()[-1]))
    assert "wheelstep" in loaded
    assert not loaded & set(HEAVY)
