"""What counts as a call for every item, and how the list of all items is spelled."""

from __future__ import annotations

import libcst as cst
import pytest

from smellcheck.facts.listing import is_list, listing
from smellcheck.facts.samples import Each
from smellcheck.file import File


def each(code: str) -> tuple[File, Each | None]:
    """What runs `f` once for each item, as seen from the first call that does."""
    file = File(code, "module.py")
    calls = (file.samples.each(call, lambda func: file.text_of(func) == "f") for call in file.all(cst.Call))
    return file, next((found for found in calls if found is not None), None)


@pytest.mark.parametrize(
    "code",
    [
        "for x in xs:\n    out.append(f(x))",
        "for i in range(len(xs)):\n    f(xs[i])",
        "for x in xs:\n    y = x.strip()\n    f(y)",
        "for x in xs:\n    if x:\n        y = x\n    else:\n        y = ''\n    f(y)",
        "for x in xs:\n    for y in x:\n        f(y)",
        "for x in xs:\n    try:\n        f(x)\n    except ValueError:\n        pass",
        "for x in xs:\n    for y in x:\n        if y:\n            break\n    f(x)",
        "[f(x) for x in xs]",
        "{x: f(x) for x in xs}",
        "sum(f(x) for x in xs)",
        "[x for x in xs if f(x)]",
        "list(map(f, xs))",
        "list(map(lambda x: f(x), xs))",
        "for x in xs:\n    y = x['a']\n    store(y, f(y))",
        "df['x'].apply(f)",
        "df[column].apply(lambda x: f(x))",
        "df.apply(lambda row: f(row['x']), axis=1)",
        "def g(x):\n    return f(x)\nfor x in xs:\n    g(x)",
        "class A:\n    def g(self, x):\n        return f(x)\n    def h(self, xs):\n        [self.g(x) for x in xs]",
    ],
)
def test_a_call_for_every_item(code: str) -> None:
    assert each(code)[1] is not None


@pytest.mark.parametrize(
    "code",
    [
        "f(x)",
        "f(xs)",
        "for x in xs:\n    f(xs)",
        "for x in f(xs):\n    pass",
        "while True:\n    f(x)",
        "while True:\n    for x in read():\n        f(x)",
        "for _ in range(3):\n    f(x)",
        "for epoch in range(n):\n    f(epoch)",
        "for f in fs:\n    f(x)",
        "for x in xs:\n    f = make(x)\n    f(x)",
        "for x in xs:\n    f(x, x)",
        "y = a\nfor x in xs:\n    y = f(y + x)",
        "for x in xs:\n    seen.append(x)\n    f(x, seen)",
        "for x in xs:\n    state.update(x)\n    f(state.text(x))",
        "for x in xs:\n    if f(x):\n        break",
        "def g():\n    for x in xs:\n        if f(x):\n            return x",
        "def g():\n    for x in xs:\n        yield f(x)",
        "any(f(x) for x in xs)",
        "(f(x) for x in xs)",
        "for i, x in enumerate(xs):\n    if i % 10 == 0:\n        f(x)",
        "for x in xs:\n    if x not in seen:\n        seen[x] = f(x)",
        "import time\nfor x in xs:\n    t = time.time()\n    f(x)",
        "for x in sys.stdin:\n    f(x)",
        "for x in xs[:3]:\n    f(x)",
        "for x in df.head(5):\n    f(x)",
        "for x in ['a', 'b', 'c', 'd', 'e']:\n    f(x)",
        "async def g():\n    async for x in xs:\n        f(x)",
        "df.apply(f)",
        "df.groupby('a')['x'].apply(f)",
        "data.map(f, batched=True)",
        "model.apply(f)",
        "sorted(xs, key=lambda x: f(x))",
        "@cache\ndef g(x):\n    return f(x)\nfor x in xs:\n    g(x)",
    ],
)
def test_not_a_call_for_every_item(code: str) -> None:
    assert each(code)[1] is None


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("[f(x) for x in xs]", "list(xs)"),
        ("xs = [1]\nfor i in range(20):\n    xs.append(i)\n[f(x) for x in sorted(ys)]", "sorted(ys)"),
        ("def g(xs: list[str]):\n    return [f(x) for x in xs]", "xs"),
        ("def g(xs: tuple[str, ...]):\n    return [f(x) for x in xs]", "list(xs)"),
        ("[f(x) for x in tqdm(xs, desc='a')]", "list(xs)"),
        ("[f(x) for x in xs if x]", "[x for x in xs if x]"),
        ("[f(x['a']) for x in xs]", "[x['a'] for x in xs]"),
        ("[f(y) for x in xs for y in x]", "[y for x in xs for y in x]"),
        ("[f(x.strip()) for x in xs]", "[x.strip() for x in xs]"),
        ("[f(load(x)) for x in xs]", None),
        ("[f(x) for i, x in enumerate(xs)]", "[x for i, x in enumerate(xs)]"),
        ("[f(d[i]) for i in range(len(d))]", "[d[i] for i in range(len(d))]"),
        ("[f(x[i:i + 1]) for i in range(len(x))]", "x"),
        ("[f(x[i:i + 1]) for i in range(1, len(x))]", None),
        ("[f(x.iloc[[i]]) for i in range(len(x))]", "x"),
        ("[f(x.loc[[i]]) for i in range(len(x))]", None),
        ("for x in xs:\n    found.append(f(x))", "list(xs)"),
        ("list(map(f, xs))", "list(xs)"),
        ("list(map(lambda x: f(x['a']), xs))", "[x['a'] for x in xs]"),
        ("df['a'].apply(f)", "df['a'].tolist()"),
        ("df['a'].apply(lambda x: f(x[:9]))", "[x[:9] for x in df['a']]"),
        ("df.apply(lambda row: f(row['a']), axis=1)", "df['a'].tolist()"),
        ("df.apply(lambda row: f(row['a'] + row['b']), axis=1)", None),
    ],
)
def test_the_list_of_all_items(code: str, expected: str | None) -> None:
    file, found = each(code)
    assert found is not None
    assert listing(file, found, found.item) == expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("[1]", True),
        ("list(x)", True),
        ("x.tolist()", True),
        ("'a b'.split()", True),
        ("x.split(3)", False),
        ("(1, 2)", False),
        ("{}.values()", False),
        ("x", False),
    ],
)
def test_what_surely_is_a_list(code: str, expected: bool) -> None:
    file = File(code)
    (statement,) = file.all(cst.Expr)
    assert is_list(file, statement.value) is expected
