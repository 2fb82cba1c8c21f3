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
    ],
)
def test_what_runs_often(text: str, often: bool) -> None:
    file = File(text, "script.py")
    (call,) = file.calls.named(frozenset({"work"}))
    assert file.hot.runs_often(call) is often
