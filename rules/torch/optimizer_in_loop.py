"""An optimizer is made anew in each epoch or step: its moments are lost, and what they had learned with them."""

import re
from collections.abc import Iterator

import libcst as cst

from smellcheck import File, Smell, rule

_NAMES = ("SGD", "Adam", "AdamW", "Adamax", "NAdam", "RAdam", "RMSprop", "Adagrad", "Adadelta", "Rprop", "ASGD")
_CALLS = tuple(f"torch.optim.{name}" for name in _NAMES)
_AGAIN = ("epoch", "batch", "chunk")
# Each turn trains from the beginning.
_RUNS = re.compile(r"(\b|_)(runs?|trials?|seeds?|repeats?|repetitions?|restarts?)\b")
_BEGINS = r"\.(reset\w*|re_?init\w*|init_weights|initialize|apply|load_state_dict)\("


@rule(imports="torch", words=("for while", "parameters"), calls=_CALLS, practice="refactoring")
def check(call: cst.Call, file: File) -> Iterator[Smell]:
    if file.context.in_test(call) or is_stateless(call, file) or conditional(call, file):
        return
    function, kept = file.context.function(call), owners(call, file)
    # Which module an optimizer is for must be in sight, and that it steps where it is made.
    if not kept or not steps(call, file):
        return
    loop = again(call, kept, file)
    if loop is None and function is not None and not has_epochs(function, file):
        # A function that an outer loop calls with one and the same model.
        for caller in file.calls.passing(function):
            passed = {root for name in kept for root in handed(name, function, caller, file)}
            loop = loop or again(caller, passed, file)
    if loop is not None:
        name = file.text_of(call.func).rpartition(".")[2]
        yield Smell(call, f"what this `{name}` has gathered of the gradients is thrown away in each {loop}")


def is_stateless(call: cst.Call, file: File) -> bool:
    """Whether an optimizer has nothing to lose: `SGD` without momentum."""
    momentum = file.argument(call, "momentum", 2)
    plain = momentum is None or file.text_of(momentum.value) in ("0", "0.0")
    return plain and file.name(call.func) == "torch.optim.SGD" and not any(arg.star for arg in call.args)


def conditional(call: cst.CSTNode, file: File) -> bool:
    """Whether a condition decides if there is a new optimizer, and not which: a new stage may want one.

    Of two branches that both make one, the first is reported.
    """
    for child, above in file.context.ancestors(call):
        if isinstance(above, cst.If):
            match file.parent(call), above.orelse:
                case cst.Assign(targets=[cst.AssignTarget(target=cst.Name(bound))]), cst.Else() as other:
                    if child is above.body and re.search(rf"^\s*{bound} = ", file.text_of(other.body), re.M):
                        continue
            return True
        if isinstance(above, cst.IfExp | cst.ExceptHandler | cst.Match):
            return True
    return False


def owners(call: cst.Call, file: File) -> set[str]:
    """The modules whose parameters are given, as the first names of their spelling; empty where any is not seen."""
    text = file.text_of(call)
    return set(re.findall(r"\b(self\.\w+|(?<![\w.])\w+)(?:\.\w+)*\.(?:named_)?parameters\(\)", text))


def steps(call: cst.Call, file: File) -> bool:
    """Whether the optimizer steps in a loop further in, or in the one that it is made in."""
    match file.parent(call):
        case cst.Assign(targets=[cst.AssignTarget(target=cst.Name() as bound)]):
            return any(
                isinstance(method := file.parent(use), cst.Attribute) and method.attr.value == "step"
                for use in file.uses(bound)
            )
    return False


def again(call: cst.CSTNode, kept: set[str], file: File) -> str | None:
    """What runs the call again and again with the same modules: an epoch, or a step."""
    for loop in file.context.loops(call):
        if loop.kind not in _AGAIN or not isinstance(loop.node, cst.For) or file.context.is_guarded(call, loop.node):
            return None
        text = file.text_of(loop.node)
        if _RUNS.search(f"{file.text_of(loop.node.target)} {file.text_of(loop.node.iter)}") or any(
            re.search(rf"(?<![\w.]){re.escape(name)}{_BEGINS}", text) for name in kept
        ):
            return None
        if any(re.search(rf"(?<![\w.]){re.escape(name)}\s*(,[^=\n]*)?=(?!=)", text) for name in kept):
            return None
        return "epoch" if loop.kind == "epoch" else "step"
    return None


def has_epochs(function: cst.FunctionDef, file: File) -> bool:
    """Whether a function trains from the beginning to the end: then each call of it is a training of its own."""
    return any(
        isinstance(node, cst.While) or (isinstance(node, cst.For) and file.context.loop(node).kind == "epoch")
        for node in file.calls.own_nodes(function)
    )


def handed(name: str, function: cst.FunctionDef, caller: cst.Call, file: File) -> Iterator[str]:
    """What a caller calls the module of this name."""
    scope = file.scopes.scope(function)
    bound = scope.bindings.get(name, [])
    if len(bound) == 1 and bound[0].kind == "parameter":
        given = file.calls.argument_of(caller, function, bound[0])
        yield file.text_of(given) if given is not None else name
    else:
        yield name
