"""A running total or a list of losses keeps the graph of every step alive, or its last backward pass does."""

import re
from collections.abc import Iterator

import libcst as cst

from smellcheck import File, Fix, Smell, rule

#: What may come after the last backward pass of a step, and surely goes through no graph.
_HARMLESS = re.compile(
    r"^(step|zero_grad|update\w*|add_\w+|log\w*|info|debug|warning|print|write\w*|format|join|item|len|int|float|str|round"
    r"|time|strftime|now|save\w*|clip_grad_\w+|parameters|set_\w+|get_\w*lr|append|extend|size|numel|state_dict|mean|sum"
    r"|detach|cpu|numpy|tolist|keys|items|values|get|empty_cache|argmax|eq|max|min|flush|close|range|enumerate|isnan)$"
)
#: What is called on a tensor, and not on a module or by the name of a function.
_OF_TENSORS = {
    "abs", "chunk", "clone", "exp", "flatten", "float", "log", "mean", "norm", "permute", "pow", "prod", "relu",
    "reshape", "sigmoid", "softmax", "split", "sqrt", "square", "squeeze", "std", "sum", "tanh", "to", "transpose",
    "unsqueeze", "var", "view",
}  # fmt: skip
#: What gives a loss, by its name.
_LOSSES = re.compile(r"loss|^crit|^(binary_)?cross_entropy|^objective", re.I)
_PLAIN = ("module", "loss", "optimizer", "number", "string", "bool", "none", "device", "dtype", "class", "function")


@rule(imports="torch", words="backward eval", practice="refactoring", level="info")
def check(store: cst.AugAssign | cst.Call, file: File) -> Iterator[Smell]:
    if isinstance(store, cst.Call) and (keeps := kept_at_last(store, file)) is not None:
        message = "the graph is kept, with its activations, and no other backward pass goes through it"
        yield Smell(store, message, Fix.unsafe("Free the graph", file.remove_argument(store, keeps)))
        return
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
    if isinstance(store, cst.AugAssign) and evaluated(store, loop, file):
        yield Smell(store, f"`{file.text_of(kept)}` keeps the graph of every batch, activations and all")


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
    # What only weighs a loss has no graph.
    if all(one.kind == "parameter" or file.retained.is_plain(one) for one in wanted):
        return False
    found = False
    for node in file.calls.own_nodes(loop):
        sent = file.steps.sent(node)
        if sent is None or not isinstance(node, cst.Call):
            continue
        if any(arg.keyword is not None and arg.keyword.value in ("retain_graph", "create_graph") for arg in node.args):
            return False
        found |= any(
            isinstance(name, cst.Name) and name.value == loss.value and wanted == set(file.scopes.reaching(name))
            for name in (*file.calls.own_nodes(sent), *summed_from(sent, file))
        )
    return found and bool(wanted)


def summed_from(sent: cst.BaseExpression, file: File) -> Iterator[cst.Name]:
    """The names that a loss was summed from by arithmetic alone, on the one way there is to what it is."""
    todo, seen = list(plain_parts(sent)), set[cst.CSTNode]()
    while todo:
        name = todo.pop()
        yield name
        bound = file.scopes.reaching(name)
        if len(bound) == 1 and bound[0].kind == "assign" and not bound[0].path and bound[0].node not in seen:
            seen.add(bound[0].node)
            todo += plain_parts(bound[0].value) if isinstance(bound[0].value, cst.BaseExpression) else ()


def evaluated(store: cst.AugAssign, loop: cst.CSTNode, file: File) -> bool:
    """Whether what a loop adds up is a loss of a network that is only evaluated, with gradients on."""
    function = file.context.function(store)
    for part in (inner for loss in losses_in(store.value, file) for inner in file.steps.sources(loss)):
        if not isinstance(part, cst.Call) or not file.context.within(part, loop) or not file.inference.is_pass(part):
            continue
        model = file.inference.model(part)
        if file.grad.mode(part) != "on" or file.grad.off_elsewhere(part) or file.grad.dropped(part):
            continue
        if file.values.kind(model) == "loss" or file.trainable.frozen(model) or file.trainable.weightless(model):
            continue
        if file.inference.stretch(part, function):
            return True
    return False


def losses_in(value: cst.BaseExpression, file: File) -> Iterator[cst.Call]:
    """The calls of losses that a value is, or is computed from by arithmetic alone."""
    match value:
        case cst.BinaryOperation(left=left, right=right):
            yield from losses_in(left, file)
            yield from losses_in(right, file)
        case cst.Name():
            made = file.scopes.written(value)
            if isinstance(made, cst.Call):
                yield from losses_in(made, file)
        # A metric cuts the graph, as a rule.
        case cst.Call(func=cst.Name(value=name) | cst.Attribute(attr=cst.Name(value=name))):
            if _LOSSES.search(name) and file.values.kind(value) != "number":
                yield value


def kept_at_last(call: cst.Call, file: File) -> cst.Arg | None:
    """The `retain_graph=True` of the last backward pass through what a round of a loop has computed from its batch."""
    keeps = next((arg for arg in call.args if is_kept(arg)), None)
    # Asked of every call.
    if keeps is None:
        return None
    lost, loops = file.steps.sent(call), file.context.loops(call)
    if lost is None or not loops or file.context.in_test(call):
        return None
    loop = loops[0].node
    if not isinstance(loop, cst.For | cst.While):
        return None
    inside = [part for part in file.steps.sources(lost) if file.context.within(part, loop.body)]
    if not all(is_of_round(part, lost, loop, file) for part in inside):
        return None
    if file.retained.goes_through(call, lost, loop):
        return None
    return keeps if is_last(call, loop, file) or file.retained.in_vain(call, lost, loop) else None


def is_last(call: cst.Call, loop: cst.For | cst.While, file: File) -> bool:
    """Whether nothing comes after a backward pass, in its round or behind the loop, that may go backward."""
    # What a round has kept, a loss after the loop may be summed from.
    others = [one for one in file.calls.own_calls(file.steps.home(call)) if not file.context.within(one, loop.body)]
    if any(file.steps.sent(one) is not None for one in others):
        return False
    after = [one for one in file.tree.own_of_type(cst.Call, loop.body) if file.before(call, one)]
    return all(is_harmless(one, file) for one in after)


def is_kept(arg: cst.Arg) -> bool:
    """Whether an argument is `retain_graph=True`."""
    match arg:
        case cst.Arg(keyword=cst.Name("retain_graph"), value=cst.Name("True")):
            return True
    return False


def is_harmless(call: cst.Call, file: File) -> bool:
    """Whether a call surely goes through no graph: a step, a report, a number that is read."""
    match call.func:
        case cst.Name(value=name) | cst.Attribute(attr=cst.Name(value=name)):
            runs = name == "step" and call.args and (file.calls.callee(call) or runs_closure(call, file))
            return bool(_HARMLESS.match(name)) and not runs
    return False


def runs_closure(call: cst.Call, file: File) -> bool:
    """Whether a call is given a function of the file to run."""
    given = [arg.value for arg in call.args if isinstance(arg.value, cst.Name)]
    return any(one.kind == "function" for name in given for one in file.scopes.reaching(name))


def is_of_round(part: cst.CSTNode, lost: cst.CSTNode, loop: cst.CSTNode, file: File) -> bool:
    """Whether what a loss is computed from is made in this very round, or has no graph."""
    if not isinstance(part, cst.Name) or not file.reads(part):
        return True
    whole, above = part, file.parent(part)
    while whole is not lost and isinstance(above, cst.Attribute | cst.Subscript) and above.value is whole:
        whole, above = above, file.parent(above)
    called = whole.attr.value if isinstance(whole, cst.Attribute) else ""
    if whole is not lost and isinstance(above, cst.Call) and above.func is whole and called not in _OF_TENSORS:
        return True
    if part.value == "self":
        return file.values.kind(whole) in _PLAIN
    if (isinstance(above, cst.IfExp) and above.test is whole) or file.values.kind(whole) in _PLAIN:
        return True
    if whole is not part and file.values.kind(part) == "module":
        return True
    return all(
        is_made_in(one, loop, part, file)
        or is_plain(one)
        or (file.retained.is_tool(part) if one.kind == "parameter" else file.retained.is_plain(one))
        for one in file.scopes.reaching(part)
    )


def is_made_in(bound: object, loop: cst.CSTNode, part: cst.Name, file: File) -> bool:
    """Whether a name is bound by the loop, or in its body before it is read."""
    if bound.node is loop:
        return True
    inner = bound.kind == "for" or not file.before(part, bound.node)
    return inner and file.context.within(bound.node, loop.body)


def is_plain(bound: object) -> bool:
    """Whether a name is bound before the loop to what is no result of a computation."""
    if bound.kind in ("import", "function", "class"):
        return True
    if bound.kind == "parameter":
        return "device" in bound.name
    value = bound.value
    match value:
        case cst.Call(func=cst.Attribute(attr=cst.Name("get"))):
            return True
    return bound.kind == "assign" and value is not None and not isinstance(value, cst.Call | cst.Name)
