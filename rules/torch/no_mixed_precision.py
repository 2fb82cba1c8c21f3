"""A large model is trained on the GPU in single precision throughout."""

import re
from collections.abc import Iterator

import libcst as cst

from smellcheck import File, Smell, rule

# Whoever writes one of these has thought of it, leaves it to a framework, or would get an error.
_DECIDED = re.compile(
    r"autocast|\bamp\b|_amp\b|bf16|fp16|float16|bfloat16|\bhalf\b|GradScaler|accelerat|lightning|deepspeed|\bapex\b|fabric"
    r"|tf32|precision|\.double\(|float64|mixed|BCELoss\(|binary_cross_entropy\(|fairscale|colossalai|horovod|ignite|Trainer\(|autograd\.grad\(|create_graph",
    re.I,
)
# Networks whose products keep a GPU busy for long.
_LARGE = re.compile(
    r"\bmodels\.(resn|wide_resn|vgg|densenet|inception|efficientnet|alexnet|convnext|vit_|swin|regnet|googlenet|__dict__)"
    r"|\btimm\.create_model\(|\bnn\.Transformer\w*\(|(Model\w*|For[A-Z]\w+|Bert\w*|GPT2?\w*|T5\w*)\.from_pretrained\("
    r"|\bEfficientNet\."
    r"|\bdefault=[\"'](wide_?|se_?)?(resne[xs]?t|densenet|vgg|inception|efficientnet|convnext|vit_|swin)[\w-]*[\"']"
)
_NAMED = ("default=", "models.", "timm.", "nn.Transformer", "from_pretrained(", "EfficientNet.")


@rule(
    imports="torch",
    words=("cuda", "for"),
    methods="backward",
    practice="precision",
    level="advice",
)
def check(backward: cst.Call, file: File) -> Iterator[Smell]:
    if file.matches(_DECIDED) or file.steps.sent(backward) is None:
        return
    if file.context.in_test(backward) or not in_batches(backward, file) or not on_cuda(file):
        return
    if not file.matches(_LARGE, *_NAMED) and not trains_heavy(file):
        return
    earlier = (call for call in file.calls.named(frozenset({"backward"})) if file.before(call, backward))
    if any(in_batches(call, file) for call in earlier):
        return
    yield Smell(
        backward, "each step reads and writes every activation at full width, and multiplies in single precision"
    )


def in_batches(backward: cst.Call, file: File) -> bool:
    """Whether a loss is sent backward for each batch of a loader."""
    return any(
        loop.kind == "batch" and loop.over is not None and file.values.kind(loop.over) in ("loader", None)
        for loop in file.context.loops(backward)
    )


def trains_heavy(file: File) -> bool:
    """Whether a network that is moved to a CUDA device is in sight, here or in another module, and is large."""
    return any(
        isinstance(call.func, cst.Attribute) and file.gpus.is_move(call) and file.heavy.is_heavy(call.func.value)
        for call in file.calls.named(frozenset({"to", "cuda"}))
    )


def on_cuda(file: File) -> bool:
    """Whether a model surely is on a CUDA device, wherever there is one."""
    return any(
        isinstance(call.func, cst.Attribute)
        and file.gpus.is_move(call)
        and (file.values.is_module(call.func.value) or has_weights(call.func.value, file))
        for call in file.calls.named(frozenset({"to", "cuda"}))
    )


def has_weights(model: cst.CSTNode, file: File) -> bool:
    """Whether the file asks an object for its parameters: a model that was made out of sight."""
    key = file.optimizers.key(model)
    return key is not None and any(
        isinstance(call.func, cst.Attribute) and file.optimizers.key(call.func.value) == key
        for call in file.calls.named(frozenset({"parameters", "named_parameters"}))
    )
