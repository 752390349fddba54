/** A kind for tests: files below a prefix, a few in each page, read slowly. */
export default {
  name: 'slow.files',
  version: 1,
  spec: { type: 'object', required: ['prefix'] },
  item: { input: 'file', keepsSuccesses: true },
  limits: { itemMs: 10_000 },
  runsOn: 'main',
  async source({ files, identity, spec }, cursor) {
    const [after, afterBucket] = cursor === null ? [] : JSON.parse(cursor);
    const rows = await files.list(identity, { prefix: spec.prefix, after, afterBucket, limit: 5 });
    const last = rows.at(-1);
    return {
      inputs: rows.map(({ id, path }) => ({ file: id, name: path })),
      cursor: rows.length === 5 ? JSON.stringify([last.path, last.bucket]) : null,
    };
  },
  cost: () => 0,
  async run({ name }, { spec, read }) {
    await new Promise((resolve) => setTimeout(resolve, spec.ms));
    await read();
    return { value: { path: name } };
  },
};
