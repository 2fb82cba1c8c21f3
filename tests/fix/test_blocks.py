"""What is taken out of a block or put under a `with` leaves a block behind, indented as it was."""

from __future__ import annotations

import ast

import libcst as cst
import pytest

from smellcheck import Fix, Smell, plugins
from smellcheck.edits import apply
from smellcheck.file import File
from smellcheck.resolve import Lines, import_edit, resolve
from smellcheck.smell import Edit


def mended(file: File, node: cst.CSTNode, *edits: Edit) -> str:
    (finding,) = resolve(file, [(plugins.rules()[0], Smell(node, "waste", Fix.safe("Mend", *edits)))], [])
    assert finding.fix is not None
    text = apply(file.text, finding.fix.edits)
    ast.parse(text)
    return text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("while x:\n    waste()\n", "while x:\n    pass\n"),
        ("while x:\n    waste()  # why\n", "while x:\n    pass  # why\n"),
        ("while x:\n    # why\n    waste()\ny()\n", "while x:\n    # why\n    pass\ny()\n"),
        ("while x:\n    waste()\n    y()\n", "while x:\n    y()\n"),
        ("waste()\n", ""),
    ],
)
def test_the_only_statement_of_a_block_becomes_pass(text: str, expected: str) -> None:
    file = File(text)
    (line,) = [node for node in file.all(cst.SimpleStatementLine) if file.text_of(node).endswith("waste()  # why")
               or file.text_of(node).endswith("waste()")]  # fmt: skip
    assert mended(file, line, file.delete_statement(line)) == expected


def test_tabs_and_spaces_do_not_meet() -> None:
    text = "if x:\n    y()\nfor x in y:\n\twaste()\n\twaste()\n"
    file = File(text)
    (loop,) = file.all(cst.For)
    edits = file.wrap(loop.body.body, "with a()")
    assert edits is not None
    assert mended(file, loop, *edits) == "if x:\n    y()\nfor x in y:\n\twith a():\n\t\twaste()\n\t\twaste()\n"


@pytest.mark.parametrize("head", ["", '"""Doc."""\n', "# why\n"])
def test_an_import_stands_in_front_of_decorators(head: str) -> None:
    file = File(f"{head}@f\nclass C: pass\n")
    edit = import_edit(file, "torch", Lines(file.text))
    assert edit is not None
    assert apply(file.text, [edit]) == f"{head}import torch\n@f\nclass C: pass\n"
