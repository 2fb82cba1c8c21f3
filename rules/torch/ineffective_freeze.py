"""A freeze that freezes nothing: the gradients that it was to save are all computed."""

import re
from collections.abc import Iterable, Iterator

import libcst as cst

from smellcheck import File, Fix, Smell, rule

_MISSPELT = re.compile(r"^(requires?|required)_?grad(ient)?s?$")

# `model.train()` switches a mode; what trains is given something, or is a function.
_TRAINS = re.compile(
    r"\bbackward\(|(?<![.\w])(fit|train|optimi[sz]e|attack)\w*\(|\.(fit|train|optimi[sz]e|attack)\w*\((?!\))|Trainer"
    r"|autograd\.grad"
)


@rule(imports="torch", words="requires_grad require_grad required_grad requires_gradient", practice="freezing")
def check(node: cst.Assign | cst.Comparison, file: File) -> Iterator[Smell]:
    meant = frozen(node)
    if meant is None or file.context.in_test(node) or evaluates(file):
        return
    if isinstance(node, cst.Comparison) and not isinstance(file.parent(node), cst.Expr):
        return
    owner, attribute = meant.value, meant.attr.value
    if of_parameter(owner, file):
        if isinstance(node, cst.Assign) and attribute == "requires_grad":
            return
        wrong = "compares and changes" if isinstance(node, cst.Comparison) else "sets an attribute that means"
        yield Smell(
            node,
            f"`{file.text_of(node)}` {wrong} nothing: the gradient of every parameter is still computed",
            Fix.unsafe("Set `requires_grad`", file.replace(node, f"{file.text_of(owner)}.requires_grad = False")),
        )
    elif isinstance(node, cst.Assign) and attribute == "requires_grad" and file.values.is_module(owner):
        if frozen_beside(owner, file) or property_of(owner, file):
            return
        text = file.text_of(owner)
        yield Smell(
            node,
            f"this sets a plain attribute of the module `{text}`: the gradients of its parameters are still computed",
            Fix.unsafe(f"Freeze the parameters of `{text}`", file.replace(node, f"{text}.requires_grad_(False)")),
            level="info" if one_layer(owner, file) else None,
        )


def frozen(node: cst.Assign | cst.Comparison) -> cst.Attribute | None:
    """The attribute of `x.requires_grad = False`, or of `x.requires_grad == False` where nobody reads the answer."""
    match node:
        case cst.Assign(targets=[cst.AssignTarget(target=cst.Attribute() as target)], value=cst.Name("False")):
            pass
        case cst.Comparison(
            left=cst.Attribute() as target,
            comparisons=[cst.ComparisonTarget(operator=cst.Equal(), comparator=cst.Name("False"))],
        ):
            pass
        case _:
            return None
    return target if _MISSPELT.match(target.attr.value) else None


def evaluates(file: File) -> bool:
    """Whether a script takes no gradients at all: what it did not freeze costs none."""
    return file.imports.is_script and ".eval()" in file.text and not file.matches(_TRAINS)


def one_layer(owner: cst.BaseExpression, file: File) -> bool:
    """Whether a class freezes itself and is a layer of torch: a shift of colours, a fixed filter."""
    around = file.calls.enclosing_class(owner) if file.text_of(owner) == "self" else None
    bases = [file.name(base.value) or "" for base in around.bases] if around is not None else []
    return any(base.startswith("torch.nn.") and base != "torch.nn.Module" for base in bases)


def of_parameter(owner: cst.BaseExpression, file: File) -> bool:
    """Whether a name is bound by a loop over the parameters of a module."""
    if not isinstance(owner, cst.Name):
        return False
    reaching = file.scopes.reaching(owner)
    return bool(reaching) and all(
        one.kind == "for"
        and isinstance(one.value, cst.Call)
        and isinstance(one.value.func, cst.Attribute)
        and one.value.func.attr.value in ("parameters", "named_parameters")
        for one in reaching
    )


def frozen_beside(owner: cst.BaseExpression, file: File) -> bool:
    """Whether a loop or `requires_grad_` freezes the same module in the same function, or class for `self`."""
    text = file.text_of(owner)
    around = file.calls.enclosing_class(owner) if text.startswith("self.") else None
    nodes = file.calls.own_nodes(file.steps.home(owner)) if around is None else descended(around, file)
    for node in nodes:
        match node:
            case cst.For(iter=over, body=body) if file.text_of(over).startswith(f"{text}."):
                if "requires_grad" in file.text_of(body):
                    return True
            case cst.Call(func=cst.Attribute(value=frozen, attr=cst.Name("requires_grad_"))):
                if file.same(frozen, owner):
                    return True
    return False


def descended(around: cst.ClassDef, file: File) -> Iterable[cst.CSTNode]:
    """Everything in the methods of a class."""
    for method in file.calls.own_nodes(around):
        if isinstance(method, cst.FunctionDef):
            yield from file.calls.own_nodes(method)


def property_of(owner: cst.BaseExpression, file: File) -> bool:
    """Whether the module's class is in sight and gives `requires_grad` a meaning of its own."""
    value = file.values.of(owner)
    return value is not None and value.cls is not None and file.calls.method(value.cls, "requires_grad") is not None
