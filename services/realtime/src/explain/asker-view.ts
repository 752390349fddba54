/** Operators see the values of a row that Postgres shows under their role and claims; they have no other rights. */
import { TidemarkError } from '@tidemark/contracts';
import type { Database, Identity } from '@tidemark/db';
import type { ChangeEnvelope } from '../changes/envelope.ts';
import type { RowImage } from '../changes/row-image.ts';
import { isRefusal } from '../is-refusal.ts';
import { visibleImages } from '../rls/visible-images.ts';
import { inSchema } from '../session-settings.ts';
import type { FactsCache } from '../tables/facts-cache.ts';
import type { TableFacts } from '../tables/table-facts.ts';

export const OPERATORS = 'operators';

export interface AskerView {
  shows(image: RowImage, column: string): boolean;
  /** Why values are hidden, and what would show them; null where all are shown. */
  withheld: string | null;
}

export async function askerView(
  { database, facts }: { database: Database; facts: FactsCache },
  asker: Identity,
  { schema, table }: TableFacts,
  images: readonly RowImage[],
  last: ChangeEnvelope,
): Promise<AskerView> {
  try {
    const own = await facts.get(asker, schema, table, OPERATORS);
    const seen = await seenImages(database, asker, own, images, last);
    const lacking = own.columns.filter(({ readable }) => !readable).map(({ name }) => name);
    return {
      shows: (image, column) => seen.has(image) && !lacking.includes(column),
      withheld: withheld(asker, own, images.length - seen.size, lacking),
    };
  } catch (error) {
    if (!isRefusal(error)) throw error;
    // Postgres's message may hold values, so only the code is shown.
    const { code, message, hint } = error as TidemarkError;
    const reason = error instanceof TidemarkError ? `${message}: ${hint}` : `Postgres refused (SQLSTATE ${code})`;
    return { shows: () => false, withheld: `values are not shown to ${asker.role}: ${reason}` };
  }
}

/** Evaluates the policies over whole rows only: a missing column would be NULL. */
async function seenImages(
  database: Database,
  asker: Identity,
  own: TableFacts,
  images: readonly RowImage[],
  last: ChangeEnvelope,
): Promise<ReadonlySet<RowImage>> {
  if (own.policy === undefined) return new Set(images);
  const known = own.columns.filter(({ published }) => published).map(({ name }) => name);
  const whole = images.filter((image) => image.has(known));
  const seen = await visibleImages(database, inSchema(asker, own.schema), own, whole, last);
  return seen.visible;
}

function withheld(
  { role }: Identity,
  { schema, table }: TableFacts,
  hidden: number,
  lacking: readonly string[],
): string | null {
  if (hidden > 0) {
    return `row-level security hides ${hidden} of the rows, old and new, from ${role}: a policy for select on ${schema}.${table} to ${role} that shows them would show their values`;
  }
  if (lacking.length === 0) return null;
  return `${role} may not read these columns: grant select (${lacking.join(', ')}) on ${schema}.${table} to ${role}`;
}
