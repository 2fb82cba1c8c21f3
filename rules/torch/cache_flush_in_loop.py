"""Freed memory is given back, or garbage looked for, in every step, only to be asked for again in the next."""

import re
from collections.abc import Iterator

import libcst as cst

from smellcheck import File, Fix, Smell, rule

_FLUSHES = ("torch.cuda.empty_cache", "torch.mps.empty_cache", "torch.xpu.empty_cache", "gc.collect")
_STEPS = re.compile(r"^(forward|(training|validation|test|predict|train|eval)_step)$")
# Behind the `else` of these, there is something to do, as there is in most steps.
_NOTHING = re.compile(r"== *0$|^not |is None$")
# What comes and goes is a model, not a batch.
_LOADS = re.compile(r"from_pretrained\(|load_state_dict\(|torch\.load\(|load_model\(|\.to\(['\"]cpu['\"]\)|offload")


@rule(imports="torch", words=("empty_cache gc", "for while def"), calls=_FLUSHES, practice="hardware", level="info")
def check(call: cst.Call, file: File) -> Iterator[Smell]:
    statement = file.context.statement(call)
    if not isinstance(file.parent(call), cst.Expr) or file.context.in_test(call) or recovers(call, file):
        return
    around = step(call, file)
    if around is None or _LOADS.search(file.text_of(around)) or guarded(call, around, file):
        return
    name = file.text_of(call.func)
    wasted = (
        "every object is visited" if name.endswith("collect") else "the device is waited for and its memory given back"
    )
    fix = Fix.unsafe(f"Leave `{name}` out", file.delete_statement(statement)) if alone(statement) else None
    often = "every few steps" if file.intervals.every_few(call, around) else "in every step"
    yield Smell(call, f"{wasted} {often}, and the next one pays to take it again", fix)


def step(call: cst.Call, file: File) -> cst.CSTNode | None:
    """The loop over batches, or the method that a framework runs for each, in which a call stands."""
    loops = file.context.loops(call)
    if loops:
        innermost = loops[0]
        surely = innermost.kind == "batch" or (
            innermost.kind in ("sample", "chunk", "stream", "unknown")
            and (forwards(innermost.node, file) or trains(innermost.node, file) or file.hot.runs_often(innermost.node))
        )
        return innermost.node if surely else None
    function = file.context.function(call)
    owner = file.calls.class_of(function) if function is not None else None
    if function is None or owner is None or not _STEPS.match(function.name.value):
        return None
    return function if file.values.is_module_class(owner) else None


def forwards(loop: cst.CSTNode, file: File) -> bool:
    """Whether a module runs in a loop that moves none of them away."""
    calls = [call for call in file.all(cst.Call) if file.context.within(call, loop)]
    moved = any(
        isinstance(call.func, cst.Attribute)
        and call.func.attr.value == "cpu"
        and file.values.is_module(call.func.value)
        for call in calls
    )
    return not moved and any(file.values.is_module(runs(call)) for call in calls)


def runs(call: cst.Call) -> cst.BaseExpression:
    """What a call runs, if it is a module: `net(x)`, `net.forward(x)`."""
    match call.func:
        case cst.Attribute(value=owner, attr=cst.Name("forward")):
            return owner
    return call.func


def trains(loop: cst.CSTNode, file: File) -> bool:
    """Whether a loop holds a step of a training."""
    return any(file.steps.sent(call) is not None for call in file.calls.own_calls(loop))


def recovers(call: cst.Call, file: File) -> bool:
    """Whether the call is made where memory has just run out, or at the end of it all."""
    return any(isinstance(above, cst.ExceptHandler | cst.Finally) for _, above in file.context.ancestors(call))


def guarded(call: cst.Call, around: cst.CSTNode, file: File) -> bool:
    """Whether only some steps make the call."""
    for child, above in file.context.ancestors(call):
        if above is around:
            return False
        if isinstance(above, cst.If) and child is not above.test and not lets_most(above.test, file):
            if child is not above.orelse or not _NOTHING.search(file.text_of(above.test)):
                return True
    return False


def lets_most(test: cst.BaseExpression, file: File) -> bool:
    """Whether a condition lets every fourth step through at least, as far as it is no setting of the machine."""
    match test:
        case cst.BooleanOperation(left=left, operator=cst.And(), right=right):
            return lets_most(left, file) and lets_most(right, file)
    return always(test, file) or file.intervals.is_few(test) or file.intervals.is_set(test)


def always(test: cst.BaseExpression, file: File) -> bool:
    """Whether a condition is the same in all steps: whether there is such a device."""
    return bool(re.fullmatch(r"(self\.)?\w*(cuda|gpu)\w*|torch\.cuda\.is_available\(\)", file.text_of(test)))


def alone(statement: cst.CSTNode) -> bool:
    """Whether a statement shares its line with no other."""
    return isinstance(statement, cst.SimpleStatementLine) and len(statement.body) == 1
