/** Collects the failures of `turbo run test` from its output, so that they can be printed at the end. */
import { Parser } from 'tap-parser';

/** Number of failures printed in full. More failures mostly have one cause, and the output above contains all of them. */
const MAX_FAILURES = 50;
/** Lines of a diagnostic block: the first ones show the expected and the actual value, the last ones the place. */
const FIRST_LINES = 28;
const LAST_LINES = 12;
/** Characters of a line; one line may contain a whole response. */
const MAX_CHARACTERS = 300;

export class FailedTests {
  /** One parser for each package, because turbo mixes the lines of packages that run at the same time. */
  #parsers = new Map();
  #printed = [];
  #omitted = 0;
  /** The failed test files of each package. */
  #files = new Map();

  /** Reads a line of turbo's output without colours, `<package>:test: <TAP>`; ignores other lines. */
  readLine(line) {
    const [, name, tap] = /^(\S+):test: ?(.*)$/.exec(line) ?? [];
    if (name === undefined) return;
    if (!this.#parsers.has(name)) this.#parsers.set(name, this.#parser(name));
    this.#parsers.get(name).write(`${tap}\n`);
  }

  #parser(name) {
    let failures = 0;
    const follow = (parser, path) => {
      let before;
      parser.on('child', (child) => {
        before = failures;
        follow(child, [...path, child.name]);
      });
      parser.on('assert', ({ ok, todo, skip, name, diag }) => {
        // The parent of a failed test also fails, and is not printed; a test that was cut off fails by itself.
        const isParent = before !== undefined && failures > before;
        before = undefined;
        if (ok || todo || skip || isParent) return;
        failures += 1;
        const all = [...path, name];
        this.#files.set(all[0], (this.#files.get(all[0]) ?? new Set()).add(all[1]));
        this.#add(all, diag);
      });
    };
    const parser = new Parser();
    follow(parser, [name]);
    return parser;
  }

  /** `path` is package, file, test, …, assertion. */
  #add(path, diag) {
    if (this.#printed.length === MAX_FAILURES) this.#omitted += 1;
    else this.#printed.push([`not ok - ${path.join(' > ')}`, ...block(diag)].map(cut).join('\n'));
  }

  /** Returns `[package, file]` for each failed file. */
  files() {
    for (const parser of this.#parsers.values()) parser.end();
    return [...this.#files].flatMap(([name, files]) => [...files].map((file) => [name, file]));
  }

  /** Returns the failures as text; empty when there are none. */
  summary() {
    for (const parser of this.#parsers.values()) parser.end();
    const rest = this.#omitted > 0 ? [`and ${this.#omitted} more: search for "not ok" above`] : [];
    return [...this.#printed, ...rest].join('\n\n');
  }
}

/** Returns the diagnostic block as lines of YAML, as in TAP. */
function block(diag) {
  if (!diag) return [];
  const [, ...lines] = Parser.stringify([['assert', { name: '', diag }]])
    .trimEnd()
    .split('\n');
  const more = lines.length - FIRST_LINES - LAST_LINES;
  if (more <= 0) return lines;
  return [...lines.slice(0, FIRST_LINES), `  … (${more} lines, which are above)`, ...lines.slice(-LAST_LINES)];
}

const cut = (line) => (line.length > MAX_CHARACTERS ? `${line.slice(0, MAX_CHARACTERS)}…` : line);
