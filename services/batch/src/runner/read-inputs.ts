/**
 * Where the inputs of a chunk are, asked with the job's rights at this moment: between planning and its turn a file may have
 * been deleted, its policies changed or the role dropped.
 */
import type { FileRegistry } from '@tidemark/files';
import type { ClaimedChunk } from '../chunks/chunk-ledger.ts';
import { errors, isOwnError } from '../errors.ts';
import { asRoleRefused, identityOf } from '../jobs/identity.ts';
import type { PlannedItem } from '../jobs/resolve-inputs.ts';
import type { Failure, Item } from '../workers/protocol.ts';

export interface RefusedInput {
  item: PlannedItem;
  failure: Failure;
}

/** In the order of the chunk. Rejects with what Postgres is short of, after which the chunk is tried again. */
export type InputReader = (chunk: Pick<ClaimedChunk, 'items' | 'identity'>) => Promise<(Item | RefusedInput)[]>;

export function isItem(input: Item | RefusedInput): input is Item {
  return !('failure' in input);
}

export function createInputReader(registry: FileRegistry, roles: readonly string[]): InputReader {
  return async ({ items, identity }) => {
    const read = async () => {
      const rows = await registry.findMany(
        identityOf(identity, roles),
        items.map((item) => item.file),
      );
      return new Map(rows.map((row) => [row.id, row]));
    };
    try {
      const rows = await read();
      return items.map(({ index, file, name }) => {
        const row = rows.get(file);
        if (!row) return { item: { index, file, name }, failure: failureOf(errors.INPUT_HIDDEN({ name })) };
        return { index, file, name, key: row.storage_key, owner: row.owner };
      });
    } catch (error) {
      const refused = asRoleRefused(error, identity.role);
      if (!isOwnError(refused)) throw error;
      return items.map((item) => ({ item, failure: failureOf(refused) }));
    }
  };
}

function failureOf({ code, message, hint }: { code: string; message: string; hint: string | null }): Failure {
  return { code, message, hint, fault: false };
}
