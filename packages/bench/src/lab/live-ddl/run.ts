import type { Stack } from '@tidemark/local-stack';
import { pause } from '../../measuring/waiting.ts';
import { CALLERS, drawClientSpecs } from './client-specs.ts';
import { Driver } from './driver.ts';
import { DEFINITIONS_MS, type Environment, openEnvironment, RIGHTS_MS } from './environment.ts';
import type { Fault } from './fault.ts';
import { Follower } from './followers.ts';
import { seededRandom } from './random.ts';
import { changeFixed, changeRows, type Writes } from './rows.ts';
import { firstSchema } from './schema.ts';
import { drawStep } from './steps.ts';

export interface RunOptions {
  readonly seed: number;
  readonly steps: number;
  readonly clients: number;
  readonly compareEach: number;
  /** Time limit after the last write for all clients to agree with SELECT, ms. */
  readonly catchUpMs: number;
  readonly only: readonly string[];
  readonly hasEventTrigger: boolean;
  readonly keep?: ReadonlySet<number>;
}

export interface RunResult {
  readonly faults: readonly Fault[];
  readonly writes: number;
  readonly comparisons: number;
  readonly resyncs: number;
  readonly resumes: number;
}

/** The documented times are exceeded on a busy machine. */
const TOLERANCE_MS = 1_500;
/** An announced change takes effect in snapshots after the relay's check and its message. */
const SNAPSHOT_MS = 2_000;
const LOGGED = 20;
const WRITER_MS = 5;
const CHANCE = { away: 0.3, back: 0.25, pause: 0.1, restart: 0.03, killAll: 0.02, primary: 0.02, prepared: 0.1 };
/** Maximum time between the phases of a prepared transaction, whose locks block all other writers. */
const PREPARED_MS = 600;

export async function runSeed(stack: Stack, options: RunOptions): Promise<RunResult> {
  const environment = await openEnvironment(stack, options.hasEventTrigger);
  const run = new Run(environment, options);
  try {
    return await run.execute();
  } finally {
    await run.end();
    await environment.close();
  }
}

class Run {
  readonly #environment: Environment;
  readonly #options: RunOptions;
  readonly #schema = firstSchema();
  /** Permanent rows belong to write 0. */
  readonly #writes: number[] = [0];
  readonly #driver: Driver;
  readonly #other: Driver;
  readonly #followers: Follower[];
  readonly #faults: Fault[] = [];
  readonly #log: { step: number; table: string; name: string; text: string }[] = [];
  #step = 0;
  #comparedAt = -1;
  #comparisons = 0;
  #isWriting = false;
  #isPaused = false;

  constructor(environment: Environment, options: RunOptions) {
    this.#environment = environment;
    this.#options = options;
    this.#driver = new Driver(environment.url);
    this.#other = new Driver(environment.url);
    const specs = drawClientSpecs(seededRandom(options.seed), this.#schema, options.clients, options.only);
    this.#followers = specs.map((spec, n) => {
      let at = n;
      const { instances } = environment;
      return new Follower(spec, {
        snapshotMs: SNAPSHOT_MS,
        writtenAt: (ver) => this.#writes[ver] ?? 0,
        url: () => instances[at++ % instances.length]!.url(),
      });
    });
  }

  async execute(): Promise<RunResult> {
    const { steps, seed, compareEach } = this.#options;
    await this.#look(performance.now(), 0);
    for (const { client } of this.#followers) client.start();
    await this.#compare();
    let writing = this.#write(seed + 1);
    for (this.#step = 1; this.#step <= steps; this.#step += 1) {
      if (this.#options.keep?.has(this.#step) !== false) {
        const startAgain = await this.#servers();
        await this.#change();
        await startAgain();
      }
      if (this.#step % compareEach === 0 || this.#step === steps) {
        this.#isWriting = false;
        await writing;
        await this.#compare();
        writing = this.#write(seed + 1 + this.#step);
      }
    }
    this.#isWriting = false;
    await writing;
    const total = (count: (one: Follower) => number) => this.#followers.reduce((sum, one) => sum + count(one), 0);
    return {
      faults: this.#faults,
      writes: this.#writes.length,
      comparisons: this.#comparisons,
      resyncs: total(({ client }) => client.resyncs.length),
      resumes: total(({ client }) => client.resumes),
    };
  }

  async end(): Promise<void> {
    this.#isWriting = false;
    for (const { client } of this.#followers) client.stop();
    await Promise.all([this.#driver.end(), this.#other.end()]);
  }

  #writer(n: number): Writes {
    return { random: seededRandom(n), schema: this.#schema, stamp: () => this.#writes.push(performance.now()) - 1 };
  }

  get #tables() {
    const { only } = this.#options;
    return this.#schema.tables.filter(({ name }) => only.length === 0 || only.includes(name));
  }

  /** Runs in parallel to the driver. Statements that collide with a change of the schema are rolled back. */
  async #write(n: number): Promise<void> {
    this.#isWriting = true;
    const writes = this.#writer(n);
    while (this.#isWriting) {
      await this.#other.attempt(changeFixed(writes, writes.random.of(this.#tables)));
      await pause(WRITER_MS);
    }
  }

  async #change(): Promise<void> {
    const writes = this.#writer(this.#options.seed * 10_000 + this.#step);
    const draw = seededRandom(this.#options.seed * 30_000 + this.#step);
    const count = 1 + writes.random.int(3);
    for (let n = 0; n < count; n += 1) {
      await this.#driver.transaction(changeRows(writes, writes.random.of(this.#tables)));
    }
    const { name, table, transactions, late } = drawStep(writes, this.#options.only);
    const slackMs = late ? RIGHTS_MS + TOLERANCE_MS : this.#isUnannounced(table) ? DEFINITIONS_MS + TOLERANCE_MS : 0;
    for (const text of transactions) {
      this.#note(table, name, text);
      const from = performance.now();
      await this.#driver.transaction(text, draw.chance(CHANCE.prepared) ? draw.int(PREPARED_MS) : undefined);
      await this.#look(from, slackMs);
      this.#judge();
    }
    await this.#driver.transaction(changeRows(writes, writes.random.of(this.#tables)));
  }

  /** Postgres describes a partition again after a change of its own, but not after one of its partitioned table. */
  #isUnannounced(table: string): boolean {
    const { hasEventTrigger } = this.#options;
    return !hasEventTrigger && this.#schema.tables.some(({ name, parts }) => name === table && parts !== undefined);
  }

  #note(table: string, name: string, text = ''): void {
    this.#log.push({ step: this.#step, table, name, text });
  }

  /**
   * Clients leave and return, replay pauses, servers stop. The returned function starts servers after the next
   * change.
   */
  async #servers(): Promise<() => Promise<void>> {
    const draw = seededRandom(this.#options.seed * 20_000 + this.#step);
    for (const follower of this.#followers) {
      if (follower.isAway && draw.chance(CHANCE.back)) this.#back(follower);
      else if (!follower.isAway && draw.chance(CHANCE.away * 0.3)) {
        follower.isAway = true;
        follower.client.stop();
      }
    }
    if (draw.chance(this.#isPaused ? 0.4 : CHANCE.pause)) {
      this.#isPaused = !this.#isPaused;
      this.#note('', this.#isPaused ? 'pauseReplica' : 'resumeReplica');
      await this.#environment.pauseReplica(this.#isPaused);
    }
    if (draw.chance(CHANCE.restart)) {
      this.#note('', 'restartRelay');
      await this.#environment.restartRelay(draw);
    }
    if (draw.chance(CHANCE.primary)) {
      this.#note('', 'restartPrimary');
      await this.#environment.restartPrimary(draw);
    }
    if (!draw.chance(CHANCE.killAll)) return async () => undefined;
    this.#note('', 'killAll');
    return this.#environment.killAll();
  }

  #back(follower: Follower): void {
    follower.isAway = false;
    follower.client.start();
  }

  async #look(from: number, slackMs: number): Promise<void> {
    for (const caller of CALLERS) {
      const theirs = this.#followers.filter(({ spec }) => spec.caller === caller);
      const queries = theirs.map(({ spec }) => ({ table: spec.table, text: spec.visibility }));
      const answers = await this.#driver.ask(caller, queries);
      for (const [n, answer] of answers.entries()) theirs[n]!.visibility.add(answer, from, slackMs);
    }
  }

  #judge(): void {
    for (const follower of this.#followers) {
      for (const { kind, text } of follower.judge()) this.#fault(follower, kind, text);
    }
  }

  /** While nothing is written, each client must come to the result of SELECT, or be refused as SELECT is. */
  async #compare(): Promise<void> {
    for (const follower of this.#followers) if (follower.isAway) this.#back(follower);
    const answers = new Map<Follower, Awaited<ReturnType<Driver['ask']>>[number]>();
    for (const caller of CALLERS) {
      const theirs = this.#followers.filter(({ spec }) => spec.caller === caller);
      const queries = theirs.map(({ spec }) => ({ table: spec.table, text: spec.select }));
      const got = await this.#driver.ask(caller, queries);
      for (const [n, answer] of got.entries()) answers.set(theirs[n]!, answer);
    }
    const deadline = Date.now() + this.#options.catchUpMs;
    const behind = () => this.#followers.filter((follower) => !follower.agrees(answers.get(follower)!));
    while (behind().length > 0 && Date.now() < deadline) await pause(25);
    for (const follower of behind()) {
      const { kind, text } = follower.difference(answers.get(follower)!);
      this.#fault(follower, kind, text);
      // The client starts again with a snapshot, so that later comparisons do not repeat the fault.
      follower.client.drop(true);
    }
    this.#judge();
    this.#comparisons += 1;
    this.#comparedAt = this.#step;
  }

  #fault({ spec, client }: Follower, kind: string, text: string): void {
    const { state } = client;
    const steps = this.#log.filter(
      ({ step, table }) => step > this.#comparedAt && (table === spec.table || table === ''),
    );
    this.#faults.push({
      kind,
      text,
      step: this.#step,
      table: spec.table,
      client: `${spec.name} as ${JSON.stringify(spec.caller.claims)}`,
      after: [...new Set(steps.map(({ name }) => name))].join(', '),
      statements: [
        ...this.#log.slice(-LOGGED).map(({ step, table, name, text }) => `${step} ${table} ${name}: ${text}`),
        `the client ${state}; its last resync: ${client.resyncs.at(-1)}`,
      ],
    });
  }
}
