/** The fonts of reports: DejaVu Sans for most scripts, Noto Sans for Chinese, Japanese and Korean. Each is opened when it is needed. */
import { fileURLToPath } from 'node:url';
import * as fontkit from 'fontkit';
import { RightToLeft } from './right-to-left.ts';

const file = (name: string, base: string) => fileURLToPath(new URL(name, base));
const DEJAVU = import.meta.resolve('dejavu-fonts-ttf/package.json');
const HAN = import.meta.resolve('@embedpdf/fonts-sc');
const HANGUL = import.meta.resolve('@embedpdf/fonts-kr');

export const FONT_FILES = {
  sans: file('ttf/DejaVuSans.ttf', DEJAVU),
  bold: file('ttf/DejaVuSans-Bold.ttf', DEJAVU),
  han: file('../fonts/NotoSansHans-Regular.otf', HAN),
  hangul: file('../fonts/NotoSansKR-Regular.otf', HANGUL),
} as const;
export type FontName = keyof typeof FONT_FILES;

const CHAINS = { plain: ['sans', 'han', 'hangul'], bold: ['bold', 'sans', 'han', 'hangul'] } as const;
export type Weight = keyof typeof CHAINS;

export interface Glyph {
  /** The character, or a box in its place. */
  text: string;
  font: FontName;
  /** The width at a size of one point. */
  width: number;
  isMissing: boolean;
}

const BOX = '\u25a1';
const MOST_NAMED = 20;

export class Fonts {
  boxes = 0;
  readonly boxed = new Set<string>();
  readonly #open = new Map<FontName, fontkit.Font>();
  /** At most one entry for each character of Unicode. */
  readonly #glyphs = { plain: new Map<string, Glyph>(), bold: new Map<string, Glyph>() };

  /** Characters in the order of reading, normalised, without those that nobody sees. @throws RightToLeft */
  glyphsOf(text: string, weight: Weight): Glyph[] {
    const clean = text.normalize('NFC').replace(/\p{Default_Ignorable_Code_Point}/gu, '');
    return Array.from(clean, (character) => {
      let glyph = this.#glyphs[weight].get(character);
      if (!glyph) {
        if (RightToLeft.has(character)) throw new RightToLeft(character, text);
        glyph = this.#find(character, weight);
        this.#glyphs[weight].set(character, glyph);
      }
      if (glyph.isMissing) this.#countBox(character);
      return glyph;
    });
  }

  #find(character: string, weight: Weight): Glyph {
    const point = character.codePointAt(0)!;
    for (const font of CHAINS[weight]) {
      const opened = this.#font(font);
      if (!/\p{Cc}/u.test(character) && opened.hasGlyphForCodePoint(point)) {
        const width = opened.glyphForCodePoint(point).advanceWidth / opened.unitsPerEm;
        return { text: character, font, width, isMissing: false };
      }
    }
    return { ...this.#find(BOX, weight), isMissing: true };
  }

  #font(name: FontName): fontkit.Font {
    let font = this.#open.get(name);
    if (!font) {
      font = fontkit.openSync(FONT_FILES[name]) as fontkit.Font;
      this.#open.set(name, font);
    }
    return font;
  }

  #countBox(character: string): void {
    this.boxes += 1;
    if (this.boxed.size < MOST_NAMED) this.boxed.add(nameOf(character));
  }
}

export const nameOf = (character: string): string =>
  `U+${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}`;
