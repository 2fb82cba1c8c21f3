"""The host waits for the device again and again: one number at a time, or for figures that nobody reads yet."""

import re
from collections.abc import Iterator
from itertools import takewhile

import libcst as cst

from smellcheck import Edit, File, Fix, Smell, rule

_LOOPS = (cst.For, cst.ListComp, cst.SetComp, cst.DictComp, cst.GeneratorExp)
_DEVICES = re.compile(r"\.cuda\(|torch\.cuda\.amp|['\"](cuda|mps|xpu)|\bdevice\b|accelerat|fabric")
_DRAWS = re.compile(r"\b(plt|ax\w*|fig|figure|draw|cv2)(\[[^\]]*\])?\.")
_MANY = 3
_METHODS = "item cpu numpy tolist sum any tensor debug backward manual_backward"


@rule(imports="torch", methods=_METHODS, words="for while return", practice="hardware", level="info")
def check(call: cst.Call, file: File) -> Iterator[Smell]:
    if file.context.in_test(call):
        return
    if not isinstance(call.func, cst.Attribute):
        return
    method = call.func.attr.value
    if method in ("sum", "any"):
        yield from asked(call, file)
        yield from ends(call, file)
        yield from row_by_row(call, file)
        return
    if method == "tensor":
        yield from listed_anew(call, file)
        return
    if method == "debug":
        yield from formatted(call, file)
        return
    if file.readbacks.may_wait(call) and file.readbacks.unread(call) and file.readbacks.waits(call):
        yield from unread(call, file)
        return
    if method == "numpy":
        yield from gradients(call, file)
        return
    if method == "tolist":
        return
    if file.steps.sent(call) is not None:
        yield from step(call, file)
        return
    if method == "item" and (told := list(needless(call, file))):
        yield from told
        return
    around = [one for one in file.context.loops(call) if isinstance(one.node, _LOOPS)]
    if around:
        told = list(element(call, around[0].node, file)) or list(tally(call, file))
        yield from told or kept(call, file)
        return
    yield from list(beside(call, file)) or kept(call, file)


# -- one number at a time -------------------------------------------------------------------------


def element(call: cst.Call, loop: cst.CSTNode, file: File) -> Iterator[Smell]:
    """A loop over a tensor, or over the parameters of a model, that reads a number in each turn."""
    tensor = file.elements.read_by(call, loop)
    if tensor is None or file.readbacks.seldom(call) or shown(call, loop, file):
        return
    if call is not file.elements.first_read(loop) or file.elements.made_on_host(tensor):
        return
    if file.elements.is_parameters(tensor):
        function = file.context.function(loop)
        dead = function is not None and function.name.value.startswith("_") and not file.calls.passing(function)
        if (file.hot.runs_often(loop) or ".grad" in file.text_of(loop)) and not dead:
            message = "the device is waited for once a parameter: stack the figures and read one"
            yield Smell(call, message)
        return
    name = file.text_of(tensor)
    if call.func.attr.value == "cpu":
        message = f"`{name}` is copied to the host piece by piece, with a wait for the device each: copy it once"
        yield Smell(call, message)
        return
    yield Smell(
        call,
        f"`{name}` is read one number at a time, with a wait for the device each: `tolist()` reads all at once",
        listed(call, tensor, loop, file),
    )


def row_by_row(call: cst.Call, file: File) -> Iterator[Smell]:
    """A loop over the rows of a tensor that reads the sum of one in each turn."""
    tensor = file.elements.summed_by_row(call)
    if tensor is None or file.readbacks.seldom(call) or not file.hot.runs_often(file.context.loops(call)[0].node):
        return
    sums = file.tree.of_type(cst.Call, file.context.loops(call)[0].node)
    if call is next(one for one in sums if file.elements.summed_by_row(one) is not None):
        name = file.text_of(tensor)
        yield Smell(call, f"the sum of each row of `{name}` is waited for by itself: sum all and read them at once")


def listed_anew(call: cst.Call, file: File) -> Iterator[Smell]:
    """A list of tensors that is made one tensor, again and again, by way of the host."""
    given = call.args[0].value if call.args and call.args[0].keyword is None else None
    if not isinstance(given, cst.Name) or file.name(call.func) != "torch.tensor" or not file.hot.runs_often(call):
        return
    held = file.elements.gathered(given)
    if held and all(file.elements.on_device(one) for one in held):
        message = f"each tensor in `{given.value}` is read by itself to make one of them: stack them where they are"
        yield Smell(call, message)


def gradients(call: cst.Call, file: File) -> Iterator[Smell]:
    """A copy of the gradients of a training step to the host, parameter by parameter."""
    loops = file.context.loops(call)
    text = file.text_of(call)
    if not loops or not file.elements.is_parameters(loops[0].over) or ".grad" not in text or ".cpu()" not in text:
        return
    given = file.parent(loops[0].node)
    joined = file.parent(given) if isinstance(given, cst.Arg) else None
    # Gradients that are sent elsewhere have to leave the device.
    if not isinstance(joined, cst.Call) or not (file.name(joined.func) or "").startswith("numpy."):
        return
    if not file.hot.runs_often(loops[0].node) or file.readbacks.seldom(call):
        return
    yield Smell(call, "the device is waited for once a parameter: compute the figures there and read those")


def shown(call: cst.Call, loop: cst.CSTNode, file: File) -> bool:
    """Whether the numbers are drawn or written under pictures, or a script that knows of no device reads them."""
    script = file.context.function(call) is None and not file.matches(_DEVICES)
    return script or bool(_DRAWS.search(file.text_of(loop)))


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


# -- what need not be known on the host ----------------------------------------------------------


def asked(call: cst.Call, file: File) -> Iterator[Smell]:
    """A condition on what is left of a mask, where a division by one at least would do."""
    if file.fallbacks.asked(call):
        message = "the host waits to be told how much a mask leaves, where `torch.where` or a clamped divisor would do"
        yield Smell(call, message)


def ends(call: cst.Call, file: File) -> Iterator[Smell]:
    """A loop over time that asks in each turn whether the rest is padding."""
    if file.fallbacks.ends(call):
        yield Smell(call, "each turn waits to be told whether to stop: sum all columns before the loop, and read once")


def unread(call: cst.Call, file: File) -> Iterator[Smell]:
    """A copy to the host that nobody looks at."""
    method = call.func.attr.value
    # A tensor that gives an array at once is on the host.
    surely = method == "cpu" or (method != "numpy" and file.values.kind(call.func.value) == "tensor")
    if surely and not file.readbacks.seldom(call):
        yield Smell(call, "the device is waited for, and nobody looks at what it gives")


def formatted(call: cst.Call, file: File) -> Iterator[Smell]:
    """A tensor in the text of a message that is hardly ever shown."""
    if file.needless.is_formatted(call):
        message = "the tensor is read for a text before anybody asks whether it is shown: give it to the logger by `%s`"
        yield Smell(call.args[0].value, message)


def needless(call: cst.Call, file: File) -> Iterator[Smell]:
    """A number that is only for the device again."""
    if file.needless.is_sent_back(call):
        yield Smell(call, "the number is read only to be made a tensor again: keep the tensor on the device")
    elif file.needless.is_norm_of_loss(call):
        yield Smell(call, "the device is waited for once a loss: keep the norms as tensors, and weigh them there")


# -- figures of a training step -------------------------------------------------------------------


def step(sent: cst.Call, file: File) -> Iterator[Smell]:
    """A training step that reads figures from the device which are only reported or added up."""
    loops = [one for one in file.context.loops(sent) if isinstance(one.node, cst.For | cst.While)]
    function = file.context.function(sent)
    if not loops and sent is first_sent(file.calls.own_calls(function) if function is not None else [sent], file):
        yield from by_itself(sent, file)
    if not loops or loops[0].kind in ("few", "member", "fold") or not file.matches(_DEVICES):
        return
    loop = loops[0].node
    calls = file.tree.own_of_type(cst.Call, loop.body)
    if first_sent(calls, file) is not sent:
        return
    yield from again(loop, file)
    reads = file.readbacks
    found = [one for one in calls if reads.may_wait(one) and not reads.seldom(one, loop, beside=sent)]
    found = [one for one in found if reads.reported(one) and reads.waits(one)]
    if not found:
        return
    # What a setting decides may be off.
    always = [one for one in found if not file.context.is_guarded(one, loop)]
    yield from ahead(found, (always or found)[0], sent, file)
    times = sum(not file.figures.otherwise(one, found, loop) for one in found)
    few = len(always) < _MANY
    often = "once" if times == 1 else f"{times} times"
    steps = "every step" if always or not file.readbacks.every_few(found[0], loop) else "every other step or so"
    yield Smell(
        (always or found)[0],
        f"{steps} waits for the device {often}, only to report figures or add them up",
        summed(found, loop, file),
        level="advice" if few else None,
    )


def ahead(found: list[cst.Call], told: cst.Call, sent: cst.Call, file: File) -> Iterator[Smell]:
    """A figure that is read before a step goes backward, where what is told of the step stands behind that."""
    early = next((one for one in found if file.before(one, sent)), None)
    if early is not None and file.before(sent, told):
        message = "the backward pass is not even queued before the device has told this figure: read it behind"
        yield Smell(early, message, level="advice")


def again(home: cst.For | cst.While | cst.FunctionDef, file: File) -> Iterator[Smell]:
    """A figure of a step that is read a second time, behind what the step has queued since the first."""
    for later in file.rereads.again(home):
        name = file.text_of(later.func.value)
        message = f"the number in `{name}` was read before: reading it again waits for all that was queued since"
        yield Smell(later, message, level="advice")


def first_sent(calls: list[cst.Call], file: File) -> cst.Call | None:
    """The first of some calls that sends a loss backward."""
    return next((one for one in calls if file.steps.sent(one) is not None), None)


def tally(call: cst.Call, file: File) -> Iterator[Smell]:
    """A figure of each batch that is only added up or reported, where nothing is trained in sight."""
    loops = [one for one in file.context.loops(call) if isinstance(one.node, cst.For)]
    inner = list(takewhile(lambda one: one.kind != "batch", loops))
    if len(inner) == len(loops) or any(one.kind not in ("few", "sample", "unknown") for one in inner):
        return
    loop = loops[len(inner)].node
    if not file.matches(_DEVICES) or not file.figures.of_batch(call, loop):
        return
    calls = file.tree.own_of_type(cst.Call, loop)
    figures = [one for one in calls if file.figures.of_batch(one, loop)]
    if call not in file.figures.told(figures, loop):
        return
    if any(file.steps.sent(one) is not None for one in calls):
        return
    message = "every batch waits for the device, only to report figures or add them up: add on the device, read once"
    yield Smell(call, message, level="advice")


def by_itself(call: cst.Call, file: File) -> Iterator[Smell]:
    """One step of a training, repeated by its callers, that reads its figures to report them or to give them back."""
    function = file.context.function(call)
    found = file.figures.of_step(function) if function is not None else []
    sent = file.figures.of_sent(function) if function is not None and not found else []
    if function is not None and file.hot.is_step(function) and file.matches(_DEVICES):
        yield from again(function, file)
    # Losses that a file only defines are computed wherever the network is.
    there = file.matches(_DEVICES) or (sent and not file.mentions("optim"))
    found = found or sent
    if not found or not (there or any(".cpu()" in file.text_of(one) for one in found)):
        return
    yield Smell(found[0], every_step(found), level="advice" if len(found) < _MANY else None)


def beside(call: cst.Call, file: File) -> Iterator[Smell]:
    """A function that gives a loss, and beside it figures that it has read: every step waits before its backward."""
    function = file.context.function(call)
    if function is None or not (file.matches(_DEVICES) or not file.mentions("backward(")):
        return
    found = file.figures.beside_loss(function) if call.func.attr.value == "item" else []
    if not found or found[0] is not call:
        return
    often = "once" if len(found) == 1 else f"{len(found)} times"
    message = f"every step waits for the device {often} before it goes backward: give the figures back as tensors"
    yield Smell(call, message, level="advice" if len(found) < _MANY else None)


def kept(call: cst.Call, file: File) -> Iterator[Smell]:
    """The forward of a loss that reads figures for a log of its own, or a step that has a method go backward."""
    function = file.context.function(call)
    if function is None or call.func.attr.value != "item":
        return
    found = [] if file.mentions("backward(") and not file.matches(_DEVICES) else file.figures.kept_by_loss(function)
    found = found or (file.figures.by_way(function) if file.matches(_DEVICES) else [])
    if found and found[0] is call:
        yield Smell(call, every_step(found), level="advice" if len(found) < _MANY else None)


def every_step(found: list[cst.Call]) -> str:
    """What is told of the reads of one step."""
    often = "once" if len(found) == 1 else f"{len(found)} times"
    return f"every step waits for the device {often}: keep the figures as tensors, and read them once where they count"


def summed(found: list[cst.Call], loop: cst.For | cst.While, file: File) -> Fix | None:
    """Add up tensors instead of numbers, and read the sums once, behind the loop."""
    edits, totals = [], {}
    for call in found if loop.orelse is None else ():
        if not isinstance(call.func, cst.Attribute) or call.func.attr.value != "item":
            return None
        total = file.sums.added_to(call, loop)
        if total is None:
            return None
        totals[total[0]] = total[1]
        edits.append(Edit((call.func.value, "end"), (call, "end"), ".detach().float()" if total[1] == "float" else ""))
    if not edits:
        return None
    indent = file.indent(loop)
    behind = "".join(f"{indent}{name} = {kind}({name})\n" for name, kind in totals.items())
    return Fix.unsafe("Add up on the device, read once", *edits, Edit((loop, "line-end"), (loop, "line-end"), behind))
