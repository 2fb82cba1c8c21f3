"""A running total or a list of losses keeps the graph of every step alive."""

from collections.abc import Iterator

import libcst as cst

from smellcheck import File, Fix, Smell, rule


@rule(imports="torch", words="backward", practice="refactoring", level="info")
def check(store: cst.AugAssign | cst.Call, file: File) -> Iterator[Smell]:
    kept, value = stored(store)
    if kept is None or value is None or not file.context.loops(store):
        return
    around = file.context.loops(store)
    loop = around[0].node
    # A list that a batch begins anew holds the parts of one step.
    if any(rebound(kept, one.node, file) for one in around if one.node is loop or one.kind == "batch"):
        return
    if file.context.in_test(store):
        return
    for loss in plain_parts(value):
        if not sent_in(loop, loss, file) or (isinstance(store, cst.AugAssign) and file.grad.mode(store) != "on"):
            continue
        yield Smell(
            store,
            f"`{file.text_of(kept)}` keeps the graph of `{loss.value}` of every step, long after its backward pass",
            Fix.safe(f"Keep `{loss.value}` without its graph", file.insert_after(loss, ".detach()")),
        )
        return


def stored(store: cst.AugAssign | cst.Call) -> tuple[cst.BaseExpression | None, cst.BaseExpression | None]:
    """What is added to, and what is added: `total += loss`, `losses.append(loss)`."""
    match store:
        case cst.AugAssign(target=target, operator=cst.AddAssign(), value=value):
            return target, value
        case cst.Call(func=cst.Attribute(value=owner, attr=cst.Name("append")), args=[cst.Arg(value=value)]):
            return owner, value
    return None, None


def plain_parts(value: cst.BaseExpression) -> Iterator[cst.Name]:
    """The names that a value is computed from by arithmetic alone."""
    match value:
        case cst.Name():
            yield value
        case cst.BinaryOperation(left=left, right=right):
            yield from plain_parts(left)
            yield from plain_parts(right)
        case cst.UnaryOperation(expression=inner):
            yield from plain_parts(inner)


def rebound(kept: cst.BaseExpression, loop: cst.CSTNode, file: File) -> bool:
    """Whether what is added to begins anew in every round of a loop."""
    while isinstance(kept, cst.Subscript):
        kept = kept.value
    return any(
        isinstance(node, cst.Assign)
        and any(file.same(target.target, kept) for target in node.targets)
        and not any(isinstance(above, cst.If) for _, above in file.context.ancestors(node) if above is not loop)
        for node in file.calls.own_nodes(loop)
    )


def sent_in(loop: cst.CSTNode, loss: cst.Name, file: File) -> bool:
    """Whether a loop sends the very value of a name backward, and drops its graph by that."""
    wanted = set(file.scopes.reaching(loss))
    found = False
    for node in file.calls.own_nodes(loop):
        sent = file.steps.sent(node)
        if sent is None or not isinstance(node, cst.Call):
            continue
        if any(arg.keyword is not None and arg.keyword.value in ("retain_graph", "create_graph") for arg in node.args):
            return False
        found |= any(
            isinstance(name, cst.Name) and name.value == loss.value and wanted == set(file.scopes.reaching(name))
            for name in file.calls.own_nodes(sent)
        )
    return found and bool(wanted)
