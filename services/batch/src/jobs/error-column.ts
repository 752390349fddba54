import type { TidemarkError } from '@tidemark/contracts';

/** The JSON of `jobs.error`: the shape of every error of the API, and the first failed items where there are some. Never a stack. */
export function errorColumn(error: TidemarkError, items?: unknown): string {
  const { code, message, details, hint } = error;
  return JSON.stringify({ code, message, details, hint, ...(items === undefined ? {} : { items }) });
}
