"""Whose parameters an optimizer is given, under the names of several functions, and what a loss is computed from."""

from __future__ import annotations

import libcst as cst
import pytest

from smellcheck.file import File


def owners(code: str) -> set[str] | None:
    """The names of the modules that the first optimizer of some code owns."""
    file = File("import itertools\nimport torch\nfrom torch import optim\n" + code, "module.py")
    found = file.optimizers.owners(file.optimizers.made[0])
    return None if found is None else {name for _, name in found}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("net.parameters()", {"net"}),
        ("net.module.parameters()", {"net"}),
        ("list(a.parameters()) + list(b.parameters())", {"a", "b"}),
        ("itertools.chain(a.parameters(), b.parameters())", {"a", "b"}),
        ("filter(lambda p: p.requires_grad, net.parameters())", {"net"}),
        ("[{'params': a.parameters(), 'lr': 1}, {'params': b.head.parameters()}]", {"a", "b.head"}),
        ("[p for n, p in net.named_parameters() if p.requires_grad]", {"net"}),
        ("groups(net)", None),
        ("[*rest, *net.parameters()]", None),
    ],
)
def test_given(given: str, expected: set[str] | None) -> None:
    assert owners(f"a = b = net = rest = make()\no = optim.Adam({given}, lr=1)") == expected


def test_given_by_name() -> None:
    assert owners("def f(net):\n    params = list(net.parameters())\n    return optim.SGD(params)") == {"net"}
    assert (
        owners("def f(net):\n    params = []\n    params += list(net.parameters())\n    return optim.SGD(params)")
        is None
    )


def test_one_object_under_two_names() -> None:
    code = "def step(o, m):\n    m(x)\n    o.step()\n\nnet = make()\n"
    code += "adam = torch.optim.Adam(net.parameters())\nstep(adam, net)"
    file = File("import torch\n" + code, "module.py")
    calls = list(file.all(cst.Call))
    stepper = next(found for call in calls if (found := file.steps.stepping(call)) is not None)
    forward = next(call for call in calls if file.text_of(call.func) == "m")
    assert file.optimizers.owners(stepper) == {file.optimizers.key(forward.func)}


def sources(code: str) -> set[str]:
    """The functions whose results the first loss that is sent backward is computed from."""
    file = File(code, "module.py")
    loss = next(found for call in file.all(cst.Call) if (found := file.steps.sent(call)) is not None)
    return {file.text_of(node.func) for node in file.steps.sources(loss) if isinstance(node, cst.Call)}


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("loss = f(g(x))\nloss.backward()", {"f", "g"}),
        ("loss = f(x)\nloss += g(x)\nfabric.backward(loss)", {"f", "g"}),
        ("y = g(x)\nloss = f(y.detach())\nscaler.scale(loss).backward()", {"f", "y.detach", "scaler.scale"}),
        ("loss = f(x)\nloss.backward()\nloss = g(x)", {"f"}),
        ("loss = f(x)\nloss.backward(g(x))", {"f"}),
        ("k = 0\nfor x in xs:\n    loss = f(x) * k\n    loss.backward()\n    k = k + g(x)", {"f"}),
    ],
)
def test_sources(code: str, expected: set[str]) -> None:
    assert sources(code) == expected
