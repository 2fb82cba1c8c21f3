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


@rule(
    imports="torch",
    words=("forward training_step", " ".join((*_RANDOM, *_NORMS))),
    calls=tuple(f"torch.nn.{name}" for name in (*_RANDOM, *_NORMS)),
    practice="refactoring",
)
def check(call: cst.Call, file: File) -> Iterator[Smell]:
    function = file.context.function(call)
    if function is None or function.name.value not in ("forward", "training_step") or file.context.in_test(call):
        return
    owner = file.calls.class_of(function)
    if owner is None or not file.values.is_module_class(owner) or guarded(call, file):
        return
    if any(arg.keyword and arg.keyword.value in _PLAIN for arg in call.args) or given_weights(call, function, file):
        return
    layer = file.text_of(call.func).rpartition(".")[2]
    weights = "allocated" if layer in _NORMS else "drawn at random"
    yield Smell(call, f"the weights of this `{layer}` are {weights} anew in each pass, and never trained")


def guarded(call: cst.Call, file: File) -> bool:
    """Whether a condition decides: it may be built once, when the first input tells its size."""
    return any(
        isinstance(above, cst.If | cst.IfExp | cst.BooleanOperation | cst.ExceptHandler | cst.Lambda)
        for _, above in file.context.ancestors(call)
    )


def given_weights(call: cst.Call, function: cst.FunctionDef, file: File) -> bool:
    """Whether the layer may get weights from elsewhere, or is not run here at all."""
    match file.parent(call):
        case cst.Call(func=func) if func is call:
            return False
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
