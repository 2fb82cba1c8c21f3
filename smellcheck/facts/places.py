"""Where the wanted nodes of a tree stand in its text, found by the statements that hold them and by no others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import libcst as cst

from .spans import Span, spans, spelled_alone


class Places:
    """The places of one tree's nodes in the text that was parsed into it.

    Code generation is the only way from a node of LibCST to its place, and it costs as much as a parse. Most nodes
    that anyone asks for stand in a few statements: these are spelled out alone, and looked for in the text. Where
    the lines of a statement occur once, there it stands; where they occur again, the statement around it is asked.
    """

    def __init__(self, module: cst.Module, text: str, parent: Mapping[cst.CSTNode, cst.CSTNode]) -> None:
        self.module = module
        self._text, self._parent = text, parent
        self._known: dict[cst.CSTNode, Span] = {}
        # What the tree spells otherwise than the text might be found where it does not stand.
        blank = text[len(text.rstrip()) :]
        self._faithful = "\f" not in text and not blank.strip("\r\n")
        # A tree spells the end of the last line, even where the text has none.
        self._lines = text if blank else text + module.default_newline

    def of(self, wanted: Iterable[cst.CSTNode]) -> dict[cst.CSTNode, Span]:
        """Start and end offsets of the nodes, as `spans` gives them for the whole tree."""
        wanted = set(wanted)
        missing = wanted - self._known.keys()
        holding: dict[cst.CSTNode, set[cst.CSTNode]] = {}
        for node in missing if self._faithful else ():
            statement = self._statement(node)
            if statement is not None:
                holding.setdefault(statement, set()).add(node)
        # Punctuation has no parent, but is asked for together with what it stands beside.
        loose = missing.difference(*holding.values())
        for statement, nodes in holding.items():
            self._known |= self._within(statement, nodes | loose)
        if not missing <= self._known.keys():
            self._known |= spans(self.module, self._text, missing)
        return {node: self._known[node] for node in wanted if node in self._known}

    def _statement(self, node: cst.CSTNode | None) -> cst.CSTNode | None:
        """The innermost statement around a node that begins a line."""
        while node is not None:
            above = self._parent.get(node)
            if isinstance(above, cst.IndentedBlock | cst.Module):
                return node
            node = above
        return None

    def _within(self, innermost: cst.CSTNode, wanted: set[cst.CSTNode]) -> dict[cst.CSTNode, Span]:
        statement: cst.CSTNode | None = innermost
        while statement is not None:
            spelled, found = spelled_alone(self.module, statement, self._indents(statement), wanted)
            start = self._only_place(spelled)
            if start is not None:
                return {node: (first + start, last + start) for node, (first, last) in found.items()}
            statement = self._statement(self._parent.get(statement))
        return {}

    def _only_place(self, lines: str) -> int | None:
        """Where these lines begin in the text; None where they do nowhere, or more than once."""
        starts: list[int] = []
        at = -1
        while len(starts) < 2 and (at := self._lines.find(lines, at + 1)) >= 0:
            if not at or self._lines[at - 1] in "\r\n":
                starts.append(at)
        return starts[0] if len(starts) == 1 else None

    def _indents(self, statement: cst.CSTNode) -> list[str]:
        found: list[str] = []
        current = self._parent.get(statement)
        while current is not None:
            if isinstance(current, cst.IndentedBlock):
                found.append(self.module.default_indent if current.indent is None else current.indent)
            current = self._parent.get(current)
        return found[::-1]
