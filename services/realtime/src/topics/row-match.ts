/**
 * One change of a row, as a plan's subscribers see it: nothing, a change of what they hold, or a resync where that cannot be
 * told from what the WAL carries. Pure.
 *
 *               after: matches   after: does not
 *   before yes  update           leave | delete
 *   before no   insert | enter   (nothing)
 *   unknown     update           leave | delete, with the key alone
 *
 * "Matches" is the filter and, under row-level security, the policy as well.
 */
import type { LiveChange } from '@tidemark/contracts';
import type { RowChange } from '../changes/envelope.ts';
import type { RowImage } from '../changes/row-image.ts';
import type { LivePlan } from './live-plan.ts';

/** Whether an image passes the policy; undefined where the table has none for this role. */
export type Visible = ((image: RowImage) => boolean) | undefined;

export type Match =
  | { kind: 'none' }
  | { kind: 'change'; type: LiveChange['type']; text: string }
  | { kind: 'resync'; reason: string };

const NONE: Match = { kind: 'none' };

export function matchChange(plan: LivePlan, change: RowChange, visible: Visible): Match {
  if (change.type === 'truncate') return resync('the table was truncated, or a row was too large to be sent');
  const { row, before } = change;
  // Row-level security is decided on whole rows alone; anything else might tell of a row that is hidden.
  if (visible && !(isWhole(plan, row) && isWhole(plan, before))) {
    return resync(`${plan.facts.table} no longer has replica identity full`);
  }
  const after = row === undefined ? false : matches(plan, row, visible);
  const was = before === undefined ? false : matches(plan, before, visible);
  if (row && after !== false && !row.has(plan.columns)) {
    const lacking = plan.columns.find((name) => row.column(name) === undefined);
    return resync(`the column "${lacking}" did not change and was not sent; replica identity full would send it`);
  }

  if (change.type === 'delete') return was === false ? NONE : changed('delete', undefined, oldRow(plan, before));
  if (after) {
    if (change.type === 'insert') return changed('insert', rowText(plan, row), undefined);
    if (was === false) return changed('enter', rowText(plan, row), undefined);
    return changed('update', rowText(plan, row), oldKey(plan, row, before));
  }
  return was === false ? NONE : changed('leave', undefined, oldRow(plan, before));
}

function isWhole(plan: LivePlan, image: RowImage | undefined): boolean {
  return !image || plan.facts.columns.every(({ name, published }) => !published || image.column(name) !== undefined);
}

function matches(plan: LivePlan, image: RowImage, visible: Visible): boolean | undefined {
  const passed = passesFilter(plan, image);
  return passed && visible ? visible(image) : passed;
}

/** Undefined: not known, since the image lacks a column of the filter. */
export function passesFilter(plan: LivePlan, image: RowImage): boolean | undefined {
  if (!image.has(plan.filterColumns)) return undefined;
  return plan.test(image.values(plan.filterColumns)) === true;
}

/** Of the primary key, as the WAL has it; equal texts are equal keys. Undefined where the image lacks a column of it. */
export function keyText(plan: LivePlan, image: RowImage): string | undefined {
  const parts = plan.facts.key.map((name) => image.column(name));
  return parts.includes(undefined) ? undefined : parts.join();
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

/** The old key where it changed; the whole old row where there is no key to go by. */
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
