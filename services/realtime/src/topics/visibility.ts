/**
 * Row-level security on changes: the policies' own expressions over the row images, once for each class of rights and
 * batch, under its role and claims. Right for old and deleted rows too, which no longer are in the table.
 */
import { formatTidemark } from '@tidemark/contracts';
import { type Database, type Identity, identifier } from '@tidemark/db';
import type { ChangeEnvelope } from '../changes/envelope.ts';
import type { RowImage } from '../changes/row-image.ts';
import type { TableFacts } from './table-facts.ts';

/**
 * `ord` counts the images from 1. The alias is the table's own name, since a policy with a subquery refers to its columns by
 * it; the names around it are ones that no column has.
 */
export const policyStatement = (facts: TableFacts): string => `${imagesFrom(facts)}
where ${facts.policy}`;

/** Row images, given as a JSON array in $1, as rows of the table: up to a WHERE over its columns. */
export function imagesFrom(facts: TableFacts): string {
  const table = identifier(facts.table);
  return `select "tidemark ord"::int as ord
from jsonb_array_elements($1::jsonb) with ordinality as "tidemark images" ("tidemark image", "tidemark ord")
cross join lateral jsonb_populate_record(null::${identifier(facts.schema)}.${table}, "tidemark image") as ${table}`;
}

/**
 * Which of the images the identity may see. On a server that has got at least as far as `envelope`, so that a policy that
 * reads other tables sees what the transaction saw committed before it.
 * @throws Postgres's errors (PostgresError) where a policy fails, DB_ errors where no server answers
 */
export async function visibleImages(
  database: Database,
  identity: Identity,
  facts: TableFacts,
  images: readonly RowImage[],
  envelope: ChangeEnvelope,
): Promise<Set<RowImage>> {
  if (images.length === 0 || facts.policy === 'false') return new Set();
  const { rows } = await database.read<{ ord: number }>({
    identity,
    statement: { text: policyStatement(facts), params: [`[${images.map((image) => image.text).join(',')}]`] },
    tidemark: formatTidemark(envelope.epoch, envelope.lsn),
  });
  return new Set(rows.map(({ ord }) => images[ord - 1] as RowImage));
}
