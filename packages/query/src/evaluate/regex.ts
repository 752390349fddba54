/**
 * Thompson's construction (https://swtch.com/~rsc/regexp/regexp1.html) takes at most states × characters.
 * JavaScript's engine backtracks, and a subscriber's pattern runs on every change.
 */
import type { PatternMatcher } from './like.ts';
import { type CaseVariants, type CharacterSet, parseRegex, type RegexNode } from './regex-parse.ts';
import { type CollationKind, lowerOf, upperOf } from './text.ts';

/** States of one automaton, which `{m,n}` multiplies. Bounds memory and the time for a character. */
const MAX_STATES = 2_000;

type State =
  | { kind: 'set'; set: CharacterSet; to: number }
  | { kind: 'split'; to: number[] }
  | { kind: 'start' | 'end'; to: number }
  | { kind: 'match' };

export function compileRegex(pattern: string, ignoreCase: boolean, collation: CollationKind): PatternMatcher | null {
  const variants = ignoreCase ? caseVariants(collation) : null;
  if (ignoreCase && !variants) return null;
  const tree = parseRegex(pattern, variants);
  if (!tree) return null;
  const states: State[] = [{ kind: 'match' }];
  const start = build(tree, 0, states);
  if (start === null) return null;
  // In the worst case every state matches every character, because a match may begin anywhere.
  const stepsPerCharacter = states.reduce((steps, state) => steps + stepsOf(state), 1);
  return { test: (text) => run(states, start, text), stepsPerCharacter };
}

const RANGE_STEPS = 0.15;

function stepsOf(state: State): number {
  if (state.kind === 'set') return 1 + state.set.ranges.length * RANGE_STEPS;
  return state.kind === 'split' ? state.to.length : 1;
}

function caseVariants(collation: CollationKind): CaseVariants | null {
  if (collation === 'unknown') return null;
  return (codePoint) => {
    if (codePoint > 127 && collation === 'c') return [codePoint];
    const character = String.fromCodePoint(codePoint);
    return [codePoint, lowerOf(character).codePointAt(0)!, upperOf(character).codePointAt(0)!];
  };
}

function build(node: RegexNode, next: number, states: State[]): number | null {
  switch (node.kind) {
    case 'set':
      return add({ kind: 'set', set: node.set, to: next }, states);
    case 'start':
    case 'end':
      return add({ kind: node.kind, to: next }, states);
    case 'sequence': {
      let first: number | null = next;
      for (let i = node.items.length - 1; i >= 0 && first !== null; i--) first = build(node.items[i]!, first, states);
      return first;
    }
    case 'either': {
      const to: number[] = [];
      for (const branch of node.branches) {
        const first = build(branch, next, states);
        if (first === null) return null;
        to.push(first);
      }
      return add({ kind: 'split', to }, states);
    }
    case 'repeat':
      return buildRepeat(node, next, states);
  }
}

function buildRepeat(node: RegexNode & { kind: 'repeat' }, next: number, states: State[]): number | null {
  let first: number | null = next;
  if (node.max === Number.POSITIVE_INFINITY) {
    const loop = { kind: 'split' as const, to: [next] };
    first = add(loop, states);
    const item = first === null ? null : build(node.item, first, states);
    if (item === null) return null;
    loop.to.push(item);
  } else {
    for (let i = node.min; i < node.max && first !== null; i++) {
      const item: number | null = build(node.item, first, states);
      first = item === null ? null : add({ kind: 'split', to: [next, item] }, states);
    }
  }
  for (let i = 0; i < node.min && first !== null; i++) first = build(node.item, first, states);
  return first;
}

function add(state: State, states: State[]): number | null {
  return states.length < MAX_STATES ? states.push(state) - 1 : null;
}

function run(states: readonly State[], start: number, text: string): boolean {
  const seen = new Uint32Array(states.length);
  let round = 0;
  const current: number[] = [];
  for (let i = 0; ; ) {
    round++;
    const atEnd = i >= text.length;
    const consuming: number[] = [];
    // The pattern may match from any position: its start is added to the states of every round.
    current.push(start);
    while (current.length > 0) {
      const id = current.pop()!;
      if (seen[id] === round) continue;
      seen[id] = round;
      const state = states[id]!;
      if (state.kind === 'match') return true;
      if (state.kind === 'set') consuming.push(id);
      else if (state.kind === 'split') current.push(...state.to);
      else if (state.kind === 'start' ? i === 0 : atEnd) current.push(state.to);
    }
    if (atEnd) return false;
    const codePoint = text.codePointAt(i)!;
    for (const id of consuming) {
      const state = states[id] as State & { kind: 'set' };
      if (contains(state.set, codePoint)) current.push(state.to);
    }
    i += codePoint > 0xffff ? 2 : 1;
  }
}

function contains(set: CharacterSet, codePoint: number): boolean {
  for (const [from, to] of set.ranges) {
    if (codePoint >= from && codePoint <= to) return !set.negated;
  }
  return set.negated;
}
