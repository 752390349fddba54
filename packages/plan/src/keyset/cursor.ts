/** A cursor is opaque to clients but no secret: the gateway only reads values to compare with. */
import { errors } from '../errors.ts';
import type { KeysetOrder } from './order.ts';

/** The limit of the grammar; a longer cursor could not be sent back. */
const MAX_CHARACTERS = 4_096;

export type KeysetValues = readonly (string | null)[];

export function writeCursor({ shape }: KeysetOrder, values: KeysetValues): string {
  const cursor = Buffer.from(JSON.stringify([shape, ...values])).toString('base64url');
  if (cursor.length <= MAX_CHARACTERS) return cursor;
  throw errors.KEYSET({
    reason: `a row's values of ${shape} make a cursor of ${cursor.length} characters; ${MAX_CHARACTERS} are the most`,
    hint: 'Order by shorter columns.',
  });
}

/** Returns null for the start. */
export function readCursor({ shape, terms }: KeysetOrder, cursor: string): KeysetValues | null {
  if (cursor === '') return null;
  let content: unknown;
  try {
    content = JSON.parse(Buffer.from(cursor, 'base64url').toString());
  } catch (cause) {
    throw errors.CURSOR({ reason: 'it cannot be read' }, { cause });
  }
  if (!Array.isArray(content) || !content.every(isValue)) throw errors.CURSOR({ reason: 'it cannot be read' });
  const [of, ...values] = content as KeysetValues;
  if (of !== shape)
    throw errors.CURSOR({ reason: `it is of the order ${String(of).slice(0, 200)}, and this is ${shape}` });
  if (values.length !== terms.length || terms.some(({ nullable }, i) => !nullable && values[i] === null)) {
    throw errors.CURSOR({ reason: 'its values are not those of its order' });
  }
  return values;
}

const isValue = (value: unknown) => value === null || (typeof value === 'string' && !value.includes('\0'));
