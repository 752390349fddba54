import type { Collected } from '../collectors/collectors.ts';
import type { HealthAnswer } from '../health/answer.ts';
import type { LatencyHistory } from '../history/latencies.ts';
import type { Timeline } from '../timeline/timeline.ts';
import type { Broadcaster } from './broadcaster.ts';
import { createTopicVersions } from './topic-versions.ts';

/** The console shows what has changed lately; GET events has the rest. */
const MAX_EVENTS = 20;

interface Sources {
  broadcaster: Broadcaster;
  collected(): Collected;
  timeline: Timeline;
  latencies: LatencyHistory;
}

/** Returns a function that sends the clients of the stream the topics that have changed. */
export function topicPublisher({
  broadcaster,
  collected,
  timeline,
  latencies,
}: Sources): (health: HealthAnswer) => void {
  const versions = createTopicVersions();
  return (health) => {
    const wanted = broadcaster.wantedTopics();
    if (wanted.size === 0) return;
    const { events } = timeline.read({ from: 0, limit: MAX_EVENTS });
    broadcaster.publish(versions.update(wanted, { health, latencies, collected: collected(), events }), health.at);
  };
}
