from __future__ import annotations

import pytest

from smellcheck import plugins
from smellcheck.engine import check
from smellcheck.page import read_page
from smellcheck.sieve import Triggers, is_active, surely_idle, wanted

RULES = plugins.rules()
CASES = [(rule, number, case) for rule in RULES for number, case in enumerate(read_page(rule.page).cases)]


@pytest.mark.parametrize(("rule", "case"), [pytest.param(r, c, id=f"{r.name}-{n}") for r, n, c in CASES])
def test_the_sieve_loses_no_finding(rule, case) -> None:
    names = frozenset(each.name for each in RULES)
    for text in (case.code, case.fixed):
        if text is not None:
            assert check(text, RULES, explicit=names) == check(text, RULES, explicit=names, sieve=False)
            assert check(text, [rule], explicit=names) == check(text, [rule], explicit=names, sieve=False)


class Rule:
    def __init__(self, imports: str, *words: str) -> None:
        self.triggers = Triggers(frozenset(imports.split()), tuple(frozenset(group.split()) for group in words))


@pytest.mark.parametrize(
    ("text", "rule", "kept"),
    [
        ("import torch\n", Rule("torch"), True),
        ("import numpy\n", Rule("torch"), False),
        ("from torchvision import ops\n", Rule("torch"), True),
        ("import jax\n", Rule("torch jax"), True),
        ("torch.encode(x)\n", Rule("torch", "encode predict"), True),
        ("torch.encoder(x)\n", Rule("torch", "encode predict"), False),
        ("torch.encode(x)\n", Rule("torch", "encode", "for while"), False),
        ("while torch.encode(x): pass\n", Rule("torch", "encode", "for while"), True),
        ("torch.TextPipeline(x)\n", Rule("torch", "pipeline *Pipeline"), True),
        ("torch.Pipelines(x)\n", Rule("torch", "pipeline *Pipeline"), False),
    ],
)
def test_words_rule_out(text: str, rule: Rule, kept: bool) -> None:
    assert bool(wanted(text, [rule])) is kept


@pytest.mark.parametrize("text", ["X = {'torch': [1, -2, ('a', b)]}\n", "import torch\nX: int = torch.y\n", ""])
def test_data_does_nothing(text: str) -> None:
    import ast

    assert not is_active(ast.parse(text))


@pytest.mark.parametrize("text", ["f(x)\n", "X = [i for i in y]\n", "def f(): 1\n", "class C: 1\n", "while x: 1\n"])
def test_what_may_do_something(text: str) -> None:
    import ast

    assert is_active(ast.parse(text))


@pytest.mark.parametrize(
    "text",
    ["f(x)", "f (x)", "(f # why\n (x))", "f \\\n(x)", "cafe\u0301(x)", "a\u00b7(x)", "x[0](y)", "f(x)(y)", '"a"(x)',
     "1.(x)", "...(x)", "{}(x)", "X = [i async for i in y]", "lambda: 1", "while x: 1", "X = f'{g(x)}'"],
)  # fmt: skip
def test_what_may_do_something_is_never_taken_for_idle(text: str) -> None:
    assert not surely_idle(f"import torch\n{text}\n")


@pytest.mark.parametrize("text", ["X = [(1, 2), (-3, 4)]", "X = {'a': (1,), 'b': ((2), [3])}", "X: int = torch.y", ""])
def test_data_is_seen_to_be_idle(text: str) -> None:
    assert surely_idle(text)
