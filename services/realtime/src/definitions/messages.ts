/** Builds the messages on `changes.@definitions` that announce changed definitions. Pure. */
import { type DefinitionsChanged, type Lsn, lsnToHex, MAX_ENVELOPE_BYTES } from '@tidemark/contracts';
import type { Definition } from './known-definitions.ts';

export interface ChangedDefinitions {
  epoch: string;
  lsn: Lsn;
  at: number;
  changed: readonly Definition[];
}

/** Splits the definitions over messages of at most MAX_ENVELOPE_BYTES: a schema may have many thousand tables. */
export function definitionMessages({ epoch, lsn, at, changed }: ChangedDefinitions): Buffer[] {
  const message = (tables: DefinitionsChanged['tables']) =>
    Buffer.from(JSON.stringify({ epoch, lsn: lsnToHex(lsn), at, tables } satisfies DefinitionsChanged));
  const messages: Buffer[] = [];
  let tables: DefinitionsChanged['tables'] = [];
  let bytes = 0;
  for (const { schema, table, version, since } of changed) {
    const entry = { schema, table, version, since: lsnToHex(since) };
    const size = Buffer.byteLength(JSON.stringify(entry)) + 1;
    if (bytes + size > MAX_ENVELOPE_BYTES - HEAD_BYTES) {
      messages.push(message(tables));
      tables = [];
      bytes = 0;
    }
    tables.push(entry);
    bytes += size;
  }
  if (tables.length > 0) messages.push(message(tables));
  return messages;
}

const HEAD_BYTES = 256;
