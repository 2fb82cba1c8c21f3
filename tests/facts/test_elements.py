"""Which tensors loops take element by element, and what only looks like one."""

import libcst as cst
import pytest

from smellcheck.file import File


def taken(text: str) -> str | None:
    """What the name or the item that is handed to `use` in a loop is an element of."""
    file = File("import torch\n" + text)
    kinds = file.tree.by_type
    loop = next(iter([*kinds.get(cst.For, []), *kinds.get(cst.ListComp, [])]))
    assert isinstance(loop, cst.For | cst.ListComp)
    (used,) = (call.args[0].value for call in file.calls.named(frozenset({"use"})))
    match used:
        case cst.Name():
            tensor = file.elements.iterated(used, loop)
        case cst.Subscript():
            tensor = file.elements.indexed(used, loop)
        case _:
            raise AssertionError(used)
    return None if tensor is None else file.text_of(tensor)


@pytest.mark.parametrize(
    ("text", "tensor"),
    [
        ("x = torch.relu(y)\nfor v in x:\n    use(v)\n", "x"),
        ("x = torch.relu(y)\nfor i, v in enumerate(x):\n    use(v)\n", "x"),
        ("x = torch.relu(y)\nfor a, v in zip(names, x):\n    use(v)\n", "x"),
        ("x = torch.relu(y)\nfor i, (a, v) in enumerate(zip(names, x)):\n    use(v)\n", "x"),
        ("x = torch.relu(y)\nz = [use(v) for v in x]\n", "x"),
        ("x = torch.relu(y)\nfor i in range(4):\n    use(x[i])\n", "x"),
        ("x = torch.relu(y)\nfor i in range(4):\n    use(x[i][0])\n", "x"),
        ("x = y.to(device)\nfor v in x:\n    use(v)\n", "x"),
        ("x = y.to('cpu')\nfor v in x:\n    use(v)\n", None),
        # What is made anew in each turn is not taken apart by it.
        ("for i in range(4):\n    x = torch.relu(y)\n    use(x[i])\n", None),
        ("x = torch.relu(y)\nfor i in range(4):\n    use(x[3])\n", None),
        ("x = torch.relu(y)\nfor i in range(4):\n    use(x[i : i + 2])\n", None),
        ("x = torch.relu(y)\nfor v in x.tolist():\n    use(v)\n", None),
        ("x = torch.relu(y).cpu().numpy()\nfor v in x:\n    use(v)\n", None),
        ("for v in torch.linspace(0, 1, 10):\n    use(v)\n", None),
        ("for v in torch.relu(y).split(2):\n    use(v)\n", None),
        ("for i, v in enumerate(torch.relu(y)):\n    use(i)\n", None),
        ("def f(x):\n    for v in x:\n        use(v)\n", None),
        ("x = torch.relu(y)\nfor v in x:\n    v = 3\n    use(v)\n", None),
    ],
)
def test_elements(text: str, tensor: str | None) -> None:
    assert taken(text) == tensor


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("xs.append(y)", ["y"]),
        ("xs += [y, z]", ["y", "z"]),
        ("xs += y", []),
        ("xs.extend(y)", []),
        ("xs = list(y)", []),
    ],
)
def test_what_a_list_gathers(lines: str, expected: list[str]) -> None:
    file = File(
        f"import torch\ndef f(y, z):\n    xs, n = [], 0\n    {lines}\n    return torch.tensor(xs)\n", "module.py"
    )
    given = next(one for one in file.all(cst.Call) if file.name(one.func) == "torch.tensor").args[0].value
    assert isinstance(given, cst.Name)
    assert [file.text_of(one) for one in file.elements.gathered(given)] == expected
