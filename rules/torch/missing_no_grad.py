"""A forward pass in inference records a graph that no backward pass will ever read."""

import re
from collections.abc import Iterator

import libcst as cst

from smellcheck import Edit, File, Fix, Smell, rule

# The caller decides the mode in which these run.
_CALLERS_DECIDE = re.compile(r"^(forward\w*|__call__|training_\w+|compute_loss|loss|get_loss|_?forward_\w+)$")
_FORWARDS = {"forward", "encode_image", "encode_text", "get_image_features", "get_text_features"}


@rule(imports="torch transformers timm", practice="refactoring")
def check(body: cst.FunctionDef | cst.Module, file: File) -> Iterator[Smell]:
    function = body if isinstance(body, cst.FunctionDef) else None
    if function is not None and _CALLERS_DECIDE.match(function.name.value):
        return
    reported: list[cst.CSTNode] = []
    for call in forwards(body, file):
        model = call.func.value if is_method(call) else call.func
        if (
            file.context.in_test(call)
            or frozen(model, file)
            or asks_for_gradients(model, file)
            or file.grad.mode(call) != "on"
        ):
            continue
        if any(file.context.within(call, other) for other in reported):
            continue
        region = inference(call, model, function, file)
        if not region or file.graph.fate(call, [function.body] if function else region) not in ("cut", "dropped"):
            continue
        reported += region
        yield Smell(
            call,
            f"this forward pass of `{file.text_of(model)}` records a graph that nothing reads",
            fix(call, region, function, file),
        )
        if function is not None:
            return


def is_method(call: cst.Call) -> bool:
    """Whether a forward is spelled `model.forward(x)` rather than `model(x)`."""
    return isinstance(call.func, cst.Attribute) and call.func.attr.value in _FORWARDS


def forwards(body: cst.CSTNode, file: File) -> Iterator[cst.Call]:
    """The calls of sure modules that stand directly in a function or the module."""
    for node in file.calls.own_nodes(body):
        if isinstance(node, cst.Call) and (
            file.values.is_module(node.func) or (is_method(node) and file.values.is_module(node.func.value))
        ):
            yield node


def inference(call: cst.Call, model: cst.CSTNode, function: cst.FunctionDef | None, file: File) -> list[cst.CSTNode]:
    """The neighbouring statements, from that of the call to the last forward, that surely are inference.

    Sure is what follows `.eval()` in the same block, and what is cut from its graph at once. Empty when not sure.
    """
    for child, above in file.context.ancestors(call):
        if not isinstance(above, cst.IndentedBlock | cst.Module):
            continue
        before = list(above.body[: above.body.index(child)])
        switched = next((s for s in reversed(before) if sets_mode(s, model, file)), None)
        if switched is None:
            continue
        if sets_mode(switched, model, file) == "train":
            return []
        after = above.body[above.body.index(switched) + 1 :]
        until = next((i for i, s in enumerate(after) if sets_mode(s, model, file) == "train"), len(after))
        if file.phase.needs_graph(after[:until]):
            return []
        rest = after[after.index(child) : until]
        last = max(i for i, s in enumerate(rest) if s is child or any(True for _ in forwards(s, file)))
        return list(rest[: last + 1])
    if file.phase.file_trains if function is None else file.phase.function_trains(function):
        # `.detach()` in training may be belt and braces around a frozen teacher; a class label never has a graph.
        if file.graph.straight_cut(call, spared=frozenset({"detach"})):
            return [file.context.statement(call)]
        return at_the_end(call, file) if function is None else []
    sure = (
        file.graph.straight_cut(call)
        or (set_to_eval(model, file) and not file.phase.file_trains)
        or (
            function is not None and called_in_sight(function, file) and file.graph.fate(call, [function.body]) == "cut"
        )
    )
    return [file.context.statement(call)] if sure else []


def at_the_end(call: cst.Call, file: File) -> list[cst.CSTNode]:
    """The statement of a forward in a script that trains, where all that follows only reads off its labels."""
    statement = file.context.statement(call)
    block = file.parent(statement)
    if not isinstance(block, cst.Module):
        return []
    rest = list(block.body[block.body.index(statement) :])
    if file.phase.needs_graph(rest) or file.graph.fate(call, rest) != "cut":
        return []
    return [statement]


def called_in_sight(function: cst.FunctionDef, file: File) -> bool:
    """Whether the function is called in this file, so that the mode it runs in is known."""
    return bool(file.calls.callers(function)) and not file.calls.escapes(function)


def sets_mode(statement: cst.CSTNode, model: cst.CSTNode, file: File) -> str | None:
    """`eval` or `train` when a statement is that call on the model."""
    match statement:
        case cst.SimpleStatementLine(body=[cst.Expr(value=cst.Call() as call)]):
            pass
        case cst.SimpleStatementLine(body=[cst.Assign(value=cst.Call() as call)]):
            pass
        case _:
            return None
    if not isinstance(call.func, cst.Attribute) or not file.same(call.func.value, model):
        return None
    match call.func.attr.value, call.args:
        case "eval", []:
            return "eval"
        case "train", [cst.Arg(value=cst.Name("False"))]:
            return "eval"
        case "train", _:
            return "train"
    return None


def set_to_eval(model: cst.CSTNode, file: File) -> bool:
    """Whether `.eval()` is called on the model anywhere in the file, or where it is made."""
    wanted = file.text_of(model)
    for call in file.all(cst.Call):
        match call.func:
            case cst.Attribute(value=owner, attr=cst.Name("eval")) if not call.args:
                if file.text_of(owner) == wanted or bound_to(call, wanted, file):
                    return True
    return False


def bound_to(value: cst.CSTNode, wanted: str, file: File) -> bool:
    """Whether an expression is, but for methods chained behind it, what is assigned to a name or attribute."""
    current: cst.CSTNode | None = value
    while isinstance(current, cst.Call | cst.Attribute):
        value, current = current, file.parent(current)
    return isinstance(current, cst.Assign) and any(file.text_of(target.target) == wanted for target in current.targets)


def frozen(model: cst.CSTNode, file: File) -> bool:
    """Whether the model's parameters are frozen somewhere in the file: then there may be no graph at all."""
    wanted = file.text_of(model)
    if "requires_grad" not in file.text:
        return False
    for loop in file.all(cst.For):
        if re.match(rf"{re.escape(wanted)}\.(named_)?parameters\(", file.text_of(loop.iter)):
            return True
    return any(
        isinstance(call.func, cst.Attribute)
        and call.func.attr.value == "requires_grad_"
        and file.text_of(call.func.value) == wanted
        for call in file.all(cst.Call)
    )


def fix(call: cst.Call, region: list[cst.CSTNode], function: cst.FunctionDef | None, file: File) -> Fix | None:
    """A decorator where the whole function is inference, otherwise a `with` around the statements."""
    whole = function is not None and plain(function, file) and not file.phase.function_trains(function)
    at = function if whole else region[0]
    spelled = file.names.local_name("torch.no_grad", at)
    imports = () if spelled else ("torch",)
    spelled = spelled or "torch.no_grad"
    edits: tuple[Edit, ...] | None
    if whole and function is not None:
        edits = (Edit((function, "line-start"), (function, "line-start"), f"{file.indent(function)}@{spelled}()\n"),)
        title = f"Decorate `{function.name.value}` with `{spelled}()`"
    else:
        if any(pauses(statement, file) for statement in region):
            region = [file.context.statement(call)]
        edits = None if pauses(region[0], file) else file.wrap(region, f"with {spelled}()")
        title = f"Put the statement{'s' if len(region) > 1 else ''} under `{spelled}()`"
    if edits is None:
        return None
    made = Fix.safe if forward_is_plain(call, file) else Fix.unsafe
    return made(title, *edits, imports=imports)


def pauses(node: cst.CSTNode, file: File) -> bool:
    """Whether code hands over in its middle: a mode held across `yield` or `await` would leak to others."""
    return any(isinstance(below, cst.Yield | cst.Await) for below in file.calls.own_nodes(node))


def plain(function: cst.FunctionDef, file: File) -> bool:
    """Whether a decorator reaches all of a function, and nothing in it might train out of sight."""
    if function.asynchronous is not None or any(isinstance(n, cst.Yield) for n in file.calls.own_nodes(function)):
        return False
    for node in file.calls.own_nodes(function):
        if isinstance(node, cst.Call) and any(file.values.is_module(arg.value) for arg in node.args):
            name = file.name(node.func) or ""
            if file.calls.callee(node) is None and not name.startswith(("torch.", "transformers.", "tqdm")):
                return False
    return True


def asks_for_gradients(model: cst.CSTNode, file: File) -> bool:
    """Whether the module's class is in sight and differentiates within its own forward."""
    value = file.values.of(model)
    return bool(value and value.cls and re.search(r"autograd|enable_grad|requires_grad_", file.text_of(value.cls)))


def forward_is_plain(call: cst.Call, file: File) -> bool:
    """Whether it is known what the module's forward does."""
    model = file.values.of(call.func.value if is_method(call) else call.func)
    return model is not None and (
        model.cls is not None or model.name.startswith(("torch.nn.", "torchvision.", "timm.", "transformers."))
    )
