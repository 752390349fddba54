/** Subscriptions follow the feed of changes; announced definitions and checks of rights end those that rest on old facts. */
import type { Database } from '@tidemark/db';
import type { Metrics, Tracing } from '@tidemark/service';
import type { Feed } from '../changes/feed.ts';
import type { History } from '../changes/history.ts';
import type { Config } from '../config.ts';
import { AnnouncedDefinitions } from '../definitions/announced-definitions.ts';
import type { RealtimeEvent } from '../events.ts';
import * as settings from '../settings.ts';
import { createSnapshots } from '../snapshots/snapshots.ts';
import { hasUndecided } from '../snapshots/undecided-transactions.ts';
import { createFactsCache } from '../tables/facts-cache.ts';
import { createDeliveryStats } from '../topics/delivery-stats.ts';
import { createRightsChecks } from './rights-checks.ts';
import { createTopics } from './topics.ts';

export interface SubscriptionsDependencies {
  config: Config;
  database: Database;
  feed: Feed;
  history: History;
  metrics: Metrics;
  tracing: Tracing | undefined;
  observe: (event: RealtimeEvent) => void;
}

export function createSubscriptions(dependencies: SubscriptionsDependencies) {
  const { config, database, feed, history, metrics, tracing, observe } = dependencies;
  const snapshots = createSnapshots({
    database,
    isUndecided: (plan, visibility) => hasUndecided(feed, plan, visibility),
    ...settings.snapshotSettings(config),
  });
  const announced = new AnnouncedDefinitions();
  const facts = createFactsCache({
    database,
    publication: config.RELAY_PUBLICATION,
    announced,
    sharePercent: config.IDENTITY_SHARE_PERCENT,
  });
  const delivery = createDeliveryStats(metrics, tracing);
  const topics = createTopics({
    database,
    feed,
    history,
    snapshots,
    facts,
    observe,
    onDelivered: delivery.record,
    ...settings.topicsSettings(config),
  });
  const rightsChecks = createRightsChecks(() => topics.checkRights(), config.RIGHTS_CHECK_MS);

  return {
    snapshots,
    facts,
    delivery,
    topics,
    start(): void {
      feed.start({
        onEnvelope: (envelope) => topics.receive(envelope),
        onDefinitions(changed) {
          const { keys, roles } = announced.note(changed);
          topics.redefine(keys);
          if (!roles) return;
          facts.rolesChanged();
          rightsChecks.soon();
        },
        onBreak(reason) {
          facts.forget();
          topics.resyncAll(reason);
        },
      });
      topics.start();
      rightsChecks.start();
    },
    async stop(): Promise<void> {
      await rightsChecks.stop();
      topics.stop();
      await feed.stop();
    },
  };
}
