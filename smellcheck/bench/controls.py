"""Pairs whose answer is known: two equal arms, half the work, and a change that changes nothing."""

from __future__ import annotations

from ..page import Case, Tolerance

_PRODUCTS = """
import torch

left = torch.randn(size, size, device=device)
right = torch.randn(size, size, device=device)

def smelly():
    for _ in range(8):
        product = left @ right
    return product

def clean():
    for _ in range({times}):
        product = left @ right
    return product
"""
_RUNNING_LOSS = """
import torch
from torch import nn

model = nn.Sequential(nn.Linear(size, size), nn.GELU(), nn.Linear(size, size)).to(device)
inputs = torch.randn(64, size, device=device)

def steps(kept):
    total = 0
    for _ in range(6):
        loss = model(inputs).square().mean()
        loss.backward()
        model.zero_grad(set_to_none=True)
        total = total + kept(loss)
    return total.detach()

def smelly():
    return steps(lambda loss: loss)

def clean():
    return steps(lambda loss: loss.detach())
"""
_SIZES = (1024, 2048)
#: Both arms are the same: whatever the run finds between them is noise.
EQUAL = Case("two equal arms", 0, _PRODUCTS.format(times=8), sizes=_SIZES[:1])
#: The clean arm multiplies half as often: about half the energy.
HALF = Case("half the work", 0, _PRODUCTS.format(times=4), sizes=_SIZES[:1])
#: The graph of each loss is freed by its backward pass either way: nothing is saved.
NOTHING = Case(
    "a loss that is detached after its backward pass",
    0,
    _RUNNING_LOSS,
    tolerance=Tolerance(1e-5, 1e-6),
    sizes=_SIZES[:1],
)
EXPECTED = {EQUAL.title: "no-effect", HALF.title: "saves", NOTHING.title: "no-effect"}
#: The verdicts that nothing of the run survives. One that cannot tell is only blunt; and a change that is thought to
#: change nothing may after all do so on some machine.
CONTRADICTED = {
    EQUAL.title: ("saves", "costs", "invalid-run", "invalid-outputs"),
    HALF.title: ("no-effect", "costs", "invalid-run"),
}
CONTROLS = (EQUAL, HALF, NOTHING)
