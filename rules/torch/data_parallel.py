"""`DataParallel` copies the model to every device in each step and drives them all from one thread pool."""

import re
from collections.abc import Iterator

import libcst as cst

from smellcheck import File, Smell, rule

# The better way is there for whoever starts one process a device.
_OFFERED = re.compile(r"DDP|DistributedDataParallel|torch\.distributed|local_rank|LOCAL_RANK")


_BUILDS = re.compile(r"^_?(build|make|create|get|define|init|setup|prepare|wrap|generate|factory)")
_INFERS = re.compile(r"(^|/|_)(tests?|eval\w*|infer\w*|demo|predict\w*|sampl\w*|generat\w*)(_\w+)?\.py$", re.I)

_WRAPPERS = ("torch.nn.DataParallel", "torch.nn.parallel.DataParallel")


@rule(
    imports="torch",
    words="DataParallel",
    calls=_WRAPPERS,
    practice="hardware",
    level="info",
)
def check(call: cst.Call, file: File) -> Iterator[Smell]:
    if not call.args or file.context.in_test(call) or file.matches(_OFFERED):
        return
    if one_device(call, file) or not trains(call, file) or follows(call, file):
        return
    yield Smell(call, "each step copies the whole model to every device; `DistributedDataParallel` keeps one on each")


def follows(call: cst.Call, file: File) -> bool:
    """Whether another model is wrapped before, or in another branch: the first stands for all."""
    function = file.context.function(call)
    wrapped = (other for wrapper in _WRAPPERS for other in file.calls.of.get(wrapper, ()))
    return any(file.before(other, call) and file.context.function(other) is function for other in wrapped)


def trains(call: cst.Call, file: File) -> bool:
    """Whether what is wrapped is trained here, by the same function or out of the object or module."""
    function = file.context.function(call)
    if function is None or function.name.value == "__init__":
        return file.phase.file_trains
    # Whoever makes an optimizer next to it, and hands both over, trains it.
    made = any(file.context.function(one) is function for one in file.optimizers.made)
    return made or file.phase.function_trains(function) or builds(function, file)


def builds(function: cst.FunctionDef, file: File) -> bool:
    """Whether a function makes a model for a project that trains models, and nowhere in the better way."""
    if not _BUILDS.match(function.name.value) or _INFERS.search(file.path) or file.project is None:
        return False
    steps, offers = (file.project.calling(name) for name in ("backward", "DistributedDataParallel"))
    return bool(steps) and offers == []


def one_device(call: cst.Call, file: File) -> bool:
    """Whether a single device is named: then it only calls the module."""
    given = file.argument(call, "device_ids", 1)
    devices = given.value if given is not None else None
    if isinstance(devices, cst.Name):
        reaching = file.scopes.reaching(devices)
        value = reaching[0].value if len(reaching) == 1 else None
        devices = value if isinstance(value, cst.List) else devices
    return devices is not None and (
        (isinstance(devices, cst.List) and len(devices.elements) == 1) or file.text_of(devices) == "None"
    )
