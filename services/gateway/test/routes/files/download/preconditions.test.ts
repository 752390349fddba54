import t from 'tap';
import { checkPreconditions, ifRangeHolds } from '../../../../src/routes/files/download/preconditions.ts';

const there = { etag: '"abc"', modified: Date.parse('2026-11-21T10:00:00Z') / 1_000 };
const at = 'Sat, 21 Nov 2026 10:00:00 GMT';
const before = 'Sat, 21 Nov 2026 09:59:59 GMT';

t.test('evaluates conditions in the order of RFC 9110', async (t) => {
  for (const [headers, outcome] of [
    [{}, 'go'],
    [{ 'if-none-match': '"abc"' }, 'not modified'],
    [{ 'if-none-match': 'W/"abc"' }, 'not modified'],
    [{ 'if-none-match': '"x", "abc"' }, 'not modified'],
    [{ 'if-none-match': '*' }, 'not modified'],
    [{ 'if-none-match': '"x"' }, 'go'],
    [{ 'if-none-match': '"x"', 'if-modified-since': at }, 'go'],
    [{ 'if-modified-since': at }, 'not modified'],
    [{ 'if-modified-since': before }, 'go'],
    [{ 'if-modified-since': 'soon' }, 'go'],
    [{ 'if-match': '"abc"' }, 'go'],
    [{ 'if-match': '*' }, 'go'],
    [{ 'if-match': 'W/"abc"' }, 'failed'],
    [{ 'if-match': '"x"' }, 'failed'],
    [{ 'if-match': '"abc"', 'if-unmodified-since': before }, 'go'],
    [{ 'if-unmodified-since': before }, 'failed'],
    [{ 'if-unmodified-since': at }, 'go'],
    [{ 'if-match': '"x"', 'if-none-match': '"abc"' }, 'failed'],
  ] as const) {
    t.equal(checkPreconditions(headers, there).outcome, outcome, JSON.stringify(headers));
  }
});

t.test('If-Range with another ETag returns the whole file', async (t) => {
  for (const [header, holds] of [
    [undefined, true],
    ['"abc"', true],
    ['"x"', false],
    ['W/"abc"', false],
    [at, true],
    [before, false],
    ['nonsense', false],
  ] as const) {
    t.equal(ifRangeHolds(header, there), holds, String(header));
  }
});
