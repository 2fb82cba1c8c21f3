"""A tensor is filled in the CPU's memory only to be copied to the device where it could have been made."""

import re
from collections.abc import Collection, Iterator

import libcst as cst

from smellcheck import Edit, File, Fix, Smell, rule

_EXACT = ("torch.zeros", "torch.ones", "torch.full", "torch.empty", "torch.eye", "torch.arange")
_OTHERS = ("torch.linspace", "torch.logspace", "torch.rand", "torch.randn", "torch.randint", "torch.randperm")
# These take sizes as well, and no device.
_LEGACY = tuple(f"torch.{name}Tensor" for name in ("Long", "Float", "Int", "Double", "Byte", "Bool", ""))
_FROM_NUMPY = ("torch.from_numpy", "torch.tensor", "torch.as_tensor", *_LEGACY)
_DRAWN = {f"torch.{name}" for name in ("rand", "randn", "randint")}
_INDICES = ("torch.arange", "torch.randint", "torch.randperm")
# What writes all of a tensor anew: with a number that stands there, or with others for each device.
_FILLS = {"fill_", "zero_"}
_DRAWS = {"normal_", "uniform_"}
# Functions that do the same, and as they were called before they ended in an underscore.
_INITIALISES = {
    f"torch.nn.init.{name}{end}": method
    for name, method in (
        ("normal", "normal_"), ("uniform", "uniform_"), ("zeros", "zero_"), ("ones", "fill_"), ("constant", "fill_"),
    )
    for end in ("", "_")
}  # fmt: skip
_FILLERS = {f"numpy.{name}" for name in ("zeros", "ones", "full", "eye", "arange")}
_REPEATS = {"numpy.repeat", "numpy.tile"}
_REARRANGE = {f"numpy.{name}" for name in ("triu", "tril", "hstack", "vstack", "concatenate", "stack")}
# What is made on these conditions is made once, and kept, where an episode has ended, where there is nothing at all, or
# where numbers have failed.
_FIRST = re.compile(
    r"len\((self\.)?state\) *== *0|not (in )?(self\.)?state\b|\bdones?\b|terminal|self\.\w+ is None|not hasattr\("
    r"|isnan|isinf|isfinite|\.(sum|numel)\(\) *== *0"
)
#: Assignments are followed so far.
_DEEPEST = 3
_CASTS = {"float", "double", "half", "bfloat16", "long", "int", "short", "byte", "bool"}
_DTYPE = re.compile(r"\.dtype$|^torch\.(u?int|b?float)\d+$|^torch\.(long|float|half|double|int|bool)$")
_LIST = "a list of known numbers"
# Either says where the tensor is made, or what shall happen to it there.
_DECIDED = {"device", "out", "generator", "pin_memory", "layout"}


@rule(
    imports="torch",
    words="to cuda arange randint randperm",
    calls=_EXACT + _OTHERS + _FROM_NUMPY,
    practice="hardware",
    level="info",
)
def check(made: cst.Call, file: File) -> Iterator[Smell]:
    if file.name(made.func) in _FROM_NUMPY and filler(made, file) is None:
        return
    if any(arg.star == "**" or (arg.keyword and arg.keyword.value in _DECIDED) for arg in made.args):
        return
    moved, received = mover(made, file)
    device = where(moved, file) if moved is not None else None
    if moved is None or device is None:
        if file.name(made.func) in _INDICES and not rare(made, file) and not file.context.in_test(made):
            yield from index(made, file)
        return
    if device.strip("\"'").startswith("cpu") or file.context.in_test(made) or rare(made, file):
        return
    if not (
        file.hot.runs_each_step(made)
        or file.sizes.follow_device(moved)
        or file.sizes.follow(made)
        or file.hot.weighs_penalty(made)
    ):
        return
    if moved.args and on_the_host(moved.args[0].value, file):
        return
    factory = filler(made, file) or file.text_of(made.func)
    named = factory if factory == _LIST else f"`{factory}`"
    message = f"{named} fills memory of the CPU, and the copy to the device waits for it"
    # What another statement moves, or NumPy makes, takes more than an argument.
    whole = file.context.within(made, moved) and file.name(made.func) not in _FROM_NUMPY
    # Labels would have to be on the device, too, to be scattered there.
    whole = whole and not any(isinstance(one, cst.Call) and scatters(one) for one in steps(made, moved, file))
    if not whole or (isinstance(moved.func, cst.Attribute) and goes_along(moved, moved.func, file)):
        yield Smell(made, message)
        return
    if isinstance(moved.func, cst.Attribute):
        received = moved.func.value
    edits = (
        file.add_argument(made, f"device={where(moved, file)}"),
        Edit((received.rpar[-1] if received.rpar else received, "end"), (moved, "end"), still_cast(moved, file)),
    )
    drawn = file.name(made.func) not in _EXACT or any(is_fill(step, file, _DRAWS) for step in steps(made, moved, file))
    safe = not drawn and not file.argument(made, "requires_grad") and counts(made)
    fix = (Fix.safe if safe else Fix.unsafe)("Make the tensor on its device", *edits)
    yield Smell(made, message, fix)


def still_cast(moved: cst.Call, file: File) -> str:
    """What is left of a move when the tensor is there already: the cast, if it makes one."""
    found = file.moves.casting(moved)
    kind = found[1] if found is not None else None
    if kind is None:
        return ""
    return f".to({'dtype=' if kind.keyword else ''}{file.text_of(kind.value)})"


def index(made: cst.Call, file: File) -> Iterator[Smell]:
    """An index of a layer, which picks from a tensor that lies on the layer's device."""
    function = file.context.function(made)
    owner = file.calls.class_of(function) if function is not None else None
    if owner is None or not file.values.is_module_class(owner) or not file.hot.runs_often(made):
        return
    picked = [one.value for one in file.picks.by(made) if file.picks.follows_input(one.value)]
    if not picked:
        return
    whole = file.parent(picked[0])
    beside = [one for one in file.tree.of_type(cst.Call, whole) if one in (made, *others(whole, file))]
    # One finding for all the indices of one picking.
    if file.context.within(made, whole) and beside[0] is not made:
        return
    fix = None
    counted = made in beside and all(file.name(one.func) == "torch.arange" and counts(one) for one in beside)
    if isinstance(picked[0], cst.Name) and counted:
        device = f"device={picked[0].value}.device"
        fix = Fix.safe("Make the index where it picks", *(file.add_argument(one, device) for one in beside))
    yield Smell(made, "this index is made on the CPU, and what it picks from waits on its device for the copy", fix)


def others(whole: cst.Subscript, file: File) -> list[cst.Call]:
    """The positions that are counted on the CPU in the brackets of a subscript, for nothing but its picking."""
    return [
        one
        for one in file.tree.of_type(cst.Call, whole)
        if file.name(one.func) == "torch.arange"
        and file.picks.by(one) == [whole]
        and not any(arg.star or (arg.keyword and arg.keyword.value in _DECIDED) for arg in one.args)
    ]


def rare(made: cst.Call, file: File) -> bool:
    """Whether only some steps make the tensor: the first one, every hundredth, one that has failed."""
    return file.readbacks.seldom(made) or any(
        isinstance(above, cst.If) and _FIRST.search(file.text_of(above.test))
        for _, above in file.context.ancestors(made)
    )


def filler(made: cst.Call, file: File) -> str | None:
    """The function of NumPy that fills the array which a tensor is made of, with nothing that was computed or read."""
    if file.name(made.func) not in _FROM_NUMPY or not made.args:
        return None
    above = file.parent(made)
    filled = (file.parent(above) if above is not None else None, file.journeys.called_next(made))
    if file.name(made.func) in _LEGACY and any(is_fill(call, file) for call in filled):
        return file.text_of(made.func)
    array = made.args[0].value
    if isinstance(array, cst.Name):
        reaching = file.scopes.reaching(array)
        if len(reaching) != 1 or reaching[0].kind != "assign" or reaching[0].path:
            return None
        home = file.context.function(made) or file.module
        # What is filled in further is no constant.
        if len(file.tree.named(array.value, home)) > 2:
            return None
        array = reaching[0].value
    return filling(array, file)


def filling(array: cst.CSTNode | None, file: File) -> str | None:
    """The function that fills an array, through triangles, stacks and casts of it."""
    match array:
        case (
            cst.Call(func=cst.Name("range")) | cst.BinaryOperation(left=cst.List(elements=[_]), operator=cst.Multiply())
        ):
            return _LIST
        case cst.Call(func=cst.Attribute(value=inner, attr=cst.Name("astype"))):
            return filling(inner, file)
        case cst.Call(func=func) if file.name(func) in _FILLERS:
            return file.text_of(func)
        case cst.Call(func=func, args=[cst.Arg(value=first), *_]) if file.name(func) in _REPEATS:
            known = file.constants.plain(first) or filling(first, file) is not None
            return file.text_of(func) if known else None
        case cst.Call(func=func, args=[cst.Arg(value=first), *_]) if file.name(func) in _REARRANGE:
            parts = [part.value for part in first.elements] if isinstance(first, cst.List | cst.Tuple) else [first]
            found = [filling(part, file) for part in parts]
            return found[0] if found and None not in found else None
    return None


def mover(made: cst.Call, file: File) -> tuple[cst.Call | None, cst.BaseExpression]:
    """The call that moves a new tensor in the same expression, behind casts at most, and what it is called on."""
    current: cst.BaseExpression = made
    while True:
        attribute = file.parent(current)
        wrapper = file.parent(attribute) if isinstance(attribute, cst.Arg) else None
        if isinstance(wrapper, cst.Call) and (file.moves.wraps(wrapper) or initialises(wrapper, file)):
            current = wrapper
            continue
        call = file.parent(attribute) if isinstance(attribute, cst.Attribute) else None
        if not isinstance(call, cst.Call) or call.func is not attribute:
            after = file.moves.right_after(made) if straight(current, file) else None
            named = after or file.moves.wherever_used(current) or file.moves.on_one_side(current)
            return named or computed(made, file), made
        if file.moves.casting(call) is not None or goes_along(call, attribute, file):
            return call, current
        if not (is_cast(call, attribute, file) or is_fill(call, file) or sets_ones(call, file)):
            return computed(made, file), made
        current = call


def computed(made: cst.Call, file: File) -> cst.Call | None:
    """The call that moves what is made of random numbers with other numbers; of constants it is another rule's."""
    if file.name(made.func) not in _DRAWN:
        return None
    home = file.context.function(made)
    # A search starts from random numbers once, and goes on in rounds of its own.
    if not file.hot.runs_each_step(made) and any(file.tree.own_of_type(cst.For, home or file.module)):
        return None
    *between, last = file.journeys.of(made)
    sides = [side for one in between if isinstance(one, cst.BinaryOperation) for side in (one.left, one.right)]
    alone = not any(file.journeys.on_host(side) for side in sides)
    return last if alone and isinstance(last, cst.Call) and file.journeys.moves(last) else None


def steps(made: cst.Call, moved: cst.Call, file: File) -> Iterator[cst.CSTNode]:
    """What stands between a new tensor and the call that moves it."""
    for _, above in file.context.ancestors(made):
        if above is moved:
            return
        yield above


def is_fill(call: cst.CSTNode | None, file: File, methods: Collection[str] = frozenset(_FILLS | _DRAWS)) -> bool:
    """Whether a call writes all of a new tensor, with numbers that stand there: `x.zero_()`, `x.fill_(1)`."""
    match call:
        case cst.Call() if initialises(call, file, methods):
            return True
        case cst.Call(func=cst.Attribute(attr=cst.Name(value=method)), args=args) if method in methods:
            return all(arg.keyword is None and file.constants.literal(arg.value) for arg in args)
    return False


def initialises(call: cst.Call, file: File, methods: Collection[str] = frozenset(_FILLS | _DRAWS)) -> bool:
    """Whether a function of `torch.nn.init` writes all of what it is given first: `nn.init.normal_(x)`."""
    method = _INITIALISES.get(file.name(call.func) or "")
    return method in methods and all(arg.star == "" and file.constants.literal(arg.value) for arg in call.args[1:])


def scatters(call: cst.Call) -> bool:
    """Whether a call is of `scatter_`."""
    return isinstance(call.func, cst.Attribute) and call.func.attr.value == "scatter_"


def sets_ones(call: cst.Call, file: File) -> bool:
    """Whether a call writes one number at some places of a new tensor: `x.scatter_(1, labels, 1)`."""
    match call.args:
        case [dim, _, value] if scatters(call):
            return file.constants.literal(dim.value) and file.constants.literal(value.value)
    return False


def goes_along(call: cst.Call, attribute: cst.Attribute, file: File) -> bool:
    """Whether a method moves to where another tensor is, and makes the type the same: `x.type_as(y)`, `x.to(y)`."""
    match call.args:
        case [cst.Arg(value=other, keyword=None, star="")] if attribute.attr.value in ("type_as", "to"):
            if attribute.attr.value == "type_as" or file.values.kind(other) in ("tensor", "output"):
                return True
            # Only a tensor is asked for its shape.
            around = file.context.function(call) or file.context.statement(call)
            asked = (each for each in file.tree.of_type(cst.Attribute, around) if each.attr.value in ("shape", "size"))
            return any(file.same(each.value, other) for each in asked)
    return False


def is_cast(call: cst.Call, attribute: cst.Attribute, file: File) -> bool:
    """Whether a call of a method changes nothing but the type: `x.long()`, `x.to(other.dtype)`."""
    if attribute.attr.value in ("to", "type") and len(call.args) == 1:
        return _DTYPE.search(file.text_of(call.args[0].value)) is not None
    return attribute.attr.value in _CASTS and not call.args


def straight(whole: cst.CSTNode, file: File) -> bool:
    """Whether a new tensor gets its name as it is, or times a number."""
    above = file.parent(whole)
    if isinstance(above, cst.Subscript) and above.value is whole and file.journeys.only_adds(above):
        above = file.parent(above)
    if isinstance(above, cst.BinaryOperation):
        above = file.parent(above)
    return isinstance(above, cst.Assign)


def where(moved: cst.Call, file: File) -> str:
    """The device that a move names."""
    match moved.func:
        case cst.Attribute() as method if goes_along(moved, method, file):
            return f"{file.text_of(moved.args[0].value)}.device"
        case cst.Attribute(attr=cst.Name("cpu")):
            return "cpu"
        case cst.Attribute(attr=cst.Name("cuda")):
            given = [arg for arg in moved.args if arg.keyword is None or arg.keyword.value == "device"]
            return file.text_of(given[0].value) if given else '"cuda"'
    return file.text_of(moved.args[0].value)


def on_the_host(device: cst.BaseExpression, file: File, depth: int = 0) -> bool:
    """Whether a device is that of a tensor which a loop gave, cast at most: what loaders give is on the CPU."""
    tensor = device.value if isinstance(device, cst.Attribute) and device.attr.value == "device" else device
    if not isinstance(tensor, cst.Name) or depth > _DEEPEST or (tensor is device and not depth):
        return False
    reaching = file.scopes.reaching(tensor)
    for one in reaching:
        value = one.value if one.kind == "assign" and not one.path else None
        while (
            isinstance(value, cst.Call) and isinstance(value.func, cst.Attribute) and is_cast(value, value.func, file)
        ):
            value = value.func.value
        if one.kind != "for" and not (isinstance(value, cst.Name) and on_the_host(value, file, depth + 1)):
            return False
    return bool(reaching)


def counts(made: cst.Call) -> bool:
    """Whether the numbers come out the same on each device: what is counted up in steps is rounded on the way."""
    match made.func:
        case cst.Attribute(attr=cst.Name("arange")) | cst.Name("arange"):
            return len([arg for arg in made.args if arg.keyword is None]) < 3 and not any(
                isinstance(arg.value, cst.Float) or (arg.keyword and arg.keyword.value in ("step", "dtype"))
                for arg in made.args
            )
    return True
