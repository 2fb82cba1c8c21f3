"""What values are known to be, and that whatever may be something else is unknown."""

from __future__ import annotations

import libcst as cst
import pytest

from smellcheck.facts.kinds import PENDING, Value, join
from smellcheck.file import File

IMPORTS = """\
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
import torch.nn.functional as F
from sentence_transformers import CrossEncoder, SentenceTransformer
from sklearn.linear_model import LogisticRegression
from torch.utils.data import DataLoader
from torchvision import models
from transformers import AutoModel, AutoTokenizer, pipeline
"""


def last(code: str, imports: str = IMPORTS) -> tuple[File, cst.BaseExpression]:
    """The last expression statement of some code."""
    file = File(imports + code, "module.py")
    return file, list(file.all(cst.Expr))[-1].value


def kind(code: str, imports: str = IMPORTS) -> str | None:
    file, node = last(code, imports)
    return file.values.kind(node)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("nn.Linear(2, 3)", "module"),
        ("nn.CrossEntropyLoss()", "loss"),
        ("models.resnet18()", "module"),
        ("AutoModel.from_pretrained('x')", "module"),
        ("AutoTokenizer.from_pretrained('x')", "tokenizer"),
        ("pipeline('x')", "pipeline"),
        ("SentenceTransformer('x')", "encoder"),
        ("CrossEncoder('x')", "cross-encoder"),
        ("LogisticRegression()", "estimator"),
        ("DataLoader(x)", "loader"),
        ("torch.optim.Adam(x)", "optimizer"),
        ("torch.zeros(3)", "tensor"),
        ("F.relu(x)", "tensor"),
        ("np.zeros(3)", "array"),
        ("pd.read_csv('x')", "frame"),
        ("[1]", "list"),
        ("'a' 'b'", "string"),
        ("1.5", "number"),
        ("True", "bool"),
        ("None", "none"),
        ("nn.functional", None),
        ("nn.Parameter(x)", "tensor"),
        ("x", None),
        ("unknown()", None),
    ],
)
def test_what_an_expression_makes(code: str, expected: str | None) -> None:
    assert kind(code) == expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("m = nn.Linear(2, 3).to(device).eval()\nm", "module"),
        ("m = nn.Linear(2, 3)\nm(x)", "output"),
        ("m = nn.Linear(2, 3)\nm.forward(x)", "output"),
        ("loss = nn.MSELoss()\nloss(a, b)", "tensor"),
        ("m = nn.DataParallel(nn.Linear(2, 3))\nm.module", "module"),
        ("t = torch.zeros(3)\nt.detach().cpu()", "tensor"),
        ("t = torch.zeros(3)\nt.cpu().numpy()", "array"),
        ("t = torch.zeros(3)\nt.sum().item()", "number"),
        ("t = torch.zeros(3)\nt.tolist()", "list"),
        ("t = torch.zeros(3)\nt[0]", "tensor"),
        ("t = torch.zeros(3)\n1 - t", "tensor"),
        ("t = torch.zeros(3)\nt.unheard_of()", None),
        ("c = LogisticRegression().fit(x, y)\nc", "estimator"),
        ("c = LogisticRegression()\nc.predict_proba(x)", "array"),
        ("d = pd.read_csv('x')\nd['a']", "series"),
        ("d = pd.read_csv('x')\nd[['a', 'b']]", "frame"),
        ("d = pd.read_csv('x')\nd.head().values", "array"),
        ("d = pd.read_csv('x')\nd['a'].tolist()", "list"),
        ("d = pd.read_csv('x')\nd[key]", None),
        ("'a b'.split()", "list"),
        ("x.splitlines()", "list"),
    ],
)
def test_what_methods_and_parts_give(code: str, expected: str | None) -> None:
    assert kind(code) == expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("a, b = nn.Linear(2, 3), torch.zeros(3)\nb", "tensor"),
        ("for i, x in enumerate(torch.zeros(3)):\n    x", "tensor"),
        ("for a, b in zip(np.zeros(3), torch.zeros(3)):\n    b", "tensor"),
        ("for i in range(3):\n    i", "number"),
        ("for m in [nn.Linear(2, 3), nn.ReLU()]:\n    m", "module"),
        ("for m in [nn.Linear(2, 3), np.zeros(3)]:\n    m", None),
        ("m, optimizer = accelerator.prepare(nn.Linear(2, 3), optimizer)\nm", "module"),
        ("def f():\n    return torch.zeros(3), np.zeros(3)\na, b = f()\nb", "array"),
        ("if x:\n    y = torch.zeros(3)\nelse:\n    y = torch.ones(3)\ny", "tensor"),
        ("if x:\n    y = torch.zeros(3)\nelse:\n    y = np.zeros(3)\ny", None),
        ("y = None\nif x:\n    y = torch.zeros(3)\ny", "tensor"),
        ("y = torch.zeros(3) if x else unknown\ny", None),
        ("x = torch.zeros(3)\nfor _ in y:\n    x = x.cuda()\nx", "tensor"),
        ("x = x.cuda()\nx", None),
        ("total = 0\ntotal += torch.zeros(3)\ntotal", "tensor"),
        ("(y := torch.zeros(3))", "tensor"),
        ("def f():\n    return torch.zeros(3)\nf()", "tensor"),
        ("def f(x):\n    if x:\n        return torch.zeros(3)\n    return np.zeros(3)\nf(1)", None),
        ("async def f():\n    return torch.zeros(3)\nf()", None),
        ("def f():\n    yield torch.zeros(3)\nf()", None),
    ],
)
def test_what_names_are_bound_to(code: str, expected: str | None) -> None:
    assert kind(code) == expected


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        ("f(torch.zeros(3))", "tensor"),
        ("f(torch.zeros(3))\nf(x=torch.ones(3))", "tensor"),
        ("f(torch.zeros(3))\nf(np.zeros(3))", None),
        ("f(torch.zeros(3))\nf(unknown)", None),
        ("f(*torch.zeros(3))", None),
        ("", None),
    ],
)
def test_what_a_parameter_gets(calls: str, expected: str | None) -> None:
    file = File(f"{IMPORTS}def f(x):\n    x\n{calls}\n", "module.py")
    read = next(iter(file.all(cst.Expr))).value
    assert file.values.kind(read) == expected


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        ("nn.Module", "module"),
        ("'nn.Module'", "module"),
        ("Optional[torch.Tensor]", "tensor"),
        ("torch.Tensor | None", "tensor"),
        ("torch.Tensor | np.ndarray", None),
        ("np.ndarray", "array"),
        ("list[str]", "list"),
        ("str", "string"),
        ("int", "number"),
        ("DataLoader", "loader"),
        ("pd.DataFrame", "frame"),
        ("Anything", None),
        ("'not valid ('", None),
    ],
)
def test_what_an_annotation_promises(annotation: str, expected: str | None) -> None:
    imports = "from typing import Optional\n" + IMPORTS
    assert kind(f"def f(x: {annotation}):\n    x", imports) == expected


def test_a_class_handed_over_is_no_module() -> None:
    assert kind("def f(Model: nn.Module):\n    Model") is None


NET = "class Net(nn.Module):\n    def __init__(self, given):\n        super().__init__()\n        {}\n"


@pytest.mark.parametrize(
    ("assigned", "read", "expected"),
    [
        ("self.layer = nn.Linear(2, 3)", "self.layer", "module"),
        ("self.layer, self.size = nn.Linear(2, 3), 5", "self.size", "number"),
        ("self.layer = given", "self.layer", None),
        ("self.layer: nn.Module = nn.Linear(2, 3)", "self.layer", "module"),
        ("self.size = 5", "self.layer", None),
        ("self.a, self.b = given", "self.b", None),
        ("self.layer = given\n        self.layer = nn.Linear(2, 3)", "self.layer", "module"),
        ("self.layer = given.cut()\n        self.layer = nn.Linear(2, 3)", "self.layer", None),
    ],
)
def test_attributes_of_self(assigned: str, read: str, expected: str | None) -> None:
    assert kind(NET.format(assigned) + f"    def forward(self, x):\n        {read}") == expected


def test_classes_of_the_file() -> None:
    file, node = last(NET.format("self.layer = nn.Linear(2, 3)") + "net = Net(None)\nnet.layer")
    assert file.values.kind(node) == "module"
    value = file.values.of(cst.ensure_type(node, cst.Attribute).value)
    assert value is not None
    assert value.cls is not None
    assert value.cls.name.value == "Net"
    assert kind("class A(nn.Module): ...\nclass B(A): ...\nB()") == "module"
    assert kind("class MyLoss(nn.Module): ...\nMyLoss()") == "loss"
    assert kind("class A: ...\nA()") is None


def test_a_base_out_of_sight_needs_a_forward() -> None:
    assert kind("from base import Base\nclass A(Base):\n    def forward(self): ...\nA()") == "module"
    assert kind("from base import Base\nclass A(Base): ...\nA()") is None
    assert kind("from base import Base\nclass A(Base):\n    def forward(self): ...\nA()", "") is None


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("def f(m):\n    m.eval()\n    m", "module"),
        ("def f(m):\n    m.load_state_dict(x)\n    m", "module"),
        ("def f(m):\n    m.eval('1 + 1')\n    m", None),
        ("def f(m):\n    m.predict()\n    m", None),
        ("def f(m):\n    m.eval()\ndef g(m):\n    m", None),
        ("def f(m: pd.DataFrame):\n    m.eval()\n    m", "frame"),
    ],
)
def test_what_only_modules_have(code: str, expected: str | None) -> None:
    assert kind(code) == expected


def test_modules_with_weights() -> None:
    for code, expected in (("nn.Linear(2, 3)", True), ("nn.ReLU()", False), ("nn.MSELoss()", False), ("x", False)):
        file, node = last(code)
        assert file.values.is_module(node) is expected, code


def test_what_cannot_be_told_soon_is_unknown() -> None:
    chain = "a0 = torch.zeros(3)\n" + "".join(f"a{i + 1} = a{i}.cuda()\n" for i in range(200))
    assert kind(chain + "a5") == "tensor"
    assert kind(chain + "a200") is None


def test_joining() -> None:
    tensor = Value("tensor")
    assert join([tensor, None]) is None
    assert join([tensor, Value("none")]) == tensor
    assert join([tensor, PENDING]) == tensor
    assert join([PENDING]) is PENDING
    assert join([]) is None
    assert join([Value("module", "a"), Value("module", "b")]) == Value("module")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("def load():\n    SHELF.net = nn.Linear(2, 3)\n", "module"),
        ("def load():\n    SHELF.net = None\ndef again():\n    SHELF.net = nn.Linear(2, 3)\n", "module"),
        ("def load():\n    SHELF.net = nn.Linear(2, 3)\ndef again():\n    SHELF.net = made()\n", None),
        ("def load(SHELF):\n    SHELF.net = nn.Linear(2, 3)\n", None),
        ("def load():\n    SHELF.net = 3\n", None),
        ("", None),
    ],
)
def test_a_module_that_a_function_puts_into_an_object_of_the_file(given: str, expected: str | None) -> None:
    shelf = "class Shelf:\n    def __init__(self):\n        self.net = None\nSHELF = Shelf()\n"
    assert kind(f"{shelf}{given}SHELF.net") == expected
