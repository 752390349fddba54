/** Handshake, token and pings. It calls `ready` once, and `lost` or `refused` once. */
import { TidemarkError } from '../errors.ts';
import type { Session } from '../session.ts';
import { parseExactly } from './exact-numbers.ts';
import {
  asError,
  type ClientFrame,
  DEFAULT_LIMITS,
  type FrameOf,
  type ServerFrame,
  type SocketLimits,
  SUBPROTOCOL,
} from './frames.ts';
import { Outbox } from './outbox.ts';
import type { WebSocketClass, WebSocketLike } from './web-socket.ts';

export interface PingTimes {
  /** Silence after which a ping is sent, ms. */
  pingMs: number;
  pongMs: number;
}

/** Half of the idle timeout that proxies commonly have. */
const PING_TIMES: PingTimes = { pingMs: 25_000, pongMs: 10_000 };
/** Time before its expiry at which a token is replaced, ms; the server closes connections with an expired one. */
const RENEW_EARLY_MS = 30_000;
/** Longest delay of setTimeout. */
const MAX_TIMER_MS = 2 ** 31 - 1;
/** Close codes after which reconnecting does not help until something changes. */
const isFinal = (code: number) => code >= 4_100 && code < 4_200;
const TOKEN_EXPIRED = 4_101;

export interface LiveSocketEvents {
  opened(): void;
  ready(limits: SocketLimits): void;
  frame(frame: ServerFrame): void;
  lost(reason: string): void;
  refused(error: TidemarkError): void;
}

export class LiveSocket {
  #ws: WebSocketLike;
  #session: Session;
  #on: LiveSocketEvents;
  #limits: SocketLimits = DEFAULT_LIMITS;
  #outbox: Outbox | undefined;
  #pingTimes: PingTimes;
  /** The server greets each socket as anonymous first; its answer to the token is the second greeting. */
  #greetings = 0;
  #isReady = false;
  #ended = false;
  #hasRenewed = false;
  #heardAt = Date.now();
  #pingTimer: ReturnType<typeof setTimeout>;
  #renewTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(url: string, WebSocket: WebSocketClass, session: Session, on: LiveSocketEvents, pingTimes = PING_TIMES) {
    this.#ws = new WebSocket(url, [SUBPROTOCOL]);
    this.#session = session;
    this.#on = on;
    this.#pingTimes = pingTimes;
    this.#ws.onopen = () => {
      if (this.#ended) return;
      this.#on.opened();
      void this.authenticate();
    };
    this.#ws.onmessage = ({ data }) => this.#received(String(data));
    // An error event carries no reason; a close event always follows it. `ws` throws without a listener.
    this.#ws.onerror = () => {};
    this.#ws.onclose = ({ code, reason }) => this.#closed(code, reason);
    this.#pingTimer = setTimeout(() => this.#checkSilence(), pingTimes.pingMs);
  }

  /** May be called after `ready`. @throws CLIENT_FRAME_TOO_LARGE, CLIENT_TOO_FAST */
  send(frame: ClientFrame): void {
    this.#outbox?.push(frame);
  }

  /** Removes matching frames that were not sent yet. @returns whether there were any */
  cancel(fits: (frame: ClientFrame) => boolean): boolean {
    return this.#outbox?.cancel(fits) ?? false;
  }

  /** Called when the server has dropped frames for their rate. */
  slowDown(): void {
    this.#outbox?.slowDown();
  }

  #write(text: string): void {
    if (!this.#ended) this.#ws.send(text);
  }

  async authenticate(renew = false): Promise<void> {
    try {
      const token = await this.#session.token(renew);
      if (token !== undefined) this.#write(JSON.stringify({ op: 'auth', token } satisfies ClientFrame));
      else this.#greet();
    } catch (error) {
      this.#end(() => this.#on.lost(`the token source failed: ${(error as Error).message}`));
    }
  }

  /** Closes without calling `lost`. */
  close(): void {
    this.#end(() => {});
  }

  #received(text: string): void {
    if (this.#ended) return;
    this.#heardAt = Date.now();
    let frame: ServerFrame;
    try {
      frame = parseExactly(text) as ServerFrame;
    } catch {
      this.#end(() => this.#on.lost('the server sent a frame that is not JSON'));
      return;
    }
    if (frame.op === 'pong') return;
    if (frame.op === 'ready') {
      this.#limits = frame.limits ?? this.#limits;
      this.#greet(frame.expires);
    } else if (isOfToken(frame)) this.#unauthorised(frame);
    else this.#on.frame(frame);
  }

  /** Counts the server's greetings; without a token to send, authenticate() stands for the second. */
  #greet(expires?: number): void {
    this.#greetings += 1;
    if (this.#greetings < 2) return;
    this.#hasRenewed = false;
    this.#renewBefore(expires);
    if (this.#isReady) return;
    this.#isReady = true;
    this.#outbox = new Outbox(this.#limits, (text) => this.#write(text));
    this.#on.ready(this.#limits);
  }

  #renewBefore(expires: number | undefined): void {
    clearTimeout(this.#renewTimer);
    if (expires === undefined || !this.#session.canRenew) return;
    const wait = Math.max(0, expires * 1_000 - Date.now() - RENEW_EARLY_MS);
    if (wait < MAX_TIMER_MS) this.#renewTimer = setTimeout(() => void this.authenticate(true), wait);
  }

  #unauthorised(frame: FrameOf<'error'>): void {
    if (!frame.retry && this.#session.canRenew && !this.#hasRenewed) {
      this.#hasRenewed = true;
      void this.authenticate(true);
      return;
    }
    // The server is too busy to verify the token, or the user has too many sockets.
    if (frame.retry) this.#end(() => this.#on.lost(frame.message));
    else this.#end(() => this.#on.refused(asError(frame)));
  }

  #closed(code: number, reason: string): void {
    const said = reason === '' ? `closed with ${code}` : `${reason} (${code})`;
    if (isFinal(code) && !(code === TOKEN_EXPIRED && this.#session.canRenew)) {
      const error = new TidemarkError({
        code: `CLOSED_${code}`,
        message: said,
        hint: 'Look the close code up in the protocol.',
      });
      this.#end(() => this.#on.refused(error));
    } else this.#end(() => this.#on.lost(said));
  }

  #checkSilence(): void {
    const { pingMs, pongMs } = this.#pingTimes;
    const silentMs = Date.now() - this.#heardAt;
    if (silentMs >= pingMs + pongMs) {
      this.#end(() => this.#on.lost('the server is silent'));
      return;
    }
    if (silentMs >= pingMs && this.#greetings > 0) this.#write('{"op":"ping"}');
    this.#pingTimer = setTimeout(() => this.#checkSilence(), silentMs >= pingMs ? pongMs : pingMs - silentMs);
  }

  #end(report: () => void): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#pingTimer);
    clearTimeout(this.#renewTimer);
    this.#outbox?.close();
    this.#ws.onopen = this.#ws.onmessage = this.#ws.onclose = null;
    this.#ws.close(1_000);
    report();
  }
}

const isOfToken = (frame: ServerFrame): frame is FrameOf<'error'> =>
  frame.op === 'error' &&
  (frame.frame === 'auth' ||
    (frame.frame === undefined &&
      frame.id === undefined &&
      frame.channel === undefined &&
      frame.code.startsWith('AUTH_')));
