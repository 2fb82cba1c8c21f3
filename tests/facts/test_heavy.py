"""Which networks keep a GPU busy for long, where other modules make them."""

from pathlib import Path

import libcst as cst
import pytest

from smellcheck.file import File
from smellcheck.project import Project

NETS = """
import torch, torchvision
from hub import SomeModelForSeeing

class Wide(torch.nn.Module):
    def __init__(self, width):
        super().__init__()
        self.layers = torch.nn.Sequential(*(self._make_layer(256), self._make_layer(512)))

class Small(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = torch.nn.Sequential(torch.nn.Conv2d(3, 256, 3), torch.nn.Linear(1024, 512))

class Held(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.seen = torchvision.models.resnet18()

class Headed(torch.nn.Module):
    def __init__(self, backbone):
        super().__init__()
        self.backbone = backbone

def either(name):
    if name == "a":
        net = torchvision.models.resnet18()
    else:
        net = torchvision.models.resnet50()
    net.fc = torch.nn.Linear(512, 2)
    return net

def part():
    model = SomeModelForSeeing.from_pretrained("a")
    return model.model.encoder.to("cuda"), model.config

def perhaps(name):
    return Small() if name else Wide(2)
"""


@pytest.mark.parametrize(
    ("made", "heavy"),
    [
        ("net = Wide(2)", True),
        ("net = Small()", False),
        ("net = Held().to('cuda')", True),
        ("net = torch.nn.DataParallel(Wide(2))\nnet = net.cuda()", True),
        ("net = either('a')", True),
        ("net = perhaps('a')", False),
        ("net, settings = part()", True),
        ("settings, net = part()", False),
        ("net = Headed(Held())", True),
        ("net = Headed(Small())", False),
        ("net = unknown()", False),
    ],
)
@pytest.mark.parametrize(("said", "narrow"), [("", False), ("# run under autocast", True)])
def test_made_in_another_module(tmp_path: Path, made: str, heavy: bool, said: str, narrow: bool) -> None:
    text = f"import torch\nfrom nets import *\n{made}\nnet.train()\n"
    for name, each in {"setup.cfg": "", "nets.py": NETS + said, "main.py": text}.items():
        (tmp_path / name).write_text(each)
    file = File(text, "main.py", project=Project().view(tmp_path / "main.py"))
    (call,) = file.calls.named(frozenset({"train"}))
    assert isinstance(call.func, cst.Attribute)
    assert file.heavy.is_heavy(call.func.value) == (heavy and not narrow)
