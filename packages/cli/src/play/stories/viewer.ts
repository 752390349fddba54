/** Follows the commentary of one match, and checks that it gets each entry once and in order. */
import type { LiveEvent, LiveQuery, TidemarkClient } from '@tidemark/client';
import { type Cuttable, cuttable } from '../cut-socket.ts';
import type { Stage } from '../stage.ts';

interface Entry {
  id: number;
  sequence: number;
  metadata: { sent_at?: number };
}

export class Viewer {
  readonly match: number;
  /** ms between the send of an entry and its arrival, without those of later snapshots. */
  readonly delays: number[] = [];
  /** Entries so far: the sequence of the last one, as long as there are no faults. */
  seen = 0;
  /** Entries that came twice, out of order or after a gap. */
  faults = 0;
  snapshots = 0;
  readonly #client: TidemarkClient;
  readonly #socket: Cuttable;
  #live: LiveQuery<Entry> | undefined;

  private constructor(client: TidemarkClient, socket: Cuttable, match: number) {
    this.#client = client;
    this.#socket = socket;
    this.match = match;
  }

  static async at(stage: Stage, sub: string, match: number): Promise<Viewer> {
    const socket = cuttable();
    return new Viewer(await stage.client(sub, { WebSocket: socket.WebSocket }), socket, match);
  }

  async arrive(): Promise<void> {
    const query = this.#client.from('commentary').select('id,sequence,message,metadata').eq('match_id', this.match);
    const live = query.live() as unknown as LiveQuery<Entry>;
    this.#live = live;
    live.onChange((_rows, events) => {
      for (const event of events) this.#take(event);
    });
    await live.ready();
  }

  /** Loses the connection. Returns how many there were. */
  cut(): number {
    return this.#socket.cut();
  }

  #take(event: LiveEvent<Entry>): void {
    if (event.type === 'snapshot') {
      this.snapshots += 1;
      const sequences = event.rows.map(({ sequence }) => sequence).sort((a, b) => a - b);
      if (sequences.some((sequence, n) => sequence !== n + 1) || sequences.length < this.seen) this.faults += 1;
      this.seen = sequences.length;
    } else if (event.type === 'insert' || event.type === 'enter') {
      if (event.row.sequence === this.seen + 1) this.seen += 1;
      else this.faults += 1;
      const { sent_at } = event.row.metadata;
      if (sent_at !== undefined) this.delays.push(Date.now() - sent_at);
    } else this.faults += 1;
  }

  get status(): string {
    return this.#live?.status ?? 'away';
  }
}
