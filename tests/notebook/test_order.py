"""What is found and fixed in a cell holds in whatever order the cells are run."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from smellcheck import plugins
from smellcheck.cells import join, split
from smellcheck.finding import Finding
from smellcheck.magics import Masked, masked
from smellcheck.mend import fix

BOTH = frozenset({"safe", "unsafe"})
SET_UP = "import torch\nfrom torchvision.models import resnet18\nmodel = resnet18()\nmodel.eval()"


def text_of(*cells: str) -> str:
    texts = []
    for cell in cells:
        found = masked(cell)
        assert isinstance(found, Masked)
        texts.append(found.text)
    return join(enumerate(texts, 1))


def rules() -> Sequence[plugins.Rule]:
    return [rule for rule in plugins.rules() if rule.name == "missing-no-grad"]


def found(*cells: str) -> tuple[Finding, ...]:
    from smellcheck.engine import check

    return check(text_of(*cells), rules()).findings


def fixed(*cells: str) -> list[str]:
    return list(split(fix(text_of(*cells), rules(), safety=BOTH).text).values())


def test_each_cell_is_mended_for_itself() -> None:
    after = fixed(
        SET_UP, "for x in rows:\n    print(model(x).argmax(1).tolist())", "print(model(y).argmax(1).tolist())"
    )
    assert after == [
        SET_UP,
        "with torch.no_grad():\n    for x in rows:\n        print(model(x).argmax(1).tolist())",
        "with torch.no_grad():\n    print(model(y).argmax(1).tolist())",
    ]


def test_a_model_of_an_earlier_cell_is_known() -> None:
    assert len(found(SET_UP, "y = 1", "print(model(x).argmax(1).tolist())")) == 1


def test_an_import_goes_where_it_is_needed() -> None:
    set_up = SET_UP.removeprefix("import torch\n")
    cell = "%matplotlib inline\nimport numpy as np\n\n# labels\nprint(model(x).argmax(1).tolist())"
    mended = (
        "%matplotlib inline\nimport numpy as np\nimport torch\n\n"
        "# labels\nwith torch.no_grad():\n    print(model(x).argmax(1).tolist())"
    )
    # The cell that imports it already may be run later, or not at all.
    after = fixed(set_up, cell, "import torch")
    assert after[0] == set_up
    assert after[1].partition("\n")[2] == mended.partition("\n")[2]
    assert after[2] == "import torch"
    only = fixed(set_up, "print(model(x).argmax(1).tolist())")
    assert only[1] == "import torch\nwith torch.no_grad():\n    print(model(x).argmax(1).tolist())"


@pytest.mark.parametrize("cell", ["model(x).argmax(1)", "y = 1\nmodel(x).argmax(1).tolist()"])
def test_what_a_cell_shows_stays_shown(cell: str) -> None:
    (one,) = found(SET_UP, cell)
    assert one.fix is None
    (other,) = found(SET_UP, f"{cell}\nz = 2")
    assert other.fix is not None


def test_what_a_later_cell_computes_may_be_read_by_an_earlier_one() -> None:
    set_up = SET_UP.removesuffix("\nmodel.eval()")
    reader = "loss = criterion(scores, y)\nloss.register_hook(report)"
    maker = "scores = model(x)\nprint(scores.argmax(1).tolist())"
    other = reader.replace("scores", "others")
    assert len(found(set_up, other, maker)) == 1
    assert found(set_up, maker, reader) == ()
    assert found(set_up, reader, maker) == ()
    # This one reads what it made itself.
    assert len(found(set_up, f"scores = head(x)\n{reader}", maker)) == 1
