"""A loader pins its batches so that copies need not be waited for, and each copy is waited for."""

import re
from collections.abc import Iterator

import libcst as cst

from smellcheck import File, Fix, Smell, rule

_DEEPEST = 4


@rule(imports="torch", methods="to cuda", words="for", practice="hardware", level="info")
def check(call: cst.Call, file: File) -> Iterator[Smell]:
    batch = source(call, file)
    if batch is None or file.context.in_test(call):
        return
    home = batch.body if isinstance(batch, cst.For | cst.FunctionDef) else file.parent(file.context.statement(call))
    calls = [one for one in file.tree.own_of_type(cst.Call, home or file.module) if source(one, file) is batch]
    if calls[0] is not call:
        return
    yield Smell(
        call,
        "the batch is pinned so that its copy need not be waited for, and the host waits for it",
        Fix.safe("Go on while it is copied", *(file.add_argument(one, "non_blocking=True") for one in calls)),
    )


def source(call: cst.Call, file: File) -> cst.CSTNode | None:
    """What gives the pinned batch of which a call moves a part to a device, and waits: a loop, `next`, or callers."""
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
    if (drawn := asked_for(part, file)) is not None:
        return drawn if kept_as_drawn(part, file.context.loops(call)[0].node, file) else None
    loop = binder(part, file)
    if isinstance(loop, cst.CompFor):
        # `tuple(t.to(device) for t in batch)`
        part = items(loop.iter)
        loop = binder(part, file)
    if isinstance(part, cst.Name) and loop is None:
        return handed(part, file)
    if not isinstance(part, cst.Name) or not isinstance(loop, cst.For):
        return None
    if not file.context.within(call, loop.body) or is_seldom(call, loop, file):
        return None
    return loop if is_drawn(part, loop, file) else None


def is_seldom(call: cst.Call, loop: cst.For, file: File) -> bool:
    """Whether a call runs only now and then in a loop: a condition that asks for a GPU lets every turn through."""
    for child, above in file.context.ancestors(call):
        if above is loop:
            return False
        if isinstance(above, cst.ExceptHandler):
            return True
        if isinstance(above, cst.If) and child is not above.test:
            if child is not above.body or not file.pinning.asks_gpu(above.test):
                return True
    return False


def items(held: cst.BaseExpression) -> cst.BaseExpression:
    """What a comprehension takes its items from: `batch` of `batch.items()`."""
    match held:
        case cst.Call(func=cst.Attribute(value=inner, attr=cst.Name("items" | "values")), args=[]):
            return inner
    return held


def handed(name: cst.Name, file: File) -> cst.FunctionDef | None:
    """The function of a parameter that each of its callers, all in sight, gives a pinned batch as it was drawn."""
    reaching = file.scopes.reaching(name)
    function = reaching[0].scope.node if len(reaching) == 1 and reaching[0].kind == "parameter" else None
    if not isinstance(function, cst.FunctionDef) or not kept_as_drawn(name, function, file):
        return None
    calls = file.calls.passing(function)
    given = [file.calls.argument_of(one, function, reaching[0]) for one in calls]
    if not calls or file.calls.escapes(function):
        return None
    for one in given:
        loop = binder(one, file) if one is not None else None
        if not isinstance(one, cst.Name) or not isinstance(loop, cst.For) or not is_drawn(one, loop, file):
            return None
    return function


def is_drawn(part: cst.Name, loop: cst.For, file: File) -> bool:
    """Whether a name stands for a part of a batch as a loop over a pinning loader gives it."""
    return file.pinning.pins(file.context.loop(loop).over) and kept_as_drawn(part, loop, file)


def kept_as_drawn(part: cst.Name, loop: cst.CSTNode, file: File) -> bool:
    """Whether nothing in a loop changes a part of a batch in place."""
    name = re.escape(part.value)
    return not re.search(rf"\b{name}(\[[^\n]*\])?(\.\w+_\(|\s*[-+*/]=)|\b{name}\[[^\n]*\]\s*=[^=]", file.text_of(loop))


def asked_for(name: cst.CSTNode, file: File) -> cst.CSTNode | None:
    """The first of the statements that ask an iterator of a pinning loader for the batch of a name, again and again."""
    reaching = file.scopes.reaching(name) if isinstance(name, cst.Name) else ()
    loops = file.context.loops(name)
    if (
        not reaching
        or not loops
        or not all(
            one.kind == "assign" and file.context.within(one.node, loops[0].node) and draws(one.value, file)
            for one in reaching
        )
    ):
        return None
    return min((one.node for one in reaching), key=lambda node: file.tree.order[node])


def draws(value: cst.CSTNode | None, file: File) -> bool:
    """Whether an expression is `next(iterator)` of an iterator of pinning loaders and of nothing else."""
    match value:
        case cst.Call(func=cst.Name("next"), args=[cst.Arg(value=cst.Name() as iterator)]):
            made = [
                one.value if one.kind == "assign" and not one.path else None for one in file.scopes.reaching(iterator)
            ]
            return bool(made) and all(
                isinstance(one, cst.Call)
                and isinstance(one.func, cst.Name)
                and one.func.value == "iter"
                and len(one.args) == 1
                and file.pinning.pins(one.args[0].value)
                for one in made
            )
    return False


def binder(name: cst.CSTNode, file: File, depth: int = 0) -> cst.CSTNode | None:
    """The loop or the clause that binds a name, and alone does so in each turn."""
    reaching = file.scopes.reaching(name) if isinstance(name, cst.Name) else ()
    loops = [one.node for one in reaching if one.kind == "for"]
    if not loops and reaching and depth <= _DEEPEST:
        return unpacking(reaching, file, depth)
    if len(loops) != 1:
        return None
    # What only some batches need first: for the others it is as the loader gave it.
    others = [one for one in reaching if one.kind != "for"]
    once = all(one.kind == "assign" and file.context.within(one.node, loops[0]) for one in others)
    return loops[0] if once else None


def unpacking(bound: tuple, file: File, depth: int) -> cst.For | None:
    """The loop whose batch all of these definitions take apart in its body, as it was drawn."""
    whole = [taken_from(one, file) for one in bound]
    loops = {binder(one, file, depth + 1) if one is not None else None for one in whole}
    loop = loops.pop() if len(loops) == 1 else None
    if not isinstance(loop, cst.For) or not all(file.context.within(one.node, loop.body) for one in bound):
        return None
    return loop if all(kept_as_drawn(one, loop, file) for one in whole) else None


def taken_from(bound: object, file: File) -> cst.Name | None:
    """The name that a definition takes a part of, or all: `x` of `image, label = x`, `x["image"]`, `Variable(x)`."""
    value = bound.value if bound.kind == "assign" else None
    if isinstance(value, cst.Call) and value.args and file.name(value.func) == "torch.autograd.Variable":
        value = value.args[0].value
    while isinstance(value, cst.Subscript):
        value = value.value
    return value if isinstance(value, cst.Name) else None
