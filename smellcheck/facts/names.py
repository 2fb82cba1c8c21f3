"""What a chain of names refers to: `F.relu` is `torch.nn.functional.relu`, or `None` when imports do not settle it."""

from __future__ import annotations

import re

import libcst as cst

from .frameworks import offered
from .scopes import Definition, Scope, Scopes
from .tree import Tree, dotted

_LOADS = re.compile(r"import|lazy|load", re.I)


class Names:
    """Resolves names through the file's imports and plain aliases (`nn = torch.nn`)."""

    def __init__(self, tree: Tree, scopes: Scopes) -> None:
        self._scopes = scopes
        self._order = tree.order
        self._known: dict[tuple[Scope, str], str | None] = {}
        self._qualified: dict[cst.CSTNode, str | None] = {}
        #: First names that an import or an alias of one could have bound; everything else is unknown at once.
        self._candidates = {
            name
            for scope in {
                scopes.module,
                *(
                    scopes.scope(node)
                    for kind in (cst.FunctionDef, cst.ClassDef)
                    for node in tree.by_type.get(kind, ())
                ),
            }
            for name, definitions in scope.bindings.items()
            if any(d.kind in ("import", "assign") for d in definitions)
        }

    def qualified(self, node: cst.CSTNode) -> str | None:
        """The full name that a chain of names refers to; `None` when it is rebound, local or unknown.

        A relative import keeps its dots: `from .models import Net` makes `Net` the name `.models.Net`.
        """
        root = node
        while type(root) is cst.Attribute:
            root = root.value
        if type(root) is not cst.Name or root.value not in self._candidates:
            return None
        if node not in self._qualified:
            scope = self._scopes.bound(root.value, self._scopes.around(root))
            full = None if scope is None else self._resolve(scope, root.value)
            self._qualified[node] = None if full is None else offered(".".join([full, *(dotted(node) or ())[1:]]))
        return self._qualified[node]

    def local_name(self, full: str, at: cst.CSTNode) -> str | None:
        """How the thing called `full` can be written at a node, through the module-level imports; or `None`."""
        around = self._scopes.around(at)
        order = self._order
        best: str | None = None
        for name in self._scopes.module.bindings:
            if self._scopes.bound(name, around) is not self._scopes.module:
                continue
            bound_late = all(order[d.node] > order[at] for d in self._scopes.module.bindings[name])
            reached = self._resolve(self._scopes.module, name)
            if (
                reached is None
                or (bound_late and around is self._scopes.module)
                or not (full == reached or full.startswith(f"{reached}."))
            ):
                continue
            spelled = name + full[len(reached) :]
            if best is None or len(spelled) < len(best):
                best = spelled
        return best

    def module_name(self, name: str) -> str | None:
        """What a name bound at module level refers to."""
        scope = self._scopes.module
        return self._resolve(scope, name) if name in scope.bindings else None

    def _resolve(self, scope: Scope, name: str) -> str | None:
        key = (scope, name)
        if key not in self._known:
            self._known[key] = None  # a name defined through itself resolves to nothing
            found = {self._target(definition) for definition in scope.bindings[name] if not _is_none(definition)}
            self._known[key] = found.pop() if len(found) == 1 else _same_module(found)
        return self._known[key]

    def _target(self, definition: Definition) -> str | None:
        if definition.kind == "import":
            return imported(definition)
        if definition.kind == "assign" and not definition.path and definition.value is not None:
            # `tqdm = partial(tqdm)` and other calls are not aliases; a chain of names is.
            return _loaded(definition) or self.qualified(definition.value)
        return None


def imported(definition: Definition) -> str | None:
    """The full name that an import binds."""
    alias, statement = definition.value, definition.node
    if not isinstance(alias, cst.ImportAlias):
        return None
    own = dotted(alias.name)
    if own is None:
        return None
    if isinstance(statement, cst.Import):
        return ".".join(own) if alias.asname else own[0]
    assert isinstance(statement, cst.ImportFrom)
    module = dotted(statement.module) if statement.module else []
    prefix = "." * len(statement.relative) + ".".join(module or [])
    return f"{prefix}{'' if prefix.endswith('.') else '.'}{own[0]}" if prefix else own[0]


def _same_module(found: set[str | None]) -> str | None:
    """The relative name of what scripts import by another: `from .nets import Net`, or else `from nets import Net`."""
    names = [name for name in found if name is not None]
    relative = [name for name in names if name.startswith(".")]
    if len(names) < len(found) or len(relative) != 1:
        return None
    own = relative[0].lstrip(".")
    return relative[0] if all(f".{name}".endswith(f".{own}") for name in names) else None


def _loaded(definition: Definition) -> str | None:
    """The module that a call imports under its own name: `torch = importlib.import_module("torch")`."""
    match definition.value:
        case cst.Call(func=func, args=[cst.Arg(value=cst.SimpleString() as module), *_]):
            called = (dotted(func) or [""])[-1]
            if module.evaluated_value == definition.name and _LOADS.search(called):
                return definition.name
    return None


def _is_none(definition: Definition) -> bool:
    """`try: import x` … `except ImportError: x = None` still means x wherever it is used."""
    return isinstance(definition.value, cst.Name) and definition.value.value == "None"
