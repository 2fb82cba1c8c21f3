"""Character spans of the nodes asked for, and of no others, by one pass of code generation."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import contextmanager

import libcst as cst

# Private in LibCST, and the only way to positions that costs less than a parse; a test compares it with
# LibCST's public provider.
from libcst._nodes.internal import CodegenState

Span = tuple[int, int]


def spans(module: cst.Module, text: str, wanted: Iterable[cst.CSTNode]) -> dict[cst.CSTNode, Span]:
    """Start and end offsets in `text` of each wanted node, but of those behind the place where the tree, spelled out,
    differs from `text`: LibCST's round trip is not exact for form feeds and for blanks at the end of a file.
    """
    state = _Spans(module, set(wanted))
    module._codegen(state)
    spelled = "".join(state.tokens)
    if spelled == text:
        return state.found
    same = next((i for i, (ours, theirs) in enumerate(zip(spelled, text, strict=False)) if ours != theirs), len(text))
    return {node: span for node, span in state.found.items() if span[1] <= same}


def spelled_alone(
    module: cst.Module, statement: cst.CSTNode, indents: Iterable[str], wanted: Iterable[cst.CSTNode]
) -> tuple[str, dict[cst.CSTNode, Span]]:
    """The lines of a statement, those above it left out, and the spans in them of the wanted nodes.

    `indents` are those of the blocks around it.
    """
    state = _Spans(module, set(wanted))
    for indent in indents:
        state.increase_indent(indent)
    for line in getattr(statement, "leading_lines", ()):
        line._codegen(state)
    above = state.at
    state.tokens.clear()
    state.at = -above
    statement._codegen(state)
    return "".join(state.tokens)[above:], state.found


class _Spans(CodegenState):
    def __init__(self, module: cst.Module, wanted: set[cst.CSTNode]) -> None:
        super().__init__(default_indent=module.default_indent, default_newline=module.default_newline)
        self.at = 0
        self.opened: list[int] = []
        self.wanted = wanted
        self.found: dict[cst.CSTNode, Span] = {}

    def add_indent_tokens(self) -> None:
        self.tokens.extend(self.indent_tokens)
        self.at += sum(map(len, self.indent_tokens))

    def add_token(self, value: str) -> None:
        self.tokens.append(value)
        self.at += len(value)

    def pop_trailing_newline(self) -> None:
        if self.tokens:
            self.at -= len(self.tokens.pop())

    def before_codegen(self, node: cst.CSTNode) -> None:  # noqa: ARG002
        self.opened.append(self.at)

    def after_codegen(self, node: cst.CSTNode) -> None:
        start = self.opened.pop()
        if node in self.wanted:
            self.found.setdefault(node, (start, self.at))

    @contextmanager
    def record_syntactic_position(
        self, node: cst.CSTNode, *, start_node: cst.CSTNode | None = None, end_node: cst.CSTNode | None = None
    ) -> Generator[None, None, None]:
        # A node's own text leaves out its parentheses and the white space around it.
        if node in self.wanted:
            for edge in (start_node, end_node):
                if edge is not None:
                    self.wanted.add(edge)
        start = self.at
        yield
        if node in self.wanted:
            first = self.found.get(start_node, (start, 0))[0] if start_node is not None else start
            last = self.found.get(end_node, (0, self.at))[1] if end_node is not None else self.at
            self.found[node] = (first, last)
