"""Which forward passes only demonstrate: on input that is made up, or written down in the source, or of a toy."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import libcst as cst

from .examples import Examples

if TYPE_CHECKING:
    from ..file import File

#: As many parameters have a graph that no meter sees.
_TOY = 1_000
_SHAPES = {"shape", "size", "dim", "ndim", "numel"}
_COMPARES = frozenset({"allclose", "assert_close", "assert_allclose", "assert_array_equal", "assert_almost_equal"})
_JOINS = ("torch.cat", "torch.stack", "torch.concat")
_HANDLED = {"weight", "bias"}
_PARAMETERS = {"torch.nn.Linear": 1, "torch.nn.Bilinear": 2, "torch.nn.Conv1d": 2, "torch.nn.Conv2d": 2}


class Demonstrations:
    """The forward passes of one file that are there to be looked at."""

    def __init__(self, file: File) -> None:
        self._file = file
        self._examples = Examples(file)

    def only_runs(self, call: cst.Call) -> bool:
        """Whether a forward of no further use is there to see that it runs: on what is made up, or for its shape."""
        given = self._given(call)
        return (bool(given) and all(self._examples.is_made_up(value) for value in given)) or self._measured(call)

    def probes(self, call: cst.Call) -> bool:
        """Whether a forward runs once, on numbers made up in sizes that stand there: `net(torch.ones(2, 3))`."""
        given = self._given(call)
        once = not self._file.context.loops(call)
        return once and bool(given) and all(self._examples.is_made_up(value, sized=True) for value in given)

    def compares(self, call: cst.Call) -> bool:
        """Whether all that is done with what a forward gives is to see that it equals something else."""
        whole: cst.CSTNode | None = self._file.parent(call)
        while isinstance(whole, cst.Arg | cst.ListComp | cst.GeneratorExp | cst.List | cst.Element) or (
            isinstance(whole, cst.Call) and self._file.name(whole.func) in _JOINS
        ):
            whole = self._file.parent(whole)
        match whole:
            case cst.Assign(targets=[cst.AssignTarget(target=cst.Name() as bound)]):
                read: list[cst.Name] = list(self._file.uses(bound))
            case _:
                return False
        return bool(read) and all(self._is_compared(name) for name in read)

    def _is_compared(self, name: cst.Name) -> bool:
        arg = self._file.parent(name)
        call = self._file.parent(arg) if isinstance(arg, cst.Arg) else None
        match call:
            case cst.Call(func=cst.Attribute(attr=cst.Name(value=function)) | cst.Name(value=function)):
                return function in _COMPARES
        return False

    def _measured(self, call: cst.Call) -> bool:
        """Whether all that is looked at of a forward, once, is the shape of its result."""
        if self._file.context.loops(call):
            return False
        match self._file.parent(call):
            case cst.Assign(targets=[cst.AssignTarget(target=cst.Name() as bound)]):
                read = list(self._file.uses(bound))
            case _:
                return False
        above = [self._file.parent(name) for name in read]
        return bool(above) and all(isinstance(one, cst.Attribute) and one.attr.value in _SHAPES for one in above)

    def shown(self, call: cst.Call, model: cst.BaseExpression) -> bool:
        """Whether a forward runs once or for a few examples, to show what a layer or a sentence gives."""
        if not self._examples.few_rounds(call):
            return False
        return self._written_down(call) or self._is_handled(model)

    def _written_down(self, call: cst.Call) -> bool:
        """Whether a forward gets nothing but numbers and texts that stand in the source, or what is made of them."""
        given = self._given(call)
        return any(self._examples.is_written(value) for value in given) and all(
            self._examples.is_example(value) for value in given
        )

    def _given(self, call: cst.Call) -> list[cst.BaseExpression]:
        """What a forward gets, its options left out."""
        plain = ("bool", "number", "none", "string")
        return [arg.value for arg in call.args if self._file.values.kind(arg.value) not in plain]

    def _is_handled(self, model: cst.BaseExpression) -> bool:
        """Whether a script makes a single layer, and reads or sets its weights by hand beside running it."""
        value = self._file.values.of(model)
        if not isinstance(model, cst.Name) or value is None or not value.name.startswith("torch.nn."):
            return False
        if self._file.context.function(model) is not None or not isinstance(value.made, cst.Call):
            return False
        reaching = set(self._file.scopes.reaching(model))
        return any(
            isinstance(part.value, cst.Name)
            and part.attr.value in _HANDLED
            and part.value.value == model.value
            and reaching == set(self._file.scopes.reaching(part.value))
            for part in self._file.all(cst.Attribute)
        )

    def is_toy(self, call: cst.Call, model: cst.BaseExpression) -> bool:
        """Whether the network is made where it runs, of a few layers whose sizes stand there, and small ones."""
        value = self._file.values.of(model)
        made = value.made if value is not None else None
        if not isinstance(made, cst.Call) or self._file.context.function(made) is not self._file.context.function(call):
            return False
        return (self._size(made) or _TOY) < _TOY and not self._file.context.loops(call)

    def _size(self, made: cst.BaseExpression) -> int | None:
        """About how many parameters a network has; None where that cannot be read off."""
        if not isinstance(made, cst.Call):
            return None
        name = self._file.name(made.func) or ""
        if name == "torch.nn.Sequential":
            sizes = [self._size(arg.value) if not arg.star and arg.keyword is None else None for arg in made.args]
            return None if None in sizes else sum(size for size in sizes if size)
        if name not in _PARAMETERS:
            stateless = name.startswith("torch.nn.") and not made.args
            return 0 if stateless else None
        numbers = [arg.value.evaluated_value for arg in made.args if isinstance(arg.value, cst.Integer)]
        return prod(numbers) ** _PARAMETERS[name] if len(numbers) == len(made.args) > 1 else None
