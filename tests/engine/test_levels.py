"""What is a warning where the waste surely recurs in code that the project runs, and information elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from smellcheck import plugins
from smellcheck.engine import check
from smellcheck.project import Project

HEAD = "import torch\nfrom data import loader, plt, rows, x\n\nmodel = torch.nn.Conv2d(8, 2, 3).cuda()\nmodel.eval()\n"
RATE = "def rate(loader):\n    return [model(x).argmax(1).tolist() for x in loader]\n"


def levels(text: str, path: Path, name: str = "missing-no-grad") -> list[str]:
    """The levels of what a rule says of a module."""
    rules = [rule for rule in plugins.rules() if rule.name == name]
    return [finding.level for finding in check(text, rules, str(path), project=Project().view(path)).findings]


def test_what_names_no_device_runs_where_memory_is_seldom_short(tmp_path: Path) -> None:
    text = HEAD + "for x in loader:\n    print(model(x).argmax(1).tolist())\n"
    assert levels(text, tmp_path / "a.py") == ["warning"]
    assert levels(text.replace(".cuda()", ""), tmp_path / "a.py") == ["info"]
    # A notebook that was turned into a module.
    assert levels("# In[ ]:\n" + text, tmp_path / "a.py") == ["info"]


def test_sixty_four_bits_that_a_comment_explains_are_meant(tmp_path: Path) -> None:
    assert levels(
        HEAD + "# The data have double precision.\nmodel.double()\n", tmp_path / "a.py", "float64-tensor"
    ) == ["info"]


@pytest.mark.parametrize(
    ("rule", "body"),
    [
        ("debug-mode-left-on", "torch.autograd.set_detect_anomaly(True)\n"),
        ("debug-mode-left-on", "import os\nos.environ['CUDA_LAUNCH_BLOCKING'] = '1'\n"),
        ("float64-tensor", "model.double()\n"),
    ],
)
def test_in_a_notebook_somebody_looks_on(rule: str, body: str, tmp_path: Path) -> None:
    assert levels(HEAD + body, tmp_path / "train.py", rule) == ["warning"]
    assert levels(HEAD + body, tmp_path / "train_ipynb.py", rule) == ["info"]
    (tmp_path / "from_ipynb").mkdir()
    assert levels(HEAD + body, tmp_path / "from_ipynb" / "train.py", rule) == ["warning"]


def test_who_takes_no_gradients_has_none_to_search(tmp_path: Path) -> None:
    text = HEAD + "torch.autograd.set_detect_anomaly(True)\nwith torch.no_grad():\n    print(model(x))\n"
    assert levels(text, tmp_path / "a.py", "debug-mode-left-on") == ["info"]
    assert levels(text + "rows[0].backward()\n", tmp_path / "a.py", "debug-mode-left-on") == ["warning"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("for x in loader:\n    print(model(x).argmax(1).tolist())\n", "warning"),
        ("def rate(x):\n    return model(x).argmax(1).tolist()\n\nprint([rate(x) for x in loader])\n", "warning"),
        (
            "for first in range(0, len(x), 9):\n    batch = x[first:]\n    print(model(batch).argmax(1).tolist())\n",
            "warning",
        ),
        # The graph of one row is small, and gone before the next.
        ("def rate(x):\n    return model(x).argmax(1).tolist()\n\nprint([rate(x) for x in rows])\n", "info"),
        # One forward is found first, and what mends it mends those of the loop as well.
        (
            "def rate(x, loader):\n    first = model(x).argmax(1).tolist()\n"
            "    return first, [model(x).argmax(1).tolist() for x in loader]\n",
            "warning",
        ),
        ("print(model(x).argmax(1).tolist())\n", "info"),
        # The network is made, and its weights are read, for each pass.
        (
            "def rate(x):\n    net = torch.nn.Linear(8, 2)\n    net.load_state_dict(torch.load('a'))\n    net.eval()\n"
            "    return net(x).argmax(1).tolist()\n\nprint([rate(x) for x in rows])\n",
            "info",
        ),
        ("def rate(x):\n    return model(x).argmax(1).tolist()\n", "info"),
        # Which of two it is, the options say; neither is moved to a device.
        (
            "def rate(loader, wide):\n    if wide:\n        net = torch.nn.Linear(8, 2)\n    if not wide:\n"
            "        net = torch.nn.Linear(4, 2)\n    net.eval()\n"
            "    return [net(x).argmax(1).tolist() for x in loader]\n\nrate(loader, True)\n",
            "info",
        ),
        ("for n in (1, 2):\n    print(model(x[n]).argmax(1).tolist())\n", "info"),
        (
            "def sweep(counts, trainer, x):\n    for n in counts:\n        net = torch.nn.Linear(n, 2)\n"
            "        trainer.fit(net)\n        print(net(x).data.numpy())\n",
            "info",
        ),
        ("for x in loader:\n    plt.show()\n    print(model(x).argmax(1).tolist())\n", "info"),
        (
            "def write(x):\n    for _ in range(99):\n        y = torch.multinomial(model(x).softmax(-1).detach(), 1)\n"
            "        x = torch.cat((x, y), 1)\n    return x\n",
            "info",
        ),
        (
            "def play(env, x):\n    while True:\n        y = torch.multinomial(model(x).softmax(-1).detach(), 1)\n"
            "        x = env.step(y.item())\n",
            "info",
        ),
        # Once, when the training is over.
        (RATE + "for epoch in range(90):\n    model(x).sum().backward()\nprint(rate(loader))\n", "info"),
        (RATE + "for epoch in range(90):\n    model(x).sum().backward()\n    print(rate(loader))\n", "warning"),
        (RATE + "if x:\n    model(x).sum().backward()\nelse:\n    print(rate(loader))\n", "warning"),
        # Forty passes of an attack take gradients beside it.
        (
            "def attack(loader, steps):\n    for x in loader:\n        before = model(x).argmax(1).tolist()\n"
            "        for _ in range(steps):\n            x.requires_grad_()\n            model(x).sum().backward()\n"
            "            x = x.detach() + x.grad.sign()\n    return before\n",
            "info",
        ),
        # A network for digits is small, unless larger pictures go through it as well.
        ("for x in loader('mnist'):\n    print(model(x).argmax(1).tolist())\n", "info"),
        ("for x in loader('mnist', 'cifar10'):\n    print(model(x).argmax(1).tolist())\n", "warning"),
        ("for x in loader:\n    # volatile since 0.3\n    print(model(x).argmax(1).tolist())\n", "info"),
    ],
)
def test_a_forward_weighs_as_often_as_it_runs(body: str, expected: str, tmp_path: Path) -> None:
    assert levels(HEAD + body, tmp_path / "a.py") == [expected]


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        ({"b.py": "from a import rate\nrate([])\n"}, "warning"),
        ({}, "info"),
        # Only tests run it, or another thing of its name.
        ({"tests/test_a.py": "from a import rate\ndef test_it():\n    assert rate([]) == []\n"}, "info"),
        ({"b.py": "from tools import rate\nrate([])\n"}, "info"),
    ],
)
def test_what_only_others_could_run_is_information(others: dict[str, str], expected: str, tmp_path: Path) -> None:
    # A project that is packed: whoever imports from it may run what nothing here names.
    manifest = '[project]\nname = "a"\n'
    for name, text in {"pyproject.toml": manifest, **{f"m{n}.py": "" for n in range(9)}, **others}.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    (tmp_path / ".git").mkdir()
    assert levels(HEAD + RATE, tmp_path / "a.py") == [expected]


@pytest.mark.parametrize(
    ("beside", "expected"),
    [
        ({"b.py": "from a import Trainer\nTrainer().rate([])\n"}, "warning"),
        # The instance comes from another module.
        ({"b.py": "import a\nimport c\nc.run(a.Trainer())\n", "c.py": "def run(one):\n    one.rate([])\n"}, "warning"),
        # Another class has a method of that name.
        ({"b.py": "from a import Trainer\nTrainer()\n", "c.py": "import o\no.Other().rate([])\n"}, "info"),
    ],
)
def test_a_method_that_is_named_where_others_are_meant_is_information(
    beside: dict[str, str], expected: str, tmp_path: Path
) -> None:
    (tmp_path / ".git").mkdir()
    more = {**{f"m{n}.py": "" for n in range(9)}, "o.py": "class Other:\n    pass\n\nclass Trainer:\n    pass\n"}
    body = "class Trainer:\n    def rate(self, loader):\n        return [model(x).argmax(1).tolist() for x in loader]\n"
    for name, text in {**more, **beside, "a.py": HEAD + body}.items():
        (tmp_path / name).write_text(text)
    assert levels(HEAD + body, tmp_path / "a.py") == [expected]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("b.py", "from a import rate\nrate([])\n", "warning"),
        ("b.sh", "python -c 'import a; a.train([])'\n", "warning"),
        ("b.py", "from other import train\ntrain([])\n", "info"),
        ("README.md", "Run a file.\n", "info"),
    ],
)
def test_a_module_of_definitions_that_no_other_imports_is_left_over(
    name: str, text: str, expected: str, tmp_path: Path
) -> None:
    (tmp_path / ".git").mkdir()
    head = HEAD.replace(".cuda()", ".cuda().eval()").replace("model.eval()\n", "")
    module = head + RATE.replace("def rate", "def train") + "\ndef rate(loader):\n    return train(loader)\n"
    for path, content in {**{f"m{n}.py": "" for n in range(9)}, "a.py": module, name: text}.items():
        (tmp_path / path).write_text(content)
    assert levels(module, tmp_path / "a.py") == [expected]


@pytest.mark.parametrize(("tried", "expected"), [("import fast", "info"), ("rate(loader)", "warning")])
def test_a_module_may_run_what_it_tries(tried: str, expected: str, tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    head = HEAD.replace(".cuda()", ".cuda().eval()").replace("model.eval()\n", "")
    again = "\ndef again(loader):\n    return rate(loader)\n"
    module = f"{head}{RATE.replace('rate', 'train')}{again.replace('rate', 'train')}"
    module += f"\ntry:\n    {tried.replace('rate', 'again')}\nexcept ImportError:\n    pass\n"
    for path, content in {**{f"m{n}.py": "" for n in range(9)}, "a.py": module}.items():
        (tmp_path / path).write_text(content)
    assert levels(module, tmp_path / "a.py") == [expected]


@pytest.mark.parametrize(("call", "expected"), [("# print(rate([]))", "info"), ("print(rate([]))", "warning")])
def test_a_function_whose_calls_are_comments_is_out_of_use(call: str, expected: str, tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    for name in (*(f"m{n}.py" for n in range(9)), "README.md"):
        (tmp_path / name).write_text("How to rate it.\n" if name == "README.md" else "")
    entry = f"\ndef main():\n    {call}\n    return 1\n\nfire.Fire()\n"
    assert levels("import fire\n" + HEAD + RATE + entry, tmp_path / "a.py") == [expected]


@pytest.mark.parametrize(
    ("name", "read", "expected"),
    [
        ("Rows", "np.load(self.path)", "warning"),
        # Little to read, and an archive that is opened only.
        ("EvalSet", "np.load(self.path)", "info"),
        ("ValRows", "np.load(self.path)", "info"),
        ("Rows", "h5py.File(self.path)['x']", "info"),
    ],
)
def test_what_is_evaluated_on_is_little(name: str, read: str, expected: str, tmp_path: Path) -> None:
    text = (
        "import h5py\nimport numpy as np\nfrom torch.utils.data import Dataset\n\n"
        f"class {name}(Dataset):\n    def __init__(self, path):\n        self.path = path\n\n"
        f"    def __getitem__(self, index):\n        return {read}[index]\n"
    )
    assert levels(text, tmp_path / "a.py", "dataset-reload-in-getitem") == [expected]


@pytest.mark.parametrize(("over", "expected"), [("torch.stack(rows)", "warning"), ("pictures", "info")])
def test_rows_of_one_tensor_surely_have_one_size(over: str, expected: str, tmp_path: Path) -> None:
    text = (
        HEAD.replace("rows, x", "pictures, rows") + f"given = {over}\nwith torch.no_grad():\n    for row in given:\n"
        "        print(model(row.resize((8, 8)).unsqueeze(0)).argmax(1))\n"
    )
    assert levels(text, tmp_path / "a.py", "unbatched-inference") == [expected]


NETS = {
    "convolutions": "self.layers = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.ReLU())",
    "a layer of one's own": "self.block = Block(8)",
    "what a library makes": "self.trunk = torchvision.models.resnet18()",
    "a few products": "self.layers = torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.ReLU())",
    "tables": "self.rows = torch.nn.Parameter(torch.zeros(9, 9))",
}


@pytest.mark.parametrize(
    ("holds", "expected"),
    list(zip(NETS.values(), ["warning", "warning", "warning", "info", "info"], strict=True)),
    ids=NETS,
)
@pytest.mark.parametrize("made", ["Net()", "torch.nn.DataParallel(Net()).cuda()", "Net() if large else Net(2)"])
def test_a_warning_is_of_a_network_in_sight_of_more_than_a_few_layers(
    made: str, holds: str, expected: str, tmp_path: Path
) -> None:
    net = (
        "import torch\nimport torchvision\nfrom data import Block\n\nclass Net(torch.nn.Module):\n"
        "    def __init__(self, large=1):\n        super().__init__()\n"
        f"        {holds}\n\n    def forward(self, x):\n        return x\n"
    )
    body = (
        "\ndef rate(model, loader):\n    model.eval()\n"
        f"    return [model(x.cuda()).argmax(1).tolist() for x in loader]\n\nprint(rate({made}, loader))\n"
    )
    (tmp_path / ".git").mkdir()
    assert levels(f"from data import large, loader\n{net}{body}", tmp_path / "whole.py") == [expected]
    (tmp_path / "net.py").write_text(net)
    head = "import torch\nfrom data import large, loader\nfrom net import Net\n"
    assert levels(head + body, tmp_path / "a.py") == [expected]
    either = head.replace("from net", "try:\n    from .net") + "except ImportError:\n    from net import Net\n"
    assert levels(either + body, tmp_path / "a.py") == [expected]
    # What nothing in sight makes may freeze itself, differentiate, or be as small as can be.
    assert levels(head.replace("net import Net", "elsewhere import Net") + body, tmp_path / "a.py") == ["info"]


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        ("models.__dict__[name]()", "warning"),
        ("getattr(models, name)(num_classes=3)", "warning"),
        ("nets.__dict__[name]()", "info"),
    ],
)
def test_a_library_of_networks_is_in_sight_whichever_is_chosen(made: str, expected: str, tmp_path: Path) -> None:
    text = (
        "import torch\nfrom data import loader, name, nets\nfrom torchvision import models\n\n"
        f"model = {made}.cuda()\nmodel.eval()\nfor x in loader:\n    print(model(x).argmax(1).tolist())\n"
    )
    assert levels(text, tmp_path / "a.py") == [expected]


def test_what_came_with_a_licence_of_its_own_is_the_work_of_others(tmp_path: Path) -> None:
    for name in (".git", "theirs", "theirs/nets"):
        (tmp_path / name).mkdir()
    text = HEAD + "for x in loader:\n    print(model(x).argmax(1).tolist())\n"
    (tmp_path / "setup.py").touch()
    (tmp_path / "theirs" / "LICENSE.txt").touch()
    # One of several works of the same people, or what the modules at the root have taken over.
    assert levels(text, tmp_path / "theirs" / "nets" / "a.py") == ["warning"]
    (tmp_path / "main.py").touch()
    assert levels(text, tmp_path / "theirs" / "nets" / "a.py") == ["info"]
    assert levels(text, tmp_path / "main.py") == ["warning"]


@pytest.mark.parametrize(
    ("setting", "test", "expected"),
    [
        ("mode = 'train'", "mode == 'rate'", "info"),
        ("mode = 'rate'", "mode == 'rate'", "warning"),
        ("mode = 'rate'", "mode != 'rate'", "info"),
        ("rated = False", "rated", "info"),
        ("rated = True", "not rated", "info"),
        ("rated = False\nrated = bool(x)", "rated", "warning"),
        ("mode = str(x.mode)  # or so", "mode == 'rate'", "warning"),
        ("mode = 'train'\nexec(open('settings.py').read())", "mode == 'rate'", "warning"),
    ],
)
def test_what_a_name_that_is_set_once_leaves_out_does_not_run(
    setting: str, test: str, expected: str, tmp_path: Path
) -> None:
    (tmp_path / ".git").mkdir()
    plain = "for x in loader:\n        print(model(x).argmax(1).tolist())\n"
    assert levels(f"{HEAD}{setting}\nif {test}:\n    {plain}", tmp_path / "a.py") == [expected]
    called = f"def rate():\n    {plain}\n{setting}\nif {test}:\n    rate()\n"
    assert levels(HEAD + called, tmp_path / "a.py") == [expected]
    otherwise = f"{setting}\nif {test}:\n    print(x)\nelse:\n    {plain}"
    other = (
        {"info": "warning", "warning": "info"}[expected] if "x." not in setting and "(" not in setting else "warning"
    )
    assert levels(HEAD + otherwise, tmp_path / "a.py") == [other]


def test_volatile_inputs_of_any_module_tell_of_an_old_torch(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    body = HEAD + "for x in loader:\n    print(model(x).argmax(1).tolist())\n"
    (tmp_path / "b.py").write_text("# volatile was needed once\n")
    assert levels(body, tmp_path / "a.py") == ["warning"]
    (tmp_path / "b.py").write_text("def given(x):\n    return Variable(x, volatile=True)\n")
    assert levels(body, tmp_path / "a.py") == ["info"]


def test_a_library_under_its_own_name_within_another_project_is_a_copy(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    home = tmp_path / "examples"
    home.mkdir()
    (home / "a.py").write_text(HEAD + RATE)
    assert levels(HEAD + RATE + "print(rate([]))\n", home / "a.py") == ["warning"]
    (home / "setup.py").write_text('from setuptools import setup\nsetup(\n    name="transformers",\n)\n')
    assert levels(HEAD + RATE + "print(rate([]))\n", home / "a.py") == []


READ = "class Rows(torch.utils.data.Dataset):\n    def __getitem__(self, index):\n        return {}\n"
LAYER = "class Net(torch.nn.Module):\n    def forward(self, x):\n        {}\n"
LOAD = "from transformers import AutoModel\n\n{}for name in rows:\n    {}\n"


@pytest.mark.parametrize(
    ("rule", "sure", "less"),
    [
        # Nothing asks for an item by its number: there may be one alone.
        ("dataset-reload-in-getitem", READ.format("torch.load('a.pt')[index]"), READ.format("torch.load('a.pt')")),
        # Two matrices that nothing is known of may be small.
        (
            "wasteful-matmul",
            "def f(a):\n    return torch.trace(a @ a.T)\n",
            "def f(a, b):\n    return torch.trace(a @ b)\n",
        ),
        # Nobody knows how often the condition holds.
        (
            "layer-created-in-forward",
            LAYER.format("return torch.nn.Linear(8, 8)(x)"),
            LAYER.format("return torch.nn.Linear(8, 8)(x) if x.ndim > 2 else x"),
        ),
        # What else the function does may take longer.
        (
            "model-load-in-loop",
            LOAD.format("", "print(AutoModel.from_pretrained('bert-base-uncased')(name))"),
            LOAD.format(
                "def run(name):\n    return AutoModel.from_pretrained('bert-base-uncased')(name)\n\n",
                "print(run(name))",
            ),
        ),
        # The first few batches are there to be looked at.
        (
            "missing-no-grad",
            HEAD + "for i, x in enumerate(loader):\n    print(model(x).argmax(1).tolist())\n",
            HEAD
            + "for i, x in enumerate(loader):\n    print(model(x).argmax(1).tolist())\n    if i > 3:\n        break\n",
        ),
    ],
)
def test_what_may_be_too_little_to_matter_is_information(rule: str, sure: str, less: str, tmp_path: Path) -> None:
    head = "" if sure.startswith("import") else "import torch\nfrom data import rows\n\n"
    assert levels(head + sure, tmp_path / "a.py", rule) == ["warning"]
    assert levels(head + less, tmp_path / "a.py", rule) == ["info"]
