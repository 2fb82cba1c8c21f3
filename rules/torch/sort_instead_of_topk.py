"""All entries are sorted although only the largest few are read."""

import re
from collections.abc import Iterator

import libcst as cst

from smellcheck import File, Fix, Smell, rule

# How many are kept: a small number in the source, or a name that says that they are the few best.
_FEW = re.compile(
    r"(^|[._])(top_?k\w*|k|top_?n|n_?best|num_?beams?|beam_?(size|width)|n_?samples?|n_?neighbou?rs)$", re.I
)
_MANY = 100
_ORDERS = ("True", "False")
_PARTS = ("values", "indices")
_FLAT = {"flatten", "ravel"}


@rule(imports="torch", methods="sort argsort", practice="refactoring", level="info")
def check(call: cst.Call, file: File) -> Iterator[Smell]:
    if not isinstance(call.func, cst.Attribute) or call.func.attr.value not in ("sort", "argsort"):
        return
    function = file.name(call.func) in ("torch.sort", "torch.argsort")
    given = call.args[0].value if function and call.args else call.func.value
    order = file.argument(call, "descending")
    if (file.name(call.func) and not function) or (order is not None and file.text_of(order.value) not in _ORDERS):
        return
    dim = file.argument(call, "dim", position=int(function))
    along = "-1" if dim is None else file.text_of(dim.value)
    read = cuts(call, call.func.attr.value, file)
    counts = [few(cut, file) for _, cut in read]
    if not read or None in counts or not all(is_along(cut, along, given, file) for _, cut in read):
        return
    # Arrays have both methods too, but no `dim` and nothing descending.
    tensor = function or order is not None or any(arg.keyword and arg.keyword.value == "dim" for arg in call.args)
    if file.context.in_test(call) or not (tensor or file.values.kind(given) in ("tensor", "output")):
        return
    count = max((str(one) for one in counts), key=lambda one: (len(one), one))
    message = f"all entries are sorted, of which the first {count} are read"
    part, cut = read[0]
    axis = "" if dim is None else f", dim={along}"
    axis += "" if order is not None and file.text_of(order.value) == "True" else ", largest=False"
    owner = "torch.topk({}, " if function else "{}.topk("
    if function:
        spelled = file.names.local_name("torch.topk", call)
        owner = f"{spelled}({{}}, " if spelled else ""
    text = f"{owner.format(file.text_of(given))}{count}{axis}).{part}"
    alone = file.context.within(call, cut)
    yield Smell(call, message, Fix.suggestion("Use `topk`", file.replace(cut, text)) if owner and alone else None)


def cuts(call: cst.Call, name: str, file: File) -> list[tuple[str, cst.Subscript]]:
    """What is taken of a sort's values or places, in the same expression or by their names; nothing when all is."""
    match file.parent(call):
        case cst.Assign(targets=[cst.AssignTarget(target=cst.Tuple(elements=elements))]) if name == "sort":
            names = [one.value for one in elements if isinstance(one.value, cst.Name)]
            uses = [(part, use) for part, one in zip(_PARTS, names, strict=False) for use in file.uses(one)]
        case _:
            part, node = which(call, name, file)
            uses = [(part, use) for use in read_of(node, file)] if part is not None else []
    found = [(part, file.parent(use), use) for part, use in uses]
    taken = [(part, cut) for part, cut, use in found if isinstance(cut, cst.Subscript) and cut.value is use]
    return taken if len(taken) == len(uses) else []


def read_of(node: cst.CSTNode, file: File) -> list[cst.CSTNode]:
    """Where an expression is read: there, or wherever the name is that it is bound to."""
    match file.parent(node):
        case cst.Assign(targets=[cst.AssignTarget(target=cst.Name() as bound)]):
            return list(file.uses(bound))
    return [node]


def which(call: cst.Call, name: str, file: File) -> tuple[str | None, cst.CSTNode]:
    """Whether the values or the places are read of a sort, and the expression that stands for them."""
    if name == "argsort":
        return "indices", call
    match above := file.parent(call):
        case cst.Attribute(attr=cst.Name("values" | "indices" as part)):
            return part, above
        case cst.Subscript(slice=[cst.SubscriptElement(slice=cst.Index(value=cst.Integer("0" | "1" as place)))]):
            return ("values", "indices")[int(place)], above
    return None, call


def few(cut: cst.Subscript, file: File) -> str | None:
    """How many of the first entries the last index of a subscript keeps, where it surely is a few."""
    match cut.slice[-1].slice:
        case cst.Slice(lower=None | cst.Integer(), upper=cst.BaseExpression() as upper, step=None):
            if isinstance(upper, cst.Integer):
                return upper.value if upper.evaluated_value <= _MANY else None
            if isinstance(upper, cst.Name | cst.Attribute) and _FEW.search(file.text_of(upper)):
                return file.text_of(upper)
    return None


def is_along(cut: cst.Subscript, dim: str, given: cst.BaseExpression, file: File) -> bool:
    """Whether entries are kept along the dimension that is sorted, all others whole."""
    before = [element.slice for element in cut.slice[:-1]]
    if len(before) == 1 and isinstance(before[0], cst.Index) and isinstance(before[0].value, cst.Ellipsis):
        return dim == "-1"
    if not all(isinstance(one, cst.Slice) and one.lower is None and one.upper is None for one in before):
        return False
    if dim == str(len(before)):
        return True
    # Of a matrix, the last dimension is the second; what is flat has no other than the first.
    return dim == "-1" and (len(before) == 1 or is_flat(given) or file.ranks.of(given) == len(before) + 1)


def is_flat(node: cst.BaseExpression) -> bool:
    """Whether a tensor surely has one dimension: `x.flatten()`, `x.view(-1)`."""
    match node:
        case cst.Call(func=cst.Attribute(attr=cst.Name(value=name)), args=args):
            if name in _FLAT:
                return not args
            match name, args:
                case (("view" | "reshape"), [cst.Arg(value=cst.UnaryOperation(expression=cst.Integer("1")))]):
                    return True
    return False
