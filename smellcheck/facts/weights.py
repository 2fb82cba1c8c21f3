"""Who reads the weights of an attention beside itself: nobody, an option, or somebody who surely wants them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

import libcst as cst

from .elsewhere import CallSite
from .tree import dotted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..file import File
    from .scopes import Definition

#: What may be asked of the scores beside computing with them.
_SHAPES = frozenset({"size", "shape", "dtype", "device", "dim", "ndim"})
#: Methods that make something else like what they are given.
_LIKE = frozenset({"expand_as", "view_as", "reshape_as", "type_as"})
#: Methods that make something new of the same type.
_NEW = frozenset({"new", "new_empty", "new_full", "new_ones", "new_tensor", "new_zeros"})
#: Through how many functions a tensor is followed that is lent to them.
_DEEPEST = 3
#: The most files that are looked at for whether they read what an object keeps.
_MENTIONING = 20
#: What the options that ask for weights are named.
_OPTION = re.compile(
    r"(^|_)(att(n|ention)?s?|weights?|prob(abilitie)?s?|scores?|vis\w*|maps?)(_|$)"
    r"|^(return|output|need|save|store|keep|get|record|register)s?_",
    re.I,
)

#: Who reads scores or weights: what asks for their shape, what reads them where an option says so.
Reader = Literal["shape", "option", "nobody"]


class Weights:
    """The scores and weights of one file's attentions."""

    def __init__(self, file: File) -> None:
        self._file = file

    def uses(self, bound: Definition) -> list[cst.Name]:
        """Where what a definition binds may be read."""
        match bound.node:
            case cst.Assign(targets=[cst.AssignTarget(target=cst.Name() as target)]):
                return self._file.uses(target)
            case cst.AugAssign(target=cst.Name() as target) | cst.AnnAssign(target=cst.Name() as target):
                return self._file.uses(target)
            case cst.Param(name=cst.Name(value=name)):
                read = self._file.tree.named(name, bound.scope.node)
                return [one for one in read if self._file.reads(one) and bound in self._file.scopes.seen(one)]
        return []

    def readers(self, definitions: Iterable[Definition], inner: set[cst.CSTNode]) -> set[Reader] | None:
        """Who reads what these bind, beside the attention's own `inner` uses; `None` when it is surely wanted."""
        readers = set[Reader]()
        for bound in definitions:
            if not isinstance(bound.node, cst.Assign | cst.AugAssign | cst.Param) or (
                isinstance(bound.node, cst.Assign) and len(bound.node.targets) != 1
            ):
                return None
            for use in self.uses(bound):
                if use in inner:
                    continue
                reader = self._reader(use, bound)
                if reader is None:
                    return None
                readers.add(reader)
        return readers

    def _reader(self, use: cst.Name, bound: Definition) -> Reader | None:
        if self._lends(use):
            return "shape"
        if self._on_demand(use, bound):
            return "option"
        return "nobody" if self._thrown_away(use) else None

    def _lends(self, use: cst.BaseExpression, depth: int = 0) -> bool:
        """Whether the scores are asked for nothing but their shape or type."""
        match above := self._file.parent(use):
            case cst.Attribute(attr=cst.Name(value="data")):
                return self._lends(above, depth)
            case cst.Attribute(attr=cst.Name(value=asked)):
                call = self._file.parent(above)
                if not isinstance(call, cst.Call):
                    return asked in _SHAPES
                return asked in _SHAPES or asked in _NEW or (asked == "type" and not call.args)
            case cst.Arg(keyword=None):
                call = self._file.parent(above)
                made = self._file.name(call.func) if isinstance(call, cst.Call) else None
                if made is not None and re.fullmatch(r"torch\.\w+_like", made):
                    return True
                return isinstance(call, cst.Call) and (
                    (isinstance(call.func, cst.Attribute) and call.func.attr.value in _LIKE)
                    or self._lent_to(call, use, depth + 1)
                )
        return False

    def _lent_to(self, call: cst.Call, given: cst.BaseExpression, depth: int) -> bool:
        """Whether a function of the file is given the scores for no more than that."""
        function = self._file.calls.callee(call)
        if function is None or depth > _DEEPEST:
            return False
        parameters = (one for bound in self._file.scopes.scope(function).bindings.values() for one in bound)
        taken = [
            one
            for one in parameters
            if one.kind == "parameter" and self._file.calls.argument_of(call, function, one) is given
        ]
        return bool(taken) and all(self._lends(use, depth) for one in taken for use in self.uses(one))

    def _on_demand(self, use: cst.Name, bound: Definition) -> bool:
        """Whether weights are read where an option asks for them, and the attention itself runs without it."""
        for child, above in self._file.context.ancestors(use):
            match above:
                case cst.IfExp(test=test, body=body) if child is body and self._is_option(test):
                    return True
                case cst.If(test=test, body=body) if child is body and self._is_option(test):
                    return not self._file.context.within(bound.node, above)
        return False

    def _is_option(self, test: cst.BaseExpression) -> bool:
        match test:
            case cst.Name(value=name) | cst.Attribute(attr=cst.Name(value=name)):
                return _OPTION.search(name) is not None and not self._switched_on(test)
            case cst.BooleanOperation(left=left, operator=cst.And(), right=right):
                either = self._is_option(left) or self._is_option(right)
                return either and not self._switched_on(left) and not self._switched_on(right)
        return False

    def _switched_on(self, test: cst.BaseExpression) -> bool:
        """Whether an attribute that its class sets to false alone is named in other files: for what, but to set it?"""
        file, owner = self._file, self._file.calls.enclosing_class(test)
        if not isinstance(test, cst.Attribute) or owner is None or file.project is None:
            return False
        values = file.values.attribute_values(owner, test.attr.value)
        if not values or not all(isinstance(one, cst.Name) and one.value == "False" for one in values):
            return False
        named = file.project.mentioning(test.attr.value)
        return named is not None and any(path != file.project.path for path in named)

    def _thrown_away(self, use: cst.Name) -> bool:
        """Whether the weights are given back beside the result, and every caller lets them lie."""
        file, element = self._file, self._file.parent(use)
        whole, function = file.parent(element) if element is not None else None, file.context.function(use)
        if not isinstance(element, cst.Element) or not isinstance(whole, cst.Tuple) or function is None:
            return False
        if not isinstance(file.parent(whole), cst.Return):
            return False
        at = list(whole.elements).index(element)
        calls = self._calls(function)
        return bool(calls) and all(self._lets_lie(one, at) for one in calls or ())

    def _calls(self, function: cst.FunctionDef) -> list[CallSite] | None:
        """All calls of a function, `None` where there may be others."""
        file = self._file
        calls, owner = file.calls.passing(function), file.calls.class_of(function)
        if owner is not None and function.name.value != "forward":
            sure = len(calls) == len(file.calls.callers(function)) and not file.calls.escapes(function)
            return [CallSite(file, call) for call in calls] if sure else None
        if owner is None and (file.calls.escapes(function) or len(calls) != len(file.calls.callers(function))):
            return None
        if owner is None and not file.imports.taken(function.name.value):
            return [CallSite(file, call) for call in calls]
        return file.elsewhere.calls(function)

    def _lets_lie(self, site: CallSite, at: int) -> bool:
        """Whether a caller leaves the item at a place of what it is given, or hands it to callers who all do."""
        file, call = site
        match file.parent(call):
            case cst.Assign(targets=[cst.AssignTarget(target=cst.Tuple(elements=elements))]) if at < len(elements):
                name = elements[at].value
                if isinstance(name, cst.Attribute):
                    return self._lies_kept(file, name)
                if not isinstance(name, cst.Name):
                    return False
                return all(file is self._file and self._thrown_away(use) for use in file.uses(name))
            case cst.Subscript(slice=[cst.SubscriptElement(slice=cst.Index(value=cst.Integer(value=picked)))]):
                return picked != str(at)
        return False

    def _lies_kept(self, file: File, kept: cst.Attribute) -> bool:
        """Whether nothing reads what an object keeps under a name: neither its own file, nor another that names it."""
        word, owner, project = kept.attr.value, file.calls.enclosing_class(kept), self._file.project
        if owner is None or dotted(kept) != ["self", word]:
            return False
        named = project.mentioning(word) if project is not None else []
        others = [path for path in named if path not in (file.path, project and project.path)] if named else []
        if named is None or len(others) > _MENTIONING:
            return False
        # Of an attribute of its own, another class says `self`; a class that derives from this one names it.
        elsewhere = re.compile(rf"(?<!\bself)\.{word}\b|[\"']{word}\b|\bclass \w+\([^)]*\b{owner.name.value}\b")
        texts = [project.module_text(path) if project is not None else None for path in others]
        if any(text is None or elsewhere.search(text) for text in texts):
            return False
        return not any(self._may_read(file, one, owner) for one in file.all(cst.Attribute) if one.attr.value == word)

    def _may_read(self, file: File, attribute: cst.Attribute, owner: cst.ClassDef) -> bool:
        """Whether an attribute is read where it stands, and not surely one of another class that has it as well."""
        outer: cst.CSTNode | None = file.parent(attribute)
        while isinstance(outer, cst.Element | cst.Tuple | cst.List):
            outer = file.parent(outer)
        cls = file.calls.enclosing_class(attribute)
        if isinstance(outer, cst.AssignTarget):
            return False
        if cls is None or dotted(attribute) != ["self", attribute.attr.value]:
            return True
        related = owner in file.calls.bases(cls) or cls in file.calls.bases(owner)
        return related or not file.values.attribute_values(cls, attribute.attr.value)
