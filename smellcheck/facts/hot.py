"""What surely runs again and again: bodies of loops, forwards of modules, and the functions that these call."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import libcst as cst

if TYPE_CHECKING:
    from ..file import File

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
#: Callers are followed so far.
_DEEPEST = 3


class Hot:
    """Answers for the nodes of one file; false where it is not sure."""

    def __init__(self, file: File) -> None:
        self._file = file
        self._known: dict[cst.FunctionDef, bool] = {}

    def runs_often(self, node: cst.CSTNode) -> bool:
        """Whether a node runs more often than once a run of the program or once an epoch."""
        return self._often(node, 0)

    def _often(self, node: cst.CSTNode, depth: int) -> bool:
        context = self._file.context
        function = context.function(node)
        if function is not None and _DEPLOYS.search(function.name.value):
            return False
        if any(loop.kind not in ("epoch", "fold", "few", "member") for loop in context.loops(node)):
            return True
        if function is None or depth > _DEEPEST:
            return False
        if function not in self._known:
            self._known[function] = False  # a function that calls itself says nothing of how often it is called
            self._known[function] = self._called_often(function, depth)
        return self._known[function]

    def _called_often(self, function: cst.FunctionDef, depth: int) -> bool:
        owner, name = self._file.calls.class_of(function), function.name.value
        if (owner is not None and _HOOKS.match(name) and self._is_trainer(owner)) or self._takes_a_step(function):
            return True
        if owner is not None and self._file.values.is_module_class(owner) and not _ONCE.match(name):
            return bool(_FORWARDS.match(name)) or any(
                self._often(call, depth + 1) for call in self._file.calls.callers(function)
            )
        return any(self._often(call, depth + 1) for call in self._file.calls.passing(function))

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

    def is_step(self, function: cst.FunctionDef) -> bool:
        """Whether a function is one step of a training: called so, it sends losses backward, and steps, once each."""
        file = self._file
        if not _STEP.search(function.name.value):
            return False
        own = file.calls.own_calls(function)
        sent = [call for call in own if file.steps.sent(call) is not None]
        stepped = [call for call in own if file.steps.stepping(call) is not None]
        return bool(sent and stepped) and not any(file.context.loops(call) for call in (*sent, *stepped))
