/** A test with Chromium is never skipped: a missing one is installed. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const PATHS = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];
const INSTALL = 'apt-get update && apt-get install -y --no-install-recommends chromium';
/** No sandbox: it does not work as root. The rest keeps it from calling home and from starting what a test does not need. */
const ARGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

const found = () => PATHS.find((path) => existsSync(path));

export async function launchChromium(): Promise<Browser> {
  if (!found() && process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
    execFileSync('/bin/sh', ['-c', INSTALL], {
      stdio: 'ignore',
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    });
  }
  const executablePath = found();
  if (!executablePath) {
    throw new Error(`this test needs Chromium, and none is at ${PATHS.join(', ')}. Run: sudo sh -c '${INSTALL}'`);
  }
  return chromium.launch({ executablePath, args: ARGS });
}
