/** Somebody holds a lock for longer than a session of ours waits (session-settings.ts). */
export const isLocked = (error: unknown): boolean => (error as { code?: unknown }).code === '55P03';

/** Whether Postgres refused the question itself: an SQLSTATE other than those of a lost, full or starting server, of a timeout or a lock. */
export function isRefusal(error: unknown): boolean {
  const code = (error as { code?: unknown }).code;
  return (
    !isLocked(error) && typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && !/^(08|53|57|58|40|25)/.test(code)
  );
}
