"""A short slice of the campaign, always the same; see `campaign.py` for a long one."""

from __future__ import annotations

from pathlib import Path

import pytest

from .programs import IMPORTS, of_case, of_file, of_generator, parses
from .properties import faults

HERE = Path(__file__)


@pytest.mark.parametrize("seed", range(0, 120, 10))
def test_changed_cases(seed: int) -> None:
    for each in range(seed, seed + 10):
        assert (each, list(faults(of_case(each)))) == (each, [])


@pytest.mark.parametrize("seed", range(0, 20, 5))
def test_changed_files(seed: int) -> None:
    for each in range(seed, seed + 5):
        assert (each, list(faults(of_file(IMPORTS[0] + HERE.read_text(), each)))) == (each, [])


@pytest.mark.parametrize("seed", range(0, 20, 5))
def test_generated_code(seed: int) -> None:
    pytest.importorskip("pysource_codegen")
    for each in range(seed, seed + 5):
        assert (each, list(faults(of_generator(each)))) == (each, [])


def test_programs_are_programs_and_their_seeds_make_them() -> None:
    made = [of_case(seed) for seed in range(40)]
    assert all(map(parses, made))
    assert made == [of_case(seed) for seed in range(40)]
    assert len(set(made)) > 35


def test_what_is_wrong_is_seen() -> None:
    from smellcheck import mend

    from . import properties

    text = "import torch\n\nfor i in x:  # why\n    y = i\nprint(i)\n"

    def broken(new: str) -> list[str]:
        whole = mend.Mended(new, {}, mend.Checked())
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(properties, "fix", lambda *_, **__: whole)
            return [fault.partition(":")[0] for fault in properties._of_fix(text)]

    assert broken(text.replace("  # why", "")) == ["lost comments"]
    assert broken(text.replace("i in", "j in").replace("y = i", "y = j")) == ["no longer bound in the module"]
    assert broken(text.replace("print", "torch2.print")) == ["read and bound nowhere"]
    assert broken(text + ")") == ["no longer parses"]
