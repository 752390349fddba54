/** The newest text of each topic, with a number that grows when the text changes. */
import { TOPICS, type TopicInputs, type TopicName } from './topics.ts';

export interface TopicVersion {
  readonly version: number;
  /** JSON. */
  readonly data: string;
}

export interface TopicVersions {
  /** Computes the wanted topics that are due, and returns all that are known. */
  update(wanted: ReadonlySet<string>, inputs: TopicInputs): ReadonlyMap<string, TopicVersion>;
}

/** Timers may fire a little early. */
const TOLERANCE_MS = 100;

export function createTopicVersions(): TopicVersions {
  const versions = new Map<string, TopicVersion>();
  const computedAt = new Map<string, number>();
  return {
    update(wanted, inputs) {
      const now = inputs.health.at;
      for (const name of wanted) {
        const topic = TOPICS[name as TopicName];
        if (now - (computedAt.get(name) ?? Number.NEGATIVE_INFINITY) < topic.everyMs - TOLERANCE_MS) continue;
        computedAt.set(name, now);
        const data = JSON.stringify(topic.of(inputs));
        const known = versions.get(name);
        if (known?.data !== data) versions.set(name, { version: (known?.version ?? 0) + 1, data });
      }
      return versions;
    },
  };
}
