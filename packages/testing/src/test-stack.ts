/**
 * `npm test` starts one stack and describes it in TIDEMARK_TEST_STACK; a file that runs alone starts its own. Each
 * test file has its own database and NATS subject prefix.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type Stack, startTemporaryStack } from '@tidemark/local-stack';
import { errors } from './errors.ts';
import { createDatabase, dropDatabase, prepareTemplateOnce, templateName } from './test-database.ts';

const TEST_STACK_VARIABLE = 'TIDEMARK_TEST_STACK';

export interface TestStackUrls {
  primaryUrl: string;
  replicaUrl: string;
  /** The address with the admin user and its password. */
  natsUrl: string;
}

export interface DatabaseOptions {
  /** The key of a template that `template()` has built. Absent: the database is empty. */
  template?: string;
}

export interface TestDatabase {
  name: string;
  primaryUrl: string;
  replicaUrl: string;
  /** Ends the database's sessions, drops its replication slots, then the database. Later calls do nothing. */
  drop(): Promise<void>;
}

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

  /** Creates a database that exists on primary and replica when this resolves (about 50 ms). */
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
   * Built once for each `key` over all processes that share the stack: use a key that changes with the content, for
   * example a hash of the migrations.
   */
  async template(key: string, build: (url: string) => Promise<void>): Promise<void> {
    await prepareTemplateOnce(this.primaryUrl, templateName(key), (name) => build(inDatabase(this.primaryUrl, name)));
  }

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

/** Stops when the event loop is empty; after process.exit or a signal, the guards of local-stack stop the servers. */
async function ownStack(): Promise<TestStack> {
  const stack = await startTemporaryStack();
  process.once('beforeExit', () => void stack.stop());
  return new TestStack(JSON.parse(describeForTests(stack)) as TestStackUrls);
}
