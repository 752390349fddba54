/**
 * Row-level security on changes: the policies' own expressions over the row images, once for each class of rights and
 * batch, under its role and claims. Right for old and deleted rows too, which no longer are in the table.
 */
import { formatTidemark, laterTidemark } from '@tidemark/contracts';
import type { Database, Identity } from '@tidemark/db';
import type { ChangeEnvelope } from '../changes/envelope.ts';
import type { RowImage } from '../changes/row-image.ts';
import { bisectFailures } from '../query/bisect-failures.ts';
import { imageParams, imagesFrom } from '../tables/image-sql.ts';
import type { TableFacts } from '../tables/table-facts.ts';

/** What the policies say of images. Of one that is in neither set: that it is hidden. */
export interface Seen {
  visible: ReadonlySet<RowImage>;
  /** The policies failed on them, with this SQLSTATE, or the images lack what they read. */
  undecided: ReadonlyMap<RowImage, string | undefined>;
}

export const policyStatement = (facts: TableFacts): string => `${imagesFrom(facts, facts.policyReads)}
where ${facts.policy}`;

export const policyParams = (facts: TableFacts, images: readonly RowImage[]): string[] =>
  imageParams(facts, facts.policyReads, images);

/**
 * Which of the images the identity may see. On a server that has got at least as far as `envelope`, so that a policy that
 * reads other tables sees what the transaction saw committed before it, and as far as the facts, so that it knows what they name. Where a value of a row makes the policies fail, the row is
 * found by halves, and the others are decided.
 * @throws Postgres's errors (PostgresError) where a policy fails whatever the row, DB_ errors where no server answers
 */
export async function visibleImages(
  database: Database,
  identity: Identity,
  facts: TableFacts,
  images: readonly RowImage[],
  envelope: Pick<ChangeEnvelope, 'epoch' | 'lsn'>,
): Promise<Seen> {
  const visible = new Set<RowImage>();
  const undecided = new Map<RowImage, string | undefined>();
  const known: RowImage[] = [];
  for (const image of images) {
    if (image.hasTexts(facts.policyColumns)) known.push(image);
    else undecided.set(image, undefined);
  }
  if (facts.policy === 'false') return { visible, undecided: new Map() };
  const tidemark = laterTidemark(facts.tidemark, formatTidemark(envelope.epoch, envelope.lsn));
  const text = policyStatement(facts);
  const ask = async (some: readonly RowImage[]): Promise<void> => {
    const statement = { text, params: policyParams(facts, some) };
    const { rows } = await database.read<{ ord: number }>({ identity, statement, tidemark });
    for (const { ord } of rows) visible.add(some[ord - 1] as RowImage);
  };
  for (const [image, code] of await bisectFailures(known, ask)) undecided.set(image, code);
  return { visible, undecided };
}
