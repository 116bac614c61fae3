"""Which literals of a script are requirements of an environment, and of which one.

Sources: azureml-core's `CondaDependencies` (`create`, `add_pip_package`, `set_pip_option`,
`set_pip_requirements`) and `Environment.add_private_pip_wheel`; mappings as conda files have them,
as `azure.ai.ml.entities.Environment(conda_file=...)` takes them; `pip_packages=` and
`pip_requirements=` of the classes around them.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from wheelstep.definitions.python_found import (
    Gathered,
    Left,
    Piece,
    Registered,
    Role,
    Words,
    left_in,
)
from wheelstep.definitions.python_names import Binding, Names, Place, Site, dotted
from wheelstep.definitions.python_text import Unit, literal_of

__all__ = ["Scan", "scan"]

_LISTS: Final = ("pip_packages", "pip_requirements", "extra_pip_requirements")
_TELLING: Final = frozenset({*_LISTS, "pip_indexurl", "conda_packages"})
_PYTHON: Final = re.compile(r"[0-9]+\.[0-9]+(?:\.[0-9]+)?")
_DEEPEST: Final = 20

_KINDS: Final[dict[type[ast.expr], str]] = {
    ast.JoinedStr: "an f-string",
    ast.BinOp: "put together by an operator",
    ast.Call: "what a call returns",
    ast.Constant: "written in several literals side by side, or is no text",
}


@dataclass(slots=True)
class Scan:
    """What a script says about environments."""

    sections: list[Gathered]
    left: list[Left]


def scan(units: Sequence[Unit]) -> Scan:
    """Look through the units of one file, which share their names."""
    looked = _Look(Names(units))
    looked.mappings()
    for site in looked.names.sites:
        if isinstance(site.node, ast.Call):
            looked.call(site, site.node)
            looked.registered(site, site.node)
    looked.wheels()
    looked.lists()
    sections = [one for one in looked.sections.values() if one.groups]
    for one in sections:
        if len(one.branches) > 1:
            one.doubt("It depends on a condition or a loop of the script what is installed.")
    return Scan(sorted(sections, key=lambda one: one.line), sorted(looked.left, key=_by_line))


def _by_line(one: Left) -> tuple[int, str]:
    return one.line, one.name


class _Look:
    def __init__(self, names: Names) -> None:
        self.names = names
        self.sections: dict[object, Gathered] = {}
        self.left: list[Left] = []
        self.taken: set[int] = set()
        """`id` of the nodes that were made sense of."""
        self.literals: dict[int, Words | None] = {}

    # --- which section ------------------------------------------------------------------------

    def section(self, key: object, place: str, line: int, how: Literal["call", "list"]) -> Gathered:
        found = self.sections.setdefault(key, Gathered(place, line, how))
        found.line = min(found.line, line)
        return found

    def owner(self, node: ast.expr, place: Place) -> Gathered:
        """Return the section of the object that a method is called of."""
        name = dotted(node)
        if name is None:
            return self.section(id(node), f"line {place.line}", place.line, "call")
        bound, certain = self.names.before(name, place)
        for _ in range(_DEEPEST):
            if not certain or (other := dotted(bound[0].value)) is None:
                break
            name = other
            bound, certain = self.names.before(name, bound[0].place)
        if certain:
            found = self.section(bound[0], name, place.line, "call")
            if not self.made_here(bound[0]):
                found.doubt(f"What `{name}` holds already is not written in this script.")
            return found
        found = self.section((id(place.scope), name), name, place.line, "call")
        several = "is made in more than one place" if bound else "is made elsewhere"
        found.doubt(f"`{name}` {several}, so that not all of it can be seen.")
        return found

    def made_here(self, binding: Binding) -> bool:
        match binding.value:
            case ast.Call(func=func, args=args, keywords=keywords):
                name = (dotted(func) or "").rpartition(".")[2]
                if name == "CondaDependencies":
                    return not args and not keywords
                return any(keyword.arg in _TELLING for keyword in keywords) or (
                    name == "create" and not args
                )
            case _:
                return False

    # --- calls --------------------------------------------------------------------------------

    def call(self, site: Site, node: ast.Call) -> None:
        """Take what a call says about an environment."""
        keywords = {each.arg: each.value for each in node.keywords if each.arg}
        if isinstance(node.func, ast.Attribute):
            self.method(site, node, node.func, keywords)
        if not _TELLING.isdisjoint(keywords) and not (
            isinstance(keywords.get("pip_requirements"), ast.Constant)
            and _TELLING.isdisjoint(keywords.keys() - {"pip_requirements"})
        ):
            self.created(site, keywords)

    def method(
        self, site: Site, node: ast.Call, func: ast.Attribute, keywords: dict[str, ast.expr]
    ) -> None:
        argument = node.args[0] if node.args else next(iter(keywords.values()), None)
        if argument is None:
            return
        place = site.place
        match func.attr:
            case "add_pip_package":
                self.group(self.owner(func.value, place), place, [argument])
            case "set_pip_option":
                self.group(self.owner(func.value, place), place, [argument], "option")
            case "set_pip_requirements":
                self.group(self.owner(func.value, place), place, self.items(argument, place))
            case "add_conda_package" | "set_python_version":
                found = self.owner(func.value, place)
                if func.attr == "set_python_version":
                    self.python(found, argument, place)
                else:
                    self.conda(found, [(argument, place)])

    def created(self, site: Site, keywords: dict[str, ast.expr]) -> None:
        place = site.place
        key, name = (site.target, site.target.name) if site.target else (id(site.node), None)
        found = self.section(key, name or f"line {place.line}", place.line, "call")
        for keyword in _LISTS:
            value = keywords.get(keyword)
            if value is not None and not (keyword != "pip_packages" and _is_text(value)):
                self.listed(found, value, place)
        if "pip_indexurl" in keywords:
            self.group(found, place, [keywords["pip_indexurl"]], "option", "--index-url ")
            found.doubt("What `pip_indexurl` comes to differs between versions of azureml-core.")
        if "conda_packages" in keywords:
            self.conda(found, self.items(keywords["conda_packages"], place))
        if "python_version" in keywords:
            self.python(found, keywords["python_version"], place)

    def python(self, found: Gathered, value: ast.expr, place: Place) -> None:
        for text, _ in self.plain_texts([(value, place)], found):
            found.python = text if _PYTHON.fullmatch(text) else found.python

    def conda(self, found: Gathered, items: Sequence[tuple[ast.expr, Place]]) -> None:
        found.conda += self.plain_texts(items, found)

    def plain_texts(
        self, items: Sequence[tuple[ast.expr, Place]], found: Gathered
    ) -> list[tuple[str, int]]:
        texts: list[tuple[str, int]] = []
        for node, at in items:
            value, place = self.names.stands_for(node, at)
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                texts.append((value.value, place.unit.line(value)))
                self.taken.add(id(value))
            else:
                found.doubt(f"Line {at.unit.line(node)}: what conda installs is computed.")
        return texts

    # --- mappings -----------------------------------------------------------------------------

    def mappings(self) -> None:
        """Take mappings as conda files have them, then lone ones with a pip list."""
        for wanted in ("dependencies", "pip"):
            for site in self.names.sites:
                if isinstance(site.node, ast.Dict) and id(site.node) not in self.taken:
                    self.mapping(site, _entries(site.node), wanted)

    def mapping(self, site: Site, entries: dict[str, ast.expr], wanted: str) -> None:
        if wanted not in entries:
            return
        place = site.place
        name = site.target.name if site.target else f"line {place.line}"
        found = Gathered(name, place.line, "list")
        items: list[tuple[ast.expr, Place]] = [(site.node, place)]
        if wanted == "dependencies":
            items = self.items(entries["dependencies"], place)
            channels = self.items(entries["channels"], place) if "channels" in entries else None
            if channels is not None:
                found.channels = [text for text, _ in self.plain_texts(channels, found)]
        texts = []
        for node, at in items:
            value, inside = self.names.stands_for(node, at)
            if not isinstance(value, ast.Dict):
                texts.append((node, at))
            elif pip := _entries(value).get("pip"):
                self.taken.add(id(value))
                self.listed(found, pip, inside)
        if found.groups or found.computed:
            self.conda(found, texts)
            self.sections[id(site.node)] = found

    def registered(self, site: Site, node: ast.Call) -> None:
        """Take name and version of `Environment(name=..., version=..., conda_file={...})`."""
        keywords = {each.arg: each.value for each in node.keywords}
        if "conda_file" not in keywords or "name" not in keywords:
            return
        conda, _ = self.names.stands_for(keywords["conda_file"], site.place)
        found = self.sections.get(id(conda))
        if found is None:
            return
        name, _ = self.names.stands_for(keywords["name"], site.place)
        text = name.value if isinstance(name, ast.Constant) else ""
        version = keywords.get("version")
        words, line = None, None
        if version is not None:
            value, place = self.names.stands_for(version, site.place)
            words = self.words(value, place)
            line = place.unit.line(value) if words is None else None
        found.registered = Registered(str(text), words, line)

    # --- literals -----------------------------------------------------------------------------

    def listed(self, found: Gathered, value: ast.expr, place: Place) -> None:
        """Take a list that is handed over, and what was put into it later each by itself."""
        more: list[list[tuple[ast.expr, Place]]] = []
        self.group(found, place, self.items(value, place, more))
        for items in more:
            self.group(found, items[0][1], items)

    def items(
        self,
        node: ast.expr,
        place: Place,
        more: list[list[tuple[ast.expr, Place]]] | None = None,
        depth: int = 0,
    ) -> list[tuple[ast.expr, Place]]:
        """Return the items of a list with their places; what is no plain list stands for itself."""
        if depth > _DEEPEST:
            return [(node, place)]
        match node:
            case ast.List(elts=elts) | ast.Tuple(elts=elts) | ast.Set(elts=elts):
                self.taken.add(id(node))
                return [
                    item
                    for each in elts
                    for item in (
                        self.items(each.value, place, more, depth + 1)
                        if isinstance(each, ast.Starred)
                        else [(each, place)]
                    )
                ]
            case ast.BinOp(left=left, op=ast.Add(), right=right) if _holds_list(node):
                return [
                    *self.items(left, place, more, depth + 1),
                    *self.items(right, place, more, depth + 1),
                ]
            case ast.Name() | ast.Attribute():
                bound, certain = self.names.before(dotted(node) or "", place)
                value = bound[0].value if certain and bound[0].kind == "value" else None
                if value is None or not isinstance(
                    value, ast.List | ast.Tuple | ast.Set | ast.BinOp | ast.Name | ast.Attribute
                ):
                    return [(node, place)]
                for each in self.names.more(bound[0]) if more is not None else ():
                    added = each.value or node
                    one = each.kind == "one-more"
                    items = [(added, each.place)] if one else self.items(added, each.place)
                    more = [] if more is None else more
                    more += [items] if items else []
                return self.items(value, bound[0].place, more, depth + 1)
            case _:
                return [(node, place)]

    def group(
        self,
        found: Gathered,
        at: Place,
        items: Sequence[ast.expr | tuple[ast.expr, Place]],
        role: Role = "requirement",
        before: str = "",
    ) -> None:
        """Add what is handed over at once to a section."""
        pieces: list[Piece] = []
        found.branches.add((at.branch, id(at.scope)))
        for item in items:
            node, place = item if isinstance(item, tuple) else (item, at)
            value, there = self.names.stands_for(node, place)
            if wheel := _wheel_file(value):
                self.taken.add(id(value))
                value, there = self.names.stands_for(wheel, there)
                if words := self.words(value, there):
                    found.groups.append([Piece("wheel", words)])
                    continue
            elif words := self.words(value, there):
                pieces.append(Piece(role, words, before))
                continue
            self.computed(found, value, there)
        if pieces:
            found.groups.append(pieces)

    def words(self, node: ast.expr, place: Place) -> Words | None:
        if not isinstance(node, ast.Constant):
            return None
        if id(node) not in self.literals:
            self.literals[id(node)] = literal_of(place.unit, node)
        return self.literals[id(node)]

    def computed(self, found: Gathered, node: ast.expr, place: Place) -> None:
        """Remember a value that cannot be edited, and whatever of ours it names."""
        line = place.unit.line(node)
        bound, _ = self.names.before(dotted(node) or "", place)
        loop = any(one.kind == "loop" for one in bound)
        what = "what a loop goes through" if loop else _kind_of(node)
        found.doubt(f"Line {line}: what is handed over is {what}.")
        texts = list(self.inside(node, place, 0, set()))
        found.computed += texts
        for text, where in texts:
            self.left += left_in(text, where, f"What is handed over here is {what}.")

    def inside(
        self, node: ast.expr, place: Place, depth: int, seen: set[int]
    ) -> Iterator[tuple[str, int]]:
        """Yield the literals that a computed value is made of, by way of names too."""
        unplaced: set[int] = set()
        for part in ast.walk(node):
            if id(part) in seen or depth > _DEEPEST:
                continue
            seen.add(id(part))
            if isinstance(part, ast.JoinedStr):
                unplaced |= {id(each) for each in ast.walk(part)}
            if isinstance(part, ast.List | ast.Tuple | ast.Set):
                self.taken.add(id(part))
            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                # of what is inside an f-string, older Pythons do not know the place
                at = node if id(part) in unplaced else part
                yield part.value, place.unit.line(at)
            elif isinstance(part, ast.Name):
                for bound in self.names.before(part.id, place)[0]:
                    if bound.value is not None:
                        yield from self.inside(bound.value, bound.place, depth + 1, seen)

    # --- what is left -------------------------------------------------------------------------

    def wheels(self) -> None:
        """Take the wheel files whose URL goes nowhere that can be seen."""
        for site in self.names.sites:
            node = site.node
            if isinstance(node, ast.Call) and _wheel_file(node) and id(node) not in self.taken:
                place = f"line {site.place.line}"
                found = self.section(id(node), place, site.place.line, "call")
                found.doubt("Where the URL of the wheel goes cannot be seen.")
                self.group(found, site.place, [node])

    def lists(self) -> None:
        """Note the pinned requirements in lists that are handed to nothing that is known."""
        why = "It stands in a list that is handed to nothing that is known to install it."
        for site in self.names.sites:
            if not isinstance(site.node, ast.List | ast.Tuple | ast.Set):
                continue
            for each in site.node.elts if id(site.node) not in self.taken else ():
                if isinstance(each, ast.Constant) and isinstance(each.value, str):
                    line = site.place.unit.line(each)
                    self.left += left_in(each.value, line, why, pinned_only=True)


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _entries(node: ast.Dict) -> dict[str, ast.expr]:
    return {
        key.value: value
        for key, value in zip(node.keys, node.values, strict=True)
        if isinstance(key, ast.Constant) and isinstance(key.value, str)
    }


def _holds_list(node: ast.BinOp) -> bool:
    """Tell whether an addition is one of lists, as far as can be seen."""
    sides = (node.left, node.right)
    return any(isinstance(side, ast.List | ast.Tuple) for side in sides) or any(
        isinstance(side, ast.BinOp) and _holds_list(side) for side in sides
    )


def _wheel_file(node: ast.AST) -> ast.expr | None:
    """Return the path that `Environment.add_private_pip_wheel(workspace, file_path)` is handed."""
    match node:
        case ast.Call(func=ast.Attribute(attr="add_private_pip_wheel"), args=args, keywords=named):
            by_name = next((each.value for each in named if each.arg == "file_path"), None)
            return by_name or (args[1] if len(args) > 1 else None)
        case _:
            return None


def _kind_of(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return f"`{name}`, whose value is not written in one place"
        case ast.Call(func=ast.Attribute(attr="format")):
            return "put together by `.format`"
        case _:
            return _KINDS.get(type(node), "computed")
