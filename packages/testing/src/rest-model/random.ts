/** A seeded source of choices: the same seed gives the same schemas and requests. */
export interface Random {
  /** An integer from 0 to n - 1. */
  below(n: number): number;
  chance(share: number): boolean;
  pick<T>(list: readonly T[]): T;
  /** Up to `max` different items, at least `min`. */
  some<T>(list: readonly T[], min: number, max: number): T[];
}

/** The generator mulberry32. */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (n: number) => Math.floor(next() * n);
  return {
    below,
    chance: (share) => next() < share,
    pick: (list) => list[below(list.length)] as never,
    some(list, min, max) {
      const left = [...list];
      const count = Math.min(left.length, min + below(max - min + 1));
      return Array.from({ length: count }, () => left.splice(below(left.length), 1)[0] as never);
    },
  };
}
