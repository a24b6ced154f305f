"""Small faults put into a module, one at a time: what a test that checks the module must notice.

The operators are the usual ones (A. J. Offutt et al., "An Experimental Determination of Sufficient Mutant
Operators", 1996, and what mutmut and cosmic-ray do), over Python's own syntax trees.
"""

import ast
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from types import CodeType
from typing import NamedTuple

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult, ast.Pow: ast.Mult, ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr,
    ast.LShift: ast.RShift, ast.RShift: ast.LShift,
}  # fmt: skip
DELETED = (ast.Expr, ast.Assign, ast.AugAssign, ast.Raise, ast.Delete, ast.Continue, ast.Break)
TYPES = ("TypeVar", "Generic", "Literal", "ClassVar", "assert_never")
"""What only the type checker reads."""

CHANGE_CHARS = 72
"""A fault is shown with the expression around it, if that is no longer."""


class Site(NamedTuple):
    """Where a fault can be put: below ``parent``, ``after`` in the place of ``node``."""

    place: str
    stmt: ast.stmt
    parent: ast.AST
    node: ast.AST
    after: ast.AST
    around: ast.AST | None = None
    """What is shown with it."""

    def put(self) -> str:
        """Put the fault in; return before and after, as a person reads them."""
        before = ast.unparse(self.around or self.node)
        _swap(self.parent, self.node, self.after)
        gone = isinstance(self.after, ast.If)
        return f"{before} -> {'nothing' if gone else ast.unparse(self.around or self.after)}"


@dataclass(frozen=True)
class Mutant:
    """One fault.

    Attributes:
        place: the function that holds it, by its qualified name; "" outside of functions.
        label: the function, or the name that is assigned, for a person.
        lines: of the statement, for the tests that run it.
        change: before and after, as a person reads them.
        build: makes the module's code with the fault.
    """

    place: str
    label: str
    lines: range
    change: str
    build: Callable[[], CodeType]


def mutants(source: str, path: str) -> list[Mutant]:
    """Return every mutant of a module's source; ``path`` is the file that it is compiled for."""
    found, seen = [], Counter[tuple[str, str]]()
    for number, site in enumerate(_sites(ast.parse(source))):
        place, stmt, change = site.place, site.stmt, site.put()
        _swap(site.parent, site.after, site.node)
        label = place or _assigned(stmt)
        seen[label, change] += 1
        change += f" (no. {times})" if (times := seen[label, change]) > 1 else ""
        found.append(Mutant(place, label, _head(stmt), change, partial(_build, source, path, number)))
    return found


def _assigned(stmt: ast.stmt) -> str:
    """Return the name that a statement outside of functions gives to something."""
    match stmt:
        case ast.Assign([target, *_]) | ast.AnnAssign(target) | ast.AugAssign(target):
            return ast.unparse(target)
        case ast.FunctionDef(name) | ast.AsyncFunctionDef(name):
            return f"defaults of {name}"
    return "module"


def _build(source: str, path: str, number: int) -> CodeType:
    tree = ast.parse(source)
    next(islice(_sites(tree), number, None)).put()
    return compile(ast.fix_missing_locations(tree), path, "exec", dont_inherit=True)


def _head(stmt: ast.stmt) -> range:
    """Return the lines of a statement without those of the statements inside it."""
    body = getattr(stmt, "body", None) or getattr(stmt, "cases", None)
    first_inside = getattr(body[0], "lineno", stmt.lineno + 1) if body else (stmt.end_lineno or 0) + 1
    return range(stmt.lineno, max(stmt.lineno + 1, first_inside))


def _sites(tree: ast.Module) -> Iterator[Site]:
    for stmt in tree.body:
        yield from _in_statement(stmt, tree, "", "")


def _in_statement(stmt: ast.stmt, parent: ast.AST, scope: str, place: str) -> Iterator[Site]:
    """Yield the sites of a statement. ``scope`` names what encloses it, ``place`` the outermost function."""
    match stmt:
        case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
            name = f"{scope}.{stmt.name}".removeprefix(".")
            if not isinstance(stmt, ast.ClassDef):
                yield from _in_all([*stmt.args.defaults, *stmt.args.kw_defaults], stmt.args, stmt, place)
                place = place or name
            for each in stmt.body:
                yield from _in_statement(each, stmt, name, place)
            return
        case ast.Expr(ast.Call(ast.Name(name))) if name in TYPES:
            return
        case ast.Expr(ast.Constant()) | ast.Import() | ast.ImportFrom():
            return
        case ast.Return(ast.expr() as value) if ast.unparse(value) != "None":
            yield Site(place, stmt, stmt, value, ast.Constant(None), stmt)
        case ast.Assign() if not place:
            pass  # without the name nothing could be imported
        case _ if isinstance(stmt, DELETED):
            # Below what is never true, so that the function keeps its free variables.
            yield Site(
                place, stmt, parent, stmt, ast.copy_location(ast.If(ast.Constant(False), [stmt], []), stmt)
            )
    if isinstance(stmt, ast.AugAssign):
        other = ast.AugAssign(stmt.target, ARITHMETIC[type(stmt.op)](), stmt.value)
        yield Site(place, stmt, parent, stmt, ast.copy_location(other, stmt))
    for field, value in ast.iter_fields(stmt):
        if field != "annotation":
            yield from _in_all(value if isinstance(value, list) else [value], stmt, stmt, place)


def _in_all(nodes: Sequence[object], parent: ast.AST, stmt: ast.stmt, place: str) -> Iterator[Site]:
    for node in nodes:
        if isinstance(node, ast.stmt):
            yield from _in_statement(node, parent, "", place)
        elif isinstance(node, ast.expr):
            called = getattr(node, "func", getattr(node, "value", None))
            if isinstance(called, ast.Name) and called.id in TYPES:
                continue
            shown = isinstance(parent, ast.expr) and len(ast.unparse(parent)) <= CHANGE_CHARS
            for after in _variants(node):
                yield Site(place, stmt, parent, node, after, parent if shown else None)
        if isinstance(node, ast.AST) and not isinstance(node, ast.stmt | ast.JoinedStr):
            yield from _in_all(list(ast.iter_child_nodes(node)), node, stmt, place)


def _swap(parent: ast.AST, node: ast.AST, after: ast.AST) -> None:
    """Put ``after`` where ``node`` is."""
    for field, value in ast.iter_fields(parent):
        if value is node:
            setattr(parent, field, after)
        elif isinstance(value, list):
            value[:] = [after if each is node else each for each in value]


def _variants(node: ast.expr) -> list[ast.expr]:
    """Return what an expression may be mistaken for."""
    match node:
        case ast.Constant(bool() as value):
            return [ast.Constant(not value)]
        case ast.Constant(int() as value):
            return [ast.Constant(value + 1), ast.Constant(value - 1)]
        case ast.Constant(float() as value):
            return [ast.Constant(value * 1.5 or 1.0)]
        case ast.Constant("" | b"" as value):
            return [ast.Constant("x" if isinstance(value, str) else b"x")]
        case ast.Constant(str() | bytes() as value):
            return [ast.Constant(value[:0])]
        case ast.JoinedStr():
            return [ast.Constant("")]
        case ast.Compare(left, ops, others):
            return [
                ast.Compare(left, [*ops[:n], COMPARISONS[type(op)](), *ops[n + 1 :]], others)
                for n, op in enumerate(ops)
            ]
        case ast.BinOp(left, op, right):
            return [ast.BinOp(left, ARITHMETIC[type(op)](), right)]
        case ast.BoolOp(op, values):
            return [ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), values)]
        case ast.UnaryOp(ast.Not() | ast.USub(), operand):
            return [operand]
        case ast.IfExp(test, body, orelse):
            return [ast.IfExp(test, orelse, body)]
    return []
