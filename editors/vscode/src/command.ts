/** Which program to start as the server: plain choices, with nothing of the editor in them. */

export interface Settings {
  path: readonly string[];
  interpreter: string;
  args: readonly string[];
}

export interface Surroundings {
  /** The Python that the Python extension has chosen. */
  python?: string;
  /** Whether a file is there and may be run. */
  exists(path: string): boolean;
  /** Replaces `${workspaceFolder}` and the like. */
  expand(path: string): string;
  windows: boolean;
}

export interface Program {
  command: string;
  args: string[];
}

/**
 * The first of: a program that the settings name, the interpreter that they name, `smellcheck` beside the project's
 * interpreter, that interpreter itself, and whatever `smellcheck` the search path has.
 */
export function program(settings: Settings, around: Surroundings): Program {
  const args = ["server", ...settings.args];
  for (const given of settings.path) {
    const path = around.expand(given);
    if (around.exists(path)) {
      return { command: path, args };
    }
  }
  if (settings.interpreter) {
    return module(around.expand(settings.interpreter), args);
  }
  if (around.python) {
    const beside = script(around.python, around.windows);
    return around.exists(beside) ? { command: beside, args } : module(around.python, args);
  }
  return { command: "smellcheck", args };
}

/** `python -m smellcheck`: it takes the folder that is edited off the path itself, before it imports anything. */
function module(python: string, args: string[]): Program {
  return { command: python, args: ["-m", "smellcheck", ...args] };
}

function script(python: string, windows: boolean): string {
  const separator = windows ? "\\" : "/";
  const folder = python.slice(0, Math.max(python.lastIndexOf("/"), windows ? python.lastIndexOf("\\") : -1));
  return [folder, windows ? "smellcheck.exe" : "smellcheck"].join(separator);
}

/** What to tell a user whose server did not start. */
export function advice(program: Program, error: unknown): string {
  const words = error instanceof Error ? error.message : String(error);
  const command = [program.command, ...program.args].join(" ");
  return `\`${command}\` did not start (${words}). Install it with: pip install "smellcheck-ai[lsp]"`;
}
