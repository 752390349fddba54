#!/usr/bin/env node
/**
 * Checks the first two rules of CONTRIBUTING.md's language section in every source file: a comment ends like a sentence, and no
 * sentence starts with a word that hides its subject. `--counts` prints the number of problems of each package instead.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import ts from 'typescript';

/** These words always start a noun clause without a subject: "Of the cache.", "Who asks.", "What is told to it.". */
const HIDDEN_SUBJECT = /^(Of|Who|Whoever|Whom|Whose|What|Whatever|Which|Whichever)\s/;
/** These words may start a clause, which a comma ends: "Where a table has no key, the relay sends all columns.". */
const OPEN_CLAUSE = /^(For|Where)\s(?!example\b)[^,:]*$/;
/** A comment may also end with the address of its source, or be only code or the name of a setting. */
const END_MARK = /[.!?:…]["'`’”)\]]*$|https?:\/\/\S+$|^`[^`]+`$|^[\w.]+$/;
/** Comments for tools. */
const DIRECTIVE = /^(biome-ignore|@ts-|@__|#__|<reference|c8 |v8 |tap-)/;
/** Lines of drawings, tables, lists and code. */
const ASIDE = /[─│┌┐└┘├┤┬┴┼►◄▲▼]|-->|<--|^ {2}|^\s*([-*]|\d+\.)\s/;
const TAGS = /(^|\s)@(throws|param|returns?|example|see|default|template)\b[\s\S]*$/;
/** A comment of at most two words behind code is the name of a value: `25, // int4`. */
const MAX_LABEL_WORDS = 2;

/** @returns {{ line: number, problem: string, text: string }[]} the problems in the comments of one file */
export function problemsOf(fileName, source) {
  return commentsOf(fileName, source).flatMap(({ line, text }) => {
    const problem = problemOf(text);
    return problem ? [{ line, problem, text: text.slice(0, 100) }] : [];
  });
}

/** @param {string} text of a comment, without its marks */
export function problemOf(text) {
  if (text === '' || DIRECTIVE.test(text)) return undefined;
  const prose = text
    .replace(/```[\s\S]*?```/g, '')
    .split('\n')
    .filter((line) => !ASIDE.test(line))
    .join('\n')
    .split(/\n\s*\n/)
    .map((part) => part.replace(TAGS, '').trim())
    .filter((part) => part !== '');
  for (const part of prose) {
    const line = part.replace(/\s+/g, ' ');
    if (!END_MARK.test(line)) return 'does not end like a sentence';
    for (const sentence of line.split(/(?<=[.!?])\s+/)) {
      const words = sentence.replace(/[.!?]+$/, '');
      const start = HIDDEN_SUBJECT.exec(words) ?? OPEN_CLAUSE.exec(words);
      if (start) return `a sentence starts with "${words.split(' ', 1)[0]}": name the subject`;
    }
  }
  return undefined;
}

/** Comments of lines that follow each other are one comment. */
function commentsOf(fileName, source) {
  const file = ts.createSourceFile(fileName, source, ts.ScriptTarget.Latest, true);
  const ranges = new Map();
  const jsxTexts = [];
  const visit = (node) => {
    if (node.kind === ts.SyntaxKind.JsxText) jsxTexts.push(node);
    const leading = ts.getLeadingCommentRanges(source, node.pos) ?? [];
    const trailing = ts.getTrailingCommentRanges(source, node.end) ?? [];
    for (const range of [...leading, ...trailing]) ranges.set(range.pos, range);
    for (const child of node.getChildren(file)) visit(child);
  };
  visit(file);
  // The text of an element may contain "//".
  for (const { pos, end } of jsxTexts)
    for (const start of ranges.keys()) if (start >= pos && start < end) ranges.delete(start);
  const lineOf = (pos) => file.getLineAndCharacterOfPosition(pos).line + 1;
  const comments = [];
  for (const { pos, end, kind } of [...ranges.values()].sort((a, b) => a.pos - b.pos)) {
    const raw = source.slice(pos, end);
    const line = lineOf(pos);
    if (kind === ts.SyntaxKind.MultiLineCommentTrivia) {
      if (!raw.startsWith('/**') && raw.split(/\s+/).length - 2 <= MAX_LABEL_WORDS) continue;
      comments.push({
        line,
        last: -1,
        text: raw
          .replace(/^\/\*+|\*+\/$/g, '')
          .replace(/^[ \t]*\* ?/gm, '')
          .trim(),
      });
      continue;
    }
    const text = raw.replace(/^\/\/+\s?/, '');
    if (DIRECTIVE.test(text)) continue;
    const isAlone = source.slice(source.lastIndexOf('\n', pos) + 1, pos).trim() === '';
    const before = comments.at(-1);
    if (isAlone && before?.last === line - 1) {
      before.text += `\n${text}`;
      before.last = line;
    } else if (isAlone || text.split(/\s+/).length > MAX_LABEL_WORDS) {
      comments.push({ line, last: isAlone ? line : -1, text });
    }
  }
  return comments;
}

function main() {
  const files = execFileSync('git', ['ls-files', '*.ts', '*.tsx', '*.mjs'], { encoding: 'utf8' }).trim().split('\n');
  const counts = new Map();
  for (const name of files) {
    for (const { line, problem, text } of problemsOf(name, readFileSync(name, 'utf8'))) {
      const owner = /^(packages|services)\/[^/]+/.exec(name)?.[0] ?? 'root';
      counts.set(owner, (counts.get(owner) ?? 0) + 1);
      if (!process.argv.includes('--counts'))
        console.log(`${name}:${line}: ${problem}\n    ${text.replace(/\s+/g, ' ')}`);
    }
  }
  for (const [owner, count] of [...counts].sort()) console.log(`${owner}: ${count}`);
  if (counts.size > 0) process.exitCode = 1;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) main();
