/**
 * Readiness: every check says undefined, or in a sentence why this instance should get no work.
 */
export type Check = () => string | undefined | Promise<string | undefined>;

export interface Health {
  add(name: string, check: Check): void;
  /** What is not as it should be, but no reason to get no work: shown by /readyz, which stays 200. */
  warn(name: string, check: Check): void;
  /** `<name>: <why>` for each check that `warn` has added and that says something. */
  warnings(): Promise<string[]>;
  /** `<name>: <why>` for each check that fails; a check that throws or takes over a second fails. */
  problems(): Promise<string[]>;
  /** The same without the reasons, which name addresses and users: what a stranger may see. */
  namesOnly(lines: readonly string[]): string[];
  /** From now on not ready, for the reason given: the first step of a shutdown. */
  drain(reason: string): void;
}

/** A probe's own time limit is commonly one second. */
const CHECK_TIMEOUT_MS = 900;

export function createHealth(): Health {
  const checks = new Map<string, Check>();
  const softChecks = new Map<string, Check>();
  let draining: string | undefined;
  return {
    add(name, check) {
      checks.set(name, check);
    },
    warn(name, check) {
      softChecks.set(name, check);
    },
    warnings: () => failing(softChecks),
    drain(reason) {
      draining = reason;
    },
    async problems() {
      const problems = await failing(checks);
      return draining ? [draining, ...problems] : problems;
    },
    namesOnly: (lines) => lines.map((line) => (line === draining ? line : line.slice(0, line.indexOf(SEPARATOR)))),
  };
}

async function failing(checks: ReadonlyMap<string, Check>): Promise<string[]> {
  const found = await Promise.all([...checks].map(async ([name, check]) => prefix(name, await run(check))));
  return found.filter((problem) => problem !== undefined);
}

const SEPARATOR = ': ';
const prefix = (name: string, problem: string | undefined) => (problem ? `${name}${SEPARATOR}${problem}` : undefined);

async function run(check: Check): Promise<string | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(resolve, CHECK_TIMEOUT_MS, `no answer within ${CHECK_TIMEOUT_MS} ms`);
  });
  try {
    return await Promise.race([(async () => check())(), late]);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    clearTimeout(timer);
  }
}
