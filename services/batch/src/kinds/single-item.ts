import type { SourcePage } from './job-kind.ts';

/** The page of a job whose only item is the whole work. */
export function singleItem(): SourcePage<null> {
  return { inputs: [null], cursor: null };
}
