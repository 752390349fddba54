/** Members on this and other instances. Those of an instance that is silent for two heartbeats are removed. */
import type { ChannelBroadcast, Member } from '@tidemark/contracts';

export interface PresenceChange {
  joined: Member[];
  left: string[];
}

export class Presence {
  #local = new Map<string, Member>();
  #remote = new Map<string, { heardAt: number; members: Map<string, Member> }>();

  get localCount(): number {
    return this.#local.size;
  }

  get count(): number {
    let count = this.#local.size;
    for (const { members } of this.#remote.values()) count += members.size;
    return count;
  }

  /** Returns whether it is a member of this instance. */
  has(id: string): boolean {
    return this.#local.has(id);
  }

  local(): Member[] {
    return [...this.#local.values()];
  }

  all(): Member[] {
    const members = this.local();
    for (const remote of this.#remote.values()) members.push(...remote.members.values());
    return members;
  }

  put(member: Member): void {
    this.#local.set(member.id, member);
  }

  remove(id: string): boolean {
    return this.#local.delete(id);
  }

  /** Applies a message of another instance. Returns the visible changes; undefined without any. */
  hear(said: Extract<ChannelBroadcast, { kind: 'here' | 'change' }>, now: number): PresenceChange | undefined {
    const before = this.#remote.get(said.instance)?.members ?? new Map<string, Member>();
    const after = said.kind === 'here' ? new Map<string, Member>() : new Map(before);
    if (said.kind === 'change') for (const id of said.left) after.delete(id);
    for (const member of said.kind === 'here' ? said.members : said.joined) after.set(member.id, member);
    if (after.size === 0) this.#remote.delete(said.instance);
    else this.#remote.set(said.instance, { heardAt: now, members: after });
    return difference(before, after);
  }

  expire(since: number): PresenceChange | undefined {
    const left: string[] = [];
    for (const [instance, { heardAt, members }] of this.#remote) {
      if (heardAt >= since) continue;
      left.push(...members.keys());
      this.#remote.delete(instance);
    }
    return left.length > 0 ? { joined: [], left } : undefined;
  }
}

function difference(before: Map<string, Member>, after: Map<string, Member>): PresenceChange | undefined {
  const joined = [...after.values()].filter((member) => {
    const known = before.get(member.id);
    return !known || known.user !== member.user || JSON.stringify(known.state) !== JSON.stringify(member.state);
  });
  const left = [...before.keys()].filter((id) => !after.has(id));
  return joined.length + left.length > 0 ? { joined, left } : undefined;
}
