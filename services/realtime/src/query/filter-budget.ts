/**
 * Limits the cost of live queries' filters for each row. A topic, or a statement for several topics, is charged once,
 * to the identity that needed it first.
 */
import { SharedLimit } from '@tidemark/service';
import { errors } from '../errors.ts';

export interface FilterLimits {
  /** Steps for each row of 1,000 characters (row-filter.ts). */
  query: number;
  socket: number;
  instance: number;
  sharePercent: number;
}

/** One statement of 0.5 ms for each batch of changes. By default, a socket may have 12 of them, and an instance 400. */
export const QUESTION_STEPS = 25_000;

export interface FilterCharge {
  steps: number;
  question: string | undefined;
}

export class FilterBudget {
  readonly instance: SharedLimit;
  #limits: FilterLimits;
  #bySocket = new Map<object, number>();
  #questions = new Map<string, { holder: string; topics: number }>();

  constructor(limits: FilterLimits) {
    this.#limits = limits;
    this.instance = new SharedLimit(limits.instance, limits.sharePercent);
  }

  /** Returns functions that give back the steps of the socket (`leave`) and of the topic (`close`). */
  admit(socket: object, holder: string, filter: FilterCharge, makesTopic: boolean): { leave(): void; close(): void } {
    const { question } = filter;
    const steps = filter.steps + (question === undefined ? 0 : QUESTION_STEPS);
    if (steps > this.#limits.query) throw errors.FILTER_COST({ steps, limit: this.#limits.query });
    const ofSocket = (this.#bySocket.get(socket) ?? 0) + steps;
    const limit = this.#limits.socket;
    if (ofSocket > limit) throw errors.SOCKET_FILTERS({ steps: ofSocket, limit });
    const isNew = question !== undefined && !this.#questions.has(question);
    const refusal = makesTopic ? this.instance.take(holder, filter.steps + (isNew ? QUESTION_STEPS : 0)) : undefined;
    if (refusal) throw errors.FILTER_BUDGET({ steps: refusal.wanted, limit: refusal.limit, where: refusal.where });
    if (makesTopic && question !== undefined) this.#ask(question, holder);
    this.#bySocket.set(socket, ofSocket);
    return {
      leave: () => {
        const left = (this.#bySocket.get(socket) ?? 0) - steps;
        if (left > 0) this.#bySocket.set(socket, left);
        else this.#bySocket.delete(socket);
      },
      close: () => {
        if (!makesTopic) return;
        this.instance.give(holder, filter.steps);
        if (question !== undefined) this.#forget(question);
      },
    };
  }

  isAsked(question: string | undefined): boolean {
    return question !== undefined && this.#questions.has(question);
  }

  #ask(question: string, holder: string): void {
    const asked = this.#questions.get(question) ?? { holder, topics: 0 };
    asked.topics += 1;
    this.#questions.set(question, asked);
  }

  #forget(question: string): void {
    const asked = this.#questions.get(question);
    if (!asked) return;
    asked.topics -= 1;
    if (asked.topics > 0) return;
    this.#questions.delete(question);
    this.instance.give(asked.holder, QUESTION_STEPS);
  }
}
