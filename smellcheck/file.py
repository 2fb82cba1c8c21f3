"""One parsed file, walked once; every fact about it is answered on first use."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, TypeVar

import libcst as cst

from .facts.attention import Attentions
from .facts.batches import Batches
from .facts.calls import Calls
from .facts.constants import Constants
from .facts.context import Context
from .facts.dtypes import Dtypes
from .facts.gathering import Gatherings
from .facts.grad import Grad
from .facts.graph import Graph
from .facts.hot import Hot
from .facts.inference import Inference
from .facts.items import Items
from .facts.loading import Loading
from .facts.moves import Moves
from .facts.names import Names
from .facts.optimizers import Optimizers
from .facts.phase import Phase
from .facts.ranks import Ranks
from .facts.readbacks import Readbacks
from .facts.reader import Reader
from .facts.samples import Samples
from .facts.scopes import Scopes
from .facts.siblings import Siblings
from .facts.spans import Span
from .facts.steps import Steps
from .facts.tree import Tree, descend
from .facts.values import Values
from .smell import Edit

if TYPE_CHECKING:
    from .project import View

_FORM_FEEDS = re.compile(r"(^[ \t\f]*\f[ \t\f]*(?=[^\s#]))|\f", re.M)

N = TypeVar("N", bound=cst.CSTNode)

_EXPRESSION = cst.BaseExpression
_BINDERS = (cst.Assign, cst.AnnAssign, cst.NamedExpr)


class File:
    """What rules ask. Facts that are not sure answer `None`.

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

    @cached_property
    def tree(self) -> Tree:
        """The nodes by type, and their parents."""
        return Tree(self.module)

    @cached_property
    def scopes(self) -> Scopes:
        """Where names are bound and used."""
        return Scopes(self.tree, self.module)

    @cached_property
    def names(self) -> Names:
        """What names refer to."""
        return Names(self.tree, self.scopes)

    @cached_property
    def calls(self) -> Calls:
        """Who calls whom."""
        return Calls(self.tree, self.scopes, self.names)

    @cached_property
    def values(self) -> Values:
        """What expressions surely are."""
        return Values(self)

    @cached_property
    def context(self) -> Context:
        """Under what nodes run."""
        return Context(self)

    @cached_property
    def grad(self) -> Grad:
        """Whether autograd records."""
        return Grad(self)

    @cached_property
    def phase(self) -> Phase:
        """Whether code trains."""
        return Phase(self)

    @cached_property
    def inference(self) -> Inference:
        """Which forward passes surely are inference."""
        return Inference(self)

    @cached_property
    def graph(self) -> Graph:
        """Where the results of forward passes go."""
        return Graph(self)

    @cached_property
    def optimizers(self) -> Optimizers:
        """Whose parameters which optimizer steps."""
        return Optimizers(self)

    @cached_property
    def steps(self) -> Steps:
        """What training steps are made of."""
        return Steps(self)

    @cached_property
    def siblings(self) -> Siblings:
        """What the project's other modules say of this one's calls."""
        return Siblings(self)

    @cached_property
    def dtypes(self) -> Dtypes:
        """Which arrays surely hold 64-bit floats."""
        return Dtypes(self)

    @cached_property
    def samples(self) -> Samples:
        """What runs once for each item of a collection."""
        return Samples(self)

    @cached_property
    def items(self) -> Items:
        """What repeated calls are given."""
        return Items(self)

    @cached_property
    def loading(self) -> Loading:
        """What loads the weights of models."""
        return Loading(self)

    @cached_property
    def batches(self) -> Batches:
        """Which batches hold one item."""
        return Batches(self)

    @cached_property
    def constants(self) -> Constants:
        """What is the same numbers in each run."""
        return Constants(self)

    @cached_property
    def moves(self) -> Moves:
        """Where calls move tensors and modules."""
        return Moves(self)

    @cached_property
    def hot(self) -> Hot:
        """What runs again and again."""
        return Hot(self)

    @cached_property
    def readbacks(self) -> Readbacks:
        """What makes the host wait for the device."""
        return Readbacks(self)

    @cached_property
    def ranks(self) -> Ranks:
        """How many dimensions tensors have."""
        return Ranks(self)

    @cached_property
    def attentions(self) -> Attentions:
        """Where attention is computed by hand."""
        return Attentions(self)

    @cached_property
    def gatherings(self) -> Gatherings:
        """Where the results of repeated calls are gathered."""
        return Gatherings(self)

    # -- nodes ---------------------------------------------------------------------------------

    def all(self, *kinds: type[N]) -> Iterator[N]:
        """Every node of these types, in the order of the file for each type."""
        return chain.from_iterable(self.tree.by_type.get(kind, ()) for kind in kinds)  # type: ignore[misc]

    def parent(self, node: cst.CSTNode) -> cst.CSTNode | None:
        """The node that holds this one; `None` for the module."""
        return self.tree.parent.get(node)

    def before(self, first: cst.CSTNode, second: cst.CSTNode) -> bool:
        """Whether one node comes before another in the file (for nodes of different statements)."""
        return self.tree.order[first] < self.tree.order[second]

    def name(self, node: cst.CSTNode) -> str | None:
        """`F.relu` as `torch.nn.functional.relu`, when imports settle it."""
        return self.names.qualified(node)

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

    def names_in(self, node: cst.CSTNode) -> Iterator[cst.Name]:
        """The names that an expression reads: not the attributes, not the keywords of calls."""
        for below in descend(node):
            if isinstance(below, cst.Name):
                above = self.parent(below)
                if isinstance(above, cst.Attribute) and above.attr is below:
                    continue
                if isinstance(above, cst.Arg) and above.keyword is below:
                    continue
                yield below

    def uses(self, bound: cst.Name) -> list[cst.Name]:
        """Where a name that an assignment binds may be read with the value that it binds."""
        function = self.context.function(bound)
        home: cst.CSTNode = function.body if function is not None else self.module
        binder = next((above for _, above in self.context.ancestors(bound) if isinstance(above, _BINDERS)), None)
        return [
            name
            for name in self.tree.named(bound.value, home)
            if self.reads(name) and any(one.node is binder for one in self.scopes.seen(name))
        ]

    def reads(self, name: cst.Name) -> bool:
        """Whether a name is read where it stands: not bound, not an attribute's, not a keyword's."""
        above = self.parent(name)
        match above:
            case cst.Attribute() | cst.Arg():
                return above.value is name
            case cst.AssignTarget() | cst.Param() | cst.Global() | cst.NameItem():
                return False
            case cst.For() | cst.CompFor() | cst.AugAssign() | cst.NamedExpr():
                return above.target is not name
            case cst.Element():
                outer: cst.CSTNode = above
                while isinstance(around := self.parent(outer), cst.Element | cst.Tuple | cst.List):
                    outer = around
                if isinstance(around, cst.For | cst.CompFor):
                    return around.target is not outer
                return not isinstance(around, cst.AssignTarget)
        return True

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

    def matches(self, pattern: re.Pattern[str]) -> bool:
        """Whether a pattern occurs anywhere in the text."""
        if pattern not in self._matches:
            self._matches[pattern] = pattern.search(self.text) is not None
        return self._matches[pattern]

    def free_name(self, *candidates: str, at: cst.CSTNode) -> str | None:
        """The first of some names that nothing binds where a node is evaluated."""
        scope = self.scopes.around(at)
        return next((name for name in candidates if self.scopes.bound(name, scope) is None), None)

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
            return Edit((call.args[-1].value, "end"), (call.args[-1].value, "end"), f", {text}")
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
