/** 55P03 lock_not_available: a lock was held longer than our sessions wait (session-settings.ts). */
export const isLocked = (error: unknown): boolean => (error as { code?: unknown }).code === '55P03';

/** SQLSTATEs of a lost, full or starting server, a timeout or a lock are no refusal of the statement itself. */
export function isRefusal(error: unknown): boolean {
  const code = (error as { code?: unknown }).code;
  return (
    !isLocked(error) && typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && !/^(08|53|57|58|40|25)/.test(code)
  );
}
