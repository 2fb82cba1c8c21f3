"""Which calls read from the device, what is on the host already, and which figures are only reported."""

from __future__ import annotations

import libcst as cst
import pytest

from smellcheck.file import File


def first(code: str, method: str) -> tuple[File, cst.Call]:
    """The first call of a method in some code."""
    file = File("import torch\n" + code, "module.py")
    call = next(
        one for one in file.all(cst.Call) if isinstance(one.func, cst.Attribute) and one.func.attr.value == method
    )
    return file, call


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("y = torch.ones(3, device='cuda')\ny.sum().item()", True),
        ("y = torch.ones(3, device='cuda').cpu()\ny.sum().item()", False),
        ("y = torch.ones(3).numpy()\ny.sum().item()", False),
        ("y = unknown()\ny.item()", True),
        ("y = torch.ones(3).to('cpu')\n(y == 1).sum().item()", False),
    ],
)
def test_what_is_on_the_host_is_waited_for_no_more(code: str, expected: bool) -> None:
    file, call = first(code, "item")
    assert file.readbacks.waits(call) is expected


def test_one_chain_is_one_read() -> None:
    file = File("import torch\ny = torch.ones(3, device='cuda')\nprint(y.cpu().numpy())", "module.py")
    reads = [one for one in file.all(cst.Call) if file.readbacks.waits(one)]
    assert [file.text_of(one) for one in reads] == ["y.cpu()"]
    assert file.readbacks.reported(reads[0])


@pytest.mark.parametrize(
    ("use", "expected"),
    [
        ("total += loss.item()", True),
        ("meter.update(loss.item(), 3)", True),
        ("bar.set_postfix(loss=f'{loss.item():.3f}')", True),
        ("value = loss.item()\n    print(value)", True),
        ("value = loss.item()\n    if step % 10 == 0:\n        keep(value)", True),
        ("figures['loss'] = loss.item()", True),
        ("value = loss.item()\n    if value > 3:\n        raise ValueError", False),
        ("env.step(loss.item())", False),
        ("while loss.item() > 1:\n        break", False),
        ("return loss.item()", False),
    ],
)
def test_figures_that_are_only_reported(use: str, expected: bool) -> None:
    body = f"def f(loader, meter, bar, figures, total, env):\n  for step, loss in enumerate(loader):\n    {use}\n"
    file, call = first(body, "item")
    assert file.readbacks.reported(call) is expected


def test_every_so_many_steps() -> None:
    code = "for i, x in enumerate(data):\n    if i % 10:\n        continue\n    print(x.item())\n"
    file, call = first(code, "item")
    assert file.readbacks.seldom(call, next(file.all(cst.For)))
    file, call = first("for i, x in enumerate(data):\n    print(x.item())\n", "item")
    assert not file.readbacks.seldom(call, next(file.all(cst.For)))


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("y = x.cpu(); return 1", True),
        ("y = x.cpu().numpy(); return 1", True),
        ("y = x.cpu(); return y", False),
        ("y = x.cpu().numpy()[0]; return 1", False),
        ("_y = x.cpu(); return 1", False),
        ("start = time.time(); y = x.cpu(); return time.time() - start", False),
    ],
)
def test_what_nobody_looks_at(lines: str, expected: bool) -> None:
    body = "\n    ".join(lines.split("; "))
    file, call = first(f"import time\ndef f(x):\n    {body}\n", "cpu")
    assert file.readbacks.unread(call) is expected


def test_what_lies_in_a_list_may_be_on_the_device() -> None:
    file, call = first("def f(x):\n    found = [x.sum(), x.max()]\n    return found[0].item()\n", "item")
    assert file.readbacks.waits(call)


def test_what_all_turns_but_the_first_do_is_not_seldom() -> None:
    code = "for i, x in enumerate(xs):\n    if i == 0:\n        pass\n    else:\n        x.item()\n"
    file, call = first(code, "item")
    assert not file.readbacks.seldom(call, file.context.loops(call)[0].node)


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        ("rank == 0", False),
        ("self.args.use_amp", False),
        ("not distributed", False),
        ("args.debug", True),
        ("i > 10", True),
        ("due()", True),
        ("best < 1", True),
        ("type(model) is Wide and rank == 0", False),
        ("type(x) is list", True),
    ],
)
def test_what_a_setting_decides_is_done_in_all_turns(test: str, expected: bool) -> None:
    code = f"for i, x in enumerate(xs):\n    best = i\n    if {test}:\n        x.item()\n"
    file, call = first(code, "item")
    assert file.readbacks.seldom(call, file.context.loops(call)[0].node) is expected
