/** Whether Postgres refused the question itself: an SQLSTATE other than those of a lost, full or starting server, or of a timeout. */
export function isRefusal(error: unknown): boolean {
  const code = (error as { code?: unknown }).code;
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && !/^(08|53|57|58|40|25)/.test(code);
}
