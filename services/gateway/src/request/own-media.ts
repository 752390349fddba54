/**
 * Media types that the database defines. Like the others, they are chosen by Accept; as in PostgREST, they have
 * precedence over a media type of the same name, except for those of PostgREST itself (vnd.pgrst).
 */
import type { Catalog, RelationRef, Routine } from '@tidemark/plan';
import {
  acceptedTypes,
  type MediaKind,
  type OwnMedia,
  type Query,
  type RowsMedia,
  selectMediaType,
} from '@tidemark/query';

const ANY = '*/*';
/** A function that serves every media type names none, so the response has this one. */
const UNNAMED = 'application/octet-stream';

export interface MediaChoice {
  readonly catalog: Catalog;
  /** The relation of the rows; null for values. */
  readonly relation: RelationRef | null;
  readonly routine?: Routine;
  readonly query: Pick<Query, 'select'>;
}

/** Throws PGRST107 where nothing fits. */
export function chooseMedia(
  accept: string | undefined,
  available: readonly MediaKind[],
  choice: MediaChoice,
): RowsMedia {
  const own = accept === undefined ? [] : ownMedia(choice);
  if (own.length === 0) return selectMediaType(accept, available) as RowsMedia;
  const any = own.find(({ mime }) => mime === ANY);
  for (const mime of acceptedTypes(accept as string)) {
    const named = own.find((one) => one.mime === mime);
    if (named && mime !== ANY) return asRows(named);
    // A function has one media type, which every wildcard means.
    if (mime === ANY) {
      const only = choice.routine?.mediaType ? own[0] : any;
      if (only) return asRows(only);
    }
    if (canServe(mime, available)) return selectMediaType(mime, available) as RowsMedia;
    if (any) return asRows(any);
  }
  return selectMediaType(accept, available) as RowsMedia;
}

const asRows = (own: OwnMedia): RowsMedia => ({
  kind: 'octet-stream',
  nullsStripped: false,
  own: own.mime === ANY ? { ...own, mime: UNNAMED } : own,
});

function ownMedia({ catalog, relation, routine, query }: MediaChoice): readonly OwnMedia[] {
  if (routine?.mediaType) return [{ ...routine.mediaType, aggregate: null, rowsOf: null }];
  if (relation === null) return [];
  const isWhole = query.select.length === 1 && query.select[0]?.kind === 'star';
  const isOf = ({ rowsOf }: OwnMedia) => rowsOf?.schema === relation.schema && rowsOf.name === relation.name;
  const specific = catalog.mediaTypes.filter((media) => isOf(media) && isWhole);
  return [...specific, ...catalog.mediaTypes.filter(({ rowsOf }) => rowsOf === null)];
}

function canServe(mime: string, available: readonly MediaKind[]): boolean {
  try {
    selectMediaType(mime, available);
    return true;
  } catch {
    return false; // The caller tries the next one.
  }
}
