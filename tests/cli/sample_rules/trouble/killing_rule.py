"""Ends the process where `demo.kill` is called."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

import libcst as cst

from smellcheck import File, Smell, rule


@rule(imports="demo", practice="refactoring")
def check(call: cst.Call, file: File) -> Iterator[Smell]:
    match call.func:
        case cst.Attribute(value=cst.Name("demo"), attr=cst.Name("kill")):
            os.kill(os.getpid(), signal.SIGKILL)
        case cst.Attribute(value=cst.Name("demo"), attr=cst.Name("hang")):
            time.sleep(60)
        case cst.Attribute(value=cst.Name("demo"), attr=cst.Name("spin")):
            until = time.monotonic() + 60
            while time.monotonic() < until:
                pass
    yield from ()
