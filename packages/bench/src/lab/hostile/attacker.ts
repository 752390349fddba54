import { connect, type Socket } from 'node:net';
import { Agent, type Dispatcher, errors, request } from 'undici';
import { pause } from '../../measuring/waiting.ts';

export interface Target {
  readonly url: string;
  readonly port: number;
  readonly over: AbortSignal;
}

export interface Outcome {
  refused: number;
  served: number;
  unanswered: number;
  /** Bytes of the largest response. */
  largestBytes: number;
}

export interface Attacker {
  readonly name: string;
  /** Whether the server has to refuse it; otherwise it may serve it at a bounded cost. */
  readonly isRefused: boolean;
  attempt(target: Target, outcome: Outcome): Promise<void>;
}

/** Longer than any time limit of the services for a small request. */
export const RESPONSE_MS = 10_000;
const PAUSE_MS = 5;

/** The outcome changes until `ended` resolves. */
export function attack(attacker: Attacker, target: Target): { outcome: Outcome; ended: Promise<void> } {
  const outcome: Outcome = { refused: 0, served: 0, unanswered: 0, largestBytes: 0 };
  const run = async () => {
    while (!target.over.aborted) {
      await attacker.attempt(target, outcome).catch((error: unknown) => count(outcome, failureOf(error), target));
      await pause(PAUSE_MS);
    }
  };
  return { outcome, ended: run() };
}

/** A connection that stays open without a response is unanswered. */
function failureOf(error: unknown): 'refused' | 'unanswered' {
  const isTimeout = error instanceof errors.HeadersTimeoutError || error instanceof errors.BodyTimeoutError;
  return isTimeout ? 'unanswered' : 'refused';
}

/** The end of the attack interrupts attempts, which do not count. */
export function count(outcome: Outcome, what: 'refused' | 'served' | 'unanswered', target: Target): void {
  if (!target.over.aborted) outcome[what] += 1;
}

const agent = new Agent({ connections: 64, headersTimeout: RESPONSE_MS, bodyTimeout: RESPONSE_MS });

export async function send(
  target: Target,
  outcome: Outcome,
  path: string,
  options: Omit<Dispatcher.RequestOptions, 'path' | 'method' | 'origin'> & { method?: Dispatcher.HttpMethod } = {},
): Promise<void> {
  const response = await request(`${target.url}${path}`, { ...options, dispatcher: agent, signal: target.over });
  let bytes = 0;
  for await (const chunk of response.body) bytes += (chunk as Buffer).length;
  outcome.largestBytes = Math.max(outcome.largestBytes, bytes);
  count(outcome, response.statusCode >= 400 ? 'refused' : 'served', target);
}

export function openSocket(target: Target, text: string): Socket {
  const socket = connect({ host: '127.0.0.1', port: target.port });
  socket.on('error', () => undefined);
  const end = () => socket.destroy();
  target.over.addEventListener('abort', end, { once: true });
  socket.once('close', () => target.over.removeEventListener('abort', end));
  socket.write(text);
  return socket;
}

export function within(socket: Socket, event: 'data' | 'close' | 'drain', ms: number): Promise<boolean> {
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
