/** A trial breaks something on purpose and says what it found. Glossary of the fault lab. */
import type { TestDatabase, TestStack } from '@tidemark/testing';

export interface Trial {
  /** As on the command line; the file in `trials/` has the same name. */
  readonly name: string;
  /** One sentence, true when all findings are ok. */
  readonly claim: string;
  /** Of a full run, where the lab's own limit is too short. */
  readonly limitMs?: number;
  run(context: TrialContext): Promise<Finding[]>;
}

export interface TrialContext {
  /** At most 6 s: shows that the trial works and the claim holds in the small. */
  readonly quick: boolean;
  /** What a trial of random steps is to begin from; its own ones where it is absent. */
  readonly seed: number | undefined;
  /** A line of progress, shown with the trial's name. */
  log(line: string): void;
  /** Run at the end, last one first, whatever happened. One that fails is a finding that is not ok. */
  cleanup(undo: () => Promise<void>): void;
  /** The stack that trials share. Whoever stops, pauses or floods a server starts its own (`startTemporaryStack`). */
  stack(): Promise<TestStack>;
  /** A database of one's own on it, migrated, on primary and replica alike; dropped at the end. */
  database(): Promise<TestDatabase>;
}

export interface Finding {
  readonly what: string;
  /** What the claim asks for, such as `0` or `< 3,000 ms`. */
  readonly expected: string;
  readonly got: string;
  readonly ok: boolean;
}

/** A count or measure against its bound; `unit` is shown behind both. */
export function atMost(what: string, most: number, got: number, unit = ''): Finding {
  return { what, expected: `≤ ${most}${unit}`, got: `${rounded(got)}${unit}`, ok: got <= most };
}

export function atLeast(what: string, least: number, got: number, unit = ''): Finding {
  return { what, expected: `≥ ${least}${unit}`, got: `${rounded(got)}${unit}`, ok: got >= least };
}

export function equal(what: string, expected: number | string | boolean, got: number | string | boolean): Finding {
  return { what, expected: String(expected), got: String(got), ok: expected === got };
}

const rounded = (value: number) => (Number.isInteger(value) ? String(value) : value.toFixed(2));
