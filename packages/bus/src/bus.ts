/** One NATS connection of a process, with the subjects of `@tidemark/contracts`. `connectBus` opens it. */
import type { Subjects } from '@tidemark/contracts';
import type { TSchema } from 'typebox';
import type { ChangesLimits, WorkLimits } from './streams.ts';

export interface Subscription {
  unsubscribe(): void;
}

export interface SubscribeOptions {
  schema?: TSchema;
  /** Returns what is wrong with a message that matches its schema. Such a message is reported and dropped. */
  check?: (payload: never, subject: string) => string | undefined;
  /** Larger messages are reported and dropped without being parsed. Absent: the server's limit, 1 MiB by default. */
  maxBytes?: number;
  queue?: string;
}

export interface AskOptions {
  schema: TSchema;
  timeoutMs: number;
}

export interface AnswerOptions {
  schema: TSchema;
  /** Questions handled at a time; further ones are refused with BUS_BUSY. */
  concurrency: number;
  /** Instances with the same name share the questions: each goes to one of them. */
  queue?: string;
}

export interface Bus {
  readonly subjects: Subjects;
  /** Core NATS, JSON, at most once. Messages are dropped while disconnected: use it for telemetry and alerts only. */
  publish(subject: string, payload: unknown): void;
  /** JetStream: resolves once the message is stored in the stream of its subject. */
  store(subject: string, payload: string | Uint8Array, headers?: Readonly<Record<string, string>>): Promise<void>;
  subscribe<T>(
    subject: string,
    handler: (payload: T, subject: string) => void,
    options?: SubscribeOptions,
  ): Subscription;
  ask<A>(subject: string, question: unknown, options: AskOptions): Promise<A>;
  answer<Q, A>(subject: string, handler: (question: Q) => Promise<A> | A, options: AnswerOptions): Subscription;
  ensureChangesStream(limits?: ChangesLimits): Promise<void>;
  ensureWorkStream(limits?: WorkLimits): Promise<void>;
  flush(): Promise<void>;
  maxPayload(): number;
  connected(): boolean;
  /** Undefined while connected, else what is wrong. */
  problem(): string | undefined;
  /** Drains for at most two seconds, then closes. */
  close(): Promise<void>;
}
