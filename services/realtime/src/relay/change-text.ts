/** A change that is too large leaves out its largest values; only subscribers that need one of them resync. */
import { type JsonType, jsonText, losesText } from './json-text.ts';
import type { PgMessage, Relation, Rendered, Tuple, TupleValue } from './pgoutput.ts';
import type { RelationPlan } from './type-catalog.ts';

export type RowMessage = PgMessage & { tag: 'insert' | 'update' | 'delete' } & {
  unreadable?: ReadonlySet<number>;
};

export const truncateText = (index: number): string => `{"type":"truncate","index":${index}}`;

/** A change without any values: every subscriber of the table resyncs. */
export function unknownText({ relation }: RelationPlan, index: number): string {
  const names = JSON.stringify(relation.columns.map(({ name }) => name));
  return `{"type":"update","index":${index},"row":{},"cut":${names}}`;
}

const NONE: ReadonlySet<number> = new Set();

export function changeText(plan: RelationPlan, message: RowMessage, index: number, cut = NONE): string {
  const head = `{"type":"${message.tag}","index":${index}`;
  const end = `${cutText(plan.relation, cut)}}`;
  if (message.tag === 'insert') return `${head}${imageText(plan, message.row, cut, 'row', 'texts')}${end}`;
  const old = oldText(plan, message.key, message.old, cut);
  if (message.tag === 'delete') return `${head}${old}${end}`;
  const row = filled(plan.relation, message);
  return `${head}${imageText(plan, row, cut, 'row', 'texts')}${old}${unchangedText(plan.relation, row, cut)}${end}`;
}

/** The result depends on the change alone, so that a relay that reads it again makes the same text. The key stays. */
export function cutChangeText(plan: RelationPlan, message: RowMessage, index: number, room: number): string {
  const cut = new Set([...(message.oversize ?? []), ...(message.unreadable ?? [])]);
  const sizes = plan.relation.columns
    .map(({ name }, column) => ({ name, column, bytes: cut.has(column) ? 0 : bytesOf(plan, message, column) }))
    .sort((a, b) => b.bytes - a.bytes || a.column - b.column);
  let bytes = sizes.reduce((sum, size) => sum + size.bytes, 0);
  for (const size of sizes) {
    // The names and brackets around the values count, too, so the rendered text decides.
    if (bytes <= room) {
      const text = changeText(plan, message, index, cut);
      if (Buffer.byteLength(text) <= room) return text;
    }
    if (size.bytes === 0 || plan.key.includes(size.name)) continue;
    cut.add(size.column);
    bytes -= size.bytes;
  }
  return changeText(plan, message, index, cut);
}

/** The length of the values decides before rendering: the text of all may be too long for a string. */
export function mayFit(message: RowMessage, room: number): boolean {
  let length = 0;
  for (const tuple of tuplesOf(message)) for (const value of tuple) length += lengthOf(value);
  return length <= room;
}

export const lengthOf = (value: TupleValue): number =>
  typeof value === 'object' && value !== null ? value.text.length + value.json.length : (value?.length ?? 0);

/** At least the text's bytes, from the WAL alone: a second rendering may differ (an altered type, a failing cast). */
export function allowanceOf(plan: RelationPlan, message: RowMessage): number {
  const members = plan.memberBytes + plan.members.length * MEMBER_BYTES;
  let bytes = ALLOWED_HEAD_BYTES + members;
  for (const tuple of tuplesOf(message)) {
    // The value is in the row and among the texts.
    bytes += 2 * members;
    for (const value of tuple) bytes += lengthOf(value) * MAX_CHARACTER_BYTES;
  }
  return bytes;
}

const ALLOWED_HEAD_BYTES = 256;
/** Bytes of `null` and a comma. */
const MEMBER_BYTES = 8;
/** Bytes of `\u0001`, as JSON and as text. */
const MAX_CHARACTER_BYTES = 12;

function tuplesOf(message: RowMessage): Tuple[] {
  const tuples = message.tag === 'insert' ? [message.row] : [message.old ?? message.key];
  if (message.tag === 'update') tuples.push(message.row);
  return tuples.filter((tuple) => tuple !== undefined);
}

function bytesOf(plan: RelationPlan, message: RowMessage, column: number): number {
  const type = plan.types[column]!;
  const row = message.tag === 'delete' ? undefined : message.row;
  const before = message.tag === 'insert' ? undefined : (message.old ?? message.key);
  let bytes = 0;
  for (const tuple of [row?.[column] === undefined ? before : row, before]) {
    const value = tuple?.[column];
    if (value === null || value === undefined) continue;
    const json = valueText(type, value);
    bytes += Buffer.byteLength(json);
    const text = lostText(type, value, json);
    if (text !== undefined) bytes += Buffer.byteLength(JSON.stringify(text));
  }
  return bytes;
}

/** Fills unchanged TOASTed values from the old row: all under REPLICA IDENTITY FULL, else those of the key. */
export function filled(relation: Relation, { row, old, key }: RowMessage & { tag: 'update' }): Tuple {
  if (!row.includes(undefined)) return row;
  const known = (index: number) => (old ? old[index] : relation.columns[index]?.identity ? key?.[index] : undefined);
  return row.map((value, index) => (value === undefined ? known(index) : value));
}

function oldText(plan: RelationPlan, key: Tuple | undefined, old: Tuple | undefined, cut: ReadonlySet<number>): string {
  if (old) return imageText(plan, old, cut, 'old', 'oldTexts');
  if (!key) return '';
  const identityOnly = plan.relation.columns.map((column, index) => (column.identity ? key[index] : undefined));
  return imageText(plan, identityOnly, cut, 'old', 'oldTexts');
}

function unchangedText(relation: Relation, row: Tuple, cut: ReadonlySet<number>): string {
  if (!row.includes(undefined)) return '';
  const names = relation.columns
    .filter((_, index) => row[index] === undefined && !cut.has(index))
    .map((column) => column.name);
  return names.length === 0 ? '' : `,"unchanged":${JSON.stringify(names)}`;
}

function cutText(relation: Relation, cut: ReadonlySet<number>): string {
  if (cut.size === 0) return '';
  const names = relation.columns.filter((_, index) => cut.has(index)).map((column) => column.name);
  return `,"cut":${JSON.stringify(names)}`;
}

function imageText(plan: RelationPlan, tuple: Tuple, cut: ReadonlySet<number>, row: string, texts: string): string {
  let members = '';
  let lost = '';
  for (let index = 0; index < plan.members.length; index += 1) {
    const value = tuple[index];
    if (value === undefined || (cut.size > 0 && cut.has(index))) continue;
    const type = plan.types[index]!;
    const json = valueText(type, value);
    members += `${members === '' ? '' : ','}${plan.members[index]}${json}`;
    const text = plan.inexact[index] && value !== null ? lostText(type, value, json) : undefined;
    if (text !== undefined) lost += `${lost === '' ? '' : ','}${plan.members[index]}${JSON.stringify(text)}`;
  }
  return `,"${row}":{${members}}${lost === '' ? '' : `,"${texts}":{${lost}}`}`;
}

const valueText = (type: JsonType, value: string | Rendered | null): string =>
  typeof value === 'object' && value !== null ? value.json : jsonText(type, value);

function lostText(type: JsonType, value: string | Rendered, json: string): string | undefined {
  if (typeof value === 'object') return value.text;
  return losesText(type, value, json) ? value : undefined;
}
