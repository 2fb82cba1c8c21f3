"""How a file comes by its tree, by the text of a node and by its place; who reads again may remember all three."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import libcst as cst

from .construction import parse
from .places import Places
from .spans import Span


class Reader:
    """Reads one text, and knows nothing of any before it."""

    def __init__(self) -> None:
        #: What nodes of the last tree are spelled as; a node's own text depends on nothing around it.
        self.texts: dict[cst.CSTNode, str] = {}
        self._places: Places | None = None

    def parse(self, text: str) -> cst.Module:
        """The tree of a text; raises `libcst.ParserSyntaxError`."""
        return parse(text)

    def spans(
        self,
        module: cst.Module,
        text: str,
        wanted: Iterable[cst.CSTNode],
        parent: Mapping[cst.CSTNode, cst.CSTNode],
    ) -> dict[cst.CSTNode, Span]:
        """The places of the wanted nodes of the tree that a text was parsed into, as `facts.spans` has them."""
        if self._places is None or self._places.module is not module:
            self._places = Places(module, text, parent)
        return self._places.of(wanted)
