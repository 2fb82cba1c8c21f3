"""A tensor is filled in the CPU's memory only to be copied to the device where it could have been made."""

import re
from collections.abc import Iterator

import libcst as cst

from smellcheck import Edit, File, Fix, Smell, rule

_EXACT = ("torch.zeros", "torch.ones", "torch.full", "torch.empty", "torch.eye", "torch.arange")
_OTHERS = ("torch.linspace", "torch.logspace", "torch.rand", "torch.randn", "torch.randint", "torch.randperm")
_CASTS = {"float", "double", "half", "bfloat16", "long", "int", "short", "byte", "bool"}
# Either says where the tensor is made, or what shall happen to it there.
_DECIDED = {"device", "out", "generator", "pin_memory", "layout"}
# What else has a device, and is given to what runs once.
_NO_TENSOR = re.compile(
    r"self|cls|.*(arg|opt|option|conf|config|cfg|param|hparam|setting|context|ctx|model|net|module)s?$", re.I
)


@rule(imports="torch", words="to cuda", calls=_EXACT + _OTHERS, practice="hardware")
def check(made: cst.Call, file: File) -> Iterator[Smell]:
    moved, received = mover(made, file)
    device = file.moves.destination(moved) if moved is not None else None
    if moved is None or device is None or device.strip("\"'").startswith("cpu") or file.context.in_test(made):
        return
    if any(arg.star or (arg.keyword and arg.keyword.value in _DECIDED) for arg in made.args):
        return
    if not file.hot.runs_often(made) and not follows_input(moved, file):
        return
    factory = file.text_of(made.func)
    edits = (
        file.add_argument(made, f"device={where(moved, file)}"),
        Edit((received, "end"), (moved, "end"), ""),
    )
    safe = file.name(made.func) in _EXACT and not file.argument(made, "requires_grad") and counts(made)
    fix = (Fix.safe if safe else Fix.unsafe)("Make the tensor on its device", *edits)
    yield Smell(made, f"`{factory}` fills memory of the CPU, and the copy to the device waits for it", fix)


def mover(made: cst.Call, file: File) -> tuple[cst.Call | None, cst.CSTNode]:
    """The call that moves a new tensor in the same expression, behind casts at most, and what it is called on."""
    current: cst.CSTNode = made
    while True:
        attribute = file.parent(current)
        call = file.parent(attribute) if isinstance(attribute, cst.Attribute) else None
        if not isinstance(call, cst.Call) or call.func is not attribute:
            return None, made
        if file.moves.destination(call) is not None:
            return call, current
        if attribute.attr.value not in _CASTS or call.args:
            return None, made
        current = call


def where(moved: cst.Call, file: File) -> str:
    """The device that a move names."""
    match moved.func:
        case cst.Attribute(attr=cst.Name("cuda")):
            given = [arg for arg in moved.args if arg.keyword is None or arg.keyword.value == "device"]
            return file.text_of(given[0].value) if given else '"cuda"'
    return file.text_of(moved.args[0].value)


def follows_input(moved: cst.Call, file: File) -> bool:
    """Whether the device is that of a tensor which a function is given: who gives tensors calls again."""
    function = file.context.function(moved)
    if function is None or function.name.value == "__init__":
        return False
    target = moved.args[0].value if moved.args else None
    if isinstance(target, cst.Name):
        reaching = file.scopes.reaching(target)
        target = reaching[0].value if len(reaching) == 1 and reaching[0].kind == "assign" else None
    match target:
        case cst.Attribute(value=cst.Name() as tensor, attr=cst.Name("device")):
            return not _NO_TENSOR.match(tensor.value) and [one.kind for one in file.scopes.reaching(tensor)] == [
                "parameter"
            ]
    return False


def counts(made: cst.Call) -> bool:
    """Whether the numbers come out the same on each device: what is counted up in steps is rounded on the way."""
    match made.func:
        case cst.Attribute(attr=cst.Name("arange")) | cst.Name("arange"):
            return len([arg for arg in made.args if arg.keyword is None]) < 3 and not any(
                isinstance(arg.value, cst.Float) or (arg.keyword and arg.keyword.value in ("step", "dtype"))
                for arg in made.args
            )
    return True
