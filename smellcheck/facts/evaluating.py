"""Whether a module is in evaluation mode: by calls of `eval()` and `train()` in sight."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

if TYPE_CHECKING:
    from ..file import File

_MODES = frozenset({"eval", "train"})


class Evaluating:
    """The modes of the modules of one file."""

    def __init__(self, file: File) -> None:
        self._file = file

    def surely(self, statement: cst.CSTNode, model: cst.CSTNode) -> bool:
        """Whether a module is surely in evaluation mode at a place: set to it before, in a block around that."""
        for child, above in self._file.context.ancestors(statement):
            if isinstance(above, cst.IndentedBlock | cst.Module):
                before = [one for one in above.body if one is not child and self._file.before(one, child)]
                modes = [mode for one in before if (mode := self.sets(one, model)) is not None]
                if modes:
                    return modes[-1] == "eval"
            if isinstance(above, cst.FunctionDef):
                return False
        return False

    def sets(self, statement: cst.CSTNode, model: cst.CSTNode) -> str | None:
        """`eval` or `train` when a statement is that call on the model."""
        match statement:
            case cst.SimpleStatementLine(body=[cst.Expr(value=cst.Call() as call)]):
                pass
            case cst.SimpleStatementLine(body=[cst.Assign(value=cst.Call() as call)]):
                pass
            case _:
                return None
        if not isinstance(call.func, cst.Attribute):
            return None
        # What holds a module puts it into its own mode: `self.eval()` and `self.decoder(x)`.
        owner, wanted = self._file.text_of(call.func.value), self._file.text_of(model)
        if wanted != owner and not wanted.startswith(f"{owner}."):
            return None
        match call.func.attr.value, call.args:
            case "eval", []:
                return "eval"
            case "train", [cst.Arg(value=cst.Name("False"))]:
                return "eval"
            case "train", _:
                return "train"
        return None

    def by_file(self, model: cst.CSTNode, *, by_script: bool = False) -> bool:
        """Whether `.eval()` is called on the model in the file, or where it is made, and `.train()` nowhere.

        With `by_script` only a call at module level counts, for a model that the whole script shares.
        """
        wanted, found = self._file.text_of(model), self._comes_evaluating(model, by_script=by_script)
        for call in self._file.calls.named(_MODES):
            match call.func:
                case cst.Attribute(value=owner, attr=cst.Name(value=mode)):
                    here = self._file.text_of(owner) == wanted or self._bound_to(call, wanted)
                    if here and mode == "train":
                        return False
                    if here and not call.args and not (by_script and self._file.context.function(call)):
                        found = True
        return found

    def _comes_evaluating(self, model: cst.CSTNode, *, by_script: bool) -> bool:
        """Whether a function of another module makes the model and puts it into evaluation mode."""
        value = self._file.values.of(model)
        if value is None or not isinstance(value.made, cst.Call):
            return False
        here = not by_script or self._file.context.function(value.made) is None
        return here and self._file.siblings.evaluates(value.made)

    def _bound_to(self, value: cst.CSTNode, wanted: str) -> bool:
        """Whether an expression is, but for methods chained behind it, what is assigned to a name or attribute."""
        current: cst.CSTNode | None = value
        while isinstance(current, cst.Call | cst.Attribute):
            value, current = current, self._file.parent(current)
        return isinstance(current, cst.Assign) and any(
            self._file.text_of(target.target) == wanted for target in current.targets
        )
