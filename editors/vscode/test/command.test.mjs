/** The choice of the program, and the settings against those that the server knows. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { test } from "node:test";

const { program, advice } = createRequire(import.meta.url)("../dist/command.js");
const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
const none = { path: [], interpreter: "", args: [] };
const around = (there = [], python = undefined, windows = false) => ({
  python,
  exists: (path) => there.includes(path),
  expand: (path) => path.replace("${workspaceFolder}", "/project"),
  windows,
});

test("a program that the settings name comes first, when it is there", () => {
  const settings = { ...none, path: ["/gone", "${workspaceFolder}/bin/smellcheck"], interpreter: "/python" };
  const found = program(settings, around(["/project/bin/smellcheck"]));
  assert.deepEqual(found, { command: "/project/bin/smellcheck", args: ["server"] });
});

test("then the interpreter that they name", () => {
  const found = program({ ...none, interpreter: "/python", args: ["--log-file", "x"] }, around([], "/other"));
  assert.deepEqual(found, { command: "/python", args: ["-m", "smellcheck", "server", "--log-file", "x"] });
});

test("then what stands beside the project's interpreter, or that interpreter", () => {
  const beside = program(none, around(["/venv/bin/smellcheck"], "/venv/bin/python"));
  assert.deepEqual(beside, { command: "/venv/bin/smellcheck", args: ["server"] });
  const itself = program(none, around([], "/venv/bin/python"));
  assert.deepEqual(itself, { command: "/venv/bin/python", args: ["-m", "smellcheck", "server"] });
  const windows = program(none, around(["C:\\v\\Scripts\\smellcheck.exe"], "C:\\v\\Scripts\\python.exe", true));
  assert.equal(windows.command, "C:\\v\\Scripts\\smellcheck.exe");
});

test("then the search path", () => {
  assert.deepEqual(program(none, around()), { command: "smellcheck", args: ["server"] });
});

test("a server that does not start is told with the way to install it", () => {
  const words = advice({ command: "smellcheck", args: ["server"] }, new Error("ENOENT"));
  assert.match(words, /`smellcheck server` did not start \(ENOENT\).*smellcheck-ai\[lsp\]/);
});

test("the settings are those that the server knows, with its defaults", (context) => {
  const script = "import json; from smellcheck.server.configuration import KEYS; " +
    "print(json.dumps({name: default for name, (_, default) in KEYS.items()}))";
  let known;
  try {
    known = JSON.parse(execFileSync(process.env.PYTHON ?? "python3", ["-c", script], { stdio: ["ignore", "pipe", "ignore"] }));
  } catch {
    context.skip("needs a Python with smellcheck-ai[lsp]: name it in PYTHON");
    return;
  }
  const ours = ["path", "interpreter", "args", "trace.server"].map((name) => `smellcheck.${name}`);
  const declared = Object.entries(manifest.contributes.configuration.properties).filter(([name]) => !ours.includes(name));
  const defaults = Object.fromEntries(declared.map(([name, about]) => [name.replace("smellcheck.", ""), about.default]));
  assert.deepEqual(defaults, known);
});
