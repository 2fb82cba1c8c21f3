"""Who calls whom in this file, and what functions do to what they are given."""

from __future__ import annotations

from functools import cached_property

import libcst as cst

from .names import Names
from .scopes import Definition, Scopes
from .tree import Tree


class Calls:
    """Functions of the file and the calls that surely, or possibly, reach them."""

    def __init__(self, tree: Tree, scopes: Scopes, names: Names) -> None:
        self._tree = tree
        self._scopes = scopes
        self._names = names
        self._own: dict[cst.CSTNode, list[cst.CSTNode]] = {}
        self._own_calls: dict[cst.CSTNode, list[cst.Call]] = {}

    @cached_property
    def _by_last_name(self) -> dict[str, list[cst.Call]]:
        found: dict[str, list[cst.Call]] = {}
        for node in self._tree.by_type.get(cst.Call, ()):
            assert isinstance(node, cst.Call)
            match node.func:
                case cst.Name(value=name) | cst.Attribute(attr=cst.Name(value=name)):
                    found.setdefault(name, []).append(node)
        return found

    def named(self, last: frozenset[str]) -> list[cst.Call]:
        """The calls in the file whose function or method has one of these names as its last, in order."""
        found = [call for name in last for call in self._by_last_name.get(name, ())]
        return sorted(found, key=self._tree.order.__getitem__)

    @cached_property
    def of(self) -> dict[str, list[cst.Call]]:
        """The calls in the file by the full name of what they call, as imports settle it; in order."""
        found: dict[str, list[cst.Call]] = {}
        for node in self._tree.by_type.get(cst.Call, ()):
            assert isinstance(node, cst.Call)
            name = self._names.qualified(node.func)
            if name is not None:
                found.setdefault(name, []).append(node)
        return found

    @cached_property
    def given(self) -> dict[str, list[tuple[cst.Call, cst.Arg]]]:
        """The calls that are given something, and the argument it is, by the last name of the name or attribute."""
        found: dict[str, list[tuple[cst.Call, cst.Arg]]] = {}
        for node in self._tree.by_type.get(cst.Call, ()):
            assert isinstance(node, cst.Call)
            for arg in node.args:
                match arg.value:
                    case cst.Name(value=name) | cst.Attribute(attr=cst.Name(value=name)):
                        found.setdefault(name, []).append((node, arg))
        return found

    @cached_property
    def _mentions(self) -> dict[str, list[cst.CSTNode]]:
        found: dict[str, list[cst.CSTNode]] = {}
        for node in self._tree.by_type.get(cst.Name, ()):
            assert isinstance(node, cst.Name)
            found.setdefault(node.value, []).append(node)
        return found

    def class_of(self, function: cst.CSTNode) -> cst.ClassDef | None:
        """The class whose body a method stands in directly."""
        block = self._tree.parent.get(function)
        above = self._tree.parent.get(block) if block is not None else None
        return above if isinstance(above, cst.ClassDef) else None

    def callers(self, function: cst.FunctionDef) -> list[cst.Call]:
        """The calls in this file that may reach the function, by its name (methods: by their last name)."""
        found = self._by_last_name.get(function.name.value, [])
        if self.class_of(function) is not None:
            return [call for call in found if isinstance(call.func, cst.Attribute)]
        return [call for call in found if self.callee(call) is function]

    def passing(self, function: cst.FunctionDef) -> list[cst.Call]:
        """The calls in this file that surely run the function: what they pass is what it gets."""
        owner = self.class_of(function)
        if owner is None:
            return self.callers(function)
        if function.name.value == "__init__":
            made = self._by_last_name.get(owner.name.value, [])
            return [call for call in made if self.local_class(call.func) is owner]
        if function.name.value.startswith("__") or function.name.value == "forward":
            return []
        return [call for call in self.callers(function) if self.callee(call) is function]

    def escapes(self, function: cst.FunctionDef) -> bool:
        """Whether the function's name is used other than to call it: passed on, stored, decorated with."""
        called = {id(call.func) for call in self._by_last_name.get(function.name.value, [])}
        for name in self._mentions.get(function.name.value, ()):
            above = self._tree.parent.get(name)
            if name is function.name or id(name) in called or id(above) in called:
                continue
            if isinstance(above, cst.Arg | cst.Assign | cst.Attribute | cst.Return | cst.Element | cst.DictElement):
                if isinstance(above, cst.Arg) and above.keyword is name:
                    continue
                return True
        return False

    def callee(self, call: cst.Call) -> cst.FunctionDef | None:
        """The function of this file that a call surely runs: by name, or a method through `self`."""
        match call.func:
            case cst.Name() as name:
                definitions = self._scopes.definitions(name)
                if len(definitions) == 1 and isinstance(definitions[0].node, cst.FunctionDef):
                    return definitions[0].node
            case cst.Attribute(value=cst.Name(value="self" | "cls"), attr=cst.Name(value=method)):
                owner = self.enclosing_class(call)
                return self.method(owner, method) if owner else None
        return None

    def enclosing_class(self, node: cst.CSTNode) -> cst.ClassDef | None:
        """The class that `self` means at a node."""
        current: cst.CSTNode | None = node
        while current is not None:
            if isinstance(current, cst.FunctionDef):
                owner = self.class_of(current)
                if owner is not None:
                    return owner
            current = self._tree.parent.get(current)
        return None

    def local_class(self, name: cst.CSTNode) -> cst.ClassDef | None:
        """The class of this file that a name surely means."""
        if isinstance(name, cst.Name):
            definitions = self._scopes.definitions(name)
            if len(definitions) == 1 and isinstance(definitions[0].node, cst.ClassDef):
                return definitions[0].node
        return None

    def bases(self, owner: cst.ClassDef) -> list[cst.ClassDef]:
        """The class and its ancestors in this file, nearest first."""
        line, todo = [], [owner]
        while todo:
            current = todo.pop(0)
            if current not in line:
                line.append(current)
                todo += [base for arg in current.bases if (base := self.local_class(arg.value)) is not None]
        return line

    def method(self, owner: cst.ClassDef, name: str) -> cst.FunctionDef | None:
        """A method by name, looked up in the class and its ancestors in this file."""
        for cls in self.bases(owner):
            for statement in cls.body.body:
                if isinstance(statement, cst.FunctionDef) and statement.name.value == name:
                    return statement
        return None

    def own_nodes(self, function: cst.CSTNode) -> list[cst.CSTNode]:
        """What a function's body contains, bodies of nested functions and classes left out."""
        if function not in self._own:
            self._own[function] = self._tree.own(_body(function))
        return self._own[function]

    def own_calls(self, function: cst.CSTNode) -> list[cst.Call]:
        """The calls among what a function's body contains."""
        if function not in self._own_calls:
            self._own_calls[function] = self._tree.own_of_type(cst.Call, _body(function))
        return self._own_calls[function]

    def argument_of(self, call: cst.Call, function: cst.FunctionDef, parameter: Definition) -> cst.CSTNode | None:
        """The expression that a call passes for a parameter; `None` when stars or defaults hide it."""
        names = [param.name.value for param in (*function.params.posonly_params, *function.params.params)]
        if self.class_of(function) is not None:
            names = names[1:]
        for index, arg in enumerate(call.args):
            if arg.star:
                return None
            if arg.keyword is not None:
                if arg.keyword.value == parameter.name:
                    return arg.value
            elif index < len(names) and names[index] == parameter.name:
                return arg.value
        return None


def _body(node: cst.CSTNode) -> cst.CSTNode:
    return node.body if isinstance(node, cst.FunctionDef | cst.ClassDef) else node
