"""Habits seen in the syntax tree of a Python file: what may be caught, called and waited for, and where."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

CATCH_ALL = ("poise/control/loop.py", "poise/edge/*server*.py")  # places that must outlive any one surprise
_BROAD = {"Exception", "BaseException"}
_MODULES = {"pickle", "marshal", "shelve", "dill", "cloudpickle"}
_EVALUATES = {"eval", "exec"}
_YAML_LOADS = {"load", "load_all", "unsafe_load", "unsafe_load_all", "full_load", "full_load_all"}
_RUNS_SQL = {"execute", "executemany", "executescript", "exec_driver_sql", "text"}

Breach = tuple[int, str]


def breaches(path: Path, tree: ast.Module) -> Iterator[Breach]:
    """Line and breach, in no particular order."""
    for node in ast.walk(tree):
        if not any(fnmatch(path.as_posix(), place) for place in CATCH_ALL):
            yield from _catches(node)
        yield from _unsafe(node)
    yield from _sql(tree)
    if path.parts[0] == "tests":
        yield from _sleeps(tree)


def _catches(node: ast.AST) -> Iterator[Breach]:
    """Everything caught: ``except:``, ``except Exception``, in a tuple too, and suppress(Exception)."""
    hint = f"\n  hint: catch what you can name; all of it only in {' and '.join(CATCH_ALL)}"
    if isinstance(node, ast.ExceptHandler):
        broad = node.type is None or _BROAD & set(_names(node.type))
        # Settling what is half done and raising on swallows nothing.
        if broad and not (isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None):
            yield node.lineno, "catches everything" + hint
    if not isinstance(node, ast.Call) or _last_name(node.func) != "suppress":
        return
    if any(_BROAD & set(_names(argument)) for argument in node.args):
        yield node.lineno, "suppresses everything" + hint


def _unsafe(node: ast.AST) -> Iterator[Breach]:
    """Ways to run what was read: pickle and its kin, YAML's own loader, eval and exec."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
        for module in modules:
            if module.split(".")[0] in _MODULES:
                yield node.lineno, f"imports {module}, which runs what it reads\n  hint: msgspec reads values only"
    if not isinstance(node, ast.Call):
        return
    if isinstance(node.func, ast.Name) and node.func.id in _EVALUATES:
        yield node.lineno, f"calls {node.func.id}\n  hint: parse what you expect"
    if isinstance(node.func, ast.Attribute) and _last_name(node.func.value) == "yaml" and node.func.attr in _YAML_LOADS:
        yield node.lineno, f"calls yaml.{node.func.attr}\n  hint: yaml.compose gives nodes and makes no objects"


def _sleeps(tree: ast.Module) -> Iterator[Breach]:
    """A test that waits for a time instead of for a fact.

    sleep(0) lets others run, a clock's sleep is virtual, and a sleep between two looks at a fact (in a ``while`` with a
    condition) waits for that fact.
    """
    loops = [node for node in ast.walk(tree) if isinstance(node, ast.While) and not isinstance(node.test, ast.Constant)]
    between_looks = {id(node) for loop in loops for node in ast.walk(loop)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or _last_name(node.func) != "sleep" or id(node) in between_looks:
            continue
        virtual = isinstance(node.func, ast.Attribute) and _last_name(node.func.value).endswith("clock")
        yields = bool(node.args) and isinstance(node.args[0], ast.Constant) and node.args[0].value == 0
        if not virtual and not yields:
            hint = "wait for the fact (an event, a line, a file), or use the virtual clock"
            yield node.lineno, f"a test that sleeps\n  hint: {hint}"


def _sql(tree: ast.Module) -> Iterator[Breach]:
    """SQL put together from values, where it is run or a few lines before, in a variable of the same scope."""
    for scope in ast.walk(tree):
        if not isinstance(scope, ast.FunctionDef | ast.AsyncFunctionDef | ast.Module):
            continue
        own = list(_own(scope))
        literal = _literal_names(own)
        assigned = (node for node in own if isinstance(node, ast.Assign) and _built(node.value, literal))
        built = {target.id for node in assigned for target in node.targets if isinstance(target, ast.Name)}
        for node in own:
            if not isinstance(node, ast.Call) or _last_name(node.func) not in _RUNS_SQL or not node.args:
                continue
            first = node.args[0]
            if _built(first, literal) or (isinstance(first, ast.Name) and first.id in built):
                hint = "bind values as parameters, or build it with SQLAlchemy"
                yield node.lineno, f"SQL put together from strings\n  hint: {hint}"


def _literal_names(own: list[ast.AST]) -> set[str]:
    """Variables that run over a list of literals written where they are used: no value from outside can be in them."""
    loops = [node for node in own if isinstance(node, ast.For) and isinstance(node.iter, ast.Tuple | ast.List)]
    return {
        loop.target.id
        for loop in loops
        if isinstance(loop.target, ast.Name)
        and isinstance(loop.iter, ast.Tuple | ast.List)
        and all(isinstance(item, ast.Constant) for item in loop.iter.elts)
    }


def _own(scope: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a scope without those of functions in it."""
    for node in ast.iter_child_nodes(scope):
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from _own(node)


def _built(node: ast.expr, literal: set[str]) -> bool:
    """Whether a string is made from parts that are not all literal: f-string, %, + or format."""
    if isinstance(node, ast.JoinedStr):
        values = [part.value for part in node.values if isinstance(part, ast.FormattedValue)]
        return any(_last_name(value) not in literal for value in values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod | ast.Add):
        sides = (node.left, node.right)
        return any(_is_text(side) or _built(side, literal) for side in sides)
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format"


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _names(node: ast.expr) -> list[str]:
    return [_last_name(part) for part in (node.elts if isinstance(node, ast.Tuple) else [node])]


def _last_name(node: ast.expr) -> str:
    """``sleep`` of ``asyncio.sleep`` and of ``sleep``; empty for anything else."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
