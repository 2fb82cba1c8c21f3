"""Whether code is there to test, benchmark, export or debug, or is only kept, where waste is nobody's concern."""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING

import libcst as cst

from .tree import descend

if TYPE_CHECKING:
    from ..file import File

_TEST_PATH = re.compile(
    # A benchmark of a task measures how good a network is that is trained for it there, and no speed.
    r"(^|/)(?!(classification|detection|segmentation|recognition|retrieval)[-_]benchmarks?/)"
    r"(\w+[-_])?(tests?|unittests?|benchmarks?|bench|profiling|debug(ging)?)/"
    # Where experiments are tried out, a script that trains is what is run.
    r"|(^|/)(\w+[-_])?testing/(?!train\w*\.py$)"
    r"|(^|/)([^/]+[-_])?test[-_]?code/"
    # Kept, and no longer run: old versions, and the copies of the code that a run leaves beside its results.
    r"|(^|/)([^/]+[-_.])?(old|archived?|attic|legacy|obsolete|deprecated|backups?|bak)([-_.][^/]+)?/|(^|/)logs?/"
    # Somebody else's: `name-main` is what the copy of a repository is unpacked as.
    r"|(^|/)[^/]+-(main|master)/"
    r"|(^|/)(third[-_]?part(y|ies)|3rd[-_]?party|_?vendor(ed)?|externals?|submodules)/"
    r"|(^|/)[^/]+[-_](old|backup|bak|deprecated|obsolete)\.py$"
    # What a program made of a module, to learn from or to keep: no import finds it.
    r"|\.py\.[^/]*$"
    r"|(^|/)(conftest|bench(mark)?_[^/]*|[^/]*_bench(mark)?|bench(mark)?s?|profile_[^/]*|profil(er|ing)|speed_?test[^/]*"
    r"|onnx|onnx_export|export_onnx)\.py$",
    re.I,
)
#: Libraries that projects keep a copy of, to run some part of it.
_LIBRARIES = re.compile(
    r"accelerate|apex|basicsr|detectron2|diffusers|espnet|fairseq|kornia|lavis|mmcls|mmcv|mmdet|mmdet3d|mmengine"
    r"|mmpose|mmseg|monai|open_clip|peft|pytorch3d|pytorch_lightning|[Ss]ent[Ee]val|segment_anything|speechbrain|taming|timm|torchvision"
    r"|transformers|ultralytics|xformers|yolox"
)
_COPIED = re.compile(rf"(?:^|/)({_LIBRARIES.pattern})(?=/)")
# A script named `test.py` evaluates a model as often as it tests code: what it contains decides.
_TEST_FILE = re.compile(r"(^|/)(test_[^/]*|[^/]*_tests?|tests?)\.py$", re.I)
_TEST_CODE = re.compile(r"^\s*(import|from) (pytest|unittest)\b", re.M)
_TEST_ASSERTS = re.compile(r"^def test_\w+\(\):(\n([ \t].*)?)*\n[ \t]+(assert |[\w.]*\bassert_\w+\()", re.M)
#: What a function that is named a test, and takes nothing, makes up to see what comes of it.
_MADE_UP = re.compile(r"\btorch\.(randn|rand|randint)\(")
_TEST_NAME = re.compile(
    r"bench_|benchmark|speed_?test|profile_|_profile|debug|gradcheck|sanity_check|smoke|time_it|latency"
    r"|^check_|^example_|^export_|_export$|onnx|torchscript",
    re.I,
)
# What a notebook looks like that was turned into a module.
_NOTEBOOK = re.compile(r"ipynb[^/\\]*$")
_CELLS = re.compile(r"^# In ?\[[\d ]*\]:|^# %%|^get_ipython\(\)", re.M)
# One forward to trace or export a network, or to compare its gradients, is not what the network is for.
_TRACES = re.compile(
    r"^\s*(torch\.)?(onnx\.export|jit\.trace|export\.export)\(|\bgradcheck\(|= *torch\.jit\.(trace|script)\(", re.M
)

_TRACING_CALLS = ("export(", "trace(", "script(", "gradcheck(")
_TRACING = frozenset({"export", "trace", "script", "gradcheck"})


class Purpose:
    """What the functions of one file, and the file as a whole, are there for."""

    def __init__(self, file: File) -> None:
        self._file = file
        self._tests: dict[cst.FunctionDef, bool] = {}

    def in_test(self, node: cst.CSTNode, *, lenient: bool = False) -> bool:
        """Whether the code at a node is there to test, benchmark, export or debug.

        Where it is `lenient`, what goes through data beside a network that is traced is not.
        """
        file = self._file
        if self._is_test_file:
            return True
        if lenient and self._goes_through_data(node):
            function = file.context.function(node)
            return function is not None and bool(_TEST_NAME.search(function.name.value))
        function = file.context.function(node)
        if function is None and file.matches(_TRACES, *_TRACING_CALLS):
            return self._is_script_of_traces
        while function is not None:
            if function not in self._tests:
                self._tests[function] = self._is_test(function)
            if self._tests[function]:
                return True
            above = file.parent(function)
            function = file.context.function(above) if above is not None else None
        return False

    def _goes_through_data(self, node: cst.CSTNode) -> bool:
        """Whether a loop over things, in which nothing is traced, is around a node: it does not only count."""
        return any(
            isinstance(loop.node, cst.For)
            and "range(" not in self._file.text_of(loop.node.iter)
            and not any(self._traces(call) for call in self._file.tree.of_type(cst.Call, loop.node))
            for loop in self._file.context.loops(node)
        )

    @cached_property
    def by_hand(self) -> bool:
        """Whether somebody runs the code piece by piece and looks on: a notebook, or a module that was one."""
        file = self._file
        return file.in_cells or bool(_NOTEBOOK.search(file.path)) or file.matches(_CELLS, "# In", "# %%", "get_ipython")

    @cached_property
    def _is_test_file(self) -> bool:
        file = self._file
        if _TEST_PATH.search(file.path) or self._is_copied:
            return True
        return bool(_TEST_FILE.search(file.path)) and (file.matches(_TEST_CODE) or file.matches(_TEST_ASSERTS))

    @cached_property
    def _is_copied(self) -> bool:
        """Whether the file is of a library that stands in somebody else's project."""
        path, project = self._file.path, self._file.project
        if project is None:
            return False
        for library in _COPIED.finditer(path) if path.endswith(".py") else ():
            # A library is a package: a folder of scripts may be called like it for what they are about.
            package = "." * path.count("/", library.end())
            if project.module(package, project.path) is not None and not project.is_named(library[1]):
                return True
        bundled = project.bundled
        return bundled is not None and bool(_LIBRARIES.fullmatch(bundled)) and not project.is_named(bundled)

    @cached_property
    def _is_script_of_traces(self) -> bool:
        file = self._file
        return any(
            _TRACES.search(file.text_of(statement))
            for statement in file.module.body
            if not isinstance(statement, cst.FunctionDef | cst.ClassDef)
        )

    def _traces(self, call: cst.Call) -> bool:
        """Whether a call traces or exports a network for what comes of it elsewhere, or compares its gradients."""
        last = call.func.attr.value if isinstance(call.func, cst.Attribute) else ""
        if last not in _TRACING and not (isinstance(call.func, cst.Name) and call.func.value == "gradcheck"):
            return False
        statement = self._file.context.statement(call)
        return bool(_TRACES.search(self._file.text_of(statement)))

    def _is_test(self, function: cst.FunctionDef) -> bool:
        name = function.name.value
        traces = self._file.matches(_TRACES, *_TRACING_CALLS) and any(
            self._traces(call) for call in self._file.tree.of_type(cst.Call, function.body)
        )
        # Who trains and exports what comes out is there to train.
        if _TEST_NAME.search(name) or (traces and not self._file.phase.function_trains(function)):
            return True
        if not name.lstrip("_").startswith("test_"):
            return False
        if not function.params.params and _MADE_UP.search(self._file.text_of(function.body)):
            return True
        return any(isinstance(node, cst.Assert) for node in descend(function.body))
