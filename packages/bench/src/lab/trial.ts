import type { Stack, StackOptions } from '@tidemark/local-stack';
import type { Servers } from '../processes/services.ts';

export interface Trial {
  /** Name on the command line; the file in `trials/` has the same name. */
  readonly name: string;
  /** One sentence, true if all findings are ok. */
  readonly claim: string;
  /** Time limit of a full run, if the lab's limit is too short. */
  readonly limitMs?: number;
  run(context: TrialContext): Promise<Finding[]>;
}

export type Mode = 'quick' | 'full';

export interface TrialOptions {
  readonly quick: boolean;
  readonly seed?: number | undefined;
  readonly only?: string | undefined;
}

export interface TrialContext {
  /** A quick run takes a few seconds, beside other tests; only a full run measures speed. */
  readonly quick: boolean;
  readonly mode: Mode;
  readonly seed: number | undefined;
  /** A trial with several parts runs only those whose names contain it, or one of several separated by commas. */
  readonly only: string | undefined;
  log(line: string): void;
  /** Undo functions run at the end in reverse order, whatever happens; an error is a finding. */
  cleanup(undo: () => Promise<void>): void;
  stopAtEnd<Resource extends { stop(): Promise<void> }>(resource: Resource): Resource;
  /** A trial that stops, pauses or floods a server needs its own stack. `sql` runs after the migrations. */
  ownStack(options?: Omit<StackOptions, 'home'>, sql?: string): Promise<Stack>;
  /** The stack is shared by trials. `sql` runs after the migrations. */
  database(sql?: string): Promise<Servers & { readonly replicaUrl: string }>;
}

export interface Finding {
  readonly what: string;
  readonly expected: string;
  readonly got: string;
  readonly ok: boolean;
}

export function atMost(what: string, max: number, got: number, unit = ''): Finding {
  return { what, expected: `≤ ${max}${unit}`, got: `${rounded(got)}${unit}`, ok: got <= max };
}

export function atLeast(what: string, min: number, got: number, unit = ''): Finding {
  return { what, expected: `≥ ${min}${unit}`, got: `${rounded(got)}${unit}`, ok: got >= min };
}

export function equal(what: string, expected: number | string | boolean, got: number | string | boolean): Finding {
  return { what, expected: String(expected), got: String(got), ok: expected === got };
}

/** `example` is the first occurrence. */
export function none(what: string, count: number, example: string | null = ''): Finding {
  return { what, expected: '0', got: `${count} ${example ?? ''}`.trim(), ok: count === 0 };
}

const rounded = (value: number) => (Number.isInteger(value) ? String(value) : value.toFixed(2));
