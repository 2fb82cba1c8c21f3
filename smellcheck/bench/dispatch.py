"""Sees every operation that torch dispatches, backward too, and adds up what it computes, moves and keeps."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten

from .operations import SYNCING, flops_of, is_cheap, is_view, name_of

#: The ledgers that are open, the innermost last.
_open: list[Ledger] = []


def told_to_wait() -> None:
    """Enter an explicit synchronisation, which is no operation, with every ledger that is open."""
    for ledger in _open:
        ledger.syncs += 1


class Ledger(TorchDispatchMode):
    """What the operations inside the `with` came to."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.flops = self.operations = self.bytes_read = self.bytes_written = 0
        self.h2d_copies = self.h2d_bytes = self.d2h_copies = self.d2h_bytes = self.syncs = 0
        self.uncounted: set[str] = set()
        self.live_peak = 0
        self._live = 0
        self._known: set[int] = set()

    def __enter__(self) -> Ledger:
        _open.append(self)
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *failure: Any) -> None:
        super().__exit__(*failure)  # type: ignore[no-untyped-call]
        _open.remove(self)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run one operation and enter it."""
        kwargs = kwargs or {}
        if not isinstance(func, torch._ops.OpOverload) or func.namespace in ("prim", "profiler"):
            return func(*args, **kwargs)
        if torch._C.DispatchKey.CompositeImplicitAutograd in func.py_kernels or _is_composite(func):
            # Under `inference_mode` whole layers arrive here: what they are made of is what is counted.
            super().__enter__()  # type: ignore[no-untyped-call]
            try:
                parts = func.decompose(*args, **kwargs)
            finally:
                super().__exit__(None, None, None)  # type: ignore[no-untyped-call]
            if parts is not NotImplemented:
                return parts
        given = list(_tensors((args, kwargs)))
        held = {_storage(tensor)._cdata for tensor in given}
        out = func(*args, **kwargs)
        made = list(_tensors(out))
        for tensor in made:
            storage = _storage(tensor)
            if storage._cdata not in held:
                self._keep(storage)
        if not is_view(func):
            self._enter(func, args, kwargs, given, made, out)
        return out

    def _enter(self, func: Any, args: Any, kwargs: Any, given: list[Any], made: list[Any], out: object) -> None:
        self.operations += 1
        self.bytes_read += sum(map(_size, given))
        self.bytes_written += sum(map(_size, made))
        flops = flops_of(func, args, kwargs, out)
        if flops is not None:
            self.flops += flops
        elif not is_cheap(func):
            self.uncounted.add(name_of(func))
        self._carry(func, args, kwargs, given, made)

    def _carry(self, func: Any, args: Any, kwargs: Any, given: list[Any], made: list[Any]) -> None:
        name = name_of(func)
        if name in ("_to_copy", "copy_", "_copy_from"):
            source, target = (args[0], made[0]) if name == "_to_copy" else (args[1], args[0])
            if name == "_copy_from":
                source, target = target, source
            if (source.device.type == "cpu") is (target.device.type == "cpu"):
                return
            lasting = kwargs.get("non_blocking", args[2] if name != "_to_copy" and len(args) > 2 else False)
            self._transfer(_size(source), to_host=target.device.type == "cpu", waits=not lasting)
        elif any(tensor.device.type != "cpu" for tensor in given):
            if name == "_local_scalar_dense":
                self._transfer(_size(given[0]), to_host=True, waits=False)
            self.syncs += name in SYNCING or _masks(name, args) or _lengths(func, kwargs)

    def _transfer(self, size: int, *, to_host: bool, waits: bool) -> None:
        if to_host:
            self.d2h_copies += 1
            self.d2h_bytes += size
        else:
            self.h2d_copies += 1
            self.h2d_bytes += size
        self.syncs += waits

    def _keep(self, storage: Any) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key in self._known:
            return
        self._known.add(key)
        self._live += size
        self.live_peak = max(self.live_peak, self._live)
        weakref.finalize(storage, self._free, key, size).atexit = False

    def _free(self, key: int, size: int) -> None:
        self._known.discard(key)
        self._live -= size


class HostData(TorchFunctionMode):
    """Makes the copy visible that is hidden where Python's data becomes a tensor on an accelerator, and its way back.

    Inside `torch.tensor(data, device=…)` and `tolist()` torch dispatches to nobody. While it is open, layers with a
    fast path for inference take the ordinary one, as they do for every function mode.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Put a copy that is dispatched in the place of one that is not."""
        kwargs = kwargs or {}
        if func is torch.Tensor.tolist and args[0].device.type != "cpu":
            return args[0].detach().cpu().tolist()
        device = kwargs.get("device")
        if func is torch.Tensor.new_tensor:
            func, device = torch.tensor, args[0].device if device is None else device
            kwargs = {"dtype": args[0].dtype, **kwargs}
            args = args[1:]
        elif func not in (torch.tensor, torch.as_tensor):
            return func(*args, **kwargs)
        if device is None or torch.device(device).type == "cpu":
            return func(*args, **{**kwargs, "device": device})
        asks = bool(kwargs.pop("requires_grad", False))
        made = func(*args, **{**kwargs, "device": None}).to(device)
        return made.requires_grad_() if asks else made


def _is_composite(func: Any) -> bool:
    return bool(torch._C._dispatch_has_kernel_for_dispatch_key(func.name(), "CompositeImplicitAutograd"))


def _tensors(tree: object) -> Iterator[Any]:
    return (leaf for leaf in tree_flatten(tree)[0] if isinstance(leaf, torch.Tensor))


def _storage(tensor: Any) -> Any:
    """Where the numbers lie; those of the simulated accelerator lie in the tensor that it wraps."""
    return getattr(tensor, "held", tensor).untyped_storage()


def _size(tensor: Any) -> int:
    return int(tensor.numel()) * int(tensor.element_size())


def _masks(name: str, args: tuple[Any, ...]) -> bool:
    """Does an indexing take a mask, whose set elements must be counted before the result can have a size?"""
    return name in ("index", "index_put", "index_put_", "_index_put_impl_") and any(
        tensor.dtype in (torch.bool, torch.uint8) for tensor in _tensors(args[1])
    )


def _lengths(func: Any, kwargs: dict[str, Any]) -> bool:
    """Does a repetition take its counts from the accelerator, while nobody says what they add up to?"""
    return name_of(func) == "repeat_interleave" and kwargs.get("output_size") is None
