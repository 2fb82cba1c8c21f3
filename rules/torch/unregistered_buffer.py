"""A module holds constants as a plain tensor, which does not move with it: each pass copies them to the device."""

import re
from collections.abc import Iterator

import libcst as cst

from smellcheck import File, Fix, Smell, rule

_FACTORIES = tuple(f"torch.{name}" for name in ("ones", "zeros", "full", "eye", "arange", "linspace"))
_OF_DATA = tuple(
    f"torch.{name}" for name in ("tensor", "as_tensor", "from_numpy", "Tensor", "FloatTensor", "LongTensor")
)
# A branch that is taken for these reasons is taken in every pass.
_USUAL = re.compile(r"cuda|is_available|training|device|gpu", re.I)


@rule(
    imports="torch",
    words=("self", "to cuda type_as"),
    calls=_FACTORIES + _OF_DATA,
    practice="hardware",
    level="info",
)
def check(made: cst.Call, file: File) -> Iterator[Smell]:
    init = file.context.function(made)
    if init is None or init.name.value != "__init__" or file.context.in_test(made):
        return
    owner = file.calls.class_of(init)
    if owner is None or not file.values.is_module_class(owner):
        return
    whole = file.journeys.of(made)[-1]
    if file.journeys.moves(whole) or file.argument(made, "device") is not None:
        return
    match file.parent(whole):
        case (
            cst.Assign(
                targets=[cst.AssignTarget(target=cst.Attribute(value=cst.Name("self"), attr=cst.Name(value=name)))]
            ) as bound
        ):
            pass
        case _:
            return
    if len(file.values.attribute_values(owner, name)) != 1:
        return
    for use in file.tree.of_type(cst.Attribute, owner):
        if use.attr.value == name and is_self(use.value) and moved_often(use, file):
            line = f'self.register_buffer("{name}", {file.text_of(whole)}, persistent=False)'
            yield Smell(
                use,
                f"`self.{name}` does not move with its module, and is copied to the device in every pass",
                Fix.unsafe("Make it a buffer of the module", file.replace(bound, line)),
            )
            return


def is_self(node: cst.BaseExpression) -> bool:
    """Whether a node is `self`."""
    return isinstance(node, cst.Name) and node.value == "self"


def moved_often(use: cst.Attribute, file: File) -> bool:
    """Whether the tensor is moved where it is read, again and again, and not kept there."""
    moved = file.journeys.of(use)[-1]
    if moved is use or not file.journeys.moves(moved) or "cpu" in file.text_of(moved) or not file.hot.runs_often(use):
        return False
    for child, above in file.context.ancestors(moved):
        if isinstance(above, cst.Assign):
            return all(isinstance(target.target, cst.Name) for target in above.targets)
        if isinstance(above, cst.If) and child is not above.test and not _USUAL.search(file.text_of(above.test)):
            return False
    return True
