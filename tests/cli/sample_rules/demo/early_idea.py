"""Calls `demo.early`."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from smellcheck import File, Smell, rule


@rule(imports="demo", practice="refactoring", preview=True)
def check(call: cst.Call, file: File) -> Iterator[Smell]:
    match call.func:
        case cst.Attribute(value=cst.Name("demo"), attr=cst.Name("early")):
            yield Smell(call, "an early idea")
