"""Which networks are in sight, and more than what costs next to nothing."""

from __future__ import annotations

import libcst as cst
import pytest

from smellcheck.file import File

HEAD = """import torch
from torch import nn
from torchvision import models, transforms

class Deep(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, 64, 3), nn.ReLU(), nn.Conv2d(64, 64, 3))

class Flat(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(9, 9), nn.ReLU(), nn.Dropout(0.1), nn.Linear(9, 2))

"""


@pytest.mark.parametrize(
    ("made", "large"),
    [
        ("Deep()", True),
        ("Deep().cuda().eval()", True),
        ("nn.DataParallel(Deep())", True),
        ("Flat()", False),
        ("Flat() if torch.cuda.is_available() else Deep()", True),
        ("models.resnet18()", True),
        ("models.__dict__[name]()", True),
        ("nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten())", True),
        ("nn.Sequential(nn.Linear(8, 2), nn.Softmax(-1))", False),
        ("nn.LSTM(8, 8)", True),
        ("nn.Linear(8, 8)", False),
        # Pictures are changed by what looks like layers in a row.
        ("torch.jit.script(nn.Sequential(transforms.Resize(256), transforms.Normalize((0.5,), (0.5,))))", False),
        ("unknown()", False),
    ],
)
def test_networks_that_are_more_than_a_few_layers(made: str, large: bool) -> None:
    file = File(f"{HEAD}name = 'vgg16'\nmodel = {made}\nout = model(x)\n", "script.py")
    call = next(one for one in file.all(cst.Call) if file.text_of(one) == "model(x)")
    assert file.networks.substantial(call.func) is large
