"""What surely runs again and again: bodies of loops, forwards of modules, and the functions that these call."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import libcst as cst

if TYPE_CHECKING:
    from ..file import File
    from .loops import Loop

#: Methods of a module that run once, to make it or to get it ready.
_ONCE = re.compile(
    r"^(__init__|__new__|_?(re)?set_?\w*|_?init_?\w*|_?build_?\w*|_?make_?\w*|_?load_?\w*|from_\w+|setup)$"
)
#: Methods that change a module for good, after it is trained.
_DEPLOYS = re.compile(r"fuse|reparam|export|convert|deploy|prune|merge|equivalent")
_FORWARDS = re.compile(r"^(forward\w*|__call__|\w*_step|compute_loss|loss)$")
#: What the trainers of frameworks call in each step, where a class of the project fills it in.
_HOOKS = re.compile(r"^_?(compute_loss|training_step|prediction_step|get_batch_loss_metrics)$")
#: What is called so, and sends a loss backward once, is one step of many.
_STEP = re.compile(r"step|batch|update|optimi[sz]e|learn|iter|backward")
_TRAINER = re.compile(r"Trainer(Base)?$")
#: Metrics whose `update` their framework, or the step itself, calls with each batch.
_METRIC = re.compile(r"^(torchmetrics|(pytorch_)?lightning(\.pytorch)?\.metrics)\b")
#: A function with a backward of its own, of which autograd calls both with each batch.
_FUNCTION = re.compile(r"torch\.autograd\.(function\.)?Function$")
_DIFFERENTIATED = ("forward", "backward")
#: Callers are followed so far.
_DEEPEST = 3


class Hot:
    """Answers for the nodes of one file; false where it is not sure."""

    def __init__(self, file: File) -> None:
        self._file = file
        self._known: dict[tuple[cst.FunctionDef, bool], bool] = {}
        self._steps: dict[cst.CSTNode, bool] = {}

    def runs_often(self, node: cst.CSTNode) -> bool:
        """Whether a node runs more often than once a run of the program or once an epoch."""
        return self._often(node, 0)

    def runs_each_step(self, node: cst.CSTNode) -> bool:
        """Whether a node runs often, or in each epoch of a training that takes one step an epoch."""
        return self._often(node, 0) or self._often(node, 0, whole=True)

    def weighs_penalty(self, node: cst.CSTNode) -> bool:
        """Whether a node weighs a gradient that gets a graph of its own: it is for a loss, which each step computes."""
        function = self._file.context.function(node)
        if function is None or not function.params.params or function.name.value == "__init__":
            return False
        for child, above in self._file.context.ancestors(node):
            if isinstance(above, cst.Call) and self._file.name(above.func) == "torch.autograd.grad":
                graph = self._file.argument(above, "create_graph", 4)
                wanted = graph is not None and self._file.text_of(graph.value) == "True"
                return wanted and self._file.argument(above, "grad_outputs", 2) is child
        return False

    def _often(self, node: cst.CSTNode, depth: int, *, whole: bool = False) -> bool:
        """Whether a node runs often; with `whole`, epochs that are one step are often enough."""
        context = self._file.context
        function = context.function(node)
        if function is not None and _DEPLOYS.search(function.name.value):
            return False
        if any(
            loop.kind not in ("epoch", "fold", "few", "member") or (whole and self._is_one_step(loop))
            for loop in context.loops(node)
        ):
            return True
        if function is None or depth > _DEEPEST:
            return False
        key = (function, whole)
        if key not in self._known:
            self._known[key] = False  # a function that calls itself says nothing of how often it is called
            self._known[key] = self._called_often(function, depth, whole=whole)
        return self._known[key]

    def _called_often(self, function: cst.FunctionDef, depth: int, *, whole: bool) -> bool:
        owner, name = self._file.calls.class_of(function), function.name.value
        if self._takes_a_step(function) or (owner is not None and self._is_hook(owner, name)):
            return True
        if owner is not None and name in _DIFFERENTIATED and self._derives(owner, _FUNCTION):
            return True
        if owner is not None and self._file.values.is_module_class(owner) and not _ONCE.match(name):
            return bool(_FORWARDS.match(name)) or any(
                self._often(call, depth + 1, whole=whole) for call in self._file.calls.callers(function)
            )
        return any(self._often(call, depth + 1, whole=whole) for call in self._file.calls.passing(function))

    def _is_one_step(self, loop: Loop) -> bool:
        """Whether each round of a loop over epochs is one step: it sends a loss backward, and steps, outside others."""
        if loop.kind != "epoch":
            return False
        if loop.node not in self._steps:
            file, own = self._file, self._file.calls.own_calls(loop.node)
            sent = [call for call in own if file.steps.sent(call) is not None]
            stepped = [call for call in own if file.steps.stepping(call) is not None]
            within = all(file.context.loops(call)[0].node is loop.node for call in (*sent, *stepped))
            self._steps[loop.node] = bool(sent and stepped) and within
        return self._steps[loop.node]

    def _is_hook(self, owner: cst.ClassDef, name: str) -> bool:
        """Whether a framework calls a method of a class with each batch."""
        return (bool(_HOOKS.match(name)) and self._is_trainer(owner)) or (name == "update" and self._is_metric(owner))

    def _is_metric(self, owner: cst.ClassDef) -> bool:
        """Whether a class derives from a metric of Lightning or torchmetrics."""
        return self._derives(owner, _METRIC)

    def _derives(self, owner: cst.ClassDef, names: re.Pattern[str]) -> bool:
        """Whether a class derives from one of a framework that is called so."""
        return any(
            names.match(self._file.name(base.value) or "")
            for line in self._file.calls.bases(owner)
            for base in line.bases
            if base.keyword is None
        )

    def _is_trainer(self, owner: cst.ClassDef) -> bool:
        """Whether a class derives from a trainer."""
        return any(
            _TRAINER.search(self._file.text_of(base.value))
            for line in self._file.calls.bases(owner)
            for base in line.bases
            if base.keyword is None
        )

    def _takes_a_step(self, function: cst.FunctionDef) -> bool:
        """Whether a function is one step of a training that is given its batch."""
        given = [one.name.value for one in function.params.params if one.name.value != "self"]
        return bool(given) and self.is_step(function)

    def is_named_step(self, function: cst.FunctionDef) -> bool:
        """Whether a function is called like one step of a training."""
        return bool(_STEP.search(function.name.value))

    def is_step(self, function: cst.FunctionDef) -> bool:
        """Whether a function is one step of a training: called so, it sends losses backward, and steps, once each."""
        file = self._file
        if not self.is_named_step(function):
            return False
        own = file.calls.own_calls(function)
        sent = [call for call in own if file.steps.sent(call) is not None]
        stepped = [call for call in own if file.steps.stepping(call) is not None]
        return bool(sent and stepped) and not any(file.context.loops(call) for call in (*sent, *stepped))
