"""A tensor leaves its device for a function of NumPy that torch has as well, and comes back."""

import re
from collections.abc import Iterator

import libcst as cst

from smellcheck import File, Smell, rule

_ENTRIES = tuple(
    f"torch.{name}" for name in ("from_numpy", "tensor", "as_tensor", "Tensor", "FloatTensor", "LongTensor")
)
_ALIKE = {
    "abs", "argmax", "argmin", "argsort", "ceil", "cos", "cumsum", "exp", "flip", "fliplr", "flipud", "floor", "isin",
    "isnan", "log", "log10", "log1p", "log2", "logical_and", "logical_not", "logical_or", "matmul", "maximum", "mean",
    "minimum", "nan_to_num", "prod", "roll", "round", "sign", "sin", "sort", "sqrt", "square", "squeeze", "stack",
    "sum", "tanh", "tile", "where",
}  # fmt: skip
#: What NumPy and torch both do, by the name in NumPy, and what torch calls it.
_TWINS = {
    "clip": "clamp", "copy": "clone", "transpose": "permute", "expand_dims": "unsqueeze", "concatenate": "cat",
    "power": "pow", "repeat": "repeat_interleave", "linalg.norm": "linalg.norm",
}  # fmt: skip
_TWINS |= {name: name for name in _ALIKE}
#: Methods of an array, and what torch calls them; a copy alone does nothing.
_METHODS = {"astype": "to", "transpose": "permute", "max": "amax", "min": "amin", "clip": "clamp", "ravel": "flatten"}
_METHODS |= {name: name for name in ("reshape", "squeeze", "sum", "mean", "argmax", "argmin", "flatten")}
_CASTS = re.compile(r"^(float|double|half|long|int|bool|unsqueeze|squeeze|type|type_as|view|reshape|clamp)$")
#: Names and calls are followed so far.
_DEEPEST = 20


@rule(imports="torch", calls=_ENTRIES, words=("numpy", "cpu"), practice="hardware", level="info")
def check(call: cst.Call, file: File) -> Iterator[Smell]:
    if not call.args or call.args[0].keyword is not None or file.context.in_test(call):
        return
    done = functions(call.args[0].value, file)
    if done is None or not goes_back(call, file):
        return
    if not done:
        if for_nothing(call, file):
            yield Smell(call, "a tensor is copied to the host and back, and nothing is done to it there")
        return
    twins = ", ".join(dict.fromkeys(done))
    yield Smell(call, f"a tensor is copied to the host and back for what {twins} would do where it is")


def for_nothing(call: cst.Call, file: File) -> bool:
    """Whether an array is moved back as it came, where no graph is recorded that the way could cut."""
    array: cst.CSTNode = call.args[0].value
    if isinstance(array, cst.Name):
        array = file.scopes.reaching(array)[0].value or array
    # An index is copied by what it picks from, and may have to be on the host.
    back = file.argument(call, "device") is not None or not isinstance(file.parent(call), cst.Index)
    direct = isinstance(array, cst.Call) and isinstance(array.func, cst.Attribute) and array.func.attr.value == "numpy"
    return direct and back and file.grad.mode(call) == "off"


def functions(node: cst.CSTNode, file: File, depth: int = 0) -> list[str] | None:
    """What torch would use for all that happens to a tensor read from a device; `None` for anything else."""
    # Names that are bound to each other in a circle lead nowhere.
    if depth > _DEEPEST:
        return None
    depth += 1
    match node:
        case cst.Call(func=cst.Attribute(value=tensor, attr=cst.Name("numpy")), args=[]):
            return [] if downloaded(tensor, file) else None
        case cst.Call(func=cst.Attribute(value=inner, attr=cst.Name("copy"))) if file.name(node.func) is None:
            return functions(inner, file, depth)
        case cst.Call(func=cst.Attribute(value=inner, attr=cst.Name(value=method))) if method in _METHODS and (
            file.name(node.func) is None
        ):
            return then(functions(inner, file, depth), f"`Tensor.{_METHODS[method]}`")
        case cst.Attribute(value=inner, attr=cst.Name("T")):
            return functions(inner, file, depth)
        case cst.Call(args=[cst.Arg(value=first, star="", keyword=None), *_]):
            return called(node, first, file, depth)
        case cst.Subscript(value=inner):
            return then(functions(inner, file, depth), "`torch.flip`" if backwards(node) else "an index")
        case cst.BinaryOperation(left=left, right=right):
            found = functions(left, file, depth)
            return then(found if found is not None else functions(right, file, depth), "arithmetic")
        case cst.Attribute() if (bound := just_bound(node, file)) is not None:
            return functions(bound, file, depth)
        case cst.Name():
            reaching = file.scopes.reaching(node)
            if len(reaching) == 1 and reaching[0].kind == "assign" and not reaching[0].path and only_use(node, file):
                return functions(reaching[0].value, file, depth)
    return None


def then(done: list[str] | None, *more: str) -> list[str] | None:
    """What is done, and more of it; `None` where that is not known."""
    return done if done is None else [*done, *more]


def called(call: cst.Call, first: cst.CSTNode, file: File, depth: int) -> list[str] | None:
    """The same for the call of a function: one of NumPy that has a twin, of an array that comes from a tensor."""
    name = (file.name(call.func) or "").removeprefix("numpy.")
    if name in ("array", "asarray", "ascontiguousarray"):
        return functions(first, file, depth)
    held = [one.value for one in first.elements] if isinstance(first, cst.List | cst.Tuple) else [first]
    held = gathered(first, file) or held
    found = [functions(one, file, depth) for one in held]
    if name not in _TWINS or (file.name(call.func) or "") == name or not found or None in found:
        return None
    return [*(inner for one in found if one is not None for inner in one), f"`torch.{_TWINS[name]}`"]


def gathered(node: cst.CSTNode, file: File) -> list[cst.BaseExpression]:
    """What a function gathers in a list that it does nothing else with than to join it here."""
    found = file.elements.gathered(node) if isinstance(node, cst.Name) else []
    function = file.context.function(node)
    if not found or function is None or not isinstance(node, cst.Name):
        return []
    above = [
        file.parent(name) for name in file.tree.named(node.value, function) if name is not node and file.reads(name)
    ]
    appends = all(isinstance(one, cst.Attribute) and one.attr.value == "append" for one in above)
    return found if appends else []


def just_bound(node: cst.Attribute, file: File) -> cst.BaseExpression | None:
    """What the statement right before bound an attribute to that this one binds anew: nobody else sees it."""
    statement = file.context.statement(node)
    block = file.parent(statement)
    at = block.body.index(statement) if isinstance(block, cst.IndentedBlock) and statement in block.body else 0
    match statement, block.body[at - 1] if at else None:
        case (
            cst.SimpleStatementLine(body=[cst.Assign(targets=[cst.AssignTarget(target=again)])]),
            cst.SimpleStatementLine(body=[cst.Assign(targets=[cst.AssignTarget(target=first)], value=value)]),
        ) if file.same(again, node) and file.same(first, node):
            uses = [one for one in file.tree.of_type(cst.Attribute, statement) if file.same(one, node)]
            return value if len(uses) == 2 else None
    return None


def only_use(name: cst.Name, file: File) -> bool:
    """Whether nothing else reads what a name is bound to here."""
    wanted = file.scopes.reaching(name)
    home = file.context.function(name) or file.module
    readers = [one for one in file.tree.named(name.value, home) if file.reads(one)]
    return [one for one in readers if set(file.scopes.reaching(one)) & set(wanted)] == [name]


def downloaded(tensor: cst.BaseExpression, file: File) -> bool:
    """Whether a tensor is brought from a device to the host in the very expression: `x.detach().cpu()`."""
    brought = False
    for part in chain(tensor):
        match part:
            case cst.Call(func=cst.Attribute(attr=cst.Name("cpu"))):
                brought = True
            case cst.Call(func=cst.Attribute(attr=cst.Name("to")), args=[cst.Arg(value=where)]):
                brought |= "cpu" in file.text_of(where)
    if not brought or not isinstance(part, cst.Name):
        return brought
    # What is moved to the device elsewhere, a part at a time, is kept on the host.
    home = file.context.function(part) or file.module
    targets = [(one, file.moves.destination(one)) for one in file.calls.own_calls(home)]
    return not any(target is not None and "cpu" not in target and kept(one.func.value, part) for one, target in targets)


def kept(moved: cst.BaseExpression, name: cst.Name) -> bool:
    """Whether a move takes a part of what a name holds."""
    *parts, root = chain(moved)
    return bool(parts) and isinstance(root, cst.Name) and root.value == name.value


def chain(node: cst.BaseExpression) -> list[cst.BaseExpression]:
    """An expression, what it is an attribute, an item or a method's result of, and so on."""
    parts = [node]
    while isinstance(node, cst.Call | cst.Attribute | cst.Subscript):
        node = node.func if isinstance(node, cst.Call) else node.value
        parts.append(node)
    return parts


def backwards(node: cst.Subscript) -> bool:
    """Whether a subscript runs backwards: `x[:, ::-1]`."""
    return any(
        isinstance(part.slice, cst.Slice) and isinstance(part.slice.step, cst.UnaryOperation) for part in node.slice
    )


def goes_back(call: cst.Call, file: File) -> bool:
    """Whether the new tensor is moved to a device, at once or by the name that it is bound to, or picks there."""
    if file.argument(call, "device") is not None:
        return True
    current: cst.CSTNode = call
    while isinstance(above := file.parent(current), cst.Attribute) and isinstance(
        outer := file.parent(above), cst.Call
    ):
        target = file.moves.destination(outer)
        if target is not None or (above.attr.value == "to" and not casts(outer, file)):
            return target is None or "cpu" not in target
        if target is None and above.attr.value != "to" and not _CASTS.match(above.attr.value):
            return False
        current = outer
    match file.parent(current):
        case cst.Index():
            return True
        case cst.Assign(targets=[cst.AssignTarget(target=cst.Name() as bound)]):
            return any(moved(use, file) for use in file.uses(bound))
    return False


def casts(call: cst.Call, file: File) -> bool:
    """Whether a `to` only says of what type the numbers shall be: `x.to(torch.float32)`, `x.to(dtype=kind)`."""
    return all(
        (arg.keyword is not None and arg.keyword.value != "device") or (file.name(arg.value) or "").startswith("torch.")
        for arg in call.args
    )


def moved(use: cst.Name, file: File) -> bool:
    """Whether a use of a name moves it to a device."""
    above = file.parent(use)
    outer = file.parent(above) if isinstance(above, cst.Attribute) else None
    target = file.moves.destination(outer) if outer is not None else None
    return target is not None and "cpu" not in target
