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


def test_weights() -> None:
    code = """
def weight(n):
    return torch.autograd.Variable(torch.randn(n), requires_grad=True)

a, b, c = make(), weight(3), torch.nn.Parameter(torch.randn(3))
d = torch.zeros(3, requires_grad=True)
first = [c, d]
"""
    assert owners(code + "b = weight(3)\no = optim.Adam([b] + first)") is None
    code = code.replace("a, b, c = make(), weight(3), torch", "a = make()\nb = weight(3)\nc = torch")
    assert owners(code + "o = optim.Adam([b] + first)") == {"b", "c", "d"}
    assert owners(code + "o = optim.Adam([a, b])") is None


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("a.zero_grad()", {"a"}),
        ("o.zero_grad()", {"a", "b", "o"}),
        ("for net in [a, b]:\n    net.zero_grad()", {"a", "b"}),
        ("for net in (c, b):\n    net.zero_grad()", {"b", "c"}),
        ("for p in a.parameters():\n    p.grad = None", {"a"}),
        ("for p in rest:\n    p.grad.data.zero_()", set()),
        ("for p in list(a.parameters()) + list(b.parameters()):\n    p.grad.zero_()", {"a", "b"}),
        ("for p in a.parameters():\n    p.grad = p.grad * 2", set()),
    ],
)
def test_cleared(code: str, expected: set[str]) -> None:
    start = "import torch\na, b, c, rest = make()\no = torch.optim.Adam(list(a.parameters()) + list(b.parameters()))\n"
    file = File(start + code, "module.py")
    nodes = [*file.all(cst.Call), *file.all(cst.Assign)]
    assert {name for node in nodes for _, name in file.steps.clears(node)} == expected


def test_runs() -> None:
    file = File(
        """
import torch
a, b = make()
o = torch.optim.Adam(list(a.parameters()) + list(b.parameters()))

def both(x, y):
    print(y)
    return b(a(x))

def cut(x):
    return b(x).detach()

def held(x):
    with torch.no_grad():
        return b(x)

first = both(r, s)
second = cut(r)
third = held(r)
fourth = b(r, s)
""",
        "module.py",
    )
    calls = {file.text_of(call): call for call in file.all(cst.Call)}
    ran = {text: {name for _, name in file.steps.runs(call)} for text, call in calls.items()}
    assert ran["both(r, s)"] == {"a", "b"} and ran["b(r, s)"] == {"b"} and not ran["cut(r)"] and not ran["held(r)"]
    assert [file.text_of(one) for one in file.steps.fed(calls["both(r, s)"])] == ["r"]
    assert [file.text_of(one) for one in file.steps.fed(calls["b(r, s)"])] == ["r", "s"]


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
