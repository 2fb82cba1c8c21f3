"""What one operation does to the scores of an attention: scales, masks, casts, softens or drops some of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import libcst as cst

from .dropouts import Dropouts

if TYPE_CHECKING:
    from ..file import File
    from .scopes import Definition

_SOFTMAX = frozenset({"torch.softmax", "torch.nn.functional.softmax", "torch.special.softmax"})
_CASTS = frozenset({"to", "type_as", "type", "float", "half", "bfloat16"})
_SHAPED = frozenset({"view", "reshape", "unsqueeze", "squeeze", "contiguous"})


@dataclass(frozen=True)
class AttentionStep:
    """What is done to the scores on their way: scaled, filled or added to by a mask, cast, dropped out."""

    kind: Literal["times", "over", "fill", "keep", "add", "cast", "softmax", "dropout"]
    node: cst.CSTNode
    operand: cst.BaseExpression | None = None
    #: What is put where `operand` is true, or, to keep what is there, where it is false.
    filled: cst.BaseExpression | None = None
    #: What has to hold for the step to be taken, if anything.
    test: cst.BaseExpression | None = None


@dataclass
class Trail:
    """What a walk back from the result has passed, last first."""

    steps: list[AttentionStep] = field(default_factory=list)
    definitions: list[Definition] = field(default_factory=list)
    inner: set[cst.CSTNode] = field(default_factory=set)
    test: cst.BaseExpression | None = None
    softened: bool = False
    #: Whether it went through two branches, or through other shapes.
    winding: bool = False
    #: Whether the weights are read the other way round, as both a transposition and the order of the product say.
    turned: bool = False
    exchanged: bool = False
    #: Whether the softmax runs along the third dimension, which is the last one of three.
    third: bool = False
    #: The calls of the file's own functions that it is in, outermost first.
    calls: list[tuple[cst.Call, cst.FunctionDef]] = field(default_factory=list)
    forks: int = 0
    depth: int = 0
    #: Whether the weights are multiplied by a mask that need not be given.
    spared: bool = False


#: Whether the scores come from one side of a sum or product.
Leads = Callable[[cst.BaseExpression, Trail], bool]


class Scores:
    """The steps of one file's attentions, each read from its end."""

    def __init__(self, file: File) -> None:
        self._file = file
        self._dropouts = Dropouts(file)

    def step(
        self, node: cst.BaseExpression, trail: Trail, leads: Leads
    ) -> tuple[cst.BaseExpression, AttentionStep] | None:
        """What an expression does to the scores that lie in another, and that other; `None` for anything else."""
        return self._call(node, trail) if isinstance(node, cst.Call) else self._arithmetic(node, trail, leads)

    def _call(self, call: cst.Call, trail: Trail) -> tuple[cst.BaseExpression, AttentionStep] | None:
        name, given = self._file.name(call.func), [arg.value for arg in call.args]
        if any(arg.star for arg in call.args):
            return None
        if given and not trail.softened:
            if (dropped := self._dropouts.of(call)) is not None:
                # How much is dropped by what is given, only the caller knows.
                trail.winding |= dropped == "given"
                return given[0], AttentionStep("dropout", call, test=trail.test)
            if name in _SOFTMAX:
                return (given[0], AttentionStep("softmax", call)) if self._last(call, 1, trail) else None
            layer = self._file.values.of(call.func) if name is None else None
            if layer is not None and layer.name == "torch.nn.Softmax":
                return (given[0], AttentionStep("softmax", call)) if self._last(layer.made, 0, trail) else None
        match call.func:
            case cst.Attribute(value=inner, attr=cst.Name(method)) if name is None:
                return self._method(call, method, inner, trail)
        if name == "torch.where" and trail.softened and len(given) == 3:
            return given[1], AttentionStep("keep", call, given[0], given[2], trail.test)
        return None

    def _method(
        self, call: cst.Call, method: str, inner: cst.BaseExpression, trail: Trail
    ) -> tuple[cst.BaseExpression, AttentionStep] | None:
        given = [arg.value for arg in call.args]
        if method in _CASTS:
            return inner, AttentionStep("cast", call)
        if method in _SHAPED:
            trail.winding = True
            return inner, AttentionStep("cast", call)
        if method in ("permute", "transpose") and trail.turned and not trail.softened:
            trail.exchanged = True
            return inner, AttentionStep("cast", call)
        if method == "softmax" and not trail.softened and self._last(call, 0, trail):
            return inner, AttentionStep("softmax", call)
        if not trail.softened:
            return None
        if method in ("masked_fill", "masked_fill_") and len(given) == 2:
            return inner, AttentionStep("fill", call, given[0], given[1], trail.test)
        if method in ("mul", "mul_", "div", "div_") and len(given) == 1:
            return inner, AttentionStep("times" if method[:3] == "mul" else "over", call, given[0], test=trail.test)
        return None

    def _last(self, made: cst.CSTNode | None, position: int, trail: Trail) -> bool:
        """Whether a call is told to work along the last dimension."""
        given = self._file.argument(made, "dim", position) if isinstance(made, cst.Call) else None
        told = self._file.text_of(given.value) if given is not None else ""
        trail.third |= told == "2"
        return told in ("-1", "3", "2")

    def _arithmetic(
        self, node: cst.BaseExpression, trail: Trail, leads: Leads
    ) -> tuple[cst.BaseExpression, AttentionStep] | None:
        if not trail.softened or not isinstance(node, cst.BinaryOperation):
            return None
        left, right = node.left, node.right
        match node.operator:
            case cst.Divide():
                return left, AttentionStep("over", node, right, test=trail.test)
            case cst.Multiply() if leads(left, trail):
                return left, AttentionStep("times", node, right, test=trail.test)
            case cst.Multiply():
                return right, AttentionStep("times", node, left, test=trail.test)
            case cst.Add() if leads(left, trail):
                return left, AttentionStep("add", node, right, test=trail.test)
            case cst.Add():
                return right, AttentionStep("add", node, left, test=trail.test)
        return None
