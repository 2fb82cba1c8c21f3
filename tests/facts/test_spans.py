"""Spans agree with LibCST's public positions, whatever the text looks like."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import libcst as cst
import pytest
from libcst.metadata import MetadataWrapper, PositionProvider

import smellcheck.engine as engine
import smellcheck.testing as rule_tester
from smellcheck.facts import scopes
from smellcheck.facts.places import Places
from smellcheck.facts.spans import spans
from smellcheck.file import File
from smellcheck.resolve import Lines

SOURCES = {
    "empty": "",
    "plain": "x = 1\ny = f(x, k=2)\n",
    "no final newline": "x = f(1)",
    "crlf": "def f(a):\r\n    if a:\r\n        return g(a)\r\n    return 1\r\n",
    "tabs": "class A:\n\tdef f(self):\n\t\treturn self.x[1:2]\n",
    "mixed indents": "if a:\n  b = 1\nif c:\n\td = 2\n",
    "form feed": "x = 1\n\x0c\ndef f():\n    return x\n",
    "carriage returns": "x = 1\ry = f(x)\r",
    "decorators": "@a\n@b.c(1)\nclass A:\n    @property\n    async def f(self) -> int:\n        return await g()\n",
    "parentheses": "x = ((a + b)) * (c)\ny = (yield_)\nz = (1, 2)\nw = 1, 2\nv = ( f )( (a) )\n",
    "comments": "# first\n\n\nx = 1  # behind\n# between\nif x:\n    # inside\n    pass\n# last\n",
    "continued": "x = f(\n    1,  # one\n    *args,\n    **options,\n)\ny = a + \\\n    b\n",
    "one line": "if a: b = 1; c = 2\nfor x in y: f(x)\n",
    "strings": 's = f"{a!r:>{b}} {c}" "d"\nt = """one\n  two\n"""\nu = b"x"\n',
    "comprehensions": "[f(x) for x in xs if x]\n{k: v for k, v in d.items()}\n(async_ for a in b)\nlambda x, *y: x\n",
    "statements": (
        "try:\n    a\nexcept (B, C) as e:\n    raise D from e\nelse:\n    pass\nfinally:\n    del a\n"
        "with a as b, c:\n    assert d, e\nwhile a:\n    break\nelse:\n    continue_ = 1\n"
    ),
    "match": "match a:\n    case A(x=1) | [2, *rest] if b:\n        pass\n    case {'k': v, **others}:\n        pass\n",
    "beyond ascii": "é = 'ü𝄞'\nf(é)  # ñ\n",
    "repeated": "def f(x):\n    y = g(x)\n    return y\n\ndef h(x):\n    y = g(x)\n    return y\n",
    "repeated in a string": 's = """\nx = f(1)\n"""\nx = f(1)\nif x:\n    # x = f(2)\n    x = f(2)\n',
    "repeated at the end": "x = f(1)\ny = 2\nx = f(1)",
    "repeated before blanks": "if x:\n    f(1)\ny = 2\nif x:\n    f(1)\n \n  ",
    "repeated with a form feed": "def f():\n    g(1)\n\x0c\ndef f():\n    g(1)\n",
    "annotations": "x: int = 1\ndef f(a: int, /, b: str = 's', *, c: float = 1.0) -> None: ...\n",
}


@pytest.mark.parametrize("text", SOURCES.values(), ids=SOURCES)
def test_spans_agree_with_the_public_provider(text: str) -> None:
    file = File(text)
    nodes = [file.module, *file.tree.parent]
    found = spans(file.module, file.spelled, nodes)
    lines = Lines(file.spelled)
    expected = MetadataWrapper(file.module, unsafe_skip_copy=True).resolve(PositionProvider)
    compared = 0
    for node in nodes:
        if not isinstance(node, cst.BaseExpression | cst.BaseSmallStatement | cst.BaseCompoundStatement | cst.Arg):
            continue
        place = lines.range(*found[node])
        wanted = expected[node]
        assert (place.line, place.column, place.end_line, place.end_column) == (
            wanted.start.line,
            wanted.start.column + 1,
            wanted.end.line,
            wanted.end.column + 1,
        ), file.text_of(node)
        compared += 1
    assert compared or not text


@pytest.mark.parametrize("text", SOURCES.values(), ids=SOURCES)
def test_places_are_those_of_the_whole_tree_whatever_is_asked_for(text: str) -> None:
    file = File(text)
    nodes = [file.module, *file.tree.parent]
    expected = spans(file.module, file.spelled, nodes)
    for node in nodes:
        found = Places(file.module, file.spelled, file.tree.parent).of([node])
        # A place behind the one where the tree no longer spells the text may be known nevertheless.
        if node in expected:
            assert found == {node: expected[node]}, file.text_of(node)
    together = Places(file.module, file.spelled, file.tree.parent).of(nodes)
    assert {node: together[node] for node in expected} == expected


@pytest.mark.parametrize("module", [scopes, engine, rule_tester], ids=lambda module: module.__name__)
def test_places_of_real_code(module: ModuleType) -> None:
    file = File(Path(str(module.__file__)).read_text(encoding="utf-8"))
    calls = list(file.all(cst.Call, cst.If, cst.Return))
    expected = spans(file.module, file.spelled, calls)
    for call in calls[::7]:
        assert Places(file.module, file.spelled, file.tree.parent).of([call]) == {call: expected[call]}


def test_places_of_punctuation_are_found_with_what_it_stands_beside() -> None:
    file = File("x = 1\ny = f((a + b), 2)\n")
    (call,) = file.all(cst.Call)
    parenthesis = call.args[0].value.rpar[0]
    expected = spans(file.module, file.spelled, [call, parenthesis])
    assert Places(file.module, file.spelled, file.tree.parent).of([call, parenthesis]) == expected


@pytest.mark.parametrize("text", SOURCES.values(), ids=SOURCES)
def test_spans_cut_out_the_text_of_expressions(text: str) -> None:
    file = File(text)
    calls = list(file.all(cst.Call, cst.Name, cst.Integer))
    found = spans(file.module, file.spelled, calls)
    for node in calls:
        start, end = found[node]
        bare = node.with_changes(lpar=(), rpar=())
        assert file.spelled[start:end] == file.module.code_for_node(bare)


def test_behind_the_place_where_the_tree_does_not_spell_the_text_nothing_is_said() -> None:
    file = File("x = f(1)\n\x0c\ny = g(2)\n   \n  \n")
    assert file.module.code != file.text
    first, second = file.all(cst.Call)
    assert spans(file.module, file.spelled, [first, second])[first] == (4, 8)
    assert spans(file.module, "x = f(3)\n", [first, second]) == {}


def test_only_what_is_asked_for() -> None:
    file = File("x = f(1)\n")
    (call,) = file.all(cst.Call)
    assert spans(file.module, file.spelled, [call]) == {call: (4, 8)}
