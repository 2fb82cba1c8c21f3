from __future__ import annotations

import pytest

from smellcheck.file import File

CODE = "import torch\n\n\ndef f(x):\n    return x\n"


@pytest.mark.parametrize(
    "text", ["\f" + CODE, CODE.replace("def", "\fdef"), CODE.replace("\n\n", "\n\f\n"), CODE + "\f"]
)
def test_a_form_feed_is_no_indent(text: str) -> None:
    file = File(text)
    assert len(file.spelled) == len(text)
    assert [type(node).__name__ for node in file.module.body] == ["SimpleStatementLine", "FunctionDef"]
