/** What failed in a run of `turbo run test`, gathered while its output goes by, to be told at the end of that output. */
import { Parser } from 'tap-parser';

/** Failures that are told in full: more of them mostly have one cause, and the output above has them all. */
const MOST_FAILURES = 50;
/** Lines of a failure's diagnostic block, from its begin (what was expected, what came) and its end (where): 40. */
const FIRST_LINES = 28;
const LAST_LINES = 12;
/** Characters of a line: a value in one line may be a whole answer. */
const MOST_CHARACTERS = 300;

export class FailedTests {
  /** One for each package, as the lines of packages that run at the same time are mixed. */
  #parsers = new Map();
  #told = [];
  #untold = 0;
  /** Files of each package in which something failed. */
  #files = new Map();

  /** Takes a line of turbo's output, without colours: `<package>:test: <TAP>`. Others are passed over. */
  hear(line) {
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
        // The test around one that failed has failed as well, which is told; one that was cut off fails by itself.
        const isTold = before !== undefined && failures > before;
        before = undefined;
        if (ok || todo || skip || isTold) return;
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

  /** `path`: package, file, test, …, assertion. */
  #add(path, diag) {
    if (this.#told.length === MOST_FAILURES) this.#untold += 1;
    else this.#told.push([`not ok - ${path.join(' > ')}`, ...block(diag)].map(cut).join('\n'));
  }

  /** `[package, file]` of what failed. */
  files() {
    for (const parser of this.#parsers.values()) parser.end();
    return [...this.#files].flatMap(([name, files]) => [...files].map((file) => [name, file]));
  }

  /** What failed, as text for people; empty when nothing did. */
  told() {
    for (const parser of this.#parsers.values()) parser.end();
    const rest = this.#untold > 0 ? [`and ${this.#untold} more: search for "not ok" above`] : [];
    return [...this.#told, ...rest].join('\n\n');
  }
}

/** The diagnostic block as TAP has it, which is YAML. */
function block(diag) {
  if (!diag) return [];
  const [, ...lines] = Parser.stringify([['assert', { name: '', diag }]])
    .trimEnd()
    .split('\n');
  const more = lines.length - FIRST_LINES - LAST_LINES;
  if (more <= 0) return lines;
  return [...lines.slice(0, FIRST_LINES), `  … (${more} lines, which are above)`, ...lines.slice(-LAST_LINES)];
}

const cut = (line) => (line.length > MOST_CHARACTERS ? `${line.slice(0, MOST_CHARACTERS)}…` : line);
