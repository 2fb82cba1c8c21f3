"""Code actions: the fix of a finding, a comment that ignores it, its page, and the fixes of a whole file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from lsprotocol import types as lsp

from ..finding import TextEdit, TextFix
from .ask import Remedies
from .clients import Abilities
from .positions import Text

#: Of a module, and of a notebook: an editor that saves one asks each cell for the first, and the whole for the second.
FIXES_ALL = ("source.fixAll.smellcheck", "notebook.source.fixAll.smellcheck")
SHOW_PAGE = "smellcheck.showPage"

_WORDS = {
    "unsafe": ("Unsafe fix", "It may change numerics, memory, order or randomness; the rule's page says which."),
    "suggestion": ("Suggestion", "It shows what could be written: read it before you keep it."),
}


@dataclass(frozen=True)
class Buffer:
    """The document that actions are for, as it was when they were asked for."""

    uri: str
    version: int | None
    text: Text
    abilities: Abilities

    def edit(self, edits: Sequence[TextEdit], safety: str = "safe", label: str = "") -> lsp.WorkspaceEdit:
        """The edits as the client wants them; those that are not safe need a confirmation where it can ask."""
        changes = self.text.edits(tuple(edits))
        if not self.abilities.versions_changes:
            return lsp.WorkspaceEdit(changes={self.uri: changes})
        document = lsp.OptionalVersionedTextDocumentIdentifier(self.uri, self.version)
        if safety == "safe" or not self.abilities.annotates:
            return lsp.WorkspaceEdit(document_changes=[lsp.TextDocumentEdit(document, list(changes))])
        kind, why = _WORDS[safety]
        annotated: list[Any] = [lsp.AnnotatedTextEdit("smellcheck", each.range, each.new_text) for each in changes]
        return lsp.WorkspaceEdit(
            document_changes=[lsp.TextDocumentEdit(document, annotated)],
            change_annotations={"smellcheck": lsp.ChangeAnnotation(f"{kind}: {label}", True, why)},
        )


def wanted(kind: str, only: Sequence[str] | None) -> bool:
    """Whether a client that asks for some kinds asks for this one."""
    return not only or any(asked == "" or kind == asked or kind.startswith(f"{asked}.") for asked in only)


def for_finding(
    remedies: Remedies, diagnostic: lsp.Diagnostic, buffer: Buffer, *, fixes: bool, comments: bool, page: bool
) -> Iterator[lsp.CodeAction]:
    """What can be done about one finding."""
    finding = remedies.finding
    if fixes and finding.fix is not None:
        action = _fix(finding.rule, finding.fix, remedies.fault, diagnostic, buffer)
        if action is not None:
            yield action
    if comments:
        for comment in (remedies.on_line, remedies.in_file):
            if comment is not None:
                yield lsp.CodeAction(
                    comment.title,
                    lsp.CodeActionKind.QuickFix,
                    [diagnostic],
                    edit=buffer.edit(comment.edits),
                )
    if page and buffer.abilities.shows_documents:
        title = f"Open the page of {finding.rule}"
        command = lsp.Command(title, SHOW_PAGE, arguments=[finding.rule])
        yield lsp.CodeAction(title, lsp.CodeActionKind.QuickFix, [diagnostic], command=command)


def _fix(
    rule: str, fix: TextFix, fault: str | None, diagnostic: lsp.Diagnostic, buffer: Buffer
) -> lsp.CodeAction | None:
    notes = {"safe": "", "unsafe": ", unsafe", "suggestion": ", suggestion"}
    title = f"{fix.title} ({rule}{notes[fix.safety]})"
    if fault is not None:
        if not buffer.abilities.knows_disabled:
            return None
        disabled = lsp.CodeActionDisabled(fault)
        return lsp.CodeAction(title, lsp.CodeActionKind.QuickFix, [diagnostic], disabled=disabled)
    return lsp.CodeAction(
        title,
        lsp.CodeActionKind.QuickFix,
        [diagnostic],
        is_preferred=True if fix.safety == "safe" else None,
        edit=buffer.edit(fix.edits, fix.safety, fix.title),
    )


def together(edits: Sequence[lsp.WorkspaceEdit]) -> lsp.WorkspaceEdit:
    """Safe edits of several texts as one."""
    if all(edit.changes is not None for edit in edits):
        return lsp.WorkspaceEdit(changes=dict(pair for edit in edits for pair in (edit.changes or {}).items()))
    return lsp.WorkspaceEdit(document_changes=[change for edit in edits for change in edit.document_changes or ()])
