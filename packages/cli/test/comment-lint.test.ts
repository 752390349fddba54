import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import t from 'tap';
import { root } from './tidemark-up.ts';

interface Problem {
  line: number;
  problem: string;
}
const { problemsOf }: { problemsOf(name: string, source: string): Problem[] } = await import(
  pathToFileURL(join(root, 'scripts/lint-comments.mjs')).href
);
const problems = (source: string) => problemsOf('x.tsx', source).map(({ line, problem }) => `${line}: ${problem}`);

t.test('accepts sentences, lists, drawings, code, labels and directives', async (t) => {
  const source = `
/**
 * Returns the first row. @throws DB_CLOSED
 *
 *   idle ──lease──► busy
 *
 * - a list
 */
// For each row, the relay sends one message.
// biome-ignore lint/x: a reason
const type = 25; // text
/** https://www.rfc-editor.org/rfc/rfc9457 */
const url = 'http://x'; // The address contains two slashes.
const page = <p>// not a comment</p>;
`;
  t.same(problems(source), []);
});

t.test('rejects a comment that does not end like a sentence', async (t) => {
  t.same(problems('\n/** the rows of a table */\nconst a = 1;'), ['2: does not end like a sentence']);
  t.same(problems('// one line\n// and another\nconst a = 1;'), ['1: does not end like a sentence']);
});

t.test('rejects a sentence without a subject', async (t) => {
  for (const word of ['Of', 'Who', 'Whoever', 'What']) {
    const [problem] = problems(`/** A row. ${word} it may concern. */\nconst a = 1;`);
    t.match(problem, `1: a sentence starts with "${word}": name the subject`);
  }
  t.match(problems('/** For the cache alone. */\nconst a = 1;'), [/"For"/]);
});
