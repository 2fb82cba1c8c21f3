"""The worker processes of a data loader are ended after each epoch, and started again for the next."""

import re
from collections.abc import Iterator

import libcst as cst

from smellcheck import File, Fix, Smell, rule

# Workers that stay keep the dataset that they were started with.
_CHANGES = r"\b{0}\.(\w+\s*(\[[^\]\n]*\]\s*)?(=(?!=)|\.append\()|(set|update|re|shuffle|next|on)_?\w*\()"


@rule(
    imports="torch",
    words=("num_workers", "for"),
    calls=("torch.utils.data.DataLoader", "torch.utils.data.dataloader.DataLoader"),
    practice="hardware",
    level="advice",
)
def check(call: cst.Call, file: File) -> Iterator[Smell]:
    given = file.argument(call, "num_workers", 5)
    if given is None or file.argument(call, "persistent_workers") is not None or not file.loaders.workers(call):
        return
    if file.context.in_test(call) or file.loaders.in_memory(call) or changes(call, file):
        return
    if not any(file.loaders.many_epochs(call, loop) for loop in file.loaders.readers(call)):
        return
    number = file.text_of(given.value)
    many = "worker processes are" if number != "1" else "worker process is"
    kept = "True" if isinstance(given.value, cst.Integer) else f"{number} > 0"
    fix = Fix.unsafe("Keep the workers for the next epoch", file.add_argument(call, f"persistent_workers={kept}"))
    yield Smell(call, f"{number} {many} ended after each epoch and started again for the next", fix)


def changes(call: cst.Call, file: File) -> bool:
    """Whether the file does something to the dataset that workers which stay would not see."""
    dataset = file.argument(call, "dataset", 0)
    if dataset is None:
        return True
    name = re.escape(file.text_of(dataset.value)) if isinstance(dataset.value, cst.Name | cst.Attribute) else "dataset"
    return file.matches(re.compile(_CHANGES.format(f"(?:{name}|dataset)")))
