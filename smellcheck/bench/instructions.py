"""Counts the bytecode instructions that Python executes for a call, which depend on nothing but code and input."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType, FrameType


def instructions(workload: Callable[[], object]) -> int | None:
    """How many instructions a call executes in this thread; none where the interpreter cannot tell.

    The number belongs to the version of Python that counted it. What runs around the call is taken off.
    """
    if sys.implementation.name != "cpython":
        return None
    tally = _monitored if sys.version_info >= (3, 12) else _traced
    around, whole = tally(_nothing), tally(workload)
    return None if around is None or whole is None else whole - around


def _nothing() -> None:
    pass


@contextmanager
def _no_collection() -> Iterator[None]:
    """When garbage is collected depends on all that ran before, and finalizers are Python too."""
    gc.collect()
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _traced(workload: Callable[[], object]) -> int | None:
    seen = 0

    def step(frame: FrameType, event: str, _arg: Any) -> Any:
        nonlocal seen
        if event == "opcode":
            seen += 1
        elif event == "call":
            frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return step

    with _no_collection():
        before = sys.gettrace()
        sys.settrace(step)
        try:
            result = workload()
        finally:
            sys.settrace(before)
        del result
    return seen


def _monitored(workload: Callable[[], object]) -> int | None:
    if sys.version_info < (3, 12):
        return None
    watch, tool = sys.monitoring, _free_tool()
    if tool is None:
        return None
    seen, here = 0, threading.get_ident()

    def step(_code: CodeType, _offset: int) -> None:
        nonlocal seen
        seen += threading.get_ident() == here

    watch.use_tool_id(tool, "smellcheck")
    try:
        with _no_collection():
            watch.register_callback(tool, watch.events.INSTRUCTION, step)
            watch.set_events(tool, watch.events.INSTRUCTION)
            try:
                result = workload()
            finally:
                watch.set_events(tool, 0)
            del result
    finally:
        watch.register_callback(tool, watch.events.INSTRUCTION, None)
        watch.free_tool_id(tool)
    return seen


def _free_tool() -> int | None:
    if sys.version_info < (3, 12):
        return None
    return next((tool for tool in (4, 3) if sys.monitoring.get_tool(tool) is None), None)
