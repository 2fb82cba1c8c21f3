"""A loader pins its batches so that copies need not be waited for, and each copy is waited for."""

import re
from collections.abc import Iterator

import libcst as cst

from smellcheck import File, Fix, Smell, rule

_DEEPEST = 4
# Where there is no GPU, there is nothing that could wait.
_WITH_GPU = re.compile(r"\(?(torch\.cuda\.is_available\(\)|(self\.)?device(\.type)? == ['\"]cuda['\"])\)?", re.I)
# A switch for the GPU: where it is off, batches are neither pinned nor copied.
_SWITCH = re.compile(r"(\w+\.)*(use_?)?cuda|(\w+\.)*use_?gpu", re.I)
_ASKS = re.compile(r"(\w+\.)*((use|has)_?)?(cuda|gpu)( is not None)?", re.I)
_EMPTY = ("{}", "dict()")


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
            if child is not above.body or not asks_gpu(above.test, file):
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
    return pinned(file.context.loop(loop).over, file) and kept_as_drawn(part, loop, file)


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
                and pinned(one.args[0].value, file)
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


def pinned(loader: cst.CSTNode | None, file: File, depth: int = 0) -> bool:
    """Whether all that a name may stand for are loaders that pin plain batches of tensors."""
    if loader is None or depth > _DEEPEST:
        return False
    match loader:
        case (
            cst.Call(func=cst.Name("tqdm" | "enumerate"), args=[cst.Arg(value=inner), *_])
            | cst.Call(func=cst.Attribute(attr=cst.Name("log_every")), args=[cst.Arg(value=inner, keyword=None), *_])
        ):
            return pinned(inner, file, depth + 1)
        case cst.Call():
            return is_pinning(loader, file) or gives_pinned(loader, (), file, depth)
        case cst.Subscript(value=inner):
            return pinned(inner, file, depth + 1)
        case cst.Dict(elements=elements):
            held = [one.value for one in elements]
            return bool(held) and all(pinned(one, file, depth + 1) for one in held)
        case cst.IfExp(body=body, orelse=orelse):
            ways = [one for one in (body, orelse) if not (isinstance(one, cst.Name) and one.value == "None")]
            return bool(ways) and all(pinned(one, file, depth + 1) for one in ways)
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
            if isinstance(bound.value, cst.Call) and bound.path:
                return gives_pinned(bound.value, bound.path, file, depth)
            if not bound.path and file.text_of(bound.value) in _EMPTY:
                return is_filled(bound, file, depth)
            return not bound.path and pinned(bound.value, file, depth + 1)
        case "parameter" if isinstance(bound.scope.node, cst.FunctionDef):
            function = bound.scope.node
            calls = file.calls.passing(function)
            given = [file.calls.argument_of(one, function, bound) for one in calls]
            return bool(given) and all(pinned(one, file, depth + 1) for one in given)
    return False


def is_filled(bound: object, file: File, depth: int) -> bool:
    """Whether an empty dictionary is filled with such loaders, and with nothing else."""
    stored = []
    for use in file.tree.named(bound.name, bound.scope.node):
        item = file.parent(use)
        if not isinstance(item, cst.Subscript) or item.value is not use:
            # Whoever is given it may put others in.
            if isinstance(item, cst.Arg | cst.Attribute) and file.reads(use):
                return False
            continue
        target = file.parent(item)
        if isinstance(target, cst.AssignTarget) and isinstance(statement := file.parent(target), cst.Assign):
            stored.append(statement.value)
    return bool(stored) and all(pinned(one, file, depth + 1) for one in stored)


def gives_pinned(call: cst.Call, path: tuple[int, ...], file: File, depth: int) -> bool:
    """Whether a function of the project gives such a loader, at a place of a tuple where there is a path."""
    function = file.calls.callee(call)
    if function is None:
        return file.siblings.pins(call, path)
    whole = [node.value for node in file.calls.own_nodes(function) if isinstance(node, cst.Return)]
    parts = [one if one is None else file.scopes.part(one, path) for one in whole]
    return bool(parts) and all(pinned(one, file, depth + 1) for one in parts)


def is_pinning(call: cst.Call, file: File) -> bool:
    """Whether a call makes a loader of torch that pins its batches, and puts them together in torch's own way."""
    name = file.name(call.func) or ""
    if not name.startswith("torch.utils.data.") or not name.endswith(".DataLoader"):
        return False
    starred = [arg for arg in call.args if arg.star]
    if file.argument(call, "collate_fn") is not None or any(arg.star == "*" for arg in starred):
        return False
    pins = file.argument(call, "pin_memory")
    if pins is not None:
        return not starred and turned_on(pins.value, file)
    return len(starred) == 1 and settings_pin(starred[0].value, file)


def turned_on(value: cst.BaseExpression, file: File) -> bool:
    """Whether a switch is on wherever there is a GPU."""
    if _SWITCH.fullmatch(file.text_of(value)):
        return True
    if isinstance(value, cst.Name) and value.value != "True":
        reaching = file.scopes.reaching(value)
        made = reaching[0].value if len(reaching) == 1 and reaching[0].kind == "assign" else None
        return made is not None and not reaching[0].path and with_gpu(made, file)
    match value:
        case cst.Name("True"):
            return True
        case cst.IfExp(test=test, body=cst.Name("True")):
            return with_gpu(test, file)
    return with_gpu(value, file)


def with_gpu(test: cst.CSTNode, file: File) -> bool:
    """Whether a condition asks for a GPU and nothing else."""
    return bool(_WITH_GPU.fullmatch(file.text_of(test)))


def settings_pin(settings: cst.CSTNode, file: File, depth: int = 0) -> bool:
    """Whether the settings of a loader are written out, and say that it pins, wherever there is a GPU."""
    match settings:
        case cst.Dict(elements=elements):
            held = {
                file.text_of(one.key).strip("\"'"): one.value for one in elements if isinstance(one, cst.DictElement)
            }
            return len(held) == len(elements) and "collate_fn" not in held and is_on(held.get("pin_memory"), file)
        case cst.Call(func=cst.Name("dict"), args=args):
            held = {arg.keyword.value: arg.value for arg in args if arg.keyword is not None}
            return len(held) == len(args) and "collate_fn" not in held and is_on(held.get("pin_memory"), file)
        case cst.IfExp(test=test, body=body, orelse=orelse):
            return asks_gpu(test, file) and file.text_of(orelse) in _EMPTY and settings_pin(body, file, depth)
        case cst.Name(value=name) if depth < _DEEPEST:
            home = file.context.function(settings) or file.module
            changed = any(
                isinstance(above := file.parent(use), cst.Attribute | cst.Subscript) and above.value is use
                for use in file.tree.named(name, home)
            )
            reaching = () if changed else file.scopes.reaching(settings)
            made = [one.value for one in reaching if one.kind == "assign" and not one.path]
            usual = all(one.kind == "assign" or left_out(one, file) for one in reaching)
            return bool(made) and usual and all(one and settings_pin(one, file, depth + 1) for one in made)
    return False


def is_on(value: cst.BaseExpression | None, file: File) -> bool:
    """The same for a setting that may be missing."""
    return value is not None and turned_on(value, file)


def asks_gpu(test: cst.BaseExpression, file: File) -> bool:
    """Whether a condition, or the name that it is bound to, asks for a GPU."""
    return turned_on(test, file) or bool(_ASKS.fullmatch(file.text_of(test)))


def left_out(bound: object, file: File) -> bool:
    """Whether a parameter is `None` unless it is given, and no call in sight gives it."""
    function = bound.scope.node
    if bound.kind != "parameter" or not isinstance(function, cst.FunctionDef):
        return False
    default = bound.node.default
    calls = file.calls.passing(function)
    return (
        isinstance(default, cst.Name)
        and default.value == "None"
        and all(file.calls.argument_of(one, function, bound) is None for one in calls)
        and not any(arg.star for one in calls for arg in one.args)
    )
