import t from 'tap';
import { createRegistry } from '../../src/instances/registry.ts';
import { http, telemetry } from '../telemetry-example.ts';

const create = (limit = 2) => createRegistry({ limit, lostAfterMs: 5_000, dropAfterMs: 60_000 });
const keys = (instances: { key: string }[]) => instances.map(({ key }) => key);

t.test('an instance becomes lost, then dropped, and live again with new telemetry', async (t) => {
  const registry = create();
  registry.record(telemetry(), 0);
  t.same([keys(registry.live(4_999)), keys(registry.lost(4_999))], [['gateway/gateway-1'], []]);
  t.same([keys(registry.live(5_000)), keys(registry.lost(5_000))], [[], ['gateway/gateway-1']]);
  t.same(keys(registry.sweep(59_999)), []);
  registry.record(telemetry(), 59_999);
  t.same(keys(registry.live(60_000)), ['gateway/gateway-1']);
  t.same(keys(registry.sweep(119_999)), ['gateway/gateway-1']);
  t.equal(registry.size(), 0);
});

t.test(
  'a full registry replaces the instance lost for longest; without a lost one it refuses and counts',
  async (t) => {
    const registry = create();
    registry.record(telemetry({ instance: 'a' }), 0);
    registry.record(telemetry({ instance: 'b' }), 1_000);
    t.notOk(registry.record(telemetry({ instance: 'c' }), 2_000));
    t.equal(registry.refusedTotal(), 1);
    t.ok(registry.record(telemetry({ instance: 'c' }), 7_000));
    t.same([keys(registry.live(7_000)), keys(registry.lost(7_000))], [['gateway/c'], ['gateway/b']]);
  },
);

t.test('a service that reports many names cannot replace the entries of another', async (t) => {
  const registry = create(8);
  for (let n = 0; n < 100; n += 1) registry.record(telemetry({ instance: `g${n}` }), n);
  t.equal(registry.live(100).length, 8);
  t.ok(registry.record(telemetry({ service: 'batch', instance: 'b1' }), 101));
  t.ok(registry.record(telemetry({ service: 'batch', instance: 'b2' }), 102));
  t.notOk(
    registry.record(telemetry({ service: 'batch', instance: 'b3' }), 103),
    'beyond its quarter it must wait, too',
  );
  t.notOk(registry.record(telemetry({ instance: 'g100' }), 104));
  t.same(
    registry.live(105).filter(({ telemetry: { service } }) => service === 'batch').length,
    2,
    'and the newcomers keep their places',
  );
  t.equal(registry.size(), 8);
});

t.test('computes rates by the clock of the sender', async (t) => {
  const registry = create();
  registry.record(telemetry({ at: 10_000, http: http(100, 1) }), 0);
  t.equal(registry.live(0)[0]?.rates, undefined);
  registry.record(telemetry({ at: 12_000, http: http(300, 2) }), 1);
  t.match(registry.live(1)[0]?.rates, { requests: 100, errors: 0.5 });
  registry.record(telemetry({ at: 13_000, startedAt: 12_500, http: http(5) }), 2);
  t.equal(registry.live(2)[0]?.rates, undefined, 'a restart has nothing to be compared with');
});
