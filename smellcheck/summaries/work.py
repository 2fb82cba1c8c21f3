"""What the statements of one function do: to gradients, to what they are given, and whom they call in which mode."""

from __future__ import annotations

import ast
import re
import sys
from dataclasses import replace
from functools import lru_cache

from ..facts.modes import NEEDS_GRAPH, NEEDS_GRAPH_NAMES, NEUTRAL, OFF, ON, SWITCH
from .given import Expressions
from .model import Function
from .spelling import Spelling
from .tree import children

_WORDS = re.compile(r"grad|inference_mode|detach|freez|frozen|peft|lora|adapter|bitfit|backward", re.I)
_SYNCHRONISES = frozenset({"item", "tolist", "cpu", "numpy", "synchronize"})
_LOADS = frozenset({"from_pretrained", "load_from_checkpoint", "load_state_dict", "load_model"})
_LOADING = frozenset(
    {"torch.load", "torch.jit.load", "torch.hub.load", "joblib.load", "pickle.load", "timm.create_model"}
)
_CHANGING = frozenset({"append", "extend", "insert", "update", "clear", "pop", "remove", "setdefault", "sort"})
#: Callees of these packages are no code of the project; `builtins` has no names of its own here.
_FOREIGN = frozenset({*sys.stdlib_module_names, "torch", "numpy", "pandas", "tqdm", "torchvision", "matplotlib"})
#: The nodes that the walk takes note of.
_TELLING = frozenset({
    ast.With, ast.AsyncWith, ast.FunctionDef, ast.Yield, ast.keyword, ast.Call, ast.For, ast.Assign, ast.AugAssign,
    ast.Delete,
})  # fmt: skip
_BLOCKS = (ast.With, ast.AsyncWith)


class Mode:
    """What contexts and decorators hold, by name."""

    def __init__(self, spelling: Spelling, local: frozenset[str]) -> None:
        self._spelling = spelling
        self._local = local

    def held(self, node: ast.expr) -> str:
        """`off`, `on`, `neutral`, or `?`."""
        call = node if isinstance(node, ast.Call) else None
        func = call.func if call is not None else node
        name = self._spelling.of(func, self._local)
        if name is None:
            # A builtin, or a method of something: files, locks, progress bars.
            match func:
                case ast.Name(id=builtin) if builtin not in self._local and NEUTRAL.match(builtin):
                    return "neutral"
            return "?"
        if name in OFF or name in ON:
            return "off" if name in OFF else "on"
        if name in SWITCH and call is not None and call.args and isinstance(call.args[0], ast.Constant):
            return "on" if call.args[0].value else "off"
        return "neutral" if NEUTRAL.match(name) else "?"


class Work:
    """One walk over the statements of a function, nested functions included, or of a module."""

    def __init__(
        self, spelling: Spelling, expressions: Expressions, params: tuple[str, ...], body: list[ast.stmt]
    ) -> None:
        self._spelling = spelling
        self._local = expressions.local
        self._mode = Mode(spelling, expressions.local)
        self._params = frozenset(params) - {"self", "cls"}
        self._body = body
        self._words: set[str] = set()
        self._flags: set[str] = set()
        self._calls: dict[str, set[str]] = {}
        self._done: dict[str, set[str]] = {"freezes": set(), "evals": set(), "trained": set(), "mutates": set()}
        #: Loop variables over a parameter's parameters: to freeze them is to freeze it.
        self._walked: dict[str, str] = {}
        self._yields: set[str] = set()

    def told(self, made: Function) -> Function:
        """The function with what it does."""
        todo: list[tuple[ast.AST, str]] = [(statement, "") for statement in reversed(self._body)]
        while todo:
            node, mode = todo.pop()
            # Names, constants and attributes are two thirds of a tree, and go the short way.
            if isinstance(node, ast.Name):
                self._note(node.id)
            elif isinstance(node, ast.Attribute):
                self._attribute(node)
                todo.append((node.value, mode))
            elif not isinstance(node, ast.Constant):
                if type(node) in _TELLING:
                    mode, below = self._look(node, mode)
                else:
                    below = children(node)
                todo += [(child, mode) for child in reversed(below)]
        return replace(
            made,
            whole=self._whole(),
            holds=self._holds(made),
            trains="trains" in self._flags,
            loads="loads" in self._flags,
            synchronises="synchronises" in self._flags,
            freezes=tuple(sorted(self._done["freezes"])),
            evals=tuple(sorted(self._done["evals"] - self._done["trained"])),
            mutates=tuple(sorted(self._done["mutates"])),
            words=tuple(sorted(self._words)),
            calls={mode: tuple(sorted(names)) for mode, names in sorted(self._calls.items())},
        )

    def _look(self, node: ast.AST, mode: str) -> tuple[str, list[ast.AST]]:
        """Takes note of a node; the mode that holds below it, and what is below."""
        match node:
            case ast.With(items=items, body=body) | ast.AsyncWith(items=items, body=body):
                for item in items:
                    held = self._mode.held(item.context_expr)
                    mode = mode if held == "neutral" else held
                return mode, [*(item.context_expr for item in items), *body]
            case ast.FunctionDef(name=name, decorator_list=decorators, body=body):
                for decorator in decorators:
                    held = self._mode.held(decorator)
                    mode = held if held in ("off", "on") else mode
                self._note(name)
                return mode, [*body]
            case ast.Yield():
                self._yields.add(mode)
            # What is made to be trained says nothing of freezing.
            case ast.keyword(arg=str(name), value=value) if name != "requires_grad" or not _is(value, True):
                self._note(name)
            case ast.Call():
                self._called(node, mode)
            case ast.For(target=ast.Name(id=target), iter=iterable):
                owner = _walked(iterable)
                if owner is not None:
                    self._walked[target] = owner
        if isinstance(node, ast.Assign | ast.AugAssign | ast.Delete):
            self._stored(node)
        return mode, children(node)

    def _note(self, name: str) -> None:
        if _has_word(name):
            self._words.add(name)

    def _attribute(self, node: ast.Attribute) -> None:
        # Who asks which parameters learn, as counting them does, freezes none.
        if node.attr != "requires_grad" or not isinstance(node.ctx, ast.Load):
            self._note(node.attr)
        if node.attr == "grad" and self._spelling.of(node, self._local) is None:
            self._flags.add("trains")

    def _called(self, node: ast.Call, mode: str) -> None:
        full = self._spelling.of(node.func, self._local)
        if full is not None:
            if NEEDS_GRAPH_NAMES.search(full):
                self._flags.add("trains")
            if full in _LOADING:
                self._flags.add("loads")
        for keyword in node.keywords:
            if keyword.arg in ("requires_grad", "create_graph", "retain_graph") and _is(keyword.value, True):
                self._flags.add("trains")
        callee = full
        match node.func:
            case ast.Attribute(value=owner, attr=method):
                self._method(node, owner, method, full)
                if full is None:
                    own = isinstance(owner, ast.Name) and owner.id in ("self", "cls")
                    callee = f"self.{method}" if own else f".{method}"
        if callee is not None and callee.partition(".")[0] not in _FOREIGN:
            self._calls.setdefault(mode, set()).add(callee)

    def _method(self, node: ast.Call, owner: ast.expr, method: str, full: str | None) -> None:
        if method in _SYNCHRONISES:
            self._flags.add("synchronises")
        if method in _LOADS:
            self._flags.add("loads")
        off = method == "requires_grad_" and any(_is(arg, False) for arg in node.args)
        if (method in NEEDS_GRAPH and not off) or (method == "step" and not node.args and full is None):
            self._flags.add("trains")
        name = owner.id if isinstance(owner, ast.Name) else ""
        name = self._walked.get(name, name)
        if name not in self._params:
            return
        if off:
            self._done["freezes"].add(name)
        if method in ("eval", "train"):
            evaluates = method == "eval" or any(_is(arg, False) for arg in node.args)
            self._done["evals" if evaluates else "trained"].add(name)
        if method in _CHANGING or (method.endswith("_") and not method.startswith("_")):
            self._done["mutates"].add(name)

    def _stored(self, node: ast.Assign | ast.AugAssign | ast.Delete) -> None:
        targets = node.targets if not isinstance(node, ast.AugAssign) else [node.target]
        for target in targets:
            owner = target
            while isinstance(owner, ast.Attribute | ast.Subscript):
                owner = owner.value
            if not isinstance(owner, ast.Name) or owner is target:
                continue
            name = self._walked.get(owner.id, owner.id)
            if isinstance(target, ast.Attribute) and target.attr == "requires_grad" and isinstance(node, ast.Assign):
                if not _is(node.value, False):
                    self._flags.add("trains")
                elif name in self._params:
                    self._done["freezes"].add(name)
            if name in self._params:
                self._done["mutates"].add(name)

    def _whole(self) -> bool:
        body = [s for s in self._body if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))]
        match body:
            case [ast.With(items=items)] | [ast.With(items=items), ast.Return(value=ast.Name() | None)]:
                return any(self._mode.held(item.context_expr) == "off" for item in items)
        return False

    def _holds(self, made: Function) -> str:
        """What the function does to code that it is put around."""
        given = made.returns
        if isinstance(given, str) and given.startswith("="):
            if given[1:] in OFF:
                return "off"
        if self._yields == {"off"}:
            return "off"
        for statement in self._body:
            # The wrapper that a decorator gives back calls what it was given, and nothing of it without the mode.
            if (
                isinstance(statement, ast.FunctionDef)
                and not self._calls_given(statement, "")
                and self._calls_given(statement, "off")
            ):
                return "off"
        return "?" if self._words else "neutral"

    def _calls_given(self, function: ast.FunctionDef, wanted: str) -> bool:
        todo: list[tuple[ast.AST, str]] = [(function, "")]
        while todo:
            node, mode = todo.pop()
            if isinstance(node, (*_BLOCKS, ast.FunctionDef)):
                mode, below = self._look(node, mode)
                todo += ((child, mode) for child in below)
                continue
            match node:
                case ast.Call(func=ast.Name(id=name)) if name in self._params and mode == wanted:
                    return True
            todo += ((child, mode) for child in children(node))
        return False


@lru_cache(maxsize=1 << 16)
def _has_word(name: str) -> bool:
    """Whether a name is one of those that say something of gradients."""
    return _WORDS.search(name) is not None


def _walked(node: ast.expr) -> str | None:
    """`m` in `m.parameters()`, `m.named_parameters()` and `m.base.parameters()` — but for a part, it is not all."""
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="parameters")):
            return name
    return None


def _is(node: ast.AST, value: bool) -> bool:
    return isinstance(node, ast.Constant) and node.value is value
