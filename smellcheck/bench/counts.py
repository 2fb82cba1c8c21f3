"""Exact counts of what a workload does: the same number in every process, on any machine, without a meter."""

from __future__ import annotations

import gc
import random
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from typing import Any

import torch

from .dispatch import HostData, Ledger
from .instructions import instructions as count_instructions


@dataclass(frozen=True)
class Counts:
    """What one call of a workload came to, once it is warm."""

    flops: int
    #: Operations that compute more than a few steps an element, and whose FLOPs no formula gives.
    uncounted: tuple[str, ...]
    #: Operations dispatched; a view is none.
    operations: int
    #: Of operands and results: an upper bound on memory traffic, as no cache and no fusion is known of.
    bytes_read: int
    bytes_written: int
    #: Bytes of the tensors that live at once at the peak, above those that lived before.
    live_peak: int
    h2d_copies: int
    h2d_bytes: int
    d2h_copies: int
    d2h_bytes: int
    #: How often the host waits for the accelerator.
    syncs: int
    #: Bytecode instructions of this version of Python; none where they cannot be counted, or are mostly our own.
    instructions: int | None

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {**asdict(self), "uncounted": list(self.uncounted)}


def count(workload: Callable[[], object], device: str, *, instructions: bool = True) -> Counts:
    """Count what `workload` does on `device`; it is called once to warm up and then once for each kind of counter.

    Each call begins with the same state of the random generators, and that state is put back at the end.
    """
    kind = torch.device(device).type
    with _same_chance() as again, HostData() if kind != "cpu" else nullcontext():
        workload()
        gc.collect()
        again()
        waits = _CudaWaits() if kind == "cuda" else None
        with Ledger() as ledger, waits or nullcontext():
            result = workload()
        del result
        again()
        steps = count_instructions(workload) if instructions and kind in ("cpu", "cuda") else None
    return Counts(
        flops=ledger.flops,
        uncounted=tuple(sorted(ledger.uncounted)),
        operations=ledger.operations,
        bytes_read=ledger.bytes_read,
        bytes_written=ledger.bytes_written,
        live_peak=ledger.live_peak,
        h2d_copies=ledger.h2d_copies,
        h2d_bytes=ledger.h2d_bytes,
        d2h_copies=ledger.d2h_copies,
        d2h_bytes=ledger.d2h_bytes,
        syncs=ledger.syncs if waits is None else waits.seen,
        instructions=steps,
    )


def compare_syncs(workload: Callable[[], object]) -> tuple[int, int]:
    """How often CUDA itself says that `workload` waits, and how often our table of operations does."""
    workload()
    waits = _CudaWaits()
    with Ledger() as ledger, waits:
        workload()
    return waits.seen, ledger.syncs


@contextmanager
def _same_chance() -> Iterator[Callable[[], None]]:
    numpy = sys.modules.get("numpy")
    python, tensors = random.getstate(), torch.random.get_rng_state()
    arrays = numpy.random.get_state() if numpy else None

    def again() -> None:
        random.setstate(python)
        torch.random.set_rng_state(tensors)
        if numpy:
            numpy.random.set_state(arrays)

    try:
        yield again
    finally:
        again()


class _CudaWaits:
    """Counts the synchronisations that CUDA's debug mode reports, and the explicit ones, which it does not."""

    def __init__(self) -> None:
        self.seen = 0
        self._explicit = 0
        self._caught = warnings.catch_warnings(record=True)

    def __enter__(self) -> None:
        self._messages = self._caught.__enter__()
        warnings.simplefilter("always")
        self._mode = torch.cuda.get_sync_debug_mode()
        self._synchronize = torch.cuda.synchronize

        def synchronize(device: Any = None) -> None:
            self._explicit += 1
            self._synchronize(device)

        torch.cuda.synchronize = synchronize
        torch.cuda.set_sync_debug_mode("warn")

    def __exit__(self, *_failure: object) -> None:
        torch.cuda.set_sync_debug_mode(self._mode)
        torch.cuda.synchronize = self._synchronize
        told = [str(each.message) for each in self._messages or ()]
        self._caught.__exit__(None, None, None)
        self.seen = self._explicit + sum("synchronizing" in text for text in told)
