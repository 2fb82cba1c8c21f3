"""A module is called with a batch of one for each sample of a collection that is already there."""

import re
from collections.abc import Iterator

import libcst as cst

from smellcheck import Edit, File, Fix, Loop, Smell, rule

_BATCH = 64
# What makes the loop something else than inference over a collection: timing, waiting, stepping a simulation.
_OTHER_PURPOSE = re.compile(
    r"perf_counter|time\.time\(|timeit|cuda\.Event|env\.step|\.step\(|synchronize\(|input\(|sleep\(|\.recv\(|\.read\(\)"
)
_RECURRENT = re.compile(r"LSTM|GRU|RNN|Recurrent")
# Items of different sizes cannot be stacked: what is decoded from files, unless something gives all one size.
_DECODES = re.compile(
    r"Image\.open|imread|\bload_image|torchaudio\.load|sf\.read|soundfile\.read|librosa\.load|read_image|decode_jpeg|VideoReader|load_audio|open_image"
)
_ONE_SIZE = re.compile(
    r"Resize|CenterCrop|RandomResizedCrop|\.resize\(|pad_or_trim|cv2\.resize|IMAGE_SIZE|img_size|image_size|\.transforms\(\)|create_transform|ImageProcessor|CLIPProcessor|AutoProcessor|FeatureExtractor|preprocess"
)
# A batch of one is made so.
_WIDENS = re.compile(r"unsqueeze|\[None\b|newaxis|expand_dims|(stack|tensor)\(\[", re.I)
# What is resized by a factor keeps a size of its own.
_SCALED = re.compile(r"resize\([^\n]*\bf[xy] *=|scale_factor *=")
# Recordings and the like are as long as they come; and beside a whole generation one pass is nothing.
_UNEVEN = re.compile(
    r"mel(s|_?spec\w*)?\b|wav(s|e?form\w*)?\b|audio|speech|utter|vocod|pitch|music|midi|seq_?len|\blengths?\b|\.generate\(",
    re.I,
)


@rule(imports="torch transformers timm", words="for while", practice="hardware")
def check(call: cst.Call, file: File) -> Iterator[Smell]:
    # A loop is told what it runs over: not for each `append` in it.
    if not call.args or file.inference.is_plain(call):
        return
    loops = file.context.loops(call)
    if not loops or not over_samples(loops[0]):
        return
    if not file.inference.is_pass(call) or file.context.in_test(call):
        return
    model = file.inference.model(call)
    evaluates = is_part(model, file)
    if evaluates and not file.evaluating.surely(file.context.statement(call), model):
        return
    if file.trainable.weightless(model):
        return
    loop = loops[0]
    if loop.over is not None and file.samples.is_few(loop.over):
        return
    item = next((one for arg in call.args if (one := file.batches.single(arg.value, loop.node))), None)
    if item is None or not depends(item, loop.node, file) or not file.context.invariant(model, loop.node):
        return
    function = file.context.function(call)
    if file.phase.function_trains(function) if function else file.phase.needs_graph([loop.node]):
        return
    if (
        recovered(call, loop.node, file)
        or not independent(call, loop.node, file)
        or not uniform(loop.node, function, file)
        or remembers(model, file)
        or detects(call, file)
    ):
        return
    # A method may do more than its layers, and the inputs of a trainer's parts are seen by the trainer alone.
    whole = not evaluates and file.inference.is_forward(call)
    if not whole and call is not first_pass(model, loop.node, file):
        return
    yield Smell(
        call,
        f"`{file.text_of(model)}` runs once for each sample: weights are read and kernels launched for one row",
        fix(call, loop.node, file),
        level=None if whole and over_rows(loop, file) and worth_it(model, file) else "info",
    )


def is_part(model: cst.CSTNode, file: File) -> bool:
    """Whether the callee is a layer of the module that the code belongs to: a step of a forward, not the model."""
    owner = file.calls.enclosing_class(model)
    return owner is not None and file.values.is_module_class(owner)


def first_pass(model: cst.CSTNode, loop: cst.CSTNode, file: File) -> cst.Call | None:
    """The first pass of a module in a loop: those after it have the same cause."""
    passes = (one for one in file.inference.passes(loop) if file.same(file.inference.model(one), model))
    return min(passes, key=file.tree.order.__getitem__, default=None)


def over_samples(loop: Loop) -> bool:
    """Whether a loop runs over samples: a batch of one made of what it gives says so where its source does not."""
    counted = (
        isinstance(loop.over, cst.Call) and isinstance(loop.over.func, cst.Name) and loop.over.func.value == "range"
    )
    return loop.kind == "sample" or (loop.kind == "unknown" and not counted)


def read_in_loop(node: cst.CSTNode, loop: cst.CSTNode, file: File) -> Iterator[tuple[cst.Name, cst.CSTNode]]:
    """The names that an expression depends on, each with the place in the loop that binds it."""
    todo, seen = [node], set()
    while todo:
        current = todo.pop()
        for name in file.names_in(current):
            for definition in file.scopes.reaching(name):
                if definition.node is loop or file.context.within(definition.node, loop):
                    if definition not in seen:
                        seen.add(definition)
                        yield name, definition.node
                        if definition.node is not loop and definition.value is not None and definition.kind != "for":
                            todo.append(definition.value)


def depends(item: cst.CSTNode, loop: cst.CSTNode, file: File) -> bool:
    """Whether the item comes from the loop's own variable."""
    clause = loop if isinstance(loop, cst.For) else loop.for_in
    return any(node is clause or node is loop for _, node in read_in_loop(item, loop, file))


def independent(call: cst.Call, loop: cst.CSTNode, file: File) -> bool:
    """Whether no turn of the loop needs what an earlier one made, or decides whether there is a next."""
    if not isinstance(loop, cst.For):
        return True
    for arg in call.args:
        for _, node in read_in_loop(arg.value, loop, file):
            if (
                node is not loop
                and not file.before(node, file.context.statement(call))
                and not file.context.within(node, arg)
            ):
                return False
        if gathered(arg.value, loop, file):
            return False
    return not any(
        isinstance(node, cst.Break | cst.Return | cst.Yield | cst.Raise) for node in file.calls.own_nodes(loop.body)
    )


def gathered(given: cst.CSTNode, loop: cst.For, file: File) -> bool:
    """Whether an input is made of what the turns of the loop add to: `seen.append(found)`."""
    parts = [given]
    for name, _ in read_in_loop(given, loop, file):
        bound = file.scopes.reaching(name)
        parts += [one.value for one in bound if one.value is not None and file.context.within(one.node, loop)]
    names = {name.value for part in parts for name in file.names_in(part)}
    added = re.findall(r"\b(\w+)\.(?:append|extend|insert|add|update)\(", file.text_of(loop.body))
    return not names.isdisjoint(added)


def remembers(model: cst.CSTNode, file: File) -> bool:
    """Whether what made a module names it recurrent: it may carry its state from one frame to the next."""
    made = [d.value for d in file.scopes.reaching(model)] if isinstance(model, cst.Name) else []
    return any(isinstance(value, cst.Call) and _RECURRENT.search(file.text_of(value.func)) for value in made)


def detects(call: cst.Call, file: File) -> bool:
    """Whether a forward gives boxes: as many as there are objects, for images of their own sizes."""
    match file.parent(call):
        case cst.Assign(targets=[cst.AssignTarget(target=cst.Tuple(elements=elements))]):
            return any(re.search("box", file.text_of(element.value), re.I) for element in elements)
    return False


def recovered(call: cst.Call, loop: cst.CSTNode, file: File) -> bool:
    """Whether each sample may fail on its own, or memory is so short that it is freed between samples."""
    tried = any(
        isinstance(above, cst.Try) and file.context.within(above, loop) for _, above in file.context.ancestors(call)
    )
    return tried or "empty_cache" in file.text_of(loop)


def uniform(loop: cst.CSTNode, function: cst.FunctionDef | None, file: File) -> bool:
    """Whether nothing speaks against items of one size, and the loop is about nothing else."""
    text = file.text_of(loop)
    if _OTHER_PURPOSE.search(text) or (
        function and any(isinstance(n, cst.Yield) for n in file.calls.own_nodes(function))
    ):
        return False
    makers = "\n".join(prepared(loop, file))
    # What a function reads for itself has one size only where that function says so.
    if makers and not _ONE_SIZE.search(makers):
        return False
    text = f"{text}\n{makers}"
    if _SCALED.search(text) or (_UNEVEN.search(text) and not _ONE_SIZE.search(text)):
        return False
    return not _DECODES.search(text) or bool(_ONE_SIZE.search(text)) or sized_once(file)


def prepared(loop: cst.CSTNode, file: File) -> Iterator[str]:
    """The functions of the file that a loop has its inputs read and made batches of by."""
    for call in file.calls.own_calls(loop):
        function = file.calls.callee(call)
        if function is not None and _WIDENS.search(file.text_of(function)):
            yield file.text_of(function)


def worth_it(model: cst.CSTNode, file: File) -> bool:
    """Whether a network is in sight and more than a few layers, and runs on more than what somebody looks at."""
    return not file.context.by_hand and file.networks.substantial(model)


def over_rows(loop: Loop, file: File) -> bool:
    """Whether the items surely have one size: they are rows of a tensor."""
    return loop.over is not None and file.values.kind(loop.over) == "tensor"


def sized_once(file: File) -> bool:
    """Whether a transform that gives all items one size is made, and under no condition."""
    return any(
        _ONE_SIZE.search(file.text_of(assign.value))
        for assign in file.all(cst.Assign)
        if not any(isinstance(above, cst.If | cst.IfExp) for _, above in file.context.ancestors(assign))
        and not isinstance(assign.value, cst.IfExp)
    )


def fix(call: cst.Call, loop: cst.CSTNode, file: File) -> Fix | None:
    """The rewrite of loops over the rows of a tensor whose only work is to collect the arg max."""
    described = file.context.loop(loop)
    over = described.over
    if (
        over is None
        or not isinstance(over, cst.Name | cst.Attribute)
        or file.values.kind(over) != "tensor"
        or len(call.args) != 1
    ):
        return None
    target = described.target
    if not isinstance(target, cst.Name) or not is_row(call.args[0].value, over, target, described.indexed, file):
        return None
    item = enclosing_item(call, file)
    if item is None:
        return None
    whole, dim = item
    rows = file.text_of(over)
    name = file.free_name("batch", "rows", at=loop)
    if name is None:
        return None
    labels = f"{file.text_of(call.func)}({name}).argmax({dim}).tolist()"
    edit: Edit | None = None
    if (
        isinstance(loop, cst.ListComp)
        and loop.elt is whole
        and not loop.for_in.ifs
        and loop.for_in.inner_for_in is None
    ):
        edit = file.replace(loop, f"[label for {name} in {rows}.split({_BATCH}) for label in {labels}]")
    elif isinstance(loop, cst.For) and loop.orelse is None:
        edit = appended(loop, whole, f"for {name} in {rows}.split({_BATCH}):", labels, file)
    return Fix.unsafe(f"Run the module on batches of {_BATCH} rows", edit) if edit else None


def enclosing_item(call: cst.Call, file: File) -> tuple[cst.CSTNode, str] | None:
    """The `model(x).argmax(1).item()` around a forward, and its dimension."""
    attribute = file.parent(call)
    best = file.parent(attribute) if attribute else None
    match best:
        case cst.Call(func=cst.Attribute(attr=cst.Name("argmax")), args=[cst.Arg(value=dim) as arg]):
            spelled = file.text_of(dim)
            if spelled not in ("1", "-1"):
                return None
            keyword = f"{arg.keyword.value}=" if arg.keyword else ""
        case _:
            return None
    outer = file.parent(best)
    whole = file.parent(outer) if outer else None
    match whole:
        case cst.Call(func=cst.Attribute(attr=cst.Name("item")), args=[]) if whole.func is outer:
            return whole, keyword + spelled
    return None


def is_row(node: cst.CSTNode, over: cst.CSTNode, target: cst.Name, indexed: bool, file: File) -> bool:
    """Whether an argument is exactly one row of the tensor with a leading axis of one."""
    x, i = re.escape(file.text_of(over)), re.escape(target.value)
    row = rf"{x}\[{i}\]" if indexed else i
    forms = rf"{row}\.unsqueeze\(0\)|{row}\[None\]|{row}\[None, *:\]" + (
        rf"|{x}\[{i} *: *{i} *\+ *1\]" if indexed else ""
    )
    return re.fullmatch(forms, file.text_of(node)) is not None


def appended(loop: cst.For, whole: cst.CSTNode, header: str, labels: str, file: File) -> Edit | None:
    """The loop again, over batches, for a body that is one `append`."""
    match loop.body:
        case cst.IndentedBlock(
            body=[
                cst.SimpleStatementLine(
                    body=[
                        cst.Expr(
                            value=cst.Call(
                                func=cst.Attribute(value=holder, attr=cst.Name("append")),
                                args=[cst.Arg(value=value)],
                            )
                        )
                    ]
                )
            ]
        ) if value is whole:
            step = file.indent(loop.body.body[0])
            return file.replace(loop, f"{header}\n{step}{file.text_of(holder)}.extend({labels})")
    return None
