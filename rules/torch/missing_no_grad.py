"""A forward pass in inference records a graph that no backward pass will ever read."""

import re
from collections.abc import Iterator

import libcst as cst

from smellcheck import Edit, File, Fix, Loop, Smell, rule

# The caller decides the mode in which these run.
_CALLERS_DECIDE = re.compile(r"^(forward\w*|__call__|training_\w+|compute_loss|loss|get_loss|_?forward_\w+)$")
# Nobody takes a change that indents a screenful for the sake of one line in it.
_MANY_LINES = 20
_ELSEWHERE = re.compile(
    r"device_map|set_default_(device|tensor_type)|map_location|accelerat|lightning|Trainer|\.modules\(\)"
)
# A picture that somebody looks at, or a text that is drawn token by token, once a training as a rule: not an action
# that an environment is given in each of millions of steps.
_WATCHED = re.compile(r"\bplt\.(pause|show)\(|\A(?!.*\benv)(?=.*\bmultinomial\()", re.S)
_DEVICES = re.compile(r"cuda|device|gpu|\bmps\b|accelerat|lightning", re.I)
# Digits of 28 by 28 pixels are the whole work of a network that a phone would train; not where larger things are named.
_DIGITS = re.compile(r"mnist|(?<![a-z])usps(?![a-z])|svhn|(?<![a-z])le-?net", re.I)
_LARGER = re.compile(
    r"cifar|image-?net|(?<![a-z])(coco|voc|cub|birds|gta)|celeb|lsun|cityscapes|caltech|office|omniglot|resnet|vgg|"
    r"densenet|(?<![a-z])(bert|vit)(?![a-z])",
    re.I,
)
_FITS = re.compile(r"\.fit\(|trainer\.train\(|\.train\(\w*(load|data)", re.I)
_MOVES = re.compile(r"\.(to|cuda)\(|device|prepare|Parallel")
# A loss has no weights, as a rule: it records what it is given, if that records.
_LOSSES = re.compile(r"(^|[._])(crit(erion)?|loss(es)?|\w*_loss|loss_\w+)$", re.I)
#: What is taken in batches goes by such names.
_BATCHES = re.compile(r"batch|load|data|iter(?!ations?|s\b)|generator", re.I)
#: Callers are followed so far.
_DEEPEST = 2
#: Loops that break after so many turns look at a few examples.
_FEW_TURNS = 10
_KNOWN_FORWARDS = ("torch.nn.", "torchvision.", "timm.", "transformers.")


@rule(imports="torch transformers timm .backward() .cuda()", practice="refactoring")
def check(body: cst.FunctionDef | cst.Module, file: File) -> Iterator[Smell]:
    function = body if isinstance(body, cst.FunctionDef) else None
    if function is not None and _CALLERS_DECIDE.match(function.name.value):
        return
    reported: list[cst.CSTNode] = []
    told: set[tuple[str, cst.CSTNode | None]] = set()
    for call in passes(body, file):
        model = file.inference.model(call)
        if any(file.context.within(call, other) for other in reported) or file.context.in_test(call):
            continue
        if file.trainable.frozen(model) or file.grad.mode(call) != "on" or is_loss(model, file):
            continue
        stretch = file.inference.stretch(call, function)
        # Two branches of one loop have one cause.
        place = (file.text_of(model), next((loop.node for loop in file.context.loops(call)), None))
        if not stretch or (function is not None and place in told):
            continue
        if file.trainable.weightless(model) or looks_up(model, file) or file.trainable.asks_for_gradients(model):
            continue
        # What drops a guard is told of there.
        if file.trainable.holds_inside(model) or file.grad.dropped(call):
            continue
        if file.grad.off_elsewhere(call):
            continue
        reported += stretch
        told.add(place)
        message = f"this forward pass of `{file.text_of(model)}` records a graph that nothing reads"
        offered = fix(call, stretch, function, file)
        whole = offered is not None and offered.title.startswith("Decorate")
        mended = file.inference.passes(body) if whole else (call,)
        rare = all(seldom(one, file) for one in mended if file.same(file.inference.model(one), model))
        trifling = rare or slight(file) or stays_on_host(model, file) or attacks(function, file)
        trifling = trifling or file.detaching.is_handed_network(call) or not file.networks.substantial(model)
        yield Smell(call, message, offered, level="info" if trifling else None)
        if whole:
            return


def passes(body: cst.FunctionDef | cst.Module, file: File) -> Iterator[cst.Call]:
    """The forwards there, and the calls of networks that a function is handed, of which nothing else is known."""
    for call in file.calls.own_calls(body):
        if file.inference.is_pass(call) or file.detaching.is_handed_network(call):
            yield call


def is_loss(model: cst.CSTNode, file: File) -> bool:
    """Whether what is run is called a loss, and nothing in sight says that it holds weights."""
    value = file.values.of(model)
    known = value is not None and (value.cls is not None or value.origin is not None)
    return not known and bool(_LOSSES.search(file.text_of(model)))


def looks_up(model: cst.CSTNode, file: File) -> bool:
    """Whether what is run is a table of rows: its graph is a few numbers."""
    value = file.values.of(model)
    return value is not None and value.name in ("torch.nn.Embedding", "torch.nn.EmbeddingBag")


def slight(file: File) -> bool:
    """Whether what a graph takes is nobody's concern in a file, or may not be taken at all.

    A notebook is run by hand, on a handful of things as a rule. What names no device runs on the CPU, whose memory is
    seldom short. A file that says `volatile`, if only in a comment, or whose project says it anywhere, may be run with
    the torch that heeds it. Networks for digits alone are small.
    """
    if file.context.by_hand or not file.matches(_DEVICES) or file.mentions("volatile") or says_volatile(file):
        return True
    base = re.split(r"[/\\]", file.path)[-1]
    digits, larger = (file.matches(words) or words.search(base) is not None for words in (_DIGITS, _LARGER))
    return digits and not larger


def says_volatile(file: File) -> bool:
    """Whether the project makes volatile inputs, in another module perhaps."""
    naming = file.project.mentioning("volatile") if file.project is not None else ()
    return any(path.endswith(".py") for path in naming or ())


def stays_on_host(model: cst.CSTNode, file: File) -> bool:
    """Whether a file makes a network and nothing in it moves that to a device: the CPU's memory is seldom short."""
    value = file.values.of(model)
    made = [value.made] if value is not None and value.made is not None else []
    if not made and isinstance(model, cst.Name):
        made = [one.value if one.kind == "assign" and not one.path else None for one in file.scopes.reaching(model)]
    if not made or not all(isinstance(one, cst.Call) and not _MOVES.search(file.text_of(one)) for one in made):
        return False
    name = re.escape(re.split(r"[.\[]", file.text_of(model))[-1])
    moved = rf"(?<![\w]){name}\b[^\n]*(\.(to|cuda)\(|device)|(\.(to|cuda)|prepare|Parallel|device\w*)\([^\n]*\b{name}\b"
    return not file.matches(_ELSEWHERE) and re.search(moved, file.text) is None


def attacks(function: cst.FunctionDef | None, file: File) -> bool:
    """Whether a function takes gradients that no optimizer steps by: an attack, of many passes beside this one."""
    if function is None:
        return False
    methods = {call.func.attr.value for call in file.calls.own_calls(function) if isinstance(call.func, cst.Attribute)}
    return bool(methods & {"backward", "grad"}) and "step" not in methods


def seldom(call: cst.Call, file: File) -> bool:
    """Whether nothing in sight runs a forward again and again, or a training loop does every so many steps."""
    if not file.hot.runs_often(call) or watched(call, file) or after_fit(call, file) or made_for_it(call, file):
        return True
    if ends_training(call, file) or any(ends_early(loop, file) for loop in file.context.loops(call)):
        return True
    for child, above in file.context.ancestors(call):
        if isinstance(above, cst.For | cst.While):
            break
        if isinstance(above, cst.If) and child is not above.test and puts_off(above, file):
            return True
        if isinstance(above, cst.If) and child is not above.test and file.tree.of_type(cst.Modulo, above.test):
            return bool(file.context.loops(above))
    return not over_batches(call, file)


def ends_early(loop: Loop, file: File) -> bool:
    """Whether a loop takes the first few batches and breaks: `if index == 3: break`."""
    if not isinstance(loop.node, cst.For) or not isinstance(loop.node.body, cst.IndentedBlock):
        return False
    for statement in loop.node.body.body:
        match statement:
            case cst.If(
                test=cst.Comparison(
                    left=cst.Name(value=counter),
                    comparisons=[
                        cst.ComparisonTarget(
                            operator=cst.Equal() | cst.GreaterThan() | cst.GreaterThanEqual(),
                            comparator=cst.Integer() as turns,
                        )
                    ],
                ),
                body=cst.IndentedBlock(body=[*_, cst.SimpleStatementLine(body=[cst.Break()])]),
            ) if turns.evaluated_value <= _FEW_TURNS:
                return any(name.value == counter for name in file.tree.of_type(cst.Name, loop.node.target))
    return False


def over_batches(call: cst.Call, file: File, depth: int = 0) -> bool:
    """Whether a call stands in a loop over batches, or is of a function that is called in one.

    Their graph is as large as that of a training step. One of a row, of an observation that an agent acts on or of a
    sequence that grows by one is small, and gone before the next.
    """
    if any(loop.kind in ("batch", "chunk") or _BATCHES.search(head(loop, file)) for loop in file.context.loops(call)):
        return True
    function = file.context.function(call)
    callers = file.calls.passing(function) if function is not None and depth < _DEEPEST else ()
    return any(over_batches(one, file, depth + 1) for one in callers)


def head(loop: Loop, file: File) -> str:
    """What a loop runs over, and what it calls that."""
    return " ".join(file.text_of(node) for node in (loop.target, loop.over) if node is not None)


def made_for_it(call: cst.Call, file: File) -> bool:
    """Whether a function makes the network, reads its weights perhaps, for this one pass of it."""
    value = file.values.of(file.inference.model(call))
    made = value.made if value is not None else None
    function = file.context.function(call)
    return (
        isinstance(made, cst.Call)
        and function is not None
        and file.context.function(made) is function
        and not file.context.loops(call)
    )


def ends_training(call: cst.Call, file: File) -> bool:
    """Whether a forward is of an evaluation that is called at the end of a training only."""
    function = file.context.function(call)
    calls = file.calls.passing(function) if function is not None else ()
    return bool(calls) and all(not file.context.loops(one) and behind_training(one, file) for one in calls)


def behind_training(call: cst.Call, file: File) -> bool:
    """Whether what stands before a call in the blocks around it trains."""
    for child, above in file.context.ancestors(call):
        if isinstance(above, cst.FunctionDef | cst.ClassDef):
            return False
        if isinstance(above, cst.IndentedBlock | cst.Module):
            before = above.body[: list(above.body).index(child)]
            if file.phase.needs_graph(one for one in before if not isinstance(one, cst.FunctionDef | cst.ClassDef)):
                return True
    return False


def after_fit(call: cst.Call, file: File) -> bool:
    """Whether each turn of the loop around a forward trains a network from beginning to end."""
    return any(_FITS.search(file.text_of(loop.node)) for loop in file.context.loops(call)[:1])


def watched(call: cst.Call, file: File) -> bool:
    """Whether each turn of the loop around a forward draws something for somebody to look at."""
    drawn = file.mentions("plt.") or file.mentions("multinomial(")
    return drawn and any(_WATCHED.search(file.text_of(loop.node)) for loop in file.context.loops(call)[:1])


def puts_off(branch: cst.If, file: File) -> bool:
    """Whether what is asked for is done once each time that it is asked for: `if self.due: self.due = False`."""
    return any(
        isinstance(one.value, cst.Name) and one.value.value == "False" and file.same(target.target, branch.test)
        for one in file.tree.of_type(cst.Assign, branch.body)
        for target in one.targets
    )


def fix(call: cst.Call, stretch: list[cst.CSTNode], function: cst.FunctionDef | None, file: File) -> Fix | None:
    """A decorator where the whole function is inference, otherwise a `with` around the statements."""
    whole = function is not None and plain(function, file) and not trains(function, file)
    local = file.names.local_name("torch.no_grad", function if whole and function else stretch[0])
    spelled = local or "torch.no_grad"
    edits: tuple[Edit, ...] | None
    if whole and function is not None:
        line = f"{file.indent(function)}@{spelled}()\n"
        edits = (Edit((function, "line-start"), (function, "line-start"), line),)
        title = f"Decorate `{function.name.value}` with `{spelled}()`"
    else:
        parts = [stretch] if lines_of(stretch, file) <= _MANY_LINES else narrowed(stretch, file)
        if any(pauses(statement, file) for part in parts for statement in part):
            parts = [[file.context.statement(call)]]
        edits = wrapped(parts, f"with {spelled}()", file)
        title = f"Put the statement{'s' if len(parts[0]) + len(parts) > 2 else ''} under `{spelled}()`"
    if edits is None:
        return None
    made = Fix.safe if forward_is_known(file.inference.model(call), file) else Fix.unsafe
    return made(title, *edits, imports=() if local else ("torch",))


def trains(function: cst.FunctionDef, file: File) -> bool:
    """Whether a decorator would reach what needs gradients."""
    return file.phase.function_trains(function) and not file.phase.only_named_so(function)


def narrowed(stretch: list[cst.CSTNode], file: File) -> list[list[cst.CSTNode]]:
    """Only the statements that hold forwards, and of a long one with a single forward only that forward's own."""
    parts = []
    for statement in stretch:
        forwards = list(file.inference.passes(statement))
        if len(forwards) == 1 and lines_of([statement], file) > _MANY_LINES:
            parts.append([file.context.statement(forwards[0])])
        elif forwards:
            parts.append([statement])
    return parts


def wrapped(parts: list[list[cst.CSTNode]], header: str, file: File) -> tuple[Edit, ...] | None:
    """The edits that put each part under a `with` of its own; `None` when one of them cannot be."""
    edits: list[Edit] = []
    for part in parts:
        added = None if any(pauses(statement, file) for statement in part) else file.wrap(part, header)
        if added is None:
            return None
        edits += added
    return tuple(edits)


def lines_of(stretch: list[cst.CSTNode], file: File) -> int:
    """How many lines would move to the right."""
    return sum(file.text_of(statement).count("\n") + 1 for statement in stretch)


def pauses(node: cst.CSTNode, file: File) -> bool:
    """Whether code hands over in its middle: a mode held across `yield` or `await` would leak to others."""
    return any(isinstance(below, cst.Yield | cst.Await) for below in file.calls.own_nodes(node))


def plain(function: cst.FunctionDef, file: File) -> bool:
    """Whether a decorator reaches all of a function, and nothing in it might train out of sight."""
    if function.asynchronous is not None or pauses(function, file):
        return False
    return not any(
        file.calls.callee(call) is None
        and not (file.name(call.func) or "").startswith(("torch.", "transformers.", "tqdm"))
        for call in file.calls.own_nodes(function)
        if isinstance(call, cst.Call) and any(file.values.is_module(arg.value) for arg in call.args)
    )


def forward_is_known(model: cst.CSTNode, file: File) -> bool:
    """Whether it is in sight, or known of the framework, that the module's forward asks for no gradients."""
    value = file.values.of(model)
    return value is not None and (
        value.cls is not None or value.origin is not None or value.name.startswith(_KNOWN_FORWARDS)
    )
