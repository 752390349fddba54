export interface Random {
  /** Returns a number in 0 ≤ x < 1. */
  next(): number;
  integer(from: number, to: number): number;
  pick<T>(from: readonly [T, ...T[]]): T;
}

/** Mulberry32: small, fast, and the same on every machine. It is not fit for secrets. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = state;
    x = Math.imul(x ^ (x >>> 15), x | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 4_294_967_296;
  };
  const integer = (from: number, to: number) => from + Math.floor(next() * (to - from + 1));
  return { next, integer, pick: (from) => from[integer(0, from.length - 1)] ?? from[0] };
}
