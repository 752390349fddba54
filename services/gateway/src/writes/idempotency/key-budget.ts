import { type Refusal, SharedLimit } from '@tidemark/service';
import { errors } from '../../errors.ts';

/** Bytes of a row and its entries in two indexes, without its texts. */
export const ROW_BYTES = 300;

export interface IdempotencyLimits {
  keys: number;
  bytes: number;
  identityPercent: number;
}

export interface CountedKeys {
  identity: string | null;
  keys: number;
  bytes: number;
}

export function keptBytes(key: string, headers: string, bodyBytes: number): number {
  return ROW_BYTES + key.length + headers.length + bodyBytes;
}

/** The last count, plus what this gateway has stored since. The next count includes what other gateways have stored. */
export class KeyBudget {
  readonly keys: SharedLimit;
  readonly bytes: SharedLimit;

  constructor(limits: IdempotencyLimits) {
    this.keys = new SharedLimit(limits.keys, limits.identityPercent);
    this.bytes = new SharedLimit(limits.bytes, limits.identityPercent);
  }

  admit(identity: string, bytes = ROW_BYTES): void {
    this.#refuse(this.keys.refuses(identity, 1) ?? this.bytes.refuses(identity, bytes), identity);
  }

  /** The next count corrects for a transaction that is rolled back. */
  keep(identity: string, bytes: number): void {
    this.admit(identity, bytes);
    this.keys.add(identity, 1);
    this.bytes.add(identity, bytes);
  }

  counted(rows: readonly CountedKeys[]): void {
    const all = rows.find(({ identity }) => identity === null);
    const each = rows.filter((row): row is CountedKeys & { identity: string } => row.identity !== null);
    this.keys.reset(
      all?.keys ?? 0,
      each.map(({ identity, keys }) => [identity, keys]),
    );
    this.bytes.reset(
      all?.bytes ?? 0,
      each.map(({ identity, bytes }) => [identity, bytes]),
    );
  }

  #refuse(refusal: Refusal | undefined, identity: string): void {
    if (refusal?.where === 'instance') throw errors.IDEMPOTENCY_FULL({ keys: this.keys.used, bytes: this.bytes.used });
    if (refusal?.where === 'share') {
      throw errors.IDEMPOTENCY_SHARE({ keys: this.keys.usedBy(identity), bytes: this.bytes.usedBy(identity) });
    }
  }
}
