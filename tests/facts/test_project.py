"""What the other modules of a project say: imports resolved, kinds, modes, what callees do, and who calls."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import libcst as cst
import pytest

from smellcheck import plugins
from smellcheck.engine import check
from smellcheck.file import File
from smellcheck.project import Project
from smellcheck.summaries.make import summarise
from smellcheck.summaries.model import read
from smellcheck.view import Found

Write = Callable[[dict[str, str]], Path]

NET = """
    import torch
    from torch import nn

    class Base(nn.Module):
        pass

    class Net(Base):
        def __init__(self):
            super().__init__()
            self.body = nn.Linear(8, 8)
            self.fc = nn.Linear(8, 2)

        def forward(self, x):
            return self.fc(self.body(x))
"""


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a project; what marks its root is there."""

    def write(files: dict[str, str]) -> Path:
        for name, text in {"setup.cfg": "", **files}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))
        return tmp_path

    return write


def seen(root: Path, name: str) -> File:
    """A module of the project, parsed."""
    return File((root / name).read_text(), name, project=Project().view(root / name))


def last(file: File) -> cst.BaseExpression:
    """The value of the last statement of a file."""
    statement = file.module.body[-1]
    assert isinstance(statement, cst.SimpleStatementLine)
    expression = statement.body[0]
    assert isinstance(expression, cst.Expr)
    return expression.value


def smells(root: Path, name: str) -> list[str]:
    """The findings of all rules in a module, by line."""
    view = Project().view(root / name)
    found = check((root / name).read_text(), plugins.rules(), name, project=view).findings
    return [f"{finding.range.line} {finding.rule}" for finding in found]


# -- imports ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("files", "name", "start", "home"),
    [
        ({"train.py": "", "net.py": NET}, "net.Net", "train.py", "net.py"),
        ({"train.py": "", "models/net.py": NET}, "models.net.Net", "train.py", "models/net.py"),
        ({"pkg/__init__.py": "", "pkg/a.py": "", "pkg/net.py": NET}, ".net.Net", "pkg/a.py", "pkg/net.py"),
        ({"pkg/__init__.py": "", "pkg/sub/a.py": "", "pkg/net.py": NET}, "..net.Net", "pkg/sub/a.py", "pkg/net.py"),
        ({"src/pkg/__init__.py": "", "src/pkg/net.py": NET, "run.py": ""}, "pkg.net.Net", "run.py", "src/pkg/net.py"),
        (
            {"pkg/__init__.py": "from .net import Net\n", "pkg/net.py": NET, "a.py": ""},
            "pkg.Net",
            "a.py",
            "pkg/net.py",
        ),
        (
            {"pkg/__init__.py": "from .net import *\n", "pkg/net.py": NET, "a.py": ""},
            "pkg.Net",
            "a.py",
            "pkg/net.py",
        ),
        ({"scripts/run.py": "", "pkg/net.py": NET}, "pkg.net.Net", "scripts/run.py", "pkg/net.py"),
    ],
)
def test_an_import_leads_to_the_module_that_defines(
    write: Write, files: dict[str, str], name: str, start: str, home: str
) -> None:
    root = write(files)
    found = Project().view(root / start).find(name)
    assert isinstance(found, Found)
    assert (found.kind, found.name, Path(found.path)) == ("class", "Net", root / home)


def test_what_is_not_the_projects_keeps_its_full_name(write: Write) -> None:
    root = write({"a.py": "", "common.py": "import torch.nn as nn\nfrom torch.optim import *\n"})
    view = Project().view(root / "a.py")
    assert view.find("torch.nn.Linear") == "torch.nn.Linear"
    assert view.find("common.nn.Linear") == "torch.nn.Linear"
    assert view.find("logging.getLogger") == "logging.getLogger"


def test_attributes_that_hang_on_each_other_are_nothing_known(write: Write) -> None:
    net = """
        import torch

        class Net(torch.nn.Module):
            def __init__(self, other):
                super().__init__()
                self.first = self.second
                self.second = self.first if other else self.second
    """
    root = write({"net.py": net, "use.py": "import net\n\nmade = net.Net(1)\nmade.first\n"})
    file = seen(root, "use.py")
    assert file.values.of(last(file)) is None


def test_imports_in_circles_lead_nowhere(write: Write) -> None:
    root = write({"a.py": "", "b.py": "from c import thing\n", "c.py": "from b import thing\n"})
    assert Project().view(root / "a.py").find("b.thing") is None


def test_neither_links_out_nor_broken_modules_do_harm(write: Write) -> None:
    root = write({"a.py": "", "b.py": "def f(:\n", "c.py": "x = 1\n" * 200_000})
    view = Project().view(root / "a.py")
    assert view.find("b.f") is None
    assert view.find("c.x") is None


def test_one_file_is_judged_by_so_many_modules_and_no_more(write: Write) -> None:
    files = {f"m{number}.py": f"class C{number}:\n    pass\n" for number in range(80)}
    root = write({**files, "a.py": ""})
    view = Project().view(root / "a.py")
    known = [view.find(f"m{number}.C{number}") for number in range(80)]
    assert sum(isinstance(found, Found) for found in known) == 60


def test_nothing_is_run(write: Write) -> None:
    root = write({"a.py": "", "b.py": "import pathlib\npathlib.Path('ran').write_text('')\ndef f(): ...\n"})
    assert isinstance(Project().view(root / "a.py").find("b.f"), Found)
    assert not (root / "ran").exists()
    assert not Path("ran").exists()


# -- kinds -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("class C(torch.nn.Module): ...", "module"),
        ("class B(torch.nn.Module): ...\nclass C(B): ...", "module"),
        ("class CLoss(torch.nn.Module): ...\nC = CLoss", "loss"),
        ("class C(torch.utils.data.Dataset): ...", None),
        ("class C(somewhere.Model): ...", None),
        ("def C(): return torch.nn.Linear(1, 1)", "module"),
        ("def C():\n    m = torch.nn.Linear(1, 1)\n    m = torch.nn.DataParallel(m)\n    return m.to('cpu')", "module"),
        (
            "def C(a):\n    if a:\n        m = torch.nn.Linear(1, 1)\n    else:\n"
            "        m = torch.nn.Conv2d(1, 1, 1)\n    return m",
            "module",
        ),
        ("def C(a):\n    if a:\n        return torch.nn.Linear(1, 1)\n    return torch.zeros(1)", None),
        ("def C(m): return torch.optim.SGD(m.parameters(), 0.1)", "optimizer"),
        ("def C(d): return torch.utils.data.DataLoader(d)", "loader"),
        ("def C(): return torch.zeros(3)", "tensor"),
        ("def C(): yield torch.zeros(3)", None),
        ("async def C(): return torch.zeros(3)", None),
        ("def C(): return D()\ndef D(): return torch.zeros(3)", "tensor"),
        ("def C(): return C()", None),
    ],
)
def test_what_a_call_of_a_sibling_gives(write: Write, code: str, kind: str | None) -> None:
    root = write({"make.py": f"import torch\nimport somewhere\n{code}\n", "a.py": "from make import C\nC()\n"})
    file = seen(root, "a.py")
    assert file.values.kind(last(file)) == kind


def test_what_is_unpacked_from_a_sibling(write: Write) -> None:
    make = (
        "import torch\ndef loaders(d):\n    a = torch.utils.data.DataLoader(d)\n    return a, len(a), torch.zeros(1)\n"
    )
    root = write({"make.py": make, "a.py": "from make import loaders\na, b, c = loaders([])\n[a, b, c]\n"})
    file = seen(root, "a.py")
    held = last(file)
    assert isinstance(held, cst.List)
    assert [file.values.kind(element.value) for element in held.elements] == ["loader", None, "tensor"]


def test_a_parameter_that_is_given_back_is_what_was_given(write: Write) -> None:
    root = write(
        {
            "make.py": "def move(model, device):\n    return model.to(device)\n",
            "a.py": "import torch\nfrom make import move\nmove(torch.nn.Linear(1, 1), 'cpu')\n",
        }
    )
    file = seen(root, "a.py")
    assert file.values.kind(last(file)) == "module"


def test_parts_of_a_siblings_module_and_bases_from_elsewhere(write: Write) -> None:
    root = write(
        {"net.py": NET, "a.py": "from net import Net\nNet().fc\n", "b.py": "from net import Base\nclass D(Base): ...\n"}
    )
    file = seen(root, "a.py")
    assert file.values.is_module(last(file))
    file = seen(root, "b.py")
    assert file.values.is_module_class(next(file.all(cst.ClassDef)))


# -- modes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "held"),
    [
        ("quiet = torch.no_grad", "off"),
        ("def quiet(f):\n    return torch.no_grad()(f)", "?"),
        ("def quiet(f):\n    def g(*a):\n        with torch.no_grad():\n            return f(*a)\n    return g", "off"),
        ("def quiet(f):\n    @torch.no_grad()\n    def g(*a):\n        return f(*a)\n    return g", "off"),
        (
            "def quiet(f):\n    def g(*a):\n        with torch.no_grad():\n            a\n        f(a)\n    return g",
            "?",
        ),
        ("@contextmanager\ndef quiet():\n    with torch.no_grad():\n        yield", "off"),
        ("def quiet(f):\n    def g(*a):\n        print(1)\n        return f(*a)\n    return g", "neutral"),
        ("def quiet():\n    return torch.no_grad()", "off"),
    ],
)
def test_what_a_decorator_of_a_sibling_holds(write: Write, code: str, held: str) -> None:
    make = f"import torch\nfrom contextlib import contextmanager\n{code}\n"
    root = write({"make.py": make, "a.py": "from make import quiet\n@quiet\ndef f(): ...\n"})
    file = seen(root, "a.py")
    function = next(file.all(cst.FunctionDef))
    assert file.grad.of_function(function) == {"off": "off", "neutral": "on", "?": None}[held]


@pytest.mark.parametrize(
    ("code", "mode"),
    [
        ("class quiet:\n    def __enter__(self): self.t = time()\n    def __exit__(self, *a): print(time())", "on"),
        ("class quiet:\n    def __enter__(self): torch.set_grad_enabled(False)\n    def __exit__(self, *a): ...", None),
        ("class Base:\n    def __enter__(self): self.g = no_grad()\nclass quiet(Base): ...", None),
        ("from elsewhere import Base\nclass quiet(Base):\n    def __enter__(self): ...", None),
    ],
)
def test_what_a_context_of_a_sibling_holds(write: Write, code: str, mode: str | None) -> None:
    root = write({"make.py": f"import torch\n{code}\n", "a.py": "from make import quiet\nwith quiet():\n    f(x)\n"})
    file = seen(root, "a.py")
    assert file.grad.mode(next(call for call in file.all(cst.Call) if file.text_of(call) == "f(x)")) == mode


SCORE = """
    import torch
    from net import Net

    net = Net()
    net.eval()

    def score(x):
        return net(x).argmax()

    class Scorer:
        def __init__(self):
            self.net = Net().eval()

        def rate(self, x):
            return self.net(x).argmax()
"""
BOTH = ["9 missing-no-grad", "16 missing-no-grad"]


@pytest.mark.parametrize(
    ("other", "left"),
    [
        ("from score import score\nscore(1)", BOTH),
        ("import torch\nfrom score import score\nwith torch.no_grad():\n    score(1)", BOTH[1:]),
        ("import torch\nimport score\n@torch.inference_mode()\ndef f():\n    score.score(1)", BOTH[1:]),
        (
            "import torch\nfrom score import score\ndef f():\n    score(1)\n@torch.no_grad()\ndef g():\n    f()",
            BOTH[1:],
        ),
        ("import torch\nfrom elsewhere import score\nwith torch.no_grad():\n    score(1)", BOTH),
        ("import torch\nfrom score import Scorer\ns = Scorer()\nwith torch.no_grad():\n    s.rate(1)", BOTH[:1]),
        ("import torch\nclass T:\n    def rate(self): ...\nwith torch.no_grad():\n    T().rate()", BOTH),
        ("import torch\nfrom score import score\nwith torch.enable_grad():\n    score(1)", BOTH),
    ],
)
def test_callers_elsewhere_that_hold_no_grad(write: Write, other: str, left: list[str]) -> None:
    root = write({"net.py": NET, "score.py": SCORE, "main.py": f"{other}\n"})
    assert smells(root, "score.py") == left


@pytest.mark.parametrize(
    ("name", "more", "left"),
    [
        ("tests/run.py", "", BOTH),
        ("test_score.py", "import pytest\n", BOTH),
        ("score_test.py", "def test_it():\n    pass\n", BOTH),
        # A script that evaluates is named alike.
        ("test_score.py", "", BOTH[1:]),
    ],
)
def test_callers_in_tests_do_not_count(write: Write, name: str, more: str, left: list[str]) -> None:
    other = f"import torch\nfrom score import score\n{more}with torch.no_grad():\n    score(1)\n"
    root = write({"net.py": NET, "score.py": SCORE, name: other})
    assert smells(root, "score.py") == left


# -- what callees do -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("guard", "left"), [("torch.no_grad()", []), ("contextlib.nullcontext()", ["8 missing-no-grad"])]
)
def test_a_base_class_elsewhere_is_called_under_no_grad(write: Write, guard: str, left: list[str]) -> None:
    algorithm = (
        "import torch\nfrom base import Base\nfrom data import net\n\nclass Algorithm(Base):\n"
        "    def _validate(self, loader):\n        model = torch.nn.Linear(8, 2).cuda().eval()\n"
        "        return [model(x).argmax(1).tolist() for x in loader]\n"
    )
    root = write(
        {
            "base.py": "class Base:\n    def validate(self, loader):\n        return self._validate(loader)\n",
            "algorithm.py": algorithm,
            "run.py": f"import contextlib, torch\ndef run(one, rows):\n    with {guard}:\n        one.validate(rows)\n",
        }
    )
    assert smells(root, "algorithm.py") == left


@pytest.mark.parametrize(
    ("more", "left"),
    [
        ("self.names = settings.NAMES", []),
        ("self.rate = torch.nn.Parameter(rows)", ["6 missing-no-grad"]),
        ("self.head = settings.head()", ["6 missing-no-grad"]),
    ],
)
def test_a_sibling_that_holds_buffers_alone(write: Write, more: str, left: list[str]) -> None:
    body = (
        "import torch\nimport settings\n\nclass Body(torch.nn.Module):\n    def __init__(self, rows):\n"
        f"        super().__init__()\n        self.joints = None\n        {more}\n"
        "        self.register_buffer('rows', torch.tensor(rows))\n\n    def forward(self, x):\n"
        "        return self.rows @ (self.head(x) if x.ndim else x)\n"
    )
    use = (
        "import torch\nfrom body import Body\n\nbody = Body([1]).cuda()\nbody.eval()\n"
        "print([body(x).cpu().tolist() for x in torch.load('a')])\n"
    )
    assert smells(write({"body.py": body, "use.py": use}), "use.py") == left


def test_a_sibling_that_trains_makes_its_caller_train(write: Write) -> None:
    root = write(
        {
            "steps.py": "def step(loss, opt):\n    loss.backward()\n    opt.step()\ndef outer(a, b):\n    step(a, b)\n"
            "def look(a):\n    return a.mean()\n",
            "a.py": "import torch\nimport steps\ndef f(x):\n    steps.outer(x, 1)\ndef g(x):\n    steps.look(x)\n",
        }
    )
    file = seen(root, "a.py")
    f, g = file.all(cst.FunctionDef)
    assert file.phase.function_trains(f)
    assert not file.phase.function_trains(g)


HEAD = """
    import torch
    from net import Net
    from tools import prepare

    def run(loader, criterion):
        model = Net()
        prepare(model)
        optimizer = torch.optim.SGD(model.fc.parameters(), 0.1)
        for x, y in loader:
            optimizer.zero_grad()
            criterion(model(x), y).backward()
            optimizer.step()
"""


@pytest.mark.parametrize(
    ("prepare", "smelly"),
    [
        ("def prepare(model):\n    print(model)\n", True),
        ("def prepare(model):\n    for p in model.parameters():\n        p.requires_grad = False\n", False),
        ("def prepare(model):\n    model.body.requires_grad_(False)\n", False),
        ("def prepare(model):\n    deeper(model)\ndef deeper(m):\n    m.requires_grad_(False)\n", False),
        ("from elsewhere import prepare\n", False),
    ],
)
def test_what_a_sibling_freezes_is_frozen(write: Write, prepare: str, smelly: bool) -> None:
    root = write({"net.py": NET, "tools.py": prepare, "a.py": HEAD})
    assert ("8 unfrozen-backbone" in smells(root, "a.py") or "9 unfrozen-backbone" in smells(root, "a.py")) is smelly


def test_a_sibling_that_is_put_together_of_the_part_alone_has_no_backbone(write: Write) -> None:
    tools = "def prepare(model):\n    print(model)\n"
    root = write({"net.py": NET, "tools.py": tools, "a.py": HEAD.replace("Net()", "Net(fc=torch.nn.Linear(8, 2))")})
    assert smells(root, "a.py") == []


@pytest.mark.parametrize(("body", "smelly"), [("self.body = nn.Linear(8, 8)", True), ("self.width = 8", False)])
def test_a_part_that_is_all_there_is_leaves_nothing_out(write: Write, body: str, smelly: bool) -> None:
    net = f"""
        from torch import nn

        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                {body}
                self.fc = nn.Linear(8, 2)
    """
    tools = "def prepare(model):\n    print(model)\n"
    root = write({"net.py": net, "tools.py": tools, "a.py": HEAD})
    assert bool(smells(root, "a.py")) is smelly


@pytest.mark.parametrize(("given", "smelly"), [("x", True), ("x.detach()", False)])
def test_what_lies_behind_a_cut_of_a_sibling_gets_no_gradients(write: Write, given: str, smelly: bool) -> None:
    net = f"""
        from torch import nn

        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.body = nn.Linear(8, 8)
                self.fc = nn.Linear(8, 2)

            def forward(self, x):
                x = self.body(x)
                return self.fc({given})
    """
    tools = "def prepare(model):\n    print(model)\n"
    root = write({"net.py": net, "tools.py": tools, "a.py": HEAD})
    assert bool(smells(root, "a.py")) is smelly


FROZEN = """
    from torch import nn

    class Features(nn.Module):
        def __init__(self, requires_grad=False):
            super().__init__()
            self.body = nn.Linear(8, 8)
            for parameter in self.parameters():
                parameter.requires_grad = requires_grad

        def forward(self, x):
            return self.body(x)
"""
HANDED = """
    import torch
    from net import Features

    def activations(loader, model):
        model.eval()
        return [model(x.cuda()).cpu().data.numpy() for x in loader]

    def statistics(loader, network):
        return sum(activations(loader, network))

    def distance(loader):
        model = Features()
        return statistics(loader, model)
"""


def test_a_network_that_freezes_itself_is_frozen_where_it_is_handed_to(write: Write) -> None:
    assert smells(write({"net.py": FROZEN, "a.py": HANDED}), "a.py") == []
    free = FROZEN.replace("            for parameter in self.parameters():\n", "").replace(
        "                parameter.requires_grad = requires_grad\n", ""
    )
    assert smells(write({"net.py": free, "a.py": HANDED}), "a.py") == ["7 missing-no-grad"]
    counted = (
        free
        + """
        def count(self):
            return sum(p.numel() for p in self.parameters() if p.requires_grad)
"""
    )
    assert smells(write({"net.py": counted, "a.py": HANDED}), "a.py") == ["7 missing-no-grad"]


@pytest.mark.parametrize(("asked", "smelly"), [("True", True), ("False", False), ("frozen", False)])
def test_a_parameter_that_is_made_to_be_trained_freezes_nothing(write: Write, asked: str, smelly: bool) -> None:
    net = NET.replace(
        "self.fc =", f"self.scale = nn.Parameter(torch.ones(8), requires_grad={asked})\n            self.fc ="
    )
    use = "import torch\nfrom net import Net\n\nclass A:\n    def __init__(self):\n        self.m = Net().cuda()\n\n"
    use += "    def rate(self, x):\n        self.m.eval()\n        return self.m(x).mean().item()\n"
    found = smells(write({"net.py": net, "a.py": use}), "a.py")
    assert found == (["10 missing-no-grad"] if smelly else [])


def test_a_sibling_that_hands_over_a_model_in_evaluation_mode(write: Write) -> None:
    loads = "import torch\nfrom net import Net\ndef load(p):\n    m = Net()\n    m.load_state_dict(torch.load(p))\n"
    use = "import torch\nfrom load import load\nclass A:\n    def __init__(self):\n        self.m = load('x')\n\n"
    use += "    def rate(self, x):\n        return self.m(x)[0].tolist()\n"
    root = write({"net.py": NET, "load.py": f"{loads}    m.eval()\n    return m\n", "a.py": use})
    assert smells(root, "a.py") == ["8 missing-no-grad"]


def test_what_a_function_does_is_in_its_summary() -> None:
    summary = summarise(
        b"import torch\n"
        b"def f(model, rows, x):\n"
        b"    model.eval()\n"
        b"    model.requires_grad_(False)\n"
        b"    rows.append(x.item())\n"
        b"    return torch.load('x')\n"
        b"def g(model):\n    model.train()\n    model.eval()\n"
    )
    assert summary is not None
    f, g = summary.functions["f"], summary.functions["g"]
    assert (f.evals, f.freezes, f.mutates) == (("model",), ("model",), ("model", "rows"))
    assert (f.loads, f.synchronises, f.trains) == (True, True, False)
    assert g.evals == ()
    assert read(summary.written()) == summary


def test_real_modules_survive_the_trip_through_json() -> None:
    for path in sorted((Path(__file__).parents[2] / "smellcheck").rglob("*.py")):
        summary = summarise(path.read_bytes())
        assert summary is not None
        assert read(summary.written()) == summary


# -- versions --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("files", "bounds"),
    [
        ({"requirements.txt": "torch==2.1.0+cu118\n"}, ((2, 1, 0), (2, 1, 1))),
        ({"requirements.txt": "# nothing\nTorch >= 1.13, < 3  # why\n"}, ((1, 13), (3,))),
        ({"requirements.txt": "torchvision==0.1\n"}, None),
        ({"requirements.txt": "torch\n"}, ((), None)),
        ({"pyproject.toml": '[project]\ndependencies = ["torch~=2.2.1"]\n'}, ((2, 2, 1), (2, 3))),
        ({"pyproject.toml": '[tool.poetry.dependencies]\ntorch = "^1.9"\n'}, ((1, 9), (2,))),
        ({"pyproject.toml": '[tool.poetry.dependencies]\ntorch = {version = ">=2", extras = []}\n'}, ((2,), None)),
        ({"setup.cfg": "[options]\ninstall_requires =\n    torch>1.7\n"}, ((1, 7), None)),
        ({"setup.py": "from setuptools import setup\nsetup(install_requires=['torch>=1.4'])\n"}, ((1, 4), None)),
        ({"environment.yml": "dependencies:\n  - pytorch::torch=1.8\n"}, ((1, 8), (1, 9))),
        (
            {"requirements.txt": "torch>=1\n", "uv.lock": '[[package]]\nname = "torch"\nversion = "2.5.1"\n'},
            ((2, 5, 1), (2, 5, 2)),
        ),
        ({"Pipfile.lock": '{"default": {"torch": {"version": "==2.0.0"}}}'}, ((2, 0, 0), (2, 0, 1))),
        ({"pyproject.toml": "[project\n", "requirements.txt": "torch>=2\n"}, ((2,), None)),
    ],
)
def test_the_versions_that_manifests_admit(write: Write, files: dict[str, str], bounds: object) -> None:
    root = write({"pkg/a.py": "", **files})
    assert Project().view(root / "pkg" / "a.py").versions("torch") == bounds


# -- what is asked ---------------------------------------------------------------------------------


def test_a_file_that_imports_nothing_of_the_project_asks_for_no_summary(write: Write) -> None:
    root = write(
        {"net.py": NET, "a.py": "import torch\nmodel = torch.nn.Linear(1, 1)\nmodel.eval()\nmodel(x).argmax()\n"}
    )
    project = Project()
    view = project.view(root / "a.py")
    assert check((root / "a.py").read_text(), plugins.rules(), "a.py", project=view).findings
    assert not project.learned


def test_every_answer_is_given_again_alike(write: Write) -> None:
    root = write({"net.py": NET, "score.py": SCORE, "main.py": "import score\n", "requirements.txt": "torch\n"})
    view = Project().view(root / "score.py")
    check((root / "score.py").read_text(), plugins.rules(), "score.py", project=view)
    assert {question.partition(" ")[0] for question, _ in view.asked} >= {"summary", "package", "module", "callers"}
    again = Project()
    assert [(question, again.answer(question, view.path)) for question, _ in view.asked] == list(view.asked)


BUILDER = """
    from torch import nn

    def build_model(width):
        return nn.DataParallel(nn.Linear(width, 2))
"""
TRAINS = """
    from models import build_model

    def train(loader, criterion):
        model = build_model(8)
        for x, y in loader:
            criterion(model(x), y).backward()
"""


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        ({"train.py": TRAINS}, ["data-parallel"]),
        ({"train.py": "from models import build_model\n\nprint(build_model(8))\n"}, []),
        ({"train.py": TRAINS, "many.py": "def wrap(m):\n    return DistributedDataParallel(m)\n"}, []),
    ],
)
def test_a_model_is_wrapped_where_it_is_built(others: dict[str, str], expected: list[str], write: Write) -> None:
    root = write({"models.py": BUILDER, **others})
    rules = [rule for rule in plugins.rules() if rule.name == "data-parallel"]
    path = root / "models.py"
    checked = check(path.read_text(), rules, "models.py", project=Project().view(path))
    assert [finding.rule for finding in checked.findings] == expected


def wrapped(root: Path, name: str) -> list[int]:
    """The lines of a module at which a model is wrapped that should be trained in the better way."""
    rules = [rule for rule in plugins.rules() if rule.name == "data-parallel"]
    checked = check((root / name).read_text(), rules, name, project=Project().view(root / name))
    return [finding.range.line for finding in checked.findings]


STEPS = "def step(loss):\n    loss.backward()\n"
PART = """
    from torch import nn

    class Net(nn.Module):
        def __init__(self, body, devices):
            super().__init__()
            self.body = body
            if devices > 1:
                self.body = nn.DataParallel(self.body)

        def forward(self, x):
            return self.body(x)
"""


@pytest.mark.parametrize(
    ("part", "others", "lines"),
    [
        (PART, {"train.py": f"from net import Net\n{STEPS}"}, [9]),
        # Nobody trains it, or nobody else takes it: then it is a script that shows something.
        (PART, {"show.py": "from net import Net\n"}, []),
        (PART, {"train.py": STEPS}, []),
        # Only to read a checkpoint whose keys begin with `module.`, and a switch that nobody turns.
        (PART.replace("self.body = nn", "body = nn"), {"train.py": f"from net import Net\n{STEPS}"}, []),
        (
            PART.replace("if devices > 1", "several = False\n            if several"),
            {"train.py": f"from net import Net\n{STEPS}"},
            [],
        ),
    ],
)
def test_a_module_runs_a_part_of_its_own_in_parallel(
    part: str, others: dict[str, str], lines: list[int], write: Write
) -> None:
    assert wrapped(write({"net.py": part, **others}), "net.py") == lines


SCRIPT = """
    import torch
    from steps import Trainer

    trainer = Trainer()
    trainer.net = torch.nn.DataParallel(trainer.net)
    for batch in batches:
        trainer.update(batch)
"""


@pytest.mark.parametrize(("name", "lines"), [("train.py", [6]), ("tools/train_net.py", [6]), ("show.py", [])])
def test_a_script_begins_a_training_whose_steps_are_out_of_sight(name: str, lines: list[int], write: Write) -> None:
    assert wrapped(write({name: SCRIPT, "steps.py": STEPS}), name) == lines


def test_what_wraps_a_model_may_be_taken_over_by_a_star(write: Write) -> None:
    script = """
        from shared import *

        # torch comes with it
        net = nn.DataParallel(net)
        loss(net(x)).backward()
    """
    root = write({"shared.py": "import torch.nn as nn\n", "main.py": script})
    assert wrapped(root, "main.py") == [5]


# -- stars -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("from net import *\nNet()\n", "module"),
        ("from .net import *\nNet()\n", "module"),
        # What the module itself imports comes along.
        ("from net import *\nnn.Linear(1, 1)\n", "module"),
        ("from net import *\ndef Net(): ...\nNet()\n", None),
        ("from net import *\nfrom more import *\nNet()\n", None),
        ("from elsewhere import *\nNet()\n", None),
        ("from net import *\nprint(1)\n", None),
    ],
)
def test_what_a_star_takes_over(write: Write, code: str, kind: str | None) -> None:
    root = write({"net.py": NET, "more.py": "def Net(): ...\n", "a.py": code})
    file = seen(root, "a.py")
    assert file.values.kind(last(file)) == kind


def test_a_module_called_after_what_it_imports_does_not_import_itself(write: Write) -> None:
    package = {"tools/__init__.py": "from tools.torch import *\n", "tools/torch.py": "import torch\nimport torch.nn\n"}
    root = write({**package, "run/a.py": "from tools import *\ntorch.manual_seed(0)\n"})
    file = seen(root, "run/a.py")
    assert file.name(last(file).func) == "torch.manual_seed"


@pytest.mark.parametrize(
    ("code", "cut"),
    [
        ("def read(t):\n    return t.cpu().detach().numpy()", True),
        ("def read(t):\n    return t.cpu().data.numpy() if CUDA else t.data.numpy()", True),
        # Given a graph, this raises: then there is none.
        ("def read(t):\n    return t.cpu().numpy()", False),
        ("def read(t):\n    return t * 2", False),
        ("def read(t):\n    if t.is_cuda:\n        return t\n    return t.detach().numpy()", False),
    ],
)
def test_a_function_that_reads_out(write: Write, code: str, cut: bool) -> None:
    user = "read(net(x))\n"
    file = seen(write({"make.py": f"{code}\n", "a.py": f"from make import read\n{user}"}), "a.py")
    local = File(f"{code}\n{user}", "b.py")
    for each in (file, local):
        forward = next(call for call in each.all(cst.Call) if each.text_of(call) == "net(x)")
        assert each.graph.straight_cut(forward) is cut


@pytest.mark.parametrize(
    ("score", "helper", "mode"),
    [
        # Only torch before 0.5 reads a loss so, and there `volatile` stops recording.
        ("return total_loss[0] / len(source)", "return Variable(source[i], volatile=evaluation)", None),
        ("return total_loss.item() / len(source)", "return Variable(source[i], volatile=evaluation)", "on"),
        ("return total_loss[0] / len(source)", "return source[i]", "on"),
    ],
)
def test_a_batch_that_another_module_makes_volatile(write: Write, score: str, helper: str, mode: str | None) -> None:
    code = f"""
        from batches import get_batch

        def evaluate(source):
            total_loss = 0
            for i in range(9):
                data = get_batch(source, i, evaluation=True)
                total_loss += loss(net(data)).data
            {score}
    """
    root = write({"batches.py": f"def get_batch(source, i, evaluation=False):\n    {helper}\n", "a.py": code})
    file = seen(root, "a.py")
    assert file.grad.mode(next(call for call in file.all(cst.Call) if file.text_of(call) == "net(data)")) == mode


# -- other people's code ---------------------------------------------------------------------------

FORWARD = """
    import torch

    def labels(model: torch.nn.Module, loader):
        model.eval()
        for batch in loader:
            print(model(batch).argmax().item())
"""


@pytest.mark.parametrize(
    ("path", "others", "copied"),
    [
        ("ultralytics/nn/modules.py", {"ultralytics/__init__.py": ""}, True),
        ("libs/timm/models/vit.py", {"setup.py": "setup(name='mobile_sam')\n", "libs/timm/__init__.py": ""}, True),
        ("transformers/src/transformers/bert.py", {"transformers/src/transformers/__init__.py": ""}, True),
        # The library itself, however its folder is called.
        ("timm/models/vit.py", {"pyproject.toml": "[project]\nname = 'timm'\n"}, False),
        ("src/transformers/models/bert.py", {"setup.py": "setup(\n    name='transformers',\n)\n"}, False),
        # Not a library's folder.
        ("transformers.py", {}, False),
        # Scripts about such networks: no package.
        ("transformers/train.py", {"__init__.py": "", "transformers/metrics/__init__.py": ""}, False),
        ("models/transformer/layer.py", {}, False),
        ("third_party/net.py", {}, True),
    ],
)
def test_a_library_that_a_project_keeps_a_copy_of(
    write: Write, path: str, others: dict[str, str], copied: bool
) -> None:
    root = write({"pyproject.toml": "", **others, path: FORWARD})
    text = (root / path).read_text(encoding="utf-8")
    file = File(text, path, project=Project().view(root / path))
    assert file.context.in_test(next(iter(file.all(cst.Call)))) is copied


def test_a_summary_reads_every_syntax() -> None:
    text = """
    class Reader:
        def __init__(self):
            self.size: int = 3

        def read(self, given):
            match given:
                case True | None:
                    return 1
                case {"a": [1, *rest], **more} if more:
                    return rest
                case str(x) | Reader(size=x):
                    return x
            with open(given) as file:
                return f"{file!r:>{self.size}}", lambda *a, b=1, **c: (yield)
    """
    summary = summarise(textwrap.dedent(text).encode())
    assert summary is not None
    assert summary.classes["Reader"].attributes == {"size": "#number"}


@pytest.mark.parametrize(
    ("decorator", "left"),
    [("", ["10 missing-no-grad"]), ("@torch.no_grad()", []), ("@torch.inference_mode()", [])],
)
def test_a_method_of_a_sibling_that_is_under_a_guard(write: Write, decorator: str, left: list[str]) -> None:
    method = f"    {decorator}\n    def infer(self, x):\n        return self.fc(self.body(x)).argmax(-1)\n"
    use = """
        import torch
        from net import Net

        def label(rows):
            net = Net()
            net.eval()
            found = []
            for row in rows:
                found.append(net.infer(row.cuda()).tolist())
            return found
    """
    write({"net.py": textwrap.dedent(NET) + "\n" + method, "use.py": ""})
    root = write({"use.py": use})
    assert [smell for smell in smells(root, "use.py") if "no-grad" in smell] == left
