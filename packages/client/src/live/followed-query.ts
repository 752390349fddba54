/** Live queries with the same request share one subscription; one that joins later starts with the rows held here. */
import type { TidemarkError } from '../errors.ts';
import type { LiveEvent, LiveStatus } from './event.ts';
import type { FollowedQueryOptions, Follower, QueryHost } from './followed-query-types.ts';
import { type Beginning, type FollowingEvent, type FollowingState, nextFollowing } from './following-state.ts';
import type { FrameOf, LiveChange } from './frames.ts';
import { ANSWER_MS, noAnswer, Refusals } from './refusals.ts';
import { Rows } from './rows.ts';

type Row = Record<string, unknown>;

/** Time after which the backoff of resyncs starts again at the first attempt, ms. */
const SETTLED_MS = 30_000;
/** Changes of one transaction that wait for its last frame; a larger transaction ends in a resync. */
const MAX_PARTS = 1_000_000;

export class FollowedQuery {
  readonly id: string;
  readonly text: string;
  readonly followers = new Set<Follower>();
  topic: number | undefined;
  /** Undefined while the query moves to another connection. */
  host: QueryHost | undefined;
  /** Refusals since the last successful subscribe. */
  readonly refusals = new Refusals();
  #asks = 0;
  #options: FollowedQueryOptions;
  #state: FollowingState;
  #rows = new Rows();
  #filling = new Rows();
  #reason: string | undefined;
  #missed = false;
  #parts: LiveChange[] = [];
  #position: string | undefined;
  #hasRows = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: FollowedQueryOptions) {
    this.id = options.id;
    this.text = options.text;
    this.#options = options;
    this.#position = options.asked.after;
    const from: Beginning = options.asked.after !== undefined ? 'position' : this.#afresh;
    this.#state = { is: 'off', from, attempt: 0 };
  }

  get #afresh(): 'snapshot' | 'now' {
    return this.#options.asked.snapshot ? 'snapshot' : 'now';
  }

  get rows(): readonly Row[] {
    return this.#rows.toArray();
  }

  get error(): TidemarkError | undefined {
    return this.#state.is === 'failed' ? this.#state.error : undefined;
  }

  get status(): LiveStatus {
    const { is } = this.#state;
    if (is === 'off' || is === 'asking') return 'connecting';
    return is === 'following' ? 'live' : is;
  }

  add(follower: Follower): void {
    this.followers.add(follower);
    follower.status(this.status);
    if (this.#hasRows) follower.events([this.snapshotEvent()]);
  }

  snapshotEvent(reason?: string): LiveEvent<Row> {
    const position = this.#position === undefined ? {} : { position: this.#position };
    return { type: 'snapshot', rows: [...this.rows], ...position, ...(reason === undefined ? {} : { reason }) };
  }

  dispatch(event: FollowingEvent): void {
    const before = this.#state;
    this.#state = nextFollowing(before, event, this.#afresh);
    if (this.#state === before) return;
    if (this.#state.is !== before.is) this.#entered(before);
    if (event.type === 'refused' && this.error) this.#options.onFailed();
  }

  /** Each subscribe has its own id, so that answers to earlier ones can be ignored. */
  get #askId(): string {
    return `${this.id}.${this.#asks}`;
  }

  #entered(before: FollowingState): void {
    clearTimeout(this.#timer);
    const state = this.#state;
    if (state.is === 'asking') {
      this.#timer = setTimeout(() => this.unanswered(noAnswer('a subscribe')), ANSWER_MS);
      this.#subscribe(state.from);
      if (this.#state !== state) return;
    }
    if (state.is !== 'filling' && state.is !== 'following') this.topic = undefined;
    if (state.is === 'waiting') {
      this.#reason = state.reason;
      // Without a snapshot, the changes since then are lost.
      if (before.is === 'following' && this.#afresh === 'now') this.#missed = true;
      this.#timer = setTimeout(() => this.dispatch({ type: 'retry' }), Math.max(0, state.retryAt - Date.now()));
    }
    if (state.is === 'off' && before.is === 'following' && state.from === 'now') {
      this.#reason = 'the connection was lost';
      this.#missed = true;
    }
    if (state.is === 'following') {
      this.refusals.forget();
      this.#timer = setTimeout(() => this.dispatch({ type: 'settled' }), SETTLED_MS);
      if (this.#missed) this.#tell([{ type: 'gap', reason: this.#reason ?? '' }]);
      this.#missed = false;
    }
    for (const follower of [...this.followers]) follower.status(this.status);
  }

  #subscribe(from: Beginning): void {
    const { query, profile, mode } = this.#options.asked;
    this.#parts = [];
    this.#asks += 1;
    try {
      this.host?.send({
        op: 'subscribe',
        id: this.#askId,
        query,
        ...(profile === undefined ? {} : { profile }),
        ...(mode === 'latest' ? { mode } : {}),
        ...(from === 'snapshot' ? { snapshot: true } : {}),
        ...(from === 'position' && this.#position !== undefined ? { after: this.#position } : {}),
      });
    } catch (error) {
      this.refused(error as TidemarkError);
    }
  }

  subscribed(frame: FrameOf<'subscribed'>): void {
    if (frame.id !== this.#askId || this.#state.is !== 'asking') return;
    this.topic = frame.topic;
    this.#filling = new Rows(frame.key);
    this.dispatch({ type: 'subscribed' });
  }

  snapshot(frame: FrameOf<'snapshot'>): void {
    // A resumed window arrives as a snapshot while it is followed.
    if (this.#state.is !== 'filling' && this.#state.is !== 'following') return;
    for (const row of frame.rows) this.#filling.add(row);
    if (!frame.done) return;
    this.#rows = this.#filling;
    this.#hasRows = true;
    this.#parts = [];
    this.#position = frame.position;
    if (frame.tidemark !== undefined) this.#options.onSeen(frame.tidemark);
    this.dispatch({ type: 'filled', placed: frame.position !== undefined });
    this.#tell([this.snapshotEvent(this.#reason)]);
    this.#reason = undefined;
  }

  /** Applies a transaction only when its last frame has arrived. */
  changes(frame: FrameOf<'changes'>): void {
    if (this.#state.is !== 'following') return;
    const isPart = frame.more === true;
    if (isPart || this.#parts.length > 0) {
      for (const change of frame.changes) this.#parts.push(change);
      if (this.#parts.length > MAX_PARTS) {
        this.#parts = [];
        this.#abandon();
        this.resync(`a transaction has more than ${MAX_PARTS} changes`);
        return;
      }
      if (isPart) return;
    }
    const changes = this.#parts.length > 0 ? this.#parts : frame.changes;
    this.#parts = [];
    if (this.#hasRows) this.#rows.apply(changes);
    const { position } = frame;
    if (position !== undefined) this.#moveTo(position);
    this.#tell(changes.map((change) => ({ ...change, position }) as LiveEvent<Row>));
  }

  resync(reason: string): void {
    this.dispatch({ type: 'resync', at: Date.now(), reason, jitter: Math.random() });
  }

  /** Refusals of earlier subscribes are ignored. */
  refused(error: TidemarkError, id = this.#askId): void {
    if (id !== this.#askId) return;
    this.refusals.add(error);
    this.dispatch({ type: 'refused', at: Date.now(), error, jitter: Math.random() });
  }

  isAsking(id: string): boolean {
    return this.#state.is === 'asking' && id === this.#askId;
  }

  /** Subscribes again, because the server may not have read the frame. */
  unanswered(error: TidemarkError): void {
    if (this.#state.is !== 'asking') return;
    this.#abandon();
    this.refused(error);
  }

  close(): void {
    this.#abandon();
    this.dispatch({ type: 'close' });
    this.followers.clear();
  }

  /** Sends an unsubscribe, also while the subscribe is unanswered. */
  #abandon(): void {
    const { is } = this.#state;
    if (is === 'asking' || is === 'filling' || is === 'following') this.host?.unsubscribe(this.#askId);
  }

  #moveTo(position: string): void {
    this.#position = position;
    this.dispatch({ type: 'applied' });
    this.#options.onSeen(position.split('.')[0] as string);
  }

  #tell(events: readonly LiveEvent<Row>[]): void {
    for (const follower of [...this.followers]) follower.events(events);
  }
}
