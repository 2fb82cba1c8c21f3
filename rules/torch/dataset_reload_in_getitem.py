"""A data set reads its whole file again for each item."""

import re
from collections.abc import Iterator

import libcst as cst

from smellcheck import File, Smell, rule

_FROM_PATH = (
    *(f"pandas.read_{kind}" for kind in ("csv", "parquet", "json", "excel", "pickle", "feather", "table", "hdf")),
    *("numpy.load", "numpy.loadtxt", "numpy.genfromtxt", "torch.load", "joblib.load", "scipy.io.loadmat"),
    *("datasets.load_dataset", "datasets.load_from_disk", "h5py.File"),
)
_FROM_HANDLE = ("json.load", "pickle.load", "yaml.safe_load", "yaml.load")
_EVALUATED = re.compile(r"[Ee]val|[Vv]al(id|(?![a-z]))|[Tt]est")
_HELD = re.compile(r"cache|memo", re.I)


@rule(imports="torch", words="__getitem__", calls=_FROM_PATH + _FROM_HANDLE, practice="refactoring")
def check(call: cst.Call, file: File) -> Iterator[Smell]:
    method = file.context.function(call)
    if method is None or method.name.value != "__getitem__" or not call.args or file.context.in_test(call):
        return
    owner = file.calls.class_of(method)
    if owner is None or not file.values.is_dataset_class(owner) or now_and_then(call, method, file):
        return
    if any(arg.star or (arg.keyword and arg.keyword.value == "mmap_mode") for arg in call.args):
        return
    path = opened(call.args[0].value, file) if file.name(call.func) in _FROM_HANDLE else call.args[0].value
    if path is None or not is_same(path, owner, file):
        return
    what = "opened" if file.name(call.func) == "h5py.File" else "read whole"
    # An archive is not read whole, and what is evaluated on is little beside what is trained on. Where nothing asks for
    # an item by its number, there may be one alone.
    little = what == "opened" or _EVALUATED.search(owner.name.value) is not None or not numbered(method, file)
    message = f"the same file is {what} again for each item of each epoch"
    yield Smell(call, message, level="info" if little else None)


def numbered(method: cst.FunctionDef, file: File) -> bool:
    """Whether an item depends on its number."""
    given = [param.name.value for param in method.params.params][1:2]
    return any(file.tree.named(name, method.body) for name in given)


def now_and_then(call: cst.Call, method: cst.FunctionDef, file: File) -> bool:
    """Whether something decides if anything is read."""
    return (
        bool(method.decorators)
        or bool(_HELD.search(file.text_of(method)))
        or any(
            isinstance(above, cst.IfExp | cst.ExceptHandler | cst.BooleanOperation)
            or (isinstance(above, cst.If) and child is above.orelse)
            or (isinstance(above, cst.If) and child is above.body and not either_way(call, above, file))
            for child, above in file.context.ancestors(call)
        )
    )


def either_way(call: cst.Call, choice: cst.If, file: File) -> bool:
    """Whether the other branch reads a file, too: then a setting decides which, not whether."""
    other = choice.orelse
    return isinstance(other, cst.Else) and any(
        file.name(one.func) == file.name(call.func) for one in file.tree.of_type(cst.Call, other)
    )


def opened(handle: cst.BaseExpression, file: File) -> cst.BaseExpression | None:
    """The path that a handle was opened with."""
    value: cst.CSTNode | None = handle
    if isinstance(handle, cst.Name):
        reaching = file.scopes.reaching(handle)
        value = reaching[0].value if len(reaching) == 1 and reaching[0].kind in ("with", "assign") else None
    match value:
        case cst.Call(func=cst.Name("open"), args=[cst.Arg(value=path), *_]):
            return path
    return None


def is_same(path: cst.BaseExpression, owner: cst.ClassDef, file: File) -> bool:
    """Whether a path is the same for each item: of what the module holds, and what `__init__` alone sets."""
    for name in file.names_in(path):
        above = file.parent(name)
        if name.value == "self":
            if not isinstance(above, cst.Attribute) or not only_set_first(above.attr.value, owner, file):
                return False
        elif file.scopes.bound(name.value, file.scopes.around(name)) not in (None, file.scopes.module):
            return False
    return not any(
        isinstance(part, cst.Subscript)
        or (isinstance(part, cst.Call) and isinstance(part.func, cst.Attribute) and is_own(part.func.value))
        for part in file.tree.below(path)
    )


def is_own(node: cst.CSTNode) -> bool:
    """Whether a node is `self`, whose methods may give another path each time."""
    return isinstance(node, cst.Name) and node.value == "self"


def only_set_first(attribute: str, owner: cst.ClassDef, file: File) -> bool:
    """Whether `__init__` of the class, and nothing else in the file, sets an attribute."""
    values = file.values.attribute_values(owner, attribute)
    makers = {made.name.value if (made := file.context.function(value)) is not None else "" for value in values}
    return makers == {"__init__"}
