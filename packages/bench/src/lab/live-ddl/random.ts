import { random as generator } from '@tidemark/testing/live-checker';

export interface Random {
  /** Returns an integer from 0 to below `max`. */
  int(max: number): number;
  of<T>(list: readonly T[]): T;
  chance(share: number): boolean;
}

export function seededRandom(seed: number): Random {
  const next = generator(seed);
  const int = (max: number) => Math.floor(next() * max);
  return { int, of: (list) => list[int(list.length)]!, chance: (share) => next() < share };
}
