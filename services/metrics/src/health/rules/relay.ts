import { type Finding, HOLD_MS } from '../finding.ts';
import { bytes, displayName, type SystemState, seconds } from '../system-state.ts';

/** 64 MiB of WAL are several seconds of changes at common write rates. */
const MAX_RELAY_LAG_BYTES = 64 * 1024 ** 2;

export function* relayRules({ live, now, stalledRelays, thresholds }: SystemState): Generator<Finding> {
  const relays = live.flatMap(({ key: instance, telemetry }) =>
    telemetry.relay ? [{ instance, key: displayName(telemetry), relay: telemetry.relay }] : [],
  );
  const active = relays.filter(({ relay }) => relay.role === 'active');
  if (relays.length > 0 && active.length === 0) {
    const why = relays.map(
      ({ key, relay }) => `${key} is ${relay.role}${relay.lastError ? ` (${relay.lastError})` : ''}`,
    );
    yield {
      rule: 'relay.none',
      key: 'relay none',
      subject: 'relay',
      severity: 'degraded',
      message: `no relay is active, so no live changes are delivered: ${why.join(', ')}`,
      hint: 'A standby takes over as soon as the replication slot is free. The log of realtime says what it waits for.',
      holdMs: HOLD_MS,
    };
  }
  for (const { instance, key, relay } of active) {
    if ((relay.lagBytes ?? 0) > MAX_RELAY_LAG_BYTES) {
      yield {
        rule: 'relay.lag',
        key: `relay lag ${key}`,
        subject: key,
        measured: relay.lagBytes ?? 0,
        limit: MAX_RELAY_LAG_BYTES,
        unit: 'bytes',
        severity: 'degraded',
        message: `the relay on ${key} is ${bytes(relay.lagBytes ?? 0)} of WAL behind the primary${relay.lastError ? `: ${relay.lastError}` : ''}`,
        hint: 'NATS acknowledges too slowly, or the relay is publishing a large transaction; check the NATS streams.',
        holdMs: HOLD_MS,
      };
    }
    const since = stalledRelays?.get(instance);
    if (since === undefined || now - since < thresholds.relayStallMs) continue;
    yield {
      rule: 'relay.stalled',
      key: `relay stalled ${key}`,
      subject: key,
      measured: now - since,
      limit: thresholds.relayStallMs,
      unit: 'ms',
      affects: [instance],
      severity: 'degraded',
      message: `the relay on ${key} has confirmed nothing for ${seconds(now - since)} while the WAL grows${relay.lastError ? `: ${relay.lastError}` : `; it stands at ${relay.confirmedLsn}, ${relay.inFlight} messages wait for NATS`}`,
      hint: 'Does NATS acknowledge (stream.full, disk)? A restart of that realtime instance lets a standby take over.',
    };
  }
}
