"""A Python loop takes a tensor apart number by number, where one operation does it for all."""

import re
from collections.abc import Iterator

import libcst as cst

from smellcheck import File, Smell, rule

_NUMBERS = ("int", "float", "bool")
_DRAWS = re.compile(r"\b(plt|ax\w*|fig|figure|draw|cv2)(\[[^\]]*\])?\.|print\(")

Loop = cst.For | cst.ListComp | cst.SetComp | cst.DictComp | cst.GeneratorExp


@rule(imports="torch", words="for", practice="refactoring", level="info")
def check(loop: Loop, file: File) -> Iterator[Smell]:
    if file.context.loop(loop).kind in ("few", "batch", "epoch", "member", "fold"):
        return
    row = scattered(loop, file)
    if row is not None and not file.context.in_test(loop):
        yield Smell(row, "this loop scatters into one row at a time; one `scatter_` along the last dimension fills all")
        return
    for element in numbers(loop, file):
        tensor = taken_from(element, loop, file)
        if tensor is None:
            continue
        if not file.hot.runs_often(loop) or file.context.in_test(loop) or _DRAWS.search(file.text_of(loop)):
            return
        # That is a wait for the device, and told as such.
        if ".item()" in file.text_of(loop):
            return
        name = file.text_of(tensor)
        yield Smell(
            element, f"this loop fetches the numbers of `{name}` one by one; one operation, or `.tolist()`, takes all"
        )
        return


def scattered(loop: Loop, file: File) -> cst.Call | None:
    """The call of `scatter_` that is all that a loop within another does with the rows of a tensor, side by side."""
    match loop:
        case cst.For(
            target=cst.Tuple(elements=[cst.Element(value=cst.Name() as row), cst.Element(value=cst.Name() as places)]),
            iter=cst.Call(func=cst.Name("zip"), args=[cst.Arg(value=cst.Name() as rows), _]),
            body=cst.IndentedBlock(
                body=[
                    cst.SimpleStatementLine(
                        body=[
                            cst.Expr(
                                value=cst.Call(
                                    func=cst.Attribute(value=cst.Name() as filled, attr=cst.Name("scatter_")),
                                    args=[_, cst.Arg(value=cst.Name() as given), _],
                                ) as call
                            )
                        ]
                    )
                ]
            ),
        ):
            bound = file.scopes.reaching(rows)
        case _:
            return None
    if (filled.value, given.value) != (row.value, places.value) or len(bound) != 1 or bound[0].kind != "for":
        return None
    match bound[0].value:
        case cst.Call(func=cst.Name("zip"), args=[cst.Arg(value=whole), _]):
            return call if bound[0].path[-1:] == (0,) and file.values.kind(whole) == "tensor" else None
    return None


def taken_from(element: cst.BaseExpression, loop: Loop, file: File) -> cst.BaseExpression | None:
    """The tensor that an expression is one number of, a different one in each turn of a loop."""
    if isinstance(element, cst.Name):
        return file.elements.iterated(element, loop)
    return file.elements.indexed(element, loop) if isinstance(element, cst.Subscript) else None


def numbers(loop: Loop, file: File) -> Iterator[cst.BaseExpression]:
    """What a loop uses as a number, as only a tensor of one element can be: decided by, cast, or counted with."""
    for test in file.tree.of_type(cst.Comparison, loop):
        if decides(test, loop, file):
            yield test.left
            yield from (part.comparator for part in test.comparisons)
    for call in file.tree.of_type(cst.Call, loop):
        if isinstance(call.func, cst.Name) and call.func.value in _NUMBERS and len(call.args) == 1:
            yield call.args[0].value
    for taken in file.tree.of_type(cst.Subscript, loop) if isinstance(loop, cst.ListComp) else ():
        match taken.slice:
            case [cst.SubscriptElement(slice=cst.Index(value=cst.Name() as index))] if taken is loop.elt:
                if file.values.kind(taken.value) not in ("tensor", "output", "dict"):
                    yield index
    for counted in file.tree.of_type(cst.AugAssign, loop):
        match counted.target:
            case cst.Subscript(slice=[cst.SubscriptElement(slice=cst.Index(value=index))], value=table):
                if file.values.kind(table) in ("list", "dict"):
                    yield index


def decides(test: cst.Comparison, loop: Loop, file: File) -> bool:
    """Whether a comparison in a loop decides by itself what is done: its outcome is one truth value."""
    if any(isinstance(part.operator, cst.Is | cst.IsNot | cst.In | cst.NotIn) for part in test.comparisons):
        return False
    for child, above in file.context.ancestors(test):
        if above is loop:
            return False
        if isinstance(above, cst.If | cst.IfExp):
            return child is above.test
        if isinstance(above, cst.CompIf):
            return True
        if not isinstance(above, cst.BooleanOperation | cst.UnaryOperation):
            return False
    return False
