import { ModelClient, type Row, rowsText, type Sent } from '@tidemark/testing/live-checker';
import { signToken } from '../../processes/services.ts';
import type { ClientSpec } from './client-specs.ts';
import { type Answer, isRefusal, Visibility } from './visibility.ts';

const REFUSED_MS = 300;
const SHOWN = 3;

export interface FollowerOptions {
  url(): string;
  writtenAt(ver: number): number;
  readonly snapshotMs: number;
}

export class Follower {
  readonly spec: ClientSpec;
  readonly client: ModelClient;
  readonly visibility: Visibility;
  isAway = false;
  #options: FollowerOptions;
  #refusal: { code: string; begun: number } | undefined;
  /** Newer rights than the known ones may allow these rows. */
  #sent: { row: Row; sent: Sent; at: number }[] = [];
  #refused: { code: string; message: string; askedAt: number; at: number }[] = [];

  constructor(spec: ClientSpec, options: FollowerOptions) {
    this.spec = spec;
    this.#options = options;
    this.visibility = new Visibility(options.snapshotMs);
    const { query, mode, window, transport, caller } = spec;
    const token = () => signToken({ ...caller.claims });
    this.client = new ModelClient({
      query,
      mode,
      window,
      transport,
      mayRepeat: true,
      refusedMs: REFUSED_MS,
      url: () => options.url(),
      ...(caller.claims.sub === undefined ? {} : { token }),
      mayShow: (row, sent) => {
        this.#sent.push({ row, sent, at: performance.now() });
        return true;
      },
      onRefused: (code, message, askedAt) => {
        this.#refusal = { code, begun: this.#begun };
        this.#refused.push({ code, message, askedAt, at: performance.now() });
      },
    });
  }

  get #begun(): number {
    return this.client.snapshots + this.client.resumes;
  }

  get refusal(): string | undefined {
    return this.#refusal?.begun === this.#begun ? this.#refusal.code : undefined;
  }

  /** The rights are now known for the time of the received rows and refusals. Returns the wrong ones. */
  judge(): { kind: string; text: string }[] {
    const wrong: { kind: string; text: string }[] = [];
    for (const { row, sent, at } of this.#sent.splice(0)) {
      if (this.visibility.mayShow(row, sent, this.#options.writtenAt(Number(row.ver)), at)) continue;
      wrong.push({
        kind: `received ${sent.isOld ? 'the old version of a row' : 'a row'} that it may not see`,
        text: JSON.stringify(row),
      });
    }
    for (const { code, message, askedAt, at } of this.#refused.splice(0)) {
      if (this.visibility.mayRefuse(code, this.spec.columns, askedAt, at)) continue;
      wrong.push({ kind: `refused with ${code} without a reason`, text: message });
    }
    return wrong;
  }

  /** A client may also be refused for a valid reason. */
  agrees(answer: Answer): boolean {
    const { refusal } = this;
    if (refusal !== undefined) return this.client.rows.size === 0 && isRefusal(refusal, answer, this.spec.columns);
    if (answer.error !== undefined) return false;
    return this.client.text() === rowsText(answer.rows ?? [], this.spec.window);
  }

  difference(answer: Answer): { kind: string; text: string } {
    const { refusal } = this;
    if (answer.error !== undefined) {
      return {
        kind: `not refused although SELECT fails with ${answer.error}`,
        text: `the client holds ${this.client.rows.size} rows; ${answer.message}`,
      };
    }
    if (refusal !== undefined)
      return { kind: `refused with ${refusal} although SELECT succeeds`, text: JSON.stringify({ ...answer, rows: 0 }) };
    const wanted = texts(answer.rows ?? []);
    const held = texts(this.client.rows.values());
    const missing = [...wanted].filter((text) => !held.has(text));
    const extra = [...held].filter((text) => !wanted.has(text));
    const ids = new Set(missing.map(idOf));
    const isStale = extra.length > 0 && extra.every((text) => ids.has(idOf(text)));
    const kind = isStale
      ? 'different values'
      : extra.length > 0
        ? 'extra rows'
        : missing.length > 0
          ? 'missing rows'
          : 'different order';
    return {
      kind,
      text: `the client holds ${held.size} of ${wanted.size} rows; missing: ${missing.slice(0, SHOWN)}; extra: ${extra.slice(0, SHOWN)}`,
    };
  }
}

const texts = (rows: Iterable<Row>) => new Set([...rows].map((row) => rowsText([row])));
const idOf = (text: string) => /"id":(-?\d+)/.exec(text)?.[1];
