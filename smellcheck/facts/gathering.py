"""Where the results of a repeated call are gathered, and what could take the place of the loop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import libcst as cst

from ..smell import Edit
from .listing import listing, spell
from .rounds import read
from .tree import descend

if TYPE_CHECKING:
    from ..file import File
    from .samples import Each


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
        found = self._found(each) if each.via is None else None
        if found is None:
            return None
        whole = found.loop or found.place
        # A comment in what is replaced would be lost, and so would anything awaited or bound on the way.
        if any(isinstance(node, cst.Await | cst.Yield | cst.NamedExpr) for node in descend(whole)) or self._commented(
            found
        ):
            return None
        return found

    def batched(
        self,
        each: Each,
        *,
        unit: cst.CSTNode,
        item: cst.BaseExpression | None,
        given: str,
        arrays: bool = False,
        listed: bool = False,
        around: str = "{}",
        extra: tuple[str, ...] = (),
    ) -> tuple[Edit, ...]:
        """The edits after which one call gets the list of all items; none when that is not surely the same.

        `unit` is the part of an element that one result takes the place of, spelled `given`: a name, or a
        name with something around it. `item` is the part of the argument that differs from round to round,
        `around` what the list of items is spelled in, `extra` the arguments that the call gets besides.
        `arrays` says that the call takes arrays as well as lists, `listed` that it gives a list.
        """
        gathering = self.of(each)
        items = listing(self._file, each, item, arrays=arrays) if gathering is not None else None
        if gathering is None or items is None:
            return ()
        rest = [spell(arg) for arg in each.call.args[1:]] if each.call is not None else []
        call = f"{self._file.text_of(each.func)}({', '.join((around.replace('{}', items), *rest, *extra))})"
        text = self._whole(gathering, unit, call, given, listed=listed)
        return self._edits(gathering, text) if text is not None else ()

    def _whole(self, gathering: Gathering, unit: cst.CSTNode, batched: str, given: str, *, listed: bool) -> str | None:
        """The list of all elements, made from the results of one batched call."""
        element = gathering.element
        if given.isidentifier() and (element is None or element is unit):
            return batched if listed else f"list({batched})"
        put = cst.parse_expression(given)
        name = next(found.value for found in read(put))
        rest = put if element is None or element is unit else element.deep_replace(unit, put)
        names = [found.value for found in read(rest)]
        theirs = (set(names) - {name}) & gathering.each.variables
        if names.count(name) != 1 or theirs or any(isinstance(node, cst.Lambda) for node in descend(rest)):
            return None
        return f"[{spell(rest)} for {name} in {batched}]"

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
                [
                    cst.SimpleStatementLine(
                        body=[cst.Expr(value=cst.Call(func=func, args=[cst.Arg(value=element, star="")]))]
                    )
                ],
                cst.SimpleStatementLine(
                    body=[cst.Assign(targets=[cst.AssignTarget(target=target)]) | cst.AnnAssign(target=target) as made]
                ),
            ) if isinstance(made.value, cst.List) and not made.value.elements and isinstance(target, cst.Name):
                named = (
                    isinstance(func, cst.Attribute)
                    and func.attr.value == "append"
                    and self._file.same(func.value, target)
                )
                reads = {name.value for name in (*read(element), *read(loop.iter))}
                if named and target.value not in reads and not self._outlives(loop, each.variables):
                    return Gathering(each, element, made.value, loop)
        return None

    def _outlives(self, loop: cst.For, names: frozenset[str]) -> bool:
        """Whether a loop variable is read after the loop."""
        tree = self._file.tree
        for name in (name for wanted in names for name in tree.named(wanted, self._file.module)):
            if self._file.context.within(name, loop) or self._is_target(name):
                continue
            if any(definition.node is loop for definition in self._file.scopes.reaching(name)):
                return True
        return False

    def _is_target(self, name: cst.Name) -> bool:
        """Whether a name is bound here, and not read."""
        child: cst.CSTNode = name
        above = self._file.parent(name)
        while isinstance(above, cst.Element | cst.Tuple | cst.List):
            child, above = above, self._file.parent(above)
        return isinstance(above, cst.For | cst.CompFor | cst.AssignTarget) and above.target is child

    def _listed_map(self, mapping: cst.Call) -> cst.Call | None:
        """`list(map(...))`."""
        arg = self._file.parent(mapping)
        above = self._file.parent(arg) if isinstance(arg, cst.Arg) else None
        match above:
            case cst.Call(func=cst.Name(value="list"), args=[_]):
                return above
        return None

    def _new_column(self, mapping: cst.Call) -> cst.Call | None:
        """`df["new"] = df["old"].apply(...)` or `df["new"] = df.apply(..., axis=1)`: the rows in order."""
        owner = mapping.func.value if isinstance(mapping.func, cst.Attribute) else None
        frame = owner.value if isinstance(owner, cst.Subscript) else owner
        match self._file.parent(mapping):
            case cst.Assign(targets=[cst.AssignTarget(target=cst.Subscript(value=target, slice=[_]))]):
                axis_only = all(arg.keyword is not None and arg.keyword.value == "axis" for arg in mapping.args[1:])
                if frame is not None and axis_only and self._file.same(target, frame):
                    return mapping
        return None

    def _commented(self, found: Gathering) -> bool:
        code = self._file.module.code_for_node(found.loop) if found.loop else self._file.text_of(found.place)
        return "#" in code
