"""What the frameworks' contexts, decorators and calls do to autograd, by name: for a file's facts and for summaries."""

from __future__ import annotations

import re

OFF = frozenset(
    {
        "torch.no_grad",
        "torch.inference_mode",
        "torch.autograd.no_grad",
        "torch.autograd.inference_mode",
        "torch.autograd.grad_mode.no_grad",
        "torch.autograd.grad_mode.inference_mode",
    }
)
ON = frozenset({"torch.enable_grad", "torch.autograd.enable_grad"})
SWITCH = frozenset(
    {
        "torch.set_grad_enabled",
        "torch.autograd.set_grad_enabled",
        "torch._C.set_grad_enabled",
        "torch.autograd.grad_mode.set_grad_enabled",
    }
)
#: Contexts and decorators of other libraries that leave autograd alone.
NEUTRAL = re.compile(
    r"^(open|tqdm(\.\w+)*|trange|contextlib\.(suppress|redirect_\w+|nullcontext|closing)|warnings\.\w+|time\.\w+"
    r"|torch\.(autocast|amp\.autocast|cuda\.amp\.autocast|cpu\.amp\.autocast|cuda\.(device|stream|nvtx\.\w+)"
    r"|profiler\.\w+|random\.fork_rng|device"
    r"|backends\.\w+(\.\w+)*|jit\.(optimized_execution|fuser)|autograd\.profiler\.\w+)"
    r"|(\w+\.)*(ThreadPoolExecutor|ProcessPoolExecutor|Pool|TemporaryDirectory|NamedTemporaryFile|TemporaryFile"
    r"|Progress|Live|Lock|ZipFile|h5py\.File)"
    r"|staticmethod|classmethod|property|functools\.(wraps|lru_cache|cache|partial|cached_property|singledispatch)"
    r"|hydra\.main|click\.\w+|typing\.\w+|abc\.abstractmethod|dataclasses\.dataclass|time_it|timer|timeit"
    r"|gin\.configurable|torch\.jit\.(unused|ignore|export)|loguru\.logger\.\w+|mlflow\.\w+|wandb\.init"
    r"|PIL\.Image\.open|rasterio\.open|json\.\w+|io\.\w+|zipfile\.\w+|tarfile\.open|tempfile\.\w+)$"
)
#: Method names that only code that needs gradients calls.
NEEDS_GRAPH = {
    "backward", "manual_backward", "zero_grad", "requires_grad_", "retain_grad", "register_hook", "unscale_", "fit",
    "training_step", "register_full_backward_hook", "register_backward_hook", "perturb", "attack", "attribute",
    "fit_generator", "train_on_batch", "partial_fit", "train_model", "train_epoch", "finetune", "fine_tune",
}  # fmt: skip
NEEDS_GRAPH_NAMES = re.compile(
    r"^(torch\.autograd\.(?!no_grad|inference_mode|Variable|profiler|set_grad_enabled)"
    r"|torch\.(enable_grad|func\.|autograd\.functional)"
    r"|torch\.utils\.checkpoint|functorch\.|captum\.|torchattacks\.|foolbox\.|art\.attacks)|(^|\.)(GradCAM\w*|gradcam)$"
)
