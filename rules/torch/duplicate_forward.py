"""The same module is run twice on the same input."""

import itertools
import re
from collections.abc import Iterator, Sequence

import libcst as cst

from smellcheck import File, Smell, rule

# After these the module, its mode or its input may be another.
_CHANGES = re.compile(
    r"\.(step|backward|train|eval|load_state_dict|zero_grad|requires_grad_|apply|copy_|reset\w*|set_\w+|update\w*|fit)\("
    r"|\.data *[-+*/]?=[^=]|\.\w+_\(|no_grad|enable_grad|manual_seed|^\s*(del|global)\b|dropout|train_?(epoch|step)",
    re.M,
)
# A second pass of these gives something else, or was meant to be timed.
_DIFFERS = re.compile(
    r"rand|normal_|bernoulli|multinomial|sample|[Dd]ropout|noise|\.append\(|BatchNorm|DropPath|Categorical"
)
_TIMED = re.compile(r"perf_counter|time\.time\(|Event\(|timeit|synchronize\(")


@rule(imports="torch transformers timm .cuda() .backward()", practice="refactoring", level="info")
def check(body: cst.FunctionDef | cst.Module, file: File) -> Iterator[Smell]:
    # A notebook shows what a layer gives, and shows it again.
    if isinstance(body, cst.Module) and file.in_cells:
        return
    named: dict[str, list[cst.Call]] = {}
    for call in file.calls.own_calls(body):
        if call.args and isinstance(call.func, cst.Name | cst.Attribute):
            last = call.func.attr if isinstance(call.func, cst.Attribute) else call.func
            named.setdefault(last.value, []).append(call)
    seen: dict[str, list[cst.Call]] = {}
    # What a thing is may be asked of the whole project: first, whether it is called twice at all.
    for call in (call for calls in named.values() if len(calls) > 1 for call in calls):
        if file.inference.is_forward(call) and not file.context.in_test(call):
            seen.setdefault(file.text_of(call), []).append(call)
    for text, calls in seen.items():
        calls.sort(key=lambda call: file.tree.order[call])
        for first, second in itertools.pairwise(calls):
            if repeated(first, second, file) and steady(second, body, file):
                message = f"`{shortened(text)}` was computed a moment ago; this runs the module once more"
                yield Smell(second, message)


def shortened(text: str) -> str:
    """A call on one line."""
    line = " ".join(text.split())
    return line if len(line) <= 60 else f"{line[:57]}..."


def repeated(first: cst.Call, second: cst.Call, file: File) -> bool:
    """Whether the second call surely follows the first, and nothing that it depends on has changed in between."""
    start = file.context.statement(first)
    block = file.parent(start)
    if not isinstance(start, cst.SimpleStatementLine) or not isinstance(block, cst.IndentedBlock | cst.Module):
        return False
    if any(
        isinstance(above, cst.IfExp | cst.BooleanOperation | cst.Lambda | cst.ListComp | cst.GeneratorExp | cst.Assert)
        for call in (first, second)
        for _, above in file.context.ancestors(call)
    ):
        return False
    rest = list(block.body)
    index = rest.index(start)
    end = next((i for i in range(index, len(rest)) if file.context.within(second, rest[i])), None)
    if end is None or file.grad.mode(first) != file.grad.mode(second):
        return False
    if file.context.loops(second) != file.context.loops(first):
        return False
    between = rest[index : end + 1]
    return not any(_CHANGES.search(file.text_of(part)) for part in between) and not rebound(first, between, file)


def rebound(call: cst.Call, between: Sequence[cst.CSTNode], file: File) -> bool:
    """Whether a name or attribute that the call reads is bound, or an item of it stored, between the two."""
    names = {name.value for name in file.names_in(call)} - {"self"}
    text = file.text_of(call)
    for part in between:
        for node in file.calls.own_nodes(part):
            if isinstance(node, cst.Call) and node is not call and file.text_of(node) != text:
                # A call inside the arguments may give something else each time.
                if file.context.within(node, call) and not is_move(node):
                    return True
            for target in bound_by(node):
                spelled = file.text_of(target)
                root = re.split(r"[.\[]", spelled, maxsplit=1)[0]
                if root in names or (root == "self" and re.search(rf"{re.escape(spelled)}\b", text)):
                    return True
    return False


def bound_by(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """What a statement binds or stores to."""
    match node:
        case cst.Assign(targets=targets):
            for target in targets:
                yield from flat(target.target)
        case cst.AugAssign(target=target) | cst.AnnAssign(target=target) | cst.For(target=target):
            yield from flat(target)
        case cst.NamedExpr(target=target):
            yield target
        case cst.AsName(name=name):
            yield name


def flat(target: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """The targets of an unpacking one by one."""
    if isinstance(target, cst.Tuple | cst.List):
        for element in target.elements:
            yield from flat(element.value)
    else:
        yield target


def is_move(call: cst.Call) -> bool:
    """Whether a call gives the same tensor somewhere else or in another shape."""
    return isinstance(call.func, cst.Attribute) and call.func.attr.value in {
        "to", "cuda", "cpu", "float", "long", "half", "view", "reshape", "unsqueeze", "squeeze", "permute", "flatten",
        "transpose", "detach", "contiguous", "size",
    }  # fmt: skip


def steady(call: cst.Call, body: cst.FunctionDef | cst.Module, file: File) -> bool:
    """Whether the module surely gives the same for the same input, as far as can be seen."""
    value = file.values.of(file.inference.called_on(call))
    if file.matches(_TIMED) and _TIMED.search(file.text_of(body)):
        return False
    if value is not None and value.cls is not None:
        return not _DIFFERS.search(file.text_of(value.cls))
    if value is not None and value.name.startswith("torch.nn.Embedding"):
        # A few rows are looked up.
        return False
    if value is not None and value.name.startswith(("torch.nn.Linear", "torch.nn.Conv")):
        return True
    return evaluates(call, body, file)


def evaluates(call: cst.Call, body: cst.FunctionDef | cst.Module, file: File) -> bool:
    """Whether a function puts the module in eval mode, and hands it to nobody who might put it back before the call."""
    model = file.inference.called_on(call)
    settled = False
    for one in file.calls.own_calls(body):
        if one is call:
            return settled
        if isinstance(one.func, cst.Attribute) and file.same(one.func.value, model):
            if one.func.attr.value in ("eval", "train"):
                settled = one.func.attr.value == "eval" and not one.args
        elif any(file.same(arg.value, model) for arg in one.args):
            settled = False
    return False
