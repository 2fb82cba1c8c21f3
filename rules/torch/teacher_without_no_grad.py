"""The backward pass of a student runs through its teacher, whose gradients no optimizer ever steps."""

import re
from collections.abc import Iterator

import libcst as cst

from smellcheck import Edit, File, Fix, Smell, rule

# What may freeze a module, or is given it to train it.
_FREEZES = re.compile(r"freez|frozen|grad|toggle|optim|train(?!ing)|fit|prepare|clip", re.I)
_GUARDS = re.compile(r"requires_grad|no_grad|inference_mode|detach")
_PRETRAINED = ("torchvision.models.", "timm.", "transformers.")
_TRAINED = re.compile(r"from_pretrained|pretrained *= *True|weights *= *(?!None)\w")
_UNTRAINED = re.compile(r"(pretrained|weights) *= *(False|None)")
#: What follows the name of a parameter that is written to.
_COPIES = r"(\.data)?(\.(copy_|lerp_|mul_|add_)\(|(\[\.\.\.\])? *[-+*]?= )"
_STEPS = frozenset({"step", "zero_grad"})
_COPYING = frozenset({"load_state_dict", "zip"})
#: Calls are followed so far to what they return.
_DEEPEST = 2


@rule(imports="torch", methods="backward manual_backward", practice="distillation", level="info")
def check(call: cst.Call, file: File) -> Iterator[Smell]:
    lost = file.steps.sent(call)
    if lost is None or file.context.in_test(call):
        return
    whole = list(forwards(lost, file, 0))
    found: dict[object, cst.Call] = {}
    for forward in whole:
        model = file.inference.called_on(forward)
        key = file.optimizers.key(model)
        if (
            key is not None
            and key not in found
            and untrained(model, key, lost, whole, file)
            and records(forward, model, file)
        ):
            found[key] = forward
    judges = {
        key for key in found if any(through(one, key, lost, whole, file) for one in whole if same(one, key, file))
    }
    teachers = [file.context.statement(one) for key, one in found.items() if key not in judges and names(one, file)]
    for key, forward in found.items():
        model = file.inference.called_on(forward)
        if key in judges:
            message = "gradients of the weights of `{}` are computed and stored, and no optimizer steps them"
            yield Smell(forward, message.format(file.text_of(model)), frozen(model, file))
        else:
            message = "the backward pass runs through `{}`, whose gradients no optimizer steps"
            yield Smell(forward, message.format(file.text_of(model)), guarded(forward, teachers, file))


def forwards(lost: cst.BaseExpression, file: File, depth: int) -> Iterator[cst.Call]:
    """The forward passes that a loss is computed from, through functions of this file that return it."""
    parts = list(file.steps.sources(lost))
    read = {part.value for part in parts if isinstance(part, cst.Name)}
    for part in parts:
        if isinstance(part, cst.Call):
            model = file.inference.called_on(part)
            if file.values.is_module(model) or follows(last_name(model), file):
                yield part
            function = file.calls.callee(part)
            if function is not None and depth < _DEEPEST:
                for value in returned(part, function, read, file):
                    yield from forwards(value, file, depth + 1)


def returned(call: cst.Call, function: cst.FunctionDef, read: set[str], file: File) -> Iterator[cst.BaseExpression]:
    """What a function returns; of several values that a call gives names to, those whose name is read."""
    above = file.parent(call)
    targets = above.targets if isinstance(above, cst.Assign) else ()
    names = targets[0].target.elements if len(targets) == 1 and isinstance(targets[0].target, cst.Tuple) else ()
    for node in file.calls.own_nodes(function):
        if not isinstance(node, cst.Return) or node.value is None:
            continue
        if isinstance(node.value, cst.Tuple) and len(node.value.elements) == len(names):
            for name, element in zip(names, node.value.elements, strict=True):
                if not isinstance(name.value, cst.Name) or name.value.value in read:
                    yield element.value
        else:
            yield node.value


def same(forward: cst.Call, key: object, file: File) -> bool:
    """Whether a forward is one of the module that a key stands for."""
    return file.optimizers.key(file.inference.called_on(forward)) == key


def untrained(
    model: cst.BaseExpression, key: tuple[object, str], lost: cst.BaseExpression, whole: list[cst.Call], file: File
) -> bool:
    """Whether a module is surely meant to stay as it is: a copy that follows another, or a fixed network beside one
    that is trained, and no optimizer of the file is given its parameters."""
    last = last_name(model)
    unknown = False
    for made in file.optimizers.made:
        owners = file.optimizers.owners(made)
        if owners is None:
            unknown |= concerns(made, key, lost, file)
            if re.search(rf"\b{re.escape(last)}\b", file.text_of(made)):
                return False
        elif any(covers(owner, key) for owner in owners):
            return False
    named = re.escape(last)
    of_its_own = re.compile(rf"(.*\b)?{named}\.\w*opt\w*|(.*\b)?\w*opt\w*(\.{named}|\[.{named}.\])")
    if any(of_its_own.fullmatch(text) for text in stepping(file)) or in_use(last, file):
        return False
    if follows(last, file):
        return True
    return not unknown and fixed(model, last, file) and beside_trained(whole, file)


def stepping(file: File) -> Iterator[str]:
    """What `step` and `zero_grad` are called on, as it is spelled."""
    for call in file.calls.named(_STEPS):
        if isinstance(call.func, cst.Attribute):
            yield file.text_of(call.func.value)


def beside_trained(whole: list[cst.Call], file: File) -> bool:
    """Whether the loss is computed from a module, too, that an optimizer of the file steps."""
    keys = [file.optimizers.key(file.inference.called_on(one)) for one in whole]
    return any(key is not None and covers(owner, key) for key in keys for owner in file.optimizers.stepped)


def concerns(made: cst.Call, key: tuple[object, str], lost: cst.BaseExpression, file: File) -> bool:
    """Whether an optimizer could be given a module at all: it is made where the module lives, or where it is used."""
    home, scope = file.context.function(made), key[0]
    if isinstance(scope, cst.ClassDef):
        return file.calls.enclosing_class(made) is scope or home is None
    node = getattr(scope, "node", None)
    return not isinstance(node, cst.FunctionDef) or home is node or home is file.context.function(lost)


def covers(owner: tuple[object, str], key: tuple[object, str]) -> bool:
    """Whether a module is another or holds it."""
    return owner[0] is key[0] and (
        owner[1] == key[1] or key[1].startswith(f"{owner[1]}.") or owner[1].startswith(f"{key[1]}.")
    )


def follows(last: str, file: File) -> bool:
    """Whether the module's weights are those of another, again and again, or a running mean of them."""
    for call in file.calls.named(_COPYING) if last else ():
        match call:
            case cst.Call(
                func=cst.Attribute(value=to),
                args=[cst.Arg(value=cst.Call(func=cst.Attribute(value=of, attr=cst.Name("state_dict")))), *_],
            ):
                if last_name(to) == last and not file.same(to, of):
                    return True
            case cst.Call(func=cst.Name("zip"), args=[first, second]):
                loop = file.parent(call)
                both = [walked(first.value), walked(second.value)]
                if isinstance(loop, cst.For) and None not in both:
                    written = both[changed(loop, file)]
                    if written is not None and means(written, last, call, file):
                        return True
    return False


def changed(loop: cst.For, file: File) -> int:
    """Which of the two parameters that a loop pairs is written to: the first, unless only the second is."""
    match loop.target:
        case cst.Tuple(elements=[cst.Element(value=cst.Name(first)), cst.Element(value=cst.Name(second))]):
            wrote = [re.search(rf"\b{name}{_COPIES}", file.text_of(loop.body)) for name in (first, second)]
            return 1 if wrote[1] and not wrote[0] else 0
    return 0


def in_use(last: str, file: File) -> bool:
    """Whether gradients of a module's parameters are read in a loop over them, or an unknown callee is given them."""
    for call in file.calls.named(frozenset({"parameters"})):
        if not isinstance(call.func, cst.Attribute) or last_name(call.func.value) != last:
            continue
        at = file.parent(call)
        given = file.parent(at) if isinstance(at, cst.Arg) else at
        loop = file.parent(given) if isinstance(given, cst.Call) else given
        if isinstance(loop, cst.For) and re.search(r"\._?grad\b", file.text_of(loop.body)):
            return True
        # `getattr(torch.optim, name)(net.parameters())`: what makes it is not known to be no optimizer.
        if isinstance(given, cst.Call) and given is not call and isinstance(given.func, cst.Call | cst.Subscript):
            return True
    return False


def walked(node: cst.BaseExpression) -> cst.BaseExpression | None:
    """The module whose parameters an expression gives."""
    match node:
        case cst.Call(func=cst.Attribute(value=module, attr=cst.Name("parameters")), args=[]):
            return module
    return None


def means(node: cst.BaseExpression, last: str, at: cst.CSTNode, file: File) -> bool:
    """Whether an expression has this last name, or is a parameter for which something of this name is passed."""
    if last_name(node) == last:
        return True
    function = file.context.function(at)
    bound = file.scopes.reaching(node) if isinstance(node, cst.Name) else []
    if function is None or [one.kind for one in bound] != ["parameter"]:
        return False
    for call in file.calls.passing(function):
        passed = file.calls.argument_of(call, function, bound[0])
        # `follow(nets.generator, means.generator)`: which of the two is meant, the name does not tell.
        alike = [arg for arg in call.args if last_name(arg.value) == last]
        if isinstance(passed, cst.BaseExpression) and last_name(passed) == last and len(alike) == 1:
            return True
    return False


def last_name(node: cst.BaseExpression) -> str:
    """The name, or the last of a chain of attributes; empty for anything else."""
    match node:
        case cst.Name(value=name) | cst.Attribute(attr=cst.Name(value=name)):
            return name
    return ""


def fixed(model: cst.BaseExpression, last: str, file: File) -> bool:
    """Whether the module comes trained or is put into evaluation mode, and never back."""
    value = file.values.of(model)
    made = file.text_of(value.made) if value is not None and value.made is not None else ""
    if value is None or (value.name.startswith(_PRETRAINED) and _UNTRAINED.search(made)):
        return False
    calls = [
        call
        for call in file.calls.named(frozenset({"eval", "train", "load_state_dict"}))
        if isinstance(call.func, cst.Attribute) and (last_name(call.func.value) == last or last in bound_to(call, file))
    ]
    if any(method_of(call) == "train" for call in calls):
        return False
    loads = any(method_of(call) == "load_state_dict" and "load(" in file.text_of(call) for call in calls)
    return loads or any(method_of(call) == "eval" for call in calls) or bool(_TRAINED.search(made))


def method_of(call: cst.Call) -> str:
    """The last name of what is called."""
    return call.func.attr.value if isinstance(call.func, cst.Attribute) else ""


def bound_to(call: cst.Call, file: File) -> set[str]:
    """The last names that an expression is bound to, but for methods chained behind it."""
    current: cst.CSTNode | None = call
    while isinstance(current, cst.Call | cst.Attribute):
        current = file.parent(current)
    if not isinstance(current, cst.Assign):
        return set()
    return {file.text_of(target.target).rpartition(".")[2] for target in current.targets}


def records(forward: cst.Call, model: cst.BaseExpression, file: File) -> bool:
    """Whether a graph through the module's parameters is surely recorded, as far as the project shows."""
    if file.grad.mode(forward) != "on" or file.trainable.frozen(model) or file.grad.off_elsewhere(forward):
        return False
    value = file.values.of(model)
    if value is not None and value.cls is not None and _GUARDS.search(file.text_of(value.cls)):
        return False
    if value is not None and value.origin is not None and any(map(_GUARDS.search, file.siblings.words(value.origin))):
        return False
    return not any(
        may_freeze(call, file)
        and (
            any(file.same(arg.value, model) for arg in call.args)
            or (isinstance(call.func, cst.Attribute) and file.same(call.func.value, model))
        )
        for call in file.all(cst.Call)
        if call is not forward
    )


def may_freeze(call: cst.Call, file: File) -> bool:
    """Whether a call may freeze what it is given, or give it to an optimizer."""
    function = file.calls.callee(call)
    if function is not None:
        return "requires_grad" in file.text_of(function)
    return _FREEZES.search(file.text_of(call.func)) is not None


def through(forward: cst.Call, key: object, lost: cst.BaseExpression, whole: list[cst.Call], file: File) -> bool:
    """Whether what the module is given carries the graph of a trained one: then gradients have to pass through it."""
    for arg in forward.args:
        for part in file.steps.sources(arg.value):
            if isinstance(part, cst.Call) and file.values.is_module(model := file.inference.called_on(part)):
                other = file.optimizers.key(model)
                if other == key or file.grad.mode(part) != "on":
                    continue
                if other is None or not untrained(model, other, lost, whole, file):
                    return True
    return False


def names(forward: cst.Call, file: File) -> bool:
    """Whether a statement does nothing but to name what a forward gave, or a part of it."""
    current: cst.CSTNode = forward
    while isinstance(above := file.parent(current), cst.Attribute | cst.Subscript | cst.Call):
        if isinstance(above, cst.Call) and above.func is not current:
            return False
        current = above
    statement = file.context.statement(forward)
    return isinstance(above, cst.Assign) and isinstance(statement, cst.SimpleStatementLine) and len(statement.body) == 1


def guarded(forward: cst.Call, teachers: list[cst.CSTNode], file: File) -> Fix | None:
    """The assignment under `no_grad`, together with those of other teachers beside it."""
    statement = file.context.statement(forward)
    block = file.parent(statement)
    if statement not in teachers or not isinstance(block, cst.IndentedBlock | cst.Module):
        return None
    body: list[cst.CSTNode] = list(block.body)
    first = last = body.index(statement)
    while first > 0 and body[first - 1] in teachers:
        first -= 1
    while last + 1 < len(body) and body[last + 1] in teachers:
        last += 1
    local = file.names.local_name("torch.no_grad", statement) or ""
    spelled = local or "torch.no_grad"
    edits = file.wrap(body[first : last + 1], f"with {spelled}()")
    title = f"Put the statement{'s' if last > first else ''} under `{spelled}()`"
    return Fix.unsafe(title, *edits, imports=() if local else ("torch",)) if edits is not None else None


def frozen(model: cst.BaseExpression, file: File) -> Fix | None:
    """The module frozen where it is made, where that is one line."""
    whole = file.text_of(model)
    lines = [
        file.context.statement(assign)
        for assign in file.all(cst.Assign)
        for target in assign.targets
        if file.same(target.target, model)
    ]
    if len(lines) != 1 or not isinstance(lines[0], cst.SimpleStatementLine) or not file.text.endswith("\n"):
        return None
    line = f"{file.indent(lines[0])}{whole}.requires_grad_(False)\n"
    return Fix.unsafe(f"Freeze `{whole}`", Edit((lines[0], "line-end"), (lines[0], "line-end"), line))
