"""A fix changes what it says and nothing else, and a second one nothing at all."""

from __future__ import annotations

import codecs
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import FIXED, WASTE, Cli, Write


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (WASTE.encode(), FIXED.encode()),
        (WASTE.replace("\n", "\r\n").encode(), FIXED.replace("\n", "\r\n").encode()),
        (WASTE.replace("\n", "\r").encode(), FIXED.replace("\n", "\r").encode()),
        (codecs.BOM_UTF8 + WASTE.encode(), codecs.BOM_UTF8 + FIXED.encode()),
        (WASTE.rstrip().encode(), FIXED.rstrip().encode()),
        (
            f"# coding: latin-1\n# é\r\n{WASTE}".encode("latin-1"),
            f"# coding: latin-1\n# é\r\n{FIXED}".encode("latin-1"),
        ),
        (
            b"import demo\n\x0c\nx = '\xc3\xa9'; demo.waste()  # why\t\n",
            b"import demo\n\x0c\nx = '\xc3\xa9'; demo.spare()  # why\t\n",
        ),
    ],
)
def test_only_the_edit_is_written(smellcheck: Cli, write: Write, work: Path, before: bytes, after: bytes) -> None:
    write({"a.py": before})
    assert smellcheck("--fix").code == 0
    assert (work / "a.py").read_bytes() == after


def test_a_second_fix_touches_nothing(smellcheck: Cli, write: Write, work: Path) -> None:
    write({"a.py": WASTE + "demo.risk()\n", "b.py": WASTE})
    smellcheck("--fix", "--unsafe-fixes")
    stats = [os.stat(work / name) for name in ("a.py", "b.py")]
    result = smellcheck("--fix", "--unsafe-fixes")
    assert (result.code, result.out) == (0, "")
    after = [os.stat(work / name) for name in ("a.py", "b.py")]
    assert [(s.st_ino, s.st_mtime_ns) for s in stats] == [(s.st_ino, s.st_mtime_ns) for s in after]


def test_modes_and_links_stay(smellcheck: Cli, write: Write, work: Path) -> None:
    write({"real/a.py": WASTE, "b.py": WASTE})
    (work / "real" / "a.py").chmod(0o750)
    (work / "link.py").symlink_to("real/a.py")
    os.link(work / "b.py", work / "twin.txt")
    assert smellcheck("--fix", "link.py", "b.py").code == 0
    assert (work / "link.py").is_symlink()
    assert (work / "real" / "a.py").read_text() == FIXED
    assert stat.S_IMODE((work / "real" / "a.py").stat().st_mode) == 0o750
    assert (work / "twin.txt").read_text() == FIXED


def test_what_may_not_be_written_is_an_error_and_still_told(smellcheck: Cli, write: Write, work: Path) -> None:
    write({"a.py": WASTE, "b.py": WASTE})
    (work / "a.py").chmod(0o444)
    result = smellcheck("--fix", "--output-format", "json")
    assert result.code == 2
    assert [found["path"] for found in result.json["findings"]] == ["a.py"]
    assert [(error["path"], error["kind"]) for error in result.json["errors"]] == [("a.py", "io-error")]
    assert result.json["summary"]["fixed"] == 1
    assert ((work / "a.py").read_text(), (work / "b.py").read_text()) == (WASTE, FIXED)


def test_safe_fixes_only_unless_asked(smellcheck: Cli, write: Write, work: Path) -> None:
    write({"a.py": "import demo\n\ndemo.waste(demo.risk(demo.vague()))\n"})
    smellcheck("--fix")
    assert (work / "a.py").read_text() == "import demo\n\ndemo.spare(demo.risk(demo.vague()))\n"
    smellcheck("--fix", "--unsafe-fixes")
    assert (work / "a.py").read_text() == "import demo\n\ndemo.spare(demo.safe(demo.vague()))\n"


def test_unsafe_without_fix_only_changes_the_marks(smellcheck: Cli, write: Write, work: Path) -> None:
    write({"a.py": "import demo\n\ndemo.risk()\n"})
    assert "risky-waste [*] " in smellcheck("--unsafe-fixes", "--output-format", "concise").out
    assert (work / "a.py").read_text() == "import demo\n\ndemo.risk()\n"


def test_no_leftovers(smellcheck: Cli, write: Write, work: Path) -> None:
    write({f"{n}.py": WASTE for n in range(40)})
    assert smellcheck("--fix", "-j", "2").code == 0
    assert len(list(work.iterdir())) == 40
    assert {path.read_text() for path in work.iterdir()} == {FIXED}


LOADER = """# What is read for training.
from torch.utils.data import DataLoader
from torchvision.datasets import CIFAR10


def make_loader():
    return DataLoader(CIFAR10("data"), batch_size=64, shuffle=True, num_workers=4)
"""
TRAINING = """import torch
import torchvision
from data import make_loader

model = torchvision.models.resnet18().cuda()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for images, labels in make_loader():
    labels = labels.cuda()
    optimizer.zero_grad()
    torch.nn.functional.cross_entropy(model(images.cuda()), labels).backward()
    optimizer.step()
"""


def test_what_a_fix_makes_possible_in_another_file_is_fixed_as_well(write: Write, work: Path) -> None:
    write({"a_training.py": TRAINING, "data.py": LOADER, "pyproject.toml": ""})
    rules = "unpinned-dataloader,missing-non-blocking"
    command = [sys.executable, "-m", "smellcheck", "check", "--select", rules, "--fix", "--unsafe-fixes", "--no-cache"]
    shown = subprocess.run([*command, "--diff"], capture_output=True, text=True, check=False)
    assert (shown.returncode, shown.stdout.count("+    labels = labels.cuda(non_blocking=True)")) == (1, 1)
    assert (work / "data.py").read_text() == LOADER
    fixed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (fixed.returncode, fixed.stderr) == (0, "Found 2 smells (2 fixed, 0 remaining) in 2 files.\n")
    assert (work / "data.py").read_text() == LOADER.replace("=4)", "=4, pin_memory=True)")
    waiting = re.compile(r"(labels|images)\.cuda\(\)")
    assert (work / "a_training.py").read_text() == waiting.sub(r"\1.cuda(non_blocking=True)", TRAINING)
    assert subprocess.run(command, capture_output=True, text=True, check=False).stderr.startswith("All checks passed!")
