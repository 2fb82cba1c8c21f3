"""What is IPython's is hidden at equal length and found again; all else in a cell stays as it is."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smellcheck.cells import MASK, join, spans, split, unmask
from smellcheck.magics import Masked, Unreadable, masked

#: Cells, and what stays visible of them.
FOREIGN = [
    ("%matplotlib inline\nimport torch", ["import torch"]),
    ("%load_ext autoreload\n%autoreload 2\n", []),
    ("!pip install \\\n    torch \\\n  timm\nx = 1", ["x = 1"]),
    ("files = !ls *.csv\nn = len(files)", ["files =", "n = len(files)"]),
    ("a, b = %sql select 1", ["a, b ="]),
    ("self.rows = !cat a", ["self.rows ="]),
    ("if colab:\n    !pip install x\nelse:\n    %cd /content\ny = 2", ["if colab:", "else:", "y = 2"]),
    ("df.head?", []),
    ("?df", []),
    ("df??  # what it is", []),
    ("pip install torch", []),
    ("cd ..\nls -l\nx = 1", ["x = 1"]),
    ("%time model.fit(x)", ["model.fit(x)"]),
    ("%time f(\n    1,\n)\ny = 1", ["f(\n    1,\n)\ny = 1"]),
    ("%%time\nx = 1", ["x = 1"]),
    ("# counted\n%%capture out\nx = 1", ["# counted", "x = 1"]),
    ("%%timeit -n 3 y = 1\nmodel(y)", ["model(y)"]),
    ("x = 1\r\n!ls\r\ny = 2\r\n", ["x = 1\r\n", "\r\ny = 2\r\n"]),
    ("rate = (total\n% 7)\n!ls", ["rate = (total\n% 7)\n"]),
    ("s = '''\n!not a command\n%nor a magic\n'''\n!ls", ["s = '''\n!not a command\n%nor a magic\n'''\n"]),
    ("x = a \\\n% b\n!ls", ["x = a \\\n% b\n"]),
    ("ls = [1]\nls [0]\n!x", ["ls = [1]\nls [0]\n"]),
    ("?", []),
    ("!a\\", []),
    ("/f x", []),
]


@pytest.mark.parametrize(("source", "visible"), FOREIGN)
def test_magics_are_hidden_at_equal_length(source: str, visible: list[str]) -> None:
    found = masked(source)
    assert isinstance(found, Masked)
    ast.parse(found.text)
    assert len(found.text) == len(source)
    assert [at for at, char in enumerate(found.text) if char == "\n"] == [
        at for at, char in enumerate(source) if char == "\n"
    ]
    assert all(part in found.text for part in visible)
    assert unmask(found.text, found.hidden) == source
    assert found.hidden


@pytest.mark.parametrize("source", ["", "x = 1", "x = '%d' % 3\n", "print('!ls')", "await model(x)", "return", "x;"])
def test_python_is_left_alone(source: str) -> None:
    assert masked(source) == Masked(source)


@pytest.mark.parametrize("magic", ["%%bash", "%%html", "%%javascript", "%%writefile a.py", "%%R", "  %%sh", "%%"])
def test_other_languages_are_no_cells_of_ours(magic: str) -> None:
    assert masked(f"{magic}\nx = 1\n") is None


@pytest.mark.parametrize(
    ("source", "line"),
    [("x = 1\nprint 'two'", 2), ("def f(:", 1), (f"{MASK}0 = 1", None), ("x = '\ud800'", None), ("x = 1\0", None)],
)
def test_what_does_not_parse_is_said(source: str, line: int | None) -> None:
    found = masked(source)
    assert isinstance(found, Unreadable)
    assert found.line == line
    assert found.message


LINES = st.sampled_from(
    ["%matplotlib inline", "!ls \\", "    more", "x = 1", "x = !ls", "if a:", "    !ls", "    pass", "'''", "f(", ")",
     "x?", "%time f(1)", "# note", "pip install x", "", "\\", "%%time", "é = '☃'", "\r", "%", "!"]
)  # fmt: skip


@given(st.lists(LINES).map("\n".join))
def test_any_cell_comes_back(source: str) -> None:
    found = masked(source)
    if isinstance(found, Masked):
        ast.parse(found.text)
        assert len(found.text) == len(source)
        assert unmask(found.text, found.hidden) == source


@given(st.lists(st.text("ab\n\r", max_size=6), max_size=5))
def test_joined_cells_come_apart(sources: list[str]) -> None:
    cells = dict(enumerate(sources, 1))
    text = join(cells.items())
    assert split(text) == cells
    assert {number: text[start:end] for number, start, end in spans(text)} == cells
