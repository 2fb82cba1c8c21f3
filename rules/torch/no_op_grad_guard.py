"""What is meant to switch gradients off does nothing: a guard that is dropped, a flag that is gone."""

from collections.abc import Iterator

import libcst as cst

from smellcheck import File, Fix, Smell, rule

_GUARDS = (
    "torch.no_grad",
    "torch.inference_mode",
    "torch.autograd.no_grad",
    "torch.autograd.inference_mode",
    "torch.autograd.grad_mode.no_grad",
    "torch.autograd.grad_mode.inference_mode",
)


_VARIABLES = ("torch.autograd.Variable", "torch.autograd.variable.Variable")


@rule(imports="torch", calls=(*_GUARDS, *_VARIABLES), practice="refactoring")
def check(call: cst.Call, file: File) -> Iterator[Smell]:
    if file.context.in_test(call):
        return
    if file.name(call.func) in _VARIABLES:
        yield from volatile(call, file)
        return
    if not isinstance(file.parent(call), cst.Expr):
        return
    yield Smell(
        call,
        f"`{file.text_of(call)}` as a statement of its own switches nothing off: what follows records a graph",
        guarded(call, file),
    )


def guarded(call: cst.Call, file: File) -> Fix | None:
    """The rest of the block under the guard, where nothing in it needs gradients and it does not hand over."""
    statement = file.context.statement(call)
    block = file.parent(statement)
    if not isinstance(statement, cst.SimpleStatementLine) or len(statement.body) > 1:
        return None
    if not isinstance(block, cst.IndentedBlock):
        return None
    rest = [after for after in block.body if file.before(statement, after)]
    if not rest or file.phase.needs_graph(rest):
        return None
    if any(isinstance(node, cst.Yield | cst.Await) for after in rest for node in file.calls.own_nodes(after)):
        return None
    wrapped = file.wrap(rest, f"with {file.text_of(call)}")
    if wrapped is None:
        return None
    # The guard's own line becomes the header of what `wrap` indents.
    header = file.replace(call, f"with {file.text_of(call)}:")
    return Fix.unsafe("Put what follows under the guard", header, wrapped[-1])


def volatile(call: cst.Call, file: File) -> Iterator[Smell]:
    """A forward that is fed a volatile variable, where gradients are on, and nothing else tells of it."""
    flag = next((arg for arg in call.args if arg.keyword is not None and arg.keyword.value == "volatile"), None)
    if flag is None or not (isinstance(flag.value, cst.Name) and flag.value.value == "True"):
        return
    # Programs for both worlds choose by the version.
    if file.mentions("__version__") or file.precedes("torch", 0, 4):
        return
    forward = fed(call, file)
    if forward is None or file.grad.mode(forward) != "on" or file.grad.off_elsewhere(forward):
        return
    model = file.inference.model(forward)
    if file.trainable.frozen(model) or file.inference.only_runs(forward):
        return
    # What `missing-no-grad` tells of.
    if file.inference.is_pass(forward) and file.inference.stretch(forward, file.context.function(forward)):
        return
    message = f"`volatile=True` does nothing since torch 0.4: the forward of `{file.text_of(model)}` records a graph"
    # Code that still says so may well be run with the torch that heeds it.
    yield Smell(call, message, level="info")


def fed(made: cst.Call, file: File) -> cst.Call | None:
    """The first forward pass that a variable is an argument of, itself or by its name."""
    function = file.context.function(made)
    body = function if function is not None else file.module
    named = uses(made, file)
    # `x = normalised(x)`: what is made of it is fed in its stead.
    for name in list(named):
        match file.context.statement(name):
            case cst.SimpleStatementLine(body=[cst.Assign(targets=[cst.AssignTarget(target=cst.Name() as target)])]):
                named += file.uses(target)
    for forward in file.calls.own_calls(body):
        if not file.inference.is_forward(forward) and not runs_a_method(forward, file):
            continue
        for arg in forward.args:
            if file.context.within(made, arg) or any(file.context.within(name, arg) for name in named):
                return forward
    return None


def runs_a_method(call: cst.Call, file: File) -> bool:
    """Whether a call is of a name for a method of networks: `encode = net.encode if there else other.encode`."""
    reaching = file.scopes.reaching(call.func) if isinstance(call.func, cst.Name) else ()
    values = [one.value for one in reaching if one.kind == "assign" and not one.path]
    ways = [way for one in values for way in ((one.body, one.orelse) if isinstance(one, cst.IfExp) else (one,))]
    return len(values) == len(reaching) > 0 and all(
        isinstance(way, cst.Attribute) and way.attr.value != "load_state_dict" and is_network(way.value, file)
        for way in ways
    )


def is_network(owner: cst.BaseExpression, file: File) -> bool:
    """Whether something is known as a network, or given weights in the file."""
    return file.values.is_module(owner) or file.mentions(f"{file.text_of(owner)}.load_state_dict(")


def uses(made: cst.Call, file: File) -> list[cst.Name]:
    """Where the name is read that a variable is assigned to, but for what looks like it: `.cuda()` behind it."""
    current: cst.CSTNode = made
    while isinstance(above := file.parent(current), cst.Attribute | cst.Call | cst.Element | cst.Tuple | cst.IfExp):
        current = above
    match above:
        case cst.Assign(targets=[cst.AssignTarget(target=cst.Name() as target)]):
            return list(file.uses(target))
        case cst.Assign(targets=[cst.AssignTarget(target=cst.Tuple(elements=names))], value=cst.Tuple(elements=values)):
            for name, value in zip(names, values, strict=False):
                if file.context.within(made, value) and isinstance(name.value, cst.Name):
                    return list(file.uses(name.value))
    return []
