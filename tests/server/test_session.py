"""Sessions with the real server, by what several editors say of themselves."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from .conftest import Play
from .editor import SMELLY, Editor, abilities, editing, edits_of, lsp, place

#: What the bundled editors and a bare one can do, and the encodings that they ask for.
EDITORS = [
    ("bare", (), False),
    ("visual_studio_code", (), False),
    ("visual_studio_code", ("utf-16",), True),
    ("neovim@0.7", (), False),
    ("neovim@0.11", ("utf-8", "utf-16", "utf-32"), True),
    ("emacs", ("utf-32", "utf-8", "utf-16"), False),
]
WIDE = (
    'import torch\n\n\ndef f(net, ß):\n    "😀é"; net.eval(); a = "é😀𝒳"; return "😀", net(ß.cuda()).argmax(1).item()\n'
)


def whole(editor: Editor, uri: str) -> lsp.Range:
    text = editor.buffers[uri]
    return lsp.Range(lsp.Position(0, 0), place(text, len(text), editor.encoding))


async def diagnostics(editor: Editor, uri: str, *, pulls: bool) -> Any:
    return list((await editor.pull(uri)).items) if pulls else list(await editor.pushed(uri))


@pytest.mark.parametrize(("name", "encodings", "pulls"), EDITORS)
def test_an_editor_shows_and_mends_what_the_command_line_does(
    name: str, encodings: tuple[str, ...], pulls: bool, folder: Path, play: Play, smellcheck: Any
) -> None:
    text = SMELLY.replace("    correct = 0\n", '    correct = "😀é" and 0\n') + "\n\n" + WIDE[14:]
    (folder / "a.py").write_text(text, encoding="utf-8")
    told = smellcheck("a.py", "--output-format", "json")["findings"]
    assert {finding["rule"] for finding in told} == {"redundant-device-transfer", "missing-no-grad"}

    async def session() -> None:
        async with editing(folder, abilities(name, encodings, pulls=pulls)) as editor:
            assert editor.encoding == (encodings[0] if encodings else "utf-16")
            uri = editor.open("a.py", text)
            found = await diagnostics(editor, uri, pulls=pulls)
            assert [(each.code, each.message) for each in found] == [(one["rule"], one["message"]) for one in told]
            lines = text.split("\n")
            for each, one in zip(found, told, strict=True):
                start, end = one["range"]["start"], one["range"]["end"]
                assert start["line"] == end["line"]
                expected = lines[start["line"] - 1][start["column"] - 1 : end["column"] - 1]
                assert editor.text_at(uri, each.range) == expected
                assert each.source == "smellcheck"
            (action,) = await editor.actions(uri, whole(editor, uri), "source.fixAll")
            assert action.kind == "source.fixAll.smellcheck"
            mended = await editor.apply(uri, action)
            smellcheck("a.py", "--fix")
            assert mended == (folder / "a.py").read_text(encoding="utf-8") != text

    play(session())


def test_quick_fixes_say_how_safe_they_are(folder: Path, play: Play) -> None:
    async def session() -> None:
        async with editing(folder, abilities("visual_studio_code", pulls=True)) as editor:
            uri = editor.open("a.py", SMELLY)
            found = (await editor.pull(uri)).items
            first, last = found[0], found[-1]
            (safe, *rest) = await editor.actions(uri, first.range, "quickfix")
            assert safe.is_preferred
            assert [each.code for each in safe.diagnostics or ()] == ["redundant-device-transfer"]
            # What only runs a command is taken by this client's library for something else.
            assert not any(each.is_preferred for each in rest if isinstance(each, lsp.CodeAction))
            (change,) = safe.edit.document_changes
            assert change.text_document.version == 1
            assert safe.edit.change_annotations is None
            (unsafe, *_) = await editor.actions(uri, last.range, "quickfix")
            assert unsafe.title.endswith("(missing-no-grad, unsafe)")
            assert not unsafe.is_preferred
            (annotation,) = unsafe.edit.change_annotations.values()
            assert annotation.needs_confirmation
            assert all(edit.annotation_id in unsafe.edit.change_annotations for edit in edits_of(unsafe.edit, uri))
            assert "@torch.no_grad()\ndef evaluate" in await editor.apply(uri, unsafe)
            assert await editor.actions(uri, first.range, "refactor") == []

    play(session())


def test_a_finding_can_be_ignored_on_its_line_and_in_its_file(folder: Path, play: Play) -> None:
    async def session() -> None:
        async with editing(folder, abilities("bare")) as editor:
            uri = editor.open("a.py", "#!/usr/bin/env python\n" + SMELLY)
            found = await editor.pushed(uri)
            last = found[-1]
            titles = {action.title: action for action in await editor.actions(uri, last.range)}
            here = await editor.apply(uri, titles["Ignore missing-no-grad on this line"])
            assert "logits = model(images.to(device))  # smellcheck: ignore[missing-no-grad]\n" in here
            everywhere = await editor.apply(uri, titles["Ignore missing-no-grad in this file"])
            assert everywhere.startswith("#!/usr/bin/env python\n# smellcheck: file-ignore[missing-no-grad]\nimport")
            for text in (here, everywhere):
                editor.type(uri, 0, len(editor.buffers[uri]), text)
                left = await editor.pushed(uri, lambda items: len(items) == len(found) - 1)
                assert {each.code for each in left} == {"redundant-device-transfer"}

    play(session())


def test_a_pull_is_answered_with_unchanged_when_nothing_changed(folder: Path, play: Play) -> None:
    async def session() -> None:
        async with editing(folder, abilities("neovim@0.11", pulls=True)) as editor:
            uri = editor.open("a.py", SMELLY)
            first = await editor.pull(uri)
            assert first.kind == "full"
            assert first.result_id
            assert (await editor.pull(uri, first.result_id)).kind == "unchanged"
            editor.type(uri, 0, 0, "# a comment\n")
            second = await editor.pull(uri, first.result_id)
            assert second.kind == "full"
            assert second.result_id != first.result_id
            assert second.items[0].range.start.line == first.items[0].range.start.line + 1
            assert uri not in editor.client.diagnostics, "who pulls is not pushed to"
            diagnostic = first.items[-1]
            assert diagnostic.code_description.href.endswith("missing_no_grad.md")
            assert diagnostic.data["applicability"] == "unsafe"
            assert diagnostic.data["edits"][0]["newText"] == "@torch.no_grad()\n"

    play(session())


def test_a_broken_buffer_shows_only_its_syntax_error(folder: Path, play: Play) -> None:
    async def session() -> None:
        async with editing(folder, abilities("visual_studio_code")) as editor:
            uri = editor.open("a.py", SMELLY)
            count = len(await editor.pushed(uri))
            editor.type(uri, len(SMELLY), len(SMELLY), "\ndef half(:\n")
            (error,) = await editor.pushed(uri, lambda items: len(items) == 1)
            assert error.code == "syntax-error"
            assert error.severity == lsp.DiagnosticSeverity.Error
            assert editor.text_at(uri, error.range) == "def half(:"
            assert await editor.actions(uri, whole(editor, uri)) == []
            editor.type(uri, len(SMELLY), len(editor.buffers[uri]), "")
            await editor.pushed(uri, lambda items: len(items) == count)
            # What no parser of ours survives is told as well, and the next text is checked.
            deep = editor.open("deep.py", "import torch\nx = " + "(" * 5000 + ")" * 5000 + "\n")
            await editor.pushed(deep, lambda items: items is not None)
            editor.open("b.py", SMELLY)
            await editor.pushed(editor.uri("b.py"), lambda items: len(items) == count)

    play(session())


def test_hover_shows_the_page(folder: Path, play: Play) -> None:
    async def session() -> None:
        async with editing(folder, abilities("visual_studio_code", pulls=True)) as editor:
            text = SMELLY + "x = 1  # smellcheck: ignore[float64-tensor]\n"
            uri = editor.open("a.py", text)
            said = await editor.hover(uri, text.index("model(images") + 2)
            assert said is not None
            assert "# Missing no_grad" in said
            assert "## Fix safety" in said
            assert "missing_no_grad.md" in said
            assert "records a graph that nothing reads" in said
            named = await editor.hover(uri, text.index("float64-tensor") + 3)
            assert named is not None
            assert "float64_tensor.md" in named
            assert await editor.hover(uri, text.index("import")) is None

    play(session())


def test_the_page_opens(folder: Path, play: Play) -> None:
    async def session() -> None:
        capabilities = abilities("visual_studio_code", pulls=True)
        async with editing(folder, capabilities) as editor:
            uri = editor.open("a.py", SMELLY)
            found = (await editor.pull(uri)).items
            actions = await editor.actions(uri, found[-1].range)
            assert "Open the page of missing-no-grad" in [each.title for each in actions]
            params = lsp.ExecuteCommandParams("smellcheck.showPage", ["missing-no-grad"])
            await editor.client.workspace_execute_command_async(params)
            (shown,) = editor.client.shown_documents
            assert Path(shown.uri.removeprefix("file://")).read_text(encoding="utf-8").startswith("# Missing no_grad")

    play(session())


def test_configuration_files_hold_and_are_watched(folder: Path, play: Play, smellcheck: Any) -> None:
    config = folder / "pyproject.toml"
    (folder / "lib").mkdir()
    config.write_text('[tool.smellcheck]\nper-file-ignores = {"lib/**" = ["torch"]}\n', encoding="utf-8")

    async def session() -> None:
        async with editing(folder, abilities("visual_studio_code", pulls=True)) as editor:
            inside, outside = editor.open("lib/a.py", SMELLY), editor.open("a.py", SMELLY)
            left_out = editor.open("build/a.py", SMELLY)
            untitled = editor.open("untitled:Untitled-1", SMELLY)
            stub = editor.open("a.pyi", SMELLY)
            other = editor.open("a.txt", SMELLY, "plaintext")
            assert [len((await editor.pull(uri)).items) for uri in (inside, left_out, stub, other)] == [0] * 4
            count = len((await editor.pull(outside)).items)
            assert count == len((await editor.pull(untitled)).items) == 3
            config.write_text('[tool.smellcheck]\nignore = ["missing-no-grad"]\n', encoding="utf-8")
            change = lsp.FileEvent(config.as_uri(), lsp.FileChangeType.Changed)
            editor.client.workspace_did_change_watched_files(lsp.DidChangeWatchedFilesParams([change]))
            for uri, name in ((inside, "lib/a.py"), (outside, "a.py")):
                (folder / name).write_text(SMELLY, encoding="utf-8")
                told = smellcheck(name, "--output-format", "json")["findings"]
                found = (await editor.pull(uri)).items
                assert (
                    [each.code for each in found] == [one["rule"] for one in told] == ["redundant-device-transfer"] * 2
                )
            assert editor.client.diagnostic_refresh_count >= 1
            config.write_text("[tool.smellcheck]\nignores = []\n", encoding="utf-8")
            editor.client.workspace_did_change_watched_files(lsp.DidChangeWatchedFilesParams([change]))
            assert list((await editor.pull(outside)).items) == []
            assert any("unknown key `ignores`" in each.message for each in editor.client.messages)

    play(session())


def test_the_editor_has_settings_of_its_own(folder: Path, play: Play) -> None:
    (folder / "smellcheck.toml").write_text('ignore = ["missing-no-grad"]\n', encoding="utf-8")

    async def codes(settings: dict[str, Any]) -> set[Any]:
        async with editing(folder, abilities("visual_studio_code", pulls=True), settings=settings) as editor:
            found = (await editor.pull(editor.open("a.py", SMELLY))).items
            return {each.code for each in found} | {each.message for each in editor.client.messages}

    async def session() -> None:
        both = {"missing-no-grad", "redundant-device-transfer"}
        assert await codes({}) == {"redundant-device-transfer"}
        assert await codes({"lint": {"select": ["missing-no-grad"]}}) == {"missing-no-grad"}
        assert await codes({"configurationPreference": "editorOnly"}) == both
        yields = {"configurationPreference": "filesystemFirst", "lint": {"ignore": ["torch"]}}
        assert await codes(yields) == {"redundant-device-transfer"}
        assert await codes({"enable": False}) == set()
        wrong = await codes({"lint": {"selekt": ["torch"]}, "enable": 3})
        assert any("did you mean `lint.select`" in str(each) for each in wrong)
        assert any("`smellcheck.enable` cannot be 3" in str(each) for each in wrong)
        assert "redundant-device-transfer" in wrong
        unknown = await codes({"lint": {"select": ["no-such-rule"]}})
        assert any("no-such-rule" in str(each) for each in unknown)

    play(session())


def test_typing_is_never_waited_for_and_only_the_last_state_is_told(folder: Path, play: Play) -> None:
    async def session() -> None:
        async with editing(folder, abilities("neovim@0.11", pulls=True)) as editor:
            big = SMELLY + "".join(f"\n\ndef f{n}(x):\n    return x + {n}\n" for n in range(400))
            uri = editor.open("a.py", big)
            before = (await editor.pull(uri)).items
            waiting = []
            for step in range(30):
                editor.type(uri, 0, 0, "# one more line\n")
                waiting.append(asyncio.ensure_future(editor.pull(uri)))
                if step % 3 == 0:
                    waiting[-1].cancel()
            answers = await asyncio.gather(*waiting, return_exceptions=True)
            shifted = [each.range.start.line + 30 for each in before]
            last = answers[-1]
            assert not isinstance(last, BaseException)
            assert [each.range.start.line for each in last.items] == shifted
            assert all(isinstance(each, asyncio.CancelledError) for each in answers[::3])
            assert await editor.hover(uri, editor.buffers[uri].index("model(images") + 1)

    play(session())


def test_many_small_changes_leave_the_text_that_the_editor_has(folder: Path, play: Play) -> None:
    import random

    pieces = ["é", "😀", "\n", "\u2028", "\x0c", "x = 1\n", "\r\n", "#", " "]

    async def session() -> None:
        for encoding in ("utf-8", "utf-16", "utf-32"):
            rng = random.Random(encoding)
            async with editing(folder, abilities("neovim@0.11", (encoding,), pulls=True)) as editor:
                head = '"""\n'
                uri = editor.open("a.py", f'{head}"""\n{SMELLY}')
                for _ in range(120):
                    end = editor.buffers[uri].index('"""', 3)
                    start = rng.randint(len(head), end)
                    stop = min(end, start + rng.choice((0, 0, 1, 3)))
                    # A position between the two halves of a newline is none.
                    if "\r" in editor.buffers[uri][max(start - 1, 0) : stop + 1]:
                        continue
                    editor.type(uri, start, stop, rng.choice(pieces))
                found = (await editor.pull(uri)).items
                assert len(found) == 3
                assert editor.text_at(uri, found[-1].range) == "model(images.to(device))"

    play(session())


def test_a_closed_document_shows_nothing(folder: Path, play: Play) -> None:
    async def session() -> None:
        async with editing(folder, abilities("bare")) as editor:
            uri = editor.open("a.py", SMELLY)
            await editor.pushed(uri)
            closing = lsp.DidCloseTextDocumentParams(lsp.TextDocumentIdentifier(uri))
            editor.client.text_document_did_close(closing)
            assert list(await editor.pushed(uri, lambda items: not items)) == []
            assert await editor.actions(uri, lsp.Range(lsp.Position(0, 0), lsp.Position(9, 0))) == []

    play(session())


_NET = """import torch


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(8, 8)

    def forward(self, x):
        return self.layer(x)


def load():
    return Net().eval()
"""
_SCORE = """import torch
from net import load


class Scorer:
    def __init__(self):
        self.net = load()

    def score(self, x):
        return self.net(x)[0].tolist()
"""


@pytest.mark.parametrize("pulls", [False, True])
def test_what_is_open_and_not_saved_counts_for_other_modules(folder: Path, play: Play, pulls: bool) -> None:
    (folder / "setup.cfg").touch()
    (folder / "net.py").write_text("def load(): ...\n")

    async def session() -> None:
        async with editing(folder, abilities("visual-studio-code", pulls=pulls)) as editor:
            score = editor.open("score.py", _SCORE)
            assert await told(editor, score, []) == []
            net = editor.open("net.py", "def load(): ...\n")
            editor.type(net, 0, len(editor.buffers[net]), _NET)
            assert await told(editor, score, ["missing-no-grad"]) == ["missing-no-grad"]
            editor.client.text_document_did_close(lsp.DidCloseTextDocumentParams(lsp.TextDocumentIdentifier(net)))
            assert await told(editor, score, []) == []

    async def told(editor: Editor, uri: str, wanted: list[str]) -> list[str]:
        """The rules of the findings that are shown, waited for where the server pushes them."""
        if pulls:
            return [str(each.code) for each in (await editor.pull(uri)).items]
        found = await editor.pushed(uri, lambda found: [each.code for each in found] == wanted)
        return [str(each.code) for each in found]

    play(session())
