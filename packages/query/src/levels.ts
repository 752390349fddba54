import type { Condition, Embed, Level, OrderTerm, SelectColumn, SelectCount, SelectStar } from './ast.ts';
import { errors, postgrest } from './errors.ts';
import type { Limits } from './limits.ts';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export interface DraftLevel extends Mutable<Level> {
  select: DraftNode[];
  where: Condition[];
  order: OrderTerm[];
}
export interface DraftEmbed extends DraftLevel, Omit<Embed, keyof Level> {}
export type DraftNode = SelectStar | SelectColumn | SelectCount | DraftEmbed;

export class Budget {
  readonly limits: Limits;
  #selectNodes = 0;
  #conditions = 0;

  constructor(limits: Limits) {
    this.limits = limits;
  }

  selectNode(): void {
    if (++this.#selectNodes > this.limits.selectNodes) {
      throw errors.TOO_COMPLEX({ limit: 'selectNodes', max: this.limits.selectNodes });
    }
  }

  condition(): void {
    if (++this.#conditions > this.limits.conditions) {
      throw errors.TOO_COMPLEX({ limit: 'conditions', max: this.limits.conditions });
    }
  }
}

export function findEmbed(level: DraftLevel, name: string): DraftEmbed | undefined {
  for (const node of level.select) {
    if (node.kind === 'embed' && (node.alias === name || node.name === name)) return node;
  }
  return undefined;
}

export function levelAt(root: DraftLevel, path: readonly string[]): DraftLevel {
  let level = root;
  for (const name of path) {
    const embed = findEmbed(level, name);
    if (!embed) throw postgrest.PGRST108({ name });
    level = embed;
  }
  return level;
}
