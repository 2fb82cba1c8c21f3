"""Where names are bound, and which definitions reach a use."""

from __future__ import annotations

import libcst as cst
import pytest

from smellcheck.facts.scopes import bound_names
from smellcheck.file import File


def used(code: str, name: str = "x") -> tuple[File, cst.Name]:
    """The argument of the call `use(…)`."""
    file = File(code)
    for call in file.all(cst.Call):
        match call:
            case cst.Call(func=cst.Name("use"), args=[cst.Arg(value=cst.Name(value=given) as argument)]):
                assert given == name
                return file, argument
    raise AssertionError("nothing is used")


def reaching(code: str) -> list[str]:
    """What the definitions that reach the use bind, or how they bind it."""
    file, name = used(code)
    found = file.scopes.reaching(name)
    return sorted(file.text_of(d.value) if d.kind == "assign" and d.value is not None else d.kind for d in found)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("x = 1\nuse(x)", ["1"]),
        ("x = 1\nx = 2\nuse(x)", ["2"]),
        ("use(x)\nx = 1\nx = 2", []),
        ("x = 1\nif a:\n    x = 2\nuse(x)", ["1", "2"]),
        ("if a:\n    x = 1\nelse:\n    x = 2\nuse(x)", ["1", "2"]),
        ("x = 1\nif a:\n    x = 2\n    raise E\nuse(x)", ["1"]),
        ("def f():\n    x = 1\n    if a:\n        x = 2\n        return\n    use(x)", ["1"]),
        ("x = 1\nfor y in ys:\n    use(x)\n    x = 2", ["1", "2"]),
        ("x = 1\nfor y in ys:\n    x = 2\n    use(x)", ["2"]),
        ("x = 1\nfor x in ys:\n    use(x)", ["for"]),
        ("x = 1\nfor x in ys:\n    pass\nuse(x)", ["1", "for"]),
        ("x = 1\nwhile a:\n    x = 2\n    break\nuse(x)", ["1", "2"]),
        ("x = 1\ntry:\n    x = 2\nexcept E:\n    use(x)", ["1", "2"]),
        ("x = 1\nwith a as x:\n    use(x)", ["with"]),
        ("x = 1\nx += 1\nuse(x)", ["augment"]),
        ("if (x := 1):\n    use(x)", ["1"]),
        ("def f(x):\n    use(x)", ["parameter"]),
        ("def f(x):\n    x = 1\n    use(x)", ["1"]),
        ("import x\nuse(x)", ["import"]),
        ("import x.y\nuse(x)", ["import"]),
        ("def x(): ...\nuse(x)", ["function"]),
        ("match a:\n    case [x]:\n        use(x)", ["match"]),
    ],
)
def test_which_definitions_reach_a_use(code: str, expected: list[str]) -> None:
    assert reaching(code) == expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("x = 1\ndef f():\n    use(x)\nx = 2", ["1", "2"]),
        ("x = 1\ndef f():\n    x = 2\n    use(x)", ["2"]),
        ("x = 1\nclass A:\n    x = 2\n    def f(self):\n        use(x)", ["1"]),
        ("x = 1\nclass A:\n    x = 2\n    use(x)", ["2"]),
        ("x = 1\n[use(x) for x in xs]", ["for"]),
        ("x = 1\n[use(x) for y in xs]", ["1"]),
        ("x = 1\nlambda x: use(x)", ["parameter"]),
        ("def f(x):\n    def g():\n        use(x)", ["parameter"]),
        ("x = 1\ndef f(a=use(x)):\n    x = 2", ["1"]),
        ("x = 1\n@use(x)\ndef f():\n    x = 2", ["1"]),
        ("def f():\n    [x := 1 for y in ys]\n    use(x)", ["1"]),
        ("x = 1\ndef f():\n    global x\n    x = 2\ndef g():\n    use(x)", ["1", "2"]),
    ],
)
def test_which_scope_a_use_sees(code: str, expected: list[str]) -> None:
    file, name = used(code)
    scope = file.scopes.bound("x", file.scopes.around(name))
    assert scope is not None
    assert reaching(code) == expected


def test_what_nothing_binds() -> None:
    file, name = used("use(x)")
    assert file.scopes.reaching(name) == ()
    assert file.scopes.bound("x", file.scopes.module) is None


@pytest.mark.parametrize(
    ("target", "path"),
    [("x", ()), ("x, y", (0,)), ("y, (z, x)", (1, 1)), ("[y, x]", (1,)), ("*x, y", (-1,)), ("*y, x", (-1,))],
)
def test_places_in_unpacking(target: str, path: tuple[int, ...]) -> None:
    file, name = used(f"{target} = value\nuse(x)")
    (definition,) = file.scopes.reaching(name)
    assert definition.path == path


def test_names_bound_below_a_node() -> None:
    code = (
        "for a, b in c:\n    d = e\n    def f():\n        g = 1\n    [h for h in i]\n    with j as k:\n        l += 1\n"
    )
    assert bound_names(File(code).module) == {"a", "b", "d", "f", "k", "l"}
