"""An optimizer that steps only the head leaves autograd computing gradients for the whole backbone."""

import re
from collections.abc import Iterator

import libcst as cst

from smellcheck import File, Fix, Smell, rule

# Attributes that are the whole model under another name.
_WHOLE = {"module", "model", "_orig_mod", "net", "network"}
_FREEZES = re.compile(r"requires_grad|freeze|(?<!un)frozen|peft|LoraConfig|get_peft_model|BitFit|lora|adapter", re.I)

_CUTS = re.compile(r"\b(detach_?|no_grad|inference_mode|set_grad_enabled)\b")


@rule(imports="torch", words="parameters", practice="freezing")
def check(call: cst.Call, file: File) -> Iterator[Smell]:
    part = only_part(call)
    wholes = wholes_of(part, file) if part is not None and file.values.kind(call) == "optimizer" else []
    model = next((one for one in wholes if trained_whole(one, part, call, file)), None) if part is not None else None
    if part is None or not isinstance(model, cst.Name | cst.Attribute) or file.context.in_test(call):
        return
    # A freeze or a cut may stand in any of the modules on the way to the part.
    if any(
        handed_out(one, call, file)
        or cuts(one, file)
        or any(_FREEZES.search(text) for text in surroundings(call, one, file))
        for one in wholes[: wholes.index(model) + 1]
    ):
        return
    statement = file.context.statement(call)
    simple = isinstance(statement, cst.SimpleStatementLine)
    whole, head = file.text_of(model), file.text_of(part)
    edit = file.insert_line_before(statement, f"{whole}.requires_grad_(False)", f"{head}.requires_grad_(True)")
    yield Smell(
        call,
        f"gradients of everything in `{whole}` but `{head}` are computed, stored and never used",
        Fix.unsafe(f"Freeze `{whole}` but for `{head}`", edit) if simple else None,
        # What lies further out is frozen by its own class, perhaps, or by what it is made of.
        level=None if model is wholes[0] and _WHOLE.isdisjoint(inside(part, model, file)) else "info",
    )


def wholes_of(part: cst.BaseExpression, file: File) -> list[cst.BaseExpression]:
    """The modules that `model.fc` or `model.classifier[6]` is a part of, from within."""
    found: list[cst.BaseExpression] = []
    above: cst.BaseExpression = part
    while isinstance(above, cst.Attribute | cst.Subscript):
        inner, above = above, above.value
        # Of a class in sight it is seen what it holds besides.
        known = file.values.of(above)
        if isinstance(inner, cst.Attribute) and inner.attr.value in _WHOLE and (known is None or known.cls is None):
            break
        if file.values.is_module(above):
            found.append(above)
    return found


def inside(part: cst.BaseExpression, model: cst.BaseExpression, file: File) -> list[str]:
    """The names of the attributes by which a module is come to from the whole."""
    return re.split(r"[.\[]", file.text_of(part).removeprefix(file.text_of(model)).strip(".["))


def surroundings(call: cst.Call, model: cst.BaseExpression, file: File) -> Iterator[str]:
    """The code that could freeze the model: where the optimizer is made, its class, and what is called on the model."""
    outer = [above for _, above in ancestors(call, file) if isinstance(above, cst.FunctionDef | cst.ClassDef)]
    if outer:
        yield file.text_of(outer[-1])
    else:
        yield from (file.text_of(s) for s in file.module.body if not isinstance(s, cst.FunctionDef | cst.ClassDef))
    wanted = file.text_of(model)
    for other in file.all(cst.Call):
        function = file.calls.callee(other)
        if function is not None and (
            any(file.text_of(arg.value) == wanted for arg in other.args) or assigned_to(other, wanted, file)
        ):
            yield file.text_of(function)
    value = file.values.of(model)
    if value is not None and value.origin is not None:
        yield " ".join(sorted(file.siblings.words(value.origin)))


def cuts(model: cst.BaseExpression, file: File) -> bool:
    """Whether the model's class cuts graphs itself: what lies behind a cut gets no gradients."""
    value = file.values.of(model)
    if value is None or value.cls is not None:
        return value is not None and value.cls is not None and bool(_CUTS.search(file.text_of(value.cls)))
    return value.origin is not None and any(map(_CUTS.search, file.siblings.words(value.origin)))


def handed_out(model: cst.BaseExpression, optimizer: cst.Call, file: File) -> bool:
    """Whether, before the optimizer is made, a function out of sight gets the model: it may freeze it."""
    last = model.attr.value if isinstance(model, cst.Attribute) else file.text_of(model)
    return any(
        file.calls.callee(call) is None
        and file.calls.local_class(call.func) is None
        and not all(file.siblings.freezes(call, arg) is False for arg in call.args if file.same(arg.value, model))
        and not (file.name(call.func) or "").startswith(("torch", "copy."))
        and not is_plain_move(call)
        for call, given in file.calls.given.get(last, ())
        if file.same(given.value, model) and file.before(call, optimizer) and same_object(call, optimizer, model, file)
    )


def ancestors(node: cst.CSTNode, file: File) -> Iterator[tuple[cst.CSTNode, cst.CSTNode]]:
    """Pairs of (child, parent) up to the module."""
    while (above := file.parent(node)) is not None:
        yield node, above
        node = above


def assigned_to(call: cst.Call, wanted: str, file: File) -> bool:
    """Whether a call's result is bound to this name or attribute."""
    above = file.parent(call)
    return isinstance(above, cst.Assign) and any(file.text_of(target.target) == wanted for target in above.targets)


def only_part(call: cst.Call) -> cst.Attribute | cst.Subscript | None:
    """The `model.fc` of an optimizer that is given `model.fc.parameters()` and nothing else."""
    if not call.args or call.args[0].star or any(arg.star for arg in call.args):
        return None
    given: cst.BaseExpression = call.args[0].value
    match given:
        case cst.Call(func=cst.Name("list" | "tuple"), args=[cst.Arg(value=inner)]):
            given = inner
        case cst.List(elements=[cst.Element(value=cst.Dict(elements=[cst.DictElement(value=inner), *_]))]):
            given = inner
    match given:
        case cst.Call(
            func=cst.Attribute(value=(cst.Attribute() | cst.Subscript()) as part, attr=cst.Name("parameters")),
            args=[],
        ):
            return part
    return None


def trained_whole(model: cst.BaseExpression, part: cst.Attribute | cst.Subscript, call: cst.Call, file: File) -> bool:
    """Whether the whole model runs in training while this one optimizer sees a strict part of it."""
    value = file.values.of(model)
    if value is None or value.kind != "module" or not (value.name or value.cls):
        return False
    wanted = file.text_of(model)
    # What another module puts together of parts that it is given may have no other.
    inner = re.split(r"[.\[]", file.text_of(part).removeprefix(f"{wanted}."), maxsplit=1)[0]
    if value.cls is None and isinstance(value.made, cst.Call) and file.argument(value.made, inner) is not None:
        return False
    if value.origin is not None and not file.siblings.has_more(value.origin, inner):
        return False
    others = [
        other
        for other in file.all(cst.Call)
        if other is not call
        and isinstance(other.func, cst.Attribute)
        and other.func.attr.value in ("parameters", "named_parameters", "add_param_group", "children", "named_children")
        and file.text_of(other).startswith(f"{wanted}.")
        and same_object(other, call, model, file)
        and not file.context.within(other, call)
    ]
    if others or (value.cls is not None and not holds_more(model, part, file)):
        return False
    return any(
        (
            file.same(forward.func, model)
            or any(file.same(arg.value, model) for arg in forward.args if not file.context.within(forward, call))
        )
        and same_object(forward, call, model, file)
        for forward in file.all(cst.Call)
        if forward is not call and not is_plain_move(forward)
    )


def same_object(one: cst.CSTNode, other: cst.CSTNode, model: cst.CSTNode, file: File) -> bool:
    """Whether the model's name means the same at two places: in one function, or through `self` in one class."""
    if isinstance(model, cst.Name):
        home = file.scopes.bound(model.value, file.scopes.around(other))
        return file.scopes.bound(model.value, file.scopes.around(one)) is home
    return file.calls.enclosing_class(one) is file.calls.enclosing_class(other)


def is_plain_move(call: cst.Call) -> bool:
    """Whether a call only looks at its arguments: `print(model)`, `len(...)`, `summary(...)`."""
    return isinstance(call.func, cst.Name) and call.func.value in (
        "print",
        "len",
        "summary",
        "isinstance",
        "type",
    )


def holds_more(model: cst.BaseExpression, part: cst.BaseExpression, file: File) -> bool:
    """Whether a module, or one in it on the way to the part, is of a class of this file with more than that part."""
    wholes = wholes_of(part, file)
    return any(
        value.cls is not None and has_more(value.cls, inside(part, one, file)[0], file)
        for one in wholes[: wholes.index(model) + 1]
        if (value := file.values.of(one)) is not None
    )


def has_more(cls: cst.ClassDef, part: str, file: File) -> bool:
    """Whether a class of this file has modules with parameters besides one of its parts, and runs them with a graph."""
    if re.search(r"no_grad|detach|inference_mode", file.text_of(cls)):
        return False
    return any(
        target.target.attr.value != part
        and (file.values.is_module(assign.value) or is_loaded(target.target, assign.value, cls, file))
        for assign in file.all(cst.Assign)
        if file.context.within(assign, cls)
        for target in assign.targets
        if isinstance(target.target, cst.Attribute)
    )


def is_loaded(part: cst.Attribute, value: cst.BaseExpression, cls: cst.ClassDef, file: File) -> bool:
    """Whether a class keeps what it loads with its weights, and sets the mode of: only modules have one."""
    match value:
        case cst.Call(func=cst.Attribute(attr=cst.Name("from_pretrained"))):
            return bool(re.search(rf"{re.escape(file.text_of(part))}\.(eval|train)\(", file.text_of(cls)))
    return False
