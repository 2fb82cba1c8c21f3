"""Which figures single training steps read, to report them or to give them back."""

from __future__ import annotations

import libcst as cst
import pytest

from smellcheck.file import File

STEP = """
import torch
class A:
    def {name}(self, x):
        loss = self.net(x).mean()
        loss.backward()
        {lines}
"""


def of_step(name: str, lines: str) -> list[str]:
    """The texts of the figures that a step reads."""
    code = STEP.format(name=name, lines="\n        ".join(lines.split("; ")))
    file = File(code, "module.py")
    function = next(one for one in file.all(cst.FunctionDef) if one.name.value == name)
    return [file.text_of(one) for one in file.figures.of_step(function)]


@pytest.mark.parametrize(
    ("name", "lines", "expected"),
    [
        ("train_step", "self.opt.step(); return loss.item()", ["loss.item()"]),
        ("train_step", "self.opt.step(); self.costs.append(loss.cpu().item())", ["loss.cpu()"]),
        ("train_step", "self.opt.step(); print(loss.item())", []),
        ("train_step", "self.opt.step(); return loss.detach().cpu().numpy()", []),
        ("train_step", "self.opt.step(); return loss.detach()", []),
        ("train_step", "return loss.item()", []),
        ("fit", "self.opt.step(); return loss.item()", []),
        ("fit", "self.opt.step(); return loss.item(), x.sum().item()", []),
        (
            "fit",
            "self.opt.step(); return loss.item(), x.sum().item(), x.max().item()",
            ["loss.item()", "x.sum().item()", "x.max().item()"],
        ),
    ],
)
def test_what_a_step_reads(name: str, lines: str, expected: list[str]) -> None:
    assert of_step(name, lines) == expected
