"""A switch for hunting bugs is on in every run: it slows each step and changes no result."""

import re
from collections.abc import Iterator
from typing import Literal

import libcst as cst

from smellcheck import File, Fix, Smell, rule

_VARIABLES = {
    "CUDA_LAUNCH_BLOCKING": "the host waits for every single kernel",
    "PYTORCH_NO_CUDA_MEMORY_CACHING": "every tensor is allocated and freed by the driver, which waits for the device",
}
_ANOMALY = ("torch.autograd.set_detect_anomaly", "torch.autograd.detect_anomaly")
_WASTE = "every operation keeps its traceback and every gradient is searched for NaN"
_STEPS = {"backward", "step"}
_DERIVATIVES = re.compile(r"^torch\.autograd\.(grad|functional\.\w+)$")
_TRAINERS = re.compile(r"^(pytorch_lightning|lightning(\.pytorch)?)\.Trainer$")
_LIGHTNING = re.compile(r"^\s*(from|import) (pytorch_lightning|lightning)\b", re.M)
_TRAINER = re.compile(r"\b(Trainer|LightningModule|LightningCLI)\b")
_ON = re.compile(r"""^['"](1|true|on)['"]$""", re.I)
_WITHOUT = re.compile(r"\b(no_grad|inference_mode)\(")
_TRAINS = re.compile(r"\b(backward|fit|step)\(|Trainer|autograd\.grad\(")
_HUNTING = re.compile(r"debug|anomal|detect|repro|troubleshoot", re.I)


@rule(
    imports="torch lightning pytorch_lightning",
    words="set_detect_anomaly detect_anomaly CUDA_LAUNCH_BLOCKING PYTORCH_NO_CUDA_MEMORY_CACHING",
    practice="refactoring",
)
def check(node: cst.Call | cst.Assign, file: File) -> Iterator[Smell]:
    if isinstance(node, cst.Assign):
        yield from environment(node, file)
        return
    name = file.name(node.func)
    if name in _ANOMALY:
        # Lightning sets the mode of a training itself, by an argument of its trainer.
        if file.matches(_LIGHTNING) and file.matches(_TRAINER) and name.endswith("set_detect_anomaly"):
            return
        if switched_off(node, file) or wanted(node, file):
            return
        if whole(node, name, file):
            yield Smell(node, _WASTE, drop(node, file), level="info" if evaluates(file) else level(file))
        elif differentiates(node, file) and (file.hot.runs_often(node) or handed_on(node, file)):
            yield Smell(node, _WASTE, level="info")
    elif name is not None and _TRAINERS.match(name):
        asked = file.argument(node, "detect_anomaly")
        if asked is not None and file.text_of(asked.value) == "True" and not wanted(node, file):
            yield Smell(
                asked.value,
                _WASTE,
                Fix.unsafe("Leave anomaly detection off", file.remove_argument(node, asked)),
                level=level(file),
            )


def environment(node: cst.Assign, file: File) -> Iterator[Smell]:
    """`os.environ["CUDA_LAUNCH_BLOCKING"] = "1"`."""
    match node:
        case cst.Assign(
            targets=[
                cst.AssignTarget(
                    target=cst.Subscript(
                        value=owner, slice=[cst.SubscriptElement(slice=cst.Index(value=cst.SimpleString() as key))]
                    )
                )
            ],
            value=cst.SimpleString() as value,
        ):
            variable = str(key.raw_value)
            waste = _VARIABLES.get(variable)
            if waste and file.name(owner) == "os.environ" and _ON.match(value.value) and not wanted(node, file):
                yield Smell(node, f"`{variable}` is on in every run: {waste}", drop(node, file), level=level(file))


def level(file: File) -> Literal["info"] | None:
    """In a notebook somebody looks on, for a bug perhaps."""
    return "info" if file.context.by_hand else None


def evaluates(file: File) -> bool:
    """Whether a file runs networks without gradients and trains none: nothing is kept or searched there."""
    return file.matches(_WITHOUT) and not file.matches(_TRAINS)


def switched_off(call: cst.Call, file: File) -> bool:
    """Whether the mode is given and not literally on: off, or what someone asked for."""
    mode = file.argument(call, "mode", 0)
    return bool(call.args) and (mode is None or file.text_of(mode.value) != "True") and not only_options(call)


def only_options(call: cst.Call) -> bool:
    """Whether the call leaves the mode at its default, which is on."""
    return all(arg.keyword is not None and arg.keyword.value == "check_nan" for arg in call.args)


def wanted(node: cst.CSTNode, file: File) -> bool:
    """Whether a condition asks for it, or the code is there to find a bug."""
    function = file.context.function(node)
    return (
        file.context.in_test(node)
        or (function is not None and bool(_HUNTING.search(function.name.value)))
        or any(
            isinstance(above, cst.If | cst.IfExp | cst.ExceptHandler | cst.BooleanOperation)
            and not joins_guards(above, file)
            and not file.context.is_entry(above)
            for _, above in file.context.ancestors(node)
        )
    )


def whole(call: cst.Call, name: str, file: File) -> bool:
    """Whether it holds for all that follows or for a training step, not for one operation that is looked into."""
    above = file.parent(call)
    if isinstance(above, cst.Expr):
        return name.endswith("set_detect_anomaly") and not turned_back(call, file)
    if not isinstance(above, cst.WithItem):
        return False
    block = file.parent(above)
    return isinstance(block, cst.With) and any(
        isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute) and node.func.attr.value in _STEPS
        for node in file.calls.own_nodes(block)
    )


def differentiates(call: cst.Call, file: File) -> bool:
    """Whether it is on for a block that takes derivatives, alone or joined to another guard."""
    above = file.parent(call)
    if above is not None and joins_guards(above, file):
        above = file.parent(above)
    if not isinstance(above, cst.WithItem):
        return False
    return any(
        _DERIVATIVES.match(file.name(node.func) or "")
        or (isinstance(node.func, cst.Attribute) and node.func.attr.value in _STEPS)
        for node in file.tree.own_of_type(cst.Call, file.parent(above))
    )


def handed_on(call: cst.Call, file: File) -> bool:
    """Whether it stands in a function within another that is given to somebody, a solver say, to be called again."""
    function = file.context.function(call)
    home = file.context.function(function) if function is not None else None
    if function is None or home is None:
        return False
    return any(isinstance(file.parent(use), cst.Arg) for use in file.tree.named(function.name.value, home))


def joins_guards(node: cst.CSTNode, file: File) -> bool:
    """Whether it is the `a() and b()` of a `with`: a guard is true, so both are made, and the second is entered."""
    match node:
        case cst.BooleanOperation(left=cst.Call(), operator=cst.And(), right=cst.Call()):
            return isinstance(file.parent(node), cst.WithItem)
    return False


def turned_back(call: cst.Call, file: File) -> bool:
    """Whether the file switches it off again."""
    return any(
        other is not call and switched_off(other, file)
        for other in file.calls.of.get("torch.autograd.set_detect_anomaly", ())
    )


def drop(node: cst.CSTNode, file: File) -> Fix | None:
    """The statement without which the mode stays off."""
    statement = file.context.statement(node)
    match statement:
        case cst.SimpleStatementLine(body=[cst.Expr() | cst.Assign()]):
            made = Fix.safe if isinstance(node, cst.Assign) else Fix.unsafe
            return made("Leave it off", file.delete_statement(statement))
    return None
