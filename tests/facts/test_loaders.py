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


FIT = """
def fit(model, loader, device, epochs):
    for epoch in range(epochs):
        for x in loader:
            model(x.to(device))

def score(model, loader, device):
    for x in loader:
        model(x.to(device))

class Trainer:
    def __init__(self, model, loader, other):
        self.model, self.loader = model, loader
        self.other = other

    def epoch(self):
        for x in self.loader:
            self.model(x.cuda())

    def run(self, epochs):
        for epoch in range(epochs):
            self.epoch()
        for x in self.other:
            self.model(x)

class Queue:
    def __init__(self, loader, queue=None):
        self.loader, self.queue = loader, queue

    def __iter__(self):
        while True:
            if self.queue is None:
                for x in self.loader:
                    yield x.cuda()

def as_script(loader):
    for x in loader:
        print(x.to(target))

if __name__ == "__main__":
    target = "cuda"
    as_script([])

def looked_at(loader):
    loader = list(loader)
    for x in loader:
        print(x.cuda())
"""


def handed(folder: Path, files: dict[str, str], name: str) -> tuple[bool, bool]:
    """Whether other modules move the batches of a module's one loader to a device, and read it in each epoch."""
    for each, text in files.items():
        (folder / each).write_text(text)
    file = File(files[name], name, project=Project().view(folder / name))
    (loader,) = file.calls.of["torch.utils.data.DataLoader"]
    return bool(file.handovers.to_cuda(loader)), bool(file.handovers.in_epochs(loader))


@pytest.mark.parametrize(
    ("main", "moved", "again"),
    [
        ("fit(model, loader, device, 9)", True, True),
        ("fit(model, device=device, loader=loader, epochs=9)", True, True),
        ("fit(model, loader, where, 9)", False, True),
        ("fit(model, other, device, 9)", False, False),
        ("score(model, loader, device)", True, False),
        ("for epoch in range(epochs): score(model, loader, device)", True, True),
        ("Trainer(model, loader, other).run(9)", True, True),
        ("Trainer(model, other, loader).run(9)", False, False),
        ("trainer = Trainer(model, other, other)\ntrainer.fit(loader)", False, False),
        ("looked_at(loader)", False, False),
        ("as_script(loader)", False, False),
        ("fit(*both)", False, False),
        ("Queue(loader, queue)", True, False),
    ],
)
def test_handed_to_another_module(tmp_path: Path, main: str, moved: bool, again: bool) -> None:
    text = f"{HEAD}from fit import *\ndevice = 'cuda'\nloader = DataLoader(data)\n{main}\n"
    assert handed(tmp_path, {"setup.cfg": "", "fit.py": FIT, "main.py": text}, "main.py") == (moved, again)


@pytest.mark.parametrize(
    ("given", "main", "moved", "again"),
    [
        ("return loader", "loader = get()\nfor epoch in range(9):\n    for x in loader: x.cuda()", True, True),
        ("return loader", "while going:\n    for x in get(): x.cuda()", True, False),
        ("return loader", "for x in tqdm(get()): x.cuda()", True, False),
        ("return other, loader", "_, it = get()\nfor epoch in range(9):\n    for x in it: x.cuda()", True, True),
        ("return other, loader", "it, _ = get()\nfor epoch in range(9):\n    for x in it: x.cuda()", False, False),
        ("yield loader", "loader = get()\nfor epoch in range(9):\n    for x in loader: x.cuda()", False, False),
        (
            "return other, loader",
            "def f(it):\n    for x in it: x.cuda()\na, b = get()\nfor epoch in range(9): f(a)\nf(b)",
            True,
            False,
        ),
    ],
)
def test_given_back_to_another_module(tmp_path: Path, given: str, main: str, moved: bool, again: bool) -> None:
    text = f"{HEAD}def get():\n    loader = DataLoader(data)\n    {given}\n"
    assert handed(
        tmp_path, {"setup.cfg": "", "sets.py": text, "main.py": f"from sets import get\n{main}\n"}, "sets.py"
    ) == (moved, again)


@pytest.mark.parametrize(
    ("main", "moved", "again"),
    [
        ("fit(model, loader, args)", True, True),
        ("fit(model, other, args)", False, False),
        ("for epoch in range(9): score(model, loader, args)", True, True),
        ("score(model, loader, args)", True, False),
        ("score(model, loader, spare)", False, False),
    ],
)
def test_given_back_and_handed_on(tmp_path: Path, main: str, moved: bool, again: bool) -> None:
    text = f"{HEAD}def get():\n    loader = DataLoader(data)\n    return loader\n"
    fit = """
def score(model, batches, args):
    for x in batches: model(x.to(args.device))

def fit(model, batches, args):
    for epoch in range(9):
        for x in batches: model(x.to(args.device))
"""
    main = f"from sets import get\nfrom fit import fit, score\nargs.device = 'cuda'\nloader = get()\n{main}\n"
    assert handed(tmp_path, {"setup.cfg": "", "sets.py": text, "fit.py": fit, "main.py": main}, "sets.py") == (
        moved,
        again,
    )


@pytest.mark.parametrize(
    ("dataset", "reads"),
    [
        ("sets.Photos(paths)", "Image.open"),
        ("Photos(paths)", "Image.open"),
        ("sets.Kept(paths)", None),
        ("sets.photos(paths)", None),
        ("others.Photos(paths)", None),
    ],
)
def test_datasets_of_other_modules(tmp_path: Path, dataset: str, reads: str | None) -> None:
    sets = """
from PIL import Image

class Photos:
    def __getitem__(self, index):
        return self.transform(Image.open(self.paths[index]))

class Kept:
    def __init__(self, paths):
        self.photos = [Image.open(path) for path in paths]

    def __getitem__(self, index):
        return self.photos[index]

def photos(paths):
    return Kept(paths)
"""
    text = f"{HEAD}import sets, others\nfrom sets import Photos\nDataLoader({dataset})\n"
    for name, each in {"setup.cfg": "", "sets.py": sets, "main.py": text}.items():
        (tmp_path / name).write_text(each)
    file = File(text, "main.py", project=Project().view(tmp_path / "main.py"))
    (loader,) = file.calls.of["torch.utils.data.DataLoader"]
    assert file.datasets.decodes(loader) == reads


@pytest.mark.parametrize(
    ("main", "pins"),
    [
        ("fit(model, DataLoader(data, pin_memory=True))", True),
        ("loader = DataLoader(data, pin_memory=True)\nfit(model, loader=loader)", True),
        ("fit(model, DataLoader(data, pin_memory=True))\nfit(model, DataLoader(data))", False),
        ("fit(model, DataLoader(data, pin_memory=True, collate_fn=join))", False),
        ("a, b = sets.both()\nfit(model, a)", True),
        ("a, b = sets.both()\nfit(model, b)", False),
        ("def more(loader):\n    fit(model, loader)\nmore(sets.one())", True),
        ("later(fit)", False),
        ("", False),
    ],
)
def test_pinned_by_all_other_modules(tmp_path: Path, main: str, pins: bool) -> None:
    text = "def fit(model, loader):\n    for x in loader:\n        model(x.cuda())\n"
    sets = """
from monai.data import DataLoader

def both():
    return one(), DataLoader(data)

def one():
    return DataLoader(data, pin_memory=True)
"""
    main = f"{HEAD}import sets\nfrom fit import fit\n{main}\n"
    for name, each in {"setup.cfg": "", "sets.py": sets, "fit.py": text, "main.py": main}.items():
        (tmp_path / name).write_text(each)
    file = File(text, "fit.py", project=Project().view(tmp_path / "fit.py"))
    (loop,) = file.all(cst.For)
    assert file.pinning.pins(loop.iter) == pins


@pytest.mark.parametrize(
    ("made", "pins"),
    [
        ("loader = DataLoader(data, pin_memory=True)", True),
        ("loader = DataLoader(data)", False),
        ("loader = DataLoader(data, pin_memory=True, collate_fn=join)", False),
        ("loader = DataLoader(data, pin_memory=True)\nif more:\n    loader = DataLoader(data)", False),
        ("def loader(): return DataLoader(data, pin_memory=True)", False),
    ],
)
@pytest.mark.parametrize(
    ("taken", "named"),
    [("from sets import loader", "loader"), ("from sets import *", "loader"), ("import sets", "sets.loader")],
)
def test_pinned_at_the_top_of_another_module(tmp_path: Path, made: str, pins: bool, taken: str, named: str) -> None:
    text = f"{taken}\nfor x in {named}:\n    x.cuda()\n"
    for name, each in {"setup.cfg": "", "sets.py": f"{HEAD}{made}\n", "main.py": text}.items():
        (tmp_path / name).write_text(each)
    file = File(text, "main.py", project=Project().view(tmp_path / "main.py"))
    (loop,) = file.all(cst.For)
    assert file.pinning.pins(loop.iter) == pins


@pytest.mark.parametrize(("collate", "pins"), [("join", True), ("boxed", False), ("lost", False)])
def test_collations_of_other_modules(tmp_path: Path, collate: str, pins: bool) -> None:
    sets = """
import torch

def join(samples):
    return torch.stack([x for x, y in samples]), [torch.tensor(y) for x, y in samples]

def boxed(samples):
    return torch.stack([x for x, y in samples]), [Boxes(y) for x, y in samples]
"""
    text = f"{HEAD}from sets import *\nDataLoader(data, pin_memory=True, collate_fn={collate})\n"
    for name, each in {"setup.cfg": "", "sets.py": sets, "main.py": text}.items():
        (tmp_path / name).write_text(each)
    file = File(text, "main.py", project=Project().view(tmp_path / "main.py"))
    (loader,) = file.calls.of["torch.utils.data.DataLoader"]
    assert file.pinning.pins(loader) == pins
