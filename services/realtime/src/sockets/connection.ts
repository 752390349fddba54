import type { Socket } from 'node:net';
import { CLOSE_CODES, type ClientFrame, type TidemarkError } from '@tidemark/contracts';
import type { Identity } from '@tidemark/db';
import { identityKey, networkOf, type SharedLimit, type VerifiedToken } from '@tidemark/service';
import type { RawData, WebSocket } from 'ws';
import type { Channels, Joiner, Membership } from '../channels/channels.ts';
import { errors } from '../errors.ts';
import type { RealtimeEvent } from '../events.ts';
import { publicError } from '../public-error.ts';
import type { Topics } from '../subscriptions/topics-api.ts';
import { errorFrame, type FrameNames, serverFrame } from '../topics/frame.ts';
import type { Subscription } from '../topics/subscription.ts';
import type { Admission } from './admission.ts';
import { namesOf, readClientFrame } from './client-frames.ts';
import { type BufferLimits, SocketBuffer } from './socket-buffer.ts';

export interface Accepted {
  ws: WebSocket;
  raw: Socket;
  offered: string | undefined;
  address: string;
  /** Whether the handshake has a token. Its bearer's share is checked once it is verified. */
  hasToken: boolean;
  token: () => string | undefined;
}

export interface ConnectionLimits extends BufferLimits {
  maxSubscriptions: number;
  framesPerSecond: number;
  frameBytes: number;
  pingMs: number;
}

export interface ConnectionContext {
  topics: Topics;
  channels: Channels;
  admission: Admission;
  anonymous: Identity;
  limits: ConnectionLimits;
  waitingFrames: SharedLimit;
  observe: (event: RealtimeEvent) => void;
  handle(connection: Connection, frame: ClientFrame): Promise<void>;
  onFrame(): void;
  /** The kernel has not taken all bytes: the buffer must be watched until it is empty. */
  onBuffered(connection: Connection): void;
  onClosed(connection: Connection): void;
}

/** A client that sends more without an answer is faulty or hostile. */
const MAX_PENDING_FRAMES = 1_000;

export class Connection implements Joiner {
  readonly name: string;
  readonly context: ConnectionContext;
  readonly subscriptions = new Map<string, Subscription>();
  readonly channels = new Map<string, Membership>();
  identity: Identity;
  /** Time of the next check, ms since 1970: few of ten thousand connections have one in a second. */
  checkAt: number;
  /** Seconds since 1970. */
  #expires: number | undefined;
  /** The identity whose shares are charged: an address, until a token names a subject. */
  holder: string;
  readonly #address: string;
  /** The share is not checked again when the bearer renews the token. */
  #admitted: boolean;
  #ws: WebSocket;
  #buffer: SocketBuffer;
  #chain: Promise<void> = Promise.resolve();
  #pending = 0;
  #answered = true;
  #pingedAt = Date.now();
  #cutFor: { code: number; reason: string } | undefined;
  #second = 0;
  #framesInSecond = 0;

  constructor(name: string, accepted: Accepted, context: ConnectionContext) {
    const { ws, raw, address, token, hasToken } = accepted;
    this.name = name;
    this.#address = address;
    this.#admitted = !hasToken;
    this.holder = identityKey(undefined, networkOf(address));
    context.admission.sockets.add(this.holder);
    this.#ws = ws;
    this.#buffer = new SocketBuffer(raw, context.limits, () => context.onBuffered(this));
    this.context = context;
    this.identity = context.anonymous;
    this.checkAt = this.#pingedAt + context.limits.pingMs;
    ws.on('message', (data, isBinary) => this.#received(data, isBinary));
    // ws has answered it, and the client may not read the answers.
    ws.on('ping', () => this.#buffer.note());
    ws.on('pong', () => {
      this.#answered = true;
    });
    // After an error, ws closes by itself.
    ws.on('error', () => {});
    ws.on('close', (code, reason) => this.#closed(code, String(reason)));
    this.#inOrder(() => this.#open(token));
  }

  get closed(): boolean {
    return this.#ws.readyState !== this.#ws.OPEN;
  }

  get bufferedBytes(): number {
    return this.#buffer.bytes;
  }

  get expires(): number | undefined {
    return this.#expires;
  }

  set expires(seconds: number | undefined) {
    this.#expires = seconds;
    this.#planCheck();
  }

  /** Frames never mix, since ws writes whole ones, too. */
  write(frame: Buffer): boolean {
    if (this.closed || !this.#buffer.write(frame)) return false;
    this.context.onFrame();
    return true;
  }

  tell(frame: Buffer): void {
    if (this.closed) return;
    if (this.#buffer.tell(frame)) this.context.onFrame();
    else this.close(CLOSE_CODES.TOO_SLOW, 'nothing was read of the answers');
  }

  async room(): Promise<void> {
    if (this.closed) throw errors.NOT_FOLLOWING({ reason: 'the socket has closed' });
    const outcome = await this.#buffer.room();
    if (outcome === 'late') this.close(CLOSE_CODES.TOO_SLOW, 'nothing was read for too long');
    if (outcome !== 'drained') throw errors.NOT_FOLLOWING({ reason: 'the socket has closed' });
  }

  sendError(error: unknown, names?: FrameNames): void {
    const known = publicError(error as Error);
    if (known !== error) this.context.observe({ type: 'topic.failed', table: '', error: error as Error });
    this.context.observe({ type: 'subscribe.refused', code: known.code });
    this.tell(errorFrame(known, names));
  }

  sendReady(): void {
    const { expires } = this;
    const { maxSubscriptions, framesPerSecond, frameBytes } = this.context.limits;
    const limits = {
      frameBytes,
      framesPerSecond,
      subscriptions: maxSubscriptions,
      channels: this.context.channels.maxPerSocket,
    };
    this.tell(
      serverFrame({ op: 'ready', role: this.identity.role, ...(expires === undefined ? {} : { expires }), limits }),
    );
  }

  sendDraining(ms: number, url: string | undefined): void {
    this.tell(serverFrame({ op: 'draining', reconnectInMs: ms, ...(url === undefined ? {} : { url }) }));
  }

  close(code: number, reason: string): void {
    if (this.#buffer.isHalfFull) this.#cut(code, reason);
    else this.#ws.close(code, reason);
  }

  terminate(): void {
    this.#ws.terminate();
  }

  #planCheck(): void {
    const expiresAt = this.#expires === undefined ? Number.POSITIVE_INFINITY : this.#expires * 1_000;
    this.checkAt = Math.min(expiresAt, this.#pingedAt + this.context.limits.pingMs);
  }

  /** Ends a connection whose client does not read. Called each second while bytes are buffered. */
  checkBuffer(now: number): void {
    if (this.#buffer.isStuck(now) && !this.closed) this.close(CLOSE_CODES.TOO_SLOW, 'nothing was read for too long');
  }

  /** Ends a connection with an expired token and one that is half open. */
  check(now: number): void {
    if (this.closed) return;
    if (this.#expires !== undefined && this.#expires * 1_000 <= now) {
      this.sendError(errors.TOKEN_EXPIRED());
      this.close(CLOSE_CODES.TOKEN_EXPIRED, 'the token has expired');
      return;
    }
    if (!this.#answered) {
      this.#cut(CLOSE_CODES.HEARTBEAT_LOST, 'no answer to a ping');
      return;
    }
    this.#answered = false;
    this.#pingedAt = now;
    this.#planCheck();
    this.#ws.ping();
    this.#buffer.note();
  }

  #cut(code: number, reason: string): void {
    this.#cutFor = { code, reason };
    this.#ws.terminate();
  }

  async #open(token: () => string | undefined): Promise<void> {
    try {
      const given = token();
      if (given !== undefined) {
        const verified = await this.verify(given);
        this.identity = { role: verified.role, claims: verified.claimsText };
        this.expires = verified.expires;
      }
      this.sendReady();
    } catch (error) {
      this.sendError(error);
      const isBusy = (error as Partial<TidemarkError>).status === 429;
      if (isBusy) this.close(CLOSE_CODES.TRY_AGAIN_LATER, 'too much comes from this identity');
      else this.close(CLOSE_CODES.AUTH_REQUIRED, 'the token was refused');
    }
  }

  async verify(token: string): Promise<VerifiedToken> {
    const { admission } = this.context;
    const verified = await admission.verifyToken(token, this.#address);
    // A closed socket has given back its place, and must not take another.
    if (this.closed) throw errors.NOT_FOLLOWING({ reason: 'the socket has closed' });
    const key = identityKey(verified, networkOf(this.#address));
    if (this.#admitted && key === this.holder) return verified;
    if (admission.sockets.move(this.holder, key) !== undefined) {
      admission.refused('sockets');
      throw errors.TOO_MANY_SOCKETS({ limit: admission.sockets.share });
    }
    this.holder = key;
    this.#admitted = true;
    return verified;
  }

  #received(data: RawData, isBinary: boolean): void {
    const second = Math.floor(Date.now() / 1_000);
    if (second !== this.#second) {
      this.#second = second;
      this.#framesInSecond = 0;
    }
    this.#framesInSecond += 1;
    const limit = this.context.limits.framesPerSecond;
    if (this.#framesInSecond > limit) {
      if (this.#framesInSecond === limit + 1) this.sendError(errors.FRAME_RATE({ limit }));
      return;
    }
    if (this.#pending >= MAX_PENDING_FRAMES) {
      this.close(CLOSE_CODES.LIMIT_EXCEEDED, `more than ${MAX_PENDING_FRAMES} frames wait`);
      return;
    }
    if (isBinary) {
      this.sendError(errors.FRAME_INVALID({ expected: 'a text frame was expected, not a binary one' }));
      return;
    }
    const text = String(data);
    const { waitingFrames } = this.context;
    const { holder } = this;
    const refusal = waitingFrames.take(holder, text.length);
    if (refusal) {
      this.sendError(errors.FRAMES_WAITING({ limit: refusal.limit, where: refusal.where }), namesOf(text));
      return;
    }
    this.#inOrder(async () => {
      waitingFrames.give(holder, text.length);
      if (this.closed) return;
      try {
        await this.context.handle(this, readClientFrame(text));
      } catch (error) {
        this.sendError(error, namesOf(text));
      }
    });
  }

  #inOrder(work: () => Promise<void>): void {
    this.#pending += 1;
    this.#chain = this.#chain.then(work).finally(() => {
      this.#pending -= 1;
    });
  }

  #closed(code: number, reason: string): void {
    for (const subscription of [...this.subscriptions.values()]) subscription.end();
    this.subscriptions.clear();
    this.context.channels.leaveAll(this);
    this.context.admission.sockets.give(this.holder);
    this.context.observe({ type: 'socket.closed', ...(this.#cutFor ?? { code, reason }) });
    this.context.onClosed(this);
  }
}
