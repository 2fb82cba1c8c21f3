"""What expressions give, as far as their own function and module say, whatever the order of statements."""

from __future__ import annotations

import ast

from ..facts.frameworks import LOADERS, MODULE_WRAPPERS
from .model import UNKNOWN, Given
from .spelling import OWN, Spelling

#: Methods that give back the module they are called on.
_SAME = frozenset(
    {"to", "cuda", "cpu", "half", "float", "bfloat16", "double", "train", "requires_grad_", "share_memory", "eval"}
)
#: How deep an expression is followed, and how many ways a name may be bound.
_DEEPEST, _WAYS = 6, 6


class Expressions:
    """The expressions of one function, or of a module's own statements."""

    def __init__(self, spelling: Spelling, params: tuple[str, ...], bound: dict[str, list[ast.expr | None]]) -> None:
        self._spelling = spelling
        self._params = params
        self._bound = bound
        self.local = frozenset(bound) | frozenset(params)

    def of(self, node: ast.AST | None, depth: int = 0, pending: frozenset[str] = frozenset()) -> Given:
        """What an expression gives."""
        if depth > _DEEPEST:
            return UNKNOWN
        match node:
            case ast.Constant(value=value):
                return _literal(value)
            case ast.Tuple(elts=elements):
                return [self.of(element, depth + 1, pending) for element in elements]
            case ast.List() | ast.ListComp():
                return "#list"
            case ast.Dict() | ast.DictComp():
                return "#dict"
            case ast.JoinedStr():
                return "#string"
            case ast.IfExp(body=body, orelse=orelse):
                return either([self.of(body, depth + 1, pending), self.of(orelse, depth + 1, pending)])
            case ast.Call():
                return self._of_call(node, depth, pending)
            case ast.Attribute(value=ast.Name(id="self"), attr=name):
                return f"%{name}"
            case ast.Name(id=name):
                return self._of_name(name, depth, pending)
            case ast.Attribute():
                full = self._spelling.of(node, self.local)
                return full if full is not None and full.startswith(OWN) else UNKNOWN
        return UNKNOWN

    def _of_name(self, name: str, depth: int, pending: frozenset[str]) -> Given:
        if name in pending:
            return "#pending"
        if name in self._bound:
            ways = self._bound[name]
            if len(ways) > _WAYS:
                return UNKNOWN
            found = [self.of(value, depth + 1, pending | {name}) for value in ways]
            if name in self._params:
                found.append(f"${name}")
            return either(found)
        if name in self._params:
            return f"${name}"
        return f"{OWN}{name}" if name in self._spelling.own or name in self._spelling.imports else UNKNOWN

    def _of_call(self, node: ast.Call, depth: int, pending: frozenset[str]) -> Given:
        full = self._spelling.of(node.func, self.local)
        if full in MODULE_WRAPPERS and node.args:
            return self.of(node.args[0], depth + 1, pending)
        match node.func:
            case ast.Attribute(value=ast.Name(id="self"), attr=method):
                return f"=self.{method}"
            case ast.Attribute(value=owner, attr="numpy") if not node.args and _is_cut(owner):
                return "#array"
            case ast.Attribute(value=owner, attr=method) if method in _SAME and (
                full is None or full.startswith(OWN) or isinstance(owner, ast.Call)
            ):
                return _then(self.of(owner, depth + 1, pending), method)
            case ast.Name(id=name) if full is None and name in self._params:
                return UNKNOWN
        if (
            full is not None
            and full.startswith(("torch.utils.data.", "monai.data."))
            and full in LOADERS
            and _pins(node)
        ):
            return f"={full}|pins"
        return f"={full}" if full is not None else UNKNOWN


def either(ways: list[Given]) -> Given:
    """One of several; what is being worked out says nothing new."""
    once: list[Given] = []
    for way in ways:
        for each in way["any"] if isinstance(way, dict) else [way]:
            if each not in once and each not in ("#pending", "#none"):
                once.append(each)
    if not once:
        return ways[0] if ways else UNKNOWN
    return once[0] if len(once) == 1 else {"any": once}


def _is_cut(node: ast.expr) -> bool:
    """Whether a chain of methods cuts a tensor from its graph."""
    while isinstance(node, ast.Attribute | ast.Call):
        if isinstance(node, ast.Attribute) and node.attr in ("detach", "data"):
            return True
        node = node.value if isinstance(node, ast.Attribute) else node.func
    return False


def _pins(node: ast.Call) -> bool:
    """Whether a call of a loader asks for pinned batches, which nobody puts together in a way of their own."""
    given = {one.arg: one.value for one in node.keywords}
    pinned = given.get("pin_memory")
    return isinstance(pinned, ast.Constant) and pinned.value is True and given.keys().isdisjoint({"collate_fn", None})


def _then(given: Given, method: str) -> Given:
    if method not in ("eval", "train"):
        return given
    if isinstance(given, dict):
        return {"any": [_then(each, method) for each in given["any"]]}
    return f"{given.partition('|')[0]}|{method}" if isinstance(given, str) and given != UNKNOWN else given


def _literal(value: object) -> str:
    match value:
        case None:
            return "#none"
        case bool():
            return "#bool"
        case int() | float():
            return "#number"
        case str():
            return "#string"
    return UNKNOWN
