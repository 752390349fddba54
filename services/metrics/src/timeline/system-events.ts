/** Changes that the whole system shows from second to second: the relay, its epoch, the replicas, and definitions of tables. */
import type { Collected } from '../collectors/collectors.ts';
import type { Instance } from '../instances/registry.ts';
import type { Happening } from './timeline.ts';

export class SystemEvents {
  #leader: string | undefined;
  #epoch: string | undefined;
  #definition = 0;
  #indexDroppedAt = 0;
  #replicas: ReadonlySet<string> | undefined;

  compare(live: readonly Instance[], { replication, definitions, droppedIndexes }: Collected): Happening[] {
    return [
      ...this.#relay(live),
      ...this.#replication(replication),
      ...this.#definitions(definitions),
      ...this.#indexes(droppedIndexes),
    ];
  }

  #indexes(dropped: Collected['droppedIndexes']): Happening[] {
    const latest = this.#indexDroppedAt;
    this.#indexDroppedAt = Math.max(latest, ...(dropped ?? []).map(({ at }) => at));
    return (dropped ?? [])
      .filter(({ at }) => at > latest)
      .map(({ schema, table, index, scans }) => ({
        type: 'index.dropped',
        subject: `${schema}.${table}`,
        message: `the index ${index} of ${schema}.${table} was dropped, after ${scans} scans`,
      }));
  }

  #definitions(definitions: Collected['definitions']): Happening[] {
    const changed = (definitions?.changed ?? []).filter(({ number }) => number > this.#definition);
    this.#definition = changed.at(-1)?.number ?? this.#definition;
    return changed.map(({ schema, table, lsn }) => ({
      type: 'definition.changed',
      subject: schema === '' ? 'roles' : `${schema}.${table}`,
      message:
        schema === ''
          ? `roles or their memberships changed, at or before ${lsn}`
          : `columns, keys, policies or rights of ${schema}.${table} changed, at or before ${lsn}`,
      lsn,
    }));
  }

  #relay(live: readonly Instance[]): Happening[] {
    const active = live.find(({ telemetry }) => telemetry.relay?.role === 'active');
    if (!active) return [];
    const { epoch, confirmedLsn } = active.telemetry.relay ?? {};
    const at = confirmedLsn ? { lsn: confirmedLsn } : {};
    const happened: Happening[] = [];
    if (this.#leader !== undefined && this.#leader !== active.key) {
      const message = `${active.key} runs the relay; before, ${this.#leader}`;
      happened.push({ type: 'relay.leader', subject: active.key, message, ...at });
    }
    this.#leader = active.key;
    if (epoch && this.#epoch !== undefined && this.#epoch !== epoch) {
      const message = `the epoch is ${epoch}; before, ${this.#epoch}`;
      happened.push({ type: 'epoch.changed', subject: epoch, message, ...at });
    }
    if (epoch) this.#epoch = epoch;
    return happened;
  }

  /** Without an answer of Postgres nothing is known about replicas, so nothing has changed. */
  #replication(replication: Collected['replication']): Happening[] {
    if (!replication) return [];
    const now = new Set(replication.replicas.filter(({ state }) => state === 'streaming').map(({ name }) => name));
    const before = this.#replicas;
    this.#replicas = now;
    if (!before) return [];
    const lsn = (name: string) => replication.replicas.find((replica) => replica.name === name)?.replayLsn;
    return [
      ...[...now]
        .filter((name) => !before.has(name))
        .map((name): Happening => {
          const replayed = lsn(name);
          const message = `the replica ${name} streams from the primary`;
          return { type: 'replica.connected', subject: name, message, ...(replayed && { lsn: replayed }) };
        }),
      ...[...before]
        .filter((name) => !now.has(name))
        .map((name): Happening => {
          const message = `the replica ${name} no longer streams from the primary`;
          return { type: 'replica.disconnected', subject: name, message };
        }),
    ];
  }
}
