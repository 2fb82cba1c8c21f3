"""Calls `demo.vague`."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from smellcheck import Edit, File, Fix, Smell, rule


@rule(imports="demo", practice="hardware", level="info")
def check(call: cst.Call, file: File) -> Iterator[Smell]:
    match call.func:
        case cst.Attribute(value=cst.Name("demo"), attr=cst.Name("vague") as name):
            edit = Edit((name, "start"), (name, "end"), "exact")
            yield Smell(call, "`vague` may waste", Fix.suggestion("Think of `exact`", edit))
