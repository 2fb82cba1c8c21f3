"""Which forward passes surely are inference: after `.eval()`, or with results that are only read off."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from .cell import within_cell
from .demonstrations import Demonstrations

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..file import File

_FORWARDS = {"forward", "encode_image", "encode_text", "get_image_features", "get_text_features"}
#: What every module has, or whatever else a method is called on: none of them runs layers.
_OF_EVERY_MODULE = frozenset({
    "forward", "to", "cuda", "train", "eval", "apply", "load_state_dict", "parameters", "register_buffer", "add_module",
    "append", "extend", "update", "get", "join", "format", "add_argument", "view", "reshape", "permute", "mean", "sum",
})  # fmt: skip
_PLAIN = frozenset({
    "append", "extend", "format", "join", "items", "keys", "values", "strip", "startswith", "endswith", "replace",
    "lower", "add_argument", "parse_args", "get", "pop", "update", "info", "warning", "debug", "size", "view",
    "reshape", "permute", "transpose", "unsqueeze", "squeeze", "contiguous", "to", "cuda", "cpu", "detach", "numpy",
    "item", "tolist", "backward", "step", "zero_grad", "parameters", "named_parameters", "state_dict",
    "load_state_dict", "eval", "train", "exists", "makedirs", "add_scalar", "zeros", "ones", "zeros_like",
    "ones_like", "arange", "cat", "stack", "array", "tensor", "from_numpy", "__init__", "register_buffer",
    "isinstance", "masked_fill", "clone", "float", "long", "dim",
})  # fmt: skip
#: Callers are followed so far.
_DEEPEST = 3


class Inference:
    """The forward passes of one file, and the code around them."""

    def __init__(self, file: File) -> None:
        self._file = file
        self._demonstrations = Demonstrations(file)

    def forwards(self, body: cst.CSTNode) -> Iterator[cst.Call]:
        """The calls of sure modules that stand directly in a function, a statement or the module."""
        return (call for call in self._file.calls.own_calls(body) if self.is_forward(call))

    def is_forward(self, call: cst.Call) -> bool:
        """Whether a call surely runs a module."""
        return not self.is_plain(call) and self._file.values.is_module(self.called_on(call))

    def passes(self, body: cst.CSTNode) -> Iterator[cst.Call]:
        """The forwards there, and the calls of methods that run the layers of a module: `policy.sample(state)`."""
        return (call for call in self._file.calls.own_calls(body) if self.is_pass(call))

    def is_pass(self, call: cst.Call) -> bool:
        """Whether a call surely runs a module, or the layers of one."""
        return not self.is_plain(call) and (
            self._file.values.is_module(self.called_on(call)) or self._runs_layers(call)
        )

    @staticmethod
    def is_plain(call: cst.Call) -> bool:
        """Whether a call is of a method that no module is named like: asked first, for it is asked of every call."""
        return isinstance(call.func, cst.Attribute) and call.func.attr.value in _PLAIN

    @staticmethod
    def called_on(call: cst.Call) -> cst.BaseExpression:
        """What a forward is called on: `net` in `net(x)` and in `net.forward(x)`."""
        if isinstance(call.func, cst.Attribute) and call.func.attr.value in _FORWARDS:
            return call.func.value
        return call.func

    def model(self, call: cst.Call) -> cst.BaseExpression:
        """What a pass is called on: the same, and `net` in `net.sample(x)`."""
        on = self.called_on(call)
        return on.value if on is call.func and isinstance(on, cst.Attribute) and self._runs_layers(call) else on

    def _runs_layers(self, call: cst.Call) -> bool:
        """Whether a call runs a method, in sight, that calls layers of its module and does not train them."""
        match call.func:
            case cst.Attribute(value=cst.Name() | cst.Attribute() as owner, attr=cst.Name(value=name)) if (
                call.args
                and name not in _OF_EVERY_MODULE
                and not (isinstance(owner, cst.Name) and owner.value == "self")
            ):
                value = self._file.values.of(owner)
            case _:
                return False
        if value is None or value.kind != "module":
            return False
        if value.origin is not None:
            return self._file.siblings.runs_layers(value.origin, name)
        if value.cls is None:
            # One of several networks: who detaches what its method gives knows that it records.
            return self._is_detached(call)
        method = self._file.calls.method(value.cls, name) if value.cls is not None else None
        return (
            method is not None
            and not self._file.phase.function_trains(method)
            and any(
                isinstance(inner.func, cst.Attribute)
                and isinstance(inner.func.value, cst.Name)
                and inner.func.value.value == "self"
                and self._file.values.is_module(inner.func)
                for inner in self._file.calls.own_calls(method)
            )
        )

    def _is_detached(self, call: cst.Call) -> bool:
        """Whether what a call gives is named, and the first of its names detached where it is read."""
        match self._file.context.statement(call):
            case cst.SimpleStatementLine(body=[cst.Assign(targets=[cst.AssignTarget(target=target)], value=value)]):
                names = [name for name in self._file.names_in(target) if name.value != "_"] if value is call else []
            case _:
                return False
        above = [self._file.parent(use) for name in names[:1] for use in self._file.uses(name)]
        return bool(above) and all(isinstance(one, cst.Attribute) and one.attr.value == "detach" for one in above)

    def demonstrates(self, call: cst.Call) -> bool:
        """Whether a forward is there to be looked at: of examples, of made-up numbers, or to see that it is right."""
        shows = self._demonstrations
        return shows.shown(call, self.model(call)) or shows.probes(call) or shows.compares(call)

    def only_runs(self, call: cst.Call) -> bool:
        """Whether a forward is there to see that it runs, or what shape it gives."""
        return self._demonstrations.only_runs(call)

    def stretch(self, call: cst.Call, function: cst.FunctionDef | None) -> list[cst.CSTNode]:
        """The neighbouring statements, from that of the call to the last forward, that surely are inference.

        Empty when not sure. Sure is what follows `.eval()` in the same block, and what is turned into labels, numbers
        or detached values and goes nowhere else.
        """
        if self.demonstrates(call):
            return []
        if function is not None and self._read_in_training_mode(call, function):
            return [self._whole_statement(call, function)]
        found = self._after_eval(call)
        switched = found is not None or self._file.evaluating.by_file(self.model(call), by_script=True)
        if not switched and self._demonstrations.is_toy(call, self.model(call)):
            return []
        if found is None:
            found = self._read_off(call, function)
        fate = self._file.graph.fate(call, [self._home(function)]) if found else "escapes"
        if (
            fate == "cut"
            or (fate == "dropped" and not self._demonstrations.only_runs(call))
            or (fate == "handed" and switched)
        ):
            return within_cell(found)
        return []

    def _home(self, function: cst.FunctionDef | None) -> cst.CSTNode:
        return function.body if function else self._file.module

    def _after_eval(self, call: cst.Call) -> list[cst.CSTNode] | None:
        """The stretch behind `.eval()` in a block around the call; `None` where no block switches the mode."""
        file, model, sets = self._file, self.model(call), self._file.evaluating.sets
        for child, above in file.context.ancestors(call):
            if not isinstance(above, cst.IndentedBlock | cst.Module):
                continue
            body = list(above.body)
            before = body[: body.index(child)]  # type: ignore[arg-type]
            switched = next((s for s in reversed(before) if sets(s, model)), None)
            if switched is None:
                continue
            if sets(switched, model) == "train":
                return []
            after = body[body.index(switched) + 1 :]
            until = next((i for i, s in enumerate(after) if sets(s, model) == "train"), len(after))
            if file.phase.needs_graph(after[:until]):
                return []
            rest = after[after.index(child) : until]  # type: ignore[arg-type]
            last = max(i for i, s in enumerate(rest) if s is child or any(True for _ in self.forwards(s)))
            return list(rest[: last + 1])
        return None

    def _read_off(self, call: cst.Call, function: cst.FunctionDef | None) -> list[cst.CSTNode]:
        """The statement of a forward whose results are only read off, though no `.eval()` stands beside it."""
        file, statement = self._file, self._file.context.statement(call)
        if function is None and file.phase.file_trains:
            only = file.graph.only_labels(call, [file.module]) or self._ends_script(call, statement)
            return [statement] if only else []
        if function is not None and file.phase.function_trains(function):
            return [statement] if file.graph.only_labels(call, [function.body]) else []
        if self._file.evaluating.by_file(self.model(call)) and not file.phase.file_trains:
            return [statement]
        if function is None:
            return [statement] if file.graph.straight_cut(call) else []
        if self._mode_in_sight(function) and file.graph.fate(call, [function.body]) == "cut":
            return [statement]
        if self._of_module(function) or self._overrides(function):
            return []
        # Where nothing is trained, what is detached is read off as well.
        only = file.graph.straight_cut(call) or file.graph.only_labels(call, [function.body], frozenset())
        return [statement] if only else []

    def _read_in_training_mode(self, call: cst.Call, function: cst.FunctionDef) -> bool:
        """Whether a loop that looks like training only reads figures off: its losses go nowhere else."""
        file = self._file
        return (
            bool(file.context.loops(call))
            and file.phase.function_trains(function)
            and file.phase.only_named_so(function)
            and not self._of_module(function)
            and not self._overrides(function)
            and file.graph.fate(call, [function.body], sums=False) == "cut"
        )

    def _whole_statement(self, call: cst.Call, function: cst.FunctionDef) -> cst.CSTNode:
        """The statement of the function's own block that a call stands in."""
        return next(child for child, above in self._file.context.ancestors(call) if above is function.body)

    def _ends_script(self, call: cst.Call, statement: cst.CSTNode) -> bool:
        """Whether all that follows a forward in a script only reads off its results."""
        block = self._file.parent(statement)
        if not isinstance(block, cst.Module):
            return False
        rest = list(block.body[block.body.index(statement) :])
        return not self._file.phase.needs_graph(rest) and self._file.graph.fate(call, rest) == "cut"

    def _mode_in_sight(self, function: cst.FunctionDef, seen: tuple[cst.FunctionDef, ...] = ()) -> bool:
        """Whether all that calls the function stands in this file, so that the mode it runs in is known."""
        around = {self._file.context.function(call) for call in self._file.calls.callers(function)} - {function, *seen}
        if not around or self._file.calls.escapes(function) or self._overrides(function):
            return False
        # A module's method that calls it is called by whoever has the module.
        return all(
            caller is None or not self._of_module(caller) or self._mode_in_sight(caller, (function, *seen))
            for caller in around
        )

    def _of_module(self, function: cst.FunctionDef) -> bool:
        """Whether a function is a method of a module: who calls the module decides the mode."""
        owner = self._file.calls.class_of(function)
        return owner is not None and self._file.values.is_module_class(owner)

    def _overrides(self, function: cst.FunctionDef, seen: tuple[cst.FunctionDef, ...] = ()) -> bool:
        """Whether a base class out of sight may run this method, itself or through its callers, under any mode."""
        owner = self._file.calls.class_of(function)
        callers = {self._file.context.function(call) for call in self._file.calls.callers(function)} - {function, *seen}
        if None in callers:
            return False
        if callers:
            return all(caller and self._overrides(caller, (function, *seen)) for caller in callers)
        if owner is None:
            return False
        return any(
            self._file.calls.local_class(base.value) is None
            and not (self._file.name(base.value) or "").startswith(("torch.", "abc.", "typing."))
            and not (isinstance(base.value, cst.Name) and base.value.value == "object")
            for cls in self._file.calls.bases(owner)
            for base in cls.bases
        )
