import { isRefusal } from '../is-refusal.ts';

/** Statements for one batch; then the rest stays undecided. About four failing rows among 500 are found. */
const MAX_QUESTIONS = 40;

/** Asks about all items at once, then about halves. Returns those that failed or stayed undecided. */
export async function bisectFailures<T>(
  items: readonly T[],
  ask: (some: readonly T[]) => Promise<void>,
): Promise<ReadonlyMap<T, string | undefined>> {
  const failed = new Map<T, string | undefined>();
  let questions = 0;
  const askApart = async (some: readonly T[]): Promise<void> => {
    questions += 1;
    let code: string | undefined;
    try {
      if (questions <= MAX_QUESTIONS) return await ask(some);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      code = (error as { code: string }).code;
      // A statement that fails without any row does not fail for a value.
      if (questions === 1) await ask([]);
      if (some.length > 1) {
        const middle = some.length >> 1;
        await askApart(some.slice(0, middle));
        await askApart(some.slice(middle));
        return;
      }
    }
    for (const item of some) failed.set(item, code);
  };
  if (items.length > 0) await askApart(items);
  return failed;
}
