"""Under what code runs: the kinds of loops, what is the same in each round, guards, and what is there to test."""

from __future__ import annotations

import libcst as cst
import pytest

from smellcheck.facts.loops import Loop
from smellcheck.file import File

IMPORTS = "import glob\nimport numpy as np\nimport torch\nfrom torch.utils.data import DataLoader\n"


def call(file: File, name: str = "f") -> cst.Call:
    """The first call of a function."""
    return next(found for found in file.all(cst.Call) if file.text_of(found.func) == name)


def loops(code: str) -> tuple[File, list[Loop]]:
    file = File(IMPORTS + code, "module.py")
    return file, file.context.loops(call(file))


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("for x in DataLoader(data)", "batch"),
        ("for x in tqdm(train_loader)", "batch"),
        ("for i, batch in enumerate(things)", "batch"),
        ("for i in range(len(loader))", "batch"),
        ("for a, b in zip(xs, loader)", "batch"),
        ("for x in data.batch(8)", "batch"),
        ("for epoch in range(n)", "epoch"),
        ("bar = tqdm(range(n))\nfor epoch in bar", "epoch"),
        ("iterator = tqdm(range(n))\nfor epoch in iterator", "epoch"),
        ("with tqdm(DataLoader(data)) as bar:\n  for x in bar", "batch"),
        ("for _ in range(num_epochs)", "epoch"),
        ("for i in range(1, options.epochs + 1)", "epoch"),
        ("for i in range(first, 1 + total)", "unknown"),
        ("for fold in range(k)", "fold"),
        ("for a, b in kf.split(x)", "fold"),
        ("for i in range(0, n, 32)", "chunk"),
        ("for x in torch.split(t, 32)", "chunk"),
        ("for x in np.array_split(a, 4)", "chunk"),
        ("for x in torch.zeros(3)", "sample"),
        ("for x in glob.glob('*')", "sample"),
        ("for row in df.iterrows()", "sample"),
        ("for i in range(len(texts))", "sample"),
        ("for i in range(x.shape[0])", "sample"),
        ("for i in range(x.size(0))", "sample"),
        ("for word in text.split()", "sample"),
        ("for i in range(3)", "few"),
        ("for x in (1, 2)", "few"),
        ("for x in {1, 2}", "few"),
        ("for model in models", "member"),
        ("for p in net.parameters()", "member"),
        ("for name, x in models.items()", "member"),
        ("for i in range(len(layers))", "member"),
        ("while running", "stream"),
        ("for x in things", "unknown"),
        ("for i in range(n)", "unknown"),
        ("for i in range(*bounds)", "unknown"),
        ("for name, x in things.items()", "unknown"),
    ],
)
def test_kinds_of_loops(header: str, expected: str) -> None:
    _, (loop,) = loops(f"{header}:\n    f(1)")
    assert loop.kind == expected


@pytest.mark.parametrize(
    ("code", "over", "indexed"),
    [
        ("for i, x in enumerate(tqdm(xs)):\n    f(x)", "xs", False),
        ("for i in range(len(xs)):\n    f(x)", "xs", True),
        ("n = len(xs)\nfor i in range(n):\n    f(x)", "xs", True),
        ("[f(x) for x in list(xs)]", "xs", False),
        ("for x in map(g, xs):\n    f(x)", "map(g, xs)", False),
        ("for x in list(*xs):\n    f(x)", "list(*xs)", False),
        ("with tqdm(xs, unit='b') as bar:\n    for i, x in enumerate(bar):\n        f(x)", "xs", False),
        ("bar = tqdm(enumerate(xs))\nfor i, x in bar:\n    f(x)", "xs", False),
        ("bar = tqdm(range(len(xs)))\nfor i in bar:\n    f(i)", "xs", True),
        ("bar = tqdm(read())\nfor x in bar:\n    f(x)", "bar", False),
        ("bar = tqdm(xs)\nif more:\n    bar = tqdm(ys)\nfor x in bar:\n    f(x)", "bar", False),
        ("bar = tqdm(total=n)\nfor x in bar:\n    f(x)", "bar", False),
        ("it = iter(xs)\nfor x in it:\n    f(x)", "it", False),
    ],
)
def test_what_a_loop_runs_over(code: str, over: str, indexed: bool) -> None:
    file, (loop,) = loops(code)
    assert loop.over is not None
    assert (file.text_of(loop.over), loop.indexed) == (over, indexed)


@pytest.mark.parametrize(
    ("code", "count"),
    [
        ("f(x)", 0),
        ("for x in f(1):\n    pass", 0),
        ("for x in xs:\n    pass\nelse:\n    f(x)", 0),
        ("while f(x):\n    pass", 1),
        ("for x in xs:\n    for y in x:\n        f(y)", 2),
        ("[y for y in f(x)]", 0),
        ("[y for y in ys if f(y)]", 1),
        ("for x in xs:\n    def g():\n        f(x)", 0),
        ("for x in xs:\n    @f(x)\n    def g(): ...", 1),
    ],
)
def test_which_loops_repeat_a_call(code: str, count: int) -> None:
    assert len(loops(code)[1]) == count


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("for x in xs:\n    f(a.b)", True),
        ("for x in xs:\n    f(x)", False),
        ("for x in xs:\n    a = x\n    f(a)", False),
        ("for x in xs:\n    a.b = x\n    f(a.b)", False),
        ("for x in xs:\n    a.c = x\n    f(a.b)", True),
        ("for x in xs:\n    a[x] = 1\n    f(a)", False),
        ("for x in xs:\n    f(a + g(b))", False),
        ("for x in xs:\n    b = x\n    f(a.b)", True),
        ("[f(x) for x in xs]", False),
        ("[f(a) for x in xs]", True),
    ],
)
def test_what_is_the_same_in_every_round(code: str, expected: bool) -> None:
    file, (loop,) = loops(code)
    argument = call(file).args[0].value
    assert file.context.invariant(argument, loop.node) is expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("for x in xs:\n    f(x)", False),
        ("for x in xs:\n    if x:\n        f(x)", True),
        ("for x in xs:\n    if f(x):\n        pass", False),
        ("for x in xs:\n    try:\n        pass\n    except OSError:\n        f(x)", True),
        ("if x:\n    for x in xs:\n        f(x)", False),
    ],
)
def test_guards(code: str, expected: bool) -> None:
    file, (loop,) = loops(code)
    assert file.context.is_guarded(call(file), loop.node) is expected


def test_functions_and_statements() -> None:
    file = File("def g():\n    return [lambda: f(x) for x in xs]\nclass A:\n    y = h(1)\n")
    function = file.context.function(call(file))
    assert function is not None
    assert function.name.value == "g"
    assert file.context.function(call(file, "h")) is None
    statement = file.context.statement(call(file))
    assert file.text_of(statement) == "return [lambda: f(x) for x in xs]"
    assert file.context.within(call(file), function)
    assert not file.context.within(call(file, "h"), function)


@pytest.mark.parametrize(
    ("code", "path", "expected"),
    [
        ("f(x)", "src/model.py", False),
        ("f(x)", "tests/model.py", True),
        ("f(x)", "testing/model.py", True),
        ("f(x)", "testing/train.py", False),
        ("f(x)", "classification_benchmark/pets/main.py", False),
        ("f(x)", "attack_benchmarks/main.py", True),
        ("f(x)", "tests/testing/train.py", True),
        ("f(x)", "conftest.py", True),
        ("f(x)", "src/old/model.py", True),
        ("f(x)", "logs/run1/model.py", True),
        ("f(x)", "src/debug/model.py", True),
        ("f(x)", "src/older/model.py", False),
        ("f(x)", "Net_TestCode/model.py", True),
        ("f(x)", "bench_model.py", True),
        ("f(x)", "latest.py", False),
        ("f(x)", "test.py", False),
        ("import pytest\nf(x)", "test.py", True),
        ("import pytest\nf(x)", "model.py", False),
        ("def test_it():\n    assert f(x)", "test_model.py", True),
        ("def benchmark():\n    f(x)", "model.py", True),
        ("def debug_model():\n    def inner():\n        f(x)", "model.py", True),
        ("def test_model():\n    assert f(x)", "model.py", True),
        ("def test_model():\n    return f(x)", "model.py", False),
        ("def contest():\n    assert f(x)", "model.py", False),
        ("def export_model():\n    f(x)", "model.py", True),
        ("def save():\n    f(x)\n    torch.onnx.export(model, x)", "model.py", True),
        ("f(x)\ntorch.onnx.export(model, x)", "model.py", True),
        ("f(x)\ndef save():\n    torch.onnx.export(model, x)", "model.py", False),
    ],
)
def test_what_is_there_to_test(code: str, path: str, expected: bool) -> None:
    file = File(code, path)
    assert file.context.in_test(call(file)) is expected
