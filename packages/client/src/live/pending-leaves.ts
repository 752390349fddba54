/** Unsubscribes and leaves that one socket has sent and the server has not answered. */
import type { ClientFrame, FrameOf } from './frames.ts';

type OfChannel = FrameOf<'joined' | 'left' | 'message' | 'presence' | 'error'>;

export class PendingLeaves {
  #subscriptions = new Set<string>();
  #channels = new Map<string, number>();

  unsubscribing(id: string): void {
    this.#subscriptions.add(id);
  }

  unsubscribed(id: string): void {
    this.#subscriptions.delete(id);
  }

  leaving(name: string): void {
    this.#channels.set(name, (this.#channels.get(name) ?? 0) + 1);
  }

  /** Frames name a channel and not a membership: those before the answer to a leave belong to the old membership. */
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

  /** Returns the frames to send again. A channel that was joined again sends its own frames. */
  unanswered(isJoined: (name: string) => boolean): ClientFrame[] {
    return [
      ...[...this.#subscriptions].map((id) => ({ op: 'unsubscribe' as const, id })),
      ...[...this.#channels.keys()]
        .filter((name) => !isJoined(name))
        .map((channel) => ({ op: 'leave' as const, channel })),
    ];
  }
}
