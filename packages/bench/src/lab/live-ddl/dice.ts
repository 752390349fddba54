import { random } from '@tidemark/testing/live-checker';

/** Seeded draws: the same ones in the same order for the same seed. */
export interface Dice {
  /** From 0 to below `max`. */
  int(max: number): number;
  of<T>(list: readonly T[]): T;
  chance(share: number): boolean;
}

export function dice(seed: number): Dice {
  const next = random(seed);
  const int = (max: number) => Math.floor(next() * max);
  return { int, of: (list) => list[int(list.length)]!, chance: (share) => next() < share };
}
