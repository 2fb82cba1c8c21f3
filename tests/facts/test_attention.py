"""Attention that is written out: what it is made of, who else reads it, and how many dimensions tensors have."""

from __future__ import annotations

from pathlib import Path

import libcst as cst
import pytest

from smellcheck.facts.attention import Attention
from smellcheck.file import File
from smellcheck.project import Project

IMPORTS = "import math\nimport torch\nimport torch.nn.functional as F\nfrom einops import rearrange\n"


def attention(*lines: str) -> Attention | None:
    """The attention whose second product is the last line of a function."""
    code = IMPORTS + "def f(q, k, v, mask=None, bias=0):\n" + "".join(f"    {line}\n" for line in lines)
    file = File(code, "module.py")
    products = [node for node in file.all(cst.Return) if node.value is not None]
    assert products[-1].value is not None
    return file.attentions.of(products[-1].value)


def steps(*lines: str) -> list[str] | None:
    found = attention(*lines)
    return None if found is None else [step.kind for step in found.steps]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (("return (q @ k.mT).softmax(-1) @ v",), ["softmax"]),
        (("s = q @ k.mT / math.sqrt(8)", "return F.softmax(s + bias, dim=-1) @ v"), ["over", "add", "softmax"]),
        (("s = q @ k.mT", "s *= 0.5", "p = torch.softmax(s, -1)", "return p @ v"), ["times", "softmax"]),
        (
            ("s = q @ k.mT", "if mask is not None:", "    s = s.masked_fill(mask, -1e9)", "return s.softmax(-1) @ v"),
            ["fill", "softmax"],
        ),
        (("s = q @ k.mT", "s.masked_fill_(mask, -1e9)", "return s.softmax(-1) @ v"), ["fill", "softmax"]),
        (("s = torch.where(mask, q @ k.mT, -1e9)", "return s.softmax(-1) @ v"), ["keep", "softmax"]),
        (
            ("p = (q @ k.mT).float().softmax(-1).to(q.dtype)", "return F.dropout(p) @ v"),
            ["cast", "softmax", "cast", "dropout"],
        ),
        (("return torch.matmul(torch.bmm(q, k).softmax(dim=-1), v)",), ["softmax"]),
        # All of it transposed; three dimensions, of which the third is the last.
        (("p = torch.bmm(q, k).softmax(dim=2)", "return torch.bmm(v, p.permute(0, 2, 1))"), ["softmax", "cast"]),
        (("return (q @ k.mT).softmax(dim=2) @ v",), None),
        (
            ("p = torch.einsum('bid,bjd->bij', q, k).softmax(-1)", "return torch.einsum('bij,bjd->bid', p, v)"),
            ["softmax"],
        ),
        # The same in two branches.
        (
            (
                "s = q @ k.mT", "if mask is not None:", "    s = s.view(2, 2, 4, 8, 8) + mask",
                "    s = s.view(4, 4, 8, 8).softmax(-1)", "else:", "    s = s.softmax(-1)", "return s @ v",
            ),
            ["softmax"],
        ),
        (("s = q @ k.mT", "if a:", "    s = s.softmax(-1)", "else:", "    s = s.sigmoid()", "return s @ v"), None),
        # Branches that add to the same scores, and some that do not.
        (
            (
                "s = q @ k.mT", "if bias == 1:", "    s = s + q", "elif bias == 2:", "    s = s + q + k", "s = s * 0.5",
                "return s.softmax(-1) @ v",
            ),
            ["times", "softmax"],
        ),
        (
            (
                "s = q @ k.mT", "if bias == 1:", "    s = s + q", "elif bias == 2:", "    s = q", "s = s * 0.5",
                "return s.softmax(-1) @ v",
            ),
            None,
        ),
        (("s = q @ k.mT", "for _ in range(bias):", "    s = s * s", "return s.softmax(-1) @ v"), None),
        # A mask of the weights that need not be given.
        (
            ("p = (q @ k.mT).softmax(-1)", "if mask is not None:", "    p = p * mask", "return p @ v"),
            ["softmax"],
        ),
        (("p = (q @ k.mT).softmax(-1)", "if mask is not None:", "    p = p * q", "return p @ v"), None),
        (("p = (q @ k.mT).softmax(-1)", "if q is not None:", "    p = p * q", "return p @ v"), None),
        # Scores that lend others their shape and type.
        (("s = q @ k.mT", "t = s.type()", "m = mask.expand_as(s)", "return s.softmax(-1) @ v"), ["softmax"]),
        (("s = q @ k.mT", "t = torch.ones_like(s)", "return s.softmax(-1) @ v"), ["softmax"]),
        (("s = q @ k.mT", "t = torch.exp(s)", "return s.softmax(-1) @ v"), None),
        # Read elsewhere, or something else is done.
        (("p = (q @ k.mT).softmax(-1)", "print(p)", "return p @ v"), None),
        (("s = q @ k.mT", "s[0] = 0", "return s.softmax(-1) @ v"), None),
        (("return (q @ k.mT).softmax(1) @ v",), None),
        (("return (q @ k.mT).sigmoid() @ v",), None),
        (("return ((q @ k.mT).softmax(-1) * mask) @ v",), None),
        (("return v @ (q @ k.mT).softmax(-1)",), None),
        (("s = q @ k.mT", "if mask is None:", "    s = q", "return s.softmax(-1) @ v"), None),
        (("return q.softmax(-1) @ v",), None),
        (("s = torch.einsum('bid,bjd->bij', q, k)", "return s.softmax(-1) @ v"), None),
    ],
)  # fmt: skip
def test_what_attention_is_made_of(lines: tuple[str, ...], expected: list[str] | None) -> None:
    assert steps(*lines) == expected


@pytest.mark.parametrize(
    ("scores", "values", "holds"),
    [
        ("bhid,bhjd->bhij", "bhij,bhjd->bhid", True),
        ("b i h d, b j h d -> b h i j", "b h i j, b j h e -> b i h e", True),
        ("bhid,bhjd->bhij", "bhij,hg->bgij", False),
        ("bhid,bhjd->bhij", "bhij,bhid->bhjd", False),
        ("bhid,bjd->bhij", "bhij,bjd->bhid", False),
    ],
)
def test_equations(scores: str, values: str, holds: bool) -> None:
    found = attention(f"s = torch.einsum({scores!r}, q, k)", f"return torch.einsum({values!r}, s.softmax(-1), v)")
    assert (found is not None) is holds


def test_a_shape_that_is_asked_for() -> None:
    found = attention("s = q @ k.mT", "n = s.size(-1)", "return s.softmax(-1) @ v")
    assert found is not None and found.asked


@pytest.mark.parametrize(
    ("softmax", "expected"),
    [
        ("def softmax(s, m):\n    return F.dropout(s.softmax(-1), 0.1)\n", ["softmax", "dropout"]),
        ("def softmax(s, m):\n    s = s + m\n    return s.softmax(-1)\n", ["add", "softmax"]),
        ("def softmax(s, m):\n    return (m + s).softmax(-1)\n", ["add", "softmax"]),
        ("def softmax(s, m):\n    if m is None:\n        return s\n    return s.softmax(-1)\n", None),
        ("def softmax(s, m):\n    print(s)\n    return s.softmax(-1)\n", None),
        ("def softmax(s, m):\n    return s.softmax(-1) * s\n", None),
        ("def softmax(m, s):\n    return s.softmax(-1)\n", None),
        ("def softmax(s, m):\n    yield s.softmax(-1)\n", None),
        ("async def softmax(s, m):\n    return s.softmax(-1)\n", None),
        ("def softmax(s, m):\n    return softmax(s, m)\n", None),
    ],
)
def test_what_a_function_of_the_file_does(softmax: str, expected: list[str] | None) -> None:
    code = f"{IMPORTS}{softmax}def f(q, k, v, m):\n    return softmax(q @ k.mT, m) @ v\n"
    file = File(code, "module.py")
    last = list(file.all(cst.Return))[-1].value
    assert last is not None
    found = file.attentions.of(last)
    assert (None if found is None else [step.kind for step in found.steps]) == expected


SWITCHED = """
class A:
    def __init__(self):
        self.keep_map = False

    def forward(self, q, k, v):
        p = (q @ k.mT).softmax(-1)
        if self.keep_map:
            self.map = p
        return p @ v
"""


@pytest.mark.parametrize(
    ("other", "expected"),
    [("", True), ("net.a.keep_map = True\n", False), ("# keep_map\n", True)],
)
def test_a_switch_that_another_file_may_turn(other: str, expected: bool, tmp_path: Path) -> None:
    (tmp_path / "other.py").write_text(other)
    path = tmp_path / "net.py"
    path.write_text(IMPORTS + SWITCHED)
    file = File(path.read_text(), str(path), project=Project().view(path))
    returned = list(file.all(cst.Return))[-1].value
    assert returned is not None and (file.attentions.of(returned) is not None) is expected


HANDED_OUT = """
import torch
from torch import nn

class Scored(nn.Module):
    def forward(self, query, key, value, mask=None, dropout=None):
        scores = torch.matmul(query, key.transpose(-2, -1)) / 8
        if mask is not None:
            scores = scores.masked_fill(mask == 0, -1e9)
        weights = scores.softmax(dim=-1)
        if dropout is not None:
            weights = dropout(weights)
        return torch.matmul(weights, value), weights

def scored(query, key, value):
    weights = torch.matmul(query, key.transpose(-2, -1)).softmax(dim=-1)
    return torch.matmul(weights, value), weights
"""
HEADS = """
from torch import nn
from {start} import Scored, scored

class Heads(nn.Module):
    def __init__(self, layers):
        super().__init__()
        self.layers, self.dropout = layers, nn.Dropout(0.1)
        self.scored = {made}

    def forward(self, *given):
        q, k, v = [layer(x).view(x.size(0), -1, 4, 8).transpose(1, 2) for layer, x in zip(self.layers, given)]
        {line}
"""
CALLED = "x, weights = self.scored(q, k, v, dropout=self.dropout)"


@pytest.mark.parametrize(
    ("made", "line", "expected"),
    [
        ("Scored()", f"{CALLED}; return x", (4, None)),
        ("Scored()", "return self.scored(q, k, v)[0]", (4, None)),
        ("None", "x, _ = scored(q, k, v); return x", (None, 4)),
        ("Scored()", f"{CALLED}; return x, weights", (None, None)),
        ("Scored()", f"{CALLED}; show(self.scored); return x", (None, None)),
        ("nn.ModuleList([Scored()])", f"{CALLED}; return x", (None, None)),
        ("scored", "x, _ = scored(q, k, v); return x", (None, None)),
        ("None", "return scored(q, k, v)", (None, None)),
        ("None", "return q", (None, None)),
    ],
)
@pytest.mark.parametrize("start", [".net", "."])
def test_weights_that_other_modules_let_lie(
    start: str, made: str, line: str, expected: tuple[int | None, int | None], tmp_path: Path
) -> None:
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").write_text("from .net import Scored, scored\n")
    (package / "heads.py").write_text(HEADS.format(start=start, made=made, line=line))
    path = package / "net.py"
    path.write_text(HANDED_OUT)
    file = File(HANDED_OUT, str(path), project=Project().view(path))
    returned = [one.value.elements[0].value for one in file.all(cst.Return) if isinstance(one.value, cst.Tuple)]
    found = [file.attentions.of(one) for one in returned]
    assert tuple(None if one is None else file.ranks.of(one.query) for one in found) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("x.view(a, b, c, d).transpose(1, 2)", 4),
        ("x.reshape(a, b, 3, c, d).permute(2, 0, 3, 1, 4)[0]", 4),
        ("x.reshape((a, b, 3))[:, None]", 4),
        ("rearrange(x, 'b n (h d) -> b h n d', h=8)", 4),
        ("rearrange(x, '... n d -> ... d n')", None),
        ("torch.einsum('b i d, b j d -> b i j', x, x)", 3),
        ("x.view(*shape)", None),
        ("x.view(shape)", None),
        ("x.view(sizes)", 3),
        ("x.permute(0, 2, 1).unsqueeze(1) * scale", 4),
        ("x.permute(0, 2, 1)[index]", None),
        ("split(x)", 4),
        ("x", None),
    ],
)
def test_how_many_dimensions(expression: str, expected: int | None) -> None:
    split = "def split(x):\n    return x.permute(0, 2, 1, 3)\n"
    file = File(
        f"{IMPORTS}{split}def f(x, shape, index, a, b, c, d):\n    sizes = (a, -1, c)\n    return {expression}\n",
        "module.py",
    )
    returned = list(file.all(cst.Return))[-1].value
    assert returned is not None and file.ranks.of(returned) == expected
