"""Which expressions are the same numbers in each run: written out, or set once and never changed."""

from __future__ import annotations

import libcst as cst
import pytest

from smellcheck.file import File


def numbers(code: str) -> bool:
    """Whether what the one call of `use` in some code is given is constant."""
    file = File("import math\nimport torch\nfrom torch import nn\n" + code, "module.py")
    call = next(c for c in file.all(cst.Call) if isinstance(c.func, cst.Name) and c.func.value == "use")
    return file.constants.numbers(call.args[0].value)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("-0.5", True),
        ("[[1, 0], [0, 1]]", True),
        ("[0, 0] * 2", True),
        ("[math.pi, math.sqrt(2)]", True),
        ("WIDTHS", True),
        ("GROWN", False),
        ("x", False),
        ("[x, 1]", False),
        ("[*WIDTHS, 1]", False),
        ("[]", False),
        ("len(WIDTHS)", False),
    ],
)
def test_expressions(given: str, expected: bool) -> None:
    assert numbers(f"WIDTHS = [1, 2]\nGROWN = [1]\nGROWN.append(2)\ndef f(x):\n    use({given})") is expected


@pytest.mark.parametrize(
    ("made", "elsewhere", "expected"),
    [
        ("[1, 2]", "pass", True),
        ("scales", "pass", True),
        ("list(scales)", "pass", True),
        ("nn.Linear(1, 1)", "pass", False),
        ("torch.ones(3)", "pass", False),
        ("build(scales)", "pass", False),
        ("[1, 2]", "self.scales = [3]", False),
    ],
)
def test_attributes(made: str, elsewhere: str, expected: bool) -> None:
    code = f"""
class Net(nn.Module):
    def __init__(self, scales):
        self.scales = {made}
    def change(self):
        {elsewhere}
    def forward(self, x):
        use(self.scales)
"""
    assert numbers(code) is expected
