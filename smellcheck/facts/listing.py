"""How to spell the list of everything that a repeated call is given, one item after another."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import libcst as cst

from .items import is_slice_of_one
from .tree import descend

if TYPE_CHECKING:
    from ..file import File
    from .samples import Each
    from .scopes import Definition

_PROGRESS = {"tqdm", "trange", "track", "progress_bar", "notebook_tqdm"}
# Calls that may be made for every item before the first result is asked for: they only shape a text.
_PURE = {"strip", "lstrip", "rstrip", "lower", "upper", "replace", "format", "join", "str", "int", "float"}
_LIST_ANNOTATION = re.compile(r"^(?:(?:typing\.)?Optional\[)?(?:list|List|typing\.List)\b")


def listing(file: File, each: Each, item: cst.BaseExpression | None, *, arrays: bool = False) -> str | None:
    """An expression for the list of all items, or with `arrays` for the array; `None` when there may be none.

    `item` is the part of the argument that differs from round to round; `None` stands for all of it.
    """
    if item is not None and not all(_pure(node) for node in descend(item) if isinstance(node, cst.Call)):
        return None
    if isinstance(each.repeat, cst.Call):
        return _mapped(file, each, each.repeat, item, arrays=arrays)
    clause = each.repeat if isinstance(each.repeat, cst.For) else each.repeat.for_in
    if item is None:
        return None
    plain = isinstance(clause, cst.For) or not (clause.ifs or clause.inner_for_in)
    counted = plain and _counted(file, each, clause.iter, item)
    if is_slice_of_one(item):
        # All slices of one row together are the whole, whatever it is.
        return file.text_of(each.over) if counted else None
    if counted and _is_bare(file, each.over, arrays):
        return file.text_of(each.over)
    source = _without_progress(clause.iter)
    if plain and file.same(clause.target, item):
        return _listed(file, source, arrays)
    if isinstance(clause, cst.CompFor):
        header = cst.Module([]).code_for_node(clause.with_changes(iter=source)).strip()
    else:
        header = f"for {file.text_of(clause.target)} in {file.text_of(source)}"
    return f"[{file.text_of(item)} {header}]"


def is_list(file: File, node: cst.CSTNode) -> bool:
    """Whether an expression surely is a `list`: not a tuple, a view, an array or a series."""
    match node:
        case cst.List() | cst.ListComp():
            return True
        case cst.Call(func=cst.Name(value=name)):
            return name in ("list", "sorted") and file.name(node.func) is None
        case cst.Call(func=cst.Attribute(attr=cst.Name(value="split" | "rsplit"))):
            # Arrays and folds have a `split`, too; only that of a string gives a list.
            return file.values.kind(node) == "list"
        case cst.Call(func=cst.Attribute(attr=cst.Name(value=name))):
            return name in ("tolist", "to_list", "splitlines", "readlines")
        case cst.Name():
            reaching = file.scopes.reaching(node)
            return bool(reaching) and all(_binds_list(file, definition) for definition in reaching)
    return False


def _binds_list(file: File, definition: Definition) -> bool:
    node = definition.node
    if isinstance(node, cst.Param | cst.AnnAssign) and node.annotation is not None:
        return bool(_LIST_ANNOTATION.match(file.text_of(node.annotation.annotation)))
    if definition.kind != "assign" or definition.path or definition.value is None:
        return False
    return is_list(file, definition.value)


def _mapped(file: File, each: Each, mapping: cst.Call, item: cst.BaseExpression | None, *, arrays: bool) -> str | None:
    """The items of `map(f, xs)`, `df["x"].apply(f)` or `df.apply(f, axis=1)`."""
    over, row = file.text_of(each.over), next(iter(each.variables), "")
    if len(each.variables) > 1 or (item is not None and is_slice_of_one(item)):
        return None
    itself = item is None or (isinstance(item, cst.Name) and item.value == row)
    if isinstance(mapping.func, cst.Name) and itself:
        return _listed(file, _without_progress(each.over), arrays)
    if isinstance(mapping.func, cst.Attribute) and len(mapping.args) > 1:
        # Of a row, a column by its name is all that can be had without the row.
        match item:
            case cst.Subscript(
                value=cst.Name(value=name),
                slice=[cst.SubscriptElement(slice=cst.Index(value=cst.SimpleString(value=key)))],
            ) if name == row:
                return f"{over}[{key}].tolist()"
        return None
    # Behind `map` there is an iterable, and behind `apply` a series.
    return f"{over}.tolist()" if itself else f"[{spell(item)} for {row} in {over}]"


def _counted(file: File, each: Each, over: cst.BaseExpression, item: cst.BaseExpression) -> bool:
    """Whether the items are `x[i]`, `x[i:i + 1]` or `x.iloc[[i]]` for every `i` of `range(len(x))`."""
    match over, item:
        case (
            cst.Call(func=cst.Name(value="range"), args=[_]),
            cst.Subscript(value=base, slice=[cst.SubscriptElement(slice=part)]),
        ) if each.indexed:
            index = part.lower if isinstance(part, cst.Slice) else cst.ensure_type(part, cst.Index).value
            if is_slice_of_one(item):
                base = base.value if isinstance(base, cst.Attribute) and base.attr.value == "iloc" else base
                index = index.elements[0].value if isinstance(index, cst.List) else index
            by_variable = isinstance(index, cst.Name) and index.value in each.variables
            return by_variable and file.same(base, each.over)
    return False


def _is_bare(file: File, node: cst.CSTNode, arrays: bool) -> bool:
    return is_list(file, node) or (arrays and file.values.kind(node) == "array")


def _listed(file: File, node: cst.CSTNode, arrays: bool) -> str:
    text = file.text_of(node)
    return text if _is_bare(file, node, arrays) else f"list({text})"


def _without_progress(node: cst.CSTNode) -> cst.CSTNode:
    match node:
        case cst.Call(func=func, args=[cst.Arg(value=inner, keyword=None, star=""), *_]):
            name = func.attr if isinstance(func, cst.Attribute) else func
            if isinstance(name, cst.Name) and name.value in _PROGRESS:
                return inner
    return node


def _pure(call: cst.Call) -> bool:
    match call.func:
        case cst.Name(value=name) | cst.Attribute(attr=cst.Name(value=name)):
            return name in _PURE
    return False


def spell(node: cst.CSTNode | None) -> str:
    """The text of an expression or argument, without the comma or white space around it."""
    if node is None:
        return ""
    if isinstance(node, cst.Arg):
        node = node.with_changes(comma=cst.MaybeSentinel.DEFAULT)
    return cst.Module([]).code_for_node(node).strip()
