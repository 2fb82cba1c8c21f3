"""A whole matrix product is computed for its diagonal or its trace."""

import re
from collections.abc import Iterator

import libcst as cst

from smellcheck import File, Fix, Smell, rule

_TAKES = ("diag", "diagonal", "trace")
#: Of two matrices each row, or column, of one meets each of the other.
_PAIRS = re.compile(r"(\w)(\w),(\w)(\w)->(\w)(\w)")
_SCALES = cst.Multiply | cst.Divide


@rule(imports="torch", methods="diag diagonal trace", words="mm matmul einsum @", practice="refactoring")
def check(call: cst.Call, file: File) -> Iterator[Smell]:
    if not isinstance(call.func, cst.Attribute) or call.func.attr.value not in _TAKES:
        return
    taken = call.func.attr.value
    if file.name(call.func) == f"torch.{taken}":
        given = call.args[0].value if len(call.args) == 1 else None
    else:
        given = None if call.args or file.name(call.func) is not None else call.func.value
    if given is not None and not file.context.in_test(call):
        yield from on_the_way(given, taken, file)
    factors = None if given is None else product(given, file)
    if factors is None or file.context.in_test(call):
        return
    left, right, flat = factors
    if is_row(first(left, file), file):
        return
    spelled = isinstance(given, cst.Call) and file.name(given.func) == "torch.einsum"
    same = transposed(right) if not spelled else None
    square = same is not None and operand(first(left, file), file) == operand(same, file)
    # Of two vectors or of a matrix and a vector, `diag` would make a matrix.
    if not (flat or square or taken == "trace"):
        return
    read = "its trace" if taken == "trace" else "the diagonal"
    message = f"all entries of this product are computed, and only {read} is read"
    if square and same is not None:
        yield Smell(call, message, fix(call, left, same, file))
    else:
        # A matrix times its transpose pairs all rows of a batch; two others may be as small as a model of ten numbers.
        yield Smell(call, message, level="info")


def on_the_way(given: cst.BaseExpression, taken: str, file: File) -> Iterator[Smell]:
    """A product that is scaled first, or has a name under which nothing else is read; told once, where it is made."""
    made: cst.BaseExpression | None = given
    if isinstance(given, cst.Name):
        made = kept(given, file)
    whole = made
    while isinstance(made, cst.BinaryOperation) and isinstance(made.operator, _SCALES):
        made = made.left
    factors = product(made, file) if made is not None and (whole is not given or made is not given) else None
    if made is None or factors is None or is_row(first(factors[0], file), file):
        return
    if factors[2] or taken != "diag":
        read = "its trace" if taken == "trace" else "the diagonal"
        message = f"all entries of this product are computed, and only {read} is read"
        yield Smell(made, message, level="info")


def kept(name: cst.Name, file: File) -> cst.BaseExpression | None:
    """What a name is bound to, where nothing but this call, or later ones like it, reads more of it than its scale."""
    function = file.context.function(name)
    found: list[cst.BaseExpression] = []
    for one in file.tree.named(name.value, function or file.module):
        match file.parent(one), file.context.statement(one):
            case cst.AssignTarget(), cst.SimpleStatementLine(body=[cst.Assign(targets=[_], value=value)]):
                found.append(value)
            case cst.AugAssign(target=target, operator=cst.DivideAssign() | cst.MultiplyAssign()), _ if target is one:
                pass
            case _ if not (takes(one, file) or scales(one, file)):
                return None
            case _ if takes(one, file) and file.before(one, name):
                return None
    return found[0] if len(found) == 1 and function is not None else None


def takes(name: cst.Name, file: File) -> bool:
    """Whether a name is read for the diagonal of what it means."""
    above = file.parent(name)
    outer = file.parent(above) if isinstance(above, cst.Arg | cst.Attribute) else None
    match outer:
        case cst.Call(func=func, args=[cst.Arg(value=given)]) if given is name:
            return file.name(func) in {f"torch.{one}" for one in _TAKES}
        case cst.Call(func=cst.Attribute(value=given, attr=cst.Name(value=method)), args=[]) if given is name:
            return method in _TAKES
    return False


def scales(name: cst.Name, file: File) -> bool:
    """Whether a statement does nothing but to scale what a name means, or to sum it over the processes."""
    above = file.parent(name)
    outer = file.parent(above) if isinstance(above, cst.Arg | cst.Attribute) else None
    if not isinstance(outer, cst.Call) or not isinstance(file.parent(outer), cst.Expr):
        return False
    method = outer.func.attr.value if isinstance(outer.func, cst.Attribute) else ""
    return method in (("div_", "mul_") if outer.func is above else ("all_reduce",))


def product(node: cst.BaseExpression, file: File) -> tuple[cst.BaseExpression, cst.BaseExpression, bool] | None:
    """The factors of a matrix product, and whether they surely are matrices."""
    match node:
        case cst.BinaryOperation(left=left, operator=cst.MatrixMultiply(), right=right):
            return left, right, False
        case cst.Call(func=func, args=[cst.Arg(value=left, star=""), cst.Arg(value=right, star="")]):
            name = file.name(func)
            return (left, right, name == "torch.mm") if name in ("torch.mm", "torch.matmul") else None
        case cst.Call(
            func=func,
            args=[cst.Arg(value=cst.SimpleString() as equation), cst.Arg(value=left, star=""), cst.Arg(value=right)],
        ) if file.name(func) == "torch.einsum":
            return (left, right, True) if pairs(str(equation.evaluated_value)) else None
        case cst.Call(
            func=cst.Attribute(value=left, attr=cst.Name("mm" | "matmul" as name)), args=[cst.Arg(value=right, star="")]
        ) if file.name(node.func) is None:
            return left, right, name == "mm"
    return None


def pairs(equation: str) -> bool:
    """Whether an equation sums over one dimension of two matrices, and keeps the other of both."""
    match = _PAIRS.fullmatch("".join(equation.split()))
    if match is None:
        return False
    left, right, result = set(match.group(1, 2)), set(match.group(3, 4)), set(match.group(5, 6))
    return len(left) == len(right) == len(result) == 2 and len(left & right) == 1 and result == left ^ right


def transposed(node: cst.BaseExpression) -> cst.BaseExpression | None:
    """What a matrix is the transpose of."""
    match node:
        case cst.Attribute(value=inner, attr=cst.Name("T" | "mT")):
            return inner
        case cst.Call(func=cst.Attribute(value=inner, attr=cst.Name("t")), args=[]):
            return inner
    return None


def is_row(node: cst.BaseExpression, file: File) -> bool:
    """Whether a matrix has a single row: then the product has as well, and most often a single entry."""
    match node:
        case cst.Name():
            bound = file.scopes.reaching(node)
            value = bound[0].value if len(bound) == 1 and bound[0].kind == "assign" and not bound[0].path else None
            return isinstance(value, cst.BaseExpression) and is_row(value, file)
        case cst.Call(func=cst.Attribute(attr=cst.Name("unsqueeze")), args=[cst.Arg(value=cst.Integer(value="0"))]):
            return True
        case cst.Call(
            func=cst.Attribute(attr=cst.Name("view" | "reshape")), args=[cst.Arg(value=cst.Integer(value="1")), _]
        ):
            return True
        case cst.Subscript(slice=[cst.SubscriptElement(slice=cst.Index(value=cst.Name("None"))), *_]):
            return True
    return False


def first(node: cst.BaseExpression, file: File) -> cst.BaseExpression:
    """The first of the matrices that are multiplied: it has as many rows as the product."""
    factors = product(node, file)
    return node if factors is None else first(factors[0], file)


def fix(call: cst.Call, left: cst.BaseExpression, same: cst.BaseExpression, file: File) -> Fix:
    """Multiply entry by entry, and add up along the rows."""
    trace = isinstance(call.func, cst.Attribute) and call.func.attr.value == "trace"
    text = f"({operand(left, file)} * {operand(same, file)}).sum({'' if trace else '-1'})"
    return Fix.unsafe("Multiply entry by entry and add up the rows", file.replace(call, text))


def operand(node: cst.BaseExpression, file: File) -> str:
    """An expression as the side of a multiplication."""
    text = file.text_of(node)
    if node.lpar or isinstance(node, cst.Name | cst.Attribute | cst.Call | cst.Subscript):
        return text
    return f"({text})"
