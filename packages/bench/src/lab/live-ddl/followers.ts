/** Model clients of the trial's guises, with what is to be judged of what they were sent. */
import { ModelClient, type Row, rowsText, type Sent } from '@tidemark/testing/live-checker';
import { SignJWT } from 'jose';
import type { Guise } from './guises.ts';
import { type Answer, isRefusal, Sight } from './sight.ts';

/** From a refusal to the next attempt, ms. */
const REFUSED_MS = 300;
/** Rows of each kind that a difference shows. */
const SHOWN = 3;

export interface FollowerOptions {
  readonly secret: string;
  url(): string;
  /** When the write with this number began. */
  writtenAt(ver: number): number;
  readonly snapshotMs: number;
}

export class Follower {
  readonly guise: Guise;
  readonly client: ModelClient;
  readonly sight: Sight;
  isAway = false;
  #options: FollowerOptions;
  #refusal: { code: string; begun: number } | undefined;
  /** Rows sent since the rights were last asked for; they may rest on newer rights than those known. */
  #sent: { row: Row; sent: Sent; at: number }[] = [];
  #refused: { code: string; message: string; askedAt: number; at: number }[] = [];

  constructor(guise: Guise, options: FollowerOptions) {
    this.guise = guise;
    this.#options = options;
    this.sight = new Sight(options.snapshotMs);
    const { query, mode, window, transport, person } = guise;
    const key = new TextEncoder().encode(options.secret);
    const token = () =>
      new SignJWT({ ...person.claims }).setProtectedHeader({ alg: 'HS256' }).setExpirationTime('1 h').sign(key);
    this.client = new ModelClient({
      query,
      mode,
      window,
      transport,
      mayRepeat: true,
      refusedMs: REFUSED_MS,
      url: () => options.url(),
      ...(person.claims.sub === undefined ? {} : { token }),
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

  /** The code of the refusal that it was left with; undefined while it follows. */
  get refusal(): string | undefined {
    return this.#refusal?.begun === this.#begun ? this.#refusal.code : undefined;
  }

  /** Returns the rows that it was sent against its rights, now that the rights of that time are known. */
  judge(): { kind: string; text: string }[] {
    const wrong: { kind: string; text: string }[] = [];
    for (const { row, sent, at } of this.#sent.splice(0)) {
      if (this.sight.mayShow(row, sent, this.#options.writtenAt(Number(row.ver)), at)) continue;
      wrong.push({
        kind: `a row that it may not see, ${sent.isOld ? 'as it was' : 'sent'}`,
        text: JSON.stringify(row),
      });
    }
    for (const { code, message, askedAt, at } of this.#refused.splice(0)) {
      if (this.sight.mayRefuse(code, this.guise.columns, askedAt, at)) continue;
      wrong.push({ kind: `a refusal without a reason, ${code}`, text: message });
    }
    return wrong;
  }

  /** Whether it has what SELECT gives, or is refused for a reason that holds. */
  agrees(answer: Answer): boolean {
    const { refusal } = this;
    if (refusal !== undefined) return this.client.rows.size === 0 && isRefusal(refusal, answer, this.guise.columns);
    if (answer.error !== undefined) return false;
    return this.client.text() === rowsText(answer.rows ?? [], this.guise.window);
  }

  difference(answer: Answer): { kind: string; text: string } {
    const { refusal } = this;
    if (answer.error !== undefined) {
      return {
        kind: `not refused, where SELECT is with ${answer.error}`,
        text: `it holds ${this.client.rows.size} rows, ${answer.message}`,
      };
    }
    if (refusal !== undefined)
      return { kind: `refused with ${refusal}, where SELECT is not`, text: JSON.stringify({ ...answer, rows: 0 }) };
    const wanted = texts(answer.rows ?? []);
    const held = texts(this.client.rows.values());
    const missing = [...wanted].filter((text) => !held.has(text));
    const extra = [...held].filter((text) => !wanted.has(text));
    const ids = new Set(missing.map(idOf));
    const isStale = extra.length > 0 && extra.every((text) => ids.has(idOf(text)));
    const kind = isStale
      ? 'other values'
      : extra.length > 0
        ? 'rows too many'
        : missing.length > 0
          ? 'rows missing'
          : 'another order';
    return {
      kind,
      text: `it holds ${held.size} of ${wanted.size} rows; missing: ${missing.slice(0, SHOWN)}; too many: ${extra.slice(0, SHOWN)}`,
    };
  }
}

const texts = (rows: Iterable<Row>) => new Set([...rows].map((row) => rowsText([row])));
const idOf = (text: string) => /"id":(-?\d+)/.exec(text)?.[1];
