"""Which calls of what is out of sight run networks, for what they give is detached."""

import libcst as cst
import pytest

from smellcheck.file import File


def the_call(text: str) -> tuple[File, cst.Call]:
    """The call of which `x` is the first argument."""
    file = File("import torch\n" + text)
    calls = (one for one in file.all(cst.Call) if one.args and file.text_of(one.args[0].value) == "x")
    return file, next(calls)


@pytest.mark.parametrize(
    ("text", "handed"),
    [
        ("def f(net, x):\n    return net(x).detach()\n", True),
        ("def f(best_model, x):\n    y = best_model(x)\n    return y.squeeze().data.numpy()\n", True),
        ("def f(net, x):\n    a, b = net(x)\n    return a.detach(), torch.relu(b).detach()\n", True),
        ("def f(net, x):\n    a, b = net(x)\n    return a.detach(), b\n", False),
        ("def f(net, x):\n    return net(x).cpu().numpy()\n", False),
        ("def f(net, x):\n    return use(net(x)).detach()\n", False),
        ("def f(solve, x):\n    return solve(x).detach()\n", False),
        ("def f(x):\n    net = make()\n    return net(x).detach()\n", False),
    ],
)
def test_a_network_that_a_function_is_handed(text: str, handed: bool) -> None:
    file, call = the_call(text)
    assert file.detaching.is_handed_network(call) is handed


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("net = load()\nnet.eval()\ny = net.body(x).detach()\n", True),
        ("net = load()\nnet.eval()\ny = net.body(x)\n", False),
        ("net = load()\nnet.eval()\ny = net.get_centers(x).detach()\n", False),
        ("y = net.body(x).detach()\n", False),
        ("class N(torch.nn.Module):\n    def body(self, x): ...\nnet = N()\nnet.body(x).detach()\n", False),
    ],
)
def test_a_part_that_is_detached_at_once(text: str, part: bool) -> None:
    file, call = the_call(text)
    assert file.detaching.is_part(call) is part
