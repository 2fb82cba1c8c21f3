"""Which code surely runs for nobody: of scripts, of functions bound twice, and before a debugger's stop."""

from __future__ import annotations

import ast
import builtins
import re
from pathlib import Path

import pytest

from smellcheck.file import File
from smellcheck.project import Project

MAIN = 'if __name__ == "__main__":\n    train()\n'
SCRIPT = f"def train():\n    work()\n\n\ndef evaluate():\n    work()\n\n\n{MAIN}"


def whole(text: str) -> str:
    """A text with an import of what it reads and nothing in it binds."""
    nodes = list(ast.walk(ast.parse(text)))
    read = {one.id for one in nodes if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Load)}
    bound = {one.id for one in nodes if isinstance(one, ast.Name)} - read
    bound |= {one.id for one in nodes if isinstance(one, ast.Name) and not isinstance(one.ctx, ast.Load)}
    bound |= {one.arg for one in nodes if isinstance(one, ast.arg)}
    bound |= {one.name for one in nodes if isinstance(one, ast.FunctionDef | ast.ClassDef)}
    bound |= {one.asname or one.name.split(".")[0] for one in nodes if isinstance(one, ast.alias)}
    missing = sorted(read - bound - set(dir(builtins)))
    return f"from elsewhere import {', '.join(missing)}\n{text}" if missing else text


def earnest(text: str, folder: Path, **others: str) -> list[bool]:
    """For each call of `work` in a script, whether it is one that runs."""
    text = whole(text)
    (folder / "pyproject.toml").touch()
    for name, other in others.items():
        (folder / f"{name}.py").write_text(other)
    path = folder / "script.py"
    path.write_text(text)
    file = File(text, str(path), project=Project().view(path))
    calls = file.calls.named(frozenset({"work"}))
    return [file.reach.earnest(call) and not file.reach.fails(call) for call in calls]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (SCRIPT, [True, False]),
        ("parser = P()\nargs = parser.parse_args()\ndef f():\n    work()\nfor _ in range(3):\n    pass\n", [False]),
        # Commented out calls are none.
        (SCRIPT.replace("    train()", "    train()\n    # evaluate()"), [True, False]),
        (SCRIPT.replace("    train()", "    train()\n    evaluate()"), [True, True]),
        # A copy that reads what only the function it was copied from binds.
        (
            "def f():\n    x = work()\n    print(x)\n\ndef g():\n    for _ in range(3):\n        work(x)\n",
            [True, False],
        ),
        ("def f():\n    x = work()\n    print(x)\n\ndef g(y):\n    if y:\n        work(x)\n", [True, True]),
        ("def f():\n    global x\n    x = work()\n\ndef g():\n    work(x)\n", [True, True]),
        ("from a import *\ndef f():\n    x = work()\n\ndef g():\n    work(x)\n", [True, True]),
        ("def f():\n    id = work()\n\ndef g():\n    work(id)\n", [True, True]),
        # Only what is abandoned calls it.
        (SCRIPT.replace(MAIN, f"def both():\n    evaluate()\n\n\n{MAIN}"), [True, False]),
        ("def evaluate():\n    work()\n    evaluate()\n\n\nif __name__ == '__main__':\n    pass\n", [False]),
        # A name that is passed on may be called by anyone.
        (SCRIPT.replace("def train()", "def train(fn=None, *, then=evaluate)"), [True, True]),
        (SCRIPT.replace("    train()", "    run({'evaluate': evaluate})"), [False, True]),
        (SCRIPT.replace("    train()", "    run('evaluate')"), [False, False]),
        (SCRIPT.replace("    train()", "    globals()['evaluate']()"), [True, True]),
        (SCRIPT.replace("    train()", "    fire.Fire()"), [True, True]),
        (SCRIPT.replace("def evaluate", "@app.command()\ndef evaluate"), [True, True]),
        # No script: whoever imports it may call what it defines.
        (SCRIPT.replace(MAIN, ""), [True, True]),
        # A method of the name is another thing.
        (SCRIPT.replace(MAIN, f"class A:\n    def evaluate(self):\n        work()\n\n\n{MAIN}"), [True, False, True]),
    ],
)
def test_functions_that_a_script_never_reads(text: str, expected: list[bool], tmp_path: Path) -> None:
    assert earnest(text, tmp_path) == expected


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ("from script import evaluate\n", True),
        ("from script import evaluate as test\n", True),
        ("from .script import *\nevaluate()\n", True),
        # Whoever uses what a star brought has to name it.
        ("from .script import *\n", False),
        ("import script\n", True),
        ("def main():\n    from script import evaluate\n", True),
        # Nobody knows which module that is.
        ("from project.script import evaluate\n", True),
        ("from script import train\n", False),
        # Another module of that name.
        ("from more.script import evaluate\n", False),
        ("import scripts\n", False),
    ],
)
def test_what_another_module_imports_may_run(other: str, expected: bool, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "script.py").write_text(SCRIPT)
    assert earnest(SCRIPT, tmp_path, other=other) == [True, expected]


def test_without_a_project_nobody_knows_who_imports() -> None:
    file = File(SCRIPT, "script.py")
    assert all(file.reach.earnest(call) for call in file.calls.named(frozenset({"work"})))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("def f():\n    work()\ndef f(x):\n    work()\n", [False, True]),
        # In between it is read.
        ("def f():\n    work()\nf()\ndef f(x):\n    work()\n", [True, True]),
        ("def f():\n    work()\ndef g(h=f):\n    pass\ndef f(x):\n    work()\n", [True, True]),
        ("def f():\n    work()\nif fast:\n    def f(x):\n        work()\n", [True, True]),
        ("@overload\ndef f():\n    work()\ndef f(x):\n    work()\n", [True, True]),
        ("@f.register\ndef f():\n    work()\n@g\ndef f(x):\n    work()\n", [True, True]),
    ],
)
def test_functions_that_are_bound_anew(text: str, expected: list[bool], tmp_path: Path) -> None:
    assert earnest(text, tmp_path) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("def f():\n    for x in y:\n        work()\n        import pdb; pdb.set_trace()\n", [False]),
        ("def f():\n    breakpoint()\n    work()\n", [False]),
        ("def f():\n    if bad:\n        breakpoint()\n    work()\n", [True]),
        ("def f():\n    try:\n        work()\n    except E:\n        ipdb.set_trace()\n", [True]),
        ("def f():\n    def g():\n        breakpoint()\n    work()\n", [True]),
    ],
)
def test_what_stops_for_a_debugger(text: str, expected: list[bool], tmp_path: Path) -> None:
    assert earnest(text, tmp_path) == expected


LIBRARY = (
    "import torch\n\nclass Net(torch.nn.Module):\n    def show(self):\n        work()\n\n\ndef alone():\n    work()\n"
)


def repository(folder: Path, modules: int = 9, **others: str) -> list[bool]:
    """For each call of `work` in a module of a repository, whether it may run."""
    (folder / ".git").mkdir()
    for number in range(modules):
        (folder / f"m{number}.py").touch()
    for name, text in others.items():
        (folder / re.sub(r"_(?=[a-z]+$)", ".", name)).write_text(text)
    path = folder / "net.py"
    text = whole(LIBRARY)
    path.write_text(text)
    file = File(text, str(path), project=Project().view(path))
    return [file.reach.earnest(call) for call in file.calls.named(frozenset({"work"}))]


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        ({}, [False, False]),
        ({"other_py": "from net import alone, Net\nNet().show()\n"}, [True, True]),
        ({"other_py": "from net import Net\nNet()()\n"}, [False, False]),
        # Where else a name may come from: a notebook, a setting, a documented command.
        ({"use_ipynb": '{"cells": ["from net import alone", "alone()"]}'}, [False, True]),
        ({"conf_yaml": "model: net.Net\nshow: true\n"}, [True, False]),
        # A comment runs nothing.
        ({"other_py": "import net\n# net.alone()\nprint(1)  # was alone()\n"}, [False, False]),
        ({"run_sh": "python -c 'import net; net.alone()'"}, [False, True]),
        # Another thing of that name is no use of this one.
        ({"other_py": "def alone():\n    pass\n"}, [False, False]),
        ({"other_py": "from tools import alone\nalone()\n"}, [False, False]),
        # What a package takes over from its modules goes by another name than the module's.
        ({"__init___py": "from .net import *\n", "other_py": "from . import alone\nalone()\n"}, [False, True]),
        # Names that are made up while it runs.
        ({"other_py": "import net\ngetattr(net, name)()\n"}, [True, True]),
        ({"other_py": "import net\nnet.__dict__[name]()\n"}, [True, True]),
        ({"other_py": "m = importlib.import_module(name)\nlist(vars(m))\n"}, [True, True]),
        ({"other_py": "getattr(import_module(name).net, it)\n"}, [True, True]),
        ({"other_py": "model.eval()\ngetattr(args, name)\ngetattr(net, 'x', 0)\n"}, [False, False]),
        # Others may import from it.
        ({"setup_py": "from setuptools import setup\nsetup()\n"}, [True, True]),
        ({"pyproject_toml": "[project]\nname = 'net'\n"}, [True, True]),
        ({"pyproject_toml": "[tool.ruff]\nline-length = 120\n"}, [False, False]),
    ],
)
def test_what_nothing_in_a_repository_names_runs_for_nobody(
    others: dict[str, str], expected: list[bool], tmp_path: Path
) -> None:
    assert repository(tmp_path, **others) == expected


def test_a_project_of_a_few_modules_may_be_a_beginning(tmp_path: Path) -> None:
    assert repository(tmp_path, modules=3) == [True, True]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # Registered, called by Python or torch, by a base class out of sight, or by itself alone.
        ("@register\ndef alone():\n    work()\n", [True]),
        ("class A:\n    def __getitem__(self, at):\n        work()\na = A()\n", [True]),
        ("from torch import nn\nclass A(nn.Module):\n    def forward(self, x):\n        work()\nA()\n", [True]),
        ("import lightning\nclass A(lightning.LightningModule):\n    def hook(self):\n        work()\nA()\n", [True]),
        ("def alone(n):\n    work()\n    alone(n - 1)\n", [False]),
        ("def one():\n    work()\n\n# one()\n", [False]),
        # What only the unnamed name, in a circle or not, is named by nobody.
        ("def one():\n    work()\ndef two():\n    one()\n", [False]),
        ("def one():\n    work()\n    two()\ndef two():\n    one()\n", [False]),
        ("def one():\n    work()\n    two()\ndef two():\n    one()\ntwo()\n", [True]),
    ],
)
def test_what_is_called_without_being_named(text: str, expected: list[bool], tmp_path: Path) -> None:
    repository(tmp_path)
    path, text = tmp_path / "script.py", whole(text)
    path.write_text(text)
    file = File(text, str(path), project=Project().view(path))
    assert [file.reach.earnest(call) for call in file.calls.named(frozenset({"work"}))] == expected


TRIED = """import torch

def rate(x):
    work()
    return inner(x)

def inner(x):
    work()

def step(x):
    work()

if __name__ == "__main__":
    {entry}
"""


@pytest.mark.parametrize(
    ("entry", "other", "expected"),
    [
        # Functions that an entry tries on numbers that it draws; `step` is another module's.
        ("rate(torch.randn(4, 8))", "from tried import step\nstep(1)\n", [False, False, True]),
        ("rate(torch.load('a.pt') + torch.randn(4, 8))", "from tried import step\nstep(1)\n", [True, True, True]),
        ("rate(1)", "from tried import step\nstep(1)\n", [True, True, True]),
        ("rate(torch.randn(4, 8))", "from tried import rate, step\nstep(rate(1))\n", [True, True, True]),
    ],
)
def test_what_only_a_trial_runs(entry: str, other: str, expected: list[bool], tmp_path: Path) -> None:
    repository(tmp_path, other_py=other)
    path, text = tmp_path / "tried.py", whole(TRIED.format(entry=entry))
    path.write_text(text)
    file = File(text, str(path), project=Project().view(path))
    assert [file.reach.used(call) for call in file.calls.named(frozenset({"work"}))] == expected
