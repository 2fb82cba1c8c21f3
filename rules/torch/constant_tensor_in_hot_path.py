"""Numbers that never change are made a tensor anew in every pass, and copied to the device while the host waits."""

import re
from collections.abc import Iterator
from itertools import pairwise

import libcst as cst

from smellcheck import Edit, File, Fix, Smell, rule

_OF_DATA = {"tensor", "as_tensor", "from_numpy", "new_tensor"}
# `torch.FloatTensor(3, 4)` takes sizes, not numbers: only of a list is it known.
_LEGACY = {"Tensor": "", "FloatTensor": "float32", "LongTensor": "int64", "IntTensor": "int32", "ByteTensor": "uint8"}
_FACTORIES = {"ones", "zeros", "full", "eye", "arange", "linspace"}
_TURNS = {"batch", "chunk", "sample", "stream"}
#: What lists all orders of so many, or all choices of some of them.
_ORDERS = {f"itertools.{name}" for name in ("permutations", "combinations", "combinations_with_replacement")}
_DECIDED = {"device", "out", "requires_grad", "pin_memory"}
# A branch that is taken for these reasons is taken in every pass.
_USUAL = re.compile(r"cuda|is_available|training|device|gpu|\.ndim\b|\.dim\(\)", re.I)


@rule(imports="torch", methods=" ".join(sorted({*_OF_DATA, *_LEGACY, *_FACTORIES})), practice="hardware", level="info")
def check(made: cst.Call, file: File) -> Iterator[Smell]:
    last = made.func.attr.value if isinstance(made.func, cst.Attribute) else file.text_of(made.func)
    data = given(made, last, file)
    orders = last in _OF_DATA and bool(made.args) and ordered(made.args[0].value, file)
    rows = data is None and repeated(made, last, file)
    if data is None and last not in _FACTORIES and not orders and not rows and not counted(made, last, file):
        return
    if last != "new_tensor" and not (file.name(made.func) or "").startswith("torch."):
        return
    steps = file.journeys.of(made)
    place = placed(made, steps[-1], last, file)
    if place is None or file.text_of(place).strip("\"'").startswith("cpu"):
        return
    if rare(made, place, file) or kept(steps[-1], file) or file.context.in_test(made):
        return
    if orders:
        yield Smell(
            made, "the same orders are listed and copied to the device in every pass, and the host waits for them"
        )
    elif rows:
        yield Smell(made, "one number is copied to the device row by row in every pass, and the host waits for it")
    elif data is None:
        yield from computed(made, steps, file)
    elif not has_several(data, file, many=last in ("as_tensor", "from_numpy")):
        message = "one number is copied to the device in every pass, and the host waits for it"
        yield Smell(made, message, filled(made, data, last, steps, file))
    else:
        message = "the same numbers are copied to the device in every pass, and the host waits for them"
        yield Smell(made, message, buffered(made, steps, file))


def given(made: cst.Call, last: str, file: File) -> cst.BaseExpression | None:
    """The constant that a tensor is made of, if it is one."""
    if last in _FACTORIES or not made.args or made.args[0].star:
        return None
    data = made.args[0].value
    if not file.constants.numbers(data) and not file.constants.plain(data):
        return None
    return None if last in _LEGACY and not has_several(data, file, one=True) else data


def repeated(made: cst.Call, last: str, file: File) -> bool:
    """Whether a tensor is made on a device of one number, as often as there are rows: `[step] * len(x)`.

    What is moved there afterwards is `tensor-created-on-cpu`'s.
    """
    data = made.args[0].value if last in ("tensor", "as_tensor") and made.args else None
    match data:
        case cst.BinaryOperation(left=cst.List(elements=[cst.Element(value=one)]), operator=cst.Multiply()):
            # What a call gives may be read off the device, which is then the waste.
            calls, names = file.tree.of_type(cst.Call, one), [one, *file.names_in(one)]
            plain = isinstance(one, cst.Name | cst.Attribute | cst.Integer | cst.Float | cst.BinaryOperation)
            tensors = any(file.values.kind(name) in ("tensor", "output") for name in names)
            return plain and not calls and not tensors and file.argument(made, "device") is not None
    return False


def counted(made: cst.Call, last: str, file: File) -> bool:
    """Whether a tensor is made of nothing but counted numbers: `torch.from_numpy(np.arange(n))`."""
    data: cst.BaseExpression | None = made.args[0].value if last in _OF_DATA and made.args else None
    while isinstance(data, cst.Call) and data.args and file.name(data.func) in ("numpy.asarray", "numpy.array"):
        data = data.args[0].value
    match data:
        case cst.Call(func=func, args=[cst.Arg(star=""), *_]):
            return file.name(func) == "numpy.arange" or file.text_of(func) == "range"
        case cst.ListComp(
            elt=cst.Name(value=item),
            for_in=cst.CompFor(target=cst.Name(value=target), iter=cst.Call(func=cst.Name("range")), ifs=[]),
        ):
            return item == target
    return False


def ordered(data: cst.BaseExpression, file: File) -> bool:
    """Whether a list holds all orders or choices of counted numbers: `list(permutations(range(n)))`."""
    match data:
        case cst.Call(func=cst.Name("list" | "tuple"), args=[cst.Arg(value=cst.Call() as inner, star="")]):
            pass
        case cst.List(elements=[cst.StarredElement(value=cst.Call() as inner)]):
            pass
        case _:
            return False
    counted_first = inner.args and file.text_of(inner.args[0].value).startswith("range(")
    return bool(counted_first) and file.name(inner.func) in _ORDERS


def has_several(data: cst.BaseExpression, file: File, *, one: bool = False, many: bool = False) -> bool:
    """Whether a constant is a list of several numbers, or, with `one`, a list at all."""
    match data:
        case cst.List(elements=[cst.Element(value=only)]) | cst.Tuple(elements=[cst.Element(value=only)]):
            return one or has_several(only, file)
        case cst.List() | cst.Tuple():
            return True
        case cst.BinaryOperation(left=left, right=right):
            return any(isinstance(side, cst.List | cst.Tuple) for side in (left, right))
        case cst.Call(func=cst.Name("range")):
            return True
        case cst.Call(func=cst.Attribute(value=inner, attr=cst.Name("astype" | "reshape" | "flatten"))):
            return has_several(inner, file, one=one)
        case cst.Call(func=func) if file.name(func) in ("numpy.eye", "numpy.identity", "numpy.reshape"):
            return True
        case cst.Call(func=func, args=[cst.Arg(value=inner), *_]):
            return not (file.name(func) or "").startswith("math.") and has_several(inner, file, one=one)
        case cst.Name():
            reaching = file.scopes.reaching(data)
            value = reaching[0].value if len(reaching) == 1 else None
            if not (many and [one.kind for one in reaching] == ["parameter"]):
                return isinstance(value, cst.BaseExpression) and has_several(value, file, one=one)
    kind = file.values.kind(data)
    # Of what is handed in nothing is known: whoever writes `as_tensor` means a list.
    return kind in ("list", "tuple", "array") or (kind is None and many)


def placed(made: cst.Call, end: cst.BaseExpression, last: str, file: File) -> cst.BaseExpression | None:
    """What says on which device the numbers are wanted: a device, or a tensor that is there."""
    if last == "new_tensor":
        return made.func.value if isinstance(made.func, cst.Attribute) else None
    device = file.argument(made, "device")
    if device is not None:
        return device.value if last not in _FACTORIES else None
    match end:
        case cst.Call(func=cst.Attribute(attr=cst.Name("to" | "type_as")), args=[first, *_]):
            return first.value
        case cst.Call(func=cst.Attribute(attr=cst.Name("cuda"))) if end is not made:
            return end.func
    return None


def rare(made: cst.Call, place: cst.BaseExpression, file: File) -> bool:
    """Whether it is not sure that the tensor is made again and again."""
    turns = {loop.node for loop in file.context.loops(made) if loop.kind in _TURNS}
    for child, above in file.context.ancestors(made):
        if above in turns:
            break
        # What the ranks of a run send each other takes longer than making it.
        if isinstance(above, cst.ListComp | cst.For) and "world" in file.text_of(iterated(above)):
            return True
        if isinstance(above, cst.ExceptHandler | cst.Lambda | cst.BooleanOperation | cst.IfExp):
            return True
        if isinstance(above, cst.If) and child is not above.test:
            if not _USUAL.search(file.text_of(above.test)) and not file.constants.setting(above.test):
                return True
    function = file.context.function(made)
    if function is not None and any("cache" in file.text_of(one.decorator) for one in function.decorators):
        return True
    return not file.hot.runs_each_step(made) and not follows_input(place, function, file)


def iterated(loop: cst.ListComp | cst.For) -> cst.BaseExpression:
    """What is looped over."""
    return loop.iter if isinstance(loop, cst.For) else loop.for_in.iter


def follows_input(place: cst.BaseExpression, function: cst.FunctionDef | None, file: File) -> bool:
    """Whether the device is that of a tensor which a function is given: who gives tensors calls again."""
    if function is None or function.name.value == "__init__":
        return False
    if isinstance(place, cst.Name):
        reaching = file.scopes.reaching(place)
        value = reaching[0].value if len(reaching) == 1 and reaching[0].kind == "assign" else None
        place = value if isinstance(value, cst.BaseExpression) else place
    match place:
        case cst.Attribute(value=cst.Name() as tensor, attr=cst.Name("device")):
            pass
        case cst.Name() as tensor if is_maker(tensor, file):
            pass
        case _:
            return False
    given = [one.node for one in file.scopes.reaching(tensor) if one.kind == "parameter"]
    known = file.values.kind(tensor) in (None, "tensor", "output") and tensor.value != "self"
    return known and (len(given) == 1 or file.entries.of_batch(tensor))


def is_maker(place: cst.Name, file: File) -> bool:
    """Whether a tensor itself makes the new one where it is: `x.new_tensor([1, 2])`."""
    method = file.parent(place)
    return isinstance(method, cst.Attribute) and method.attr.value == "new_tensor"


def kept(whole: cst.BaseExpression, file: File) -> bool:
    """Whether the tensor is stored for later passes, or made a parameter."""
    for _, above in file.context.ancestors(whole):
        if isinstance(above, cst.Assign):
            return any(not isinstance(target.target, cst.Name | cst.Tuple) for target in above.targets)
        if isinstance(above, cst.Call) and re.search(r"Parameter|register_|Loss$", file.text_of(above.func)):
            return True
    return False


def computed(made: cst.Call, steps: list[cst.BaseExpression], file: File) -> Iterator[Smell]:
    """What is computed from indices on the CPU; where nothing is but casts, `tensor-created-on-cpu` says so."""
    between = [step for step in steps[1:-1] if not (isinstance(step, cst.Call) and file.moves.wraps(step))]
    if all(isinstance(step, cst.Call) and name_of(step) in file.journeys.casts for step in between):
        return
    if file.moves.right_after(made) is not None and all(
        not isinstance(step, cst.Call) or name_of(step) in file.journeys.casts for step in between
    ):
        return
    message = "this constant is made on the CPU in every pass, and the copy to the device waits for it"
    yield Smell(made, message, there(made, steps, file))


def name_of(call: cst.Call) -> str:
    """The last name of what is called."""
    return call.func.attr.value if isinstance(call.func, cst.Attribute) else ""


def there(made: cst.Call, steps: list[cst.BaseExpression], file: File) -> Fix | None:
    """Making the indices on the device, and no copy."""
    if (name_of(made) or file.text_of(made.func)) not in _FACTORIES or joins(steps, file):
        return None
    *between, moved = steps[1:]
    if any(isinstance(step, cst.Name) for step in steps) or not isinstance(moved, cst.Call):
        return None
    if file.moves.destination(moved) is None or any(
        arg.star or (arg.keyword and arg.keyword.value in _DECIDED) for arg in made.args
    ):
        return None
    exact = name_of(made) in ("ones", "zeros", "eye") and all(
        isinstance(step, cst.Comparison)
        or (isinstance(step, cst.Call) and name_of(step) in file.journeys.shapes | file.journeys.casts)
        for step in between
    )
    made_fix, device = Fix.safe if exact else Fix.unsafe, f"device={device_of(moved, file)}"
    receiver = steps[-2]
    if not receiver.lpar:
        edits = (file.add_argument(made, device), Edit((receiver, "end"), (moved, "end"), ""))
        return made_fix("Make it on the device", *edits)
    # Its parentheses belong to it, and end behind it.
    whole, old = file.text_of(receiver), file.text_of(made)
    if "\n" in whole or whole.count(old) != 1 or not old.endswith(")") or not made.args:
        return None
    new = whole.replace(old, f"{old[:-1].rstrip(' ,')}, {device})")
    return made_fix("Make it on the device", file.replace(moved, new))


def joins(steps: list[cst.BaseExpression], file: File) -> bool:
    """Whether another tensor of the CPU comes in on the way: that one would have to be made elsewhere, too."""
    return any(isinstance(step, cst.BinaryOperation) and file.journeys.on_host(step.right) for step in steps)


def device_of(moved: cst.Call, file: File) -> str:
    """The device that a move names."""
    given = [arg for arg in moved.args if arg.keyword is None or arg.keyword.value == "device"]
    return file.text_of(given[0].value) if given else '"cuda"'


def filled(
    made: cst.Call, data: cst.BaseExpression, last: str, steps: list[cst.BaseExpression], file: File
) -> Fix | None:
    """One number, filled in where it is wanted."""
    shape = "()"
    if isinstance(data, cst.List | cst.Tuple) and isinstance(data.elements[0], cst.Element):
        shape, data = "(1,)", data.elements[0].value
    if not isinstance(data, cst.Integer | cst.Float | cst.UnaryOperation) or not file.constants.literal(data):
        return None
    if last not in ("tensor", *_LEGACY) or not isinstance(made.func, cst.Attribute):
        return None
    torch, number = file.text_of(made.func.value), file.text_of(data)
    if last == "Tensor":
        # It holds floats whatever it is made of; the others take the type of the number.
        if not re.fullmatch(r"-?\d+(\.\d*)?", number):
            return None
        number += "" if "." in number else ".0"
    others = [file.text_of(arg).rstrip(", ") for arg in made.args[1:]]
    if _LEGACY.get(last):
        others.append(f"dtype={torch}.{_LEGACY[last]}")
    if file.argument(made, "device") is not None:
        end: cst.BaseExpression = made
    elif (
        len(steps) == 2
        and isinstance(steps[1], cst.Call)
        and file.moves.destination(steps[1]) is not None
        and not others[1:]
    ):
        end = steps[1]
        others.append(f"device={device_of(steps[1], file)}")
    else:
        return None
    # What is written between the arguments would be lost.
    if "#" in file.text_of(end):
        return None
    text = f"{torch}.full({', '.join([shape, number, *others])})"
    return Fix.safe("Fill it in on the device", Edit((made, "start"), (end, "end"), text))


def buffered(made: cst.Call, steps: list[cst.BaseExpression], file: File) -> Fix | None:
    """A buffer of the module, made once, where the numbers are written out in its forward and get a name."""
    function, statement = file.context.function(made), file.context.statement(made)
    owner = file.calls.class_of(function) if function is not None else None
    anchor = behind_super(owner, file) if owner is not None and file.values.is_module_class(owner) else None
    match statement:
        case cst.SimpleStatementLine(body=[cst.Assign(targets=[cst.AssignTarget(target=cst.Name(value=name))])]):
            pass
        case _:
            return None
    device = file.argument(made, "device")
    whole = made if device is not None else steps[-2] if len(steps) > 1 else made
    text = spelled(made, device, file) if device is not None else file.text_of(whole)
    names = [one for arg in made.args if arg is not device for one in file.names_in(arg.value)]
    if device is None:
        names += [one for one in file.names_in(whole) if one not in names]
    if owner is None or function is None or anchor is None or "\n" in text or not has_self(function):
        return None
    if (device is None and any(isinstance(step, cst.Name) for step in steps)) or any(
        file.name(one) is None for one in names
    ):
        return None
    changed = rf"\b{name}\b(\s*[-+*/@]=|\.\w+_\(|\[[^]]*\]\s*=[^=])"
    if re.search(changed, file.text_of(function)) or re.search(rf"\b(self\.|def ){name}\b", file.text_of(owner)):
        return None
    line = f'self.register_buffer("{name}", {text}, persistent=False)'
    moved = f".to({file.text_of(device.value)})" if device is not None else ""
    edits = (file.insert_line_before(anchor, line), file.replace(whole, f"self.{name}{moved}"))
    return Fix.unsafe("Make it a buffer of the module", *edits)


def spelled(made: cst.Call, device: cst.Arg, file: File) -> str:
    """The call without its device."""
    args = ", ".join(file.text_of(arg).rstrip(", ") for arg in made.args if arg is not device)
    return f"{file.text_of(made.func)}({args})"


def has_self(method: cst.FunctionDef) -> bool:
    """Whether a method calls its object `self`."""
    params = [*method.params.posonly_params, *method.params.params]
    return bool(params) and params[0].name.value == "self"


def behind_super(owner: cst.ClassDef, file: File) -> cst.CSTNode | None:
    """What a module's own `__init__` does right after that of its base class."""
    init = file.calls.method(owner, "__init__")
    if init is None or file.calls.class_of(init) is not owner or not isinstance(init.body, cst.IndentedBlock):
        return None
    if not has_self(init):
        return None
    body = list(init.body.body)
    for before, after in pairwise(body):
        if re.match(r"super\(.*\)\.__init__\(", file.text_of(before)):
            return after
    return None
