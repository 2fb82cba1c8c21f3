"""The host waits for the device again and again: one number at a time, or for figures that nobody reads yet."""

import re
from collections.abc import Iterator
from itertools import takewhile

import libcst as cst

from smellcheck import Edit, File, Fix, Smell, rule

_LOOPS = (cst.For, cst.ListComp, cst.SetComp, cst.DictComp, cst.GeneratorExp)
_DEVICES = re.compile(r"\.cuda\(|['\"](cuda|mps|xpu)|\bdevice\b|accelerat|fabric")
_SAME = re.compile(r"^(detach|clone|float|squeeze|flatten|view|reshape|contiguous|long|int|data)$")
_DRAWS = re.compile(r"\b(plt|ax\w*|fig|figure|draw|cv2)\.")
_MANY = 3
_MADE_THERE = {f"torch.{name}" for name in ("arange", "randperm", "zeros", "ones", "linspace", "from_numpy", "rand")}


@rule(imports="torch", methods="item cpu numpy backward manual_backward", words="for while return", practice="hardware")
def check(call: cst.Call, file: File) -> Iterator[Smell]:
    if file.context.in_test(call):
        return
    if not isinstance(call.func, cst.Attribute):
        return
    if call.func.attr.value == "numpy":
        yield from gradients(call, file)
        return
    if file.steps.sent(call) is not None:
        yield from step(call, file)
        return
    around = [one for one in file.context.loops(call) if isinstance(one.node, _LOOPS)]
    if around:
        told = list(element(call, around[0].node, file))
        yield from told or tally(call, file)
        return
    yield from beside(call, file)


# -- one number at a time -------------------------------------------------------------------------


def first_of(call: cst.Call, loop: cst.CSTNode, file: File) -> bool:
    """Whether no call before this one in the same loop reads a number of a tensor: one finding a loop."""
    return call is next((one for one in file.tree.of_type(cst.Call, loop) if source(one, loop, file) is not None), None)


def element(call: cst.Call, loop: cst.CSTNode, file: File) -> Iterator[Smell]:
    """A loop over a tensor, or over the parameters of a model, that reads a number in each turn."""
    tensor = source(call, loop, file)
    if tensor is None or file.readbacks.seldom(call) or shown(call, loop, file) or not first_of(call, loop, file):
        return
    if on_the_host(tensor, file):
        return
    if is_parameters(tensor):
        function = file.context.function(loop)
        dead = function is not None and function.name.value.startswith("_") and not file.calls.passing(function)
        if (file.hot.runs_often(loop) or ".grad" in file.text_of(loop)) and not dead:
            # Who calls it how often, another file would have to say.
            level = None if file.hot.runs_often(loop) else "info"
            yield Smell(call, "the device is waited for once a parameter: stack the figures and read one", level=level)
        return
    name = file.text_of(tensor)
    if call.func.attr.value == "cpu":
        message = f"`{name}` is copied to the host piece by piece, with a wait for the device each: copy it once"
        yield Smell(call, message, level="info")
        return
    yield Smell(
        call,
        f"`{name}` is read one number at a time, with a wait for the device each: `tolist()` reads all at once",
        listed(call, tensor, loop, file),
        level="info",
    )


def gradients(call: cst.Call, file: File) -> Iterator[Smell]:
    """A copy of the gradients of a training step to the host, parameter by parameter."""
    loops = file.context.loops(call)
    text = file.text_of(call)
    if not loops or not is_parameters(loops[0].over) or ".grad" not in text or ".cpu()" not in text:
        return
    given = file.parent(loops[0].node)
    joined = file.parent(given) if isinstance(given, cst.Arg) else None
    # Gradients that are sent elsewhere have to leave the device.
    if not isinstance(joined, cst.Call) or not (file.name(joined.func) or "").startswith("numpy."):
        return
    if not file.hot.runs_often(loops[0].node) or file.readbacks.seldom(call):
        return
    yield Smell(call, "the device is waited for once a parameter: compute the figures there and read those")


def source(call: cst.Call, loop: cst.CSTNode, file: File) -> cst.BaseExpression | None:
    """The tensor of which a loop reads a number or copies a piece in each turn, or what gives the parameters."""
    match call:
        case cst.Call(func=cst.Attribute(value=read, attr=cst.Name("item" | "cpu" as method)), args=[]):
            pass
        case _:
            return None
    if not file.context.loops(call) or file.context.loops(call)[0].node is not loop:
        return None
    described = file.context.loop(loop)
    if described.kind == "few":
        return None
    if is_parameters(described.over):
        # Weights that are copied go somewhere, each on its own.
        return described.over if method == "item" else None
    while isinstance(read, cst.Call) and isinstance(read.func, cst.Attribute) and _SAME.match(read.func.attr.value):
        read = read.func.value
    part, copied = read, method == "cpu"
    # Of a row that is cut, only a part may be wanted.
    while (
        copied and isinstance(part, cst.Subscript) and not any(isinstance(one.slice, cst.Slice) for one in part.slice)
    ):
        part = part.value
    over = file.elements.iterated(part, loop, copied=copied) if isinstance(part, cst.Name) else None
    if over is not None:
        return over
    if isinstance(read, cst.Subscript):
        return file.elements.indexed(read, loop)
    return None


def shown(call: cst.Call, loop: cst.CSTNode, file: File) -> bool:
    """Whether the numbers are drawn or written under pictures, or a script that knows of no device reads them."""
    script = file.context.function(call) is None and not file.matches(_DEVICES)
    return script or bool(_DRAWS.search(file.text_of(loop)))


def on_the_host(tensor: cst.CSTNode | None, file: File) -> bool:
    """Whether a tensor was surely made where nobody has to wait for it, and stayed there."""
    match tensor:
        case cst.Subscript(value=inner):
            return on_the_host(inner, file)
        case cst.Name():
            reaching = file.scopes.reaching(tensor)
            return len(reaching) == 1 and reaching[0].kind == "assign" and on_the_host(reaching[0].value, file)
        case cst.Call(func=func) if (file.name(func) or "") in _MADE_THERE:
            return file.argument(tensor, "device") is None and not any(arg.star for arg in tensor.args)
    return False


def is_parameters(over: cst.CSTNode | None) -> bool:
    """Whether a loop runs over `model.parameters()`."""
    match over:
        case cst.Call(func=cst.Attribute(attr=cst.Name("parameters" | "named_parameters")), args=[]):
            return True
    return False


def listed(call: cst.Call, tensor: cst.BaseExpression, loop: cst.CSTNode, file: File) -> Fix | None:
    """`[x.item() for x in t]` as `[x for x in t.flatten().tolist()]`."""
    clause = loop if isinstance(loop, cst.For) else loop.for_in
    read = call.func.value
    plain = isinstance(tensor, cst.Name | cst.Attribute | cst.Call | cst.Subscript) and not tensor.lpar
    if clause.iter is not tensor or not plain or not isinstance(read, cst.Name):
        return None
    if file.values.kind(tensor) != "tensor" or (isinstance(clause, cst.CompFor) and clause.inner_for_in is not None):
        return None
    reads = [name for name in file.tree.named(read.value, loop) if file.reads(name)]
    calls = [file.parent(above) for name in reads if isinstance(above := file.parent(name), cst.Attribute)]
    asked = [one for one in calls if isinstance(one, cst.Call) and not one.args and one.func.attr.value == "item"]
    if len(asked) != len(reads) or file.text_of(loop).count(file.text_of(tensor)) != 1:
        return None
    edits = [Edit((one.func.value, "end"), (one, "end"), "") for one in asked]
    flat = file.insert_after(tensor, ".flatten().tolist()")
    return Fix.safe("Read all numbers at once", flat, *edits)


# -- figures of a training step -------------------------------------------------------------------


def step(sent: cst.Call, file: File) -> Iterator[Smell]:
    """A training step that reads figures from the device which are only reported or added up."""
    loops = [one for one in file.context.loops(sent) if isinstance(one.node, cst.For | cst.While)]
    if not loops:
        yield from handed_back(sent, file)
    if not loops or loops[0].kind in ("few", "member", "fold") or not file.matches(_DEVICES):
        return
    loop = loops[0].node
    calls = file.tree.own_of_type(cst.Call, loop.body)
    if next(one for one in calls if file.steps.sent(one) is not None) is not sent:
        return
    reads = file.readbacks
    found = [one for one in calls if reads.may_wait(one) and not reads.seldom(one, loop) and reads.reported(one)]
    found = [one for one in found if reads.waits(one)]
    if not found:
        return
    few = len(found) < _MANY
    often = "once" if len(found) == 1 else f"{len(found)} times"
    yield Smell(
        found[0],
        f"every step waits for the device {often}, only to report figures or add them up",
        summed(found, loop, file),
        level="advice" if few else "info",
    )


def tally(call: cst.Call, file: File) -> Iterator[Smell]:
    """A figure of each batch that is only added up or reported, where nothing is trained in sight."""
    loops = [one for one in file.context.loops(call) if isinstance(one.node, cst.For)]
    inner = list(takewhile(lambda one: one.kind != "batch", loops))
    if len(inner) == len(loops) or any(one.kind not in ("few", "sample", "unknown") for one in inner):
        return
    loop = loops[len(inner)].node
    if not file.matches(_DEVICES) or not figure(call, loop, file):
        return
    calls = file.tree.own_of_type(cst.Call, loop)
    if call is not next(one for one in calls if figure(one, loop, file)):
        return
    if any(file.steps.sent(one) is not None for one in calls):
        return
    message = "every batch waits for the device, only to report figures or add them up: add on the device, read once"
    yield Smell(call, message, level="advice")


def figure(call: cst.Call, loop: cst.CSTNode, file: File) -> bool:
    """Whether a call reads one number that is only added up or reported, in every turn of a loop."""
    match call:
        case cst.Call(func=cst.Attribute(attr=cst.Name("item" | "cpu" as method)), args=[]):
            reads, above = file.readbacks, file.parent(call)
            # What is brought to the host whole is gathered there, or it is reduced first for no more than a number.
            if method == "cpu" and not (isinstance(above, cst.Attribute) and above.attr.value in ("sum", "mean")):
                return False
            return not reads.seldom(call, loop) and reads.reported(call) and reads.waits(call)
    return False


def handed_back(sent: cst.Call, file: File) -> Iterator[Smell]:
    """A step that its callers repeat, and that gives its figures back as numbers, each read by itself."""
    function = file.context.function(sent)
    if function is None or not file.matches(_DEVICES):
        return
    calls = file.calls.own_calls(function)
    if next(one for one in calls if file.steps.sent(one) is not None) is not sent:
        return
    if not any(file.steps.stepping(one) is not None for one in calls):
        return
    for one in file.tree.own_of_type(cst.Return, function.body):
        match one.value:
            case cst.Tuple(elements=elements):
                reads = [part.value for part in elements if item_of(part.value, file)]
                if len(reads) >= _MANY:
                    message = (
                        f"every step waits for the device {len(reads)} times: stack the figures and read them once"
                    )
                    yield Smell(reads[0], message, level="info")
                    return


def beside(call: cst.Call, file: File) -> Iterator[Smell]:
    """A function that gives a loss, and beside it figures that it has read: every step waits before its backward."""
    function = file.context.function(call)
    if function is None or not (file.matches(_DEVICES) or not file.mentions("backward(")):
        return
    found = file.readbacks.beside_loss(function) if call.func.attr.value == "item" else []
    if not found or found[0] is not call:
        return
    often = "once" if len(found) == 1 else f"{len(found)} times"
    message = f"every step waits for the device {often} before it goes backward: give the figures back as tensors"
    yield Smell(call, message, level="info" if len(found) >= _MANY else "advice")


def item_of(node: cst.BaseExpression, file: File) -> bool:
    """Whether an expression reads one number of what may be on the device."""
    return isinstance(node, cst.Call) and file.text_of(node.func).endswith(".item") and file.readbacks.waits(node)


def summed(found: list[cst.Call], loop: cst.For | cst.While, file: File) -> Fix | None:
    """Add up tensors instead of numbers, and read the sums once, behind the loop."""
    edits, totals = [], {}
    for call in found if loop.orelse is None else ():
        if not isinstance(call.func, cst.Attribute) or call.func.attr.value != "item":
            return None
        total = added_to(call, loop, file)
        if total is None:
            return None
        totals[total[0]] = total[1]
        edits.append(Edit((call.func.value, "end"), (call, "end"), ".detach().float()" if total[1] == "float" else ""))
    if not edits:
        return None
    indent = file.indent(loop)
    behind = "".join(f"{indent}{name} = {kind}({name})\n" for name, kind in totals.items())
    return Fix.unsafe("Add up on the device, read once", *edits, Edit((loop, "line-end"), (loop, "line-end"), behind))


def added_to(call: cst.Call, loop: cst.For | cst.While, file: File) -> tuple[str, str] | None:
    """The name that a figure is added to and that the loop does nothing else with, and the type of the sum."""
    statement = file.context.statement(call)
    match statement:
        case cst.SimpleStatementLine(
            body=[cst.AugAssign(target=cst.Name(value=name), operator=cst.AddAssign(), value=value)]
        ):
            pass
        case _:
            return None
    alone = value is call or (isinstance(value, cst.BinaryOperation) and call in (value.left, value.right))
    bound = file.scopes.around(statement).bindings.get(name, ())
    starts = [one.value for one in bound if one.kind != "augment"]
    within = [one for one in bound if file.context.within(one.node, loop)]
    if not alone or len(file.tree.named(name, loop)) != 1 or len(within) != 1 or len(starts) != 1:
        return None
    counts = isinstance(starts[0], cst.Integer) and value is call and counted(call.func.value)
    sums = isinstance(starts[0], cst.Float) or (isinstance(starts[0], cst.Integer) and is_sent(call, loop, file))
    return (name, "int") if counts else (name, "float") if sums else None


def counted(figure: cst.BaseExpression) -> bool:
    """Whether a tensor counts what is equal: `(predicted == labels).sum()`, `predicted.eq(labels).sum()`."""
    match figure:
        case cst.Call(func=cst.Attribute(value=cst.Comparison(), attr=cst.Name("sum")), args=[]):
            return True
        case cst.Call(
            func=cst.Attribute(value=cst.Call(func=cst.Attribute(attr=cst.Name("eq"))), attr=cst.Name("sum")), args=[]
        ):
            return True
    return False


def is_sent(call: cst.Call, loop: cst.CSTNode, file: File) -> bool:
    """Whether a figure is a loss that the loop sends backward."""
    sent = [file.steps.sent(one) for one in file.tree.own_of_type(cst.Call, loop)]
    return any(one is not None and file.same(one, call.func.value) for one in sent)
