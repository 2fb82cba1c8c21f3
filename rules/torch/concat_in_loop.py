"""A tensor that grows by one piece in each turn of a loop is copied whole every time."""

import re
from collections.abc import Iterator

import libcst as cst

from smellcheck import Edit, File, Fix, Loop, Smell, rule

_JOINS = tuple(
    f"{home}.{name}"
    for home, names in {
        "torch": ("cat", "concat", "concatenate", "vstack", "hstack"),
        "numpy": ("concatenate", "vstack", "hstack", "append"),
    }.items()
    for name in names
)
_EMPTY = {f"torch.{name}" for name in ("empty", "zeros", "tensor", "Tensor", "FloatTensor")}
_EMPTY |= {"numpy.array", "numpy.empty"}
# Nobody has so many of these that copying them again would show.
_FEW = re.compile(
    r"head|layer|class|output|level|scale|stage|block|band|channel|component|fold|split|dim|gpu|device", re.I
)
_LEVELS = re.compile(r"level|scale|pyramid|stage|heads|layers", re.I)
# Beside the pass of a model for each token, a whole generation for each piece, or a step of a simulation and of the
# policy that it takes, a copy is nothing.
_DECODES = re.compile(r"\.(multinomial|generate|inference)\(|\benv\w*\.step\(")
_KINDS = {"batch", "chunk", "stream", "sample", "unknown"}


# How many pieces there are, and how large they are, only the data say: most that grow are labels and scores.
@rule(imports="torch", words="for while", calls=_JOINS, practice="refactoring", level="info")
def check(call: cst.Call, file: File) -> Iterator[Smell]:
    grown = growing(call, file)
    loops = [one for one in file.context.loops(call) if isinstance(one.node, cst.For | cst.While)]
    if grown is None or not loops or file.context.in_test(call):
        return
    name = grown
    # A few pieces of each of many samples are many.
    loop = next((one for one in loops if not few(one, file)), None)
    if loop is None or not all(carried(name, one.node, file) for one in loops[: loops.index(loop) + 1]):
        return
    if decodes(loop.node, file) or looked_at(name, call, loop.node, file):
        return
    yield Smell(
        call,
        f"all of `{name.value}` is copied again for each piece that is added to it",
        fix(call, name, loop.node, file),
    )


def few(loop: Loop, file: File) -> bool:
    """Whether a loop goes over a handful of things: heads, layers, levels."""
    over = file.text_of(loop.node.iter) if isinstance(loop.node, cst.For) else ""
    counted = "range" in over and bool(_FEW.search(over))
    return loop.kind not in _KINDS or counted or bool(_LEVELS.search(over)) or calls_each(loop.node, file)


def decodes(loop: cst.For | cst.While, file: File) -> bool:
    """Whether a turn of the loop asks a model for the next token or for all of them, or steps a simulation."""
    return file.matches(_DECODES) and bool(_DECODES.search(file.text_of(loop.body)))


def calls_each(loop: cst.For | cst.While, file: File) -> bool:
    """Whether a loop runs over layers or functions: it calls what it runs over."""
    match loop:
        case cst.For(target=cst.Name(value=each)):
            return any(
                isinstance(call.func, cst.Name) and call.func.value == each
                for call in file.tree.of_type(cst.Call, loop.body)
            )
    return False


def growing(call: cst.Call, file: File) -> cst.Name | None:
    """The name that a call joins with something and is bound to again: `rows = torch.cat([rows, row])`."""
    above = file.parent(call)
    # `rows = torch.cat([rows, row]) if rows.numel() else row`
    whole = above if isinstance(above, cst.IfExp) and above.body is call else call
    match file.parent(whole):
        case cst.Assign(targets=[cst.AssignTarget(target=cst.Name() as target)], value=value) if value is whole:
            names = {part.value for part in joined(call) if isinstance(part, cst.Name)}
            return target if target.value in names else None
    return None


def joined(call: cst.Call) -> list[cst.BaseExpression]:
    """The two pieces of a call that joins two, of which one comes first and one last."""
    parts = [arg.value for arg in call.args if arg.keyword is None]
    if parts and isinstance(parts[0], cst.List | cst.Tuple):
        parts = [element.value for element in parts[0].elements if isinstance(element, cst.Element)]
    return parts[:2] if len(parts) >= 2 else []


def carried(name: cst.Name, loop: cst.CSTNode, file: File) -> bool:
    """Whether a turn of the loop adds to what earlier turns have made: nothing in it starts anew."""
    function = file.context.function(name)
    scope = file.scopes.around(name)
    bound = [one for one in scope.bindings.get(name.value, ()) if file.context.within(one.node, loop)]
    outside = [one for one in scope.bindings.get(name.value, ()) if not file.context.within(one.node, loop)]
    others = [one for one in bound if not file.context.within(name, one.node)]
    starts = [one for one in others if not first_piece(one.node, name, file)]
    return (
        bool(outside or others) and not starts and (function is None or all(one.kind != "parameter" for one in outside))
    )


def first_piece(statement: cst.CSTNode, name: cst.Name, file: File) -> bool:
    """Whether a statement runs in the first turn only: under `if rows is None:`."""
    for _, above in file.context.ancestors(statement):
        if isinstance(above, cst.If):
            test = file.text_of(above.test)
            return name.value in re.findall(r"\w+", test) or "== 0" in test or lowers(above, file)
    return False


def lowers(branch: cst.If, file: File) -> bool:
    """Whether a branch is taken once: under a flag that it puts down itself, `if first: first = False`."""
    return any(
        isinstance(target.target, cst.Name)
        and file.same(target.target, branch.test)
        and isinstance(assign.value, cst.Name)
        and assign.value.value == "False"
        for assign in file.tree.of_type(cst.Assign, branch.body)
        for target in assign.targets
    )


def looked_at(name: cst.Name, call: cst.Call, loop: cst.CSTNode, file: File) -> bool:
    """Whether a turn reads what has grown so far for more than to see if it is there."""
    for other in file.names_in(loop):
        if other.value != name.value or file.context.within(other, call) or not file.reads(other):
            continue
        above = file.parent(other)
        asks = isinstance(above, cst.Comparison) and all(
            isinstance(part.operator, cst.Is | cst.IsNot) for part in above.comparisons
        )
        sized = isinstance(above, cst.Attribute) and above.attr.value in ("size", "numel", "shape")
        if not asks and not (sized and any(isinstance(one, cst.IfExp) for _, one in file.context.ancestors(other))):
            return True
    return isinstance(loop, cst.While) and name.value in {one.value for one in file.names_in(loop.test)}


def fix(call: cst.Call, name: cst.Name, loop: cst.CSTNode, file: File) -> Fix | None:
    """Collect the pieces in a list and join them once, where an empty start and the end of the loop are in sight."""
    block = file.parent(loop)
    if not isinstance(block, cst.IndentedBlock | cst.Module) or not isinstance(loop, cst.For) or loop.orelse:
        return None
    if not isinstance(file.parent(call), cst.Assign):
        return None
    at = list(block.body).index(loop)
    statement, parts = file.context.statement(call), joined(call)
    if at == 0 or at + 1 >= len(block.body) or not isinstance(call.args[0].value, cst.List | cst.Tuple):
        return None
    start = empty_start(block.body[at - 1], name, file)
    alone = isinstance(statement, cst.SimpleStatementLine) and len(statement.body) == 1
    if start is None or not alone or file.text_of(parts[0]) != name.value or len(list_of(call)) != 2:
        return None
    rest = "".join(f", {file.text_of(arg)}" for arg in call.args[1:])
    after = f"{name.value} = {file.text_of(call.func)}({name.value}{rest})"
    added = f"{name.value}.append({file.text_of(parts[1])})"
    return Fix.unsafe(
        "Join the pieces once, after the loop",
        file.replace(start, "[]"),
        Edit((statement, "indent"), (call, "end"), added),
        file.insert_line_before(block.body[at + 1], after),
    )


def list_of(call: cst.Call) -> list[cst.BaseElement]:
    """The elements of the list or tuple that a call is given."""
    given = call.args[0].value
    return list(given.elements) if isinstance(given, cst.List | cst.Tuple) else []


def empty_start(statement: cst.CSTNode, name: cst.Name, file: File) -> cst.Call | None:
    """The call that makes the empty tensor which a loop begins with."""
    match statement:
        case cst.SimpleStatementLine(
            body=[cst.Assign(targets=[cst.AssignTarget(target=cst.Name(value=bound))], value=cst.Call() as made)]
        ):
            if bound != name.value or file.name(made.func) not in _EMPTY:
                return None
            first = made.args[0].value if made.args else None
            while isinstance(first, cst.Tuple | cst.List) and first.elements:
                first = first.elements[0].value
            nothing = first is None or isinstance(first, cst.List | cst.Tuple)
            return made if nothing or (isinstance(first, cst.Integer) and first.value == "0") else None
    return None
