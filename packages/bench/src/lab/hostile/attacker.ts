/** An attacker of the trial `hostile`: a stranger without a token who sends requests that cost the sender little and the server much. */
import { connect, type Socket } from 'node:net';
import { Agent, type Dispatcher, errors, request } from 'undici';
import { pause } from '../../measuring/waiting.ts';

export interface Target {
  /** The gateway. */
  readonly url: string;
  readonly port: number;
  readonly over: AbortSignal;
}

export interface Outcome {
  /** Tries that were refused, cut off or answered with an error. */
  refused: number;
  served: number;
  /** Tries that nobody answered in time. */
  unanswered: number;
  /** Bytes of the largest answer. */
  largestBytes: number;
}

export interface Attacker {
  /** As its file. */
  readonly name: string;
  /** Whether it has to be refused; otherwise it may be served, at a bounded cost. */
  readonly isRefused: boolean;
  /** Makes one attempt. It is called again until the attack is over. */
  attempt(target: Target, outcome: Outcome): Promise<void>;
}

/** Longer than any deadline of the services for a request that asks for little. */
export const ANSWER_MS = 10_000;
/** Between two tries of one attacker. */
const PAUSE_MS = 5;

/** Attacks until it is over. @returns what has come of it so far, and the end of it */
export function attack(attacker: Attacker, target: Target): { outcome: Outcome; ended: Promise<void> } {
  const outcome: Outcome = { refused: 0, served: 0, unanswered: 0, largestBytes: 0 };
  return { outcome, ended: repeat(attacker, target, outcome) };
}

async function repeat(attacker: Attacker, target: Target, outcome: Outcome): Promise<void> {
  while (!target.over.aborted) {
    await attacker.attempt(target, outcome).catch((error: unknown) => count(outcome, failureOf(error), target));
    await pause(PAUSE_MS);
  }
}

/** A connection that is refused or reset is a refusal; one that stays open without an answer is none. */
function failureOf(error: unknown): 'refused' | 'unanswered' {
  const isTimeout = error instanceof errors.HeadersTimeoutError || error instanceof errors.BodyTimeoutError;
  return isTimeout ? 'unanswered' : 'refused';
}

/** An attempt that is cut short by the end of the attack is not counted. */
export function count(outcome: Outcome, what: 'refused' | 'served' | 'unanswered', target: Target): void {
  if (!target.over.aborted) outcome[what] += 1;
}

const agent = new Agent({ connections: 64, headersTimeout: ANSWER_MS, bodyTimeout: ANSWER_MS });

/** Sends a request and reads its answer to the end, without keeping it. */
export async function send(
  target: Target,
  outcome: Outcome,
  path: string,
  options: Omit<Dispatcher.RequestOptions, 'path' | 'method' | 'origin'> & { method?: Dispatcher.HttpMethod } = {},
): Promise<number> {
  const answer = await request(`${target.url}${path}`, { ...options, dispatcher: agent, signal: target.over });
  let bytes = 0;
  for await (const chunk of answer.body) bytes += (chunk as Buffer).length;
  outcome.largestBytes = Math.max(outcome.largestBytes, bytes);
  count(outcome, answer.statusCode >= 400 ? 'refused' : 'served', target);
  return answer.statusCode;
}

/** A bare connection that ends with the attack. */
export function openSocket(target: Target): Socket {
  const socket = connect({ host: '127.0.0.1', port: target.port });
  socket.on('error', () => undefined);
  const end = () => socket.destroy();
  target.over.addEventListener('abort', end, { once: true });
  socket.once('close', () => target.over.removeEventListener('abort', end));
  return socket;
}

/** Resolves with whether `event` came within the time. */
export function within(socket: Socket, event: 'data' | 'close', ms: number): Promise<boolean> {
  return new Promise((resolve) => {
    const done = (came: boolean) => {
      clearTimeout(timer);
      socket.off(event, arrived);
      socket.off('close', closed);
      resolve(came);
    };
    const arrived = () => done(true);
    const closed = () => done(event === 'close');
    const timer = setTimeout(done, ms, false);
    socket.once(event, arrived);
    socket.once('close', closed);
    if (socket.destroyed) closed();
  });
}
