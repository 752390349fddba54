/** Texts → lines of a width. A line breaks after blanks and hyphens and between ideographs, and else within a word that is too long. */
import type { FontName, Fonts, Glyph, Weight } from './fonts.ts';

/** Neighbouring characters of one font. */
interface Run {
  font: FontName;
  text: string;
  width: number;
}

export interface Line {
  runs: Run[];
  width: number;
}

export interface LineOptions {
  width: number;
  size: number;
  weight: Weight;
}

const BREAKS_AFTER = /^[ \u3000-]$/;
const IDEOGRAPH = /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]$/u;
const NOT_FIRST = /^[、。，．・：；！？」』）】〉》ーぁぃぅぇぉっゃゅょァィゥェォッャュョ]$/;

/** Returns at least one line, which may be empty. */
export function linesOf(fonts: Fonts, text: string, { width, size, weight }: LineOptions): Line[] {
  const paragraphs = text.replace(/\r\n?/g, '\n').replaceAll('\t', '    ').split('\n');
  return paragraphs.flatMap((paragraph) => {
    const glyphs = fonts.glyphsOf(paragraph, weight);
    return cut(glyphs, width / size).map(([from, to]) => lineOf(glyphs.slice(from, to), size));
  });
}

function cut(glyphs: readonly Glyph[], width: number): [number, number][] {
  const lines: [number, number][] = [];
  let start = 0;
  let at = 0;
  let sum = 0;
  let mayBreak = 0;
  while (at < glyphs.length) {
    const { text, width: own } = glyphs[at]!;
    if (at > start && breaksBetween(glyphs[at - 1]!.text, text)) mayBreak = at;
    // A blank at the end of a line takes no room.
    if (sum + own > width && at > start && text !== ' ') {
      const end = mayBreak > start ? mayBreak : at;
      lines.push([start, end]);
      start = end;
      at = end;
      sum = 0;
    } else {
      sum += own;
      at += 1;
    }
  }
  lines.push([start, glyphs.length]);
  return lines;
}

function breaksBetween(before: string, after: string): boolean {
  if (BREAKS_AFTER.test(before)) return after !== ' ';
  return (IDEOGRAPH.test(before) || IDEOGRAPH.test(after)) && after !== ' ' && !NOT_FIRST.test(after);
}

function lineOf(glyphs: readonly Glyph[], size: number): Line {
  const runs: Run[] = [];
  let width = 0;
  for (const glyph of glyphs) {
    const own = glyph.width * size;
    const last = runs.at(-1);
    if (last?.font === glyph.font) {
      last.text += glyph.text;
      last.width += own;
    } else runs.push({ font: glyph.font, text: glyph.text, width: own });
    width += own;
  }
  return { runs, width };
}
