import { pbkdf2Sync } from 'node:crypto';

/** A kind for tests: items that end their process, fail for a while, or make what cannot be stored, as the spec says. */
export default {
  name: 'trouble',
  version: 1,
  spec: { type: 'object', required: ['items'] },
  item: { input: 'value', keepsSuccesses: true },
  limits: { itemMs: 60_000 },
  runsOn: 'thread',
  async source({ spec }, cursor, limit) {
    const from = Number(cursor ?? 0);
    const end = Math.min(spec.items, from + limit);
    const inputs = Array.from({ length: end - from }, (_, n) =>
      spec.bad === from + n ? { text: '\ud800' } : from + n,
    );
    return { inputs, cursor: end < spec.items ? String(end) : null };
  },
  cost: (_item, { spec }) => spec.cost ?? 0,
  async run({ index }, { spec }) {
    if (spec.ms) await new Promise((resolve) => setTimeout(resolve, spec.ms));
    if (index === spec.blocks) for (;;);
    // A native call of half a minute, which no signal reaches.
    if (spec.native === 'all' || index === spec.native) pbkdf2Sync('password', 'salt', 50_000_000, 64, 'sha512');
    if (index === spec.segfault) process.kill(process.pid, 'SIGSEGV');
    if (index === spec.allocate) await allocate();
    if (index in (spec.values ?? {})) return { value: VALUES[spec.values[index]] };
    if (index === spec.throws) throw new Error('cannot open /srv/secret/host-7');
    if (index === spec.retries) return { failure: { code: 'TROUBLE', message: 'not yet', retry: true } };
    if (spec.output) return { files: [{ bytes: Buffer.from('x'), contentType: 'text/plain', extension: 'txt' }] };
    return { value: index };
  },
};

const VALUES = {
  nul: 'a\0b',
  surrogate: { text: '\ud800' },
  nan: [Number.NaN],
  large: 'x'.repeat(70_000),
  deep: JSON.parse('['.repeat(500) + ']'.repeat(500)),
};

async function allocate() {
  const kept = [];
  for (;;) {
    kept.push(Buffer.alloc(20 * 1024 ** 2, 1));
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
