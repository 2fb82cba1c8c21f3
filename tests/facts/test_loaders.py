"""What reads a data loader, where its batches go, and what its samples are made of."""

from pathlib import Path

import libcst as cst
import pytest

from smellcheck.file import File
from smellcheck.project import Project

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
        ("more = dict(num_workers=5)\nDataLoader(data, **more)", 5),
        ("more = {'num_workers': 6}\nDataLoader(data, **more)", 6),
        ("more = {}\nmore['num_workers'] = 6\nDataLoader(data, **more)", None),
        ("more = dict(batch_size=6)\nDataLoader(data, **more)", 0),
        ("options = {'load_workers': 7}\nDataLoader(data, num_workers=args.load_workers)", 7),
        ("def f(count=2): DataLoader(data, num_workers=count)", None),
        ("def f(count): DataLoader(data, num_workers=count)", None),
    ],
)
def test_workers(text: str, workers: int | None) -> None:
    file, loader = made(text)
    assert file.workers.count(loader) == workers


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
    ("body", "many"),
    [
        ("run(valid)\n    run(test)", {"valid": False, "test": False}),
        ("for epoch in range(9): run(valid)\n    run(test)", {"valid": True, "test": False}),
        ("valid, test = ready.prepare(valid, test)\n    for epoch in range(9): run(test)", {"test": True}),
        ("valid, test = swapped(valid, test)\n    for epoch in range(9): run(test)", {}),
    ],
)
def test_each_loader_that_a_parameter_may_be(body: str, many: dict[str, bool]) -> None:
    text = f"def run(loader):\n    for x in loader: pass\ndef main(valid, test):\n    {body}\n"
    file = File(f"{HEAD}{text}main(DataLoader(a), DataLoader(b))\n")
    found = {}
    for name, loader in zip(("valid", "test"), file.calls.of["torch.utils.data.DataLoader"], strict=True):
        for loop in file.loaders.readers(loader):
            found[name] = file.loaders.many_epochs(loader, loop)
    assert found == many


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
    assert file.datasets.decodes(loader) == decodes
    assert file.datasets.in_memory(loader) is in_memory


def made_beside(root: Path, makes: str, trains: str) -> tuple[File, cst.Call]:
    """The module of a project that makes a loader, and the call that does; another module trains."""
    (root / "pyproject.toml").touch()
    (root / "trains.py").write_text(trains)
    path = root / "makes.py"
    path.write_text(makes)
    file = File(makes, str(path), project=Project().view(path))
    (loader,) = file.calls.of["torch.utils.data.DataLoader"]
    return file, loader


MAKES = """
import torch
from torch.utils.data import DataLoader

def loaders(data, workers):
    train = DataLoader(data, shuffle=True, num_workers=workers)
    return train, None
"""
TRAINS = """
from makes import loaders

def fit(model, data, options):
    for epoch in range(options.epochs):
        for x in loaders(data, options.workers)[0]:
            model(x).backward()
"""


@pytest.mark.parametrize(
    ("makes", "trains", "found"),
    [
        (MAKES, TRAINS, (True, True)),
        (MAKES, TRAINS.replace("epoch", "step"), (False, True)),
        (MAKES, TRAINS.replace("backward", "detach"), (False, True)),
        (MAKES, TRAINS + "\noptions = dict(workers=0)\n", (True, False)),
        (MAKES, TRAINS + "\nparser.add_argument('--num-workers', type=int, default=0)\n", (True, False)),
        (MAKES.replace("shuffle=True", "shuffle=False"), TRAINS, (False, True)),
        (MAKES.replace("shuffle=True", "sampler=RandomSampler(data)"), TRAINS, (True, True)),
        (MAKES.replace("shuffle=True", "batch_sampler=InfiniteRandomSampler(data)"), TRAINS, (False, True)),
        (MAKES.replace("train", "test"), TRAINS, (False, True)),
        (MAKES.replace("return train, None", "print(len(train))"), TRAINS, (False, True)),
        (MAKES + "\ndef from_options(data, options): return loaders(data, options.workers)\n", TRAINS, (True, True)),
        (MAKES + "\ndef both(data):\n    a = loaders(data, 2)\n    return a, loaders(data, 1)\n", TRAINS, (True, True)),
        (MAKES + "\ndef main(data, show): show(loaders(data, 2)[0])\n", TRAINS, (False, True)),
        (MAKES + "\ndef main(data, step): step(loaders(data, 2)[0]).backward()\n", TRAINS, (True, True)),
    ],
)
def test_handed_to_a_training(tmp_path: Path, makes: str, trains: str, found: tuple[bool, bool]) -> None:
    file, loader = made_beside(tmp_path, makes, trains)
    assert (file.loaders.handed_out(loader), file.workers.any(loader)) == found


@pytest.mark.parametrize(
    ("makes", "trains", "found"),
    [
        (MAKES, TRAINS, False),
        (MAKES, TRAINS.replace("model(x)", "model(x.cuda())"), True),
        (MAKES, TRAINS.replace("model(x)", "model(x.cuda())").replace("epoch", "step"), True),
        (MAKES, TRAINS.replace("model(x).backward()", "model(x.cuda()).detach()"), False),
        (MAKES.replace("return train, None", "print(len(train))"), TRAINS.replace("(x)", "(x.cuda())"), False),
    ],
)
def test_handed_to_a_training_on_cuda(tmp_path: Path, makes: str, trains: str, found: bool) -> None:
    file, loader = made_beside(tmp_path, makes, trains)
    assert file.loaders.handed_to_cuda(loader) is found


@pytest.mark.parametrize(
    ("handler", "target", "found"),
    [
        ("except StopIteration", "loader", True),
        ("except (StopIteration, OSError)", "loader", True),
        ("except ValueError", "loader", False),
        ("except StopIteration", "other", False),
    ],
)
def test_restarted(handler: str, target: str, found: bool) -> None:
    code = f"""
import torch
loader = torch.utils.data.DataLoader(data)
batches = iter(loader)
for step in range(9):
    try:
        x = next(batches)
    {handler}:
        batches = iter({target})
    model(x).backward()
"""
    for_nothing = File(code.replace("backward", "detach"), "module.py")
    assert not any(map(for_nothing.loaders.restarted, for_nothing.calls.of["torch.utils.data.DataLoader"]))
    file = File(code, "module.py")
    (loader,) = file.calls.of["torch.utils.data.DataLoader"]
    assert file.loaders.restarted(loader) is found
