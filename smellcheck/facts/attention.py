"""Attention computed by hand: a product, scaled and masked, a softmax over it, perhaps dropout, a second product."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import libcst as cst

from .fused import Fused, layout_of
from .scores import AttentionStep, Scores, Trail
from .weights import Weights

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..file import File
    from .scopes import Definition

_PRODUCTS = frozenset({"torch.matmul", "torch.bmm", "torch.einsum"})
_IN_PLACE: dict[type[cst.BaseAugOp], Literal["times", "over", "add"]] = {
    cst.MultiplyAssign: "times", cst.DivideAssign: "over", cst.AddAssign: "add",
}  # fmt: skip
_DEEPEST = 20
#: How many steps are enough to tell on which side of a sum or product the scores stand.
_NEAR = 8
#: Through how many forks, one behind the other, all ways are followed: each doubles them.
_FORKS = 3


@dataclass
class Attention:
    """One attention written out."""

    #: The second product, whose value is the result.
    result: cst.BaseExpression
    query: cst.BaseExpression
    #: The second operand of the first product, transposed as it stands there.
    key: cst.BaseExpression
    value: cst.BaseExpression
    #: In the order in which they run.
    steps: list[AttentionStep]
    #: The definitions and statements that it is made of, but the last.
    parts: list[cst.CSTNode]
    #: The equation of each product, where they are spelled as such.
    equations: tuple[str, str] | None = None
    #: Whether the shape of what lies between is asked for.
    asked: bool = False
    #: Whether the weights are handed out, to an option or to who lets them lie, or are masked where an option asks.
    optional: bool = False


class Attentions:
    """The attentions of one file."""

    def __init__(self, file: File) -> None:
        self._file = file
        self._fused, self._weights, self._scores = Fused(file), Weights(file), Scores(file)

    def of(self, result: cst.BaseExpression) -> Attention | None:
        """The attention whose second product an expression is, when nobody reads its weights."""
        second = self.operands(result)
        if second is None:
            return None
        weights, value, equation = second
        trail = Trail()
        product = self._back(weights, trail, 0)
        if product is None and equation is None:
            # The whole may be written transposed: the value first, and then the weights.
            trail, weights, value = Trail(turned=True, winding=True), value, weights
            product = self._back(weights, trail, 0)
        first = self.operands(product) if product is not None and trail.softened else None
        if product is None or first is None or (first[2] is None) != (equation is None):
            return None
        batched = isinstance(product, cst.Call) and self._file.name(product.func) == "torch.bmm"
        if (trail.turned and not trail.exchanged) or (trail.third and not batched):
            return None
        readers = self._weights.readers(trail.definitions, trail.inner)
        if readers is None:
            return None
        asked = "shape" in readers or trail.winding
        optional = not readers.isdisjoint({"option", "nobody"}) or trail.spared
        parts = [one.node for one in trail.definitions]
        parts += [step.node for step in trail.steps if isinstance(step.node, cst.Expr)]
        equations = (first[2], equation) if first[2] is not None and equation is not None else None
        found = Attention(result, first[0], first[1], value, trail.steps[::-1], parts, equations, asked, optional)
        return found if layout_of(found) is not None else None

    def fused(self, found: Attention) -> tuple[str, str, str] | None:
        """The call of `scaled_dot_product_attention` that gives the same, if sure: its name, arguments, and sequel."""
        layout = layout_of(found)
        return self._fused.call(found, layout) if layout is not None and not found.asked else None

    def operands(self, node: cst.CSTNode) -> tuple[cst.BaseExpression, cst.BaseExpression, str | None] | None:
        """The two sides of a matrix product, and its equation where it is an `einsum`."""
        match node:
            case cst.BinaryOperation(left=left, operator=cst.MatrixMultiply(), right=right):
                return left, right, None
            case cst.Call(func=func, args=args) if not any(arg.star or arg.keyword for arg in args):
                name = self._file.name(func)
                given = [arg.value for arg in args]
                if name == "torch.einsum" and len(given) == 3 and isinstance(given[0], cst.SimpleString):
                    return given[1], given[2], str(given[0].evaluated_value)
                if name in _PRODUCTS and len(given) == 2:
                    return given[0], given[1], None
                match func:
                    case cst.Attribute(value=left, attr=cst.Name("matmul" | "bmm")) if name is None and len(given) == 1:
                        return left, given[0], None
        return None

    # -- the walk back -------------------------------------------------------------------------

    def _back(self, node: cst.BaseExpression, trail: Trail, depth: int) -> cst.BaseExpression | None:
        """The first product, found back through all that is done to the scores; `None` when anything else is."""
        if depth > _DEEPEST:
            return None
        trail.depth = depth
        if isinstance(node, cst.Name):
            return self._named(node, trail, depth)
        if trail.softened and self.operands(node) is not None:
            return node
        returned = self._returned(node, trail) if isinstance(node, cst.Call) else None
        if returned is not None:
            return self._back(returned, trail, depth + 1)
        taken = self._scores.step(node, trail, self._leads)
        if taken is None:
            return None
        inner, step = taken
        trail.steps.append(step)
        trail.softened |= step.kind == "softmax"
        return self._back(inner, trail, depth + 1)

    def _returned(self, call: cst.Call, trail: Trail) -> cst.BaseExpression | None:
        """What a function of the file gives, which is gone into: a softmax with its dropout, a mask with its scale."""
        function = self._file.calls.callee(call)
        if function is None or function.asynchronous is not None:
            return None
        if self._file.calls.class_of(function) is not None and function.decorators:
            return None
        handed = [one for one in self._file.calls.own_nodes(function) if isinstance(one, cst.Return | cst.Yield)]
        if len(handed) != 1 or not isinstance(handed[0], cst.Return) or handed[0].value is None:
            return None
        trail.calls.append((call, function))
        trail.winding = True
        return handed[0].value

    def _given(self, name: cst.Name, given: Definition, trail: Trail, depth: int) -> cst.BaseExpression | None:
        """Back out of a function, to what its call gives for a parameter."""
        if not trail.calls or given.scope.node is not trail.calls[-1][1]:
            return None
        call, function = trail.calls.pop()
        argument = self._file.calls.argument_of(call, function, given)
        if not isinstance(argument, cst.BaseExpression):
            return None
        trail.definitions.append(given)
        self._in_place(name, given, trail)
        return self._back(argument, trail, depth + 1)

    def _named(self, name: cst.Name, trail: Trail, depth: int) -> cst.BaseExpression | None:
        reaching = self._file.scopes.reaching(name)
        if not reaching or any(one.kind not in ("assign", "augment", "parameter") or one.path for one in reaching):
            return None
        last = max(reaching, key=lambda one: self._file.tree.order[one.node])
        trail.inner.add(name)
        if last.kind == "parameter":
            return self._given(name, last, trail, depth)
        if len(reaching) > 1:
            trail.test = self._condition(last, [one for one in reaching if one is not last])
            if trail.test is None:
                return self._all(reaching, trail, depth)
        trail.definitions.append(last)
        self._in_place(name, last, trail)
        if trail.test is not None and not trail.softened:
            spared = self._spared(last, trail.test)
            if spared is not None:
                trail.test, trail.spared = None, True
                return self._back(spared, trail, depth + 1)
        if isinstance(last.node, cst.AugAssign):
            return self._augmented(last.node, trail, depth)
        value = last.value
        if not isinstance(value, cst.BaseExpression):
            return None
        if len(reaching) == 1:
            return self._back(value, trail, depth + 1)
        # One step is taken under the condition, and what it is taken from is what stands without it.
        taken = self._scores.step(value, trail, self._leads)
        if taken is None or not isinstance(taken[0], cst.Name) or taken[1].kind in ("softmax", "cast"):
            return None
        trail.steps.append(taken[1])
        trail.test = None
        if set(self._file.scopes.reaching(taken[0])) != set(reaching) - {last}:
            return None
        return self._back(taken[0], trail, depth + 1)

    def _spared(self, last: Definition, test: cst.BaseExpression) -> cst.BaseExpression | None:
        """The weights without a mask that they are multiplied by if it is given, which by default it is not."""
        match test:
            case cst.Comparison(
                left=cst.Name() as mask, comparisons=[cst.ComparisonTarget(cst.IsNot(), cst.Name("None"))]
            ):
                given = self._file.scopes.reaching(mask)
            case _:
                return None
        if [one.kind for one in given] != ["parameter"] or not (
            isinstance(given[0].value, cst.Name) and given[0].value.value == "None"
        ):
            return None
        match last.node, last.value:
            case cst.AugAssign(target=cst.Name() as weights, operator=cst.MultiplyAssign(), value=factor), _:
                pass
            case _, cst.BinaryOperation(left=cst.Name() as weights, operator=cst.Multiply(), right=factor):
                pass
            case _:
                return None
        return weights if isinstance(factor, cst.Name) and factor.value == mask.value else None

    def _all(self, reaching: Sequence[Definition], trail: Trail, depth: int) -> cst.BaseExpression | None:
        """The one product that all definitions lead back to, whichever branch is taken."""
        if trail.forks >= _FORKS:
            return None
        trail.forks += 1
        ways = [replace(trail, steps=[], definitions=[], inner=set(), calls=[*trail.calls]) for _ in reaching[1:]]
        products = []
        for one, way in zip(reaching, (*ways, trail), strict=True):
            way.definitions.append(one)
            if isinstance(one.node, cst.AugAssign):
                products.append(self._augmented(one.node, way, depth))
            elif isinstance(one.value, cst.BaseExpression):
                products.append(self._back(one.value, way, depth + 1))
            else:
                return None
        if any(one is not products[0] for one in products) or not all(way.softened for way in (*ways, trail)):
            return None
        for way in ways:
            trail.inner |= way.inner
            trail.definitions += [one for one in way.definitions if one not in trail.definitions]
            trail.spared |= way.spared
        trail.winding = True
        return products[0]

    def _augmented(self, node: cst.AugAssign, trail: Trail, depth: int) -> cst.BaseExpression | None:
        kind = _IN_PLACE.get(type(node.operator))
        if kind is None:
            return None
        trail.steps.append(AttentionStep(kind, node, node.value, test=trail.test))
        trail.test = None
        return self._back(node.target, trail, depth + 1)

    def _condition(self, last: Definition, others: list[Definition]) -> cst.BaseExpression | None:
        """Under what condition alone a definition is reached, where it goes on from the others, which stand before."""
        if isinstance(last.value, cst.BaseExpression) and not isinstance(last.node, cst.AugAssign):
            read = [one for one in self._file.names_in(last.value) if one.value == last.name]
            if any(set(self._file.scopes.reaching(one)) != set(others) for one in read):
                return None
        block = self._file.parent(self._file.context.statement(last.node))
        above = self._file.parent(block) if block is not None else None
        if not isinstance(above, cst.If) or above.body is not block or above.orelse is not None:
            return None
        if any(self._file.context.within(one.node, above) for one in others):
            return None
        return above.test

    def _in_place(self, name: cst.Name, bound: Definition, trail: Trail) -> None:
        """Masks that are written into the scores between where they are bound and where they are read."""
        order = self._file.tree.order
        found = []
        for use in self._weights.uses(bound):
            method = self._file.parent(use)
            if isinstance(method, cst.Attribute) and method.attr.value == "data":
                method = self._file.parent(method)
            call = self._file.parent(method) if isinstance(method, cst.Attribute) else None
            match method, call, self._file.parent(call) if call is not None else None:
                case (
                    cst.Attribute(attr=cst.Name("masked_fill_")),
                    cst.Call(args=[cst.Arg(value=mask), cst.Arg(value=filled)]),
                    cst.Expr() as statement,
                ) if order[bound.node] < order[use] < order[name]:
                    found.append(AttentionStep("fill", statement, mask, filled, self._guard(statement, bound)))
                    trail.inner.add(use)
        trail.steps += reversed(found)

    def _guard(self, statement: cst.CSTNode, bound: Definition) -> cst.BaseExpression | None:
        block = self._file.parent(self._file.context.statement(statement))
        above = self._file.parent(block) if block is not None else None
        return above.test if isinstance(above, cst.If) and not self._file.context.within(bound.node, above) else None

    def _leads(self, node: cst.BaseExpression, trail: Trail) -> bool:
        """Whether the scores come from this side: it is a product, or leads back to one."""
        ahead = Trail(softened=True, calls=[*trail.calls], forks=trail.forks)
        # What is looked for from here is never further than where it was looked for from: loops come to an end.
        return self._back(node, ahead, max(_DEEPEST - _NEAR, trail.depth + 1)) is not None
