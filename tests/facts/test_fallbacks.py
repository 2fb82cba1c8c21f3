"""Where the host asks whether a mask leaves anything, only to choose between a mean and nought."""

from __future__ import annotations

import libcst as cst
import pytest

from smellcheck.file import File

ZERO = "torch.tensor(0.0).to(x.device)"


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (f"(x * m).sum() / m.sum() if m.sum() > 0 else {ZERO}", True),
        (f"{ZERO} if not m.any() else (x * m).sum() / m.sum()", True),
        (f"(x * m).sum() / m.sum() if torch.any(m) else {ZERO}", True),
        ("(x * m).sum() / m.sum() if m.sum() > 0 else x.new_zeros(())", True),
        # Rows are picked, a network is spared, other numbers are chosen, or nobody says that it is a tensor.
        (f"x[m].mean() if m.sum() > 0 else {ZERO}", False),
        (f"net(x * m) if m.sum() > 0 else {ZERO}", False),
        (f"(x * m).sum() / m.sum() if m.sum() > n else {ZERO}", False),
        ("(x * m).sum() / m.sum() if m.sum() > 0 else x.sum()", False),
        ("(x * m).sum() / m.sum() if m.sum() > 0 else 0", False),
        (f"(x * x).sum() if m.sum() > 0 else {ZERO}", False),
    ],
)
def test_a_mask_that_is_asked_for_no_more_than_a_mean(expression: str, expected: bool) -> None:
    code = f"import torch\ndef masked_loss(x, m, n):\n    return {expression}\n"
    file = File(code, "module.py")
    assert any(file.fallbacks.asked(one) for one in file.all(cst.Call)) is expected


def test_who_measures_without_gradients_may_ask() -> None:
    code = (
        f"import torch\n@torch.no_grad()\ndef loss(x, m):\n    return (x * m).sum() / m.sum() if m.any() else {ZERO}\n"
    )
    file = File(code, "module.py")
    assert not any(file.fallbacks.asked(one) for one in file.all(cst.Call))
