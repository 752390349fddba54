/** Since planning a file may have been deleted, its policies changed or the role dropped. */
import type { FileRegistry } from '@tidemark/files';
import type { ClaimedChunk } from '../chunks/chunk-ledger.ts';
import { errors, isOwnError } from '../errors.ts';
import { asRoleRefused, identityOf } from '../jobs/identity.ts';
import type { PlannedItem } from '../jobs/plan-page.ts';
import type { FileInput, JobKind } from '../kinds/job-kind.ts';
import type { Failure, ReadyItem } from '../workers/protocol.ts';

export interface RefusedInput {
  item: PlannedItem;
  failure: Failure;
}

/** Rejects for a temporary shortage of Postgres, after which the chunk is tried again. */
export type InputReader = (
  kind: JobKind,
  chunk: Pick<ClaimedChunk, 'items' | 'identity'>,
) => Promise<(ReadyItem | RefusedInput)[]>;

export function isReady(input: ReadyItem | RefusedInput): input is ReadyItem {
  return !('failure' in input);
}

export function createInputReader(registry: FileRegistry, roles: readonly string[]): InputReader {
  return async (kind, { items, identity }) => {
    try {
      // The role is checked for every kind, because a role without rights must run nothing.
      const asked = identityOf(identity, roles);
      if (kind.item.input === 'value') {
        return items.map(({ index, input }) => ({ index, input, name: `item ${index}`, key: null, owner: null }));
      }
      const ids = items.map(({ input }) => (input as FileInput).file);
      const rows = new Map((await registry.findMany(asked, ids)).map((row) => [row.id, row]));
      return items.map((item) => {
        const { file, name } = item.input as FileInput;
        const row = rows.get(file);
        return row
          ? { ...item, name, key: row.storage_key, owner: row.owner }
          : { item, failure: failureOf(errors.INPUT_HIDDEN({ name })) };
      });
    } catch (error) {
      const refused = asRoleRefused(error, identity.role);
      if (!isOwnError(refused)) throw error;
      return items.map((item) => ({ item, failure: failureOf(refused) }));
    }
  };
}

function failureOf({ code, message, hint }: { code: string; message: string; hint: string | null }): Failure {
  return { code, message, hint, next: 'fail' };
}
