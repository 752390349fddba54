import type { Client } from '@tidemark/db';

/**
 * A group counts for the share of its first member; its cost is divided among the members by bytes. No member's leaving ends it.
 * It holds no insert, and with it no request (request/client.ts).
 */
export class GroupClient implements Client {
  readonly key: string | undefined;
  readonly isGone = false;
  readonly #members: readonly { client: Client; bytes: number }[];

  constructor(group: readonly { readonly client: Client; readonly row: string }[]) {
    this.key = group[0]?.client.key;
    this.#members = group.map(({ client, row }) => ({ client, bytes: row.length }));
  }

  onGone(): () => void {
    return () => undefined;
  }

  spent(ms: number, isFruitless: boolean): void {
    const total = this.#members.reduce((sum, { bytes }) => sum + bytes, 0);
    for (const { client, bytes } of this.#members) client.spent?.((ms * bytes) / total, isFruitless);
  }
}
