"""All entries are sorted although only the largest few, or the one at a place, are read."""

import re
from collections.abc import Iterator

import libcst as cst

from smellcheck import File, Fix, Smell, rule

# How many are kept: a small number in the source, or a name that says that they are the few best.
_FEW = re.compile(
    r"(^|[._])(top_?k\w*|max_?k|k|top_?n|n_?best|num_?beams?|beam_?(size|width)|n_?samples?|n_?neighbou?rs)$", re.I
)
_MANY = 100
#: Names are followed so far.
_DEEPEST = 3
_ORDERS = ("True", "False")
_PARTS = ("values", "indices")
_FLAT = {"flatten", "ravel"}
#: What takes some of the entries: a subscript, or `x.narrow(1, 0, k)`.
Cut = cst.Subscript | cst.Call


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
    # Arrays have both methods too, but no `dim` and nothing descending, and their `sort` gives nothing to take apart.
    tensor = function or order is not None or any(arg.keyword and arg.keyword.value == "dim" for arg in call.args)
    tensor = tensor or taken_apart(call, file)
    if file.context.in_test(call) or not (tensor or file.values.kind(given) in ("tensor", "output")):
        return
    if along in ("-1", "0") and (is_flat(given, file) or file.ranks.of(given) == 1) and one_place(call, read, file):
        yield Smell(call, "all entries are sorted, of which the one at a place is read: `kthvalue` finds it")
        return
    if not read or None in counts or not all(is_along(cut, along, given, file) for _, cut in read):
        return
    count = max((str(one) for one in counts), key=lambda one: (len(one), one))
    ends = {end(cut) for _, cut in read}
    message = f"all entries are sorted, of which the {' and '.join(sorted(ends))} {count} are read"
    part, cut = read[0]
    axis = "" if dim is None else f", dim={along}"
    axis += "" if order is not None and file.text_of(order.value) == "True" else ", largest=False"
    owner = "torch.topk({}, " if function else "{}.topk("
    if function:
        spelled = file.names.local_name("torch.topk", call)
        owner = f"{spelled}({{}}, " if spelled else ""
    text = f"{owner.format(file.text_of(given))}{count}{axis}).{part}"
    alone = file.context.within(call, cut) and ends == {"first"}
    yield Smell(call, message, Fix.suggestion("Use `topk`", file.replace(cut, text)) if owner and alone else None)


def cuts(call: cst.Call, name: str, file: File) -> list[tuple[str, Cut]]:
    """What is taken of a sort's values or places, in the same expression or by their names; nothing when all is."""
    match file.parent(call):
        case cst.Assign(targets=[cst.AssignTarget(target=cst.Tuple(elements=elements))]) if name == "sort":
            names = [one.value for one in elements if isinstance(one.value, cst.Name)]
            uses = [(part, use) for part, one in zip(_PARTS, names, strict=False) for use in file.uses(one)]
        case _:
            part, node = which(call, name, file)
            uses = [(part, use) for use in read_of(node, file)] if part is not None else []
    taken = [(part, cut) for part, use in uses if (cut := cut_of(use, file)) is not None]
    return taken if len(taken) == len(uses) else []


def cut_of(use: cst.CSTNode, file: File) -> Cut | None:
    """What takes a part of an expression right where it stands."""
    match above := file.parent(use):
        case cst.Subscript() if above.value is use:
            return above
        case cst.Attribute(attr=cst.Name("narrow")) if isinstance(call := file.parent(above), cst.Call):
            return call if call.func is above else None
    return None


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


def taken_apart(call: cst.Call, file: File) -> bool:
    """Whether the values and the places of a sort get a name each."""
    match call.func, file.parent(call):
        case (
            cst.Attribute(attr=cst.Name("sort")),
            cst.Assign(targets=[cst.AssignTarget(target=cst.Tuple(elements=[_, _]))]),
        ):
            return True
    return False


def end(cut: Cut) -> str:
    """At which end of a sort the entries stand that are kept."""
    last = cut.slice[-1].slice if isinstance(cut, cst.Subscript) else None
    return "last" if isinstance(last, cst.Slice) and last.upper is None else "first"


def few(cut: Cut, file: File) -> str | None:
    """How many entries at one end a narrowing or the last index of a subscript keeps, where it surely is a few."""
    if isinstance(cut, cst.Call):
        start, length = file.argument(cut, "start", 1), file.argument(cut, "length", 2)
        from_first = start is not None and file.text_of(start.value) == "0"
        return small(length.value, file) if from_first and length is not None else None
    match cut.slice[-1].slice:
        case cst.Slice(lower=None | cst.Integer(), upper=cst.BaseExpression() as upper, step=None):
            return small(upper, file)
        case cst.Slice(lower=cst.UnaryOperation(operator=cst.Minus(), expression=lower), upper=None, step=None):
            return small(lower, file)
    return None


def one_place(call: cst.Call, read: list[tuple[str, Cut]], file: File) -> bool:
    """Whether all that is read of a sort is the entry at one place, once for each sort."""
    if len({file.text_of(cut) for _, cut in read}) != 1:
        return False
    turns = [loop.node for loop in file.context.loops(call)]
    match read[0][1]:
        case cst.Subscript(slice=[cst.SubscriptElement(slice=cst.Index(value=place))]):
            once = all([loop.node for loop in file.context.loops(cut)] == turns for _, cut in read)
            return once and file.constants.plain(place)
    return False


def small(count: cst.BaseExpression, file: File) -> str | None:
    """A count as it is spelled, where it surely is a few."""
    if isinstance(count, cst.Integer):
        return count.value if count.evaluated_value <= _MANY else None
    few_named = isinstance(count, cst.Name | cst.Attribute) and _FEW.search(file.text_of(count))
    return file.text_of(count) if few_named else None


def is_along(cut: Cut, dim: str, given: cst.BaseExpression, file: File) -> bool:
    """Whether entries are kept along the dimension that is sorted, all others whole."""
    if isinstance(cut, cst.Call):
        along = file.argument(cut, "dim", 0)
        return along is not None and file.text_of(along.value) == dim
    before = [element.slice for element in cut.slice[:-1]]
    if len(before) == 1 and isinstance(before[0], cst.Index) and isinstance(before[0].value, cst.Ellipsis):
        return dim == "-1"
    if not all(isinstance(one, cst.Slice) and one.lower is None and one.upper is None for one in before):
        return False
    if dim == str(len(before)):
        return True
    # Of a matrix, the last dimension is the second; what is flat has no other than the first.
    return dim == "-1" and (len(before) == 1 or is_flat(given, file) or file.ranks.of(given) == len(before) + 1)


def is_flat(node: cst.BaseExpression, file: File, depth: int = 0) -> bool:
    """Whether a tensor surely has one dimension: `x.flatten()`, `x.view(-1)`, what a mask picks."""
    match node:
        case cst.UnaryOperation(expression=inner):
            return is_flat(inner, file, depth)
        case cst.Name() if depth < _DEEPEST:
            reaching = file.scopes.reaching(node)
            return bool(reaching) and all(
                one.kind == "assign" and one.value is not None and not one.path and is_flat(one.value, file, depth + 1)
                for one in reaching
            )
        case cst.Subscript(slice=[cst.SubscriptElement(slice=cst.Index(value=cst.Comparison()))]):
            return True
        case cst.Call(func=cst.Attribute(attr=cst.Name(value=name)), args=args):
            if name in _FLAT:
                return not args
            match name, args:
                case (("view" | "reshape"), [cst.Arg(value=cst.UnaryOperation(expression=cst.Integer("1")))]):
                    return True
    return False
