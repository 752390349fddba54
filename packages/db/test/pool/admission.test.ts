/** Compares the rules by which requests get connections with a model, without a server. */
import fc from 'fast-check';
import t from 'tap';
import type { PooledConnection } from '../../src/connection/connection.ts';
import { Admission } from '../../src/pool/admission.ts';
import { ConnectionShares } from '../../src/pool/connection-shares.ts';
import { poolOptions } from '../../src/pool/options.ts';

const settled = () => new Promise<void>((resolve) => setImmediate(resolve));
const newConnection = () => ({ rest: 'none', move: () => true }) as unknown as PooledConnection;

/** A pool whose connections are all open from the start, with what a model of it knows. */
class Model {
  readonly max: number;
  readonly admission: Admission;
  readonly shares: ConnectionShares;
  readonly held: { key: string | undefined; connection: PooledConnection }[] = [];
  readonly waiting: { key: string | undefined; leave: () => void }[] = [];
  /** The keys that got a connection out of the line. */
  readonly served: (string | undefined)[] = [];

  constructor(max: number) {
    this.max = max;
    this.admission = new Admission(poolOptions('analytics', { max, waitingLimit: 1_000 }));
    this.shares = new ConnectionShares(max);
    for (let n = 0; n < max; n++) this.admission.offer(newConnection());
  }

  of(key: string | undefined): number {
    return this.held.filter((one) => one.key === key).length;
  }

  ask(key: string | undefined): void {
    const connection = this.admission.take('none', key);
    if (connection !== undefined) {
      this.held.push({ key, connection });
      return;
    }
    let leave: () => void = () => undefined;
    const client = {
      isGone: false,
      onGone(listener: () => void) {
        leave = listener;
        return () => undefined;
      },
    };
    const never = () => new Error('the test ended first');
    const wait = this.admission.wait({ key, ms: 30_000, timedOut: never, client, gone: never });
    const waiter = { key, leave };
    this.waiting.push(waiter);
    const isOut = () => this.waiting.splice(this.waiting.indexOf(waiter), 1);
    wait.then(
      (given) => {
        isOut();
        this.served.push(key);
        this.held.push({ key, connection: given });
      },
      () => isOut(),
    );
  }

  release(index: number): void {
    const [lease] = this.held.splice(index % this.held.length, 1);
    if (lease === undefined) return;
    this.admission.left(lease.key);
    this.admission.offer(lease.connection);
  }

  /** The connection of a lease dies, and a new one takes its place. */
  lose(index: number): void {
    const [lease] = this.held.splice(index % this.held.length, 1);
    if (lease === undefined) return;
    this.admission.left(lease.key);
    this.admission.offer(newConnection());
  }

  /** The rule of connection-shares.ts, when the pool measures no limit of its own. */
  mayTake(key: string | undefined): boolean {
    if (this.held.length >= this.max || key === undefined) return this.held.length < this.max;
    const { share, reserve } = this.shares;
    const large = KEYS.map((one) => this.of(one) + (one === key ? 1 : 0)).filter((held) => held > share);
    return this.of(key) < share || large.reduce((sum, held) => sum + held, 0) <= this.max - reserve;
  }

  /** Whether all are served when what is held is given back as it comes. */
  async end(): Promise<boolean> {
    while (this.held.length > 0) {
      this.release(0);
      await settled();
    }
    const isDone = this.waiting.length === 0 && this.admission.idle.length === this.max;
    this.drop();
    return isDone;
  }

  drop(): void {
    this.admission.rejectAll(() => new Error('the test has ended'));
  }
}

const KEYS = ['a', 'b', 'c'];
const keys = fc.constantFrom('a', 'a', 'a', 'b', 'c', undefined);
const step = fc.oneof(
  fc.record({ what: fc.constant('ask' as const), key: keys }),
  fc.record({ what: fc.constantFrom('release' as const, 'lose' as const, 'leave' as const), index: fc.nat(50) }),
);

t.test('leaves no connection idle while a request may take it, and gives no identity the reserve', async () => {
  const property = fc.asyncProperty(
    fc.integer({ min: 1, max: 45 }),
    fc.array(step, { maxLength: 150 }),
    async (max, steps) => {
      const pool = new Model(max);
      for (const one of steps) {
        if (one.what === 'ask') pool.ask(one.key);
        else if (one.what === 'leave') pool.waiting[one.index % Math.max(1, pool.waiting.length)]?.leave();
        else pool[one.what](one.index);
        await settled();
        const { idle, waiting } = pool.admission;
        if (waiting !== pool.waiting.length || idle.length + pool.held.length !== max) return false;
        if (idle.length > 0 && pool.waiting.some(({ key }) => pool.mayTake(key))) return false;
        const { share, reserve } = pool.shares;
        for (const key of KEYS) if (pool.of(key) > Math.max(share, max - reserve)) return false;
      }
      // Every waiting request has got its connection.
      return pool.end();
    },
  );
  await fc.assert(property, { numRuns: 150 });
});

t.test('gives a connection to the identity that holds the fewest, and within it to the oldest request', async (t) => {
  const pool = new Model(10);
  for (let n = 0; n < 20; n++) pool.ask('flood');
  t.equal(pool.of('flood'), 9, 'alone it has all but the reserve');
  pool.ask('one');
  t.equal(pool.of('one'), 1, 'which is for who has less than a share');
  pool.ask('one');
  pool.ask('two');
  pool.ask('three');
  for (let n = 0; n < 4; n++) pool.release(0);
  await settled();
  t.same(pool.served.slice(0, 3), ['two', 'three', 'one']);
  t.equal(await pool.end(), true, 'and everyone is served');
});

t.test('serves an identity with long leases, however many others come', async () => {
  const property = fc.asyncProperty(
    fc.integer({ min: 4, max: 30 }),
    fc.integer({ min: 1, max: 5 }),
    async (max, place) => {
      const pool = new Model(max);
      pool.ask('long');
      for (let n = 1; n < max; n++) pool.ask(`first ${n}`);
      for (let n = 1; n < place; n++) pool.ask(`before ${n}`);
      pool.ask('long');
      for (let n = 0; n < 100; n++) pool.ask(`later ${n}`);
      await settled();
      // All but the lease of the one that holds for long come to their end, and others come for them.
      for (let n = 0; n < 8 * (place + 1) && !pool.served.includes('long'); n++) {
        pool.release(1 + (n % (max - 1)));
        pool.ask(`much later ${n}`);
        await settled();
      }
      pool.drop();
      return pool.served.includes('long');
    },
  );
  await fc.assert(property, { numRuns: 50 });
});

t.test('one identity may take half of the waiting places, and others still get one', async (t) => {
  const pool = new Admission(poolOptions('analytics', { max: 1, waitingLimit: 40 }));
  const never = () => new Error('the test ended first');
  // Waits that are still open reject when the test ends.
  const wait = (key: string) => void pool.wait({ key, ms: 30_000, timedOut: never }).catch(() => undefined);
  let places = 0;
  while (!pool.refuses('flood', false)) {
    wait('flood');
    places += 1;
  }
  t.equal(places, 20);
  for (const key of ['a', 'a', 'b']) {
    t.equal(pool.refuses(key, false), false, `${key} gets a place`);
    wait(key);
  }
  t.equal(pool.refuses('a', false), true, 'two are the share of each');
  for (let n = 0; n < 17; n++) wait(`other ${n}`);
  t.equal(pool.refuses('one more', false), true, 'all are taken');
  pool.rejectAll(never);
});

t.test('a slow queue refuses the identities that made it long, and not new ones', async (t) => {
  const pool = new Admission(poolOptions('analytics', { max: 4, waitingLimit: 400, queueTargetMs: 100 }));
  const connections = Array.from({ length: 4 }, newConnection);
  for (const connection of connections) pool.offer(connection);
  const never = () => new Error('the test ended first');
  const held: PooledConnection[] = [];
  const ask = (key: string) => {
    const connection = pool.take('none', key);
    if (connection !== undefined) held.push(connection);
    else
      pool.wait({ key, ms: 30_000, timedOut: never }).then(
        (given) => held.push(given),
        () => undefined,
      );
  };
  let refused = 0;
  const deadline = performance.now() + 10_000;
  while (refused === 0 && performance.now() < deadline) {
    for (let n = 0; n < 3; n++) {
      if (pool.refuses('flood', false)) refused += 1;
      else ask('flood');
    }
    const connection = held.shift();
    if (connection !== undefined) {
      pool.left('flood');
      pool.offer(connection);
    }
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  t.ok(refused > 0 && pool.waiting < 200, 'the flood is refused, before it has its places');
  t.notOk(Array.from({ length: 200 }, () => pool.refuses('newcomer', false)).includes(true));
  pool.rejectAll(never);
});
