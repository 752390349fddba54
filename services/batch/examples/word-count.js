/** Counts the words of each file: an example of a kind of a team's own, for BATCH_KINDS. */
export default {
  name: 'word.count',
  version: 1,
  // A JSON schema; TypeBox makes such schemas, too.
  spec: {
    type: 'object',
    properties: { files: { type: 'array', items: { type: 'string', format: 'uuid' }, minItems: 1 } },
    required: ['files'],
    additionalProperties: false,
  },
  item: { input: 'file', keepsSuccesses: true },
  limits: { itemMs: 5_000 },
  runsOn: 'thread',

  async source({ spec, files, identity }, cursor, limit) {
    const from = Number(cursor ?? 0);
    const end = from + limit;
    const rows = await files.findMany(identity, spec.files.slice(from, end));
    return {
      inputs: rows.map(({ id, path }) => ({ file: id, name: path })),
      cursor: end < spec.files.length ? String(end) : null,
    };
  },

  async cost(_item, context) {
    return (await context.read()).length * 2;
  },

  async run(item, context) {
    const text = (await context.read()).toString();
    if (!text.trim()) return { failure: { code: 'WORDS_NONE', message: `"${item.name}" has no words` } };
    const words = text.trim().split(/\s+/).length;
    return {
      value: { words },
      files: [{ bytes: Buffer.from(`${words}\n`), contentType: 'text/plain', extension: 'txt' }],
    };
  },
};
