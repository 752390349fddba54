/** Finds the newest changes of one row that the ring holds. */
import type { ChangeEnvelope, RowChange } from '../changes/envelope.ts';
import type { RowImage } from '../changes/row-image.ts';

export interface FoundChange {
  envelope: ChangeEnvelope;
  change: RowChange;
}

export interface RowKey {
  columns: readonly string[];
  /** The texts in the rows' JSON, without the quotes of strings. */
  values: readonly string[];
}

/** Envelopes scanned, and bytes parsed, before the event loop gets a turn: some milliseconds. */
const TURN_ENVELOPES = 5_000;
const TURN_BYTES = 512 * 1_024;

/** Returns the changes, newest first. A truncate is a change of every row. @param envelopes oldest first */
export async function findChanges(
  envelopes: readonly ChangeEnvelope[],
  key: RowKey,
  limit: number,
): Promise<FoundChange[]> {
  const found: FoundChange[] = [];
  const texts = key.values.map((value) => JSON.stringify(value).slice(1, -1));
  let read = 0;
  for (let at = envelopes.length - 1; at >= 0 && found.length < limit; at -= 1) {
    const envelope = envelopes[at] as ChangeEnvelope;
    if ((envelopes.length - at) % TURN_ENVELOPES === 0 || read > TURN_BYTES) {
      read = 0;
      await new Promise((resolve) => setImmediate(resolve));
    }
    if (!mayHold(envelope, texts)) continue;
    read += envelope.bytes.length;
    for (const change of [...envelope.body().changes].reverse()) {
      if (found.length < limit && concerns(change, key)) found.push({ envelope, change });
    }
  }
  return found;
}

/** Searches the bytes for the key, which is cheaper than parsing the body. */
function mayHold({ bytes }: ChangeEnvelope, texts: readonly string[]): boolean {
  const raw = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  return texts.every((text) => raw.includes(text)) || raw.includes('"truncate"');
}

function concerns({ type, row, before }: RowChange, key: RowKey): boolean {
  return (
    type === 'truncate' || (row !== undefined && hasKey(row, key)) || (before !== undefined && hasKey(before, key))
  );
}

function hasKey(image: RowImage, { columns, values }: RowKey): boolean {
  return columns.every((name, index) => {
    const text = image.column(name);
    return text === values[index] || text === JSON.stringify(values[index]);
  });
}
