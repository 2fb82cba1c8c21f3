"""Gradients that are only accumulated yet are averaged over all processes after each of several backward passes."""

import re
from collections.abc import Iterator

import libcst as cst

from smellcheck import File, Smell, rule

_WRAPPER = "torch.nn.parallel.DistributedDataParallel"
# Who names one of these decides when processes talk to each other.
_DECIDED = ("no_sync", "require_backward_grad_sync", "register_comm_hook", "accumulate(", "deepspeed", "accelerator")


@rule(imports="torch", words=("DistributedDataParallel", "backward", "zero_grad"), practice="hardware", level="info")
def check(branch: cst.If, file: File) -> Iterator[Smell]:
    divisor = every(branch.test)
    if divisor is None or file.context.in_test(branch) or any(file.mentions(word) for word in _DECIDED):
        return
    if not steps_and_clears(branch, file):
        return
    loop = next((above.node for above in file.context.loops(branch)), file.context.function(branch))
    if loop is None or isinstance(loop, cst.While):
        return
    calls = [call for call in file.tree.of_type(cst.Call, loop) if not file.context.within(call, branch)]
    backward = any(file.steps.sent(call) is not None and file.before(call, branch) for call in calls)
    if not backward or any(file.steps.stepping(call) is not None and optimizes(call, file) for call in calls):
        return
    names = wrapped(file)
    if any(runs(call, names, file) for call in calls) and not any(reads(call) for call in calls):
        yield Smell(
            branch.test,
            f"every backward pass averages all gradients over the processes, and one in `{file.text_of(divisor)}` is "
            "followed by a step",
        )


def runs(call: cst.Call, names: set[str], file: File) -> bool:
    """Whether a call runs such a network, or is given it to run."""
    if file.text_of(call.func) in names:
        return True
    step = isinstance(call.func, cst.Name) and call.func.value not in ("isinstance", "hasattr", "getattr", "len")
    return step and any(file.text_of(arg.value) in names for arg in call.args)


def reads(call: cst.Call) -> bool:
    """Whether a call reads the gradients after every pass: they have to be those of all processes."""
    name = call.func.attr.value if isinstance(call.func, cst.Attribute) else ""
    name = call.func.value if isinstance(call.func, cst.Name) else name
    return name.startswith("clip_grad") or name in ("unscale_", "attack", "total_norm")


def every(test: cst.BaseExpression) -> cst.BaseExpression | None:
    """The `n` of `(step + 1) % n == 0`, wherever that stands in a condition."""
    match test:
        case cst.Comparison(
            left=cst.BinaryOperation(operator=cst.Modulo(), right=divisor),
            comparisons=[cst.ComparisonTarget(operator=cst.Equal())],
        ):
            return None if isinstance(divisor, cst.Integer) and divisor.value == "1" else divisor
        case cst.BooleanOperation(left=left, operator=cst.Or()):
            return every(left)
    return None


def optimizes(call: cst.Call, file: File) -> bool:
    """Whether it is an optimizer that a call steps, and not a schedule."""
    owner = file.steps.stepping(call)
    if owner is None:
        return False
    return file.values.kind(owner) == "optimizer" or bool(re.search(r"optim|\bopt\b", file.text_of(owner), re.I))


def steps_and_clears(branch: cst.If, file: File) -> bool:
    """Whether gradients are used up under a condition: an optimizer steps, and they are cleared."""
    calls = file.tree.of_type(cst.Call, branch.body)
    clears = (isinstance(call.func, cst.Attribute) and call.func.attr.value == "zero_grad" for call in calls)
    return any(clears) and any(optimizes(call, file) for call in calls)


def wrapped(file: File) -> set[str]:
    """The names under which this file keeps networks that talk to other processes."""
    found = set()
    for call in file.calls.named(frozenset({"DistributedDataParallel", "DDP"})):
        if file.name(call.func) == _WRAPPER:
            match file.parent(call):
                case cst.Assign(targets=[cst.AssignTarget(target=target)]):
                    found.add(file.text_of(target))
    return found
