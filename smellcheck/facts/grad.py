"""Whether autograd records at a node: `off`, `on`, or `None` when something out of sight may decide."""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import libcst as cst

from . import frameworks

if TYPE_CHECKING:
    from ..file import File

Mode = Literal["on", "off"]

_OFF = {
    "torch.no_grad",
    "torch.inference_mode",
    "torch.autograd.no_grad",
    "torch.autograd.inference_mode",
    "torch.autograd.grad_mode.no_grad",
    "torch.autograd.grad_mode.inference_mode",
}
_ON = {"torch.enable_grad", "torch.autograd.enable_grad"}
_SWITCH = {
    "torch.set_grad_enabled",
    "torch.autograd.set_grad_enabled",
    "torch._C.set_grad_enabled",
    "torch.autograd.grad_mode.set_grad_enabled",
}
# Contexts and decorators of other libraries that leave autograd alone.
_NEUTRAL = re.compile(
    r"^(open|tqdm(\.\w+)*|trange|contextlib\.(suppress|redirect_\w+|nullcontext|closing)|warnings\.\w+|time\.\w+"
    r"|torch\.(autocast|amp\.autocast|cuda\.amp\.autocast|cpu\.amp\.autocast|cuda\.(device|stream|nvtx\.\w+)"
    r"|profiler\.\w+|random\.fork_rng|device"
    r"|backends\.\w+(\.\w+)*|jit\.(optimized_execution|fuser)|autograd\.profiler\.\w+)"
    r"|(\w+\.)*(ThreadPoolExecutor|ProcessPoolExecutor|Pool|TemporaryDirectory|NamedTemporaryFile|TemporaryFile"
    r"|Progress|Live|Lock|ZipFile|h5py\.File)"
    r"|staticmethod|classmethod|property|functools\.(wraps|lru_cache|cache|partial|cached_property|singledispatch)"
    r"|hydra\.main|click\.\w+|typing\.\w+|abc\.abstractmethod|dataclasses\.dataclass|time_it|timer|timeit"
    r"|gin\.configurable|torch\.jit\.(unused|ignore|export)|loguru\.logger\.\w+|mlflow\.\w+|wandb\.init"
    r"|PIL\.Image\.open|rasterio\.open|json\.\w+|io\.\w+|zipfile\.\w+|tarfile\.open|tempfile\.\w+)$"
)
_HOOKS = re.compile(
    r"^(on_)?(validation|test|predict|sanity)_\w+$|^(validation|test|predict)_(step|epoch_end|step_end)$"
)
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
        for child, above in self._file.context.ancestors(node):
            if isinstance(above, cst.With) and child is above.body:
                for item in reversed(above.items):
                    held = self._held(item.item)
                    if held != "neutral":
                        return held if held in ("on", "off") else None  # type: ignore[return-value]
        function = self._file.context.function(node)
        if self._switched(function):
            return None
        return self.of_function(function) if function is not None else "on"

    def of_function(self, function: cst.FunctionDef) -> Mode | None:
        """The mode in which a function's body runs, as far as this file shows."""
        if function not in self._functions:
            self._functions[function] = None  # recursion: what calls itself adds nothing
            self._functions[function] = self._of_function(function)
        return self._functions[function]

    def _of_function(self, function: cst.FunctionDef) -> Mode | None:
        for decorator in function.decorators:
            held = self._held(decorator.decorator)
            if held != "neutral":
                return held if held in ("on", "off") else None  # type: ignore[return-value]
        if self._hooked(function):
            return "off"
        if self._switched(None):
            return None
        scope = self._file.scopes.around(function)
        while scope.parent is not None:
            if isinstance(scope.node, cst.FunctionDef):
                outer = self.mode(function)
                if outer != "on":
                    return outer
                break
            scope = scope.parent
        callers = self._file.calls.callers(function)
        modes = {self.mode(call) for call in callers if self._file.context.function(call) is not function}
        if not modes:
            return "on"
        return modes.pop() if len(modes) == 1 else None

    def _held(self, node: cst.CSTNode) -> str:
        """What a context manager or decorator does: `on`, `off`, `neutral` or `unknown`."""
        call = node if isinstance(node, cst.Call) else None
        name = self._file.name(call.func if call else node)
        if name is None:
            return self._held_locally(call.func if call else node)
        if name in _OFF:
            return "off"
        if name in _ON:
            return "on"
        if name in _SWITCH and call is not None and call.args:
            match call.args[0].value:
                case cst.Name(value="False"):
                    return "off"
                case cst.Name(value="True"):
                    return "on"
        return "neutral" if _NEUTRAL.match(name) else "unknown"

    def _held_locally(self, func: cst.CSTNode) -> str:
        match func:
            case cst.Name(value=name):
                definitions = self._file.scopes.definitions(func)
                if not definitions:
                    return "neutral" if _NEUTRAL.match(name) else "unknown"
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

    def _switched(self, function: cst.FunctionDef | None) -> bool:
        """Whether a bare `set_grad_enabled(...)` statement stands in the function, or at module level."""
        return function in self._switches or None in self._switches

    @cached_property
    def _switches(self) -> set[cst.FunctionDef | None]:
        return {
            self._file.context.function(call)
            for call in self._file.all(cst.Call)
            if self._file.name(call.func) in _SWITCH and isinstance(self._file.parent(call), cst.Expr)
        }

    def _hooked(self, function: cst.FunctionDef) -> bool:
        owner = self._file.calls.class_of(function)
        if owner is None:
            return False
        for cls in self._file.calls.bases(owner):
            for base in cls.bases:
                name = self._file.name(base.value) or ""
                if not name and isinstance(base.value, cst.Name):
                    name = base.value.value
                if frameworks.LIGHTNING_BASES.search(name) and _HOOKS.match(function.name.value):
                    return True
                if frameworks.TRAINER_BASES.search(name) and function.name.value in _TRAINER_HOOKS:
                    return True
        # Base out of sight: a `validation_step` is a framework's hook whatever it derives from.
        return bool(owner.bases) and bool(re.match(r"^(validation|test|predict)_step$", function.name.value))
