"""What training steps are made of: losses sent backward, what they are computed from, and optimizers that step."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import libcst as cst

from .tree import descend, dotted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..file import File
    from .optimizers import Key

_BACKWARDS = frozenset({"backward", "manual_backward"})
# What sends a loss that it is given; a tensor's own `backward` is given a gradient at most.
_SENDERS = re.compile(
    r"(^|[._])(accelerator|fabric|engine|self|model\w*|strategy|scaler|amp|optimizer|manager|booster)$"
)


class Steps:
    """The training steps of one file."""

    def __init__(self, file: File) -> None:
        self._file = file
        self._ran: dict[cst.Call, tuple[frozenset[Key], frozenset[str]]] = {}

    @staticmethod
    def sent(call: cst.CSTNode) -> cst.BaseExpression | None:
        """The loss of `loss.backward()`, `scaler.scale(loss).backward()` or `accelerator.backward(loss)`."""
        match call:
            case cst.Call(func=cst.Attribute(value=receiver, attr=cst.Name(value=method)), args=args) if (
                method in _BACKWARDS
            ):
                given = [arg.value for arg in args if arg.keyword is None]
                return given[0] if given and _SENDERS.search(".".join(dotted(receiver) or ())) else receiver
        return None

    def losses(self) -> Iterator[cst.BaseExpression]:
        """All that the file sends backward."""
        return (loss for call in self._file.calls.named(_BACKWARDS) if (loss := self.sent(call)) is not None)

    @staticmethod
    def stepping(call: cst.CSTNode) -> cst.BaseExpression | None:
        """The optimizer of `optimizer.step()` or `scaler.step(optimizer)`."""
        match call:
            case cst.Call(func=cst.Attribute(value=owner, attr=cst.Name("step")), args=[]):
                return owner
            case cst.Call(func=cst.Attribute(attr=cst.Name("step")), args=[cst.Arg(value=owner, keyword=None)]):
                return owner
        return None

    def sources(self, loss: cst.BaseExpression) -> Iterator[cst.CSTNode]:
        """The calls and names that a loss is computed from in the same function, where their graph is not cut."""
        file = self._file
        todo: list[cst.CSTNode] = [loss]
        seen: set[cst.CSTNode] = set()
        while todo:
            for node in descend(todo.pop(), into_functions=False):
                if node in seen or not isinstance(node, cst.Call | cst.Name) or file.graph.straight_cut(node):
                    continue
                seen.add(node)
                yield node
                if isinstance(node, cst.Name) and (file.reads(node) or isinstance(file.parent(node), cst.AugAssign)):
                    for one in file.scopes.reaching(node):
                        # What an earlier round of a loop has computed has been through its own backward pass.
                        if file.before(node, one.node) or one.node in seen:
                            continue
                        if one.kind in ("assign", "augment") and one.value is not None:
                            seen.add(one.node)
                            todo.append(one.node if one.kind == "augment" else one.value)

    def runs(self, call: cst.Call) -> frozenset[Key]:
        """The modules and weights, stepped by optimizers, by which a call computes what it gives."""
        return self._computing(call)[0]

    def fed(self, call: cst.Call) -> list[cst.BaseExpression]:
        """What a call is given that its result is computed from, as far as a function of the file shows."""
        function, used = self._file.calls.callee(call), self._computing(call)[1]
        if function is None:
            return [arg.value for arg in call.args]
        names = [param.name.value for param in (*function.params.posonly_params, *function.params.params)]
        spelled = [
            arg.keyword.value if arg.keyword is not None else name for name, arg in zip(names, call.args, strict=False)
        ]
        return [arg.value for name, arg in zip(spelled, call.args, strict=False) if name in used]

    def _computing(self, call: cst.Call) -> tuple[frozenset[Key], frozenset[str]]:
        """What a call runs, and the parameters from which a function of the file computes what it gives back."""
        if call not in self._ran:
            self._ran[call] = frozenset(), frozenset()
            key = self._file.optimizers.key(call.func)
            stepped = self._file.optimizers.stepped
            function = self._file.calls.callee(call)
            if key in stepped and key is not None:
                self._ran[call] = frozenset({key}), frozenset()
            elif function is not None and self._file.calls.class_of(function) is None and stepped:
                self._ran[call] = self._computed_in(function, stepped)
        return self._ran[call]

    def _computed_in(self, function: cst.FunctionDef, stepped: frozenset[Key]) -> tuple[frozenset[Key], frozenset[str]]:
        """The same of a function that has nothing but one way to its end, with nothing held on it."""
        nodes = self._file.calls.own_nodes(function)
        returned = [node.value for node in nodes if isinstance(node, cst.Return) and node.value is not None]
        if len(returned) != 1 or function.decorators or any(isinstance(node, cst.With | cst.Yield) for node in nodes):
            return frozenset(), frozenset()
        keys: set[Key] = set()
        parameters = set()
        for part in self.sources(returned[0]):
            key = self._file.optimizers.key(part.func if isinstance(part, cst.Call) else part)
            if key is not None and key in stepped:
                keys.add(key)
            if isinstance(part, cst.Name) and any(one.kind == "parameter" for one in self._file.scopes.reaching(part)):
                parameters.add(part.value)
        return frozenset(keys), frozenset(parameters)

    def clears(self, node: cst.CSTNode) -> frozenset[Key]:
        """The modules and weights whose gradients a node zeroes, all at once or each in a loop."""
        optimizers = self._file.optimizers
        match node:
            case cst.Call(func=cst.Attribute(value=owner, attr=cst.Name("zero_grad"))):
                visited = [self._listed(each) for each in self._visited(owner)]
                if visited:
                    return visited[0].intersection(*visited)
                key = optimizers.key(owner)
                return (optimizers.owners(owner) or frozenset()) | ({key} if key is not None else frozenset())
            case cst.Call(func=cst.Attribute(value=gradient, attr=cst.Name("zero_"))):
                match gradient:
                    case cst.Attribute(value=cst.Attribute() as inner, attr=cst.Name("data")):
                        gradient = inner
            case cst.Assign(targets=[cst.AssignTarget(target=gradient)], value=value):
                if self._file.text_of(value) != "None" and ".zero_()" not in self._file.text_of(value):
                    return frozenset()
            case _:
                return frozenset()
        match gradient:
            case cst.Attribute(value=weight, attr=cst.Name("grad")):
                held = [optimizers.held(each) or frozenset() for each in self._visited(weight)]
                return held[0].intersection(*held) if held else frozenset()
        return frozenset()

    def _visited(self, name: cst.CSTNode) -> list[cst.BaseExpression]:
        """What the loops go over that bind a name."""
        reaching = self._file.scopes.reaching(name) if isinstance(name, cst.Name) else ()
        return [one.value for one in reaching if one.kind == "for" and isinstance(one.value, cst.BaseExpression)]

    def _listed(self, node: cst.BaseExpression) -> frozenset[Key]:
        """The objects that a list names."""
        if isinstance(node, cst.Name):
            bound = self._file.scopes.reaching(node)
            return (
                self._listed(bound[0].value)
                if len(bound) == 1 and isinstance(bound[0].value, cst.List)
                else frozenset()
            )
        if not isinstance(node, cst.List | cst.Tuple):
            return frozenset()
        keys = (self._file.optimizers.key(element.value) for element in node.elements)
        return frozenset(key for key in keys if key is not None)

    def home(self, node: cst.CSTNode) -> cst.CSTNode:
        """The function that a node stands in, or the module."""
        return self._file.context.function(node) or self._file.module
