/** What a client has ended on one socket, until the server has answered that. */
import type { ClientFrame, FrameOf } from './frames.ts';

type OfChannel = FrameOf<'joined' | 'left' | 'message' | 'presence' | 'error'>;

export class Departures {
  #subscriptions = new Set<string>();
  /** Leaves of each channel without an answer yet. */
  #channels = new Map<string, number>();

  unsubscribing(id: string): void {
    this.#subscriptions.add(id);
  }

  /** Also where there was none. */
  unsubscribed(id: string): void {
    this.#subscriptions.delete(id);
  }

  leaving(name: string): void {
    this.#channels.set(name, (this.#channels.get(name) ?? 0) + 1);
  }

  /**
   * Whether a frame is of the membership that is there: a channel is named, not numbered, so that what comes before the answer to a
   * leave is of the one that was left.
   */
  isPresent(frame: OfChannel): boolean {
    const name = frame.channel as string;
    const leaves = this.#channels.get(name);
    const isOfLeave = frame.op === 'error' && frame.frame === 'leave';
    if (leaves === undefined) return !isOfLeave;
    const isAnswer = frame.op === 'left' ? frame.reason === undefined : isOfLeave;
    if (isAnswer && leaves === 1) this.#channels.delete(name);
    else if (isAnswer) this.#channels.set(name, leaves - 1);
    return false;
  }

  /** To be sent again, where the server may not have read them. A channel that was joined again meanwhile sees to itself. */
  unanswered(isJoined: (name: string) => boolean): ClientFrame[] {
    return [
      ...[...this.#subscriptions].map((id) => ({ op: 'unsubscribe' as const, id })),
      ...[...this.#channels.keys()]
        .filter((name) => !isJoined(name))
        .map((channel) => ({ op: 'leave' as const, channel })),
    ];
  }
}
