export interface Word {
  text: string;
  /** 0 to 100. */
  confidence: number;
  /** Left, top, width and height in pixels. */
  box: [number, number, number, number];
  /** Numbers of block, paragraph and line, from 1. */
  line: [number, number, number];
}

const WORD_LEVEL = '5';

/**
 * Reads the words of tesseract's tab-separated values: level, page, block, paragraph, line, word, left, top, width, height,
 * confidence, text. `scale` is that of the pixels to those of the caller.
 */
export function readWords(tsv: string, scale: number): Word[] {
  const words: Word[] = [];
  for (const row of tsv.split('\n')) {
    const [level, , block, paragraph, line, , left, top, width, height, confidence, ...text] = row.split('\t');
    if (level !== WORD_LEVEL) continue;
    const box = [left, top, width, height].map((side) => Math.round(Number(side) * scale)) as Word['box'];
    words.push({
      text: text.join('\t'),
      confidence: Math.round(Number(confidence) * 10) / 10,
      box,
      line: [Number(block), Number(paragraph), Number(line)],
    });
  }
  return words;
}
