"""Calls by what they call and by what they are given, and names by how they are spelled."""

from __future__ import annotations

from textwrap import dedent

import libcst as cst

from smellcheck.file import File

SOURCE = dedent("""\
    import torch
    import torch.nn.functional as F
    from torch import nn

    def run(net, x):
        F.relu(x)
        net.relu(x, x=net.x)
        torch.nn.functional.relu(input=x)
        relu(self.net)

    def other(nn):
        nn.Linear(1, 1)

    nn.Linear(2, 2)
    """)


def spelled(file: File, nodes: list[cst.Call]) -> list[str]:
    return [file.text_of(node) for node in nodes]


def test_calls_by_their_full_names_are_those_that_imports_settle() -> None:
    file = File(SOURCE)
    relu = spelled(file, file.calls.of["torch.nn.functional.relu"])
    assert relu == ["F.relu(x)", "torch.nn.functional.relu(input=x)"]
    # A parameter of that name is not the module.
    assert spelled(file, file.calls.of["torch.nn.Linear"]) == ["nn.Linear(2, 2)"]


def test_calls_by_what_they_are_given() -> None:
    file = File(SOURCE)
    given = [(file.text_of(call), file.text_of(arg.value)) for call, arg in file.calls.given["x"]]
    assert given == [
        ("F.relu(x)", "x"),
        ("net.relu(x, x=net.x)", "x"),
        ("net.relu(x, x=net.x)", "net.x"),
        ("torch.nn.functional.relu(input=x)", "x"),
    ]
    assert [file.text_of(arg.value) for _, arg in file.calls.given["net"]] == ["self.net"]


def test_names_below_a_node_are_no_attributes_and_no_keywords() -> None:
    file = File(SOURCE)
    run, other = (node for node in file.module.body if isinstance(node, cst.FunctionDef))
    assert len(file.tree.named("x", run)) == 4  # the parameter and three uses
    assert len(file.tree.named("net", run)) == 3
    assert file.tree.named("x", other) == []
    assert len(file.tree.named("nn", file.module)) == 4
