"""A forward pass in training records a graph of which only the detached result is used."""

from collections.abc import Iterator

import libcst as cst

from smellcheck import File, Fix, Smell, rule

_DETACHES = {"detach", "detach_", "data", "item"}
#: Through so many names a value is followed to where it is detached.
_DEEPEST = 3
_KNOWN_FORWARDS = ("torch.nn.", "torchvision.", "timm.", "transformers.")


@rule(imports="torch", words="detach detach_ data item", practice="refactoring", level="info")
def check(body: cst.FunctionDef | cst.Module, file: File) -> Iterator[Smell]:
    # Where `volatile` is still written, it is the cause: `no-op-grad-guard`'s field.
    if file.mentions("volatile=True"):
        return
    function = body if isinstance(body, cst.FunctionDef) else None
    home: cst.CSTNode = function.body if function is not None else file.module
    if not any(attribute.attr.value in _DETACHES for attribute in file.tree.own_of_type(cst.Attribute, home)):
        return
    found: list[cst.Call] = []
    for call in passes(body, file):
        if any(file.context.within(call, other) for other in found):
            continue
        if detached(call, file) and file.graph.only_labels(call, [home], frozenset()) and records(call, file):
            # What only infers is `missing-no-grad`'s.
            if trains(call, function, file) and not file.inference.stretch(call, function):
                found.append(call)
    for call in found:
        model = file.text_of(file.inference.model(call))
        message = f"`{model}` records a graph here, of which only the detached result is used"
        yield Smell(call, message, fix(call, found, file))


def passes(body: cst.FunctionDef | cst.Module, file: File) -> Iterator[cst.Call]:
    """The forwards in a function, and the parts of networks out of sight that are run to be detached at once."""
    for call in file.calls.own_calls(body):
        if file.inference.is_pass(call):
            yield call
        elif file.detaching.is_part(call) and isinstance(call.func, cst.Attribute):
            owner = call.func.value
            if not file.trainable.frozen(owner) and not file.trainable.asks_for_gradients(owner):
                yield call


def detached(node: cst.BaseExpression, file: File, depth: int = 0) -> bool:
    """Whether a value is detached in so many words, where it is made or where a name that it went into is read."""
    if chain_detaches(node, file):
        return True
    match file.context.statement(node):
        case cst.SimpleStatementLine(body=[cst.Assign(targets=[cst.AssignTarget(target=target)])]):
            uses = [use for name in file.names_in(target) if not file.reads(name) for use in file.uses(name)]
            return any(chain_detaches(use, file) for use in uses) or (
                depth < _DEEPEST and any(detached(use, file, depth + 1) for use in uses)
            )
    return False


def chain_detaches(node: cst.BaseExpression, file: File) -> bool:
    """Whether a value is detached in the expression that it stands in."""
    current: cst.CSTNode = node
    while isinstance(
        above := file.parent(current), cst.Attribute | cst.Call | cst.Subscript | cst.Arg | cst.BinaryOperation
    ):
        if isinstance(above, cst.Attribute) and above.attr.value in _DETACHES:
            return True
        current = above
    return False


def records(call: cst.Call, file: File) -> bool:
    """Whether a graph is surely recorded, as far as the project shows."""
    model = file.inference.model(call)
    return (
        file.grad.likely(call) == "on"
        and not file.trainable.frozen(model)
        and not file.trainable.asks_for_gradients(model)
        and not file.context.in_test(call)
        and not file.grad.off_elsewhere(call)
    )


def trains(call: cst.Call, function: cst.FunctionDef | None, file: File) -> bool:
    """Whether the code around is a training step: it goes backward, or hands on what another forward gave."""
    loops = file.context.loops(call)
    home = function if function is not None else loops[-1].node if loops else None
    if home is None:
        return False
    if any(file.steps.sent(node) is not None for node in file.calls.own_calls(home)):
        return True
    return function is not None and any(
        file.graph.fate(other, [function.body]) == "escapes"
        for other in file.inference.forwards(function)
        if other is not call and not detached(other, file)
    )


def fix(call: cst.Call, found: list[cst.Call], file: File) -> Fix | None:
    """The assignment under `no_grad`, together with those beside it that smell alike."""
    statement = file.context.statement(call)
    block = file.parent(statement)
    if not isinstance(block, cst.IndentedBlock | cst.Module) or not whole(call, file):
        return None
    others = {file.context.statement(one): one for one in found if whole(one, file)}
    body = list(block.body)
    first = last = body.index(statement)  # type: ignore[arg-type]
    while first > 0 and body[first - 1] in others:
        first -= 1
    while last + 1 < len(body) and body[last + 1] in others:
        last += 1
    part = body[first : last + 1]
    local = file.names.local_name("torch.no_grad", statement)
    edits = file.wrap(part, f"with {local or 'torch.no_grad'}()")
    if edits is None:
        return None
    safe = local is not None and all(known(others[one], file) for one in part)
    title = f"Put the statement{'s' if len(part) > 1 else ''} under `{local or 'torch.no_grad'}()`"
    return (Fix.safe if safe else Fix.unsafe)(title, *edits, imports=() if local else ("torch",))


def whole(call: cst.Call, file: File) -> bool:
    """Whether a statement does nothing but to name what a forward gave, or a part of it."""
    current: cst.CSTNode = call
    while isinstance(above := file.parent(current), cst.Attribute | cst.Subscript | cst.Call):
        if isinstance(above, cst.Call) and above.func is not current:
            return False
        current = above
    statement = file.context.statement(call)
    return isinstance(above, cst.Assign) and isinstance(statement, cst.SimpleStatementLine) and len(statement.body) == 1


def known(call: cst.Call, file: File) -> bool:
    """Whether it is in sight, or known of the framework, that the module's forward asks for no gradients."""
    value = file.values.of(file.inference.model(call))
    return value is not None and (
        value.cls is not None or value.origin is not None or value.name.startswith(_KNOWN_FORWARDS)
    )
