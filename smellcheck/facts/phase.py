"""Whether code trains: backward passes, optimizer steps and everything else that needs a graph, through one call."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import libcst as cst

from .modes import NEEDS_GRAPH, NEEDS_GRAPH_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..file import File

_TRAINING_WORDS = re.compile(
    r"^_?(train|fit|finetune|fine_tune|optimi[sz]e|attack|adversarial|saliency|gradient|grad_cam|update|learn)(_|$)"
    r"|_(attack|saliency|training)$"
)

#: What may take a step, or a gradient, out of sight.
_OF_TRAINING = re.compile(
    r"\bopt\b|optim|sche?d|scaler|backw|backprop|step\(|accelerat|engine|fabric|trainer|(?<!zero_)grad|jac|hess", re.I
)
#: What is written of the code, and is no part of it: a suppression names the rule.
_COMMENT = re.compile(r"(^|\s)#.*$", re.M)
#: Gradients that nobody computes may be zeroed.
_EMPTIES = frozenset({"zero_grad"})
_ASKING = frozenset({"requires_grad", "create_graph", "retain_graph"})
_TELLING = frozenset({cst.Call, cst.Attribute, cst.Assign})


class Phase:
    """What phase code of one file belongs to."""

    def __init__(self, file: File) -> None:
        self._file = file
        self._functions: dict[cst.FunctionDef, bool] = {}
        self._named_only: dict[cst.FunctionDef, bool] = {}
        self._whole: bool | None = None

    @property
    def file_trains(self) -> bool:
        """Whether anything in the file needs gradients."""
        if self._whole is None:
            self._whole = self.needs_graph(self._file.module.body)
        return self._whole

    def function_trains(self, function: cst.FunctionDef) -> bool:
        """Whether a function, or one that it surely calls, needs gradients."""
        if function not in self._functions:
            self._functions[function] = False  # recursion adds nothing
            self._functions[function] = bool(_TRAINING_WORDS.search(function.name.value)) or self.needs_graph(
                [function.body]
            )
        return self._functions[function]

    def only_named_so(self, function: cst.FunctionDef) -> bool:
        """Whether a function that seems to train surely does not: nothing in it goes backward or knows an optimizer.

        The likelihood of a whole data set, say, in a copy of the training loop that lost its last two lines.
        """
        if function not in self._named_only:
            self._named_only[function] = not self._file.context.in_test(function) and not (
                # What a whole body is spelled as is dear: most that seem to train do.
                any(self._needs(below, spared=_EMPTIES) for below in self._file.tree.below(function.body))
                or _OF_TRAINING.search(self._file.text_of(function.params))
                or _OF_TRAINING.search(_COMMENT.sub("", self._file.text_of(function.body)))
            )
        return self._named_only[function]

    def needs_graph(self, nodes: Iterable[cst.CSTNode]) -> bool:
        """Whether any of these pieces of code needs gradients, itself or through one call."""
        return any(self._needs(below) for node in nodes for below in self._file.tree.below(node))

    def _needs(self, node: cst.CSTNode, spared: frozenset[str] = frozenset()) -> bool:
        if type(node) not in _TELLING:
            return False
        match node:
            case cst.Call():
                return not self._is_method_of(node, spared) and self._call_needs(node)
            case cst.Attribute(attr=cst.Name(value="grad")):
                return not (isinstance(node.value, cst.Name) and self._file.name(node) is not None)
            case cst.Assign():
                return any(
                    isinstance(target.target, cst.Attribute)
                    and target.target.attr.value == "requires_grad"
                    and not (isinstance(node.value, cst.Name) and node.value.value == "False")
                    for target in node.targets
                )
        return False

    @staticmethod
    def _is_method_of(call: cst.Call, names: frozenset[str]) -> bool:
        return isinstance(call.func, cst.Attribute) and call.func.attr.value in names

    def _call_needs(self, call: cst.Call) -> bool:
        name = self._file.name(call.func)
        if name is not None and NEEDS_GRAPH_NAMES.search(name):
            return True
        if isinstance(call.func, cst.Attribute):
            method = call.func.attr.value
            if method in NEEDS_GRAPH:
                return not (
                    method == "requires_grad_" and bool(call.args) and self._false(call.args[0].value)
                ) and not (method in ("fit", "partial_fit") and self._file.values.kind(call.func.value) == "estimator")
            if method == "step" and not call.args:
                return True
        for arg in call.args:
            asked = arg.keyword is not None and arg.keyword.value in _ASKING
            if asked and isinstance(arg.value, cst.Name) and arg.value.value == "True":
                return True
        function = self._file.calls.callee(call) or self._method(call)
        if function is not None:
            return self.function_trains(function)
        return self._file.siblings.trains(call)

    def _method(self, call: cst.Call) -> cst.FunctionDef | None:
        """The method of a class of this file that a call on an instance of it runs."""
        if not isinstance(call.func, cst.Attribute):
            return None
        owner = self._file.values.of(call.func.value)
        return self._file.calls.method(owner.cls, call.func.attr.value) if owner is not None and owner.cls else None

    @staticmethod
    def _false(node: cst.CSTNode) -> bool:
        return isinstance(node, cst.Name) and node.value == "False"
