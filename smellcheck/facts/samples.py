"""Whether a call is made once for each item of a collection, and which item it is given."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import libcst as cst

from .context import Comprehension, LoopKind
from .rounds import Rounds, read
from .scopes import COMPREHENSIONS

if TYPE_CHECKING:
    from ..file import File

#: Methods of frames, series and datasets that run a function on one item after another.
_MAPS = {"apply", "map", "progress_apply", "map_elements"}
_NOUN = (
    "text|txt|sentence|sent|doc|document|query|question|prompt|line|word|term|phrase|title|name|comment|tweet|review"
    "|headline|post|paragraph|para|article|passage|abstract|message|msg|utterance|row|record|item|entry|example|ex"
    "|sample|instance|caption|description|content|string|str|statement|claim|fact|answer|response|candidate|keyword"
    "|topic|snippet|summary|email|node|path|file|filename|img|image|url|audio|wav|product|job|user|point"
)
_ONE = re.compile(rf"(?:^|_)(?:{_NOUN})$", re.I)
_MANY = re.compile(rf"(?:^|_)(?:(?:{_NOUN})(?:e?s|_?list)|queries|summaries|corpus|entries|sent_tokenize|sents)$", re.I)
_COLLECTIVE = re.compile(r"batch|chunk|group|cluster|bucket|window|shard", re.I)
_PLURAL = re.compile(r"\w\w(?<![su])s$|list$|tokens|^data$|array$|_ids$", re.I)
_TEXT_METHODS = {
    "strip", "lstrip", "rstrip", "lower", "upper", "title", "capitalize", "replace", "format", "join", "casefold",
    "removeprefix", "removesuffix", "decode", "read", "read_text", "strftime", "swapcase", "translate",
}  # fmt: skip
_GIVES_TEXT = re.compile(r"clean|normali[sz]e|preprocess|format|prompt|strip|remove|to_text$|get_text$|^sub$", re.I)
_LOADS_ONE = {"PIL.Image.open", "cv2.imread", "librosa.load", "soundfile.read", "torchvision.io.read_image"}
_FRAMES = ("numpy.array", "numpy.asarray", "numpy.atleast_2d", "pandas.DataFrame")


@dataclass(frozen=True)
class Each:
    """A function that runs once for each item."""

    func: cst.BaseExpression
    #: Its call; `None` when the function itself is handed to `map` or `apply`.
    call: cst.Call | None
    item: cst.BaseExpression | None
    #: What repeats it: a loop, or the call of `map` or `apply`.
    repeat: cst.For | Comprehension | cst.Call
    variables: frozenset[str]
    over: cst.CSTNode
    kind: LoopKind
    #: True when the loop variable is an index into `over`.
    indexed: bool = False


class Samples:
    """Answers for the calls of one file."""

    def __init__(self, file: File) -> None:
        self._file = file

    def each(self, call: cst.Call, wanted: Callable[[cst.BaseExpression], bool]) -> Each | None:
        """What a call runs once for each item: every time on another one, and on nothing that an earlier one gave.

        `wanted` says of a function, the one called or the one handed to `map` or `apply`, whether it matters.
        """
        over, handed = self._mapping(call)
        if over is not None and isinstance(handed, cst.Name | cst.Attribute):
            found = Each(handed, None, None, call, frozenset(), over, self._kind(call, over)) if wanted(handed) else None
        else:
            found = self._called(call) if wanted(call.func) else None
        if found is None or found.kind in ("epoch", "fold", "few", "stream", "member") or self._file.context.in_test(call):
            return None
        return found

    def is_text(self, each: Each) -> bool:
        """Whether the item surely is one text, path or record and not a batch of them."""
        if each.item is None:
            return each.kind == "sample" or bool(_MANY.search(_last(each.over)))
        item = self.spelled_out(each.item)
        if isinstance(item, cst.List):
            # A list of one text, or a chat that is put together anew for every item.
            return (len(item.elements) == 1 and self.is_text(replace(each, item=item.elements[0].value))) or self._is_chat(item)
        kind = self._file.values.kind(item)
        if kind == "string" or self._is_string(item):
            return True
        if isinstance(item, cst.Call):
            return self._gives_one(item)
        root, names = _chain(item)
        if kind is not None or root is None or each.kind not in ("sample", "unknown"):
            return False
        if _COLLECTIVE.search(root.value) or _PLURAL.search(names[0]):
            return False
        if each.kind == "sample" or _MANY.search(_last(each.over)):
            return True
        if root.value not in each.variables or each.indexed:
            # `titles[i]` is one of many by the name of what it is taken from.
            return isinstance(item, cst.Subscript) and bool(_MANY.search(_last(item.value)))
        return bool(_ONE.search(root.value))

    def spelled_out(self, item: cst.BaseExpression) -> cst.BaseExpression:
        """What a name was given, where only one assignment can have given it."""
        for _ in range(4):
            reaching = self._file.scopes.reaching(item) if isinstance(item, cst.Name) else ()
            if len(reaching) != 1 or reaching[0].kind != "assign" or reaching[0].path:
                break
            if not isinstance(reaching[0].value, cst.BaseExpression):
                break
            item = reaching[0].value
        return item

    def one_of(self, batch: cst.BaseExpression) -> cst.BaseExpression | None:
        """`x` for a batch that holds only `x`: `[x]`, `x.reshape(1, -1)`, `x[None]`, `np.array([x])` and the like."""
        return self._one_of(self.spelled_out(batch))

    # -- who repeats the call --------------------------------------------------------------------

    def _called(self, call: cst.Call) -> Each | None:
        """A call in the body of a loop or comprehension, or in a lambda that is mapped over something."""
        if not call.args or call.args[0].star or call.args[0].keyword is not None:
            return None
        item, rest = call.args[0].value, [call.func, *(arg.value for arg in call.args[1:])]
        repeat = self._repeat(call)
        if isinstance(repeat, cst.Lambda):
            mapping = self._file.parent(self._file.parent(repeat) or repeat)
            over, handed = self._mapping(mapping) if isinstance(mapping, cst.Call) else (None, None)
            names = frozenset(param.name.value for param in repeat.params.params)
            reads = {name.value for name in read(item)}
            if over is None or handed is not repeat or not reads & names or any(n.value in names for e in rest for n in read(e)):
                return None
            assert isinstance(mapping, cst.Call)
            return Each(call.func, call, item, mapping, names, over, self._kind(mapping, over))
        if repeat is None:
            return None
        loop, rounds = self._file.context.loop(repeat), Rounds(self._file, repeat)
        if loop.over is None or not all(rounds.same(node) for node in rest) or not rounds.own(item) or rounds.cut_short(call):
            return None
        return Each(call.func, call, item, repeat, rounds.variables, loop.over, loop.kind, loop.indexed)

    def _repeat(self, call: cst.Call) -> cst.For | Comprehension | cst.Lambda | None:
        """The innermost thing that runs a call again and again; `None` behind a `while` or in an `except`."""
        loops = {id(loop.node) for loop in self._file.context.loops(call)}
        for child, above in self._file.context.ancestors(call):
            if isinstance(above, cst.While | cst.ExceptHandler):
                return None
            if isinstance(above, cst.Lambda):
                return above if child is above.body else None
            if isinstance(above, (cst.For, *COMPREHENSIONS)) and id(above) in loops:
                return above
        return None

    def _mapping(self, call: cst.Call) -> tuple[cst.BaseExpression | None, cst.BaseExpression | None]:
        """What is run over, and the function: `map(f, xs)`, `series.apply(f)`, `frame.apply(f, axis=1)`."""
        if not call.args or call.args[0].star or call.args[0].keyword is not None:
            return None, None
        match call.func:
            case cst.Name(value="map") if len(call.args) == 2 and not call.args[1].star:
                return call.args[1].value, call.args[0].value
            case cst.Attribute(value=owner, attr=cst.Name(value=method)) if method in _MAPS:
                if any(arg.keyword is not None and arg.keyword.value == "batched" for arg in call.args):
                    return None, None
                axis = self._file.argument(call, "axis", position=1)
                rows = axis is not None and self._file.text_of(axis.value) in ("1", '"columns"', "'columns'")
                kind = self._file.values.kind(owner)
                if rows or kind == "series" or (kind == "dataset" and method == "map") or _is_column(owner):
                    return owner, call.args[0].value
        return None, None

    def _kind(self, mapping: cst.Call, over: cst.CSTNode) -> LoopKind:
        if not isinstance(mapping.func, cst.Name) or self._file.values.kind(over) in ("list", "series", "array", "dataset"):
            return "batch" if _COLLECTIVE.search(_last(over)) else "sample"
        return "unknown"

    # -- what it is given ------------------------------------------------------------------------

    def _is_string(self, node: cst.CSTNode) -> bool:
        match node:
            case cst.FormattedString() | cst.SimpleString() | cst.ConcatenatedString() | cst.Call(func=cst.Name(value="str")):
                return True
            case cst.BinaryOperation(operator=cst.Add(), left=left, right=right):
                return self._is_string(left) or self._is_string(right)
            case cst.BinaryOperation(operator=cst.Modulo(), left=left):
                return self._is_string(left)
            case cst.Call(func=cst.Attribute(attr=cst.Name(value=method))):
                return method in _TEXT_METHODS
        return False

    def _is_chat(self, messages: cst.List) -> bool:
        texts = [self._file.text_of(element.value) for element in messages.elements]
        return bool(texts) and all(re.match(r"\{\s*['\"]role['\"]", text) for text in texts)

    def _gives_one(self, call: cst.Call) -> bool:
        """Whether a function, by what it is or is called, gives one text or image for one."""
        last = _last(call.func)
        return self._file.name(call.func) in _LOADS_ONE or bool(_GIVES_TEXT.search(last) and not _PLURAL.search(last))

    def _one_of(self, node: cst.BaseExpression) -> cst.BaseExpression | None:
        text = self._file.text_of
        match node:
            case cst.List(elements=[cst.Element(value=inner)]) | cst.Tuple(elements=[cst.Element(value=inner)]):
                return inner
            case cst.Call(func=cst.Attribute(value=inner, attr=cst.Name(value="reshape")), args=args):
                if [text(arg.value) for arg in args] in (["1", "-1"], ["(1, -1)"], ["[1, -1]"]):
                    match inner:
                        case cst.Call(args=[cst.Arg(value=bare)]) if self._file.name(inner.func) in _FRAMES:
                            return bare
                    return inner
            case cst.Call(func=cst.Attribute(value=inner, attr=cst.Name(value="astype"))):
                return self.one_of(inner)
            case cst.Call(func=cst.Attribute(attr=cst.Name(value="transform")), args=[cst.Arg(value=inner)]):
                return self.one_of(inner)
            case cst.Call(args=[cst.Arg(value=inner), cst.Arg(value=cst.Integer(value="0"))]):
                return inner if self._file.name(node.func) == "numpy.expand_dims" else None
            case cst.Call(args=[cst.Arg(value=inner, star=""), *_]) if self._file.name(node.func) in _FRAMES:
                return self.one_of(inner)
            case cst.Subscript(value=inner, slice=[cst.SubscriptElement(slice=cst.Index(value=cst.Name(value="None"))), *_]):
                return inner
            case cst.Subscript(value=inner, slice=[cst.SubscriptElement(slice=cst.Index(value=index)), *_]):
                if self._file.name(index) == "numpy.newaxis":
                    return inner
        return node if is_slice_of_one(node) else None


def is_slice_of_one(node: cst.CSTNode) -> bool:
    """Whether an expression is `x[i:i + 1]`, `x.iloc[[i]]` or `x.iloc[i:i + 1]`: one row, still in a collection."""
    spell = cst.Module([]).code_for_node
    match node:
        case cst.Subscript(slice=[cst.SubscriptElement(slice=cst.Slice(lower=cst.BaseExpression() as lower, upper=upper, step=None)), *_]):
            return upper is not None and spell(upper).replace(" ", "") in (f"{spell(lower)}+1", f"({spell(lower)}+1)")
        case cst.Subscript(
            value=cst.Attribute(attr=cst.Name(value="iloc" | "loc")),
            slice=[cst.SubscriptElement(slice=cst.Index(value=cst.List(elements=[_]))), *_],
        ):
            return True
    return False


def _chain(node: cst.CSTNode) -> tuple[cst.Name | None, list[str]]:
    """The first name of `row["a"].b`, and what is read off it, the last first: `b`, `a`, `row`."""
    names: list[str] = []
    while True:
        match node:
            case cst.Attribute(value=inner, attr=cst.Name(value=name)):
                names.append(name)
                node = inner
            case cst.Subscript(value=inner, slice=[cst.SubscriptElement(slice=cst.Index(value=index))]):
                if isinstance(index, cst.SimpleString):
                    names.append(str(index.evaluated_value))
                elif isinstance(inner, cst.Name):
                    return inner, ["item"]
                node = inner
            case cst.Name(value=name):
                return node, [*names, name]
            case _:
                return None, names


def _is_column(node: cst.CSTNode) -> bool:
    """`df["text"]`: only a frame is subscripted by a string and then asked to `apply`."""
    match node:
        case cst.Subscript(slice=[cst.SubscriptElement(slice=cst.Index(value=cst.SimpleString()))]):
            return True
    return False


def _last(node: cst.CSTNode) -> str:
    """The name that says what an expression holds: `texts` for `self.texts`, `df["texts"].tolist()`, `texts[:9]`."""
    match node:
        case cst.Name(value=name) | cst.Attribute(attr=cst.Name(value=name)):
            return name
        case cst.Subscript(slice=[cst.SubscriptElement(slice=cst.Index(value=cst.SimpleString() as key))]):
            return str(key.evaluated_value)
        case cst.Subscript(value=inner):
            return _last(inner)
        case cst.Call(func=cst.Attribute(value=inner, attr=cst.Name(value="tolist" | "to_list" | "items" | "values"))):
            return _last(inner)
        case cst.Call(func=func):
            return _last(func)
    return ""
