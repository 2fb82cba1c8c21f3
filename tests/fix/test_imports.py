"""An import that a fix adds: it is safe only where the file could not have been imported without that package."""

from __future__ import annotations

from pathlib import Path

import pytest

from smellcheck import plugins
from smellcheck.mend import fix

RULE = plugins.rule_of(Path(__file__).parents[2] / "rules" / "torch" / "missing_no_grad.md")
BODY = """
model = ResNetModel.from_pretrained("microsoft/resnet-18")
model.eval()

def features(pixels):
    return model(pixels).pooler_output.argmax().item()
"""


@pytest.mark.parametrize(
    ("imports", "safe"),
    [
        ("from transformers import ResNetModel", False),
        (
            "try:\n    from torch import nn\nexcept ImportError:\n    nn = None\nfrom transformers import ResNetModel",
            False,
        ),
        ("from .torch import nn\nfrom transformers import ResNetModel", False),
        ("from torch import nn\nfrom transformers import ResNetModel", True),
        ("import torch.nn as nn\nfrom transformers import ResNetModel", True),
        ("import torchvision\nfrom transformers import ResNetModel", True),
    ],
)
def test_a_package_that_may_be_missing(imports: str, safe: bool) -> None:
    assert RULE is not None
    text = f"{imports}\n{BODY}"
    names = frozenset({RULE.name})
    mended = fix(text, [RULE], explicit=names, safety=frozenset({"safe"}))
    assert ("no_grad" in mended.text) is safe
    assert "no_grad" in fix(text, [RULE], explicit=names, safety=frozenset({"safe", "unsafe"})).text


def test_a_line_that_goes_on_with_nothing() -> None:
    """A backslash joins a blank line to the import: behind that one the next can stand."""
    assert RULE is not None
    text = f"import torch.nn as nn \\\n\n{BODY}".replace("ResNetModel.from_pretrained", "nn.Linear")
    mended = fix(text, [RULE], explicit=frozenset({RULE.name}), safety=frozenset({"safe", "unsafe"}))
    assert not mended.problems
    compile(mended.text, "a.py", "exec")
    assert "import torch.nn as nn \\\n\nimport torch\n" in mended.text
