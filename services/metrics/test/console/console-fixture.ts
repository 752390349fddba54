/** The built console in Chromium, with a real metrics service and, where a test needs it, a gateway in front of it. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { migrate } from '@tidemark/db';
import { buildBaseApp, createHealth, createLogger, createMetrics, httpStats } from '@tidemark/service';
import { METRICS_ENV, useTestStack } from '@tidemark/testing';
import { launchChromium } from '@tidemark/testing/browser';
import type { BrowserContext, Page } from 'playwright-core';
import type { Test } from 'tap';
import { enableStatements, type MetricsFixture, SECRET, useMetrics } from '../metrics-fixture.ts';

export interface ConsoleFixture {
  metrics: MetricsFixture;
  servers: { primaryUrl: string; replicaUrl: string; natsUrl: string; natsPrefix: string };
  /** An instance of the service `gateway` that reports the figures of a small server. */
  gateway: { stop(): void };
  /** Opens a tab whose errors, refused resources and requests to other hosts are complaints. */
  open(path: string, options?: TabOptions): Promise<Page>;
  complaints: string[];
}

export interface TabOptions {
  width?: number;
  height?: number;
  colorScheme?: 'light' | 'dark';
  /** Another base address than that of the metrics service. */
  url?: string;
  /** Opens the tab in this browser profile. */
  context?: BrowserContext;
}

export async function useConsole(t: Test): Promise<ConsoleFixture> {
  const stack = await useTestStack();
  await stack.template('metrics', async (url) => void (await migrate(url)));
  const database = await stack.database({ template: 'metrics' });
  t.teardown(() => database.drop());
  const servers = { ...database, natsUrl: stack.natsUrl, natsPrefix: stack.natsPrefix() };
  await enableStatements(database.primaryUrl);
  const metrics = await useMetrics(t, servers);

  const app = buildBaseApp({
    logger: createLogger({ service: 'gateway', instance: 'g', level: 'silent' }),
    health: createHealth(),
    metrics: createMetrics('gateway'),
  });
  app.get('/thing/:id', async () => ({ ok: true }));
  t.teardown(() => app.close());
  const gateway = metrics.instance('gateway', 'gateway-t', () => ({ http: httpStats(app) }));
  await metrics.until(({ status }) => status === 'ok', 'all is well');

  const browser = await launchChromium();
  t.teardown(() => browser.close());
  const complaints: string[] = [];
  const ops = await metrics.token('ops');

  async function open(path: string, options: TabOptions = {}): Promise<Page> {
    const { width = 1_440, height = 900, colorScheme = 'light', url = metrics.url } = options;
    const context = options.context ?? (await browser.newContext({ viewport: { width, height }, colorScheme }));
    const page = await context.newPage();
    page.on('pageerror', (error) => complaints.push(`${path}: ${error.message}`));
    page.on('request', (request) => {
      if (!/^(data|blob):/.test(request.url()) && new URL(request.url()).origin !== url) complaints.push(request.url());
    });
    page.on('console', (message) => {
      if (/Content Security Policy/.test(message.text())) complaints.push(message.text());
    });
    await page.goto(`${url}/console/${path}#token=${ops}`);
    return page;
  }
  return {
    metrics,
    servers,
    gateway,
    open,
    complaints,
  };
}

/** Starts a gateway as a process, which proxies the console. Returns its address. */
export async function startGateway(t: Test, { servers, metrics }: ConsoleFixture): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-console-'));
  const child: ChildProcess = fork(fileURLToPath(import.meta.resolve('@tidemark/gateway/main')), [], {
    env: {
      PATH: process.env.PATH ?? '',
      PORT: '0',
      LOG_LEVEL: 'error',
      INSTANCE: 'gateway-real',
      DATABASE_URL: servers.primaryUrl,
      NATS_URL: servers.natsUrl,
      NATS_PREFIX: servers.natsPrefix,
      JWT_SECRET: SECRET,
      JWT_CLOCK_SKEW_S: '0',
      ...METRICS_ENV,
      METRICS_URL: metrics.url,
      TIDEMARK_FILES_DIR: folder,
    },
    execArgv: [],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  t.teardown(async () => {
    if (child.exitCode === null) {
      const gone = once(child, 'exit');
      child.disconnect();
      await gone;
    }
    await rm(folder, { recursive: true });
  });
  const [message] = (await once(child, 'message')) as [{ type: string; url: string; message?: string }];
  if (message.type !== 'ready') throw new Error(`the gateway did not start: ${message.message}`);
  return message.url;
}
