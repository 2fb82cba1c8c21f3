"""An optimizer that steps only the head leaves autograd computing gradients for the whole backbone."""

import re
from collections.abc import Iterator

import libcst as cst

from smellcheck import File, Fix, Smell, rule

# Attributes that are the whole model under another name.
_WHOLE = {"module", "model", "_orig_mod", "net", "network"}
_FREEZES = re.compile(r"requires_grad|freeze|frozen|peft|LoraConfig|get_peft_model|BitFit|lora|adapter", re.I)


@rule(imports="torch", practice="freezing")
def check(call: cst.Call, file: File) -> Iterator[Smell]:
    if file.values.kind(call) != "optimizer" or file.name(call.func) is None or _FREEZES.search(file.text):
        return
    part = only_part(call)
    if part is None or part.attr.value in _WHOLE:
        return
    model = part.value
    if file.context.in_test(call) or not trained_whole(model, part, call, file):
        return
    statement = file.context.statement(call)
    simple = isinstance(statement, cst.SimpleStatementLine)
    whole, head = file.text_of(model), file.text_of(part)
    edit = file.insert_line_before(statement, f"{whole}.requires_grad_(False)", f"{head}.requires_grad_(True)")
    yield Smell(
        call,
        f"gradients of everything in `{whole}` but `{head}` are computed, stored and never used",
        Fix.unsafe(f"Freeze `{whole}` but for `{head}`", edit) if simple else None,
    )


def only_part(call: cst.Call) -> cst.Attribute | None:
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
        case cst.Call(func=cst.Attribute(value=cst.Attribute() as part, attr=cst.Name("parameters")), args=[]):
            return part
    return None


def trained_whole(model: cst.BaseExpression, part: cst.Attribute, call: cst.Call, file: File) -> bool:
    """Whether the whole model runs in training while this one optimizer sees a strict part of it."""
    value = file.values.of(model)
    if value is None or value.kind != "module" or not (value.name or value.cls):
        return False
    wanted = file.text_of(model)
    others = [
        other
        for other in file.all(cst.Call)
        if other is not call
        and isinstance(other.func, cst.Attribute)
        and other.func.attr.value in ("parameters", "named_parameters", "add_param_group", "children", "named_children")
        and file.text_of(other).startswith(f"{wanted}.")
        and not file.context.within(other, call)
    ]
    if others or (value.cls is not None and not has_more(value.cls, part.attr.value, file)):
        return False
    return any(
        file.same(forward.func, model)
        or any(file.same(arg.value, model) for arg in forward.args if not file.context.within(forward, call))
        for forward in file.all(cst.Call)
        if forward is not call and not is_plain_move(forward)
    )


def is_plain_move(call: cst.Call) -> bool:
    """Whether a call only looks at its arguments: `print(model)`, `len(...)`, `summary(...)`."""
    return isinstance(call.func, cst.Name) and call.func.value in ("print", "len", "summary", "isinstance", "type")


def has_more(cls: cst.ClassDef, part: str, file: File) -> bool:
    """Whether a class of this file has modules with parameters besides one of its parts, and runs them with a graph."""
    if re.search(r"no_grad|detach|inference_mode", file.text_of(cls)):
        return False
    return any(
        target.target.attr.value != part and file.values.is_module(assign.value)
        for assign in file.all(cst.Assign)
        if file.context.within(assign, cls)
        for target in assign.targets
        if isinstance(target.target, cst.Attribute)
    )
