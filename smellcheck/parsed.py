"""A file's tree and text: nodes, how they are spelled, where they stand, and the edits that change them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, TypeVar

import libcst as cst

from .cells import MASK
from .facts.reader import Reader
from .facts.spans import Span
from .facts.tree import Tree, descend
from .smell import Edit

if TYPE_CHECKING:
    from .view import View

_FORM_FEEDS = re.compile(r"(^[ \t\f]*\f[ \t\f]*(?=[^\s#]))|\f", re.M)

N = TypeVar("N", bound=cst.CSTNode)

_EXPRESSION = cst.BaseExpression


class Parsed:
    """One text, parsed once.

    Raises `libcst.ParserSyntaxError` when the text does not parse.
    """

    def __init__(self, text: str, path: str = "", reader: Reader | None = None, project: View | None = None) -> None:
        self.path = path
        #: The project as this file sees it; without one, nothing is known of other modules.
        self.project = project
        self.text = text
        # LibCST reads a form feed or a lone carriage return in ways that do not round-trip; of the same length,
        # a space and a newline leave every offset where it was.
        self.spelled = _spelled(text)
        self._reader = reader or Reader()
        self.module = self._reader.parse(self.spelled)
        self._texts = self._reader.texts
        self._matches: dict[re.Pattern[str], bool] = {}

    @property
    def in_cells(self) -> bool:
        """Whether this is a notebook, its cells joined to one module."""
        return self.text.startswith(f"{MASK}_")

    @cached_property
    def tree(self) -> Tree:
        """The nodes by type, and their parents."""
        return Tree(self.module)

    def all(self, *kinds: type[N]) -> Iterator[N]:
        """Every node of these types, in the order of the file for each type."""
        return chain.from_iterable(self.tree.by_type.get(kind, ()) for kind in kinds)  # type: ignore[misc]

    def parent(self, node: cst.CSTNode) -> cst.CSTNode | None:
        """The node that holds this one; `None` for the module."""
        return self.tree.parent.get(node)

    def before(self, first: cst.CSTNode, second: cst.CSTNode) -> bool:
        """Whether one node comes before another in the file (for nodes of different statements)."""
        return self.tree.order[first] < self.tree.order[second]

    def text_of(self, node: cst.CSTNode) -> str:
        """The source text of a node, without the comments and white space around it."""
        if node not in self._texts:
            if isinstance(node, cst.Name) and not node.lpar:
                return node.value
            self._texts[node] = self.module.code_for_node(node).strip()
        return self._texts[node]

    def spans(self, wanted: Iterable[cst.CSTNode]) -> dict[cst.CSTNode, Span]:
        """Start and end offsets of the nodes that are wanted, as far as the tree spells the text."""
        return self._reader.spans(self.module, self.spelled, wanted, self.tree.parent)

    def same(self, first: cst.CSTNode, second: cst.CSTNode) -> bool:
        """Whether two expressions are spelled alike."""
        if type(first) is not type(second) and isinstance(first, _EXPRESSION) and isinstance(second, _EXPRESSION):
            return False
        return self.text_of(first) == self.text_of(second)

    def mentions(self, word: str) -> bool:
        """Whether the text contains a word at all."""
        return word in self.text

    @cached_property
    def torchlike(self) -> bool:
        """Whether the text speaks of torch, or of what only torch's users write."""
        return any(word in self.text for word in ("torch", ".backward()", ".cuda()"))

    def matches(self, pattern: re.Pattern[str], *pieces: str) -> bool:
        """Whether a pattern occurs anywhere in the text.

        Whatever it matches holds one of the `pieces`, if any are given: they are looked for in a fraction of the time.
        """
        if pattern not in self._matches:
            may = not pieces or any(piece in self.text for piece in pieces)
            self._matches[pattern] = may and pattern.search(self.text) is not None
        return self._matches[pattern]

    def argument(self, call: cst.Call, name: str, position: int | None = None) -> cst.Arg | None:
        """The argument of this name or position; `None` when absent, or when stars may hide it."""
        for index, arg in enumerate(call.args):
            if arg.star:
                return None
            if (arg.keyword is not None and arg.keyword.value == name) or (arg.keyword is None and index == position):
                return arg
        return None

    # -- edits: nodes in, text out -------------------------------------------------------------

    def replace(self, node: cst.CSTNode, text: str) -> Edit:
        """Put `text` in the place of a node."""
        return Edit((node, "start"), (node, "end"), text)

    def insert_before(self, node: cst.CSTNode, text: str) -> Edit:
        """Put `text` right before a node."""
        return Edit((node, "start"), (node, "start"), text)

    def insert_after(self, node: cst.CSTNode, text: str) -> Edit:
        """Put `text` right behind a node."""
        return Edit((node, "end"), (node, "end"), text)

    def insert_line_before(self, statement: cst.CSTNode, *lines: str) -> Edit:
        """Put whole lines above a statement, indented as it is."""
        indent = self.indent(statement)
        anchor = self.begins_with(statement)
        return Edit((anchor, "line-start"), (anchor, "line-start"), "".join(f"{indent}{line}\n" for line in lines))

    def delete_statement(self, statement: cst.CSTNode) -> Edit:
        """Take out a statement that stands on lines of its own; where it is all that a block holds, `pass` stays."""
        block = self.parent(statement)
        if isinstance(block, cst.IndentedBlock) and len(block.body) == 1:
            return Edit((self.begins_with(statement), "indent"), (statement, "end"), "pass")
        return Edit((statement, "line-start"), (statement, "line-end"), "")

    def remove_argument(self, call: cst.Call, arg: cst.Arg) -> Edit:
        """Take an argument out of a call together with its comma."""
        index = list(call.args).index(arg)
        if index:
            return Edit((call.args[index - 1].value, "end"), (arg.value, "end"), "")
        if len(call.args) > 1:
            return Edit((arg, "start"), (call.args[1], "start"), "")
        return Edit((arg, "start"), (arg.value, "end"), "")

    def add_argument(self, call: cst.Call, text: str) -> Edit:
        """Add an argument behind the last one of a call."""
        if call.args:
            last = call.args[-1].value
            # The parentheses around an expression are not its own text.
            behind: cst.CSTNode = last.rpar[-1] if last.rpar else last
            return Edit((behind, "end"), (behind, "end"), f", {text}")
        return Edit((call.func, "end"), (call, "end"), f"({text})")

    def wrap(self, statements: Sequence[cst.CSTNode], header: str) -> tuple[Edit, ...] | None:
        """Put neighbouring statements under `header:`; `None` when a string of several lines forbids it."""
        for statement in statements:
            for node in descend(statement):
                if isinstance(node, cst.SimpleString | cst.FormattedString) and "\n" in self.text_of(node):
                    return None
        block = self.parent(statements[0])
        # Where a block is indented otherwise than the rest of the file, tabs and spaces must not meet.
        own = block.indent if isinstance(block, cst.IndentedBlock) else None
        step = self.module.default_indent if own is None else own
        first, last = self.begins_with(statements[0]), statements[-1]
        return (
            self.insert_line_before(statements[0], f"{header}:"),
            Edit((first, "line-start"), (last, "line-end"), step, kind="indent"),
        )

    def indent(self, node: cst.CSTNode) -> str:
        """The white space that the lines of a statement begin with."""
        found = []
        current: cst.CSTNode | None = node
        while current is not None:
            current = self.parent(current)
            if isinstance(current, cst.IndentedBlock):
                found.append(self.module.default_indent if current.indent is None else current.indent)
        return "".join(reversed(found))

    def begins_with(self, statement: cst.CSTNode) -> cst.CSTNode:
        """The node whose line a statement begins on: its first decorator, if it has any."""
        if isinstance(statement, cst.FunctionDef | cst.ClassDef) and statement.decorators:
            return statement.decorators[0]
        return statement


def _spelled(text: str) -> str:
    if "\f" not in text and "\r" not in text:
        return text
    # In front of code a space would indent it: there the tree spells the text up to the form feed only.
    characters = list(_FORM_FEEDS.sub(lambda match: match[1] or " ", text))
    for index, character in enumerate(characters):
        if character == "\r" and characters[index + 1 : index + 2] != ["\n"]:
            characters[index] = "\n"
    return "".join(characters)
