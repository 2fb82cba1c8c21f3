"""Batches for the GPU lie in pageable memory, and are copied once more on the way."""

import re
from collections.abc import Iterator

import libcst as cst

from smellcheck import File, Fix, Smell, rule

# A batch of token ids is a few kilobytes: there is nothing to gain.
_SMALL = re.compile(r"input_ids|token_ids|attention_mask|Tokenizer")
# Pictures are large wherever they are copied to.
_PICTURES = re.compile(r"\btorchvision\b|\bPIL\b|\bcv2\b|\balbumentations\b")


@rule(
    imports="torch",
    words=("for",),
    calls=("torch.utils.data.DataLoader", "torch.utils.data.dataloader.DataLoader"),
    practice="hardware",
    level="advice",
)
def check(call: cst.Call, file: File) -> Iterator[Smell]:
    if not file.workers.known(call) or len([arg for arg in call.args if arg.keyword is None]) > 7:
        return
    given = file.workers.setting(call, "pin_memory", 7)
    if (given is not None and file.text_of(given) != "False") or file.context.in_test(call):
        return
    # Without workers, the process that waits for the batch would pin it as well.
    workers = file.workers.setting(call, "num_workers", 5)
    if file.workers.count(call) == 0 or (workers is not None and file.text_of(workers) == "0"):
        return
    if file.matches(_SMALL) or file.datasets.moved_before(call):
        return
    if given is not None:
        if in_vain(call, file):
            message = "copies with `non_blocking=True` go through a pinned buffer first: these batches are not pinned"
            yield Smell(call, message, Fix.unsafe("Pin the batches", file.replace(given, "True")))
        return
    if not any(file.loaders.to_cuda(loop) for loop in file.loaders.readers(call)) and not leaves(call, file):
        return
    fix = Fix.unsafe("Pin the batches", file.add_argument(call, "pin_memory=True"))
    yield Smell(
        call, "each batch is copied to a pinned buffer first, on its way out of pageable memory to the GPU", fix
    )


def in_vain(call: cst.Call, file: File) -> bool:
    """Whether all copies of what is read ask not to be waited for, which takes pinned memory."""
    moves = [move for loop in file.loaders.readers(call) for move in file.loaders.moves(loop)]
    moves += file.handovers.moves(call)
    return bool(moves) and all(
        any(arg.keyword and arg.keyword.value == "non_blocking" and is_true(arg.value) for arg in move.args)
        for move in moves
    )


def is_true(value: cst.BaseExpression) -> bool:
    """Whether an expression is `True`, as it stands there."""
    return isinstance(value, cst.Name) and value.value == "True"


def leaves(call: cst.Call, file: File) -> bool:
    """Whether a loader of pictures is read elsewhere, and what is read moved to a CUDA device."""
    pictures = bool(file.matches(_PICTURES))
    if pictures and file.workers.any(call) and not file.loaders.readers(call) and file.loaders.handed_to_cuda(call):
        return True
    homes = file.handovers.to_cuda(call)
    return any(pictures or home.matches(_PICTURES) for home in homes) and not any(
        home.matches(_SMALL) for home in homes
    )
