/**
 * The stack that tests share. `npm test` starts one and names it in TIDEMARK_TEST_STACK; a test file that runs alone
 * starts its own, which ends with the process. Each test file has a database and a NATS subject prefix of its own.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { errors } from './errors.ts';
import type { NatsLimits } from './nats-node.ts';
import { startStack } from './stack.ts';
import type { Stack, StackOptions } from './stack-options.ts';
import { temporaryHome } from './temporary-home.ts';
import { createDatabase, dropDatabase, prepareTemplateOnce, templateName } from './test-database.ts';

/** The environment variable: JSON, or the path of a file with it. */
const TEST_STACK_VARIABLE = 'TIDEMARK_TEST_STACK';

export interface TestStackUrls {
  primaryUrl: string;
  replicaUrl: string;
  /** The address with the user that may do everything, and its password. */
  natsUrl: string;
}

export interface DatabaseOptions {
  /** Key of a template that `template()` has built; without it the database is empty. */
  template?: string;
}

export interface TestDatabase {
  name: string;
  primaryUrl: string;
  replicaUrl: string;
  /** Ends its connections on both servers, drops its replication slots, then the database. May be called again. */
  drop(): Promise<void>;
}

/** The text for TIDEMARK_TEST_STACK that lets other processes' `useTestStack()` share `stack`. */
export function describeForTests(stack: Stack): string {
  const urls: TestStackUrls = {
    primaryUrl: stack.primary.url,
    replicaUrl: stack.replicas[0]?.url ?? '',
    natsUrl: stack.nats.url,
  };
  return JSON.stringify(urls);
}

export class TestStack implements TestStackUrls {
  readonly primaryUrl: string;
  readonly replicaUrl: string;
  readonly natsUrl: string;

  constructor(urls: TestStackUrls) {
    this.primaryUrl = urls.primaryUrl;
    this.replicaUrl = urls.replicaUrl;
    this.natsUrl = urls.natsUrl;
  }

  /** A database of one's own, there on primary and replica alike when this resolves (about 50 ms). */
  async database(options: DatabaseOptions = {}): Promise<TestDatabase> {
    const name = `t_${randomBytes(6).toString('hex')}`;
    await createDatabase(this, name, options.template === undefined ? undefined : templateName(options.template));
    let dropped: Promise<void> | undefined;
    return {
      name,
      primaryUrl: inDatabase(this.primaryUrl, name),
      replicaUrl: inDatabase(this.replicaUrl, name),
      drop: () => {
        dropped ??= dropDatabase(this.primaryUrl, name);
        return dropped;
      },
    };
  }

  /**
   * Builds a template once per `key`, over all processes that share the stack: `build` gets the URL of an empty
   * database. Use a key that changes with the content (a hash of the migrations). Then `database({ template: key })`.
   */
  async template(key: string, build: (url: string) => Promise<void>): Promise<void> {
    await prepareTemplateOnce(this.primaryUrl, templateName(key), (name) => build(inDatabase(this.primaryUrl, name)));
  }

  /** A NATS subject and stream prefix that no other test has: `t` and 8 letters or digits. */
  natsPrefix(): string {
    return `t${randomBytes(8).readBigUInt64BE().toString(36).padStart(8, '0').slice(-8)}`;
  }
}

function inDatabase(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${name}`;
  return changed.href;
}

let shared: Promise<TestStack> | undefined;

/** The stack of this run: the one that TIDEMARK_TEST_STACK names, else a new one for this process. */
export function useTestStack(): Promise<TestStack> {
  shared ??= process.env[TEST_STACK_VARIABLE] ? fromEnvironment(process.env[TEST_STACK_VARIABLE]) : ownStack();
  return shared;
}

async function fromEnvironment(value: string): Promise<TestStack> {
  try {
    const text = value.trimStart().startsWith('{') ? value : readFileSync(value, 'utf8');
    const urls = JSON.parse(text) as Partial<TestStackUrls>;
    const { primaryUrl, replicaUrl, natsUrl } = urls;
    if (!primaryUrl || !replicaUrl || !natsUrl) throw new TypeError('a URL is missing');
    return new TestStack({ primaryUrl, replicaUrl, natsUrl });
  } catch (cause) {
    throw errors.BAD_TEST_STACK({ value: value.slice(0, 80), reason: (cause as Error).message }, { cause });
  }
}

/**
 * JetStream sets a stream's max_bytes aside in full when it is made, however little it holds, and each test file makes
 * streams of its own: hundreds of GB are set aside, and a few MB used.
 */
const TEST_NATS_LIMITS: Partial<NatsLimits> = { maxFile: 4 * 1024 ** 4 };

/**
 * A private stack for tests that break things: without durability, in a temporary home that `stop()` removes. It starts
 * in about half a second. With `durable: true` it lies on the disk, as what is flushed to memory is not durable.
 */
export async function startTemporaryStack(options: Omit<StackOptions, 'home'> = {}): Promise<Stack> {
  const home = temporaryHome({ onDisk: options.durable === true });
  try {
    const stack = await startStack({
      durable: false,
      ...options,
      natsLimits: { ...TEST_NATS_LIMITS, ...options.natsLimits },
      home: home.path,
    });
    const stop = stack.stop;
    stack.stop = () => stop().finally(home.remove);
    return stack;
  } catch (error) {
    home.remove();
    throw error;
  }
}

/**
 * Ends when the event loop has nothing left to do (`beforeExit`). A process that ends earlier, by process.exit or a
 * signal, leaves the servers to their guards and the folder to its sweeper.
 */
async function ownStack(): Promise<TestStack> {
  const stack = await startTemporaryStack();
  process.once('beforeExit', () => void stack.stop());
  return new TestStack(JSON.parse(describeForTests(stack)) as TestStackUrls);
}
