"""Whether a call is made once for each item of a collection, and which item it is given."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import libcst as cst

from .context import LoopKind, LoopNode
from .scopes import COMPREHENSIONS, Definition, bindings, bound_names, targets
from .tree import descend, dotted

if TYPE_CHECKING:
    from ..file import File

#: Methods of frames, series and datasets that run a function on one item after another.
_EACH = {"apply", "map", "progress_apply", "map_elements"}
# Rounds that end early, wait for somebody or are timed one by one are not waiting to become one batch.
_CLOCKS = re.compile(r"^(time\.\w+|timeit\.default_timer|torch\.cuda\.synchronize|input|builtins\.input)$")
_STREAM = re.compile(r"stdin|stream|consumer|queue|socket|camera|capture|listen|poll|subscri|websocket", re.I)
_QUIET = re.compile(r"^(print|len|log\w*|logger|logging|tqdm|pbar|bar|progress\w*|st|console|warnings|sys|time)\b")
_NOUN = (
    "text|txt|sentence|sent|doc|document|query|question|prompt|line|word|term|phrase|title|name|comment|tweet|review"
    "|headline|post|paragraph|para|article|passage|abstract|message|msg|utterance|row|record|item|entry|example|ex"
    "|sample|instance|caption|description|content|string|str|statement|claim|fact|answer|response|candidate|keyword"
    "|topic|snippet|summary|email|node|path|file|filename|img|image|url|audio|wav|pair|product|job|user|point"
)
_ONE = re.compile(rf"(?:^|_)(?:{_NOUN})$", re.I)
_MANY = re.compile(rf"(?:^|_)(?:(?:{_NOUN})(?:s|es|list|_list)|quer(?:y|ie)s|summar(?:y|ie)s|corpus|entries)$", re.I)
_PLURAL = re.compile(r"(?<![su])s$|list$|batch|chunk|group|cluster|bucket|window|tokens|^data$|array$|_ids?$", re.I)
_TEXT_METHODS = {
    "strip", "lstrip", "rstrip", "lower", "upper", "title", "capitalize", "replace", "format", "join", "casefold",
    "removeprefix", "removesuffix", "decode", "read", "read_text", "strftime", "swapcase", "zfill", "translate",
}  # fmt: skip
_TEXT_FUNCTION = re.compile(r"clean|normali[sz]e|preprocess|format|prompt|strip|remove|to_text|text$|sub$", re.I)
_LOADS_ONE = re.compile(r"^(PIL\.Image\.open|cv2\.imread|librosa\.load|soundfile\.read|torchvision\.io\.read_image)$")


@dataclass(frozen=True)
class Each:
    """A function that runs once for each item."""

    func: cst.BaseExpression
    #: Its call; `None` when the function itself is handed to `map` or `apply`.
    call: cst.Call | None
    item: cst.BaseExpression | None
    #: What repeats it: a loop, or the call of `map` or `apply`.
    repeat: cst.For | cst.ListComp | cst.SetComp | cst.DictComp | cst.GeneratorExp | cst.Call
    variables: frozenset[str]
    over: cst.CSTNode | None
    kind: LoopKind
    indexed: bool = False


class Samples:
    """Answers for the calls of one file."""

    def __init__(self, file: File) -> None:
        self._file = file

    def each(self, call: cst.Call) -> Each | None:
        """What a call runs once for each item, each time on another one and on nothing that an earlier one gave."""
        found = self._handed(call) or self._called(call)
        if found is None or self._file.context.in_test(call):
            return None
        return found if found.kind not in ("epoch", "fold", "few", "stream", "member") else None

    def one_of(self, item: cst.BaseExpression) -> cst.BaseExpression | None:
        """`x` for a batch that holds only `x`: `[x]`, `x.reshape(1, -1)`, `x[None]`, `np.array([x])` and the like."""
        return one_of(self._assigned(item), self._file)

    def is_text(self, each: Each) -> bool:
        """Whether the item surely is one text, path or record and not a batch of them."""
        if each.item is None:
            return each.kind == "sample" or bool(_MANY.search(_last(each.over) or ""))
        item = self._assigned(each.item)
        if self.is_string(item) or self._file.values.kind(item) == "string":
            return True
        if isinstance(item, cst.Call):
            return self._loads_one(item)
        if self._file.values.kind(item) is not None or each.kind not in ("sample", "unknown"):
            return False
        root, names = _chain(item)
        if root is None or any(_PLURAL.search(name) for name in names):
            return False
        if root.value in each.variables and not each.indexed:
            return each.kind == "sample" or bool(_ONE.search(root.value) or _MANY.search(_last(each.over) or ""))
        return isinstance(item, cst.Subscript) and (each.kind == "sample" or bool(_MANY.search(_last(item.value) or "")))

    def is_string(self, node: cst.CSTNode) -> bool:
        """Whether an expression surely is a string."""
        match node:
            case cst.FormattedString() | cst.SimpleString() | cst.ConcatenatedString():
                return True
            case cst.BinaryOperation(operator=cst.Add(), left=left, right=right):
                return self.is_string(left) or self.is_string(right)
            case cst.BinaryOperation(operator=cst.Modulo(), left=left):
                return self.is_string(left)
            case cst.Call(func=cst.Name(value="str")):
                return True
            case cst.Call(func=cst.Attribute(attr=cst.Name(value=method))):
                return method in _TEXT_METHODS
        return False

    # -- the two shapes ------------------------------------------------------------------------

    def _handed(self, call: cst.Call) -> Each | None:
        """`map(f, xs)`, `df["x"].apply(f)`."""
        over, handed = _mapping(call, self._file)
        if over is None or not isinstance(handed, cst.Name | cst.Attribute):
            return None
        kind = self._file.context.kind_over(over) if isinstance(call.func, cst.Name) else "sample"
        return Each(handed, None, None, call, frozenset(), over, kind)

    def _called(self, call: cst.Call) -> Each | None:
        """A call in the body of a loop, a comprehension, or a lambda that is mapped."""
        if not call.args or call.args[0].star or call.args[0].keyword is not None:
            return None
        item = call.args[0].value
        found = self._repeat(call)
        if found is None:
            return None
        repeat, variables, over, kind, indexed = found
        fixed = [call.func, *(arg.value for arg in call.args[1:])]
        if isinstance(repeat, cst.Call):
            if any(self._names(node) & variables for node in fixed) or not self._names(item) & variables:
                return None
        else:
            changed = _Changes(self._file, repeat, variables)
            invariant = all(self._file.context.invariant(node, repeat) for node in fixed)
            if not invariant or not changed.derived(item) or self._stops(call, repeat):
                return None
        return Each(call.func, call, item, repeat, variables, over, kind, indexed)

    def _repeat(
        self, call: cst.Call
    ) -> tuple[cst.Call | LoopNode, frozenset[str], cst.CSTNode | None, LoopKind, bool] | None:
        for child, above in self._file.context.ancestors(call):
            if isinstance(above, cst.Lambda):
                mapping = self._file.parent(self._file.parent(above) or above)
                if child is not above.body or not isinstance(mapping, cst.Call):
                    return None
                over, handed = _mapping(mapping, self._file)
                if over is None or handed is not above:
                    return None
                names = frozenset(param.name.value for param in above.params.params)
                kind = self._file.context.kind_over(over) if isinstance(mapping.func, cst.Name) else "sample"
                return mapping, names, over, kind, False
            if isinstance(above, cst.While | cst.ExceptHandler):
                return None
            if (isinstance(above, cst.For) and child is above.body) or isinstance(above, COMPREHENSIONS):
                if not any(loop.node is above for loop in self._file.context.loops(call)):
                    continue
                loop = self._file.context.loop(above)
                return above, frozenset(_variables(above)), loop.over, loop.kind, loop.indexed
        return None

    def _stops(self, call: cst.Call, loop: LoopNode) -> bool:
        """Whether rounds are lazy, end early, wait, are timed, or only some of them make the call."""
        if isinstance(loop, cst.GeneratorExp):
            above = self._file.parent(self._file.parent(loop) or loop)
            return not (isinstance(above, cst.Call) and _last(above.func) not in ("any", "all", "next", "iter"))
        if isinstance(loop, cst.For):
            if loop.asynchronous is not None or _STREAM.search(self._file.text_of(loop.iter)):
                return True
            if any(self._ends(node, loop) for node in descend(loop.body, into_functions=False)):
                return True
        elif any(isinstance(node, cst.CompFor) and node.asynchronous is not None for node in descend(loop)):
            return True
        return any(self._rarely(child, above, loop) for child, above in self._until(call, loop))

    def _ends(self, node: cst.CSTNode, loop: cst.For) -> bool:
        match node:
            case cst.Return() | cst.Yield():
                return True
            case cst.Break():
                inner = (above for _, above in self._file.context.ancestors(node) if isinstance(above, cst.For | cst.While))
                return next(inner, None) is loop
            case cst.Call():
                return bool(_CLOCKS.match(self._file.name(node.func) or self._file.text_of(node.func)))
        return False

    def _rarely(self, child: cst.CSTNode, above: cst.CSTNode, loop: LoopNode) -> bool:
        """Whether a condition lets through only some rounds: by their number, or by a flag."""
        if not isinstance(above, cst.If | cst.IfExp) or child is above.test:
            return False
        variables = set(_variables(loop))
        if any(isinstance(node, cst.Modulo) for node in descend(above.test)):
            return True
        match above.test:
            case cst.Comparison(left=cst.Name(value=name), comparisons=[cst.ComparisonTarget(comparator=cst.Integer())]):
                return name in variables
        inside = bound_names(loop) | variables
        return not self._names(above.test) & inside

    def _until(self, node: cst.CSTNode, end: cst.CSTNode) -> Iterator[tuple[cst.CSTNode, cst.CSTNode]]:
        for child, above in self._file.context.ancestors(node):
            if above is end:
                return
            yield child, above

    # -- the item ------------------------------------------------------------------------------

    def _assigned(self, item: cst.BaseExpression) -> cst.BaseExpression:
        """What a name was given in the line before, for a name that was only just bound."""
        for _ in range(4):
            if not isinstance(item, cst.Name):
                break
            reaching = self._file.scopes.reaching(item)
            if len(reaching) != 1 or reaching[0].kind != "assign" or reaching[0].path:
                break
            if not isinstance(reaching[0].value, cst.BaseExpression):
                break
            item = reaching[0].value
        return item

    def _loads_one(self, item: cst.Call) -> bool:
        name = self._file.name(item.func)
        if name is not None and _LOADS_ONE.match(name):
            return True
        last = _last(item.func) or ""
        return bool(_TEXT_FUNCTION.search(last)) and not _PLURAL.search(last)

    def _names(self, node: cst.CSTNode) -> set[str]:
        return {name.value for name in _read(node)}


class _Changes:
    """What the rounds of one loop change, to tell an item of its own from one that an earlier round shaped."""

    def __init__(self, file: File, loop: LoopNode, variables: frozenset[str]) -> None:
        self._file = file
        self._loop = loop
        self._variables = variables
        self._bound = bound_names(loop) if isinstance(loop, cst.For) else set()
        self._mutated = set(self._mutations())
        self._seen: set[Definition] = set()

    def derived(self, node: cst.CSTNode) -> bool:
        """Whether an expression reads the loop variable, and nothing that a round leaves behind for the next."""
        depends = self._depends(node)
        return depends is True

    def _depends(self, node: cst.CSTNode) -> bool | None:
        """True or False, or `None` when an earlier round may have a hand in it."""
        found = False
        for name in _read(node):
            chain = self._chain(name)
            if name.value in self._variables:
                found = True
            elif name.value in self._bound:
                inner = self._through(name)
                if inner is None:
                    return None
                found |= inner
            elif any(_touches(chain, other) for other in self._mutated):
                return None
        return found

    def _through(self, name: cst.Name) -> bool | None:
        found = False
        for definition in self._file.scopes.reaching(name):
            if definition.value is None or definition.kind not in ("assign", "with", "for"):
                return None
            if not self._file.context.within(definition.node, self._loop) or ".".join((name.value,)) in self._mutated:
                return None
            if definition in self._seen:
                continue
            self._seen.add(definition)
            inner = self._depends(definition.value)
            if inner is None:
                return None
            found |= inner
        return found

    def _chain(self, name: cst.Name) -> str:
        """The dotted chain that a name begins; that of a method's owner, because the method may read all of it."""
        node: cst.CSTNode = name
        while isinstance(above := self._file.parent(node), cst.Attribute) and above.value is node:
            called = self._file.parent(above)
            if isinstance(called, cst.Call) and called.func is above:
                break
            node = above
        return ".".join(dotted(node) or [name.value])

    def _mutations(self) -> Iterator[str]:
        for node in descend(self._loop, into_functions=False):
            stored: list[cst.CSTNode] = []
            match node:
                case cst.Assign():
                    stored = [target.target for target in node.targets]
                case cst.AugAssign(target=target) | cst.AnnAssign(target=target):
                    stored = [target]
                case cst.Expr(value=cst.Call(func=func, args=args)) if not _QUIET.match(self._file.text_of(func)):
                    # A call whose result nobody takes is there for what it changes.
                    stored = [func] if isinstance(func, cst.Attribute) else [arg.value for arg in args]
                    stored = [cst.Subscript(f.value, []) if isinstance(f, cst.Attribute) and f is func else f for f in stored]
                    yield from (".".join(chain) for f in stored if (chain := dotted(f.value if isinstance(f, cst.Subscript) else f)))
                    continue
            for target in stored:
                base: cst.CSTNode = target
                while isinstance(base, cst.Subscript):
                    base = base.value
                chain = dotted(base)
                if chain and (base is not target or len(chain) > 1):
                    yield ".".join(chain)


def one_of(node: cst.CSTNode, file: File) -> cst.BaseExpression | None:
    """`x` for a batch of the one item `x`."""
    match node:
        case cst.List(elements=[cst.Element(value=inner)]) | cst.Tuple(elements=[cst.Element(value=inner)]):
            return None if isinstance(inner, cst.StarredElement) else inner
        case cst.Call(func=cst.Attribute(value=inner, attr=cst.Name(value="reshape")), args=args):
            if [file.text_of(arg.value) for arg in args] in (["1", "-1"], ["(1, -1)"], ["[1, -1]"]):
                unwrapped = _array(inner, file)
                return unwrapped if unwrapped is not None else inner
        case cst.Subscript(value=inner, slice=[cst.SubscriptElement(slice=cst.Index(value=index)), *_]):
            if file.text_of(index) in ("None", "np.newaxis", "numpy.newaxis"):
                return inner
            if isinstance(inner, cst.Attribute) and inner.attr.value in ("iloc", "loc") and one_of(index, file) is not None:
                return node
        case cst.Subscript(slice=[cst.SubscriptElement(slice=cst.Slice(lower=lower, upper=upper, step=None)), *_]):
            if lower is not None and upper is not None and file.text_of(upper).replace(" ", "") == f"{file.text_of(lower)}+1":
                return node
        case cst.Call(args=[cst.Arg(value=inner), cst.Arg(value=cst.Integer(value="0"))]):
            if file.name(node.func) == "numpy.expand_dims":
                return inner
        case cst.Call(args=[cst.Arg(value=inner, star=""), *_]):
            if file.name(node.func) in ("numpy.array", "numpy.asarray", "pandas.DataFrame", "numpy.atleast_2d"):
                return inner if file.name(node.func) == "numpy.atleast_2d" else one_of(inner, file)
            if isinstance(node.func, cst.Attribute) and node.func.attr.value in ("transform", "astype"):
                return one_of(inner if node.func.attr.value == "transform" else node.func.value, file)
    return None


def _array(node: cst.CSTNode, file: File) -> cst.BaseExpression | None:
    match node:
        case cst.Call(args=[cst.Arg(value=inner)]) if file.name(node.func) in ("numpy.array", "numpy.asarray"):
            return inner
    return None


def _mapping(call: cst.Call, file: File) -> tuple[cst.CSTNode | None, cst.CSTNode | None]:
    """What is run over, and the function that is, of `map(f, xs)`, `series.apply(f)`, `frame.apply(f, axis=1)`."""
    if not call.args or call.args[0].star or call.args[0].keyword is not None:
        return None, None
    handed = call.args[0].value
    match call.func:
        case cst.Name(value="map") if len(call.args) == 2 and not call.args[1].star:
            return call.args[1].value, handed
        case cst.Attribute(value=owner, attr=cst.Name(value=method)) if method in _EACH:
            if any(arg.keyword is not None and arg.keyword.value == "batched" for arg in call.args):
                return None, None
            axis = file.argument(call, "axis", position=1)
            rows = axis is not None and file.text_of(axis.value) in ("1", '"columns"', "'columns'")
            kind = file.values.kind(owner)
            if rows or kind in ("series", "dataset") and method != "apply" or kind == "series" or _column(owner):
                return owner, handed
    return None, None


def _column(node: cst.CSTNode) -> bool:
    """`df["text"]`: only a frame is subscripted by a string and then asked to `apply`."""
    match node:
        case cst.Subscript(slice=[cst.SubscriptElement(slice=cst.Index(value=cst.SimpleString()))]):
            return True
    return False


def _variables(loop: LoopNode) -> Iterator[str]:
    clauses = [loop] if isinstance(loop, cst.For) else [n for n in descend(loop) if isinstance(n, cst.CompFor)]
    for clause in clauses:
        assert isinstance(clause, cst.For | cst.CompFor)
        for name, _ in targets(clause.target):
            yield name


def _read(node: cst.CSTNode) -> Iterator[cst.Name]:
    """The names that an expression reads, attributes and keywords left out."""
    stack = [node]
    while stack:
        current = stack.pop()
        if isinstance(current, cst.Name):
            yield current
        elif isinstance(current, cst.Attribute | cst.Arg):
            stack.append(current.value)
        else:
            from .tree import children

            stack.extend(children(current))


def _chain(node: cst.CSTNode) -> tuple[cst.Name | None, list[str]]:
    """The first name of `row["a"].b`, and all of its names and keys."""
    names = []
    while True:
        match node:
            case cst.Attribute(value=inner, attr=cst.Name(value=name)):
                names.append(name)
                node = inner
            case cst.Subscript(value=inner, slice=[cst.SubscriptElement(slice=cst.Index(value=index))]):
                if isinstance(index, cst.SimpleString):
                    names.append(str(index.evaluated_value))
                node = inner
            case cst.Name(value=name):
                return node, [*names, name] if not names else names
            case _:
                return None, names


def _touches(first: str, second: str) -> bool:
    return first == second or first.startswith(f"{second}.") or second.startswith(f"{first}.")


def _last(node: cst.CSTNode | None) -> str | None:
    match node:
        case cst.Name(value=name) | cst.Attribute(attr=cst.Name(value=name)):
            return name
        case cst.Subscript(slice=[cst.SubscriptElement(slice=cst.Index(value=cst.SimpleString() as key))]):
            return str(key.evaluated_value)
        case cst.Subscript(value=inner):
            return _last(inner)
        case cst.Call(func=cst.Attribute(value=inner, attr=cst.Name(value="tolist" | "to_list" | "items" | "values"))):
            return _last(inner)
    return None


__all__ = ["Each", "Samples", "bindings"]
