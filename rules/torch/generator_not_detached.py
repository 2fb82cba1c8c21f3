"""The discriminator's step sends its gradients through the generator, and nobody uses what arrives there."""

from collections.abc import Iterator

import libcst as cst

from smellcheck import File, Fix, Smell, rule

_SHAPES = {"view", "reshape", "squeeze", "unsqueeze", "contiguous", "float", "to", "cuda", "flatten", "permute"}
_JOINS = {"torch.cat", "torch.concat", "torch.stack"}
_FREEZES = ("grad", "freez", "frozen", "toggle")


@rule(
    imports="torch",
    methods="backward manual_backward",
    words=("backward", "step"),
    practice="refactoring",
)
def check(call: cst.Call, file: File) -> Iterator[Smell]:
    lost = file.steps.sent(call)
    if lost is None or len(file.optimizers.made) < 2 or file.context.in_test(call):
        return
    owned = next_stepped(call, file)
    if not owned:
        return
    parts = list(file.steps.sources(lost))
    if kept_graph(call, parts, file):
        return
    found = [
        (critic, made, maker, alone)
        for critic in parts
        if isinstance(critic, cst.Call) and (run := file.steps.runs(critic)) and run <= owned
        for made, maker, alone in generated(critic, owned, file)
        if file.grad.likely(maker) == file.grad.likely(critic) == "on" and not toggled(maker, file)
    ]
    orders = [thrown_away(call, maker, file) for _, _, maker, _ in found]
    if not found or None in orders:
        return
    critic, _, maker, _ = min(found, key=lambda one: file.tree.order[one[0]])
    whole = file.text_of(maker.func)
    given = file.text_of(critic.func)
    message = f"this step updates `{given}` and not `{whole}`, through which gradients run for nothing"
    # What was added to the sample belongs to the discriminator's side, perhaps: that is not detached as well.
    if not all(alone for *_, alone in found):
        yield Smell(critic, message, level="info")
        return
    kept = any(
        keeps(other) for other in file.calls.own_calls(file.steps.home(call)) if file.steps.sent(other) is not None
    )
    if kept or any(file.optimizers.key(one.func) not in file.optimizers.stepped for one in (critic, maker)):
        # The generator's loss went through the same forward of the critic: that one may not be cut. And what a function
        # gives need not be one tensor.
        yield Smell(critic, message, level="info")
        return
    yield Smell(
        critic,
        message,
        fix([made for _, made, *_ in found], [maker for *_, maker, _ in found], parts, "likely" in orders, whole, file),
        level=None if file.grad.mode(maker) == "on" else "info",
    )


def fix(
    made: list[cst.CSTNode], makers: list[cst.Call], parts: list[cst.CSTNode], doubted: bool, whole: str, file: File
) -> Fix | None:
    """`.detach()` behind everything generated that the loss is computed from."""
    if any(differentiated(one, file) for one in made):
        return None
    values = {one.node for name in made if isinstance(name, cst.Name) for one in file.scopes.reaching(name)}
    computed = [
        part
        for part in parts
        if isinstance(part, cst.Name)
        and part not in made
        and values.issuperset(one.node for one in file.scopes.reaching(part))
        and file.scopes.reaching(part)
        and computed_with(part, file)
    ]
    made_fix = Fix.unsafe if doubted or not all(gives_tensor(maker, file) for maker in makers) else Fix.safe
    edits = [file.insert_after(one, ".detach()") for one in dict.fromkeys([*made, *computed])]
    return made_fix(f"Detach what `{whole}` made", *edits)


def computed_with(name: cst.Name, file: File) -> bool:
    """Whether a value goes straight into arithmetic: what other functions do with its graph is not known."""
    for _, above in file.context.ancestors(name):
        if isinstance(above, cst.Assign | cst.AugAssign):
            return True
        if isinstance(above, cst.Call) and not (file.name(above.func) or "").startswith("torch."):
            return False
        if not isinstance(above, cst.Call | cst.Arg | cst.BinaryOperation | cst.UnaryOperation):
            return False
    return False


def kept_graph(call: cst.Call, parts: list[cst.CSTNode], file: File) -> bool:
    """Whether a backward pass of the function keeps its graph for one that comes after this one: the generator's own.

    Kept by the generator's own, which has been stepped since, it is kept for this one alone.
    """
    others = [other for other in file.calls.own_calls(file.steps.home(call)) if file.steps.sent(other) is not None]
    if keeps(call):
        return any(arg.keyword is not None and arg.keyword.value == "create_graph" for arg in call.args) or read_again(
            call, parts, file
        )
    return any(keeps(other) and not done_before(other, call, file) for other in others)


def read_again(call: cst.Call, parts: list[cst.CSTNode], file: File) -> bool:
    """Whether anything but a loss reads the graph that the loss was computed with: else it is kept for nobody."""
    forwards = {part for part in parts if isinstance(part, cst.Call) and file.steps.runs(part)}
    known: dict[cst.CSTNode, bool] = {}

    def computed(value: cst.CSTNode | None) -> bool:
        if value is None:
            return False
        if value not in known:
            known[value] = False
            inside = [node for node in file.calls.own_nodes(value) if not file.graph.straight_cut(node)]
            known[value] = any(node in forwards or (isinstance(node, cst.Name) and reads(node)) for node in inside)
        return known[value]

    def reads(name: cst.Name) -> bool:
        return file.reads(name) and any(computed(one.value) for one in file.scopes.reaching(name))

    for node in file.calls.own_nodes(file.steps.home(call)):
        if isinstance(node, cst.Name) and node not in parts and not file.graph.straight_cut(node) and reads(node):
            return True
        # What an object or a container keeps may be read anywhere.
        if isinstance(node, cst.Assign) and computed(node.value):
            if not all(isinstance(target.target, cst.Name | cst.Tuple) for target in node.targets):
                return True
    return False


def keeps(backward: cst.Call) -> bool:
    """Whether a backward pass keeps the graph that it goes through, or makes one of its own."""
    return any(
        arg.keyword is not None and arg.keyword.value in ("retain_graph", "create_graph") for arg in backward.args
    )


def done_before(other: cst.Call, call: cst.Call, file: File) -> bool:
    """Whether an optimizer steps between one backward pass and a later one of the same block."""
    first, last = file.context.statement(other), file.context.statement(call)
    block = file.parent(first)
    if block is not file.parent(last) or not isinstance(block, cst.IndentedBlock) or not file.before(first, last):
        return False
    between = [one for one in block.body if file.before(first, one) and file.before(one, last)]
    return any(
        file.steps.stepping(node) is not None for one in between for node in file.tree.own_of_type(cst.Call, one)
    )


def next_stepped(call: cst.Call, file: File) -> frozenset[object] | None:
    """The modules of the optimizer that steps next in the same block as a backward pass."""
    statement = file.context.statement(call)
    block = file.parent(statement)
    if not isinstance(block, cst.IndentedBlock | cst.Module):
        return None
    for after in block.body:
        if file.before(statement, after):
            for node in file.calls.own_nodes(after):
                if isinstance(node, cst.Call) and (stepper := file.steps.stepping(node)) is not None:
                    return file.optimizers.owners(stepper)
    return None


def generated(critic: cst.Call, owned: frozenset[object], file: File) -> Iterator[tuple[cst.CSTNode, cst.Call, bool]]:
    """What a forward is given of another optimizer's module: where it stands, the call that made it, if it is alone."""
    todo = file.steps.fed(critic)
    while todo:
        given = todo.pop()
        match given:
            case cst.Name():
                reaching = file.scopes.reaching(given)
                makers = [maker_of(one.value, owned, file) for one in reaching if one.kind == "assign"]
                if makers and len(makers) == len(reaching) and makers[0] is not None and all(makers):
                    yield given, makers[0], True
                elif (maker := mixed_maker(given, owned, file)) is not None:
                    yield given, maker, False
            case cst.Call(func=func, args=args) if file.name(func) in _JOINS and args:
                todo.append(args[0].value)
            case cst.List(elements=elements) | cst.Tuple(elements=elements):
                todo += [element.value for element in elements]
            case _:
                maker = maker_of(given, owned, file)
                if maker is not None:
                    yield given, maker, True


def mixed_maker(
    name: cst.Name, owned: frozenset[object], file: File, seen: frozenset[str] = frozenset()
) -> cst.Call | None:
    """The forward whose result, under another name or with something added, is bound to a name on every way to it."""
    found: list[cst.Call | None] = []
    for one in file.scopes.reaching(name):
        todo, here = [one.value] if one.kind == "assign" and not one.path else [], []
        while todo:
            match todo.pop():
                case cst.BinaryOperation(operator=cst.Add() | cst.Subtract() | cst.Multiply(), left=left, right=right):
                    todo += [left, right]
                case cst.Name() as other if other.value not in {name.value, *seen}:
                    whole = [maker_of(each.value, owned, file) for each in file.scopes.reaching(other)]
                    deeper = mixed_maker(other, owned, file, seen | {name.value})
                    here.append(whole[0] if whole and all(whole) else deeper)
                case value:
                    here.append(maker_of(value, owned, file))
        found.append(next((maker for maker in here if maker is not None), None))
    return found[0] if found and all(found) else None


def maker_of(value: cst.CSTNode | None, owned: frozenset[object], file: File) -> cst.Call | None:
    """The forward of a module that other optimizers step, when an expression is its result but for the shape."""
    match value:
        case cst.Call() if (run := file.steps.runs(value)) and run.isdisjoint(owned):
            return value
    match value:
        case cst.Call(func=cst.Attribute(value=inner, attr=cst.Name(value=method))) if method in _SHAPES:
            return maker_of(inner, owned, file)
        case cst.Subscript(value=inner):
            return maker_of(inner, owned, file)
    return None


def toggled(maker: cst.Call, file: File) -> bool:
    """Whether the generator may be frozen for the step: then nothing runs through it."""
    if file.trainable.frozen(maker.func):
        return True
    for call in file.calls.own_nodes(file.steps.home(maker)):
        if isinstance(call, cst.Call) and any(word in file.text_of(call.func).lower() for word in _FREEZES):
            named = {file.text_of(node) for arg in call.args for node in file.calls.own_nodes(arg.value)}
            if file.text_of(maker.func) in named or "toggle_opt" in file.text_of(call.func):
                return True
    return False


def differentiated(made: cst.CSTNode, file: File) -> bool:
    """Whether a gradient with respect to the generated sample itself is asked for: detached, it has no graph."""
    return any(
        isinstance(node, cst.Call)
        and (file.name(node.func) or "").startswith("torch.autograd.")
        and any(file.same(arg.value, made) for arg in node.args)
        for node in file.calls.own_nodes(file.steps.home(made))
    )


def thrown_away(backward: cst.Call, maker: cst.Call, file: File) -> str | None:
    """Whether the generator's gradients are zeroed before its optimizer steps: `proven` in the same loop."""
    found = [lost_before(backward, one, file) for one in file.steps.runs(maker)]
    return None if None in found else "likely" if "likely" in found else "proven"


def lost_before(backward: cst.Call, generator: object, file: File) -> str | None:
    """The same of one of the modules or weights that have made the sample."""
    function = file.context.function(backward)
    around = file.context.loops(backward)
    region = around[-1].node if around else file.steps.home(backward)
    order, start = file.tree.order, file.tree.order[backward]

    def when(call: cst.CSTNode) -> tuple[bool, int]:
        return order[call] < start, order[call]

    steps, zeros = events(region, generator, file)
    if not steps:
        elsewhere = [events(other, generator, file) for other in file.all(cst.FunctionDef) if other is not function]
        return "likely" if any(stepped and zeroed for stepped, zeroed in elsewhere) else None
    step = min(steps, key=when)
    if not any(
        when(zero) < when(step)
        and (file.context.within(step, block_of(zero, file)) or always_follows(zero, backward, file))
        for zero in zeros
    ):
        return None
    read = any(isinstance(node, cst.Attribute) and node.attr.value == "grad" for node in file.calls.own_nodes(region))
    return "likely" if read else "proven"


def always_follows(zero: cst.CSTNode, backward: cst.Call, file: File) -> bool:
    """Whether a call runs after each run of a backward pass: further down its block, and nothing jumps over it."""
    order, block = file.tree.order, block_of(zero, file)
    start, end = order[backward], order[zero]
    return (
        start < end
        and file.context.within(backward, block)
        and not any(
            isinstance(node, cst.Continue | cst.Break | cst.Return | cst.Raise) and start < order[node] < end
            for node in file.calls.own_nodes(block)
        )
    )


def block_of(zero: cst.CSTNode, file: File) -> cst.CSTNode:
    """The block of a statement, or of the loop by which it visits all weights: what stands below runs after it."""
    for child, above in file.context.ancestors(zero):
        if isinstance(above, cst.If) and ".grad" not in file.text_of(above.test):
            break
        if isinstance(above, cst.For) and child is above.body and file.same(above.target, root(zero)):
            return file.parent(above) or file.module
    return file.parent(file.context.statement(zero)) or file.module


def root(node: cst.CSTNode) -> cst.CSTNode:
    """The name that a call or what is assigned to begins with."""
    while True:
        match node:
            case cst.Assign(targets=[cst.AssignTarget(target=inner), *_]):
                node = inner
            case cst.Call(func=inner) | cst.Attribute(value=inner):
                node = inner
            case _:
                return node


def events(region: cst.CSTNode, generator: object, file: File) -> tuple[list[cst.Call], list[cst.CSTNode]]:
    """Where a piece of code steps the generator, and where it zeroes its gradients, itself or through a function."""
    steps: list[cst.Call] = []
    zeros: list[cst.CSTNode] = []
    for node in file.calls.own_nodes(region):
        helper = None
        if isinstance(node, cst.Call):
            stepper = file.steps.stepping(node)
            if stepper is not None and generator in (file.optimizers.owners(stepper) or ()):
                steps.append(node)
            helper = file.calls.callee(node)
        inside = file.calls.own_nodes(helper) if helper is not None else [node]
        if any(generator in file.steps.clears(one) for one in inside):
            zeros.append(node)
    return steps, zeros


def gives_tensor(maker: cst.Call, file: File) -> bool:
    """Whether it is in sight that the generator gives one tensor, which can be detached."""
    value = file.values.of(maker.func)
    if value is None or value.cls is None:
        return value is not None and value.name.startswith("torch.nn.")
    forward = file.calls.method(value.cls, "forward")
    returned = [node.value for node in file.calls.own_nodes(forward) if isinstance(node, cst.Return)] if forward else []
    # A name may hold a tuple; what is called or computed is a tensor.
    return bool(returned) and all(one is not None and file.values.kind(one) in ("tensor", "output") for one in returned)
