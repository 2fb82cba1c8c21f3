"""Where a notebook's cells begin and end among the statements of the module that they are joined to."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import takewhile
from typing import TypeVar

import libcst as cst

from ..cells import MASK

N = TypeVar("N", bound=cst.CSTNode)


def boundary(statement: cst.CSTNode) -> bool:
    """Whether a statement is no code, but where a cell begins."""
    match statement:
        case cst.SimpleStatementLine(body=[cst.Expr(value=cst.Name(value=name))]):
            return name.startswith(f"{MASK}_")
    return False


def magic(statement: cst.CSTNode) -> bool:
    """Whether a statement stands for a magic or a shell command."""
    match statement:
        case cst.SimpleStatementLine(body=[cst.Expr(value=cst.Name(value=name))]):
            return name.startswith(MASK) and not boundary(statement)
    return False


def within_cell(statements: Iterable[N]) -> list[N]:
    """The statements up to the end of the first one's cell."""
    return list(takewhile(lambda statement: not boundary(statement), statements))
