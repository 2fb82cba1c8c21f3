"""Which code surely raises whenever it runs, and which only looks as if it did."""

from __future__ import annotations

from pathlib import Path

import libcst as cst
import pytest

from smellcheck.file import File
from smellcheck.project import Project

NET = """class Net:
    def __init__(self, width, heads, depth=2, *, drop):
        self.width = width

    def run(self, x):
        return x


def load(path, *more):
    return path


@wraps(load)
def wrapped(path):
    return path


def bound(path):
    return path


bound = partial(bound, "a")
WIDTH = 8
"""


def seen(text: str, folder: Path) -> File:
    """A script beside a module `net`."""
    (folder / "pyproject.toml").touch()
    (folder / "net.py").write_text(NET)
    path = folder / "script.py"
    path.write_text(text)
    return File(text, str(path), project=Project().view(path))


@pytest.mark.parametrize(
    ("body", "fails"),
    [
        # Names.
        ("print(missing)", True),
        ("for n in range(3):\n        print(n, missing)", True),
        ("x = [missing for n in range(3)]", True),
        ("for n in xrange(3):\n        print(n)", True),
        ("for n in range(len(rows) / 2):\n        print(n)", True),
        ("for n in range(len(rows) // 2, int(WIDTH / 2)):\n        print(n)", False),
        ("if WIDTH:\n        print(missing)", False),
        ("try:\n        print(missing)\n    except NameError:\n        pass", False),
        ("later = lambda: missing", False),
        ("x: missing = 3", False),
        ("print(__file__, later)", False),
        ("x = {n: m for n, m in rows}", False),
        ("import torch.nn.functional as F\n    print(F)", False),
        ("global told\n    print(told)", False),
        ("match rows:\n        case {'a': one, **rest}:\n            print(one, rest)", False),
        ("with open('a') as out:\n        print(out, sep='')", False),
        # A number that is asked for its first entry.
        ("for x, y in rows:\n        loss = criterion(x, y)\n        print(loss.data[0])", True),
        ("for x, y in rows:\n        loss = F.cross_entropy(x, y)\n        total = loss.data[0]", True),
        ("for x, y in rows:\n        loss = torch.mean((x - y) ** 2)\n        total = loss.data[0]", True),
        ("for x, y in rows:\n        loss = (x - y).abs().sum()\n        total = loss.data[0]", True),
        ("for x, y in rows:\n        loss = torch.mean((x - y) ** 2, 1)\n        total = loss.data[0]", False),
        ("for x, y in rows:\n        loss = (x - y).abs().sum(-1)\n        total = loss.data[0]", False),
        ("for x, y in rows:\n        pair = model(x, y)\n        print(pair.data[0])", False),
        ("loss = criterion(1, 2)\n    if later:\n        loss = rows\n    print(loss.data[0])", False),
        # Arguments.
        ("Net(8, 2)", True),
        ("Net(8, 2, 3, 4, drop=1)", True),
        ("Net(8, heads=2, drop=0.1)", False),
        ("Net(8, heads=2, drop=0.1, mispelt=3)", True),
        ("local(x=1)", False),
        ("local(1, y=2)", True),
        ("Net(*rows)", False),
        ("Net(8, **rows)", False),
        ("load()", True),
        ("load(1, 2, 3)", False),
        ("wrapped()", False),
        ("bound()", False),
        ("local()", True),
        ("local(1)", False),
    ],
)
def test_functions_that_raise(body: str, fails: bool, tmp_path: Path) -> None:
    head = (
        "import torch\nfrom net import WIDTH, Net, bound, load, wrapped\nfrom elsewhere import F, criterion, model\n\n"
    )
    head += "rows = []\nlater = 1\n\ndef local(x):\n    pass\n\n"
    file = seen(f"{head}def f():\n    {body}\n", tmp_path)
    (function,) = (one for one in file.all(cst.FunctionDef) if one.name.value == "f")
    assert file.broken.fails(function) is fails


@pytest.mark.parametrize(
    ("text", "module", "script"),
    [
        ("from net import Net\n", False, False),
        ("from net import Old\n", True, False),
        ("try:\n    from net import Old\nexcept ImportError:\n    pass\n", False, False),
        ("from elsewhere import Old\n", False, False),
        ("print(missing)\n", True, False),
        ("if __name__ == '__main__':\n    print(missing)\n", False, True),
        ("def main():\n    print(missing)\n\nif __name__ == '__main__':\n    main()\n", False, True),
        ("def main():\n    print(missing)\n", False, False),
        ("from net import *\nprint(missing)\n", True, False),
        ("from net import *\nprint(load, WIDTH)\n", False, False),
        ("from elsewhere import *\nprint(missing)\n", False, False),
        ("load.eval()\nprint(missing)\n", True, False),
        ("exec(text)\nprint(missing)\n", False, False),
    ],
)
def test_modules_and_scripts_that_raise(text: str, module: bool, script: bool, tmp_path: Path) -> None:
    broken = seen(text, tmp_path).broken
    assert (broken.module_fails, broken.script_fails) == (module, script)


def test_a_text_by_itself_may_be_a_part_of_another() -> None:
    file = File("for x in loader:\n    print(x, width)\n", "part.py")
    assert not file.broken.module_fails


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("def rate():\n    work()\n\nif __name__ == '__main__':\n    rate()\n", True),
        ("def rate():\n    work()\n\nif __name__ == '__main__':\n    rate(1)\n", False),
        ("work()\n\ndef rate(x):\n    pass\n\nif __name__ == '__main__':\n    rate()\n", False),
    ],
)
def test_what_only_a_broken_script_runs_runs_for_nobody(text: str, expected: bool, tmp_path: Path) -> None:
    file = seen(f"from elsewhere import work\n\n{text}", tmp_path)
    (call,) = file.calls.named(frozenset({"work"}))
    assert file.reach.fails(call) is not expected


def test_what_others_take_from_a_broken_script_runs(tmp_path: Path) -> None:
    (tmp_path / "other.py").write_text("from script import rate\nrate()\n")
    text = "from elsewhere import work\n\ndef rate():\n    work()\n\nif __name__ == '__main__':\n    rate(1)\n"
    file = seen(text, tmp_path)
    (call,) = file.calls.named(frozenset({"work"}))
    assert not file.reach.fails(call)


def test_a_name_that_two_modules_bear_may_be_either(tmp_path: Path) -> None:
    for folder in ("kit", "kit/torch"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "__init__.py").touch()
    (tmp_path / "kit" / "net.py").touch()
    (tmp_path / "net.py").write_text(NET)
    text = "from torch import optim\nfrom net import Net, load\n"
    (tmp_path / "pyproject.toml").touch()
    path = tmp_path / "kit" / "script.py"
    path.write_text(text)
    assert not File(text, str(path), project=Project().view(path)).broken.module_fails


FILES = {
    "whole/__init__.py": "from .run import train\n",
    "whole/run.py": "def train():\n    pass\n",
    "torn/__init__.py": "from .run import train\n",
    "torn/run.py": "from .parts.deep import go\n\ndef train():\n    pass\n",
    "torn/parts/__init__.py": "from .shape import Missing\n",
    "torn/parts/shape.py": "class Shape:\n    pass\n",
    "torn/parts/deep.py": "from .shape import Shape\n\ndef go():\n    pass\n",
    "torn/alone.py": "import os\n",
    "torn/entry.py": "import os\n\nif __name__ == '__main__':\n    print(os.name)\n",
    "torn/shared.py": "import os\n",
    "torn/tool.py": "import shared\n",
    "torn/near.py": "from .alone import os\n",
}


@pytest.mark.parametrize(
    ("text", "fails"),
    [
        ("from whole import train\n", False),
        ("import whole.run\n", False),
        ("import torn\n", True),
        ("import torn.alone\n", True),
        ("from torn.alone import os\n", True),
        ("try:\n    import torn\nexcept ImportError:\n    pass\n", False),
        ("def later():\n    import torn\n", False),
    ],
)
def test_what_imports_a_broken_module_is_broken(text: str, fails: bool, tmp_path: Path) -> None:
    written(FILES, tmp_path)
    assert seen(text, tmp_path).broken.module_fails is fails


@pytest.mark.parametrize(
    ("name", "fails"),
    [
        ("whole/run.py", False),
        ("torn/alone.py", True),
        # Python does not run the package when it is given the file, nor when a script beside it takes the module.
        ("torn/entry.py", False),
        ("torn/shared.py", False),
    ],
)
def test_a_part_of_a_broken_package_is_broken(name: str, fails: bool, tmp_path: Path) -> None:
    written(FILES, tmp_path)
    (tmp_path / "pyproject.toml").touch()
    path = tmp_path / name
    assert File(path.read_text(), str(path), project=Project().view(path)).broken.module_fails is fails


def test_modules_that_import_each_other_in_a_circle_are_read_once(tmp_path: Path) -> None:
    written(
        {"a/__init__.py": "from .b import x\n", "a/b.py": "from . import c\nx = 1\n", "a/c.py": "import a\n"}, tmp_path
    )
    assert not seen("import a\n", tmp_path).broken.module_fails


def written(files: dict[str, str], folder: Path) -> None:
    """Files of a project, put where they belong."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
