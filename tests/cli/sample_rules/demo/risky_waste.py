"""Calls `demo.risk` where `demo.safe` might do."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from smellcheck import Edit, File, Fix, Smell, rule


@rule(imports="demo", practice="precision")
def check(call: cst.Call, file: File) -> Iterator[Smell]:
    match call.func:
        case cst.Attribute(value=cst.Name("demo"), attr=cst.Name("risk") as name):
            edit = Edit((name, "start"), (name, "end"), "safe")
            yield Smell(call, "`risk` rounds twice", Fix.unsafe("Call `safe`", edit))
