"""Whether code is there to test, benchmark or debug, where waste is nobody's concern."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import libcst as cst

from .tree import descend

if TYPE_CHECKING:
    from ..file import File

_TEST_PATH = re.compile(
    r"(^|/)(tests?|testing|unittests?|benchmarks?|bench|profiling)/"
    r"|(^|/)(conftest|bench(mark)?_[^/]*|[^/]*_bench(mark)?|bench(mark)?s?|profile_[^/]*|speed_?test[^/]*)\.py$",
    re.I,
)
# A script named `test.py` evaluates a model as often as it tests code: what it contains decides.
_TEST_FILE = re.compile(r"(^|/)(test_[^/]*|[^/]*_tests?|tests?)\.py$", re.I)
_TEST_CODE = re.compile(r"^\s*(import|from) (pytest|unittest)\b", re.M)
_TEST_ASSERTS = re.compile(r"^def test_\w+\(\):(\n([ \t].*)?)*\n[ \t]+assert ", re.M)
_TEST_NAME = re.compile(
    r"bench_|benchmark|speed_?test|profile_|_profile|debug|gradcheck|sanity_check|smoke|time_it|latency", re.I
)


def is_test_file(file: File) -> bool:
    """Whether a whole file tests or measures, by its path and what it imports or asserts."""
    if _TEST_PATH.search(file.path):
        return True
    return bool(_TEST_FILE.search(file.path)) and (file.matches(_TEST_CODE) or file.matches(_TEST_ASSERTS))


def is_test(function: cst.FunctionDef) -> bool:
    """Whether a function tests or measures, by its name and, for `test_*`, by an `assert` in it."""
    name = function.name.value
    if _TEST_NAME.search(name):
        return True
    return name.startswith("test_") and any(isinstance(node, cst.Assert) for node in descend(function.body))
