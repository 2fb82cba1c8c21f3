"""What a module surely imports whenever it is imported itself, read off its syntax."""

from __future__ import annotations

import ast


def imported(source: bytes) -> list[list[str]]:
    """The modules that are imported at the top, outside of conditions and `try`, each before the names taken of it.

    Relative modules keep their dots; of `import a.b` no name is taken.
    """
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError):
        return []
    found: list[list[str]] = []
    for statement in body:
        match statement:
            case ast.Import(names=names):
                found += ([alias.name] for alias in names)
            case ast.ImportFrom(module=module, names=names, level=level):
                found.append(["." * level + (module or ""), *(alias.name for alias in names)])
    return found
