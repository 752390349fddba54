/** Which of many rows a refusal of Postgres is for. */
import { isRefusal } from '../is-refusal.ts';

/** Of one batch. What is not decided by then stays undecided: of 500 rows, some four that fail are found. */
const MAX_QUESTIONS = 40;

/**
 * Asks about all items at once; where a value of one makes that fail, by halves, until it is found.
 * @returns those that failed, with the SQLSTATE
 * @throws what `ask` throws where it does not depend on the items
 */
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
      // Without any row it fails as well where it is not for a value.
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
