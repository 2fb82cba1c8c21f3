"""What loads a model's weights, and when each load gives the same."""

import libcst as cst
import pytest

from smellcheck.file import File


def calls(text: str) -> list[tuple[File, cst.Call]]:
    file = File("import torch, timm, torchvision\nfrom transformers import *\nimport transformers as tf\n" + text)
    return [(file, call) for call in file.all(cst.Call)]


@pytest.mark.parametrize(
    ("text", "loads"),
    [
        ("tf.AutoModel.from_pretrained(name)", True),
        ("tf.pipeline('sentiment-analysis')", True),
        ("torchvision.models.resnet18(weights='DEFAULT')", True),
        ("torchvision.models.resnet18(pretrained=False)", False),
        ("timm.create_model('vit', pretrained=True)", True),
        ("timm.create_model('vit')", False),
        ("tf.AutoTokenizer.from_pretrained(name)", False),
        ("tf.AutoConfig.from_pretrained(name)", False),
        ("torch.load(path)", False),
        ("model.from_pretrained(name)", False),
    ],
)
def test_only_weights_count(text: str, loads: bool) -> None:
    ((file, call),) = calls(text)
    assert file.loading.loads(call) is loads


@pytest.mark.parametrize(
    ("uses", "only_read"),
    [
        ("net.eval()\n    print(net(x))", True),
        ("net.fc = other\n    print(net(x))", False),
        ("prune(net)\n    print(net(x))", False),
        ("return net", False),
        ("pass", False),
    ],
)
def test_a_model_that_is_handed_on_or_changed_is_not_only_read(uses: str, only_read: bool) -> None:
    file, call = calls(f"def run(x, other):\n    net = torch.jit.load('net.pt')\n    {uses}\n")[0]
    function = file.context.function(call)
    assert function is not None
    assert file.loading.only_read(call, function.body) is only_read


def test_constant_is_what_does_not_come_from_the_caller() -> None:
    file, call = calls("NAME = 'net.pt'\ndef run():\n    return torch.jit.load(NAME)\n")[0]
    assert file.loading.constant(call)
    file, call = calls("def run(name):\n    return torch.jit.load(name)\n")[0]
    assert not file.loading.constant(call)
