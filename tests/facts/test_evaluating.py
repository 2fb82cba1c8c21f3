"""Which modules are in evaluation mode, and what looks like training and is not."""

from __future__ import annotations

import libcst as cst
import pytest

from smellcheck.file import File

START = "import torch\nfrom torch import nn\n"


def at(code: str) -> tuple[File, cst.Call, cst.FunctionDef]:
    """The file, its call of `mark`, and the function around that."""
    file = File(START + code, "module.py")
    call = next(call for call in file.all(cst.Call) if file.text_of(call.func) == "mark")
    function = file.context.function(call)
    assert function is not None
    return file, call, function


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("    net.eval()\n    mark(net)", True),
        ("    net.eval()\n    for x in xs:\n        mark(net)", True),
        ("    mark(net)\n    net.eval()", False),
        ("    net.eval()\n    net.train()\n    mark(net)", False),
        ("    net.eval()\n    mark(net)\n    net.train()", True),
        ("    net.train()\n    mark(net)\n    net.eval()", False),
        ("    net.train(False)\n    mark(net)", True),
        ("    mark(net)", False),
        ("    if xs:\n        net.eval()\n    mark(net)", False),
    ],
)
def test_a_module_that_is_set_to_evaluate_in_a_block_around(body: str, expected: bool) -> None:
    file, call, _ = at(f"def f(net: nn.Module, xs):\n{body}\n")
    assert file.evaluating.surely(file.context.statement(call), call.args[0].value) is expected


@pytest.mark.parametrize(
    ("params", "body", "expected"),
    [
        ("net", "    net.zero_grad()\n    mark(net)", True),
        ("net", "    mark(net)\n    loss.backward()", False),
        ("net, optimizer", "    mark(net)", False),
        ("net", "    mark(net)\n    self.optimizer.step()", False),
        ("net", "    mark(net)\n    accelerator.backward(loss)", False),
        ("net", "    mark(net)\n    backprop(loss)", False),
        ("net", "    mark(net)\n    other(net)", False),
        ("net", "    mark(net)\n    jacobian(net)", False),
    ],
)
def test_a_function_that_trains_by_its_name_alone(params: str, body: str, expected: bool) -> None:
    file, _, function = at(f"def other(net):\n    net.fit()\ndef train_epoch({params}):\n{body}\n")
    assert file.phase.function_trains(function)
    assert file.phase.only_named_so(function) is expected
