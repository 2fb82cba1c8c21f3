"""Programs that nobody wrote: the pages' cases and real files cut up and put together again, and generated code.

Every program is made from a kind and a seed alone (real files: from their text, too), so that a failure can be had
again from the line that reports it.
"""

from __future__ import annotations

import ast
import random
import re
import warnings
from collections.abc import Callable, Sequence
from functools import cache

from smellcheck import plugins
from smellcheck.page import read_page

#: Names that rules look for: what generated code is made to speak of.
WORDS = tuple(
    "torch model net x y loader batch device encoder pipe texts text df row frame opt loss self np np.zeros numpy "  # noqa: SIM905
    "torch.nn torch.no_grad torch.tensor model.eval model.train x.to x.cuda x.cpu x.item x.argmax loss.backward "
    "opt.step opt.zero_grad model.parameters encoder.encode pipe predict transform append range enumerate zip".split()
)
IMPORTS = (
    "import torch\n",
    "import torch.nn as nn\nimport torch.nn.functional as F\n",
    "from torch import nn, no_grad, from_numpy\n",
    "import numpy as np\nimport torch\n",
    "from transformers import pipeline, AutoModel\nimport torch\n",
    "from sentence_transformers import SentenceTransformer, CrossEncoder\n",
    "from sklearn.linear_model import LogisticRegression\nimport pandas as pd\n",
    "import torch as t\nfrom torch.utils.data import DataLoader\n",
)
_NAME = re.compile(r"\b[a-zA-Z_]\w*\b")


@cache
def cases() -> tuple[str, ...]:
    """The code of all pages."""
    pages = [read_page(rule.page) for rule in plugins.rules()]
    return tuple(case.code for page in pages for case in page.cases)


def parses(text: str) -> bool:
    """Whether a program is one."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def mutated(text: str, chance: random.Random, times: int, others: Sequence[str] = ()) -> str:
    """A program after some changes, each of which left a program."""
    for _ in range(times):
        for _ in range(6):
            change = chance.choice(_CHANGES)
            new = change(text, chance, chance.choice(others) if others else text)
            if new != text and parses(new):
                text = new
                break
    return text


def statements(text: str) -> list[tuple[int, int, int]]:
    """First line, line behind the last, and column of every statement that has its lines to itself."""
    found = []
    lines = text.split("\n")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.stmt):
            first = min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", []))])
            # A lone carriage return is a line of its own to Python only.
            if first <= len(lines) and not lines[first - 1][: node.col_offset].strip():
                found.append((first - 1, node.end_lineno or first, node.col_offset))
    return found


def _block(text: str, chance: random.Random) -> tuple[list[str], int, int, int]:
    spots = statements(text)
    return text.split("\n"), *(chance.choice(spots) if spots else (0, 0, 0))


def _delete(text: str, chance: random.Random, _: str) -> str:
    lines, first, last, _column = _block(text, chance)
    return "\n".join(lines[:first] + lines[last:])


def _empty(text: str, chance: random.Random, _: str) -> str:
    lines, first, last, column = _block(text, chance)
    return "\n".join([*lines[:first], " " * column + "pass", *lines[last:]])


def _duplicate(text: str, chance: random.Random, _: str) -> str:
    lines, first, last, _column = _block(text, chance)
    return "\n".join(lines[:last] + lines[first:last] + lines[last:])


def _move(text: str, chance: random.Random, _: str) -> str:
    lines, first, last, column = _block(text, chance)
    block = [line[column:] for line in lines[first:last]]
    rest = lines[:first] + lines[last:]
    to = chance.randrange(len(rest) + 1)
    indent = re.match(r" *", rest[to] if to < len(rest) else "")
    return "\n".join(rest[:to] + [(indent[0] if indent else "") + line for line in block] + rest[to:])


def _wrap(text: str, chance: random.Random, _: str) -> str:
    lines, first, last, column = _block(text, chance)
    head = chance.choice(
        ("for x in loader:", "while True:", "if x:", "with torch.no_grad():", "def f(model, x):", "async def g(x):",
         "class C:", "try:", "for i in range(len(texts)):", "with open(x) as f:", "for epoch in range(3):")
    )  # fmt: skip
    tail = [" " * column + "except E as e: raise"] if head == "try:" else []
    body = ["    " + line for line in lines[first:last]]
    return "\n".join([*lines[:first], " " * column + head, *body, *tail, *lines[last:]])


def _graft(text: str, chance: random.Random, other: str) -> str:
    theirs, first, last, column = _block(other, chance)
    block = [line[column:] for line in theirs[first:last]]
    lines, at, _end, indent = _block(text, chance)
    return "\n".join(lines[:at] + [" " * indent + line for line in block] + lines[at:])


def _rename(text: str, chance: random.Random, _: str) -> str:
    names = sorted(set(_NAME.findall(text)))
    if not names:
        return text
    old, new = chance.choice(names), chance.choice([*names, *WORDS])
    if chance.random() < 0.5:
        return re.sub(rf"\b{old}\b", lambda _: new, text)
    spots = [match.span() for match in re.finditer(rf"\b{old}\b", text)]
    start, end = chance.choice(spots or [(0, 0)])
    return text[:start] + new + text[end:]


def _comment(text: str, chance: random.Random, _: str) -> str:
    lines = text.split("\n")
    at = chance.randrange(len(lines))
    lines[at] += chance.choice(("  # why", "  # smellcheck: ignore[all]", "  # smellcheck: ignore[torch]", " \\", " ;"))
    return "\n".join(lines)


def _spell(text: str, chance: random.Random, _: str) -> str:
    change: Callable[[str], str] = chance.choice(
        (
            lambda old: old.replace("\n", "\r\n"),
            lambda old: old.replace("    ", "\t"),
            lambda old: old.replace("    ", "  "),
            lambda old: old.rstrip("\n"),
            lambda old: old.replace("(", "(\n", 1),
            lambda old: "\f" + old,
            lambda old: old.replace("\n\n", "\n# a comment\n\n", 1),
            lambda old: old.replace("x", "ñ"),
            lambda old: old.replace(" = ", " = \\\n  ", 1),
        )
    )
    return change(text)


def _swap(text: str, chance: random.Random, _: str) -> str:
    names = list(_NAME.finditer(text))
    if len(names) < 2:
        return text
    one, two = sorted(chance.sample(names, 2), key=lambda match: match.start())
    middle = text[one.end() : two.start()]
    return text[: one.start()] + two[0] + middle + one[0] + text[two.end() :]


_CHANGES = (_delete, _empty, _duplicate, _move, _wrap, _wrap, _graft, _graft, _rename, _rename, _comment, _spell, _swap)


def of_case(seed: int) -> str:
    """A page's case, changed, with parts of other cases in it."""
    chance = random.Random(f"case {seed}")
    return mutated(chance.choice(cases()), chance, chance.randint(1, 12), cases())


def of_generator(seed: int) -> str:
    """Code that is generated without an idea of what it says, made to speak of frameworks."""
    from pysource_codegen import generate

    chance = random.Random(f"generated {seed}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        text = str(generate(seed, node_limit=chance.choice((50, 150, 300)), depth_limit=chance.choice((4, 6, 8))))
    names = sorted({name for name in _NAME.findall(text) if name.startswith("name_")})
    for name in names:
        text = re.sub(rf"\b{name}\b", chance.choice([word for word in WORDS if "." not in word]), text)
    text = chance.choice(IMPORTS) + text
    if not parses(text):
        return chance.choice(IMPORTS)
    return mutated(text, chance, chance.randint(2, 8), cases())


def of_file(text: str, seed: int) -> str:
    """A real file, changed, with parts of cases in it."""
    chance = random.Random(f"file {seed}")
    return mutated(text, chance, chance.randint(1, 10), cases())
