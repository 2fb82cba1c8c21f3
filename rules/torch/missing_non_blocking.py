"""A loader pins its batches so that copies need not be waited for, and each copy is waited for."""

import re
from collections.abc import Iterator

import libcst as cst

from smellcheck import File, Fix, Smell, rule

_DEEPEST = 4


@rule(imports="torch", methods="to cuda", words="pin_memory", practice="hardware", level="info")
def check(call: cst.Call, file: File) -> Iterator[Smell]:
    loop = source(call, file)
    if loop is None or file.context.in_test(call) or not pinned(file.context.loop(loop).over, file):
        return
    calls = [one for one in file.tree.own_of_type(cst.Call, loop.body) if source(one, file) is loop]
    if calls[0] is not call:
        return
    yield Smell(
        call,
        "the batch is pinned so that its copy need not be waited for, and the host waits for it",
        Fix.safe("Go on while it is copied", *(file.add_argument(one, "non_blocking=True") for one in calls)),
    )


def source(call: cst.Call, file: File) -> cst.For | None:
    """The loop over batches of which a call moves a part to a device, and waits for it."""
    device = file.moves.destination(call)
    if (
        device is None
        or "cpu" in device
        or any(arg.keyword and arg.keyword.value == "non_blocking" for arg in call.args)
    ):
        return None
    part: cst.BaseExpression = call.func.value
    while isinstance(part, cst.Subscript):
        part = part.value
    reaching = file.scopes.reaching(part) if isinstance(part, cst.Name) else ()
    if len(reaching) != 1 or reaching[0].kind != "for" or not isinstance(reaching[0].node, cst.For):
        return None
    loop = reaching[0].node
    if file.context.is_guarded(call, loop) or not file.context.within(call, loop.body):
        return None
    name = re.escape(part.value)
    changed = re.search(rf"\b{name}(\[[^\n]*\])?(\.\w+_\(|\s*[-+*/]=)|\b{name}\[[^\n]*\]\s*=[^=]", file.text_of(loop))
    return None if changed else loop


def pinned(loader: cst.CSTNode | None, file: File, depth: int = 0) -> bool:
    """Whether all that a name may stand for are loaders that pin plain batches of tensors."""
    if loader is None or depth > _DEEPEST:
        return False
    match loader:
        case cst.Call():
            return is_pinning(loader, file)
        case cst.Subscript(value=inner):
            return pinned(inner, file, depth + 1)
        case cst.Dict(elements=elements):
            held = [one.value for one in elements]
            return bool(held) and all(pinned(one, file, depth + 1) for one in held)
        case cst.DictComp(value=value):
            return pinned(value, file, depth + 1)
        case cst.Attribute(value=cst.Name("self"), attr=attr):
            owner = file.calls.enclosing_class(loader)
            values = file.values.attribute_values(owner, attr.value) if owner is not None else []
            return bool(values) and all(pinned(one, file, depth + 1) for one in values)
        case cst.Name():
            reaching = file.scopes.reaching(loader)
            return bool(reaching) and all(is_bound_to_pinned(one, file, depth) for one in reaching)
    return False


def is_bound_to_pinned(bound: object, file: File, depth: int) -> bool:
    """Whether a definition binds such a loader, or a parameter that every call in sight gives one."""
    match bound.kind:
        case "assign":
            return not bound.path and pinned(bound.value, file, depth + 1)
        case "parameter" if isinstance(bound.scope.node, cst.FunctionDef):
            function = bound.scope.node
            calls = file.calls.passing(function)
            given = [file.calls.argument_of(one, function, bound) for one in calls]
            return bool(given) and all(pinned(one, file, depth + 1) for one in given)
    return False


def is_pinning(call: cst.Call, file: File) -> bool:
    """Whether a call makes a loader of torch that pins its batches, and puts them together in torch's own way."""
    pins = file.argument(call, "pin_memory")
    name = file.name(call.func) or ""
    return (
        name.startswith("torch.utils.data.")
        and name.endswith(".DataLoader")
        and pins is not None
        and isinstance(pins.value, cst.Name)
        and pins.value.value == "True"
        and file.argument(call, "collate_fn") is None
        and not any(arg.star for arg in call.args)
    )
