"""Files are read and decoded in the process that trains, and the GPU waits for each batch."""

from collections.abc import Iterator

import libcst as cst

from smellcheck import File, Fix, Smell, rule


@rule(
    imports="torch",
    calls=("torch.utils.data.DataLoader", "torch.utils.data.dataloader.DataLoader"),
    practice="hardware",
    level="advice",
)
def check(call: cst.Call, file: File) -> Iterator[Smell]:
    if file.workers.count(call) != 0 or file.context.in_test(call) or file.path.endswith(".ipynb"):
        return
    reads = file.datasets.decodes(call)
    if reads is None:
        return
    moved = any(file.loaders.to_cuda(loop) for loop in file.loaders.readers(call))
    moved = moved or bool(file.handovers.to_cuda(call))
    if not moved and not file.loaders.given_to_lightning(call):
        return
    given = file.workers.setting(call, "num_workers", 5)
    edit = file.add_argument(call, "num_workers=4") if given is None else file.replace(given, "4")
    fix = Fix.suggestion("Read the next batches in worker processes", edit)
    yield Smell(call, f"the GPU waits while this process reads and decodes each batch with `{reads}`", fix)
