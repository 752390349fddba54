import type { TidemarkError } from '@tidemark/contracts';

/** Returns the JSON of `jobs.error`: the form of every API error, and the first failed items. It never contains a stack. */
export function errorColumn(error: TidemarkError, items?: unknown): string {
  const { code, message, details, hint } = error;
  return JSON.stringify({ code, message, details, hint, ...(items === undefined ? {} : { items }) });
}
