"""Whether autograd records at a node: `off`, `on`, or `None` when something out of sight may decide."""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import libcst as cst

from . import frameworks
from .modes import NEUTRAL, OFF, ON, SWITCH

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..file import File

Mode = Literal["on", "off"]

#: Through how many callers in the file those in other files are looked for.
_FAR = 3

_HOOKS = re.compile(
    r"^(on_)?(validation|test|predict|sanity)_\w+$|^(validation|test|predict)_(step|epoch_end|step_end)$"
)
#: A loss that is read so is one of torch before 0.5.
_ANCIENT = re.compile(r"^[^#\n]*\b\w*(loss|cost|err)\w*(\.data\[0\]|(?<=total_loss)\[0\] */ *len\()", re.I | re.M)
#: An object that is opened, as `Tracker(...)`: what switches modes is written as a function, or says so.
_OBJECT = re.compile(r"(^|\.)[A-Z][a-z]+\w*$")
_SWITCHES = re.compile(r"grad|infer|eval|mode|freez|frozen|disab|guard|scope|context", re.I)
_TRAINER_HOOKS = {
    "prediction_step",
    "evaluation_loop",
    "prediction_loop",
    "evaluate",
    "predict",
    "compute_loss",
}


class Grad:
    """The gradient mode of places in one file."""

    def __init__(self, file: File) -> None:
        self._file = file
        self._functions: dict[cst.FunctionDef, Mode | None] = {}

    def mode(self, node: cst.CSTNode) -> Mode | None:
        """The mode at a node: from `with` blocks, decorators, bare switches, callers in the file and base classes."""
        return _agreed(self._modes_at(node, None))

    def likely(self, node: cst.CSTNode) -> Mode | None:
        """The same where functions seem to call each other in a circle: such a circle is entered from outside it.

        A trainer's `train` seems to be called by the `net.train()` of a method that it calls. Enough for information.
        """
        return _agreed(self._modes_at(node, set()))

    def _modes_at(self, node: cst.CSTNode, seen: set[cst.FunctionDef] | None) -> set[Mode | None]:
        for child, above in self._file.context.ancestors(node):
            if isinstance(above, cst.With) and child is above.body:
                for item in reversed(above.items):
                    held = self._held(item.item)
                    if held != "neutral":
                        return {_surely(held)}
        function = self._file.context.function(node)
        if self._switched(function) or self._heeds_volatile(node):
            return {None}
        if function is None:
            return {"on"}
        return {self.of_function(function)} if seen is None else self._modes_of(function, seen)

    def dropped(self, node: cst.CSTNode) -> bool:
        """Whether a guard was meant to hold at a node, and is dropped before it: `torch.no_grad()` as a statement."""
        if not self._file.mentions("no_grad()") and not self._file.mentions("inference_mode()"):
            return False
        for child, above in self._file.context.ancestors(node):
            if isinstance(above, cst.IndentedBlock | cst.Module):
                for statement in above.body:
                    if statement is child:
                        break
                    if self._is_dropped(statement):
                        return True
            if isinstance(above, cst.FunctionDef):
                return False
        return False

    def _is_dropped(self, statement: cst.CSTNode) -> bool:
        match statement:
            case cst.SimpleStatementLine(body=[cst.Expr(value=cst.Call(func=func, args=[]))]):
                return self._file.name(func) in OFF
        return False

    def volatile(self, node: cst.CSTNode) -> bool:
        """Whether what a node is given is `volatile=True`, which switched gradients off before torch 0.4."""
        file = self._file
        if not file.mentions("volatile=True"):
            return False
        given = [one.node for name in file.names_in(node) for one in file.scopes.reaching(name) if one.kind == "assign"]
        return any("volatile=True" in file.text_of(one) for one in (node, *given))

    def _heeds_volatile(self, node: cst.CSTNode) -> bool:
        """Whether what a node is given is volatile, in code that runs only where this switches gradients off."""
        file = self._file
        if not file.matches(_ANCIENT, ".data[0]", "total_loss[0]"):
            return False
        if self.volatile(node):
            return True
        given = [one.node for name in file.names_in(node) for one in file.scopes.reaching(name) if one.kind == "assign"]
        # `get_batch(source, i, evaluation=True)` of another module makes it so.
        made = (call for one in given for call in file.tree.of_type(cst.Call, one))
        homes = {found.path for call in made if (found := file.siblings.function(call)) is not None}
        return (
            bool(homes) and file.project is not None and not homes.isdisjoint(file.project.mentioning("volatile") or ())
        )

    def of_function(self, function: cst.FunctionDef) -> Mode | None:
        """The mode in which a function's body runs, as far as this file shows."""
        if function not in self._functions:
            self._functions[function] = None  # recursion: whoever is in a circle, nothing is sure of
            self._functions[function] = _agreed(self._modes_of(function, None))
        return self._functions[function]

    def _modes_of(self, function: cst.FunctionDef, seen: set[cst.FunctionDef] | None) -> set[Mode | None]:
        """The modes of all that may run a function; those that were `seen` on the way there add nothing."""
        if seen is not None:
            if function in seen:
                return set()
            seen.add(function)
        for decorator in function.decorators:
            held = self._held(decorator.decorator)
            if held != "neutral":
                return {_surely(held)}
        if self._hooked(function):
            return {"off"}
        if self._switched(None):
            return {None}
        scope = self._file.scopes.around(function)
        while scope.parent is not None:
            if isinstance(scope.node, cst.FunctionDef):
                outer = self._modes_at(function, seen)
                if outer - {"on"}:
                    return outer
                break
            scope = scope.parent
        callers = [call for call in self._file.calls.callers(function) if not self._steps(call)]
        others = [call for call in callers if self._file.context.function(call) is not function]
        return {mode for call in others for mode in self._modes_at(call, seen)} if others else {"on"}

    def _steps(self, call: cst.Call) -> bool:
        """Whether a call is an optimizer's own `step`, and no method of this file of the same name."""
        if not isinstance(call.func, cst.Attribute) or call.func.attr.value != "step":
            return False
        value = self._file.values.of(call.func.value)
        return value is not None and value.kind == "optimizer" and value.cls is None

    def _held(self, node: cst.CSTNode) -> str:
        """What a context manager or decorator does: `on`, `off`, `neutral` or `unknown`."""
        call = node if isinstance(node, cst.Call) else None
        name = self._file.name(call.func if call else node)
        if name is None:
            return self._held_locally(call.func if call else node)
        if name in OFF:
            return "off"
        if name in ON:
            return "on"
        if name in SWITCH and call is not None and call.args:
            match call.args[0].value:
                case cst.Name(value="False"):
                    return "off"
                case cst.Name(value="True"):
                    return "on"
        if NEUTRAL.match(name):
            return "neutral"
        known = self._file.siblings.holds(call.func if call else node)
        if known is None and call is not None and _OBJECT.search(name) and not _SWITCHES.search(name):
            return "neutral"
        return known if known in ("off", "on", "neutral") else "unknown"

    def _held_locally(self, func: cst.CSTNode) -> str:
        match func:
            case cst.Name(value=name):
                definitions = self._file.scopes.definitions(func)
                if not definitions:
                    return "neutral" if NEUTRAL.match(name) else "unknown"
                node = definitions[0].node
                if len(definitions) == 1 and isinstance(node, cst.FunctionDef | cst.ClassDef):
                    text = self._file.text_of(node)
                    return "unknown" if re.search(r"grad|inference_mode|eval\(", text) else "neutral"
            case cst.Attribute(attr=cst.Name(value=name)):
                # `@app.route(...)`, `@x.setter`, `pool.lock`, `self.profiler`, `path.open()`: web and plumbing.
                if name in (
                    "route",
                    "get",
                    "post",
                    "put",
                    "command",
                    "setter",
                    "getter",
                    "open",
                    "begin",
                    "group",
                    "task",
                    "callback",
                    "add",
                    "no_sync",
                    "accumulate",
                    "autocast",
                    "device",
                    "on_event",
                    "websocket",
                    "stream",
                ):
                    return "neutral"
        return "unknown"

    def off_elsewhere(self, node: cst.CSTNode) -> bool:
        """Whether another module of the project runs the function around a node while it holds `no_grad`."""
        function = self._file.context.function(node)
        return function is not None and any(
            self._file.siblings.called_off(each) for each in self._reaching(function, ())
        )

    def _reaching(self, function: cst.FunctionDef, seen: tuple[cst.FunctionDef, ...]) -> Iterator[cst.FunctionDef]:
        """A function and those of this file that call it."""
        yield function
        for call in self._file.calls.callers(function):
            caller = self._file.context.function(call)
            if caller is not None and caller not in (function, *seen) and len(seen) < _FAR:
                yield from self._reaching(caller, (function, *seen))

    def _switched(self, function: cst.FunctionDef | None) -> bool:
        """Whether a bare `set_grad_enabled(...)`, or a guard that is entered for good, stands in the function, where
        its object is made, or at module level.
        """
        if not self._switches:
            return False
        owner = self._file.calls.class_of(function) if function is not None else None
        made = self._file.calls.method(owner, "__init__") if owner is not None else None
        return not self._switches.isdisjoint({function, made, None})

    @cached_property
    def _switches(self) -> set[cst.FunctionDef | None]:
        return {
            self._file.context.function(call)
            for switch in SWITCH
            for call in self._file.calls.of.get(switch, ())
            if isinstance(self._file.parent(call), cst.Expr)
        } | {self._file.context.function(call) for call in self._entered()}

    def _entered(self) -> Iterator[cst.Call]:
        """The guards that are entered for good: `torch.no_grad().__enter__()`."""
        for call in self._file.calls.named(frozenset({"__enter__"})):
            match call:
                case cst.Call(func=cst.Attribute(value=cst.Call(func=guard)), args=[]):
                    if self._file.name(guard) in (*OFF, *SWITCH):
                        yield call

    def _hooked(self, function: cst.FunctionDef) -> bool:
        owner = self._file.calls.class_of(function)
        if owner is None:
            return False
        hook = _HOOKS.match(function.name.value) is not None or function.name.value in _TRAINER_HOOKS
        for cls in self._file.calls.bases(owner):
            for base in cls.bases:
                name = self._file.name(base.value) or ""
                if not name and isinstance(base.value, cst.Name):
                    name = base.value.value
                # A base of the project is what its own bases are.
                names = (name, *(self._file.siblings.derives(base.value) if hook else ()))
                if _HOOKS.match(function.name.value) and any(map(frameworks.LIGHTNING_BASES.search, names)):
                    return True
                if function.name.value in _TRAINER_HOOKS and any(map(frameworks.TRAINER_BASES.search, names)):
                    return True
        # Base out of sight: a `validation_step` is a framework's hook whatever it derives from.
        return bool(owner.bases) and bool(re.match(r"^(validation|test|predict)_step$", function.name.value))


def _agreed(modes: set[Mode | None]) -> Mode | None:
    """The one mode of all; a circle that nothing in the file enters is entered from elsewhere."""
    if not modes:
        return "on"
    return next(iter(modes)) if len(modes) == 1 else None


def _surely(held: str) -> Mode | None:
    return held if held in ("on", "off") else None  # type: ignore[return-value]
