/** Evaluates the policies over row images, which also works for old and deleted rows that the table no longer has. */
import { formatTidemark, laterTidemark } from '@tidemark/contracts';
import type { Database, Identity } from '@tidemark/db';
import type { ChangeEnvelope } from '../changes/envelope.ts';
import type { RowImage } from '../changes/row-image.ts';
import { bisectFailures } from '../query/bisect-failures.ts';
import { imageParams, imagesFrom } from '../tables/image-sql.ts';
import type { TableFacts } from '../tables/table-facts.ts';

/** Images in neither set are hidden. */
export interface Seen {
  visible: ReadonlySet<RowImage>;
  /** The SQLSTATE with which the policies failed; undefined where the image lacks what they read. */
  undecided: ReadonlyMap<RowImage, string | undefined>;
}

export const policyStatement = (facts: TableFacts): string => `${imagesFrom(facts, facts.policyReads)}
where ${facts.policy}`;

export const policyParams = (facts: TableFacts, images: readonly RowImage[]): string[] =>
  imageParams(facts, facts.policyReads, images);

/**
 * The server must have replayed `envelope`, for policies that read other tables, and the facts, for the names in the
 * policies. A row that makes the policies fail is isolated.
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
