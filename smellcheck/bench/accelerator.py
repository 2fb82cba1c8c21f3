"""An accelerator without hardware: tensors that say they are on `simgpu`, and compute on the CPU all the same.

What crosses between host and accelerator, and where the host must wait, is then seen by the same ledger as on CUDA.
It times nothing, overlaps nothing, has neither autocast nor the fused cells that LSTM and GRU layers want, and its
operations are those that torch dispatches, not kernels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch
from torch.utils._pytree import tree_flatten, tree_map

from .dispatch import HostData, told_to_wait
from .operations import name_of

NAME = "simgpu"

#: Registrations last as long as the object that made them.
_libraries: list[Any] = []


class SimulatedTensor(torch.Tensor):
    """A tensor that stands on the accelerator for all that can be asked of it."""

    held: torch.Tensor

    @staticmethod
    def __new__(cls, held: torch.Tensor, requires_grad: bool = False) -> SimulatedTensor:
        """Wrap a tensor of the CPU."""
        tensor: SimulatedTensor = torch.Tensor._make_wrapper_subclass(
            cls,
            held.size(),
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            device=torch.device(NAME, 0),
            requires_grad=requires_grad,
        )
        tensor.held = held
        return tensor

    def __init__(self, held: torch.Tensor, requires_grad: bool = False) -> None:
        """All is done in `__new__`."""

    def __repr__(self, *, tensor_contents: Any = None) -> str:  # type: ignore[override]
        # To show a tensor is to fetch it.
        return f"{self.detach().cpu()!r}, on {NAME}"

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Do on the CPU what was asked of the accelerator."""
        return _compute(func, args, kwargs or {})


@cache
def unavailable() -> str | None:
    """Set the accelerator up, once a process; why it does not work with this torch, or none when it does."""
    try:
        from torch.utils import backend_registration
    except ImportError as error:
        return f"torch {torch.__version__} cannot register a backend: {error}"
    set_up = getattr(backend_registration, "_setup_privateuseone_for_python_backend", None)
    if set_up is None:
        return f"torch {torch.__version__} has no backend that is written in Python"
    try:
        set_up(NAME, backend_module=_backend(backend_registration))
        library = torch.library.Library("_", "IMPL")  # type: ignore[no-untyped-call]
        library.fallback(_fallback, "PrivateUse1")  # type: ignore[no-untyped-call]
        _libraries.append(library)
        return _trial()
    except Exception as error:  # An experimental interface may fail in any way.
        return f"torch {torch.__version__} does not run a backend that is written in Python: {error}"


@contextmanager
def simulated() -> Iterator[str]:
    """The accelerator's name, for code that is to run on it; raises `RuntimeError` with the reason where it fails."""
    reason = unavailable()
    if reason is not None:
        raise RuntimeError(reason)
    with HostData():
        yield NAME


def _trial() -> str | None:
    weight = torch.ones(2, 2, device=NAME, requires_grad=True)
    loss = (torch.eye(2).to(NAME) @ weight).sum()
    loss.backward()  # type: ignore[no-untyped-call]
    right = loss.item() == 4.0 and weight.grad is not None and weight.grad.cpu().tolist() == [[1.0, 1.0], [1.0, 1.0]]
    return None if right else f"torch {torch.__version__} computes wrongly on a backend that is written in Python"


def _backend(registration: Any) -> Any:
    class Backend(registration._DummyBackendModule):  # type: ignore[misc]
        """What `torch.simgpu` offers."""

        def get_amp_supported_dtype(self) -> list[torch.dtype]:
            """What autocast may use, if it had kernels."""
            return [torch.float16, torch.bfloat16]

        def synchronize(self, *_device: object) -> None:
            """Wait for the accelerator, which is never behind."""
            told_to_wait()

    return Backend()


def _fallback(func: Any, *args: Any, **kwargs: Any) -> Any:
    return _compute(func, args, kwargs)


def _compute(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    home = _destination(func, args, kwargs)
    host_args, host_kwargs = tree_map(_to_host, (args, kwargs))
    out = func(*host_args, **host_kwargs)
    if name_of(func) == "copy_":
        return args[0]
    wrappers = {id(_to_host(leaf)): leaf for leaf in tree_flatten((args, kwargs))[0] if isinstance(leaf, torch.Tensor)}

    def back(value: Any) -> Any:
        if not isinstance(value, torch.Tensor):
            return value
        # What works in place returns its argument, which must stay the object that it was.
        return wrappers.get(id(value)) if id(value) in wrappers else home(value)

    return tree_map(back, out)


def _destination(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Callable[[torch.Tensor], torch.Tensor]:
    wanted = kwargs.get("device")
    if name_of(func) == "_to_copy" and wanted is None:
        wanted = args[0].device
    if wanted is not None and torch.device(wanted).type != NAME:
        return lambda tensor: tensor
    return SimulatedTensor


def _to_host(value: Any) -> Any:
    if isinstance(value, SimulatedTensor):
        return value.held
    return torch.device("cpu") if isinstance(value, torch.device) and value.type == NAME else value
