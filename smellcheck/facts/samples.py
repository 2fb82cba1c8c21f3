"""Whether a call is made once for each item of a collection, and which loop or mapping repeats it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import libcst as cst

from .items import COLLECTIVE, last_name
from .loops import Comprehension, LoopKind, at_most
from .rounds import Rounds, read
from .scopes import COMPREHENSIONS

if TYPE_CHECKING:
    from ..file import File

#: Methods of frames, series and datasets that run a function on one item after another.
_MAPS = {"apply", "map", "progress_apply", "map_elements"}
_GROUPS = re.compile(r"\b(groupby|resample|rolling|expanding|group_by)\(")
_ENDLESS = re.compile(r"^(True|1)$|isOpened|is_set|running|is_alive|connected")
#: What a demonstration takes of a collection at most.
_FEW = 10
#: And so many, where each is a text that stands in the source.
_TYPED = 100


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
    #: Where `call` stands in a function of the file: the call of that function that is repeated.
    via: Each | None = None


class Samples:
    """Answers for the calls of one file."""

    def __init__(self, file: File) -> None:
        self._file = file
        self._repeats: dict[cst.Call, cst.For | Comprehension | cst.Lambda | None] = {}
        self._once: set[cst.Call] = set()

    def each(self, call: cst.Call, wanted: Callable[[cst.BaseExpression], bool]) -> Each | None:
        """What a call runs once for each item: always on another one, on nothing that an earlier one gave.

        `wanted` says of a function, the one called or the one handed to `map` or `apply`, whether it matters.
        """
        if call in self._once:
            return None
        over, handed = self._mapping(call)
        # Most calls are made once: that is told faster than what they call.
        if over is None and (not _positional(call) or self._repeat(call) is None):
            self._once.add(call)
            return None
        func = handed if isinstance(handed, cst.Name | cst.Attribute) else call.func
        direct = wanted(func)
        inner = None if direct else self._inside(func, wanted)
        if inner is None and not direct:
            return None
        if over is not None and func is handed:
            found: Each | None = Each(func, None, None, call, frozenset(), over, self._kind(call, over))
        else:
            found = self._called(call)
        if (
            found is None
            or found.kind in ("epoch", "fold", "few", "stream", "member")
            or self.is_few(found.over)
            or self._file.context.in_test(call)
        ):
            return None
        if inner is None:
            return found
        made, parameter = inner
        item = made.args[0].value
        return replace(
            found,
            func=made.func,
            call=made,
            item=item,
            variables=frozenset({parameter}),
            indexed=False,
            via=found,
        )

    # -- who repeats the call --------------------------------------------------------------------

    def _inside(
        self, func: cst.BaseExpression, wanted: Callable[[cst.BaseExpression], bool]
    ) -> tuple[cst.Call, str] | None:
        """The wanted call that a function of the file makes with its first parameter, and that parameter."""
        function = self._function(func)
        if function is None or function.decorators or function.asynchronous is not None:
            return None
        bindings = self._file.scopes.scope(function).bindings
        made_here = {name for name, bound in bindings.items() if any(one.kind != "parameter" for one in bound)}
        parameters = [param.name.value for param in function.params.params if param.name.value not in ("self", "cls")]
        for node in reversed(self._file.calls.own_nodes(function)) if parameters else ():
            if not isinstance(node, cst.Call) or not node.args or node.args[0].star or node.args[0].keyword is not None:
                continue
            item = self._file.items.spelled_out(node.args[0].value)
            if (
                wanted(node.func)
                # What is made or fitted anew in each call is the waste, not that it is asked one by one.
                and not {name.value for name in read(node.func)} & made_here
                and parameters[0] in {name.value for name in read(item)}
                and not self._file.context.loops(node)
            ):
                remembers = re.search("cache|memo", self._file.text_of(function), re.I)
                return None if remembers else (node, parameters[0])
        return None

    def _function(self, func: cst.BaseExpression) -> cst.FunctionDef | None:
        match func:
            case cst.Name():
                definitions = self._file.scopes.definitions(func)
                node = definitions[0].node if len(definitions) == 1 else None
                return node if isinstance(node, cst.FunctionDef) else None
            case cst.Attribute(value=cst.Name(value="self"), attr=cst.Name(value=method)):
                owner = self._file.calls.enclosing_class(func)
                return self._file.calls.method(owner, method) if owner is not None else None
        return None

    def _called(self, call: cst.Call) -> Each | None:
        """A call in the body of a loop or comprehension, or in a lambda that is mapped over something."""
        if not _positional(call):
            return None
        item, rest = call.args[0].value, [call.func, *(arg.value for arg in call.args[1:])]
        repeat = self._repeat(call)
        if isinstance(repeat, cst.Lambda):
            mapping = self._file.parent(self._file.parent(repeat) or repeat)
            over, handed = self._mapping(mapping) if isinstance(mapping, cst.Call) else (None, None)
            names = frozenset(param.name.value for param in repeat.params.params)
            reads = {name.value for name in read(item)}
            if (
                over is None
                or handed is not repeat
                or not reads & names
                or any(n.value in names for e in rest for n in read(e))
            ):
                return None
            assert isinstance(mapping, cst.Call)
            return Each(call.func, call, item, mapping, names, over, self._kind(mapping, over))
        if repeat is None:
            return None
        loop, rounds = self._file.context.loop(repeat), Rounds(self._file, repeat)
        if (
            loop.over is None
            or self._in_stream(call)
            or not all(rounds.same(node) for node in rest)
            or not rounds.own(item)
            or rounds.cut_short(call)
        ):
            return None
        return Each(call.func, call, item, repeat, rounds.variables, loop.over, loop.kind, loop.indexed)

    def _repeat(self, call: cst.Call) -> cst.For | Comprehension | cst.Lambda | None:
        """The innermost thing that runs a call again and again; `None` behind a `while` or in an `except`."""
        if call not in self._repeats:
            self._repeats[call] = self._innermost(call)
        return self._repeats[call]

    def _innermost(self, call: cst.Call) -> cst.For | Comprehension | cst.Lambda | None:
        for child, above in self._file.context.ancestors(call):
            if isinstance(above, cst.While | cst.ExceptHandler):
                return None
            if isinstance(above, cst.Lambda):
                return above if child is above.body else None
            if isinstance(above, (cst.For, *COMPREHENSIONS)) and self._file.context.repeats(above, child, call):
                return above
        return None

    def is_few(self, over: cst.CSTNode) -> bool:
        """Whether only a few items are run over, as far as can be read: `xs[:5]`, `df.head(3)`, a short list."""
        made = self._file.values.of(over)
        count: cst.CSTNode | None = None
        match over:
            case cst.Subscript(
                slice=[cst.SubscriptElement(slice=cst.Slice(lower=None | cst.Integer(value="0"), upper=upper))]
            ):
                count = upper
            case cst.Call(func=cst.Attribute(attr=cst.Name(value="head" | "tail")), args=[cst.Arg(value=count)]):
                pass
            case cst.Call(func=cst.Name(value="range"), args=[cst.Arg(value=cst.Call() as count)]):
                pass
            case _ if made is not None:
                listed = self._written(made.made)
                if listed is None or not listed.elements:
                    return False
                # Who types the texts into the program shows what it does.
                typed = all(_is_typed(element.value) for element in listed.elements)
                return len(listed.elements) <= (_TYPED if typed else _FEW)
        return count is not None and at_most(count, _FEW)

    def _written(self, made: cst.CSTNode | None) -> cst.List | cst.Tuple | None:
        """The list in the source that a value is, or that an array is made of."""
        if isinstance(made, cst.Call) and made.args and self._file.name(made.func) in ("numpy.array", "numpy.asarray"):
            made = made.args[0].value
        return made if isinstance(made, cst.List | cst.Tuple) else None

    def _in_stream(self, call: cst.Call) -> bool:
        """Whether a loop around goes on until something outside says stop: each round has just come in."""
        loops = (loop.node for loop in self._file.context.loops(call))
        return any(isinstance(loop, cst.While) and _ENDLESS.search(self._file.text_of(loop.test)) for loop in loops)

    def _mapping(self, call: cst.Call) -> tuple[cst.BaseExpression | None, cst.BaseExpression | None]:
        """What is run over, and the function: `map(f, xs)`, `series.apply(f)`, `frame.apply(f, axis=1)`."""
        if not _positional(call):
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
                mapped = kind == "series" or (kind == "dataset" and method == "map")
                if rows or mapped or self._is_column(owner, method):
                    return owner, call.args[0].value
        return None, None

    def _kind(self, mapping: cst.Call, over: cst.CSTNode) -> LoopKind:
        if not isinstance(mapping.func, cst.Name) or self._file.values.kind(over) in (
            "list",
            "series",
            "array",
            "dataset",
        ):
            return "batch" if COLLECTIVE.search(last_name(over)) else "sample"
        return "unknown"

    def _is_column(self, node: cst.CSTNode, method: str) -> bool:
        """`df["text"]`: only a frame is subscripted by a name and then asked to `apply`; not a group of its rows."""
        match node:
            case cst.Subscript(value=frame, slice=[cst.SubscriptElement(slice=cst.Index(value=key))]):
                # Data sets are kept in dictionaries, too: a split named by a variable is not a column.
                if not isinstance(key, cst.SimpleString) and (method == "map" or not isinstance(key, cst.Name)):
                    return False
                return not _GROUPS.search(self._file.text_of(self._file.items.spelled_out(frame)))
        return False


def _positional(call: cst.Call) -> bool:
    """Whether the first argument surely is what a function is given first."""
    return bool(call.args) and not call.args[0].star and call.args[0].keyword is None


def _is_typed(node: cst.BaseExpression) -> bool:
    """Whether an expression is a text that stands in the source, or begins with one."""
    match node:
        case cst.Tuple(elements=[cst.Element(value=first), *_]) | cst.List(elements=[cst.Element(value=first), *_]):
            return _is_typed(first)
    return isinstance(node, cst.SimpleString | cst.ConcatenatedString)
