/**
 * How much the filters of live queries may cost for each row: per query, per socket, and in all, with a share for each identity
 * once the instance is over half. A topic is charged once, to the identity that made it: whoever joins it costs nothing more.
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

export class FilterBudget {
  readonly instance: SharedLimit;
  #limits: FilterLimits;
  #bySocket = new Map<object, number>();

  constructor(limits: FilterLimits) {
    this.#limits = limits;
    this.instance = new SharedLimit(limits.instance, limits.sharePercent);
  }

  /**
   * Charges a subscription to its socket, and a topic that is made for it to the identity.
   * @returns what gives the socket's part back, and the topic's
   * @throws RT_FILTER_COST, RT_SOCKET_FILTERS, RT_FILTER_BUDGET
   */
  admit(socket: object, holder: string, steps: number, makesTopic: boolean): { leave(): void; close(): void } {
    if (steps > this.#limits.query) throw errors.FILTER_COST({ steps, limit: this.#limits.query });
    const ofSocket = (this.#bySocket.get(socket) ?? 0) + steps;
    const limit = this.#limits.socket;
    if (ofSocket > limit) throw errors.SOCKET_FILTERS({ steps: ofSocket, limit });
    const refusal = makesTopic ? this.instance.take(holder, steps) : undefined;
    if (refusal) throw errors.FILTER_BUDGET({ steps: refusal.wanted, limit: refusal.limit, where: refusal.where });
    this.#bySocket.set(socket, ofSocket);
    return {
      leave: () => {
        const left = (this.#bySocket.get(socket) ?? 0) - steps;
        if (left > 0) this.#bySocket.set(socket, left);
        else this.#bySocket.delete(socket);
      },
      close: () => {
        if (makesTopic) this.instance.give(holder, steps);
      },
    };
  }
}
