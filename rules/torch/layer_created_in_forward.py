"""A layer with weights is built anew in every forward pass, and never trained."""

import re
from collections.abc import Iterator

import libcst as cst

from smellcheck import File, Smell, rule

_RANDOM = (
    "Linear", "Bilinear", "Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d", "LSTM",
    "GRU", "RNN", "LSTMCell", "GRUCell", "RNNCell", "Embedding", "EmbeddingBag", "MultiheadAttention", "Transformer",
    "TransformerEncoderLayer", "TransformerDecoderLayer",
)  # fmt: skip
_NORMS = ("LayerNorm", "BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "GroupNorm", "PReLU")
_PLAIN = {"elementwise_affine", "affine"}
_PARAMETERS = ("torch.nn.Parameter", "torch.nn.parameter.Parameter")
_LAYERS = frozenset(f"torch.nn.{name}" for name in (*_RANDOM, *_NORMS))


@rule(
    imports="torch",
    words=("forward training_step", " ".join(("Parameter", *_RANDOM, *_NORMS))),
    practice="refactoring",
)
def check(function: cst.FunctionDef, file: File) -> Iterator[Smell]:
    if function.name.value not in ("forward", "training_step"):
        return
    owner = file.calls.class_of(function)
    if owner is None or not file.values.is_module_class(owner) or file.context.in_test(function):
        return
    for call in file.calls.own_calls(function):
        made = makes(call, owner, file)
        if made is None:
            continue
        run, kept = run_at_once(call, file), guarded(call, file)
        if not run and (kept or given_weights(call, function, file)):
            continue
        layer = file.text_of(call.func).rpartition(".")[2]
        message = f"the weights of this `{layer}` are {made} anew in each pass, and never trained"
        # Under a condition nobody knows in how many passes.
        yield Smell(call, message, level="info" if kept else None)


def makes(call: cst.Call, owner: cst.ClassDef, file: File) -> str | None:
    """What a call does to make the weights of a layer: one of torch, or of a class of this file with weights."""
    if file.name(call.func) in _LAYERS:
        if any(arg.keyword and arg.keyword.value in _PLAIN for arg in call.args):
            return None
        return "allocated" if file.text_of(call.func).rpartition(".")[2] in _NORMS else "drawn at random"
    cls = file.calls.local_class(call.func)
    # A class that takes the whole module, or what is not sure to be numbers of its own, may share weights with it.
    if (
        cls is None
        or cls is owner
        or not file.values.is_module_class(cls)
        or any(shares(arg, file) for arg in call.args)
    ):
        return None
    return "made" if any(has_weights(one, file) for one in file.calls.bases(cls)) else None


def shares(arg: cst.Arg, file: File) -> bool:
    """Whether the module itself, or one of its layers, is handed on."""
    name = isinstance(arg.value, cst.Name) and arg.value.value == "self"
    return name or bool(arg.star) or file.values.kind(arg.value) == "module"


def has_weights(cls: cst.ClassDef, file: File) -> bool:
    """Whether a class makes weights for itself where it is made: not of what it was given."""
    made = next(
        (one for one in cls.body.body if isinstance(one, cst.FunctionDef) and one.name.value == "__init__"), None
    )
    for call in file.calls.own_calls(made) if made is not None else ():
        match file.parent(call), call.args:
            case cst.Assign(targets=[cst.AssignTarget(target=cst.Attribute(value=cst.Name("self")))]), [first, *_]:
                given = isinstance(first.value, cst.Name) and any(
                    one.kind == "parameter" for one in file.scopes.reaching(first.value)
                )
                if file.name(call.func) in _LAYERS or (file.name(call.func) in _PARAMETERS and not given):
                    return True
    return False


def guarded(call: cst.Call, file: File) -> bool:
    """Whether a condition decides: it may be built once, when the first input tells its size."""
    return any(
        isinstance(above, cst.If | cst.IfExp | cst.BooleanOperation | cst.ExceptHandler | cst.Lambda)
        for _, above in file.context.ancestors(call)
    )


def run_at_once(call: cst.Call, file: File) -> bool:
    """Whether the layer is run where it is made, moved at most, and kept by nobody."""
    match file.parent(call):
        case cst.Call(func=func) if func is call:
            return True
        case cst.Attribute(attr=cst.Name("to" | "cuda")) as moved:
            outer = file.parent(moved)
            return isinstance(outer, cst.Call) and outer.func is moved and run_at_once(outer, file)
    return False


def given_weights(call: cst.Call, function: cst.FunctionDef, file: File) -> bool:
    """Whether the layer may get weights from elsewhere, or is not run here at all."""
    match file.parent(call):
        case cst.Attribute(attr=cst.Name("to" | "cuda")) as moved:
            outer = file.parent(file.parent(moved) or call)
            return not isinstance(outer, cst.Call | cst.Assign) or sets(call, function, file)
        case cst.Assign(targets=[cst.AssignTarget(target=cst.Name() | cst.Attribute())]):
            return sets(call, function, file)
    return True


def sets(call: cst.Call, function: cst.FunctionDef, file: File) -> bool:
    """Whether the forward writes weights of what it has just built, or hands it on."""
    statement = file.context.statement(call)
    match statement:
        case cst.SimpleStatementLine(body=[cst.Assign(targets=[cst.AssignTarget(target=target)])]):
            name = re.escape(file.text_of(target))
            text = file.text_of(function.body)
            return not re.search(rf"(?<![\w.]){name}\(", text) or bool(
                re.search(rf"(?<![\w.]){name}\.(weight|bias|load_state_dict|state_dict|requires_grad_|\w*data)\b", text)
            )
    return False
