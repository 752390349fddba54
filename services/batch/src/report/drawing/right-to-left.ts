/** Hebrew, Arabic, Syriac, Thaana, N'Ko and the like: the blocks that Unicode keeps for characters written from right to left. */
const BLOCKS = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;

/** Thrown because letters in the wrong order are a wrong text. */
export class RightToLeft extends Error {
  readonly character: string;
  readonly text: string;

  constructor(character: string, text: string) {
    super('text from right to left');
    this.character = character;
    this.text = text;
  }

  static has(character: string): boolean {
    return BLOCKS.test(character);
  }
}
