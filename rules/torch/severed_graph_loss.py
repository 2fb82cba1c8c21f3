"""A loss that is wrapped anew before it is sent backward reaches no parameter: the training changes nothing."""

from collections.abc import Iterator

import libcst as cst

from smellcheck import File, Fix, Smell, rule

_WRAPPERS = {"torch.autograd.Variable", "torch.autograd.variable.Variable", "torch.tensor"}


@rule(imports="torch", words=("requires_grad", "backward", "step"), practice="refactoring")
def check(node: cst.Assign, file: File) -> Iterator[Smell]:
    match node.targets:
        case [cst.AssignTarget(target=cst.Name() as target)]:
            inner = severed(node.value, file)
        case _:
            return
    if inner is None or file.context.in_test(node) or not sent_alone(node, target, file) or differentiated(node, file):
        return
    maker = graph_of(inner, file)
    if maker is None:
        return
    statement = file.context.statement(node)
    same = isinstance(inner, cst.Name) and inner.value == target.value
    whole = same and isinstance(statement, cst.SimpleStatementLine) and len(statement.body) == 1
    yield Smell(
        node,
        f"`{target.value}` is cut off from what it was computed from: its backward pass reaches no parameter, "
        "and every step of this training is wasted",
        Fix.unsafe(f"Send `{target.value}` backward as it was computed", file.delete_statement(statement))
        if whole
        else None,
    )


def severed(value: cst.BaseExpression, file: File) -> cst.BaseExpression | None:
    """What a new leaf is made of: `Variable(x, requires_grad=True)`, `x.detach().requires_grad_()`."""
    match value:
        case cst.Call(func=func, args=[cst.Arg(value=inner, keyword=None), *_]) if file.name(func) in _WRAPPERS:
            asked = file.argument(value, "requires_grad")
            return inner if asked is not None and file.text_of(asked.value) == "True" else None
        case cst.Call(func=cst.Attribute(value=cut, attr=cst.Name("requires_grad_")), args=[]):
            match cut:
                case cst.Call(func=cst.Attribute(value=inner, attr=cst.Name("detach")), args=[]):
                    return inner
                case cst.Attribute(value=inner, attr=cst.Name("data")):
                    return inner
    return None


def sent_alone(node: cst.Assign, target: cst.Name, file: File) -> bool:
    """Whether the new leaf itself is what goes backward, and an optimizer steps in the same function."""
    sent = stepped = False
    for call in file.calls.own_nodes(file.steps.home(node)):
        if not isinstance(call, cst.Call):
            continue
        loss = file.steps.sent(call)
        if isinstance(loss, cst.Name) and loss.value == target.value:
            reaching = file.scopes.reaching(loss)
            sent |= bool(reaching) and all(one.node is node for one in reaching)
        stepper = file.steps.stepping(call)
        stepped |= stepper is not None and (
            file.values.kind(stepper) == "optimizer" or "optim" in file.text_of(stepper).lower()
        )
    return sent and stepped


def differentiated(node: cst.Assign, file: File) -> bool:
    """Whether a gradient is read, or carried on by hand, in the same function: then the leaf is a seam on purpose."""
    return any(
        (isinstance(below, cst.Attribute) and below.attr.value in ("grad", "register_hook"))
        or (isinstance(below, cst.Call) and (file.name(below.func) or "").startswith("torch.autograd.grad"))
        for below in file.calls.own_nodes(file.steps.home(node))
    )


def graph_of(inner: cst.BaseExpression, file: File) -> cst.Call | None:
    """The forward pass of a module, or a loss, that surely gave the value a graph."""
    # The name itself stands in front of what cuts it; what it is bound to does not.
    bound = [one.value for one in file.scopes.reaching(inner)] if isinstance(inner, cst.Name) else [inner]
    values = [value for value in bound if isinstance(value, cst.BaseExpression)]
    for part in (part for value in values for part in file.steps.sources(value)):
        if isinstance(part, cst.Call) and file.grad.mode(part) == "on":
            if file.values.is_module(part.func) or file.optimizers.key(part.func) in file.optimizers.stepped:
                return part
    return None
