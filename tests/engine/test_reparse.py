"""A text that is parsed by its changed statements gives the tree, and the findings, of the whole."""

from __future__ import annotations

import random
from pathlib import Path

import libcst as cst
import pytest

from smellcheck import plugins
from smellcheck.engine import check
from smellcheck.page import read_page
from smellcheck.reparse import Reparser

ROOT = Path(__file__).parents[2]
#: What is typed: pieces that move the borders between statements, blocks, comments and strings.
TYPED = (
    *("\n", "    ", "x", "(", ")", '"""', "#", "# c\n", "\n    # indented\n", "else:\n", "    pass\n", ";", " "),
    *("\\\n", "@d\n", "\t", "if x: y\n", "class A:\n    # foot\n", "\n\n", "match x:\n  case 1: pass\n", "finally:\n"),
    *("def f():\n  return 1\n", "é", "\nimport a\n", "\r\n", "\x0c", "async ", "return", "\nexcept E:\n    pass\n"),
)
ODD = (
    "",
    "\n",
    "# only a comment\n",
    "#!/bin/sh\n# -*- coding: utf-8 -*-\n\n# about\n'''doc'''\n\nx = 1\n",
    "if a:\n  b\n  # deeper\n # between\n# outer\n\nelse:\n  c\n\n\n  # foot\n\nd; e; f\ng",
    "@a\n@b(\n  c)\nclass D:\n\n    x = 1\n\n    # foot\n\n# lead\n@a\nasync def e(): pass\n",
    "def f():\n\treturn (\n1)\n\n    # odd\nx = '''\nclass Not: pass\n'''\ny = 2 # end",
    "a = 1\r\nif b:\r\n    c\r\n\r\n# d\r\ne\r\n",
    "try:\n    a\nexcept B:\n    c\nfinally:\n    d\nwith e: f\nwhile g:\n    h\nelse:\n    i\nfor j in k: l\n",
)


def real_texts() -> list[str]:
    paths = [*(ROOT / "smellcheck").rglob("*.py"), *(ROOT / "rules").rglob("*.py")]
    return [path.read_text(encoding="utf-8") for path in sorted(paths)]


def typed(rng: random.Random, text: str) -> str:
    start = rng.randint(0, len(text))
    if rng.random() < 0.5:
        start = text.find("\n", start) + 1
    end = min(len(text), start + rng.choice((0, 0, 0, 1, 2, 5, 40, 300)))
    return text[:start] + (rng.choice(TYPED) if rng.random() < 0.8 else "") + text[end:]


def same(new: cst.Module, whole: cst.Module) -> bool:
    facts = ("code", "default_indent", "default_newline", "has_trailing_newline", "encoding")
    return all(getattr(new, fact) == getattr(whole, fact) for fact in facts) and new.deep_equals(whole)


def tree(parse: object, text: str) -> cst.Module | None:
    try:
        return parse(text)  # type: ignore[operator, no-any-return]
    except cst.ParserSyntaxError:
        return None


@pytest.mark.parametrize("seed", range(4))
def test_the_tree_is_that_of_the_whole_text(seed: int) -> None:
    rng = random.Random(seed)
    texts = [*ODD, *rng.sample(real_texts(), 6)]
    saved = 0
    for text in texts:
        reparser = Reparser()
        tree(reparser.parse, text)
        for _ in range(40):
            new = typed(rng, text)
            whole, found = tree(cst.parse_module, new), tree(reparser.parse, new)
            if whole is None or found is None:
                assert whole is found, new
                continue
            assert same(found, whole), new
            saved += reparser.parsed < len(new)
            text = new
    assert saved > 50, "nothing was spared"


def test_the_findings_are_those_of_the_whole_text() -> None:
    rng, rules = random.Random(0), plugins.rules()
    cases = [case for rule in rules for case in read_page(rule.page).cases]
    smelly, silent = [case for case in cases if case.marked], [case for case in cases if not case.marked]
    counted = 0
    for _ in range(3):
        text = "\n".join(case.plain for case in [*rng.sample(smelly, 2), *rng.sample(silent, 2)])
        reparser = Reparser()
        check(text, rules, reader=reparser)
        for _ in range(12):
            new = typed(rng, text)
            found, whole = check(new, rules, reader=reparser), check(new, rules)
            assert found == whole, new
            if not whole.problems:
                text = new
                counted += len(whole.findings)
    assert counted, "nothing was found"


def test_only_what_changed_is_parsed() -> None:
    text = "".join(f"def f{n}(x):\n    return x + {n}\n\n\n" for n in range(100))
    reparser = Reparser()
    reparser.parse(text)
    assert reparser.parsed == len(text)
    reparser.parse(text.replace("+ 50", "+ 505"))
    assert 0 < reparser.parsed < 200
    reparser.parse(text.replace("+ 50", "+ 505"))
    assert reparser.parsed == 0


def test_a_text_that_does_not_parse_costs_nothing_of_what_is_known() -> None:
    text = "".join(f"def f{n}(x):\n    return x + {n}\n\n\n" for n in range(100))
    reparser = Reparser()
    reparser.parse(text)
    with pytest.raises(cst.ParserSyntaxError):
        reparser.parse(text.replace("+ 50", "+ (50"))
    reparser.parse(text.replace("+ 50", "+ (50)"))
    assert reparser.parsed < 200
