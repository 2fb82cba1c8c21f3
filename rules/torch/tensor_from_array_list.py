"""A tensor made of a list of NumPy arrays copies each number through a Python object."""

from collections.abc import Iterator

import libcst as cst

from smellcheck import File, Fix, Smell, rule

# What each constructor makes of any numbers; the others go by what they are given.
_TYPED = {
    "torch.FloatTensor": "float32",
    "torch.Tensor": "float32",
    "torch.DoubleTensor": "float64",
    "torch.HalfTensor": "float16",
    "torch.LongTensor": "int64",
    "torch.IntTensor": "int32",
    "torch.ByteTensor": "uint8",
}
_ARRAYS = {
    f"numpy.{name}"
    for name in (
        *("ascontiguousarray", "stack", "concatenate", "vstack", "hstack", "column_stack", "pad"),
        *("zeros", "ones", "full", "empty", "arange", "linspace", "eye", "load", "fromfile", "frombuffer", "tile"),
        *("expand_dims", "repeat", "random.rand", "random.randn", "random.permutation"),
    )
} | {"cv2.imread", "cv2.cvtColor", "cv2.resize"}
# Of an array these make another of as many numbers.
_EACH = {
    f"numpy.{name}"
    for name in (
        "abs",
        "log",
        "log1p",
        "exp",
        "sqrt",
        "clip",
        "transpose",
        "flip",
        "fliplr",
        "rot90",
        "roll",
        "float32",
    )
}
_KEEPS = {"astype", "copy", "flatten", "ravel", "transpose", "reshape", "clip", "swapaxes"}


@rule(
    imports="torch",
    words="numpy np cv2",
    calls=("torch.tensor", "torch.as_tensor", *_TYPED),
    practice="refactoring",
    level="info",
)
def check(call: cst.Call, file: File) -> Iterator[Smell]:
    if not call.args or call.args[0].keyword is not None or call.args[0].star or file.context.in_test(call):
        return
    given = call.args[0].value
    listed = list_of(given, file)
    if listed is None or not all(is_array(element, file) for element in elements(listed, given, file)):
        return
    if isinstance(listed, cst.List) and listed.elements and not file.hot.runs_often(call):
        return
    yield Smell(call, "each number of these arrays becomes a Python object on its way", fix(call, listed, file))


def list_of(given: cst.BaseExpression, file: File) -> cst.List | cst.ListComp | None:
    """The list in the source that a call is given, or that the name it is given surely means."""
    if isinstance(given, cst.Name):
        reaching = file.scopes.reaching(given)
        if len(reaching) != 1 or reaching[0].kind != "assign" or not isinstance(reaching[0].value, cst.BaseExpression):
            return None
        value = file.scopes.part(reaching[0].value, reaching[0].path)
        return value if isinstance(value, cst.List | cst.ListComp) else None
    return given if isinstance(given, cst.List | cst.ListComp) else None


def elements(listed: cst.List | cst.ListComp, given: cst.BaseExpression, file: File) -> Iterator[cst.BaseExpression]:
    """What a list holds; an expression that is no array stands for what is not known."""
    if isinstance(listed, cst.ListComp):
        yield listed.elt
        return
    yield from (element.value for element in listed.elements)
    added = bool(listed.elements)
    if not isinstance(given, cst.Name):
        if not added:
            yield given
        return
    for use in file.tree.named(given.value, file.context.function(given) or file.module):
        match file.parent(use):
            case cst.Attribute(attr=cst.Name(value="append")) as method:
                match file.parent(method):
                    case cst.Call(args=[cst.Arg(value=element)]):
                        added = True
                        yield element
                        continue
                yield given
            case cst.Attribute() | cst.AugAssign():
                yield given  # extended, sorted, cut
    if not added:
        yield given


def is_array(node: cst.BaseExpression, file: File, depth: int = 0) -> bool:
    """Whether an expression surely gives an array of more than one number."""
    if depth > 4:
        return False
    match node:
        case cst.Name():
            reaching = file.scopes.reaching(node)
            return bool(reaching) and all(
                one.kind == "assign"
                and isinstance(one.value, cst.BaseExpression)
                and gives_array(one.value, one.path, file, depth)
                for one in reaching
            )
        case cst.Call(func=func, args=args):
            name = file.name(func)
            if name in ("numpy.array", "numpy.asarray", "numpy.copy"):
                return bool(args) and file.values.kind(args[0].value) != "number"
            if name in _ARRAYS:
                return True
            if name in _EACH:
                return bool(args) and is_array(args[0].value, file, depth + 1)
            match func:
                case cst.Attribute(value=owner, attr=cst.Name(value=method)) if method in _KEEPS:
                    return is_array(owner, file, depth + 1)
                case cst.Attribute(value=owner, attr=cst.Name(value="numpy")):
                    return of_module(owner, file)
    return False


def gives_array(value: cst.BaseExpression, path: tuple[int, ...], file: File, depth: int) -> bool:
    """Whether an expression, or what it holds at a place of a tuple, is an array; a function of the file is read."""
    if not path and is_array(value, file, depth + 1):
        return True
    function = file.calls.callee(value) if isinstance(value, cst.Call) else None
    if function is None or depth > 4:
        return False
    given = [one.value for one in file.calls.own_nodes(function) if isinstance(one, cst.Return)]
    parts = [one if one is None else file.scopes.part(one, path) for one in given]
    return bool(parts) and all(one is not None and is_array(one, file, depth + 1) for one in parts)


def of_module(node: cst.BaseExpression, file: File) -> bool:
    """Whether a tensor is the output of a network, moved at most: not a loss, which is one number."""
    while isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute):
        if node.func.attr.value not in ("cpu", "detach", "to", "float", "squeeze", "flatten"):
            break
        node = node.func.value
    return file.values.kind(node) == "output"


def fix(call: cst.Call, listed: cst.List | cst.ListComp, file: File) -> Fix | None:
    """Make one array of the list first."""
    stack = file.names.local_name("numpy.array", call)
    if stack is None or any(arg.star for arg in call.args):
        return None
    name, given = file.name(call.func) or "", call.args[0].value
    filled = f"{stack}({file.text_of(given)})"
    dtype = _TYPED.get(name)
    if dtype is None:
        sure = file.argument(call, "dtype") is not None or (isinstance(listed, cst.List) and bool(listed.elements))
        made = Fix.safe if sure else Fix.unsafe
        return made("Make one array of the list first", file.replace(given, filled))
    tensor = file.names.local_name("torch.tensor", call)
    if tensor is None or tensor == "tensor" or len(call.args) > 1:
        return None
    whole = f"{tensor}({filled}, dtype={tensor.removesuffix('tensor')}{dtype})"
    return Fix.safe("Make one array of the list first", file.replace(call, whole))
