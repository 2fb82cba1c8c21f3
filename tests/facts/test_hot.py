"""What surely runs more often than once a run of the program or once an epoch."""

from __future__ import annotations

import pytest

from smellcheck.file import File


@pytest.mark.parametrize(
    ("text", "often"),
    [
        ("work()\n", False),
        ("for x in loader:\n    work()\n", True),
        ("[work() for x in xs]\n", True),
        ("for epoch in range(9):\n    work()\n", False),
        ("for model in models:\n    work()\n", False),
        ("for x in (1, 2):\n    work()\n", False),
        ("def f():\n    work()\n", False),
        ("def f():\n    work()\n\nf()\nf()\n", False),
        # The caller repeats it, or hands it to what does.
        ("def f():\n    work()\n\nfor x in xs:\n    f()\n", True),
        ("def f():\n    work()\n\ndef g():\n    f()\n\nwhile True:\n    g()\n", True),
        (
            "class A:\n    def f(self):\n        work()\n    def g(self):\n        [self.f() for x in xs]\n",
            True,
        ),
        ("import torch\nclass A(torch.nn.Module):\n    def forward(self, x):\n        work()\n", True),
        ("import torch\nclass A(torch.nn.Module):\n    def __init__(self):\n        work()\n", False),
        # A framework calls the hooks of a trainer in each step.
        ("class A(transformers.Trainer):\n    def compute_loss(self, m, x):\n        work()\n", True),
        ("class A(_BaseTrainer):\n    def _compute_loss(self, m, x):\n        work()\n", True),
        ("class A(Trainer):\n    def create_optimizer(self):\n        work()\n", False),
        ("class A:\n    def compute_loss(self, x):\n        work()\n", False),
        # The metrics of a framework are updated with each batch.
        ("import torchmetrics\nclass A(torchmetrics.Metric):\n    def update(self, x, y):\n        work()\n", True),
        (
            "from pytorch_lightning.metrics import Metric\nclass A(Metric):\n    def compute(self):\n        work()\n",
            False,
        ),
        ("class A(Metric):\n    def update(self, x, y):\n        work()\n", False),
        # Autograd calls both methods of a function.
        ("import torch\nclass A(torch.autograd.Function):\n    def backward(ctx, g):\n        work()\n", True),
        ("import torch\nclass A(torch.autograd.Function):\n    def make(self):\n        work()\n", False),
        # One step of a training, given its batch, is taken again and again.
        ("def step(self, batch):\n    work()\n    loss(batch).backward()\n    self.optimizer.step()\n", True),
        ("def step(self, batch):\n    work()\n    for x in batch:\n        x.backward()\n        opt.step()\n", False),
        ("def main(args):\n    work()\n    loss(x).backward()\n    opt.step()\n", False),
        ("def step():\n    work()\n    loss(x).backward()\n    opt.step()\n", False),
        ("def learn(self, xs):\n    work()\n    for x in xs:\n        y(x).backward()\n    self.opt.step()\n", False),
    ],
)
def test_what_runs_often(text: str, often: bool) -> None:
    file = File(text, "script.py")
    (call,) = file.calls.named(frozenset({"work"}))
    assert file.hot.runs_often(call) is often


_STEP = "        loss(x).backward()\n        opt.step()\n"


@pytest.mark.parametrize(
    ("text", "each"),
    [
        ("def f():\n    for epoch in range(9):\n        work()\n" + _STEP, True),
        ("def g():\n    work()\n\ndef f():\n    for epoch in range(9):\n        g()\n" + _STEP, True),
        ("for x in loader:\n    work()\n", True),
        ("def f():\n    for epoch in range(9):\n        work()\n        scheduler.step()\n", False),
        # The steps are taken further in.
        (
            "for epoch in range(9):\n    work()\n    for x in loader:\n"
            + _STEP.replace("loss", "net")
            + "    s.step()\n",
            False,
        ),
        ("def f():\n    for epoch in range(9):\n        loss(x).backward()\n        opt.step()\n    work()\n", False),
    ],
)
def test_what_runs_in_each_step(text: str, each: bool) -> None:
    file = File(text, "script.py")
    (call,) = file.calls.named(frozenset({"work"}))
    assert file.hot.runs_each_step(call) is each
