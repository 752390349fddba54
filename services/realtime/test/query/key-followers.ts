/**
 * A plain client of a table: it holds rows by the key that the server names, without one by all that they hold, and does what PROTOCOL.md
 * says of each frame.
 */
import type { LiveChange } from '@tidemark/contracts';
import { LiveClient } from '../live-client.ts';

type Row = Record<string, unknown>;

export class Follower {
  #rows = new Map<string, Row[]>();
  resyncs = 0;
  /** The position of the last frame after the snapshot that had one. */
  position: string | undefined;
  #key: readonly string[] = [];
  #topic = -1;
  #at = 0;
  readonly #client: LiveClient;
  readonly #query: string;
  readonly #more: Record<string, unknown>;

  constructor(client: LiveClient, query: string, more: Record<string, unknown> = {}) {
    this.#client = client;
    this.#query = query;
    this.#more = more;
  }

  static async start(url: string, query: string, more: Record<string, unknown> = {}): Promise<Follower> {
    const follower = new Follower(await new LiveClient(url).open(), query, more);
    await follower.begin({ snapshot: true });
    return follower;
  }

  /** @param from `{snapshot: true}`, or `{after}` with the rows that were held there */
  async begin(from: Record<string, unknown>): Promise<void> {
    this.#topic = await this.#client.subscribe('s', this.#query, { ...this.#more, ...from });
    const { frames } = this.#client;
    this.#at = frames.findLastIndex(({ op }) => op === 'subscribed');
    this.#key = frames[this.#at]?.key ?? [];
    if (from.snapshot) this.#rows.clear();
    await this.apply();
  }

  /** Applies the frames that have arrived. */
  async apply(): Promise<void> {
    const { frames } = this.#client;
    while (this.#at < frames.length) {
      const frame = frames[this.#at] as (typeof frames)[number];
      this.#at += 1;
      if (frame.topic !== this.#topic) continue;
      if (frame.op === 'snapshot') for (const row of frame.rows) this.#put(row);
      if (frame.op === 'changes') for (const change of frame.changes) this.#apply(change);
      if (frame.position) this.position = frame.position;
      if (frame.op === 'resync') {
        this.resyncs += 1;
        await this.begin({ snapshot: true });
      }
    }
  }

  /** In an order of its own, to be compared. */
  sorted(): string {
    return sorted([...this.#rows.values()].flat());
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  #apply({ type, row, old }: LiveChange): void {
    if (old) this.#rows.get(this.#id(old))?.pop();
    if (type !== 'delete' && type !== 'leave') this.#put(row as Row);
  }

  #put(row: Row): void {
    const id = this.#id(row);
    const known = this.#rows.get(id) ?? [];
    this.#rows.set(id, this.#key.length === 0 ? [...known, row] : [row]);
  }

  #id(row: Row): string {
    if (this.#key.length === 0) return text(row);
    return JSON.stringify(this.#key.map((name) => row[name]));
  }
}

/** The members' order says nothing. */
const text = (row: Row): string => JSON.stringify(Object.entries(row).sort());

export const sorted = (rows: Iterable<Row>): string => JSON.stringify([...rows].map(text).sort());
