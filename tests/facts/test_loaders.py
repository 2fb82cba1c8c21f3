"""What reads a data loader, where its batches go, and what its samples are made of."""

import libcst as cst
import pytest

from smellcheck.file import File

HEAD = """
import argparse, torch
from PIL import Image
from torch.utils.data import DataLoader, TensorDataset
from torchvision.datasets import ImageFolder
parser = argparse.ArgumentParser()
parser.add_argument('--num-workers', default=3)
args = parser.parse_args()
"""


def made(text: str) -> tuple[File, cst.Call]:
    file = File(HEAD + text)
    (loader,) = file.calls.of["torch.utils.data.DataLoader"]
    return file, loader


@pytest.mark.parametrize(
    ("text", "workers"),
    [
        ("DataLoader(data)", 0),
        ("DataLoader(data, 8, False, None, None, 2)", 2),
        ("count = 4\nDataLoader(data, num_workers=count)", 4),
        ("DataLoader(data, num_workers=args.num_workers)", 3),
        ("DataLoader(data, num_workers=args.others)", None),
        ("DataLoader(data, **more)", None),
        ("def f(count): DataLoader(data, num_workers=count)", None),
    ],
)
def test_workers(text: str, workers: int | None) -> None:
    file, loader = made(text)
    assert file.loaders.workers(loader) == workers


@pytest.mark.parametrize(
    ("body", "moved"),
    [
        ("x.cuda()", True),
        ("x.to('cuda:0')", True),
        ("y = x['image']\n    y.to(device)", True),
        ("x = {k: v.to(device) for k, v in x.items()}", True),
        ("x.to('cpu')", False),
        ("x.to(args.device)", False),
        ("z.cuda()", False),
        ("x.to(torch.float16)", False),
    ],
)
def test_where_batches_go(body: str, moved: bool) -> None:
    file, loader = made(f"device = torch.device('cuda')\nloader = DataLoader(data)\nfor x in loader:\n    {body}\n")
    (loop,) = file.loaders.readers(loader)
    assert file.loaders.to_cuda(loop) is moved


def test_epochs_around_a_call() -> None:
    text = "loader = DataLoader(data)\ndef run(loader):\n    for x in loader: pass\n"
    for after, many in [("for epoch in range(9): run(loader)", True), ("run(loader)", False)]:
        file, loader = made(text + after)
        (loop,) = file.loaders.readers(loader)
        assert file.loaders.many_epochs(loader, loop) is many


@pytest.mark.parametrize(
    ("text", "decodes", "in_memory"),
    [
        ("DataLoader(ImageFolder('x'))", "ImageFolder", False),
        ("data = TensorDataset(x)\nDataLoader(data)", None, True),
        ("class A:\n    def __getitem__(self, i): return Image.open(i)\nDataLoader(A())", "Image.open", False),
        ("class A:\n    def __getitem__(self, i): return Image.open(i).cuda()\nDataLoader(A())", None, False),
        ("DataLoader(unknown)", None, False),
    ],
)
def test_what_samples_are_made_of(text: str, decodes: str | None, in_memory: bool) -> None:
    file, loader = made(text)
    assert file.loaders.decodes(loader) == decodes
    assert file.loaders.in_memory(loader) is in_memory
