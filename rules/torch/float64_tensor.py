"""64-bit floats reach a module, a matrix product or a device where 32 bits would do."""

import re
from collections.abc import Iterator

import libcst as cst

from smellcheck import Edit, File, Fix, Smell, rule

_MAKERS = {"torch.from_numpy", "torch.tensor", "torch.as_tensor"}
_FACTORIES = re.compile(
    r"^torch\.(zeros|ones|full|empty|rand|randn|linspace|arange|eye|tensor|as_tensor|normal)(_like)?$"
)
_PRODUCTS = re.compile(
    r"^torch\.(matmul|mm|bmm|einsum|addmm|baddbmm|nn\.functional\.(linear|conv\w+|bilinear|scaled_dot_product_attention))$"
)
_CASTS = {"float", "half", "bfloat16", "double", "type", "type_as", "long", "int"}
# Where 64 bits are there on purpose.
_SCIENCE = re.compile(
    r"torch\.linalg|gradcheck|torchdiffeq|gpytorch|botorch|pyro|odeint|scipy\.(integrate|optimize)|cholesky|hessian|jacobian"
    r"|\bpinn|physics|quantum|hamiltonian|eigenv|lbfgs|\b1e-(8|9|1\d)\b",
    re.I,
)
_DEFAULTS = {"torch.set_default_dtype", "torch.set_default_tensor_type"}
_DEFAULT = re.compile(r"set_default_(dtype|tensor_type)\(")
_TRAINS = re.compile(r"\boptim\.(Adam|SGD|RMSprop|Adagrad|Adadelta|RAdam|NAdam)")
_DEVICES = re.compile(r"\bcuda\b|\bdevice\b")
_MEANT = re.compile(r"double|float64|64[- ]bit|precision", re.I)
_COUNTS = re.compile(
    r"meter|metric|total|count|sum|accum|running|stat|cov|mean|var|std|weight|schedule|beta|alpha|sigma|prob|confusion|hist",
    re.I,
)


@rule(
    imports="torch",
    words=(
        "from_numpy tensor as_tensor double float64 set_default_tensor_type",
        "numpy pandas astype double float64 DoubleTensor",
    ),
    practice="precision",
)
def check(call: cst.Call, file: File) -> Iterator[Smell]:
    name = file.name(call.func)
    if name in _DEFAULTS:
        yield from default(call, file)
        return
    if name not in _MAKERS and not _FACTORIES.match(name or "") and not is_double(call):
        return
    if file.context.in_test(call):
        return
    # Last, for it reads the whole file.
    yield from (smell for smell in seen(call, name, file) if not file.matches(_SCIENCE) and not file.matches(_DEFAULT))


def default(call: cst.Call, file: File) -> Iterator[Smell]:
    """A default of 64 bits, once and for all, in a script that trains networks step by step on a device."""
    lasting = len(_DEFAULT.findall(file.text_of(file.module))) == 1 and not optional(call, file)
    if not lasting or not call.args or not is_wide(call.args[0].value, file) or explained(call, file):
        return
    if file.matches(_TRAINS) and file.matches(_DEVICES) and not file.matches(_SCIENCE):
        if not file.context.in_test(call):
            message = "every network and tensor that is made from here on is of 64-bit floats"
            yield Smell(call, message, level="info")


def is_wide(dtype: cst.BaseExpression, file: File) -> bool:
    """Whether an expression, or the one thing that its name means, is the type of 64-bit floats or of their tensors."""
    if isinstance(dtype, cst.SimpleString):
        return str(dtype.evaluated_value).endswith("DoubleTensor")
    known = file.name(dtype) or ""
    if known in ("torch.float64", "torch.double") or re.match(r"torch\.(cuda\.)?DoubleTensor$", known):
        return True
    reaching = file.scopes.reaching(dtype) if isinstance(dtype, cst.Name) else []
    only = reaching[0] if len(reaching) == 1 and reaching[0].kind == "assign" and not reaching[0].path else None
    return only is not None and isinstance(only.value, cst.Attribute) and is_wide(only.value, file)


def made_up(array: cst.BaseExpression, file: File) -> bool:
    """Whether a script makes up an array on the spot, in sizes that stand there, to see what comes of it."""
    if file.context.function(array) is not None or not isinstance(array, cst.Name):
        return False
    made = [one.value for one in file.scopes.reaching(array) if one.kind == "assign" and not one.path]
    return bool(made) and all(
        isinstance(one, cst.Call)
        and (file.name(one.func) or "").startswith("numpy.random.")
        and not any(True for arg in one.args for _ in file.names_in(arg.value))
        for one in made
    )


def seen(call: cst.Call, name: str | None, file: File) -> Iterator[Smell]:
    """The smell of one call, whatever the file computes."""
    if name in _MAKERS and file.argument(call, "dtype", 1) is None and call.args and not call.args[0].star:
        array = call.args[0].value
        wide = file.dtypes.float64_array(array) or (file.dtypes.from_frame(array) and narrowed_late(call, file))
        if wide and not made_up(array, file) and reaches(call, file, moved=True):
            late = narrowed_late(call, file)
            cost = "twice the bytes to copy" if late else "twice the bytes and a fraction of the speed"
            yield Smell(
                call,
                f"this tensor takes over NumPy's 64-bit floats, {cost}",
                leak_fix(call, array, name, file),
                # A network of 32 bits refuses it: what it costs, as a rule, is the bytes of one copy.
                level="info",
            )
    elif name is not None and _FACTORIES.match(name):
        dtype = file.argument(call, "dtype")
        if (
            dtype is not None
            and file.name(dtype.value) in ("torch.float64", "torch.double")
            and reaches(call, file, moved=False)
        ):
            yield Smell(
                call,
                "this tensor is made of 64-bit floats, twice the bytes and a fraction of the speed",
                literal_fix(dtype.value, file),
            )
    elif (
        is_double(call)
        and not optional(call, file)
        and (file.values.is_module(call.func.value) or bound_to_module(call, file))
    ):
        # No fix: what is fed to the module is made of 64-bit floats elsewhere.
        message = f"every weight and activation of `{file.text_of(call.func.value)}` becomes a 64-bit float"
        yield Smell(call, message, level="info" if file.context.by_hand or explained(call, file) else None)


def explained(call: cst.Call, file: File) -> bool:
    """Whether a comment right above says that 64 bits are meant."""
    above = getattr(file.context.statement(call), "leading_lines", ())
    return any(line.comment is not None and _MEANT.search(line.comment.value) for line in above)


def is_double(call: cst.Call) -> bool:
    """Whether a call is `x.double()`."""
    return isinstance(call.func, cst.Attribute) and call.func.attr.value == "double" and not call.args


def optional(call: cst.Call, file: File) -> bool:
    """Whether a condition decides: then someone asks for 64 bits by name."""
    return any(isinstance(above, cst.If | cst.IfExp) for _, above in file.context.ancestors(call))


def bound_to_module(call: cst.Call, file: File) -> bool:
    """Whether what is made is bound to a name that only modules are used like."""
    match file.parent(call):
        case cst.Assign(targets=[cst.AssignTarget(target=cst.Name() as target)]):
            return any(
                name is not target and file.values.is_module(name)
                for name in file.tree.named(target.value, file.module)
                if file.scopes.around(name) is file.scopes.around(target)
            )
    return False


def reaches(call: cst.CSTNode, file: File, *, moved: bool) -> bool:
    """Whether a tensor surely gets to a module, a product or (when `moved`) another device as it is."""
    target = bound_name(call, file)
    if target is not None and _COUNTS.search(target.value):
        return False
    straight = follow(call, file, moved)
    if straight is not None:
        return straight
    if target is None:
        return False
    scope = file.scopes.around(target)
    named = [
        name
        for name in file.tree.named(target.value, file.module)
        if name is not target and file.scopes.bound(name.value, file.scopes.around(name)) is scope
    ]
    if any(isinstance(file.parent(use), cst.AugAssign) or stored_into(use, file) for use in named):
        return False
    binding = file.parent(file.parent(target))
    uses = [name for name in named if any(d.node is binding for d in file.scopes.reaching(name))]
    fates = [follow(use, file, moved) for use in uses]
    return any(fate is True for fate in fates) and not any(fate is False for fate in fates)


def narrowed_late(call: cst.CSTNode, file: File) -> bool:
    """Whether `.float()` comes in the same expression, behind a move to the device."""
    moved, current = False, call
    while isinstance(above := file.parent(current), cst.Attribute | cst.Call):
        if isinstance(above, cst.Attribute):
            if above.attr.value == "float":
                return moved
            moved |= above.attr.value in ("to", "cuda")
        elif above.func is not current:
            return False
        current = above
    return False


def stored_into(use: cst.Name, file: File) -> bool:
    """Whether the tensor is a buffer that other results are put into."""
    above = file.parent(use)
    return isinstance(above, cst.Subscript) and isinstance(file.parent(above), cst.AssignTarget | cst.AugAssign)


def bound_name(call: cst.CSTNode, file: File) -> cst.Name | None:
    """The name that an expression is assigned to, when it is the whole right side of the only binding of it."""
    current: cst.CSTNode | None = call
    while isinstance(file.parent(current), cst.Attribute | cst.Call) and not isinstance(file.parent(current), cst.Arg):
        current = file.parent(current)
    if isinstance(choice := file.parent(current), cst.IfExp) and choice.test is not current:
        current = choice
    match file.parent(current):
        case cst.Assign(targets=[cst.AssignTarget(target=cst.Name() as target)]):
            return target
    return None


def follow(node: cst.CSTNode, file: File, moved: bool) -> bool | None:
    """Whether a value gets to where 64 bits cost: `True`, `False` when it is cast first, `None` when not seen."""
    current = node
    while (above := file.parent(current)) is not None:
        match above:
            case cst.Attribute(attr=cst.Name(value=method)) if method in _CASTS:
                return False
            case cst.Attribute(attr=cst.Name("cuda")) if moved:
                return True
            case cst.Attribute(attr=cst.Name("to")):
                return move(file.parent(above), file, moved)
            case cst.Attribute(
                attr=cst.Name(
                    "unsqueeze" | "view" | "reshape" | "permute" | "transpose" | "contiguous" | "requires_grad_" | "T"
                )
            ):
                pass
            case cst.Call(func=func) if func is not current:
                if file.values.is_module(func) or _PRODUCTS.match(file.name(func) or "") or makes_table(func, file):
                    return True
                return None
            case cst.BinaryOperation(operator=cst.MatrixMultiply()):
                return True
            case cst.Call() | cst.Arg():
                pass
            case cst.Return() | cst.DictElement() | cst.Element() if moved:
                return True if collated(above, file) else None
            case _:
                return None
        current = above
    return None


def makes_table(func: cst.BaseExpression, file: File) -> bool:
    """Whether a call makes an embedding that keeps the type of the rows it is given."""
    if not isinstance(func, cst.Attribute) or func.attr.value != "from_pretrained":
        return False
    cls = func.value.func if isinstance(func.value, cst.Call) else func.value
    return file.name(cls) in ("torch.nn.Embedding", "torch.nn.EmbeddingBag")


def collated(node: cst.CSTNode, file: File) -> bool:
    """Whether a value is returned as part of a sample: it is stacked, sent between processes and moved as it is."""
    function = file.context.function(node)
    while isinstance(node, cst.DictElement | cst.Element | cst.Dict | cst.Tuple | cst.List):
        above = file.parent(node)
        if above is None:
            return False
        node = above
    return isinstance(node, cst.Return) and function is not None and function.name.value in ("__getitem__", "__call__")


def move(call: cst.CSTNode | None, file: File, moved: bool) -> bool | None:
    """What `.to(...)` does to a 64-bit tensor: a cast saves it, a device takes it as it is."""
    if not isinstance(call, cst.Call):
        return None
    texts = [file.text_of(arg.value) for arg in call.args]
    if any(re.search(r"float|half|dtype|long|int", text) for text in texts) or any(
        a.keyword and a.keyword.value == "dtype" for a in call.args
    ):
        return False
    return True if moved and texts and re.search(r"device|cuda|gpu", texts[0], re.I) else None


def leak_fix(call: cst.Call, array: cst.CSTNode, name: str, file: File) -> Fix | None:
    """32 bits at the border between NumPy and torch."""
    edit: Edit
    if name == "torch.from_numpy":
        spelled = file.names.local_name("numpy.float32", call)
        if spelled is None:
            return None
        edit = file.insert_after(array, f".astype({spelled})")
    else:
        spelled = file.names.local_name("torch.float32", call)
        if spelled is None:
            return None
        edit = file.add_argument(call, f"dtype={spelled}")
    return Fix.unsafe("Convert to 32 bits at the border", edit)


def literal_fix(dtype: cst.CSTNode, file: File) -> Fix | None:
    """`float32` where `float64` stands, behind the same qualifier."""
    spelled = file.names.local_name("torch.float32", dtype)
    return Fix.unsafe("Compute in 32 bits", file.replace(dtype, spelled)) if spelled else None
