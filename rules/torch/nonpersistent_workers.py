"""The worker processes of a data loader are ended after each epoch, and started again for the next."""

import re
from collections.abc import Iterator

import libcst as cst

from smellcheck import File, Fix, Smell, rule

# Workers that stay keep the dataset that they were started with.
_CHANGES = r"\b{0}\.(\w+\s*(\[[^\]\n]*\]\s*)?(=(?!=)|\.append\()|(set|update|re|shuffle|next|on)_?\w*\()"


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
    if given is None or file.workers.setting(call, "persistent_workers") is not None:
        return
    if not file.workers.any(call) or file.context.in_test(call) or file.datasets.in_memory(call) or changes(call, file):
        return
    readers = loaders.readers(call)
    again = any(loaders.many_epochs(call, loop) for loop in readers) or loaders.restarted(call)
    if not again and (readers or not loaders.handed_out(call)):
        return
    number = file.text_of(given)
    many = "worker processes are" if number != "1" else "worker process is"
    kept = "True" if isinstance(given, cst.Integer) else f"{number} > 0"
    fix = Fix.unsafe("Keep the workers for the next epoch", file.add_argument(call, f"persistent_workers={kept}"))
    yield Smell(call, f"{number} {many} ended after each epoch and started again for the next", fix)


def changes(call: cst.Call, file: File) -> bool:
    """Whether the file does something to the dataset that workers which stay would not see."""
    dataset = file.argument(call, "dataset", 0)
    if dataset is None:
        return True
    name = re.escape(file.text_of(dataset.value)) if isinstance(dataset.value, cst.Name | cst.Attribute) else "dataset"
    return file.matches(re.compile(_CHANGES.format(f"(?:{name}|dataset)")))
