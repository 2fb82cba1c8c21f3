"""`DataParallel` copies the model to every device in each step and drives them all from one thread pool."""

import re
from collections.abc import Iterator

import libcst as cst

from smellcheck import File, Smell, rule

# The better way is there for whoever starts one process a device.
_OFFERED = re.compile(r"DDP|DistributedDataParallel|torch\.distributed|local_rank|LOCAL_RANK")

_BUILDS = re.compile(r"^_?(build|make|create|get|define|init|setup|prepare|wrap|generate|factory)")
_INFERS = re.compile(r"(^|/|_)(tests?|eval\w*|infer\w*|demo|predict\w*|sampl\w*|generat\w*)(_\w+)?\.py$", re.I)
_TRAINS = re.compile(r"(^|/|_)train(er|ing)?(_\w+)?\.py$", re.I)
_EXITS = frozenset({"exit", "sys.exit", "os._exit", "quit"})

# As many devices as there are: `list(range(n_gpu))`, and what asks whether there are several.
_SEVERAL = re.compile(r"(list\()?range\([\w.()]+\)\)?")
_COUNTED = re.compile(r"(torch\.cuda\.device_count\(\)|(\w+\.)*(n|num)_?(gpus?|devices)) *(> *1|>= *2|!= *1)")
_LOADER = re.compile(r"loader", re.I)

_WRAPPERS = ("torch.nn.DataParallel", "torch.nn.parallel.DataParallel")


# By its last name, since a star may take `nn` over from a module of the project.
@rule(imports="torch", methods="DataParallel", practice="hardware", level="info")
def check(call: cst.Call, file: File) -> Iterator[Smell]:
    if not copies(call, file) or file.context.in_test(call) or file.matches(_OFFERED):
        return
    if trains(call, file) and not follows(call, file):
        message = "each step copies the whole model to every device; `DistributedDataParallel` keeps one on each"
        yield Smell(call, message)
    elif evaluates(call, file):
        message = "each batch copies the whole model to every device; a process for each, with its share, keeps one"
        yield Smell(call, message)


def copies(call: cst.Call, file: File) -> bool:
    """Whether a call wraps a model for several devices."""
    return bool(call.args) and file.name(call.func) in _WRAPPERS and not one_device(call, file)


def follows(call: cst.Call, file: File) -> bool:
    """Whether another model that is trained is wrapped before, or in another branch: the first stands for all."""
    function = file.context.function(call)
    return any(
        file.before(other, call)
        and file.context.function(other) is function
        and copies(other, file)
        and trains(other, file)
        for other in file.calls.named(frozenset({"DataParallel"}))
    )


def trains(call: cst.Call, file: File) -> bool:
    """Whether what is wrapped is trained here, by the same function or out of the object or module."""
    function, apart = file.context.function(call), leaving(call, file)
    if apart is not None:
        return file.phase.needs_graph([apart])
    # Whoever makes an optimizer next to it, and hands both over, trains it.
    made = any(file.context.function(one) is function for one in file.optimizers.made)
    if function is None or function.name.value == "__init__":
        return made or file.phase.file_trains or (begins(call, file) and trained_elsewhere(file))
    builds = _BUILDS.match(function.name.value) is not None
    return made or file.phase.function_trains(function) or (builds and trained_elsewhere(file))


def evaluates(call: cst.Call, file: File) -> bool:
    """Whether what is wrapped for several devices runs over the batches of a loader in the same function."""
    whole, above = call, file.parent(call)
    # `DataParallel(model).cuda().eval()`
    while isinstance(above, cst.Attribute) and isinstance(chained := file.parent(above), cst.Call):
        whole, above = chained, file.parent(chained)
    match above:
        case cst.Assign(value=value, targets=[cst.AssignTarget(target=cst.Name() as bound)]) if (
            value is whole and on_several(call, file)
        ):
            return any(in_batches(over, file) for over in run_over(bound, file))
    return False


def run_over(bound: cst.Name, file: File) -> Iterator[cst.CSTNode]:
    """What the loops go over that a network of this name runs in, here or in a function that it is given to."""
    for one in file.uses(bound):
        above = file.parent(one)
        call = file.parent(above) if isinstance(above, cst.Arg) else None
        function = file.calls.callee(call) if isinstance(call, cst.Call) else None
        if isinstance(above, cst.Call) and above.func is one:
            yield from (loop.over for loop in file.context.loops(above) if loop.over is not None)
        elif function is not None and isinstance(call, cst.Call):
            yield from run_inside(call, one, function, file)


def run_inside(call: cst.Call, given: cst.Name, function: cst.FunctionDef, file: File) -> Iterator[cst.CSTNode]:
    """What the loops of a function go over in which it runs a network that a call gives it, as the call spells it."""
    passed = {
        one.name.value: file.calls.argument_of(call, function, bound)
        for one in function.params.params
        for bound in file.scopes.scope(function).bindings[one.name.value][:1]
    }
    for inner in file.calls.own_calls(function):
        if isinstance(inner.func, cst.Name) and passed.get(inner.func.value) is given:
            if [one.kind for one in file.scopes.reaching(inner.func)] == ["parameter"]:
                for loop in file.context.loops(inner):
                    if loop.over is not None:
                        yield passed.get(file.text_of(loop.over)) or loop.over


def on_several(call: cst.Call, file: File) -> bool:
    """Whether a wrapped model gets as many devices as there are, or a condition asks that there be several."""
    given = file.argument(call, "device_ids", 1)
    if given is not None and _SEVERAL.fullmatch(file.text_of(given.value)):
        return True
    for child, above in file.context.ancestors(call):
        if isinstance(above, cst.FunctionDef):
            return False
        if isinstance(above, cst.If) and child is above.body and _COUNTED.fullmatch(file.text_of(above.test)):
            return True
    return counts_devices(file.context.function(call) or file.module, file)


def counts_devices(home: cst.FunctionDef | cst.Module, file: File) -> bool:
    """Whether a function reckons with the number of devices: whoever asks for it to print it or to raise does not."""
    for one in file.calls.own_calls(home):
        if file.name(one.func) != "torch.cuda.device_count" or (file.context.function(one) or file.module) is not home:
            continue
        above = [outer for _, outer in file.context.ancestors(one)]
        within = above[: above.index(file.context.statement(one))]
        if any(isinstance(outer, cst.Assign | cst.AugAssign) for outer in within) and not any(
            isinstance(outer, cst.Comparison | cst.FormattedString | cst.BooleanOperation) for outer in within
        ):
            return True
    return False


def in_batches(over: cst.CSTNode | None, file: File) -> bool:
    """Whether what a loop runs over is a loader, and none that is seen to give one sample at a time."""
    if over is None or not _LOADER.search(file.text_of(over)):
        return False
    made = file.scopes.written(over)
    if not isinstance(made, cst.Call) or not (file.name(made.func) or "").endswith(".DataLoader"):
        return True
    size = file.argument(made, "batch_size", 1)
    return size is not None and file.text_of(size.value) != "1"


def leaving(call: cst.Call, file: File) -> cst.CSTNode | None:
    """The branch that a call stands in, when it ends the function or the program: what follows it is none of its."""
    for _, above in file.context.ancestors(call):
        if isinstance(above, cst.FunctionDef | cst.ClassDef):
            return None
        if isinstance(above, cst.IndentedBlock) and isinstance(file.parent(above), cst.If | cst.Else):
            match above.body[-1]:
                case cst.SimpleStatementLine(body=[*_, cst.Return(value=None)]):
                    return above
                case cst.SimpleStatementLine(body=[*_, cst.Expr(value=cst.Call(func=func))]):
                    if file.text_of(func) in _EXITS:
                        return above
    return None


def begins(call: cst.Call, file: File) -> bool:
    """Whether a training begins here, or a module that others import runs a part of its own in parallel."""
    owner = file.calls.enclosing_class(call)
    if owner is None:
        return _TRAINS.search(file.path) is not None
    if not file.values.is_module_class(owner) or not file.imports.taken(owner.name.value):
        return False
    match file.context.statement(call):
        case cst.SimpleStatementLine(
            body=[cst.Assign(targets=[cst.AssignTarget(target=cst.Attribute(value=cst.Name("self")) as part)])]
        ):
            runs = any(file.same(one.func, part) for one in file.calls.named(frozenset({part.attr.value})))
            return runs and not switched_off(call, file)
    return False


def switched_off(call: cst.Call, file: File) -> bool:
    """Whether a call stands in a branch for which the code itself sets the switch to false."""
    for child, above in file.context.ancestors(call):
        if isinstance(above, cst.If) and child is above.body and isinstance(above.test, cst.Name):
            bound = file.scopes.reaching(above.test)
            if bound and all(isinstance(one.value, cst.Name) and one.value.value == "False" for one in bound):
                # A parameter's default is no more than that.
                return all(one.kind == "assign" for one in bound)
    return False


def trained_elsewhere(file: File) -> bool:
    """Whether the project trains models, and nowhere in the better way."""
    if _INFERS.search(file.path) or file.project is None:
        return False
    steps, offers = (file.project.calling(name) for name in ("backward", "DistributedDataParallel"))
    return bool(steps) and offers == []


def one_device(call: cst.Call, file: File) -> bool:
    """Whether a single device is named: then it only calls the module."""
    given = file.argument(call, "device_ids", 1)
    devices = given.value if given is not None else None
    if isinstance(devices, cst.Name):
        reaching = file.scopes.reaching(devices)
        value = reaching[0].value if len(reaching) == 1 else None
        devices = value if isinstance(value, cst.List) else devices
    return devices is not None and (
        (isinstance(devices, cst.List) and len(devices.elements) == 1) or file.text_of(devices) == "None"
    )
