"""What a loop runs over: epochs, batches, chunks, samples, folds, a few things, members, or nothing known."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import libcst as cst

if TYPE_CHECKING:
    from ..file import File

LoopKind = Literal["epoch", "batch", "chunk", "sample", "fold", "few", "stream", "member", "unknown"]
Comprehension = cst.ListComp | cst.SetComp | cst.DictComp | cst.GeneratorExp
LoopNode = cst.For | cst.While | cst.ListComp | cst.SetComp | cst.DictComp | cst.GeneratorExp

# Calls that give the items of their first argument one by one, in order.
_TRANSPARENT = {
    "enumerate", "tqdm", "trange", "list", "tuple", "iter", "reversed", "sorted", "track", "islice", "progress_bar",
    "notebook_tqdm", "prange", "set", "notebook.tqdm",
}  # fmt: skip
#: Of these, those that show how far a loop has come, and are often made and named before it.
_BARS = {"tqdm", "track", "progress_bar", "notebook_tqdm"}
_BATCHY = re.compile(r"loader|batch|chunk|minibatch|_iter$|iterator|bucket|shard|split|prefetcher", re.I)
_EPOCHS = re.compile(
    r"epoch|^n_iter|num_iter|max_iter|restart|^steps?$|num_steps|n_steps|max_steps|iterations"
    r"|attempt|retry|retries|repeat|runs?$|trial|seed|warm_?up",
    re.I,
)
_FOLDS = re.compile(r"fold|kf\b|skf|cv\b|splits?$|trial|seed", re.I)
_MEMBERS = re.compile(
    r"^(models?|nets?|networks?|clfs?|classifiers?|estimators?|learners?|encoders?|checkpoints?|ckpts?|ensemble"
    r"|modules?|layers?|blocks?|agents?|heads?|experts?|members?|pipelines?|regressors?|detectors?)$",
    re.I,
)
_RANGES = ("range", "trange", "prange")
_SPLITS = ("split", "chunk", "array_split", "split_with_sizes")
_SPLIT_FUNCTIONS = ("numpy.array_split", "numpy.split", "torch.split", "torch.chunk")
_READ_FUNCTIONS = ("os.listdir", "glob.glob", "os.scandir", "glob.iglob", "csv.reader", "csv.DictReader")
#: What the methods give whose name alone says it.
_METHODS: dict[str, LoopKind] = {
    **dict.fromkeys(
        ("iterrows", "itertuples", "readlines", "splitlines", "iterdir", "rglob", "glob", "tolist"), "sample"
    ),
    **dict.fromkeys(("parameters", "named_parameters", "modules", "children", "named_modules", "state_dict"), "member"),
    **dict.fromkeys(("repeat", "batch", "skip", "take", "prefetch", "iter_batches"), "batch"),
}
#: Of the kinds of what is zipped, the first of these is the kind of the loop.
_ZIPPED: tuple[LoopKind, ...] = ("batch", "chunk", "member", "fold", "unknown", "few", "sample")
_FEW = 4
_DISPLAYS = (cst.List, cst.Tuple, cst.Set)


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


class Loops:
    """The loops of one file, each described once."""

    def __init__(self, file: File) -> None:
        self._file = file
        self._known: dict[cst.CSTNode, Loop] = {}

    def of(self, node: LoopNode) -> Loop:
        """A loop with its kind."""
        if node not in self._known:
            self._known[node] = self._describe(node)
        return self._known[node]

    def _describe(self, node: LoopNode) -> Loop:
        if isinstance(node, cst.While):
            return Loop(node, "stream", None, None)
        clause = node if isinstance(node, cst.For) else node.for_in
        bare = _stripped(clause.iter)
        shown = self._shown(bare)
        kind, over, indexed = self._kind(shown if shown is not None else bare, clause.target)
        # What is no name may give other items when it is asked again.
        if shown is not None and not isinstance(over, cst.Name | cst.Attribute):
            over, indexed = bare, False
        return Loop(node, kind, clause.target, over, indexed)

    def _shown(self, bar: cst.BaseExpression) -> cst.BaseExpression | None:
        """What a progress bar goes over that was made and named before the loop: `with tqdm(loader) as bar`."""
        reaching = self._file.scopes.reaching(bar) if isinstance(bar, cst.Name) else []
        if len(reaching) != 1 or reaching[0].kind not in ("assign", "with") or reaching[0].path:
            return None
        made = reaching[0].value
        if not isinstance(made, cst.Call) or _last_name(made.func) not in _BARS:
            return None
        shown = _stripped(made)
        return shown if shown is not made else None

    def _kind(self, over: cst.BaseExpression, target: cst.CSTNode) -> tuple[LoopKind, cst.CSTNode, bool]:
        if isinstance(over, cst.Call):
            if isinstance(over.func, cst.Name) and over.func.value in _RANGES:
                return self._range(over, target)
            called = self._of_call(over, target)
            if called is not None:
                return called, over, False
        return self._of_items(over, target), over, False

    def _of_call(self, over: cst.Call, target: cst.CSTNode) -> LoopKind | None:
        """What the function or method that gives the items says of them."""
        if isinstance(over.func, cst.Name) and over.func.value == "zip" and over.args:
            kinds = {self._kind(_stripped(arg.value), target)[0] for arg in over.args if not arg.star}
            for kind in _ZIPPED:
                if kind in kinds:
                    return kind
        if isinstance(over.func, cst.Attribute):
            method = over.func.attr.value
            if method in _SPLITS and self._file.values.kind(over.func.value) in ("tensor", "output", None):
                return self._split(over, over.func)
            if method in ("items", "values", "keys"):
                return "member" if _MEMBERS.match(_last_name(over.func.value)) else "unknown"
            if method in _METHODS:
                return _METHODS[method]
        return "sample" if self._file.name(over.func) in _READ_FUNCTIONS else None

    def _split(self, over: cst.Call, func: cst.Attribute) -> LoopKind:
        tensor = self._file.values.kind(func.value) in ("tensor", "output")
        if tensor or self._file.name(func) in _SPLIT_FUNCTIONS:
            return "chunk"
        if func.attr.value != "split" or _FOLDS.search(_last_name(func.value)):
            return "fold"
        # `text.split()` gives words, `kf.split(X)` folds: an argument-less or string split is words.
        return "unknown" if over.args and not isinstance(over.args[0].value, cst.SimpleString) else "sample"

    def _of_items(self, over: cst.BaseExpression, target: cst.CSTNode) -> LoopKind:
        """What the names and values on both sides of `in` say."""
        last, item = _last_name(over), _last_name(target)
        kind = self._file.values.kind(over)
        if self._is_cut(over):
            return "chunk"
        if kind == "loader" or (_BATCHY.search(last) and kind not in ("tensor", "array", "series")):
            return "batch"
        if _BATCHY.search(item):
            return "batch"
        if _FOLDS.search(last):
            return "fold"
        if _MEMBERS.match(last) or self._file.values.kind(target) == "module" or _MEMBERS.match(item):
            return "member"
        if _EPOCHS.search(item):
            return "epoch"
        if self._is_short(over):
            return "few"
        if kind in ("tensor", "output", "array", "list", "series", "dataset", "frame", "string"):
            return "sample"
        return "unknown"

    def _is_cut(self, over: cst.BaseExpression) -> bool:
        """Whether a name may stand for the pieces that a tensor or array was cut into."""
        reaching = self._file.scopes.reaching(over) if isinstance(over, cst.Name) else []
        for one in reaching:
            match one.value:
                case cst.Call(func=cst.Attribute(attr=cst.Name(value=method)) as func) as call if (
                    one.kind == "assign" and not one.path and method in _SPLITS
                ):
                    if self._split(call, func) == "chunk":
                        return True
        return False

    def _is_short(self, over: cst.BaseExpression) -> bool:
        """Whether the items stand in the source, and are only a few."""
        made: list[cst.CSTNode | None] = [over]
        if isinstance(over, cst.Name):
            made = [one.value for one in self._file.scopes.reaching(over) if one.kind == "assign" and not one.path]
        elif not isinstance(over, _DISPLAYS):
            value = self._file.values.of(over)
            made = [value.made if value is not None else None]
        # What is bound to an empty display is filled elsewhere.
        return bool(made) and all(
            isinstance(one, _DISPLAYS) and len(one.elements) <= _FEW and (one is over or bool(one.elements))
            for one in made
        )

    def _range(self, call: cst.Call, target: cst.CSTNode) -> tuple[LoopKind, cst.CSTNode, bool]:
        args = [arg.value for arg in call.args]
        if not args or any(arg.star for arg in call.args):
            return "unknown", call, False
        if len(args) == 3 and not _is_integer(args[2], 1):
            return "chunk", call, False
        stop = args[0] if len(args) == 1 else args[1]
        if at_most(stop, _FEW):
            return "few", call, False
        sized = self.sized(stop)
        if sized is not None:
            if self._file.values.kind(sized) == "loader" or _BATCHY.search(_last_name(sized)):
                return "batch", sized, True
            return "member" if _MEMBERS.match(_last_name(sized)) else "sample", sized, True
        # `range(1, epochs + 1)` counts epochs from one on.
        counted = stop.left if isinstance(stop, cst.BinaryOperation) and isinstance(stop.right, cst.Integer) else stop
        names = (_last_name(target), _last_name(counted))
        if any(_EPOCHS.search(name) for name in names):
            return "epoch", call, False
        if any(_FOLDS.search(name) for name in names):
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
                if len(reaching) != 1 or reaching[0].kind != "assign" or reaching[0].path:
                    return None
                value = reaching[0].value
                return self.sized(value) if value is not None and not isinstance(value, cst.Name) else None
        return None


def _stripped(node: cst.BaseExpression) -> cst.BaseExpression:
    """What is looped over, without the calls around it that give its items one by one."""
    while isinstance(node, cst.Call) and node.args and not node.args[0].star:
        match node.func:
            case cst.Name(value=name) | cst.Attribute(attr=cst.Name(value=name)) if name in _TRANSPARENT:
                pass
            case _:
                break
        keyword = node.args[0].keyword
        if keyword is not None and keyword.value not in ("iterable", "sequence"):
            break
        node = node.args[0].value
    return node


def _last_name(node: cst.CSTNode) -> str:
    """The name that says best what an expression is: the last of a chain, of a call, of a tuple; empty for none."""
    match node:
        case cst.Name(value=name) | cst.Attribute(attr=cst.Name(value=name)):
            return name
        case cst.Subscript(slice=[cst.SubscriptElement(slice=cst.Index(value=cst.SimpleString() as key))]) if (
            "loader" in key.value.lower()
        ):
            return str(key.evaluated_value)
        case cst.Call(func=inner) | cst.Subscript(value=inner):
            return _last_name(inner)
        case cst.Tuple(elements=[*_, last]):
            return _last_name(last.value)
    return ""


def at_most(node: cst.CSTNode, count: int) -> bool:
    """Whether a number surely is no larger: it stands there, or as one of those that the least is taken of."""
    match node:
        case cst.Integer():
            return int(node.evaluated_value) <= count
        case cst.Call(func=cst.Name("min"), args=args):
            return len(args) > 1 and any(
                isinstance(arg.value, cst.Integer) and at_most(arg.value, count) for arg in args
            )
    return False


def _is_integer(node: cst.CSTNode, value: int) -> bool:
    return isinstance(node, cst.Integer) and int(node.evaluated_value) == value
