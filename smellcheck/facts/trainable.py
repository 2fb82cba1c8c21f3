"""What a network does about gradients by itself: has weights that learn, freezes them, switches or asks for them."""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING

import libcst as cst

if TYPE_CHECKING:
    from ..file import File
    from .kinds import Value

#: A class that is instantiated, or what adds parts by name.
_HOLDS = re.compile(r"[A-Z]|register_(?!buffer)|add_module|getattr|create_|build_|make_")
_FREEZES = frozenset({"requires_grad", "requires_grad_"})
_FROZEN = re.compile(r"\brequires_grad\s*=\s*False|\brequires_grad_\(\s*(requires_grad\s*=\s*)?False")
_UNFREEZES = frozenset({"requires_grad_"})
_SWITCHES = re.compile(r"no_grad|inference_mode|set_grad_enabled")
_ASKS_FOR_GRADIENTS = re.compile(r"autograd|enable_grad|requires_grad_")
#: Callers are followed so far.
_DEEPEST = 3


class Trainable:
    """The networks of one file; a network out of sight is taken for one that learns."""

    def __init__(self, file: File) -> None:
        self._file = file

    def frozen(self, model: cst.CSTNode) -> bool:
        """Whether parameters of a module of this name are frozen in the file: then there may be no graph at all."""
        file = self._file
        if self._frozen_elsewhere(model) or self._handed_frozen(model) or self._made_frozen(model):
            return True
        if file.mentions(".freeze()") and any(
            isinstance(call.func, cst.Attribute) and file.same(call.func.value, model)
            for call in file.calls.named(frozenset({"freeze"}))
        ):
            return True
        if not file.mentions("requires_grad"):
            return False
        last = model.attr.value if isinstance(model, cst.Attribute) else file.text_of(model)
        walked = re.compile(rf"(^|\.){re.escape(last)}\.(named_)?parameters\(")
        walks, asked = self._freezes
        return any(walked.search(walk) for walk in walks) or any(
            re.search(rf"(^|\.){re.escape(last)}$", owner) for owner in asked
        )

    def weightless(self, model: cst.CSTNode) -> bool:
        """Whether the classes that a network may be of are in sight, and hold neither parameters nor modules."""
        values = list(self._file.networks.behind(model))
        return bool(values) and all(map(self._is_weightless, values))

    def _is_weightless(self, value: Value) -> bool:
        if value.origin is not None:
            return self._file.siblings.weightless(value.origin)
        if value.cls is None:
            return False
        bases = [base.value for each in self._file.calls.bases(value.cls) for base in each.bases]
        foreign = [base for base in bases if self._file.calls.local_class(base) is None]
        if any(self._file.name(base) != "torch.nn.Module" for base in foreign):
            return False
        return not any(
            _HOLDS.match(call.func.attr.value if isinstance(call.func, cst.Attribute) else call.func.value)
            or self._file.values.is_module(call)
            for each in self._file.calls.bases(value.cls)
            for call in self._file.tree.of_type(cst.Call, each)
            if isinstance(call.func, cst.Attribute | cst.Name)
        )

    def _made_frozen(self, model: cst.CSTNode) -> bool:
        """Whether the class of a network freezes what it holds, or a function that made the network freezes."""
        file = self._file
        own = (value.cls for value in file.networks.behind(model))
        if file.mentions("requires_grad") and any(
            cls is not None and _FROZEN.search(file.text_of(cls)) is not None for cls in own
        ):
            return True
        makers = file.scopes.reaching(model) if isinstance(model, cst.Name) else ()
        return any(isinstance(one.value, cst.Call) and self._gives_frozen(one.value) for one in makers)

    def _gives_frozen(self, made: cst.Call) -> bool:
        """Whether a call runs a function, of this file or another, that freezes something."""
        callee, found = self._file.calls.callee(made), self._file.siblings.function(made)
        if callee is not None and _FROZEN.search(self._file.text_of(callee)):
            return True
        return found is not None and found.function is not None and not _FREEZES.isdisjoint(found.function.words)

    def _handed_frozen(self, model: cst.CSTNode, depth: int = 0) -> bool:
        """Whether a caller in this file hands a parameter over that is of a class which freezes what it holds."""
        file, function = self._file, self._file.context.function(model)
        reaching = file.scopes.reaching(model) if isinstance(model, cst.Name) else ()
        if function is None or len(reaching) != 1 or reaching[0].kind != "parameter" or depth > _DEEPEST:
            return False
        given = (file.calls.argument_of(call, function, reaching[0]) for call in file.calls.passing(function))
        return any(
            one is not None
            and (self._frozen_elsewhere(one) or self._made_frozen(one) or self._handed_frozen(one, depth + 1))
            for one in given
        )

    def _frozen_elsewhere(self, model: cst.CSTNode) -> bool:
        """Whether the model's class freezes what it holds, or a function that gets it does, in another module."""
        origins = [value.origin for value in self._file.networks.behind(model)]
        if any(one is not None and "requires_grad" in self._file.siblings.words(one) for one in origins):
            return True
        last = model.attr.value if isinstance(model, cst.Attribute) else self._file.text_of(model)
        return any(
            self._file.same(arg.value, model) and self._file.siblings.freezes(call, arg)
            for call, arg in self._file.calls.given.get(last, ())
            if type(arg.value) is type(model)
        )

    @cached_property
    def _freezes(self) -> tuple[list[str], list[str]]:
        """What loops that set `requires_grad` run over, and what `requires_grad_` is called on."""
        file = self._file
        walks = [
            file.text_of(loop.iter)
            for loop in file.all(cst.For)
            if any(part.attr.value in _FREEZES for part in file.tree.of_type(cst.Attribute, loop.body))
        ]
        calls = (call.func for call in file.calls.named(_UNFREEZES) if isinstance(call.func, cst.Attribute))
        return walks, [file.text_of(func.value) for func in calls]

    def holds_inside(self, model: cst.CSTNode) -> bool:
        """Whether the forward of the module's class, or a method that it calls, switches gradients itself."""
        value = self._file.values.of(model)
        if value is not None and value.origin is not None:
            return self._file.siblings.switches(value.origin)
        if value is None or value.cls is None or not self._file.matches(_SWITCHES):
            return False
        forward = self._file.calls.method(value.cls, "forward")
        called = [self._file.calls.callee(call) for call in self._file.calls.own_calls(forward)] if forward else []
        return any(one is not None and bool(_SWITCHES.search(self._file.text_of(one))) for one in [forward, *called])

    def asks_for_gradients(self, model: cst.CSTNode) -> bool:
        """Whether a class that a network may be of is in sight and differentiates within its own forward."""
        return any(map(self._asks, self._file.networks.behind(model)))

    def _asks(self, value: Value) -> bool:
        if value.origin is not None:
            return any(map(_ASKS_FOR_GRADIENTS.search, self._file.siblings.words(value.origin)))
        if value.cls is None or not self._file.matches(_ASKS_FOR_GRADIENTS):
            return False
        return bool(_ASKS_FOR_GRADIENTS.search(self._file.text_of(value.cls)))
