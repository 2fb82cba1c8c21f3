"""Where the results of a repeated call are gathered, and how one expression could take the place of the loop."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

import libcst as cst

from ..smell import Edit
from .rounds import read
from .samples import is_slice_of_one
from .tree import descend

if TYPE_CHECKING:
    from ..file import File
    from .samples import Each

_PROGRESS = {"tqdm", "trange", "track", "progress_bar", "notebook_tqdm"}
# Calls that may be made for every item before the first result is asked for: they only shape a text.
_PURE = {"strip", "lstrip", "rstrip", "lower", "upper", "replace", "format", "join", "title", "capitalize", "str", "int", "float"}


@dataclass(frozen=True)
class Gathering:
    """A list that gets one element for each item: the call of `each`, perhaps with something around it."""

    each: Each
    #: The element, in which the call stands; `None` when the function itself is handed to `map` or `apply`.
    element: cst.BaseExpression | None
    #: The expression that a list of all elements may replace.
    place: cst.BaseExpression
    #: The loop that is left without work then.
    loop: cst.For | None = None


class Gatherings:
    """Answers for the repeated calls of one file."""

    def __init__(self, file: File) -> None:
        self._file = file

    def of(self, each: Each) -> Gathering | None:
        """Where the results go, when it is one of the shapes that one expression can take the place of."""
        found = self._found(each)
        if found is None:
            return None
        whole = found.loop or found.place
        # A comment in what is replaced would be lost, and so would anything awaited or bound on the way.
        if any(isinstance(node, cst.Await | cst.Yield | cst.NamedExpr) for node in descend(whole)) or self._commented(found):
            return None
        return found

    def batched(
        self,
        each: Each,
        *,
        unit: cst.CSTNode,
        item: cst.BaseExpression | None,
        given: str,
        bare: Collection[str] = ("list",),
        listed: bool = False,
        around: str = "{}",
        extra: tuple[str, ...] = (),
    ) -> tuple[Edit, ...]:
        """The edits after which one call is given the list of all items; none when that is not surely the same.

        `unit` is the part of an element that one result takes the place of, spelled `given` (a name, or a name with
        something around it), `item` the part of the argument that differs from round to round, `around` what the
        list of items is spelled in, and `extra` the arguments that the call gets besides. A collection whose kind is
        in `bare` needs no `list()` around it, and a call whose results are `listed` none either.
        """
        gathering = self.of(each)
        items = self._items(each, item, bare) if gathering is not None else None
        if gathering is None or items is None:
            return ()
        rest = [spelled(arg) for arg in each.call.args[1:]] if each.call is not None else []
        call = f"{self._file.text_of(each.func)}({', '.join((around.format(items), *rest, *extra))})"
        text = self._whole(gathering, unit, call, given, listed=listed)
        return self._edits(gathering, text) if text is not None else ()

    def _items(self, each: Each, item: cst.BaseExpression | None, bare: Collection[str]) -> str | None:
        """An expression for the list of all items; a collection whose kind is in `bare` needs no `list()` around it."""
        repeat = each.repeat
        if item is not None and any(not self._pure(node) for node in descend(item) if isinstance(node, cst.Call)):
            return None
        if isinstance(repeat, cst.Call):
            return self._mapped_items(each, repeat, item, bare)
        clause = repeat if isinstance(repeat, cst.For) else repeat.for_in
        if item is None or (isinstance(repeat, cst.For) and repeat.asynchronous):
            return None
        plain = isinstance(clause, cst.For) or not (clause.ifs or clause.inner_for_in)
        if plain and self._is_counted(each, clause.iter, item):
            # Every slice of `x` of one row is, together, `x` itself, whatever it is.
            return self._file.text_of(each.over) if is_slice_of_one(item) else self._listed(each.over, bare)
        if is_slice_of_one(item):
            return None
        source = self._without_progress(clause.iter)
        if plain and self._file.same(clause.target, item):
            return self._listed(source, bare)
        header = f"for {self._file.text_of(clause.target)} in {self._file.text_of(source)}"
        if isinstance(clause, cst.CompFor):
            header = cst.Module([]).code_for_node(clause.with_changes(iter=source)).strip()
        return f"[{self._file.text_of(item)} {header}]"

    def _whole(self, gathering: Gathering, unit: cst.CSTNode, batched: str, given: str, *, listed: bool) -> str | None:
        """The list of all elements, made from the results of one batched call.

        `unit` is the part of the element that one result takes the place of, spelled `given`: a name, or a name with
        something around it.
        """
        element = gathering.element
        if given.isidentifier() and (element is None or element is unit):
            return batched if listed else f"list({batched})"
        name = next(found.value for found in read(cst.parse_expression(given)))
        spelled = cst.parse_expression(given)
        rest = spelled if element is None or element is unit else element.deep_replace(unit, spelled)
        names = [found.value for found in read(rest)]
        if names.count(name) != 1 or (set(names) - {name}) & gathering.each.variables or any(isinstance(n, cst.Lambda) for n in descend(rest)):
            return None
        return f"[{cst.Module([]).code_for_node(rest).strip()} for {name} in {batched}]"

    def _edits(self, gathering: Gathering, text: str) -> tuple[Edit, ...]:
        """What puts `text` in the place of the list that was gathered."""
        put = self._file.replace(gathering.place, text)
        if gathering.loop is None:
            return (put,)
        above = self._file.context.statement(gathering.place)
        return put, Edit((above, "line-end"), (gathering.loop, "line-end"), "")

    # -- the shapes ------------------------------------------------------------------------------

    def _found(self, each: Each) -> Gathering | None:
        match each.repeat:
            case cst.ListComp() as made:
                inside = each.call is not None and self._file.context.within(each.call, made.elt)
                return Gathering(each, made.elt, made) if inside else None
            case cst.For() as loop:
                return self._appended(each, loop)
            case cst.Call(args=[cst.Arg(value=handed), *_]) as mapping:
                element = handed.body if isinstance(handed, cst.Lambda) else None
                place = self._listed_map(mapping) if isinstance(mapping.func, cst.Name) else self._new_column(mapping)
                return Gathering(each, element, place) if place is not None else None
        return None

    def _appended(self, each: Each, loop: cst.For) -> Gathering | None:
        """`found = []` right above a loop whose only statement is `found.append(...)`."""
        block = self._file.parent(loop)
        if loop.orelse is not None or not isinstance(block, cst.Module | cst.IndentedBlock):
            return None
        at = block.body.index(loop)
        match loop.body.body, block.body[at - 1] if at else None:
            case (
                [cst.SimpleStatementLine(body=[cst.Expr(value=cst.Call(func=func, args=[cst.Arg(value=element, star="")]))])],
                cst.SimpleStatementLine(body=[cst.Assign(targets=[cst.AssignTarget(target=target)]) | cst.AnnAssign(target=target) as made]),
            ) if isinstance(made.value, cst.List) and not made.value.elements and isinstance(target, cst.Name):
                named = isinstance(func, cst.Attribute) and func.attr.value == "append" and self._file.same(func.value, target)
                reads = {name.value for name in (*read(element), *read(loop.iter))}
                if named and target.value not in reads and not self._outlives(loop, each.variables):
                    return Gathering(each, element, made.value, loop)
        return None

    def _outlives(self, loop: cst.For, names: frozenset[str]) -> bool:
        """Whether a loop variable is read after the loop."""
        for name in self._file.all(cst.Name):
            if name.value in names and not self._file.context.within(name, loop):
                if any(definition.node is loop for definition in self._file.scopes.reaching(name)):
                    return True
        return False

    def _listed_map(self, mapping: cst.Call) -> cst.Call | None:
        """`list(map(...))`."""
        arg = self._file.parent(mapping)
        above = self._file.parent(arg) if isinstance(arg, cst.Arg) else None
        match above:
            case cst.Call(func=cst.Name(value="list"), args=[_]):
                return above
        return None

    def _new_column(self, mapping: cst.Call) -> cst.Call | None:
        """`df["new"] = df["old"].apply(...)` or `df["new"] = df.apply(..., axis=1)`: the same rows in the same order."""
        owner = mapping.func.value if isinstance(mapping.func, cst.Attribute) else None
        frame = owner.value if isinstance(owner, cst.Subscript) else owner
        match self._file.parent(mapping):
            case cst.Assign(targets=[cst.AssignTarget(target=cst.Subscript(value=target, slice=[_]))]):
                axis_only = all(arg.keyword is not None and arg.keyword.value == "axis" for arg in mapping.args[1:])
                if frame is not None and axis_only and self._file.same(target, frame):
                    return mapping
        return None

    # -- the items -------------------------------------------------------------------------------

    def _mapped_items(self, each: Each, mapping: cst.Call, item: cst.BaseExpression | None, bare: Collection[str]) -> str | None:
        assert isinstance(each.over, cst.BaseExpression)
        if isinstance(mapping.func, cst.Name):
            if item is None or (isinstance(item, cst.Name) and item.value in each.variables):
                return self._listed(self._without_progress(each.over), bare)
            return f"[{self._file.text_of(item)} for {', '.join(each.variables)} in {self._file.text_of(each.over)}]"
        over = self._file.text_of(each.over)
        if len(mapping.args) > 1:
            # Of a row, a column by its name is all that can be had without the row.
            match item:
                case cst.Subscript(value=cst.Name(value=row), slice=[cst.SubscriptElement(slice=cst.Index(value=cst.SimpleString(value=key)))]):
                    return f"{over}[{key}].tolist()" if row in each.variables else None
            return None
        if item is None or (isinstance(item, cst.Name) and item.value in each.variables):
            return f"{over}.tolist()"
        return f"[{self._file.text_of(item)} for {', '.join(each.variables)} in {over}]"

    def _is_counted(self, each: Each, over: cst.BaseExpression, item: cst.BaseExpression) -> bool:
        """Whether the items are `x[i]`, `x[i:i + 1]` or `x.iloc[[i]]` for every `i` of `range(len(x))`."""
        match over, item:
            case (
                cst.Call(func=cst.Name(value="range"), args=[_]),
                cst.Subscript(value=base, slice=[cst.SubscriptElement(slice=part)]),
            ) if each.indexed:
                if isinstance(base, cst.Attribute) and base.attr.value == "iloc":
                    base = base.value
                index = part.value if isinstance(part, cst.Index) else part.lower if isinstance(part, cst.Slice) else None
                if isinstance(index, cst.List):
                    index = index.elements[0].value
                counted = isinstance(index, cst.Name) and index.value in each.variables
                return counted and self._file.same(base, each.over) and (isinstance(part, cst.Index) or is_slice_of_one(item))
        return False

    def _listed(self, node: cst.CSTNode, bare: Collection[str]) -> str:
        text = self._file.text_of(node)
        return text if self._file.values.kind(node) in bare else f"list({text})"

    def _without_progress(self, node: cst.BaseExpression) -> cst.BaseExpression:
        match node:
            case cst.Call(args=[cst.Arg(value=inner, keyword=None, star=""), *_]):
                func = node.func.attr if isinstance(node.func, cst.Attribute) else node.func
                if isinstance(func, cst.Name) and func.value in _PROGRESS:
                    return inner
        return node

    def _pure(self, call: cst.Call) -> bool:
        match call.func:
            case cst.Name(value=name) | cst.Attribute(attr=cst.Name(value=name)):
                return name in _PURE
        return False

    def _commented(self, found: Gathering) -> bool:
        code = self._file.module.code_for_node(found.loop) if found.loop else self._file.text_of(found.place)
        return "#" in code


def spelled(arg: cst.Arg) -> str:
    """An argument without the comma behind it."""
    return cst.Module([]).code_for_node(arg.with_changes(comma=cst.MaybeSentinel.DEFAULT)).strip()
