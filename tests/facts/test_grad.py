"""Whether autograd records where a call stands, and that what is out of sight decides nothing."""

from __future__ import annotations

import libcst as cst
import pytest

from smellcheck.file import File


def mode(code: str) -> str | None:
    """The mode at the first call of `f`."""
    file = File(
        "import contextlib\nimport torch\nfrom torch import no_grad\nimport lightning as L\n" + code, "module.py"
    )
    return file.grad.mode(next(call for call in file.all(cst.Call) if file.text_of(call.func) == "f"))


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("f(x)", "on"),
        ("with torch.no_grad():\n    f(x)", "off"),
        ("with no_grad():\n    f(x)", "off"),
        ("with torch.inference_mode():\n    f(x)", "off"),
        ("with torch.set_grad_enabled(False):\n    f(x)", "off"),
        ("with torch.set_grad_enabled(True):\n    f(x)", "on"),
        ("with torch.set_grad_enabled(train):\n    f(x)", None),
        ("with torch.no_grad():\n    with torch.enable_grad():\n        f(x)", "on"),
        ("with torch.enable_grad(), torch.no_grad():\n    f(x)", "off"),
        ("with torch.no_grad(), torch.enable_grad():\n    f(x)", "on"),
        ("with torch.no_grad():\n    y = 1\nf(x)", "on"),
        ("with open(p) as o, contextlib.suppress(E), torch.autocast('cuda'):\n    f(x)", "on"),
        ("with torch.no_grad():\n    with open(p) as o:\n        f(x)", "off"),
        ("with something():\n    f(x)", None),
        ("with torch.no_grad():\n    with something():\n        f(x)", None),
    ],
)
def test_blocks(code: str, expected: str | None) -> None:
    assert mode(code) == expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("def g():\n    f(x)", "on"),
        ("@torch.no_grad()\ndef g():\n    f(x)", "off"),
        ("@torch.inference_mode\ndef g():\n    f(x)", "off"),
        ("@torch.enable_grad()\ndef g():\n    f(x)", "on"),
        ("@staticmethod\ndef g():\n    f(x)", "on"),
        ("@app.route('/')\ndef g():\n    f(x)", "on"),
        ("@something\ndef g():\n    f(x)", None),
        ("def wrapper(g):\n    return g\n@wrapper\ndef g():\n    f(x)", "on"),
        ("def wrapper(g):\n    with torch.no_grad():\n        return g\n@wrapper\ndef g():\n    f(x)", None),
    ],
)
def test_decorators(code: str, expected: str | None) -> None:
    assert mode(code) == expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("def g():\n    f(x)\nwith torch.no_grad():\n    g()", "off"),
        ("def g():\n    f(x)\ng()\nwith torch.no_grad():\n    g()", None),
        ("def g():\n    f(x)\nwith something():\n    g()", None),
        ("def g(n):\n    f(x)\n    g(n - 1)\nwith torch.no_grad():\n    g(3)", "off"),
        ("def g():\n    f(x)\n@torch.no_grad()\ndef h():\n    g()", "off"),
        ("class A:\n    def g(self):\n        f(x)\n    @torch.no_grad()\n    def h(self):\n        self.g()", "off"),
        ("@torch.no_grad()\ndef g():\n    def inner():\n        f(x)\n    inner()", "off"),
        ("torch.set_grad_enabled(False)\nf(x)", None),
        ("def g():\n    torch.no_grad().__enter__()\n    f(x)", None),
        ("def g():\n    open(x).__enter__()\n    f(x)", "on"),
        ("def g():\n    torch.set_grad_enabled(False)\n    f(x)", None),
        ("torch.set_grad_enabled(False)\ndef g():\n    f(x)", None),
        ("def g():\n    torch.set_grad_enabled(False)\ndef h():\n    f(x)", "on"),
        (
            "class A:\n    def __init__(self):\n        torch.set_grad_enabled(False)\n    def g(self):\n        f(x)",
            None,
        ),
        ("class A:\n    def h(self):\n        torch.set_grad_enabled(False)\n    def g(self):\n        f(x)", "on"),
    ],
)
def test_callers_and_switches(code: str, expected: str | None) -> None:
    assert mode(code) == expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("def g():\n    f(x)\n    h()\ndef h():\n    g()", "on"),
        ("def g():\n    f(x)\n    h()\ndef h():\n    g()\nwith torch.no_grad():\n    h()", "off"),
        ("def g():\n    f(x)\n    h()\ndef h():\n    g()\nh()\nwith torch.no_grad():\n    g()", None),
        ("def h():\n    g()\ndef g():\n    h()\n    f(x)\nwith something():\n    h()", None),
    ],
)
def test_a_circle_is_likely_entered_from_outside_and_never_surely(code: str, expected: str | None) -> None:
    file = File("import torch\n" + code, "module.py")
    call = next(call for call in file.all(cst.Call) if file.text_of(call.func) == "f")
    assert file.grad.likely(call) == expected
    assert file.grad.mode(call) is None


@pytest.mark.parametrize(
    ("base", "method", "expected"),
    [
        ("L.LightningModule", "validation_step", "off"),
        ("L.LightningModule", "predict_step", "off"),
        ("L.LightningModule", "training_step", "on"),
        ("Trainer", "prediction_step", "off"),
        ("Trainer", "step", "on"),
        ("Unknown", "validation_step", "off"),
        ("Unknown", "validate", "on"),
    ],
)
def test_hooks_of_frameworks(base: str, method: str, expected: str) -> None:
    assert mode(f"class A({base}):\n    def {method}(self):\n        f(x)") == expected


def test_a_function_as_a_whole() -> None:
    file = File("import torch\n@torch.no_grad()\ndef g():\n    with torch.enable_grad():\n        f(x)\n")
    (function,) = file.all(cst.FunctionDef)
    assert file.grad.of_function(function) == "off"


def test_an_optimizers_step_is_no_caller() -> None:
    code = """
import torch
class Agent:
    def __init__(self, net):
        self.optimizer = torch.optim.Adam(net.parameters())
    def step(self, batch):
        self.learn(batch)
    def learn(self, batch):
        here(batch)
        self.optimizer.step()
"""
    file = File(code, "module.py")
    call = next(call for call in file.all(cst.Call) if file.text_of(call.func) == "here")
    assert file.grad.mode(call) == "on"
