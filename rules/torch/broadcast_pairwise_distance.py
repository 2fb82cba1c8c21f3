"""Distances of all pairs are taken from a block that holds every difference of every pair."""

from collections.abc import Iterator

import libcst as cst

from smellcheck import File, Fix, Smell, rule

_NORMS = {"norm", "vector_norm"}


@rule(
    imports="torch",
    methods="sum norm vector_norm",
    words="None unsqueeze newaxis",
    practice="refactoring",
    level="info",
)
def check(call: cst.Call, file: File) -> Iterator[Smell]:
    reduced = reduction(call, file)
    if reduced is None or file.context.in_test(call):
        return
    operand, dim = reduced
    norm = last_name(call) in _NORMS
    difference = subtraction(operand if norm else squared(operand, file), file)
    if difference is None:
        return
    left, right = side(difference.left, file), side(difference.right, file)
    if left is None or right is None or left[1] == right[1] or (left[1] < 0) != (right[1] < 0):
        return
    # Behind both new axes stands the one that is added up.
    if dim not in (-1, max(left[1], right[1]) + 1) or max(left[1], right[1]) == -1:
        return
    rows, columns = (left[0], right[0]) if left[1] > right[1] else (right[0], left[0])
    if not any(file.values.kind(each) in ("tensor", "output") for each in (rows, columns)) and not any(
        said_of_torch(each, file) for each in (call, difference.left, difference.right)
    ):
        return
    message = f"every difference of every pair is written out before it is {'normed' if norm else 'squared'} and summed"
    yield Smell(call, message, fix(call, difference, rows, columns, file))


def last_name(call: cst.Call) -> str:
    """The name of the function or method."""
    return call.func.attr.value if isinstance(call.func, cst.Attribute) else getattr(call.func, "value", "")


def said_of_torch(node: cst.BaseExpression, file: File) -> bool:
    """Whether an expression is torch's by its own words: a function of torch, or `unsqueeze`, which arrays lack."""
    made = spelled(node, file)
    return "unsqueeze" in file.text_of(made) or (
        isinstance(made, cst.Call) and (file.name(made.func) or "").startswith("torch.")
    )


def reduction(call: cst.Call, file: File) -> tuple[cst.BaseExpression, int] | None:
    """What a call sums or takes the Euclidean norm of, and over which one axis."""
    function = (file.name(call.func) or "").startswith("torch.")
    if any(arg.star for arg in call.args) or (not function and not isinstance(call.func, cst.Attribute)):
        return None
    given = [arg.value for arg in call.args if arg.keyword is None]
    named = {arg.keyword.value: arg.value for arg in call.args if arg.keyword is not None}
    operand = given.pop(0) if function and given else None if function else call.func.value
    order = ["dim"] if last_name(call) == "sum" else ["p", "dim"]
    for name, value in zip(order, given, strict=False):
        named.setdefault(name, value)
    dim = named.get("dim")
    if operand is None or dim is None or len(given) > len(order) or named.keys() - {"dim", "p", "ord"}:
        return None
    if any(key in named and file.text_of(named[key]) != "2" for key in ("p", "ord")):
        return None
    at = integer(dim)
    return None if at is None else (operand, at)


def integer(node: cst.BaseExpression) -> int | None:
    """The integer that stands there."""
    match node:
        case cst.Integer():
            return node.evaluated_value
        case cst.UnaryOperation(operator=cst.Minus(), expression=cst.Integer() as inner):
            return -inner.evaluated_value
    return None


def spelled(node: cst.BaseExpression, file: File) -> cst.BaseExpression:
    """What a name is bound to where only one statement binds it, and nothing else reads it."""
    if isinstance(node, cst.Name):
        reaching = file.scopes.reaching(node)
        if len(reaching) == 1 and reaching[0].kind == "assign" and not reaching[0].path:
            value = reaching[0].value
            home = file.context.function(node) or file.module
            if isinstance(value, cst.BaseExpression) and len(file.tree.named(node.value, home)) == 2:
                return value
    return node


def squared(node: cst.BaseExpression, file: File) -> cst.BaseExpression | None:
    """What is squared: `d ** 2`, `d.pow(2)`, `torch.square(d)`."""
    node = spelled(node, file)
    match node:
        case cst.BinaryOperation(operator=cst.Power(), left=base, right=cst.Integer("2")):
            return base
        case cst.Call(func=func, args=[cst.Arg(value=base), cst.Arg(value=cst.Integer("2"))]):
            return base if file.name(func) == "torch.pow" else None
        case cst.Call(func=func, args=[cst.Arg(value=base)]) if file.name(func) == "torch.square":
            return base
        case cst.Call(func=cst.Attribute(value=base, attr=cst.Name("pow")), args=[cst.Arg(value=cst.Integer("2"))]):
            return base
        case cst.Call(func=cst.Attribute(value=base, attr=cst.Name("square")), args=[]):
            return base
    return None


def subtraction(node: cst.BaseExpression | None, file: File) -> cst.BinaryOperation | None:
    """The difference that an expression is."""
    value = spelled(node, file) if node is not None else None
    return value if isinstance(value, cst.BinaryOperation) and isinstance(value.operator, cst.Subtract) else None


def side(node: cst.BaseExpression, file: File) -> tuple[cst.BaseExpression, int] | None:
    """A tensor that got one new axis, and where: `a.unsqueeze(1)`, `a[:, None, :]`, expanded or not."""
    node = spelled(node, file)
    match node:
        case cst.Call(func=cst.Attribute(value=inner, attr=cst.Name("expand"))):
            return side(inner, file)
        case cst.Call(func=cst.Attribute(value=base, attr=cst.Name("unsqueeze")), args=[cst.Arg(value=at)]):
            axis = integer(at)
            return None if axis is None or file.name(node.func) is not None else (base, axis)
        case cst.Call(func=func, args=[cst.Arg(value=base), cst.Arg(value=at)]) if file.name(func) == "torch.unsqueeze":
            axis = integer(at)
            return None if axis is None else (base, axis)
        case cst.Subscript(value=base, slice=parts):
            return subscripted(base, [part.slice for part in parts], file)
    return None


def subscripted(
    base: cst.BaseExpression, parts: list[cst.BaseSlice], file: File
) -> tuple[cst.BaseExpression, int] | None:
    """The tensor of `a[:, None]` and where its new axis is."""
    new = [at for at, part in enumerate(parts) if isinstance(part, cst.Index) and file.text_of(part) in _NEW]
    whole = [part for part in parts if isinstance(part, cst.Slice) and part.lower is part.upper is part.step is None]
    return (base, new[0]) if len(new) == 1 and len(new) + len(whole) == len(parts) else None


_NEW = ("None", "np.newaxis", "numpy.newaxis")


def fix(
    call: cst.Call, difference: cst.BinaryOperation, rows: cst.BaseExpression, columns: cst.BaseExpression, file: File
) -> Fix | None:
    """`torch.cdist`, where the difference stands in the call itself."""
    cdist = file.names.local_name("torch.cdist", call)
    if cdist is None or not file.context.within(difference, call):
        return None
    text = f"{cdist}({file.text_of(rows)}, {file.text_of(columns)})"
    whole = text if last_name(call) in _NORMS else f"{text}.square()"
    return Fix.unsafe("Let `torch.cdist` take the distances", file.replace(call, whole))
