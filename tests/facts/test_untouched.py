"""What loops leave as it is."""

from __future__ import annotations

import libcst as cst
import pytest

from smellcheck.file import File

_USED = "    use(torch.Tensor(rows).cuda(), rows.shape)\n"


@pytest.mark.parametrize(
    ("text", "remade"),
    [
        ("for i in range(9):\n" + _USED, True),
        ("for i in range(9):\n    rows[i] = 1\n" + _USED, False),
        ("for i in range(9):\n    rows += 1\n" + _USED, False),
        ("for i in range(9):\n    shuffle(rows)\n" + _USED, False),
        ("for i in range(9):\n    rows.sort()\n" + _USED, False),
        ("for i in range(9):\n    rows = load(i)\n" + _USED, False),
        # Now and then, or for a block.
        ("for i in range(9):\n    if order:\n    " + _USED, True),
        ("for i in range(9):\n    if i % 10 == 0:\n    " + _USED, False),
        ("for i in range(9):\n    if i % 10 == 0:\n    " + _USED + "    print(d[i % 10])\n", True),
        # A number has no shape.
        ("for i in range(9):\n    use(torch.tensor(rows).cuda())\n", False),
    ],
)
def test_what_is_made_a_tensor_of_again(text: str, remade: bool) -> None:
    body = "".join(f"    {line}\n" for line in text.splitlines())
    file = File(f"import torch\ndef f(rows, order, d):\n{body}", "module.py")
    (moved,) = (
        one for one in file.all(cst.Call) if isinstance(one.func, cst.Attribute) and one.func.attr.value == "cuda"
    )
    assert isinstance(moved.func, cst.Attribute)
    loop = file.context.loops(moved)[0].node
    assert isinstance(loop, cst.For | cst.While)
    assert (file.untouched.remade(moved.func.value, loop) is not None) is remade
