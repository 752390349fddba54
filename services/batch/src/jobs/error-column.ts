import type { TidemarkError } from '@tidemark/contracts';

/** The column never contains a stack. */
export function errorColumn(error: TidemarkError, items?: unknown): string {
  const { code, message, details, hint } = error;
  return JSON.stringify({ code, message, details, hint, ...(items === undefined ? {} : { items }) });
}
