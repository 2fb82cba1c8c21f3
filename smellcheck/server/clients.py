"""What the client at the other end can do, read once from what it said of itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lsprotocol import types as lsp


@dataclass(frozen=True)
class Abilities:
    """What the server does differently for different clients."""

    pulls: bool = False
    refreshes: bool = False
    relates: bool = False
    versions_changes: bool = False
    annotates: bool = False
    resolves_edits: bool = False
    knows_disabled: bool = False
    markdown: bool = False
    configures: bool = False
    watches: bool = False
    shows_documents: bool = False
    code_descriptions: bool = False
    tags: bool = False
    data: bool = False

    @classmethod
    def of(cls, client: lsp.ClientCapabilities) -> Abilities:
        """The abilities of a client, whatever it left out."""

        def can(path: str) -> Any:
            value: Any = client
            for name in path.split("."):
                value = getattr(value, name, None)
            return value

        published = "text_document.publish_diagnostics"
        pulls = can("text_document.diagnostic") is not None
        resolvable = can("text_document.code_action.resolve_support.properties") or ()
        formats = can("text_document.hover.content_format") or ()
        return cls(
            pulls=pulls,
            refreshes=bool(can("workspace.diagnostics.refresh_support")),
            relates=bool(can("text_document.diagnostic.related_document_support")),
            versions_changes=bool(can("workspace.workspace_edit.document_changes")),
            annotates=bool(
                can("workspace.workspace_edit.change_annotation_support") is not None
                and can("workspace.workspace_edit.document_changes")
            ),
            resolves_edits="edit" in resolvable and bool(can("text_document.code_action.data_support")),
            knows_disabled=bool(can("text_document.code_action.disabled_support")),
            markdown=lsp.MarkupKind.Markdown in formats,
            configures=bool(can("workspace.configuration")),
            watches=bool(can("workspace.did_change_watched_files.dynamic_registration")),
            shows_documents=bool(can("window.show_document.support")),
            # Newer than the others; who pulls knows them.
            code_descriptions=pulls or bool(can(f"{published}.code_description_support")),
            tags=pulls or can(f"{published}.tag_support") is not None,
            data=pulls or bool(can(f"{published}.data_support")),
        )
