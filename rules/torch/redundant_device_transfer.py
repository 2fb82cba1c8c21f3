"""A tensor or module is moved again and again to where it could have stayed."""

import re
from collections.abc import Iterator

import libcst as cst

from smellcheck import Edit, File, Fix, Smell, rule

_CPU = re.compile(r"""^(['"]cpu['"]|torch\.device\(['"]cpu['"]\))$""")
_KINDS = {"epoch", "batch", "chunk", "sample", "unknown", "stream"}


# What one copy costs, beside the pass of a network in the same turn, hangs on a size that the file does not show.
@rule(imports="torch", methods="to cpu cuda", words="for while", practice="hardware", level="info")
def check(call: cst.Call, file: File) -> Iterator[Smell]:
    device = file.moves.destination(call)
    if device is None or file.context.in_test(call):
        return
    receiver = call.func.value
    if isinstance(file.parent(call), cst.Expr) and file.values.kind(receiver) in ("tensor", "output"):
        # What is made right there is moved to see whether the device answers.
        if isinstance(receiver, cst.Name | cst.Attribute | cst.Subscript) and not shown_at_once(call, file):
            yield thrown_away(call, file)
        return
    loops = [loop for loop in file.context.loops(call) if isinstance(loop.node, cst.For | cst.While)]
    array = file.untouched.remade(receiver, loops[0].node) if loops and loops[0].kind in _KINDS else None
    if array is not None and not _CPU.match(device):
        yield Smell(call, f"`{array.value}` does not change in this loop, and is made a tensor and copied in each turn")
        return
    if not loops or file.context.is_guarded(call, loops[0].node):
        return
    earlier = file.visits.uncast(receiver)
    inner = file.moves.destination(earlier) if isinstance(earlier, cst.Call) else None
    if inner is not None:
        yield from (second_move(call, file) if inner == device else round_trip(call, earlier, device, inner, file))
    elif loops[0].kind not in _KINDS:
        return
    elif file.values.is_module(receiver):
        yield from moved_module(call, loops[0].node, file)
    elif loops[0].kind == "batch" and file.visits.comes_straight_back(call):
        yield there_and_back(call, file)
    elif already_there(call, device, loops[0].node, file):
        yield from second_move(call, file)
    elif file.values.kind(receiver) == "tensor" and not _CPU.match(device):
        yield from invariant_tensor(call, loops[0].node, file)


def round_trip(call: cst.Call, receiver: cst.Call, device: str, inner: str, file: File) -> Iterator[Smell]:
    """`x.cpu().to(device)` and `x.cuda().cpu()`: there and back for nothing."""
    origin = receiver.func.value
    held = file.values.kind(origin) == "tensor" or file.visits.from_loader(origin)
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
        or not file.visits.began_on_host(receiver)
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
