/** Starts `smellcheck server` for the folders that are open, and starts it anew when its settings change. */

import { accessSync, constants } from "node:fs";
import * as vscode from "vscode";
import { LanguageClient, TransportKind, type LanguageClientOptions, type ServerOptions } from "vscode-languageclient/node";
import { advice, program, type Program } from "./command";

let client: LanguageClient | undefined;
/** Starting and stopping never overlap. */
let turn: Promise<void> = Promise.resolve();

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  const output = vscode.window.createOutputChannel("smellcheck", { log: true });
  const restart = (): Promise<void> => (turn = turn.then(stop).then(() => start(output)));
  context.subscriptions.push(
    output,
    vscode.commands.registerCommand("smellcheck.restart", restart),
    vscode.commands.registerCommand("smellcheck.fixFile", () => fix("smellcheck.applyAutofix")),
    vscode.commands.registerCommand("smellcheck.fixFileUnsafe", () => fix("smellcheck.applyUnsafeFixes")),
    vscode.workspace.onDidChangeConfiguration((event) => {
      const ofProgram = ["path", "interpreter", "args"].some((key) => event.affectsConfiguration(`smellcheck.${key}`));
      if (ofProgram) {
        void restart();
      }
    }),
  );
  await restart();
}

export function deactivate(): Promise<void> {
  return (turn = turn.then(stop));
}

async function start(output: vscode.LogOutputChannel): Promise<void> {
  const found = await find();
  output.info(`starting ${[found.command, ...found.args].join(" ")}`);
  const server: ServerOptions = { command: found.command, args: found.args, transport: TransportKind.stdio };
  const options: LanguageClientOptions = {
    documentSelector: [
      { scheme: "file", language: "python" },
      { scheme: "untitled", language: "python" },
      { scheme: "vscode-notebook-cell", language: "python" },
    ],
    outputChannel: output,
    synchronize: { configurationSection: "smellcheck" },
  };
  client = new LanguageClient("smellcheck", "smellcheck", server, options);
  try {
    await client.start();
  } catch (error) {
    client = undefined;
    void vscode.window.showErrorMessage(advice(found, error));
  }
}

async function stop(): Promise<void> {
  const running = client;
  client = undefined;
  await running?.dispose();
}

async function find(): Promise<Program> {
  const settings = vscode.workspace.getConfiguration("smellcheck");
  return program(
    {
      path: settings.get<string[]>("path", []),
      interpreter: settings.get<string>("interpreter", ""),
      args: settings.get<string[]>("args", []),
    },
    { python: await interpreter(), exists, expand, windows: process.platform === "win32" },
  );
}

/** The Python extension's choice for the first folder, when that extension is there. */
async function interpreter(): Promise<string | undefined> {
  const extension = vscode.extensions.getExtension("ms-python.python");
  if (extension === undefined) {
    return undefined;
  }
  const api: unknown = extension.isActive ? extension.exports : await extension.activate();
  const environments = (api as PythonApi | undefined)?.environments;
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri;
  const chosen = environments?.getActiveEnvironmentPath(folder);
  const resolved = chosen && (await environments?.resolveEnvironment(chosen));
  return resolved ? resolved.executable.uri?.fsPath : undefined;
}

interface PythonApi {
  environments: {
    getActiveEnvironmentPath(folder?: vscode.Uri): { path: string };
    resolveEnvironment(chosen: { path: string }): Promise<{ executable: { uri?: vscode.Uri } } | undefined>;
  };
}

async function fix(command: string): Promise<void> {
  const uri = vscode.window.activeTextEditor?.document.uri;
  if (client !== undefined && uri !== undefined) {
    const shown = client.code2ProtocolConverter.asUri(uri);
    await client.sendRequest("workspace/executeCommand", { command, arguments: [shown] });
  }
}

function exists(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function expand(path: string): string {
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath ?? "";
  const home = process.env.HOME ?? process.env.USERPROFILE ?? "";
  return path.replaceAll("${workspaceFolder}", folder).replaceAll("${userHome}", home).replace(/^~(?=[\\/])/, home);
}
