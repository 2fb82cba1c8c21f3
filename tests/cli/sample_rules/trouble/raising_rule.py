"""Raises where `demo.explode` is called."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from smellcheck import File, Smell, rule


@rule(imports="demo", practice="refactoring")
def check(call: cst.Call, file: File) -> Iterator[Smell]:
    match call.func:
        case cst.Attribute(value=cst.Name("demo"), attr=cst.Name("explode")):
            raise RuntimeError("boom")
    yield from ()
