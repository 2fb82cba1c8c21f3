"""Under what a node runs: functions, loops and their kind, `with` blocks, tests, and repeated guards."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import libcst as cst

from .scopes import COMPREHENSIONS, bound_names, targets
from .tree import descend, dotted

if TYPE_CHECKING:
    from ..file import File

LoopKind = Literal["epoch", "batch", "chunk", "sample", "fold", "few", "stream", "member", "unknown"]
Comprehension = cst.ListComp | cst.SetComp | cst.DictComp | cst.GeneratorExp
LoopNode = cst.For | cst.While | cst.ListComp | cst.SetComp | cst.DictComp | cst.GeneratorExp

# Calls that give the items of their first argument one by one, in order.
_TRANSPARENT = {
    "enumerate",
    "tqdm",
    "trange",
    "list",
    "tuple",
    "iter",
    "reversed",
    "sorted",
    "track",
    "islice",
    "progress_bar",
    "notebook_tqdm",
    "prange",
    "set",
    "notebook.tqdm",
}
_BATCHY = re.compile(r"loader|batch|chunk|minibatch|_iter$|iterator|bucket|shard|split|prefetcher", re.I)
_EPOCHS = re.compile(
    r"epoch|^n_iter|num_iter|max_iter|restart|^steps?$|num_steps|n_steps|max_steps|iterations|attempt|retry|retries|repeat|runs?$|trial|seed|warm_?up",
    re.I,
)
_FOLDS = re.compile(r"fold|kf\b|skf|cv\b|splits?$|trial|seed", re.I)
_MEMBERS = re.compile(
    r"^(models?|nets?|networks?|clfs?|classifiers?|estimators?|learners?|encoders?|checkpoints?|ckpts?|ensemble|modules?|layers?|blocks?|agents?|heads?|experts?|members?|pipelines?|regressors?|detectors?)$",
    re.I,
)
_TEST_PATH = re.compile(
    r"(^|/)(tests?|testing|unittests?|benchmarks?|bench|profiling)/|(^|/)(conftest|bench(mark)?_[^/]*|[^/]*_bench(mark)?"
    r"|bench(mark)?s?|profile_[^/]*|speed_?test[^/]*)\.py$",
    re.I,
)
# A script named `test.py` evaluates a model as often as it tests code: what it contains decides.
_TEST_FILE = re.compile(r"(^|/)(test_[^/]*|[^/]*_tests?|tests?)\.py$", re.I)
_TEST_CODE = re.compile(r"^\s*(import|from) (pytest|unittest)\b", re.M)
# One forward to trace or export a network, or to compare its gradients, is not what the network is for.
_TRACES = re.compile(
    r"^\s*(torch\.)?(onnx\.export|jit\.trace|export\.export)\(|\bgradcheck\(|= *torch\.jit\.(trace|script)\(", re.M
)
_TEST_ASSERTS = re.compile(r"^def test_\w+\(\):(\n([ \t].*)?)*\n[ \t]+assert ", re.M)
_TEST_NAME = re.compile(
    r"bench_|benchmark|speed_?test|profile_|_profile|debug|gradcheck|sanity_check|smoke|time_it|latency|^check_|^example_"
    r"|^export_|_export$|onnx|torchscript",
    re.I,
)


@dataclass(frozen=True)
class Loop:
    """One loop around a node, and what it runs over."""

    node: LoopNode
    kind: LoopKind
    target: cst.CSTNode | None
    #: What it takes its items from, stripped of `enumerate`, `tqdm` and the like; `x` for `range(len(x))`.
    over: cst.CSTNode | None
    #: True when the loop variable is an index into `over`.
    indexed: bool = False


class Context:
    """The surroundings of nodes in one file."""

    def __init__(self, file: File) -> None:
        self._file = file
        self._loops: dict[cst.CSTNode, Loop] = {}
        self._tests: dict[cst.FunctionDef, bool] = {}

    def function(self, node: cst.CSTNode) -> cst.FunctionDef | None:
        """The function whose body a node stands in; `None` at module or class level."""
        scope = self._file.scopes.around(node)
        while scope.parent is not None and isinstance(scope.node, (*COMPREHENSIONS, cst.Lambda)):
            scope = scope.parent
        return scope.node if isinstance(scope.node, cst.FunctionDef) else None

    def ancestors(self, node: cst.CSTNode) -> Iterator[tuple[cst.CSTNode, cst.CSTNode]]:
        """Pairs of (child, ancestor) from a node up to the body of its function or the module."""
        child, current = node, self._file.parent(node)
        while current is not None:
            if isinstance(current, cst.FunctionDef | cst.ClassDef) and child is current.body:
                return
            yield child, current
            child, current = current, self._file.parent(current)

    def statement(self, node: cst.CSTNode) -> cst.CSTNode:
        """The statement, simple or compound, that a node belongs to: a whole line or block of a suite."""
        current = node
        while (above := self._file.parent(current)) is not None:
            if isinstance(above, cst.IndentedBlock | cst.Module):
                return current
            current = above
        return current

    def loops(self, node: cst.CSTNode) -> list[Loop]:
        """The loops of the same function that run the node again and again, innermost first."""
        found = []
        for child, above in self.ancestors(node):
            if (
                (isinstance(above, cst.For) and child is above.body)
                or (isinstance(above, cst.While) and (child is above.body or child is above.test))
                or (
                    isinstance(above, COMPREHENSIONS)
                    and not (isinstance(child, cst.CompFor) and self._within(node, child.iter))
                )
            ):
                found.append(self.loop(above))
        return found

    def _within(self, node: cst.CSTNode, ancestor: cst.CSTNode) -> bool:
        current: cst.CSTNode | None = node
        while current is not None:
            if current is ancestor:
                return True
            current = self._file.parent(current)
        return False

    def within(self, node: cst.CSTNode, ancestor: cst.CSTNode) -> bool:
        """Whether a node is an ancestor itself or stands somewhere below it."""
        return self._within(node, ancestor)

    def loop(self, node: LoopNode) -> Loop:
        """A loop with its kind."""
        if node not in self._loops:
            self._loops[node] = self._describe(node)
        return self._loops[node]

    def _describe(self, node: LoopNode) -> Loop:
        if isinstance(node, cst.While):
            return Loop(node, "stream", None, None)
        clause = node if isinstance(node, cst.For) else node.for_in
        over = self._stripped(clause.iter)
        kind, over, indexed = self._kind(over, clause.target)
        return Loop(node, kind, clause.target, over, indexed)

    def _stripped(self, node: cst.BaseExpression) -> cst.BaseExpression:
        while isinstance(node, cst.Call) and node.args and not node.args[0].star:
            name = (
                node.func.value
                if isinstance(node.func, cst.Name)
                else node.func.attr.value
                if isinstance(node.func, cst.Attribute)
                else ""
            )
            if name not in _TRANSPARENT:
                break
            keyword = node.args[0].keyword
            if keyword is not None and keyword.value not in ("iterable", "sequence"):
                break
            node = node.args[0].value
        return node

    def _kind(self, over: cst.BaseExpression, target: cst.CSTNode) -> tuple[LoopKind, cst.CSTNode, bool]:
        if isinstance(over, cst.Call):
            if isinstance(over.func, cst.Name) and over.func.value in ("range", "trange", "prange"):
                return self._range(over, target)
            if isinstance(over.func, cst.Name) and over.func.value == "zip" and over.args:
                kinds = {self._kind(self._stripped(arg.value), target)[0] for arg in over.args if not arg.star}
                for kind in ("batch", "chunk", "member", "fold", "unknown", "few", "sample"):
                    if kind in kinds:
                        return kind, over, False  # type: ignore[return-value]
            if isinstance(over.func, cst.Attribute):
                method = over.func.attr.value
                if method in ("split", "chunk", "array_split", "split_with_sizes") and self._file.values.kind(
                    over.func.value
                ) in ("tensor", "output", None):
                    name = self._file.name(over.func)
                    split = self._file.values.kind(over.func.value) in ("tensor", "output") or name in (
                        "numpy.array_split",
                        "numpy.split",
                        "torch.split",
                        "torch.chunk",
                    )
                    if split:
                        return "chunk", over, False
                    if method != "split" or _FOLDS.search(_last_name(over.func.value) or ""):
                        return "fold", over, False
                    # `text.split()` gives words, `kf.split(X)` folds: an argument-less or string split is words.
                    if over.args and not isinstance(over.args[0].value, cst.SimpleString):
                        return "unknown", over, False
                    return "sample", over, False
                if method in (
                    "iterrows",
                    "itertuples",
                    "readlines",
                    "splitlines",
                    "iterdir",
                    "rglob",
                    "glob",
                    "tolist",
                ):
                    return "sample", over, False
                if method in ("items", "values", "keys"):
                    return (
                        ("member" if _MEMBERS.match(_last_name(over.func.value) or "") else "unknown"),
                        over,
                        False,
                    )
                if method in (
                    "parameters",
                    "named_parameters",
                    "modules",
                    "children",
                    "named_modules",
                    "state_dict",
                ):
                    return "member", over, False
                if method in ("repeat", "batch", "skip", "take", "prefetch", "iter_batches"):
                    return "batch", over, False
            if self._file.name(over.func) in (
                "os.listdir",
                "glob.glob",
                "os.scandir",
                "glob.iglob",
                "csv.reader",
                "csv.DictReader",
            ):
                return "sample", over, False
        last = _last_name(over) or ""
        kind = self._file.values.kind(over)
        if kind == "loader" or (_BATCHY.search(last) and kind not in ("tensor", "array", "series")):
            return "batch", over, False
        if _BATCHY.search(_last_name(target) or ""):
            return "batch", over, False
        if _FOLDS.search(last):
            return "fold", over, False
        if (
            _MEMBERS.match(last)
            or self._file.values.kind(target) == "module"
            or _MEMBERS.match(_last_name(target) or "")
        ):
            return "member", over, False
        if _EPOCHS.search(_last_name(target) or ""):
            return "epoch", over, False
        literal = self._file.values.of(over)
        if isinstance(over, cst.List | cst.Tuple) or (
            literal and isinstance(literal.made, cst.List) and literal.made.elements
        ):
            made = over if isinstance(over, cst.List | cst.Tuple) else literal.made if literal else None
            if isinstance(made, cst.List | cst.Tuple) and len(made.elements) <= 4:
                return "few", over, False
        if kind in ("tensor", "output", "array", "list", "series", "dataset", "frame", "string"):
            return "sample", over, False
        return "unknown", over, False

    def _range(self, call: cst.Call, target: cst.CSTNode) -> tuple[LoopKind, cst.CSTNode, bool]:
        args = [arg.value for arg in call.args]
        if not args or any(arg.star for arg in call.args):
            return "unknown", call, False
        if len(args) == 3 and not _is_integer(args[2], 1):
            return "chunk", call, False
        stop = args[0] if len(args) == 1 else args[1]
        if isinstance(stop, cst.Integer) and int(stop.evaluated_value) <= 4:
            return "few", call, False
        sized = self.sized(stop)
        if sized is not None:
            if self._file.values.kind(sized) == "loader" or _BATCHY.search(_last_name(sized) or ""):
                return "batch", sized, True
            if _MEMBERS.match(_last_name(sized) or ""):
                return "member", sized, True
            return "sample", sized, True
        if _EPOCHS.search(_last_name(target) or "") or _EPOCHS.search(_last_name(stop) or ""):
            return "epoch", call, False
        if _FOLDS.search(_last_name(target) or "") or _FOLDS.search(_last_name(stop) or ""):
            return "fold", call, False
        return "unknown", call, False

    def sized(self, node: cst.CSTNode) -> cst.CSTNode | None:
        """The collection whose length an expression is: `len(x)`, `x.size(0)`, `x.shape[0]`, or a name bound to one."""
        match node:
            case cst.Call(func=cst.Name(value="len"), args=[cst.Arg(value=inner)]):
                return inner
            case cst.Call(
                func=cst.Attribute(value=inner, attr=cst.Name(value="size")),
                args=[cst.Arg(value=cst.Integer(value="0"))],
            ):
                return inner
            case cst.Subscript(
                value=cst.Attribute(value=inner, attr=cst.Name(value="shape")),
                slice=[cst.SubscriptElement(slice=cst.Index(value=cst.Integer(value="0")))],
            ):
                return inner
            case cst.Name():
                reaching = self._file.scopes.reaching(node)
                if (
                    len(reaching) == 1
                    and reaching[0].kind == "assign"
                    and not reaching[0].path
                    and reaching[0].value is not None
                ):
                    if not isinstance(reaching[0].value, cst.Name):
                        return self.sized(reaching[0].value)
        return None

    def invariant(self, node: cst.CSTNode, loop: LoopNode) -> bool:
        """Whether no name that an expression reads is bound, and no attribute of it stored, inside a loop."""
        changed = bound_names(loop)
        if not isinstance(loop, cst.For | cst.While):
            for below in descend(loop):
                if isinstance(below, cst.CompFor):
                    changed |= {name for name, _ in targets(below.target)}
        stored = set()
        for below in descend(loop):
            for target in _stored(below):
                if isinstance(target, cst.Attribute | cst.Subscript):
                    stored.add(
                        self._file.text_of(target.value)
                        if isinstance(target, cst.Subscript)
                        else self._file.text_of(target)
                    )
        for below in descend(node):
            if isinstance(below, cst.Name) and below.value in changed and not self._is_attribute_name(below):
                return False
            if isinstance(below, cst.Call) and below is not node:
                return False
            if isinstance(below, cst.Attribute | cst.Name) and stored and self._file.text_of(below) in stored:
                return False
        return True

    def _is_attribute_name(self, name: cst.Name) -> bool:
        above = self._file.parent(name)
        return isinstance(above, cst.Attribute) and above.attr is name

    def in_test(self, node: cst.CSTNode) -> bool:
        """Whether the code is there to test, benchmark, export or debug, where waste is nobody's concern."""
        path = self._file.path
        if _TEST_PATH.search(path) or (
            _TEST_FILE.search(path) and (self._file.matches(_TEST_CODE) or self._file.matches(_TEST_ASSERTS))
        ):
            return True
        function = self.function(node)
        if function is None and self._file.matches(_TRACES):
            return any(
                _TRACES.search(self._file.text_of(statement))
                for statement in self._file.module.body
                if not isinstance(statement, cst.FunctionDef | cst.ClassDef)
            )
        while function is not None:
            if function not in self._tests:
                self._tests[function] = self._is_test(function)
            if self._tests[function]:
                return True
            above = self._file.parent(function)
            function = self.function(above) if above is not None else None
        return False

    def _is_test(self, function: cst.FunctionDef) -> bool:
        name = function.name.value
        if _TEST_NAME.search(name) or (self._file.matches(_TRACES) and _TRACES.search(self._file.text_of(function))):
            return True
        return name.startswith("test_") and any(isinstance(n, cst.Assert) for n in descend(function.body))

    def is_guarded(self, node: cst.CSTNode, loop: LoopNode) -> bool:
        """Whether, inside a loop, the node runs only now and then: under `%`, a rank, a debug flag, or in `except`."""
        for child, above in self.ancestors(node):
            if above is loop:
                return False
            if isinstance(above, cst.ExceptHandler):
                return True
            if isinstance(above, cst.If) and child is not above.test:
                return True
        return False


def _stored(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    match node:
        case cst.Assign():
            for target in node.targets:
                yield from (target.target.elements if isinstance(target.target, cst.Tuple) else (target.target,))
        case cst.AugAssign() | cst.AnnAssign():
            yield node.target


def _last_name(node: cst.CSTNode) -> str | None:
    match node:
        case cst.Name(value=name) | cst.Attribute(attr=cst.Name(value=name)):
            return name
        case cst.Call(func=func):
            return _last_name(func)
        case cst.Subscript(value=inner):
            return _last_name(inner)
        case cst.Tuple(elements=[*_, last]):
            return _last_name(last.value)
    parts = dotted(node)
    return parts[-1] if parts else None


def _is_integer(node: cst.CSTNode, value: int) -> bool:
    return isinstance(node, cst.Integer) and int(node.evaluated_value) == value
