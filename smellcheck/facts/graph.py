"""Where the result of a forward pass goes: whether its graph can leave the function, or is surely dropped."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import libcst as cst

from .modes import NEEDS_GRAPH

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..file import File
    from .scopes import Definition

Fate = Literal["cut", "dropped", "unused", "handed", "escapes", "absent"]

_DETACH = frozenset({"detach"})
# What only looks at a result: demonstrations print it.
_LOOKS = {"size", "shape", "dim", "ndim", "dtype", "device", "numel", "type", "requires_grad"}
# What gives a value without a graph, as a method or as a function of torch.
_CUTS = {
    "detach", "item", "argmax", "argmin", "tolist", "data", "argsort", "eq", "ne", "gt", "lt",
    "ge", "le", "topk_indices", "long", "int", "bool", "nonzero", "multinomial", "detach_", "round", "sign", "bincount",
}  # fmt: skip
_CUT_FUNCTIONS = {
    "torch.argmax",
    "torch.argmin",
    "torch.argsort",
    "torch.eq",
    "torch.gt",
    "torch.lt",
    "torch.multinomial",
    "float",
    "int",
    "bool",
    "round",
}
_REPORTS = re.compile(r"^(add_\w+|log\w*|write\w*|print\w*|info|debug|warning|set_\w+|update\w*|text|plot\w*|save\w*)$")
#: What functions that read a tensor out are named like; all else is not worth the look.
_READERS = re.compile(r"numpy|np|arr|host|list|read", re.I)
_READ_OUT = re.compile(r"^[\w.()\"'=]+\.(data|detach\(\))(\.[\w.()\"'=]+)?\.numpy\(\)$")
#: What a distribution that a network gives is asked of its samples.
_DENSITIES = {"log_prob", "cdf", "icdf"}
#: What a recurrent module keeps on itself from one call to the next.
_STATES = re.compile(r"^_?(hidden|state|h|c|cell|memory|hx|cx)(_\w+|\d)?$")
_LOOK_FUNCTIONS = {"print", "len", "str", "isinstance", "type", "repr", "id"}


@dataclass
class _Tainted:
    """The names that a graph may hang on: for each whether surely, and by which bindings of it."""

    sure: dict[str, bool] = field(default_factory=dict)
    binders: set[cst.CSTNode] = field(default_factory=set)
    #: Containers that a value was put into: tainted whatever bound them.
    holders: set[str] = field(default_factory=set)
    #: Whether a module in evaluation mode keeps it as its state.
    kept: bool = False

    def add(self, name: str, sure: bool, binder: cst.CSTNode | None) -> None:
        self.sure[name] = sure or self.sure.get(name, False)
        if binder is None:
            self.holders.add(name)
        else:
            self.binders.add(binder)

    def reaches(self, name: cst.Name, reaching: Sequence[Definition]) -> bool:
        if name.value in self.holders or not reaching:
            return name.value in self.sure
        return name.value in self.sure and any(d.node in self.binders for d in reaching)


class Graph:
    """The fate of graphs in one file."""

    def __init__(self, file: File) -> None:
        self._file = file

    def straight_cut(self, node: cst.CSTNode, spared: frozenset[str] = frozenset()) -> bool:
        """Whether a value is cut from its graph in the very expression that makes it, other than by `spared`."""
        current = node
        while (above := self._file.parent(current)) is not None:
            match above:
                case cst.Attribute(value=value, attr=cst.Name(value=name)) if value is current:
                    if name in _LOOKS:
                        return False
                    if name in _CUTS - spared:
                        return True
                case cst.Call(func=func):
                    if func is not current and (self._file.name(func) or self._builtin(func)) in _CUT_FUNCTIONS:
                        return True
                    if func is not current and isinstance(current, cst.Arg) and self._reads_out(above):
                        return True
                case cst.Comparison() | cst.ComparisonTarget():
                    return True
                case cst.Subscript() if self._second_of_max(current, above):
                    return True
                case cst.Arg() | cst.BinaryOperation() | cst.UnaryOperation() | cst.Subscript():
                    pass
                case _:
                    return False
            current = above
        return False

    def _reads_out(self, call: cst.Call) -> bool:
        """Whether a function of the project detaches what it is given and makes an array of it."""
        named = call.func.attr if isinstance(call.func, cst.Attribute) else call.func
        if not isinstance(named, cst.Name) or not _READERS.search(named.value):
            return False
        function = self._file.calls.callee(call)
        if function is None:
            made = self._file.siblings.made(call)
            return made is not None and made.kind == "array"
        returned = [node.value for node in self._file.calls.own_nodes(function) if isinstance(node, cst.Return)]
        ways = [way for one in returned for way in ([one.body, one.orelse] if isinstance(one, cst.IfExp) else [one])]
        return bool(ways) and all(way is not None and _READ_OUT.search(self._file.text_of(way)) for way in ways)

    def looked_at(self, node: cst.CSTNode) -> bool:
        """Whether the expression a value stands in only looks at it: its shape, its type, a print of it."""
        current = node
        while isinstance(
            above := self._file.parent(current),
            cst.Attribute | cst.Call | cst.Arg | cst.Subscript | cst.FormattedStringExpression,
        ):
            if isinstance(above, cst.FormattedStringExpression):
                return True
            if isinstance(above, cst.Attribute) and above.attr.value in _LOOKS:
                return True
            if (
                isinstance(above, cst.Call)
                and above.func is not current
                and self._builtin(above.func) in _LOOK_FUNCTIONS
            ):
                return True
            current = above
        return False

    def fate(self, call: cst.CSTNode, region: Sequence[cst.CSTNode], *, sums: bool = True) -> Fate:
        """What becomes of a forward's result within a piece of code.

        `cut`: it is turned into labels, numbers or detached values and goes nowhere else. `dropped`: it goes
        nowhere. `unused`: not even a name that holds it is read. `handed`: what leaves
        is only what functions out of sight made of it, a score or a decoded text as a rule.
        `absent` means that the code converts it with `.numpy()` before cutting it, which raises for a value with a
        graph: so there is none, whatever we see. Unless `sums` are figures, what a value is added to is followed.
        """
        if self.straight_cut(call):
            return "cut"
        handed = False
        cut, used = False, not isinstance(self._file.parent(call), cst.Assign | cst.Expr)
        tainted = _Tainted()
        first = self._flows(call, tainted, sums=sums)
        if first is not None:
            return first
        # Twice: what a loop's end taints, its beginning may read.
        for _ in range(2):
            for node in (below for part in region for below in self._file.tree.own_of_type(cst.Name, part)):
                if node.value in tainted.sure and self._file.reads(node):
                    if not tainted.reaches(node, self._bound(node)):
                        continue
                    if self.straight_cut(node):
                        cut = used = True
                        continue
                    if self.looked_at(node):
                        continue
                    used = True
                    fate = self._flows(node, tainted, sums=sums)
                    if fate == "handed":
                        handed = True
                    elif fate is not None:
                        return fate
        return "handed" if handed else "cut" if cut or tainted.kept else "dropped" if used else "unused"

    def only_labels(self, call: cst.CSTNode, region: Sequence[cst.CSTNode], spared: frozenset[str] = _DETACH) -> bool:
        """Whether, in code that trains, a forward surely serves labels and figures alone.

        Stricter than `cut`: no function out of sight may see the value, and `.detach()` does not count unless nothing
        is spared: in training it may be belt and braces around a teacher that is frozen elsewhere.
        """
        if self.straight_cut(call, spared):
            return True
        tainted = _Tainted()
        if self._flows(call, tainted, strict=True) is not None or tainted.holders:
            return False
        cut = False
        for _ in range(2):
            for node in (below for part in region for below in self._file.tree.own_of_type(cst.Name, part)):
                if node.value in tainted.sure and self._file.reads(node):
                    if not tainted.reaches(node, self._bound(node)) or self.looked_at(node):
                        continue
                    if self.straight_cut(node, spared):
                        cut = True
                    elif self._flows(node, tainted, strict=True) is not None or tainted.holders:
                        return False
        return cut

    def _bound(self, name: cst.Name) -> list[Definition]:
        """The definitions that may reach a use, and what each `x += y` on the way kept of the old `x`."""
        found: list[Definition] = []
        todo = [*self._file.scopes.seen(name)]
        while todo:
            one = todo.pop()
            if one not in found:
                found.append(one)
                if isinstance(one.node, cst.AugAssign) and isinstance(one.node.target, cst.Name):
                    todo += self._file.scopes.seen(one.node.target)
        return found

    def _flows(self, node: cst.CSTNode, tainted: _Tainted, *, strict: bool = False, sums: bool = True) -> Fate | None:
        """Taints what a value flows into; an answer when it leaves or cannot have had a graph.

        A name is not surely tainted by what a function out of sight made of a value.
        """
        current, sure = node, tainted.sure.get(node.value, True) if isinstance(node, cst.Name) else True
        while (above := self._file.parent(current)) is not None:
            match above:
                case cst.Attribute(attr=cst.Name(value="numpy")) if above.value is current:
                    if sure:
                        return "absent"
                case cst.Call(func=func) if (
                    sure and func is not current and (self._file.name(func) or "") in ("numpy.array", "numpy.asarray")
                ):
                    return "absent"
                case cst.Call(
                    func=cst.Attribute(
                        value=cst.Name(value=holder) as container,
                        attr=cst.Name(value="append" | "extend" | "add" | "insert" | "update"),
                    )
                ):
                    if self._given(container):
                        return "escapes"
                    tainted.add(holder, sure, None)
                    return None
                case cst.Call(func=cst.Attribute(value=cst.Attribute(), attr=cst.Name(value="append" | "extend"))):
                    return "escapes"
                case cst.Assign(targets=targets):
                    return self._stored([target.target for target in targets], above, tainted, sure)
                case cst.AnnAssign(target=target) | cst.AugAssign(target=target) | cst.NamedExpr(target=target):
                    # In training, a sum of losses is what the backward pass starts from.
                    adds = isinstance(above, cst.AugAssign) and not isinstance(above.value, cst.List)
                    summed = adds and sums and not strict
                    return self._stored([target], above, tainted, sure, summed=summed)
                case cst.For() | cst.CompFor() if current is above.iter:
                    return self._stored([above.target], above, tainted, sure)
                case cst.Return() | cst.Yield() | cst.From():
                    return "escapes" if sure else "handed"
                case cst.Attribute(attr=cst.Name(value="backward")):
                    return "escapes"
                case cst.Call(func=cst.Attribute(attr=cst.Name(value=method)) as func) if (
                    func is not current and method in NEEDS_GRAPH
                ):
                    return "escapes"
                case cst.Index():
                    return None  # what picks an item has no share in its gradient
                case cst.Lambda():
                    return "escapes"
                case cst.Expr(value=cst.Call(func=cst.Attribute(attr=cst.Name(value=method)))) if not sure:
                    # `policy.put_data((reward, probability))`: kept for later, unless it is a report.
                    return None if _REPORTS.match(method) else "handed"
                case cst.SimpleStatementLine() | cst.If() | cst.While() | cst.With():
                    return None
                case cst.Call(func=func) if func is not current and not self._keeps_graph(func):
                    if strict:
                        return "escapes"
                    sure = False
            current = above
        return None

    def _keeps_graph(self, func: cst.CSTNode) -> bool:
        """Whether a function surely gives a value with a graph for one: torch's own, losses, modules."""
        if isinstance(func, cst.Attribute) and func.attr.value in _DENSITIES:
            return True
        name = self._file.name(func) or ""
        return name.startswith("torch.") or self._file.values.kind(func) in ("module", "loss")

    def _stored(
        self,
        targets: list[cst.BaseExpression],
        binder: cst.CSTNode,
        tainted: _Tainted,
        sure: bool,
        *,
        summed: bool = False,
    ) -> Fate | None:
        for target in targets:
            match target:
                case cst.Name(value=name):
                    # A running total is a figure for a report, whatever it drags along.
                    if not summed:
                        tainted.add(name, sure, binder)
                case cst.Tuple(elements=elements) | cst.List(elements=elements):
                    fate = self._stored([element.value for element in elements], binder, tainted, sure)
                    if fate is not None:
                        return fate
                case cst.Subscript(value=cst.Name(value=name)):
                    tainted.add(name, sure, None)
                case cst.Attribute(value=holder, attr=cst.Name(value=name)) if _STATES.search(
                    name
                ) and self._file.evaluating.surely(binder, holder):
                    tainted.kept = True  # its next call reads it, evaluating as well
                case cst.Attribute(attr=cst.Name(value=name)) if summed and self._sent(name):
                    return "escapes"
                case _:
                    return None if summed else "escapes"
        return None

    def _sent(self, attribute: str) -> bool:
        """Whether an attribute of some name is sent backward anywhere in the file."""
        word = re.compile(rf"\.{re.escape(attribute)}\b")
        return any(word.search(self._file.text_of(loss)) for loss in self._file.steps.losses())

    def _second_of_max(self, current: cst.CSTNode, above: cst.Subscript) -> bool:
        """`x.max(1)[1]` and `torch.topk(x, 5)[1]` are indices."""
        match current, above.slice:
            case cst.Call(func=cst.Attribute(attr=cst.Name(value="max" | "min" | "topk" | "sort"))), [
                cst.SubscriptElement(slice=cst.Index(value=cst.Integer(value="1")))
            ]:
                return True
        return False

    def _given(self, name: cst.Name) -> bool:
        """Whether a name is a parameter: what is put into it, the caller sees."""
        return any(d.kind == "parameter" for d in self._file.scopes.definitions(name))

    def _builtin(self, func: cst.CSTNode) -> str | None:
        return func.value if isinstance(func, cst.Name) and not self._file.scopes.definitions(func) else None
