"""Calls `demo.waste` where `demo.spare` gives the same."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from smellcheck import Edit, File, Fix, Smell, rule


@rule(imports="demo", practice="refactoring")
def check(call: cst.Call, file: File) -> Iterator[Smell]:
    match call.func:
        case cst.Attribute(value=cst.Name("demo"), attr=cst.Name("waste") as name):
            edit = Edit((name, "start"), (name, "end"), "spare")
            yield Smell(call, "the work of `waste` is done for nothing", Fix.safe("Call `spare`", edit))
