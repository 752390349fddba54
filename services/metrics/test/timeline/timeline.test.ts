import type { Telemetry } from '@tidemark/contracts';
import t from 'tap';
import type { Instance } from '../../src/instances/registry.ts';
import { instanceEvents, type ServiceState } from '../../src/timeline/instance-events.ts';
import { SystemEvents } from '../../src/timeline/system-events.ts';
import { Timeline } from '../../src/timeline/timeline.ts';
import { telemetry } from '../telemetry-example.ts';

const types = (happened: readonly { type: string }[]) => happened.map(({ type }) => type);

t.test('distinguishes a stop and a crash by the last message of the previous process', async (t) => {
  const first = telemetry();
  t.same(types(instanceEvents(undefined, first, {})), ['instance.started']);
  t.same(types(instanceEvents(undefined, telemetry({ at: 99_000 }), {})), [], 'it ran before this service did');
  const stopping = telemetry({ at: 3_000, stopping: true, ready: false });
  t.same(types(instanceEvents(first, stopping, {})), ['instance.stopped']);
  const next = telemetry({ pid: 8, startedAt: 4_000, at: 5_000 });
  t.match(instanceEvents(stopping, next, {}), [{ type: 'instance.restarted', message: /had stopped$/ }]);
  t.match(instanceEvents(first, next, {}), [{ type: 'instance.restarted', message: /crashed or was killed/ }]);
});

t.test(
  'names the version and the settings that changed with a new process, but never what each instance has of its own',
  async (t) => {
    const service: ServiceState = {};
    const old = telemetry({ version: '1.0.0', settings: { A: '1', B: '2', PORT: '3' } });
    instanceEvents(undefined, old, service);
    const other = telemetry({ instance: 'gateway-2', version: '1.1.0', settings: { A: '9', C: '4', PORT: '8' } });
    t.match(instanceEvents(undefined, other, service), [
      { type: 'instance.started' },
      { type: 'version.changed', subject: 'gateway', message: /1\.1\.0.*1\.0\.0/ },
      { type: 'configuration.changed', subject: 'gateway', message: 'gateway runs with another A, B, C (gateway-2)' },
    ]);
    t.same(
      types(instanceEvents(undefined, { ...other, instance: 'gateway-3' }, service)),
      ['instance.started'],
      'once',
    );
  },
);

t.test('says when an instance is ready or not, with the reasons', async (t) => {
  const ready = telemetry();
  const unready = telemetry({ ready: false, problems: ['nats: lost'] });
  t.match(instanceEvents(ready, unready, {}), [{ type: 'instance.not_ready', message: /nats: lost/ }]);
  t.same(types(instanceEvents(unready, ready, {})), ['instance.ready']);
  t.same(instanceEvents(ready, ready, {}), []);
});

t.test('follows the relay, its epoch, the replicas and definitions, each with its position', async (t) => {
  const relay = (key: string, epoch: string): Instance => ({
    key,
    telemetry: telemetry({
      relay: { role: 'active', epoch, confirmedLsn: '0/10' } as NonNullable<Telemetry['relay']>,
    }),
    rates: undefined,
    receivedAt: 0,
  });
  const replication = (...names: string[]) => ({
    replicas: names.map((name) => ({ name, state: 'streaming', replayLsn: '0/8', lagBytes: 0, lagMs: 0 })),
    slots: [],
    paused: [],
    cutOff: [],
  });
  const events = new SystemEvents();
  t.same(
    events.compare([relay('realtime/a', 'e1')], { replication: replication('r1') }),
    [],
    'the beginning is no event',
  );
  t.match(events.compare([relay('realtime/b', 'e2')], { replication: replication('r2') }), [
    { type: 'relay.leader', subject: 'realtime/b', lsn: '0/10' },
    { type: 'epoch.changed', subject: 'e2' },
    { type: 'replica.connected', subject: 'r2', lsn: '0/8' },
    { type: 'replica.disconnected', subject: 'r1' },
  ]);
  t.same(events.compare([], {}), [], 'nothing is known, so nothing has changed');
  const changed = [{ number: 1, schema: 'public', table: 'notes', lsn: '0/20' }];
  t.match(events.compare([], { definitions: { changed } }), [{ subject: 'public.notes', lsn: '0/20' }]);
  t.same(events.compare([], { definitions: { changed } }), [], 'once');
});

t.test('keeps the newest 2,000 events, and says from when on it knows all', async (t) => {
  const timeline = new Timeline();
  const event = { type: 'instance.ready', subject: 's', message: 'm'.repeat(2_000) } as const;
  for (let n = 1; n <= 2_001; n++) timeline.add(event, n);
  t.equal(timeline.size, 2_000);
  t.equal(timeline.droppedTotal, 1);
  const { first, events } = timeline.read({ from: 1_990, limit: 5 });
  t.equal(first, 2);
  t.same(
    events.map(({ at }) => at),
    [1_997, 1_998, 1_999, 2_000, 2_001],
  );
  t.ok((events[0]?.message.length ?? 0) < 500);
});
