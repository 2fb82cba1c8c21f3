"""The worker processes of a data loader are ended after each epoch, and started again for the next."""

import re
from collections.abc import Iterator

import libcst as cst

from smellcheck import File, Fix, Smell, rule

# Workers that stay keep the dataset that they were started with.
_CHANGES = r"\b{0}\.(\w+\s*(\[[^\]\n]*\]\s*)?(=(?!=)|\.append\()|(set|update|re|shuffle|next|on)_?\w*\()"
_OTHERS = re.compile(_CHANGES.format("dataset"))

_EPOCHS = frozenset({"epochs", "num_epochs", "max_epochs", "n_epochs", "nb_epochs", "epochs_num", "total_epochs"})

# What does not read as a number of processes, and is put into parentheses to be compared.
_COMPUTED = (cst.IfExp, cst.BooleanOperation, cst.BinaryOperation)


@rule(
    imports="torch",
    words="num_workers",
    calls=("torch.utils.data.DataLoader", "torch.utils.data.dataloader.DataLoader", "monai.data.DataLoader"),
    practice="hardware",
    level="advice",
)
def check(call: cst.Call, file: File) -> Iterator[Smell]:
    loaders = file.loaders
    given = file.workers.setting(call, "num_workers", 5)
    if given is None or file.workers.added(call, "num_workers") or file.workers.setting(call, "persistent_workers"):
        return
    if not file.workers.any(call) or file.context.in_test(call) or file.datasets.in_memory(call) or changes(call, file):
        return
    readers = loaders.readers(call)
    number = "the" if isinstance(given, _COMPUTED) else file.text_of(given)
    many = "worker processes are" if number != "1" else "worker process is"
    if readers and made_anew(call, file):
        yield Smell(call, f"{number} {many} started anew for each epoch, since the same loader is made in each")
        return
    again = told(call, file) or any(loaders.many_epochs(call, loop) for loop in readers) or loaders.restarted(call)
    again = again or any(not home.matches(_OTHERS) for home in file.handovers.in_epochs(call))
    if not again and (readers or not loaders.handed_out(call)):
        return
    counted = f"({file.text_of(given)})" if isinstance(given, _COMPUTED) else file.text_of(given)
    kept = "True" if isinstance(given, cst.Integer) else f"{counted} > 0"
    fix = Fix.unsafe("Keep the workers for the next epoch", file.add_argument(call, f"persistent_workers={kept}"))
    yield Smell(call, f"{number} {many} ended after each epoch and started again for the next", fix)


def changes(call: cst.Call, file: File) -> bool:
    """Whether the file does something to the dataset that workers which stay would not see."""
    dataset = file.argument(call, "dataset", 0)
    if dataset is None:
        return True
    name = re.escape(file.text_of(dataset.value)) if isinstance(dataset.value, cst.Name | cst.Attribute) else "dataset"
    # What is commented out changes nothing.
    change = re.compile(r"(?m)^[^#\n]*?" + _CHANGES.format(f"(?:{name}|dataset)"))
    if not file.matches(change):
        return False
    early = sum(len(change.findall(file.text_of(one))) for one in before_loops(call, file))
    return early < len(change.findall(file.text))


def before_loops(call: cst.Call, file: File) -> Iterator[cst.CSTNode]:
    """The statements of the function around a call that run before its loader may be read: no worker has started."""
    home = file.context.function(call) or file.module
    for one in home.body.body if isinstance(home, cst.FunctionDef) else home.body:
        loops = file.tree.of_type(cst.For, one) or file.tree.of_type(cst.While, one)
        if loops and (file.before(call, one) or file.context.within(call, one)):
            return
        if not isinstance(one, cst.FunctionDef | cst.ClassDef):
            yield one


def made_anew(call: cst.Call, file: File) -> bool:
    """Whether a loader is made in each epoch, of nothing that an epoch changes."""
    around = file.context.loops(call)
    if not around or around[0].kind != "epoch" or file.context.is_guarded(call, around[0].node):
        return False
    return all(stays(arg, around[0].node, file) for arg in call.args)


def stays(arg: cst.Arg, loop: cst.CSTNode, file: File) -> bool:
    """Whether an argument is the same in each turn of a loop: what puts samples together may be made as before."""
    if not isinstance(arg.value, cst.Call) and file.context.invariant(arg.value, loop):
        return True
    made = file.scopes.written(arg.value) if arg.keyword is not None and arg.keyword.value == "collate_fn" else None
    return isinstance(made, cst.Call) and all(file.context.invariant(each.value, loop) for each in made.args)


def told(call: cst.Call, file: File) -> bool:
    """Whether a loader is handed over along with a number of epochs."""
    match file.parent(call):
        case cst.Assign(targets=[cst.AssignTarget(target=cst.Name() as bound)]):
            given = [*file.uses(bound)]
        case cst.Assign(targets=[cst.AssignTarget(target=cst.Subscript(value=cst.Name() as held))]):
            uses = (use for one in file.scopes.reaching(held) for use in file.tree.named(one.name, one.scope.node))
            given = [above for use in uses if isinstance(above := file.parent(use), cst.Subscript)]
        case _:
            given = [call]
    return any(with_epochs(one, file) for one in given)


def with_epochs(loader: cst.CSTNode, file: File) -> bool:
    """Whether a call is given this loader, and more than one epoch."""
    arg = file.parent(loader)
    call = file.parent(arg) if isinstance(arg, cst.Arg) else None
    numbers = [
        one.value
        for one in (call.args if isinstance(call, cst.Call) else ())
        if one.keyword is not None and one.keyword.value in _EPOCHS
    ]
    return bool(numbers) and file.text_of(numbers[0]) not in ("0", "1", "None")
