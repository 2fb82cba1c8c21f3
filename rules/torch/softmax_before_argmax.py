"""A softmax is computed although only the place of the largest entry is asked for, which it does not change."""

from collections.abc import Iterator

import libcst as cst

from smellcheck import Edit, File, Fix, Smell, rule

_FUNCTIONS = {f"{home}.{name}" for home in ("torch", "torch.nn.functional") for name in ("softmax", "log_softmax")}
_MODULES = {"torch.nn.Softmax", "torch.nn.LogSoftmax", "torch.nn.Softmax2d"}
_METHODS = {"softmax", "log_softmax"}
# What changes neither the order of the entries nor the dimensions.
_PASSES = {"detach", "cpu", "cuda", "numpy", "float", "double", "contiguous", "clone"}


@rule(imports="torch", words=("*softmax *Softmax", "argmax max topk"), practice="refactoring", level="info")
def check(call: cst.Call, file: File) -> Iterator[Smell]:
    if not is_softmax(call, file) or not call.args or file.context.in_test(call, lenient=True):
        return
    along, found = dimension(call, file), ranks(call, file)
    if along is None or found is None or not all(same(along, place) for place in found[1]):
        return
    message = f"`{file.text_of(call.func)}` is computed, and only the place of the largest entry is taken"
    yield Smell(call, message, fix(call, found[0], file))


def is_softmax(call: cst.Call, file: File) -> bool:
    """Whether a call gives the softmax of its first argument, or of its receiver, or the logarithm of it."""
    match call.func:
        case cst.Name(value=name) | cst.Attribute(attr=cst.Name(value=name)) if "softmax" not in name.lower():
            return False
    return file.name(call.func) in _FUNCTIONS or is_module(call, file) or is_method(call)


def is_module(call: cst.Call, file: File) -> bool:
    """Whether a call runs a softmax that was made as a module."""
    value = file.values.of(call.func)
    return value is not None and value.name in _MODULES


def is_method(call: cst.Call) -> bool:
    """Whether a call is `tensor.softmax(-1)`: a module would be given a tensor, and a function no number first."""
    match call:
        case cst.Call(func=cst.Attribute(attr=cst.Name(value=name)), args=[cst.Arg(keyword=None) as dim]):
            return name in _METHODS and isinstance(dim.value, cst.Integer | cst.UnaryOperation)
        case cst.Call(func=cst.Attribute(attr=cst.Name(value=name)), args=[cst.Arg(keyword=cst.Name("dim"))]):
            return name in _METHODS
    return False


def dimension(call: cst.Call, file: File) -> str | None:
    """Along which dimension a softmax is taken, as spelled; None where it does not say."""
    if is_module(call, file):
        value = file.values.of(call.func)
        made = value.made if value is not None else None
        if value is not None and value.name == "torch.nn.Softmax2d":
            return "-3"
        found = file.argument(made, "dim", position=0) if isinstance(made, cst.Call) else None
    else:
        found = file.argument(call, "dim", position=0 if is_method(call) else 1)
    return file.text_of(found.value) if found is not None else None


def ranks(call: cst.Call, file: File) -> tuple[cst.Name | None, list[str | None]] | None:
    """The dimensions along which places are taken of a result, when nothing else is done with it.

    With it comes the one name that stands for the result, None where it is used on the spot.
    """
    bound = file.parent(call)
    if isinstance(bound, cst.Assign) and bound.value is call:
        match bound.targets:
            case [cst.AssignTarget(target=cst.Name() as name)]:
                uses = file.uses(name)
                places = [place(use, file) for use in uses]
                return (name, places) if uses and None not in places else None
        return None
    found = place(call, file)
    return None if found is None else (None, [found])


def place(node: cst.CSTNode, file: File) -> str | None:
    """Along what only the place of the largest entry is taken of a value: empty where it does not say, else None."""
    while True:
        above = file.parent(node)
        if isinstance(above, cst.Attribute) and above.value is node:
            called = file.parent(above)
            if above.attr.value == "data":
                node = above
                continue
            if not isinstance(called, cst.Call) or called.func is not above:
                return None
            if above.attr.value in _PASSES:
                node = called
                continue
            return asked(called, above.attr.value, 0, file)
        if isinstance(above, cst.Arg):
            called = file.parent(above)
            if not isinstance(called, cst.Call) or called.args[0] is not above or above.star or above.keyword:
                return None
            home, _, name = (file.name(called.func) or "").rpartition(".")
            return asked(called, name, 1, file) if home in ("torch", "numpy") else None
        return None


def asked(call: cst.Call, name: str, first: int, file: File) -> str | None:
    """The dimension of an `argmax`, or of a `max` or `topk` of which only the second result is taken."""
    if name != "argmax" and not (name in ("max", "topk") and takes_places(call, file)):
        return None
    position = first + (name == "topk")
    found = file.argument(call, "dim", position) or file.argument(call, "axis", position)
    return file.text_of(found.value) if found is not None else ("-1" if name == "topk" else "")


def takes_places(call: cst.Call, file: File) -> bool:
    """Whether of a pair of values and places only the places are read."""
    match file.parent(call):
        case cst.Attribute(attr=cst.Name("indices")):
            return True
        case cst.Subscript(slice=[cst.SubscriptElement(slice=cst.Index(value=cst.Integer("1")))]):
            return True
        case cst.Assign(targets=[cst.AssignTarget(target=cst.Tuple(elements=[first, _]))]):
            return isinstance(first.value, cst.Name) and not file.uses(first.value)
    return False


def same(one: str, other: str | None) -> bool:
    """Whether two dimensions are surely one: of a matrix the last is the second, of pictures the third last."""
    return one == other or {one, other} == {"-1", "1"} or (one == "-3" and other == "1")


def fix(call: cst.Call, name: cst.Name | None, file: File) -> Fix | None:
    """Rank the input itself, where the result has no name that would then say what it is not."""
    if name is not None:
        return None
    taken = call.func.value if is_method(call) and isinstance(call.func, cst.Attribute) else call.args[0].value
    text = file.text_of(taken)
    if not isinstance(taken, cst.Name | cst.Attribute | cst.Call | cst.Subscript) and not taken.lpar:
        text = f"({text})"
    return Fix.unsafe("Take the place of the largest input", Edit((call, "start"), (call, "end"), text))
