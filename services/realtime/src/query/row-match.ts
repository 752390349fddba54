/**
 * Turns one change of a row into what a plan's subscribers see: nothing, a change of their rows, or a resync where the WAL does not
 * carry enough to decide. Pure.
 *
 *               after: matches   after: does not
 *   before yes  update           leave | delete
 *   before no   insert | enter   (nothing)
 *   unknown     update           leave | delete, with the key alone
 *
 * A row matches if the filter and, under row-level security, the policies let it pass.
 */
import type { LiveChange } from '@tidemark/contracts';
import type { RowChange } from '../changes/envelope.ts';
import type { RowImage } from '../changes/row-image.ts';
import type { LivePlan } from './live-plan.ts';

/** An undefined result means that the image lacks what the policies read. */
export type Visible = ((image: RowImage) => boolean | undefined) | undefined;

export interface Judged {
  readonly visible: Visible;
  /** Images that are absent are tested when they are matched. */
  readonly passes?: ReadonlyMap<RowImage, boolean> | undefined;
}

export const OPEN: Judged = { visible: undefined };

export type Match =
  | { kind: 'none' }
  | { kind: 'change'; type: LiveChange['type']; text: string }
  | { kind: 'resync'; reason: string };

const CUT = 'a row was too large to be sent whole, or one of its values could not be read';

const NONE: Match = { kind: 'none' };

export function matchChange(plan: LivePlan, change: RowChange, judged: Judged): Match {
  if (change.type === 'truncate') return resync('the table was truncated');
  const { row, before } = change;
  const passesNow = row !== undefined && passesFilter(plan, row, judged);
  const passedBefore = before !== undefined && passesFilter(plan, before, judged);
  if (isUndecided(plan, row, passesNow) || isUndecided(plan, before, passedBefore))
    return resync('the filter of the query could not be decided for a row');
  const after = isShown(row, passesNow, judged);
  const was = isShown(before, passedBefore, judged);
  // Under row-level security, a change that cannot be decided could reveal a hidden row.
  if (judged.visible && (after === undefined || was === undefined)) {
    const isWhole = [row, before].every((image) => image?.hasTexts(plan.facts.policyColumns) !== false);
    if (isWhole) return resync('the row-level security of the table could not be decided for a row');
    return resync(
      change.isCut ? CUT : `a change did not carry its whole row; ${plan.facts.table} needs replica identity full`,
    );
  }
  if (row && after !== false && !row.has(plan.columns)) {
    if (change.isCut) return resync(CUT);
    const lacking = plan.columns.find((name) => row.column(name) === undefined);
    return resync(`the column "${lacking}" did not change and was not sent; replica identity full would send it`);
  }
  // A row that the subscriber drops must be named: by its key, or without a key by all selected columns.
  if (before && was !== false && !isNamed(plan, before)) {
    return resync(
      change.isCut ? CUT : `a change did not name its row; ${plan.facts.table} may have another replica identity now`,
    );
  }

  if (change.type === 'delete') return was === false ? NONE : changed('delete', undefined, oldRow(plan, before));
  if (after) {
    if (change.type === 'insert') return changed('insert', rowText(plan, row), undefined);
    if (was === false) return changed('enter', rowText(plan, row), undefined);
    return changed('update', rowText(plan, row), oldKey(plan, row, before));
  }
  return was === false ? NONE : changed('leave', undefined, oldRow(plan, before));
}

const isUndecided = (plan: LivePlan, image: RowImage | undefined, passed: boolean | undefined): boolean =>
  passed === undefined && image !== undefined && image.has(plan.filter.columns);

function isShown(image: RowImage | undefined, passed: boolean | undefined, judged: Judged): boolean | undefined {
  if (image === undefined || passed === false || !judged.visible) return passed;
  const isVisible = judged.visible(image);
  return isVisible === true ? passed : isVisible;
}

export function passesFilter(plan: LivePlan, image: RowImage, { passes }: Judged): boolean | undefined {
  return passes?.get(image) ?? plan.filter.passes(image);
}

export function mayConcern(plan: LivePlan, { type, row, before }: RowChange, judged: Judged): boolean {
  if (type === 'truncate') return true;
  const may = (image: RowImage | undefined) => image !== undefined && passesFilter(plan, image, judged) !== false;
  return may(row) || may(before);
}

interface KeyedChange {
  key: string;
  text: string;
  change: RowChange;
}

/** A change of the key becomes a delete of the old one and an update of the new. */
export function byKey(
  plan: LivePlan,
  change: RowChange,
  match: Match & { kind: 'change' },
  judged: Judged,
): KeyedChange[] {
  const { row, before } = change;
  const drops = match.type === 'delete' || match.type === 'leave';
  const key = keyText(plan, (drops ? before : row) as RowImage) as string;
  const old = match.type === 'update' && before ? keyText(plan, before) : key;
  if (old === undefined || old === key) return [{ key, text: match.text, change }];
  const parts: [string, RowChange][] = [
    [old, { ...change, type: 'delete', row: undefined }],
    [key, { ...change, before: row }],
  ];
  return parts.flatMap(([ofKey, part]) => {
    const { kind, text } = matchChange(plan, part, judged) as Match & { kind: 'change' };
    return kind === 'change' ? [{ key: ofKey, text, change: ofKey === key ? change : part }] : [];
  });
}

function keyText(plan: LivePlan, image: RowImage): string | undefined {
  const parts = plan.facts.key.map((name) => image.column(name));
  return parts.includes(undefined) ? undefined : parts.join();
}

/** Returns whether the image has the whole key. A key with NULL belongs to another index, as partitions may have. */
function isNamed(plan: LivePlan, image: RowImage): boolean {
  const { key } = plan.facts;
  if (key.length === 0) return plan.select.every(({ column }) => image.column(column) !== undefined);
  return key.every((name) => (image.column(name) ?? 'null') !== 'null');
}

function rowText(plan: LivePlan, image: RowImage | undefined): string | undefined {
  if (!image) return undefined;
  let row = '{';
  for (const { column, as } of plan.select) {
    const text = image.column(column);
    if (text !== undefined) row += `${row === '{' ? '' : ','}${JSON.stringify(as)}:${text}`;
  }
  return `${row}}`;
}

const oldRow = rowText;

function oldKey(plan: LivePlan, row: RowImage | undefined, before: RowImage | undefined): string | undefined {
  const { key } = plan.facts;
  if (key.length === 0) return oldRow(plan, before);
  if (!before || key.every((name) => before.column(name) === row?.column(name))) return undefined;
  const keyPlan = { ...plan, select: plan.select.filter(({ column }) => key.includes(column)) };
  return rowText(keyPlan, before);
}

function changed(type: LiveChange['type'], row: string | undefined, old: string | undefined): Match {
  const text = `{"type":"${type}"${row === undefined ? '' : `,"row":${row}`}${old === undefined ? '' : `,"old":${old}`}}`;
  return { kind: 'change', type, text };
}

const resync = (reason: string): Match => ({ kind: 'resync', reason });
