/** The state of a subscription and its topic for one change: decisions before and after the row itself. */
import type { LiveExplained, LiveStep } from '@tidemark/contracts';
import type { RowImage } from '../changes/row-image.ts';
import type { LivePlan } from '../query/live-plan.ts';
import type { RlsGroup } from '../rls/rls-group.ts';
import type { Place } from '../subscriptions/topics-api.ts';
import type { Subscription } from '../topics/subscription.ts';
import type { Topic } from '../topics/topic.ts';
import { Window } from '../windows/window.ts';
import type { FoundChange } from './find-changes.ts';

type Decision = Pick<LiveExplained, 'outcome' | 'because'>;

export interface DeliveryState {
  steps: LiveStep[];
  /** A decision that does not depend on the row. */
  early: Decision | undefined;
  lateSteps: LiveStep[];
  /** A decision for a change that passes, other than that it was sent. */
  late: Decision | undefined;
}

export function deliveryState(found: FoundChange, subscription: Subscription, { topic, group }: Place): DeliveryState {
  if (topic instanceof Window) return windowState(found, subscription, topic, group);
  const early = beginning(found, subscription) ?? progress(found, subscription, topic, group);
  if (early.decision) return { steps: early.steps, early: early.decision, lateSteps: [], late: undefined };
  const late = mode(found, subscription, topic);
  return { steps: early.steps, early: undefined, lateSteps: late.steps, late: late.decision };
}

interface Told {
  steps: LiveStep[];
  decision: Decision | undefined;
}

function beginning({ envelope, change }: FoundChange, subscription: Subscription): Told | undefined {
  if (!subscription.beganBehind(envelope, change.index)) return undefined;
  const detail =
    subscription.beginning?.visibility.kind === 'open'
      ? 'the change was there before the subscription, which asked for no snapshot'
      : 'the change is in the snapshot, or up to the position, that the subscription began with';
  return {
    steps: [{ step: 'beginning', passed: false, detail }],
    decision: { outcome: 'kept back', because: 'before the subscription began' },
  };
}

function progress({ envelope }: FoundChange, subscription: Subscription, topic: Topic, group: RlsGroup): Told {
  const { beginning: begun, live, caughtUpTo } = subscription;
  const steps: LiveStep[] = begun
    ? [{ step: 'beginning', passed: true, detail: 'the change came behind what the subscription began with' }]
    : [];
  const waits = (because: 'the subscription catches up' | 'the policies are being asked', detail: string): Told => ({
    steps: [...steps, { step: 'progress', passed: false, detail }],
    decision: { outcome: 'not yet', because },
  });
  if (!begun) return waits('the subscription catches up', 'its snapshot is being read, or waits for its turn');
  if (!live && envelope.sequence > caughtUpTo)
    return waits('the subscription catches up', 'it is being sent what came before');
  if (live && envelope.sequence > caughtUpTo && envelope.sequence > group.cursor(topic)) {
    return waits('the policies are being asked', asking(group));
  }
  return { steps: [...steps, { step: 'progress', passed: true, detail: 'it has got that far' }], decision: undefined };
}

const asking = (group: RlsGroup): string =>
  group.isRetrying ? 'Postgres could not be asked, and will be again' : 'Postgres is being asked';

function mode({ envelope, change }: FoundChange, { caughtUpTo }: Subscription, topic: Topic): Told {
  // Changes that a subscription catches up with do not wait in the topic's batch.
  if (envelope.sequence <= caughtUpTo) return { steps: [], decision: undefined };
  if (topic.wasReplaced(change)) {
    const detail = 'mode latest: a newer change of the row was sent in its place, within LIVE_LATEST_MS';
    return {
      steps: [{ step: 'mode', passed: false, detail }],
      decision: { outcome: 'kept back', because: 'a newer change of the row' },
    };
  }
  if (!topic.holds(envelope)) return { steps: [], decision: undefined };
  const detail =
    topic.mode === 'latest' ? 'it leaves within LIVE_LATEST_MS' : 'under load, it leaves within LIVE_BATCH_MS';
  return {
    steps: [{ step: 'mode', passed: false, detail }],
    decision: { outcome: 'not yet', because: 'it waits for other changes' },
  };
}

/** A window is read again after changes, so no single change has an effect of its own. */
function windowState(
  { envelope, change }: FoundChange,
  subscription: Subscription,
  window: Window,
  group: RlsGroup,
): DeliveryState {
  const { plan } = window;
  const expression = windowText(plan);
  if (!subscription.live || window.isDue) {
    const detail = subscription.live ? 'the window is about to be read again' : 'its first rows are being read';
    const because = subscription.live ? 'it waits for other changes' : 'the subscription catches up';
    const early: Decision = { outcome: 'not yet', because };
    return { steps: [{ step: 'progress', passed: false, detail }], early, lateSteps: [], late: undefined };
  }
  if (envelope.sequence > group.cursor(window)) {
    const early: Decision = { outcome: 'not yet', because: 'the policies are being asked' };
    return {
      steps: [{ step: 'progress', passed: false, detail: asking(group) }],
      early,
      lateSteps: [],
      late: undefined,
    };
  }
  const image = change.row ?? change.before;
  const key = image && arrayText(plan, image);
  const passed = key !== undefined && window.shows(key);
  const detail = passed
    ? 'the row is among its rows now, whatever this change did'
    : 'the row is not among its rows now: others come before it, or it is gone';
  return {
    steps: [],
    early: undefined,
    lateSteps: [{ step: 'window', passed, expression, detail }],
    late: passed
      ? { outcome: 'in the window now', because: null }
      : { outcome: 'not in the window now', because: 'window' },
  };
}

/** Returns the key as Postgres prints jsonb_build_array. */
function arrayText({ facts }: LivePlan, image: RowImage): string | undefined {
  const parts = facts.key.map((name) => image.column(name));
  return parts.includes(undefined) ? undefined : `[${parts.join(', ')}]`;
}

function windowText({ window }: LivePlan): string {
  const { order = [], limit = 0, offset = 0 } = window ?? {};
  const terms = order.map(({ field, direction, nulls }) =>
    [field.name, ...(direction ? [direction] : []), ...(nulls ? [`nulls${nulls}`] : [])].join('.'),
  );
  return [
    ...(terms.length > 0 ? [`order=${terms.join(',')}`] : []),
    `limit=${limit}`,
    ...(offset > 0 ? [`offset=${offset}`] : []),
  ].join('&');
}
