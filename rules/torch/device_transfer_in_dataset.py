"""Samples travel to the device one by one, before there is a batch of them."""

import re
from collections.abc import Iterator

import libcst as cst

from smellcheck import File, Smell, rule

#: What is made on the device, and copied nowhere.
_MADE_THERE = {f"torch.{name}" for name in ("zeros", "ones", "full", "empty", "arange", "eye", "rand", "randn")}
#: What a map location names that is no host.
_DEVICE = re.compile(r"cuda|device|gpu", re.I)


@rule(
    imports="torch",
    methods="to cuda tensor as_tensor zeros ones load",
    words="__getitem__ collate_fn",
    practice="hardware",
    # How large a sample is, beside what a network does with a batch of them, the file does not say.
    level="info",
)
def check(call: cst.Call, file: File) -> Iterator[Smell]:
    function = file.context.function(call)
    if function is None or not (gives_samples(function, file) or joins_samples(call, function, file)):
        return
    device = target(call, file)
    if device is None or "cpu" in device or file.context.in_test(call) or already_there(call, function, file):
        return
    if one_by_one(function, file):
        return
    match file.parent(call):
        case cst.Arg() as arg if isinstance(outer := file.parent(arg), cst.Call) and file.values.is_module(outer.func):
            return
    if call is not first(function, file):
        return
    yield Smell(call, "every sample is copied to the device alone, where one copy would move the whole batch")


def first(function: cst.FunctionDef, file: File) -> cst.Call | None:
    """The call of a function that stands for all: the first that copies a sample, or else that makes one there."""
    each = gives_samples(function, file)
    calls = [
        one
        for one in file.calls.own_calls(function)
        if target(one, file) is not None and (each or joins_samples(one, function, file))
    ]
    copies = [one for one in calls if (file.name(one.func) or "") not in _MADE_THERE]
    return next(iter(copies or calls), None)


def target(call: cst.Call, file: File) -> str | None:
    """The device that a call moves a tensor to, or makes it on."""
    if isinstance(call.func, cst.Attribute) and file.values.kind(call.func.value) in ("module", "encoder", "pipeline"):
        return None
    if file.name(call.func) == "torch.load":
        where = file.argument(call, "map_location", 1)
        return file.text_of(where.value) if where is not None and _DEVICE.search(file.text_of(where.value)) else None
    made = file.argument(call, "device")
    if made is not None and (file.name(call.func) or "").startswith("torch."):
        return file.text_of(made.value)
    return file.moves.destination(call)


def gives_samples(function: cst.FunctionDef, file: File) -> bool:
    """Whether a function is the `__getitem__` of a data set."""
    owner = file.calls.class_of(function)
    if owner is None or function.name.value != "__getitem__" or file.values.is_module_class(owner):
        return False
    # What wraps another data set need not derive from any.
    if not owner.bases and owner.name.value.endswith("Dataset"):
        return file.calls.method(owner, "__len__") is not None
    return file.values.is_dataset_class(owner)


def joins_samples(call: cst.Call, function: cst.FunctionDef, file: File) -> bool:
    """Whether a call runs for each sample that a collate function is given."""
    given = any(
        arg.keyword is not None and arg.keyword.value == "collate_fn"
        for _, arg in file.calls.given.get(function.name.value, ())
    )
    method = file.calls.class_of(function) is not None
    parameters = [param.name.value for param in function.params.params][method:]
    if not (given or function.name.value == "collate_fn") or not parameters:
        return False
    return any(
        isinstance(loop.over, cst.Name) and loop.over.value == parameters[0] for loop in file.context.loops(call)
    )


def one_by_one(function: cst.FunctionDef, file: File) -> bool:
    """Whether all loaders of a data set, in sight, make batches of one: the sample is the whole batch."""
    owner = file.calls.class_of(function)
    sizes = []
    for call in file.calls.named(frozenset({"DataLoader"})) if owner is not None else ():
        if file.datasets.of(call) is not owner:
            continue
        size, sampler = file.argument(call, "batch_size", 1), file.argument(call, "batch_sampler")
        sizes.append(sampler is None and (size is None or file.text_of(size.value) in ("1", "None")))
    return bool(sizes) and all(sizes)


def already_there(call: cst.Call, function: cst.FunctionDef, file: File) -> bool:
    """Whether a data set took all of its data to the device when it was made."""
    owner = file.calls.class_of(function)
    if owner is None:
        return False
    for node in file.tree.of_type(cst.Attribute, call):
        if isinstance(node.value, cst.Name) and node.value.value == "self":
            for value in file.values.attribute_values(owner, node.attr.value):
                if any(target(made, file) is not None for made in file.tree.of_type(cst.Call, value)):
                    return True
    return False
