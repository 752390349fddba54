/** Normal comes first every fourth time and low every sixteenth time, so that urgent work starves nothing. */
import type { Priority } from '@tidemark/contracts';

const NORMAL_FIRST_EVERY = 4;
const LOW_FIRST_EVERY = 16;

export function pullOrder(n: number): readonly Priority[] {
  if (n % LOW_FIRST_EVERY === LOW_FIRST_EVERY - 1) return ['low', 'high', 'normal'];
  if (n % NORMAL_FIRST_EVERY === NORMAL_FIRST_EVERY - 1) return ['normal', 'high', 'low'];
  return ['high', 'normal', 'low'];
}
