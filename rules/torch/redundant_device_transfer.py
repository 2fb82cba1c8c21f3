"""A tensor or module is moved again and again to where it could have stayed."""

import re
from collections.abc import Iterator

import libcst as cst

from smellcheck import Edit, File, Fix, Smell, rule

_CPU = re.compile(r"""^(['"]cpu['"]|torch\.device\(['"]cpu['"]\))$""")
_CASTS = {"float", "long", "half", "double", "int", "squeeze", "unsqueeze", "view", "contiguous"}
#: What makes a tensor on the host unless it is told a device.
_MADE = re.compile(
    r"^torch\.(tensor|as_tensor|from_numpy|zeros|ones|full|empty|eye|arange|linspace|rand|randn|randint|randperm"
    r"|Tensor|\w+Tensor)$"
)
_DEEPEST = 3
_KINDS = {"epoch", "batch", "chunk", "sample", "unknown", "stream"}


# What one copy costs, beside the pass of a network in the same turn, hangs on a size that the file does not show.
@rule(imports="torch", methods="to cpu cuda", words="for while", practice="hardware", level="info")
def check(call: cst.Call, file: File) -> Iterator[Smell]:
    device = file.moves.destination(call)
    if device is None or file.context.in_test(call):
        return
    receiver = call.func.value
    if isinstance(file.parent(call), cst.Expr) and file.values.kind(receiver) in ("tensor", "output"):
        if not shown_at_once(call, file):
            yield thrown_away(call, file)
        return
    loops = [loop for loop in file.context.loops(call) if isinstance(loop.node, cst.For | cst.While)]
    array = file.untouched.remade(receiver, loops[0].node) if loops and loops[0].kind in _KINDS else None
    if array is not None and not _CPU.match(device):
        yield Smell(call, f"`{array.value}` does not change in this loop, and is made a tensor and copied in each turn")
        return
    if not loops or file.context.is_guarded(call, loops[0].node):
        return
    earlier = uncast(receiver)
    inner = file.moves.destination(earlier) if isinstance(earlier, cst.Call) else None
    if inner is not None:
        yield from (second_move(call, file) if inner == device else round_trip(call, earlier, device, inner, file))
    elif loops[0].kind not in _KINDS:
        return
    elif file.values.is_module(receiver):
        yield from moved_module(call, loops[0].node, file)
    elif loops[0].kind == "batch" and straight_back(call, device, file):
        yield there_and_back(call, file)
    elif already_there(call, device, loops[0].node, file):
        yield from second_move(call, file)
    elif file.values.kind(receiver) == "tensor" and not _CPU.match(device):
        yield from invariant_tensor(call, loops[0].node, file)


def uncast(node: cst.BaseExpression) -> cst.BaseExpression:
    """What casts are called on."""
    while isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute) and node.func.attr.value in _CASTS:
        node = node.func.value
    return node


def round_trip(call: cst.Call, receiver: cst.Call, device: str, inner: str, file: File) -> Iterator[Smell]:
    """`x.cpu().to(device)` and `x.cuda().cpu()`: there and back for nothing."""
    origin = receiver.func.value
    held = file.values.kind(origin) == "tensor" or from_loader(origin, file)
    there_and_back = _CPU.match(device) and not _CPU.match(inner) and held
    back_and_there = _CPU.match(inner) and not _CPU.match(device) and file.values.kind(origin) == "output"
    if there_and_back or back_and_there:
        yield Smell(call, f"`{file.text_of(origin)}` is copied between devices and back at once, twice for nothing")


def thrown_away(call: cst.Call, file: File) -> Smell:
    """`x.to(device)` as a statement: a tensor is not moved in place, and nobody takes the copy."""
    name = file.text_of(call.func.value)
    fix = Fix.suggestion(f"Keep what the move gives: `{name} = …`", file.insert_before(call, f"{name} = "))
    return Smell(
        call,
        f"the moved copy of `{name}` is thrown away: a tensor is not moved in place",
        fix,
    )


def shown_at_once(call: cst.Call, file: File) -> bool:
    """Whether the next statement looks where the tensor is: a lesson that it was not moved."""
    statement = file.context.statement(call)
    body = list(getattr(file.parent(statement), "body", ()))
    following = body[body.index(statement) + 1 :][:1] if statement in body else []
    name = file.text_of(call.func.value)
    return any(
        isinstance(line, cst.SimpleStatementLine)
        and isinstance(line.body[0], cst.Expr | cst.Assert)
        and re.search(rf"\b{re.escape(name)}\.(is_cuda|device)\b", file.text_of(line.body[0]))
        for line in following
    )


def straight_back(call: cst.Call, device: str, file: File) -> bool:
    """Whether a part of a batch from a loader is moved to the device, and all that reads it brings it back."""
    moved = named(call, file)
    if moved is None or _CPU.match(device):
        return False
    uses = file.uses(moved)
    return bool(uses) and from_loader(call.func.value, file) and all(brought_back(use, file) for use in uses)


def named(call: cst.Call, file: File) -> cst.Name | None:
    """The name that a moved tensor gets, behind casts at most, alone or as one of several at once."""
    whole = cast_of(call, file)
    above = file.parent(whole)
    match above:
        case cst.Assign(targets=[cst.AssignTarget(target=cst.Name() as moved)]):
            return moved
        case cst.Element():
            pair = file.parent(above)
            match file.parent(pair) if isinstance(pair, cst.Tuple) else None:
                case cst.Assign(targets=[cst.AssignTarget(target=cst.Tuple(elements=names))]) if isinstance(
                    pair, cst.Tuple
                ) and len(names) == len(pair.elements):
                    target = names[list(pair.elements).index(above)].value
                    return target if isinstance(target, cst.Name) else None
    return None


def cast_of(call: cst.Call, file: File) -> cst.Call:
    """The whole of a call and the casts behind it."""
    attribute = file.parent(call)
    outer = file.parent(attribute) if isinstance(attribute, cst.Attribute) and attribute.attr.value in _CASTS else None
    return cast_of(outer, file) if isinstance(outer, cst.Call) and outer.func is attribute else call


def from_loader(node: cst.BaseExpression, file: File, depth: int = 0) -> bool:
    """Whether an expression is a batch of a loader, or a part of one, that nothing has moved yet."""
    while isinstance(node := uncast(node), cst.Subscript):
        node = node.value
    if not isinstance(node, cst.Name) or depth > 3:
        return False
    reaching = file.scopes.reaching(node)
    return bool(reaching) and all(
        (d.kind == "for" and file.context.loop(d.node).kind == "batch")
        or (d.kind == "assign" and d.value is not None and from_loader(taken(d.value, d.path), file, depth + 1))
        for d in reaching
    )


def taken(value: cst.BaseExpression, path: tuple[int, ...]) -> cst.BaseExpression:
    """What an assignment takes a name's value from: of several at once, the one that is its own."""
    if isinstance(value, cst.Tuple) and len(path) == 1 and 0 <= path[0] < len(value.elements):
        return value.elements[path[0]].value
    return value


def brought_back(name: cst.Name, file: File) -> bool:
    """Whether a use is `x.cpu()`, with nothing but `detach` in between."""
    attribute = file.parent(name)
    if not isinstance(attribute, cst.Attribute) or attribute.value is not name:
        return False
    called = file.parent(attribute)
    match attribute.attr.value:
        case "cpu":
            return True
        case "detach" | "data":
            owner = called if isinstance(called, cst.Call) else attribute
            after = file.parent(owner)
            return isinstance(after, cst.Attribute) and after.value is owner and after.attr.value == "cpu"
    return False


def there_and_back(call: cst.Call, file: File) -> Smell:
    """A part of the batch visits the device, where nothing reads it."""
    edit = file.replace(call, file.text_of(call.func.value))
    match file.context.statement(call):
        case (
            cst.SimpleStatementLine(
                body=[cst.Assign(targets=[cst.AssignTarget(target=target)], value=value)]
            ) as statement
        ):
            if value is call and file.same(target, call.func.value):
                edit = file.delete_statement(statement)
    fix = Fix.unsafe("Leave it on the host", edit)
    return Smell(call, "this copy goes to the device and comes straight back: nothing reads it there", fix)


def moved_module(call: cst.Call, loop: cst.For | cst.While, file: File) -> Iterator[Smell]:
    """A loop-invariant module is walked, parameter by parameter, every time round."""
    receiver, statement = call.func.value, file.context.statement(call)
    if not alone(call, statement, file) or not steady(call, loop, file):
        return
    uses = [other for other in file.all(cst.Call) if file.context.within(other, loop) and other is not call]
    for other in uses:
        if isinstance(other.func, cst.Attribute) and file.same(other.func.value, receiver):
            if other.func.attr.value in (
                "to",
                "cpu",
                "cuda",
                "half",
                "float",
                "double",
                "to_empty",
                "load_state_dict",
            ):
                return
    # A function that is handed the module may leave it on the host.
    leaks = any(file.same(arg.value, receiver) for other in uses for arg in other.args)
    if leaks:
        return
    first = not any(file.before(other, call) and mentions(other, receiver, file) for other in uses)
    made = Fix.safe if first else Fix.unsafe
    yield Smell(
        call,
        f"every parameter of `{file.text_of(receiver)}` is visited in each turn of the loop to move nothing",
        made("Move it once, before the loop", *hoist(statement, loop, file))
        if hoistable(statement, loop, file)
        else None,
    )


def invariant_tensor(call: cst.Call, loop: cst.For | cst.While, file: File) -> Iterator[Smell]:
    """The same tensor is copied to the device every time round."""
    receiver, statement = call.func.value, file.context.statement(call)
    if (
        not isinstance(receiver, cst.Name | cst.Attribute)
        or not steady(call, loop, file)
        or file.untouched.is_mutated(receiver, loop)
        # What is on the device already is only asked where it is.
        or not starts_on_host(receiver, file)
    ):
        return
    fix = None
    match statement:
        case cst.SimpleStatementLine(
            body=[cst.Assign(targets=[cst.AssignTarget(target=cst.Name() as target)], value=value)]
        ):
            if value is call:
                if file.same(target, receiver) or file.untouched.is_mutated(target, loop):
                    return
                if len(file.scopes.definitions(target)) == 1 and hoistable(statement, loop, file):
                    fix = Fix.safe("Move it once, before the loop", *hoist(statement, loop, file))
    yield Smell(
        call,
        f"`{file.text_of(receiver)}` does not change in this loop and is copied to the device in each turn",
        fix,
    )


def starts_on_host(tensor: cst.CSTNode, file: File, depth: int = 0) -> bool:
    """Whether a tensor surely was made on the host, or brought there."""
    match tensor:
        case cst.Name() if depth < _DEEPEST:
            made = [one.value for one in file.scopes.reaching(tensor) if one.kind == "assign" and not one.path]
            whole = len(made) == len(file.scopes.reaching(tensor)) > 0
            return whole and all(one is not None and starts_on_host(one, file, depth + 1) for one in made)
        case cst.Attribute(value=cst.Name("self"), attr=cst.Name(attribute)) if depth < _DEEPEST:
            owner = file.calls.enclosing_class(tensor)
            held = list(file.values.attribute_values(owner, attribute)) if owner is not None else []
            return bool(held) and all(one is not None and starts_on_host(one, file, depth + 1) for one in held)
        case cst.Call(func=func):
            if _MADE.match(file.name(func) or ""):
                return file.argument(tensor, "device") is None
            if file.name(func) == "torch.load":
                where = file.argument(tensor, "map_location", 1)
                return where is not None and bool(_CPU.match(file.text_of(where.value)))
            if isinstance(func, cst.Attribute) and file.name(func) is None:
                moved = file.moves.destination(tensor)
                return moved == '"cpu"' if moved is not None else starts_on_host(func.value, file, depth)
        case cst.Subscript(value=inner):
            return starts_on_host(inner, file, depth)
    return False


def already_there(call: cst.Call, device: str, loop: cst.CSTNode, file: File) -> bool:
    """Whether the one definition that reaches the receiver has already moved it to the same device."""
    receiver = call.func.value
    if not isinstance(receiver, cst.Name):
        return False
    reaching = file.scopes.reaching(receiver)
    if len(reaching) != 1 or reaching[0].kind != "assign" or reaching[0].path or reaching[0].value is None:
        return False
    earlier = reaching[0].value
    # What only the move itself binds was bound by nothing before the first turn.
    if (
        earlier is call
        or not isinstance(earlier, cst.Call)
        or file.context.loops(earlier)[:1] != file.context.loops(call)[:1]
    ):
        return False
    return file.moves.destination(earlier) == device and all(
        file.context.invariant(arg.value, loop) for arg in call.args
    )


def second_move(call: cst.Call, file: File) -> Iterator[Smell]:
    """A tensor that is where it should be is asked to move there once more."""
    receiver, statement = call.func.value, file.context.statement(call)
    edit = file.replace(call, file.text_of(receiver))
    match statement:
        case cst.SimpleStatementLine(body=[cst.Assign(targets=[cst.AssignTarget(target=target)], value=value)]):
            if value is call and file.same(target, receiver):
                edit = file.delete_statement(statement)
    yield Smell(
        call,
        f"`{file.text_of(receiver)}` was already moved to this device",
        Fix.safe("Drop the second move", edit),
    )


def steady(call: cst.Call, loop: cst.For | cst.While, file: File) -> bool:
    """Whether receiver and device are the same in every turn."""
    receiver = call.func.value
    return all(file.context.invariant(arg.value, loop) for arg in call.args) and (
        file.context.invariant(receiver, loop) or only_moves_itself(call, loop, file)
    )


def only_moves_itself(call: cst.Call, loop: cst.For | cst.While, file: File) -> bool:
    """`model = model.to(device)` binds the name in the loop, but always to the same object."""
    receiver = call.func.value
    return (
        file.values.is_module(receiver)
        and isinstance(receiver, cst.Name)
        and [d.value for d in file.scopes.definitions(receiver) if file.context.within(d.node, loop)] == [call]
    )


def alone(call: cst.Call, statement: cst.CSTNode, file: File) -> bool:
    """Whether the statement is nothing but the move: `model.to(device)` or `model = model.to(device)`."""
    match statement:
        case cst.SimpleStatementLine(body=[cst.Expr(value=value)]):
            return value is call
        case cst.SimpleStatementLine(body=[cst.Assign(targets=[cst.AssignTarget(target=target)], value=value)]):
            return value is call and file.same(target, call.func.value)
    return False


def mentions(node: cst.CSTNode, receiver: cst.CSTNode, file: File) -> bool:
    """Whether a call is made on, or with, the receiver."""
    return file.text_of(receiver) in file.text_of(node)


def hoistable(statement: cst.CSTNode, loop: cst.CSTNode, file: File) -> bool:
    """Whether a statement stands alone on its line, directly in the loop's body."""
    body = file.parent(statement)
    return (
        isinstance(statement, cst.SimpleStatementLine)
        and len(statement.body) == 1
        and isinstance(body, cst.IndentedBlock)
        and file.parent(body) is loop
        and len(body.body) > 1
    )


def hoist(statement: cst.SimpleStatementLine, loop: cst.CSTNode, file: File) -> tuple[Edit, Edit]:
    """The edits that put a statement above its loop."""
    line = file.module.code_for_node(statement.with_changes(leading_lines=())).strip()
    return file.insert_line_before(loop, line), file.delete_statement(statement)
