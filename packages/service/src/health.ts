import pTimeout from 'p-timeout';

/** A check returns undefined, or a sentence saying why this instance should receive no requests. */
export type Check = () => string | undefined | Promise<string | undefined>;

export interface Health {
  add(name: string, check: Check): void;
  warn(name: string, check: Check): void;
  warnings(): Promise<string[]>;
  /** A check that throws or exceeds its time limit fails. */
  problems(): Promise<string[]>;
  /** Removes the reasons, which contain addresses and users. */
  namesOnly(lines: readonly string[]): string[];
  drain(reason: string): void;
}

/** The time limit of a probe is commonly one second. */
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
  try {
    return await pTimeout(Promise.resolve(check()), {
      milliseconds: CHECK_TIMEOUT_MS,
      fallback: () => `no answer within ${CHECK_TIMEOUT_MS} ms`,
    });
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
