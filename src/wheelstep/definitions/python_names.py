"""Which value a name stands for in a script, as far as reading it from top to bottom tells."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from wheelstep.definitions.python_text import Unit

__all__ = ["Binding", "Names", "Place", "Scope", "Site", "dotted"]

_NESTED: Final = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.Try, ast.TryStar, ast.Match)
_LONGEST: Final = 20
"""Names that stand for other names."""
_BRANCHES: Final = frozenset({"body", "orelse", "handlers", "cases", "finalbody"})
_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)

Branch = tuple[tuple[int, str], ...]
"""The conditions, loops and `try` parts that a statement stands in."""


@dataclass(slots=True, eq=False)
class Scope:
    """A module, a class or a function."""

    kind: Literal["module", "class", "function"]
    outer: Scope | None
    bindings: dict[str, list[Binding]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Where a part of the script stands."""

    order: tuple[int, int, int]
    """(unit, line, column)."""
    unit: Unit
    scope: Scope
    branch: Branch

    @property
    def line(self) -> int:
        """The line in the file."""
        return self.unit.line_of(self.unit.at(*self.order[1:]))


@dataclass(frozen=True, slots=True, eq=False)
class Binding:
    """Where a name gets a value, or a list that it stands for gets more items."""

    name: str
    kind: Literal["value", "loop", "more", "one-more", "other"]
    """"more" items or "one-more" item; "other": what a value is not seen of."""
    value: ast.expr | None
    place: Place


@dataclass(frozen=True, slots=True, eq=False)
class Site:
    """A call, or a literal list or mapping."""

    node: ast.Call | ast.Dict | ast.List | ast.Tuple | ast.Set
    place: Place
    target: Binding | None
    """Whose whole value it is."""


def dotted(node: ast.AST | None) -> str | None:
    """Return `env.python.conda_dependencies` as that text, None for anything but such names."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return None
    return ".".join([node.id, *reversed(parts)])


class Names:
    """What every name of some units, which share one module's scope, is bound to."""

    def __init__(self, units: Sequence[Unit]) -> None:
        self.sites: list[Site] = []
        self.bound: list[Binding] = []
        module = Scope("module", None)
        for number, unit in enumerate(units):
            for statement in unit.tree.body:
                _Walk(self, number, unit).visit(statement, module, ())

    def before(self, name: str, place: Place) -> tuple[list[Binding], bool]:
        """Return what a name stands for at a place.

        Returns:
            (its bindings, whether it is certain that the value is that of the only one).
        """
        scope: Scope | None = place.scope
        bound: list[Binding] = []
        if name.startswith(("self.", "cls.")):
            while scope is not None and scope.kind == "function":
                scope = scope.outer
        while scope is not None:
            bound = [one for one in scope.bindings.get(name, ()) if "more" not in one.kind]
            if bound and (scope.kind != "class" or "." in name or scope is place.scope):
                break
            scope = scope.outer
        else:
            return [], False
        earlier = [one for one in bound if one.place.order < place.order]
        if scope is place.scope and earlier:
            last = earlier[-1]
            if last.place.branch == place.branch[: len(last.place.branch)]:
                return [last], True
            return earlier, False
        return bound, len(bound) == 1

    def stands_for(self, node: ast.expr, place: Place) -> tuple[ast.expr, Place]:
        """Return what a name stands for, with the place of that; other things as they are."""
        for _ in range(_LONGEST):
            bound, certain = self.before(dotted(node) or "", place)
            if not certain or bound[0].kind != "value" or bound[0].value is None:
                break
            node, place = bound[0].value, bound[0].place
        return node, place

    def attributes(self, name: str) -> list[Binding]:
        """Return where an attribute of that name gets a value: `job.environment = ...`."""
        return [one for one in self.bound if one.name.endswith(f".{name}") and one.kind == "value"]

    def more(self, binding: Binding) -> list[Binding]:
        """Return what puts more items into the list that a name was bound to."""
        scope = binding.place.scope
        all_of = scope.bindings[binding.name]
        others = [one for one in all_of if "more" not in one.kind]
        after = [one.place.order for one in others if one.place.order > binding.place.order]
        end = min(after, default=(len(others) + 10**9, 0, 0))
        return [
            one
            for one in all_of
            if "more" in one.kind and binding.place.order < one.place.order < end
        ]


class _Walk:
    def __init__(self, names: Names, number: int, unit: Unit) -> None:
        self.names, self.number, self.unit = names, number, unit

    def place(self, node: ast.expr | ast.stmt | ast.arg, scope: Scope, branch: Branch) -> Place:
        return Place((self.number, node.lineno, node.col_offset), self.unit, scope, branch)

    def bind(
        self,
        target: ast.AST | None,
        value: ast.expr | None,
        at: Place,
        kind: Literal["value", "loop", "more", "one-more", "other"] = "value",
    ) -> Binding | None:
        if isinstance(target, ast.Tuple | ast.List):
            for inside in target.elts:
                self.bind(inside, value if kind == "loop" else None, at, kind)
            return None
        name = dotted(target.value if isinstance(target, ast.Starred) else target)
        return self.bind_name(name, value, at, kind) if name else None

    def bind_name(
        self,
        name: str,
        value: ast.expr | None,
        at: Place,
        kind: Literal["value", "loop", "more", "one-more", "other"] = "value",
    ) -> Binding:
        scope = at.scope
        if name.startswith(("self.", "cls.")):
            while scope.kind == "function" and scope.outer is not None:
                scope = scope.outer
        binding = Binding(name, kind if value is not None else "other", value, at)
        scope.bindings.setdefault(name, []).append(binding)
        self.names.bound.append(binding)
        return binding

    def visit(
        self, node: ast.AST, scope: Scope, branch: Branch, target: Binding | None = None
    ) -> None:
        """Walk a part of the tree in the order in which it is run."""
        match node:
            case ast.JoinedStr() | ast.Constant():
                return  # of what is inside an f-string, older Pythons do not know the place
            case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
                self.definition(node, scope, branch)
            case ast.Assign(targets=targets, value=value):
                at = self.place(node, scope, branch)
                bound = [self.bind(each, value, at) for each in targets]
                self.visit(value, scope, branch, bound[0])
            case (
                ast.AnnAssign(target=to, value=ast.expr() as value)
                | ast.NamedExpr(target=to, value=value)
            ):
                bound = [self.bind(to, value, self.place(node, scope, branch))]
                self.visit(value, scope, branch, bound[0])
            case _:
                self.bind_others(node, scope, branch)
                if isinstance(node, ast.Call | ast.Dict | ast.List | ast.Tuple | ast.Set):
                    site = Site(node, self.place(node, scope, branch), target)
                    self.names.sites.append(site)
                self.inside(node, scope, branch)

    def bind_others(self, node: ast.AST, scope: Scope, branch: Branch) -> None:
        """Bind what other statements than plain assignments do."""
        match node:
            case ast.AugAssign(target=to, op=op, value=value):
                more = value if isinstance(op, ast.Add) else None
                self.bind(to, more, self.place(node, scope, branch), "more")
            case ast.Import() | ast.ImportFrom():
                for alias in node.names:
                    name = (alias.asname or alias.name).partition(".")[0]
                    self.bind_name(name, None, self.place(node, scope, branch))
            case ast.With() | ast.AsyncWith():
                for each in node.items:
                    self.bind(each.optional_vars, None, self.place(node, scope, branch))
            case ast.Call(
                func=ast.Attribute(value=owner, attr="append" | "extend" as how),
                args=[added],
                keywords=[],
            ):
                kind: Literal["more", "one-more"] = "more" if how == "extend" else "one-more"
                self.bind(owner, added, self.place(node, scope, branch), kind)
            case _:
                pass

    def definition(
        self,
        node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda,
        scope: Scope,
        branch: Branch,
    ) -> None:
        if not isinstance(node, ast.Lambda):
            self.bind_name(node.name, None, self.place(node, scope, branch))
            for decorator in node.decorator_list:
                self.visit(decorator, scope, branch)
        inner = Scope("class" if isinstance(node, ast.ClassDef) else "function", scope)
        if isinstance(node, _FUNCTIONS):
            for part in ast.walk(node.args):
                if isinstance(part, ast.arg):
                    self.bind_name(part.arg, None, self.place(part, inner, ()))
            for default in (*node.args.defaults, *filter(None, node.args.kw_defaults)):
                self.visit(default, scope, branch)
        else:
            for base in (*node.bases, *(keyword.value for keyword in node.keywords)):
                self.visit(base, scope, branch)
        for statement in [node.body] if isinstance(node, ast.Lambda) else node.body:
            self.visit(statement, inner, ())

    def inside(self, node: ast.AST, scope: Scope, branch: Branch) -> None:
        """Walk the parts of a node; those of a condition or a loop are branches."""
        nests = isinstance(node, _NESTED) and not _is_main(node)
        if isinstance(node, ast.For | ast.AsyncFor):
            inside = (*branch, (id(node), "body"))
            self.bind(node.target, node.iter, self.place(node, scope, inside), "loop")
        for part, value in ast.iter_fields(node):
            inner = branch
            if nests and part in _BRANCHES:
                inner = (*branch, (id(node), part))
            for child in _nodes(value):
                self.visit(child, scope, inner)


def _nodes(value: object) -> Iterator[ast.AST]:
    for each in value if isinstance(value, list) else [value]:
        if isinstance(each, ast.AST):
            yield each


def _is_main(node: ast.AST) -> bool:
    """Tell whether this is `if __name__ == "__main__":`, which is no condition of the script."""
    return isinstance(node, ast.If) and any(
        isinstance(each, ast.Name) and each.id == "__name__" for each in ast.walk(node.test)
    )
