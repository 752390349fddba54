import t from 'tap';
import type { Collected } from '../../src/collectors/collectors.ts';
import { capacityOf } from '../../src/health/capacity.ts';
import { pool, telemetry } from '../telemetry-example.ts';

const slots = [
  { name: 'relay', kind: 'logical', active: true, walStatus: 'reserved', retainedBytes: 25, safeBytes: 75 },
  { name: 'endless', kind: 'logical', active: true, walStatus: 'reserved', retainedBytes: 25, safeBytes: null },
];

t.test('lists what is limited, the fullest first, with the load that it would bear', async (t) => {
  const { process } = telemetry();
  const live = [
    telemetry({
      process: { ...process, heapUsedBytes: 80, heapLimitBytes: 100 },
      pools: [pool({ utilisation: 0.5, max: 20, limit: 10 })],
    }),
  ];
  const collected = {
    activity: { connections: { total: 60, active: 1, idleInTransaction: 0, waitingForLock: 0, max: 100 } },
    replication: { replicas: [], paused: [], cutOff: [], slots },
  } as unknown as Collected;
  t.match(capacityOf(live, collected), [
    { name: 'pool write of gateway/gateway-1', used: 10, limit: 10, utilization: 1, headroom: 1 },
    { name: 'heap of gateway/gateway-1', unit: 'bytes', utilization: 0.8, headroom: 1.25 },
    { name: 'connections of Postgres', utilization: 0.6 },
    { name: 'WAL of the slot relay', utilization: 0.25, headroom: 4 },
    { name: 'queue of the pool write of gateway/gateway-1', used: 0, headroom: null },
  ]);
});

t.test('leaves out what nobody reports, instead of showing 0', async (t) => {
  t.same(capacityOf([telemetry()], {}), []);
});
