"""Which tensors are entries of a batch that a function is given."""

from __future__ import annotations

import libcst as cst
import pytest

from smellcheck.file import File


@pytest.mark.parametrize(
    ("text", "entry"),
    [
        ("def f(batch):\n    use(batch['image'])\n", True),
        ("def f(self, input_data):\n    x = input_data['image']\n    use(x)\n", True),
        ("def f(state):\n    use(state['weight'])\n", False),
        ("def f(batch):\n    use(batch[0])\n", False),
        ("def f(path):\n    data = read(path)\n    use(data['image'])\n", False),
        ("def f(batch):\n    x = batch['image']\n    if g():\n        x = None\n    use(x)\n", False),
    ],
)
def test_entries_of_batches(text: str, entry: bool) -> None:
    file = File(text, "script.py")
    (call,) = file.calls.named(frozenset({"use"}))
    assert isinstance(call, cst.Call)
    assert file.entries.of_batch(call.args[0].value) is entry
