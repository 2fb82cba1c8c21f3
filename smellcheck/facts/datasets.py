"""What the samples of a data loader are: of which data set, read from which files, or slices of tensors in memory."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import libcst as cst

from .tree import descend

if TYPE_CHECKING:
    from ..file import File

#: Reading and decoding of files, by the full name of what does it.
_READS = re.compile(
    r"^(PIL\.Image\.open|cv2\.imread|torchvision\.io\.(read|decode)_\w+|torchvision\.datasets\.folder\.\w*loader"
    r"|imageio\.(v\d\.)?imread|(skimage|matplotlib)\.\w+\.imread|matplotlib\.image\.imread|librosa\.(core\.)?load"
    r"|torchaudio\.load|soundfile\.read|scipy\.io\.wavfile\.read|nibabel\.load|pydicom\.dcmread|rasterio\.open"
    r"|tifffile\.imread|decord\.VideoReader|numpy\.load|torch\.load|pandas\.read_\w+|SimpleITK\.ReadImage)$"
)
_FOLDERS = re.compile(
    r"^torchvision\.datasets\.(folder\.)?(ImageFolder|DatasetFolder|Coco(Detection|Captions)|VOC(Detection|Segmentation)"
    r"|CelebA|Food101|Flowers102|OxfordIIITPet|StanfordCars|Places365|ImageNet|INaturalist|Kinetics|HMDB51|UCF101)$"
)
#: A part of another data set, or several that it is split into.
_PARTS = re.compile(r"^torch\.utils\.data\.(dataset\.)?(Subset|random_split)$")
#: Methods and subsets are followed so far.
_DEEPEST = 3


class Datasets:
    """The data sets of one file's loaders; each answer is yes only where it is sure."""

    def __init__(self, file: File) -> None:
        self._file = file

    def of(self, loader: cst.Call) -> cst.ClassDef | None:
        """The class in the file that a loader's samples surely come from."""
        given = self._file.argument(loader, "dataset", 0)
        made = self._file.scopes.written(given.value) if given is not None else None
        return self._file.calls.local_class(made.func) if isinstance(made, cst.Call) else None

    def decodes(self, loader: cst.Call) -> str | None:
        """What a sample of the loader's dataset surely is read from files with, in words."""
        given = self._file.argument(loader, "dataset", 0)
        return self._decodes(given.value, 0) if given is not None else None

    def _decodes(self, dataset: cst.BaseExpression, depth: int) -> str | None:
        value = self._file.values.of(dataset)
        if value is not None and value.made is not None and _FOLDERS.match(value.name):
            return value.name.rpartition(".")[2]
        made = self._file.scopes.written(dataset)
        if not isinstance(made, cst.Call):
            return None
        name = self._file.name(made.func) or ""
        if _FOLDERS.match(name):
            return name.rpartition(".")[2]
        if name in ("torch.utils.data.Subset", "torch.utils.data.dataset.Subset") and made.args:
            return self._decodes(made.args[0].value, depth + 1)
        owner = self._file.calls.local_class(made.func)
        if owner is not None:
            return self.reads(owner)
        defined = self._file.elsewhere.defined(made)
        if defined is None or not isinstance(defined.node, cst.ClassDef):
            return None
        return defined.file.datasets.reads(defined.node)

    def reads(self, dataset: cst.ClassDef) -> str | None:
        """The call with which `__getitem__` of a dataset, or a method that it calls, reads a file in each turn."""
        method = self._file.calls.method(dataset, "__getitem__")
        todo = [method] if method is not None else []
        seen: set[cst.FunctionDef] = set()
        while todo:
            function = todo.pop()
            if function in seen or len(seen) > _DEEPEST:
                continue
            seen.add(function)
            for call in self._file.calls.own_calls(function):
                if self._file.moves.destination(call) not in (None, '"cpu"'):
                    return None
                if _READS.match(self._file.name(call.func) or "") and not self._now_and_then(call):
                    return self._file.text_of(call.func)
                callee = self._file.calls.callee(call)
                if callee is not None:
                    todo.append(callee)
        return None

    def in_memory(self, loader: cst.Call) -> bool:
        """Whether a loader's samples surely are slices of tensors in memory."""
        return self._tensors(loader) is not None

    def moved_before(self, loader: cst.Call) -> bool:
        """Whether the tensors that a loader slices are moved to another device as a whole."""
        made = self._tensors(loader)
        return made is not None and any(
            self._file.moves.destination(node) not in (None, '"cpu"')
            for arg in made.args
            for node in descend(self._file.scopes.written(arg.value) or arg.value)
        )

    def _tensors(self, loader: cst.Call) -> cst.Call | None:
        given = self._file.argument(loader, "dataset", 0)
        return self._sliced(given.value, 0) if given is not None else None

    def _sliced(self, dataset: cst.BaseExpression, depth: int) -> cst.Call | None:
        """The tensors that a dataset, or what it is a part of, slices."""
        bound = self._file.scopes.reaching(dataset) if isinstance(dataset, cst.Name) else ()
        made = bound[0].value if len(bound) == 1 and bound[0].path else self._file.scopes.written(dataset)
        name = self._file.name(made.func) or "" if isinstance(made, cst.Call) else ""
        if not isinstance(made, cst.Call) or not made.args or depth > _DEEPEST:
            return None
        if _PARTS.match(name):
            return self._sliced(made.args[0].value, depth + 1)
        return made if name.endswith(".TensorDataset") else None

    def _now_and_then(self, call: cst.Call) -> bool:
        """Whether a condition decides about a read: what is kept in memory is read once."""
        return any(isinstance(above, cst.If | cst.ExceptHandler) for _, above in self._file.context.ancestors(call))
