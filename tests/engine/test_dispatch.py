"""A rule is shown what it subscribes to, in the order of the file, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst
import pytest

from smellcheck import File, Smell, rule
from smellcheck.engine import check
from smellcheck.rule import Rule

TEXT = "import torch\n\nx.to(y.cpu())\ncpu()\ntorch.to.other()\nf(x.to)\nz[0].cuda().to(1)\n"


def seen(**subscription: str) -> list[str]:
    shown: list[str] = []

    def look(call: cst.Call, file: File) -> Iterator[Smell]:
        shown.append(file.text_of(call))
        yield from ()

    look.__annotations__["call"] = cst.Call
    made: Rule = rule(imports="torch", practice="hardware", **subscription)(look)  # type: ignore[arg-type]
    assert not check(TEXT, [made]).problems
    return shown


def test_methods_are_the_last_names_of_what_is_called() -> None:
    wanted = ["x.to(y.cpu())", "y.cpu()", "cpu()", "z[0].cuda().to(1)", "z[0].cuda()"]
    assert seen(methods="to cpu cuda") == wanted
    assert [text for text in seen() if text in wanted] == wanted
    assert seen(methods="absent") == []


def test_methods_are_words_that_a_file_must_hold() -> None:
    def look(call: cst.Call, file: File) -> Iterator[Smell]:
        yield from ()

    look.__annotations__["call"] = cst.Call
    made = rule(imports="torch", practice="hardware", methods="to cpu", words="for while")(look)
    assert made.triggers.words == (frozenset({"to", "cpu"}), frozenset({"for", "while"}))


def test_calls_and_methods_exclude_each_other() -> None:
    with pytest.raises(TypeError, match="exclude each other"):
        rule(imports="torch", practice="hardware", calls="torch.zeros", methods="zeros")(lambda call, file: iter(()))
