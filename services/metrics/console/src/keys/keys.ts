/** The keys of the console: `/` searches, `g` and a letter opens a page, arrows move between rows, Esc goes back, space pauses. */
import { PAGES } from '../address/pages.ts';
import { leaveSelection, navigate } from '../address/router.tsx';
import { session } from '../live/session.ts';
import { announce } from '../parts/announce.tsx';

/** A letter after `g` must follow within this time. */
const SEQUENCE_MS = 1_500;

export function startKeys(openSearch: () => void): () => void {
  let goUntil = 0;

  function press(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const target = event.target as HTMLElement;
    if (target.closest('input, textarea, select, [contenteditable]')) {
      if (event.key === 'Escape') target.blur();
      return;
    }
    const page = Date.now() < goUntil ? PAGES.find(({ key }) => key === event.key) : undefined;
    goUntil = 0;
    if (page) navigate(page.name);
    else if (event.key === 'g') goUntil = Date.now() + SEQUENCE_MS;
    else if (event.key === '/') openSearch();
    else if (event.key === 'ArrowDown') focusRow(1);
    else if (event.key === 'ArrowUp') focusRow(-1);
    else if (event.key === 'Escape') {
      if (!leaveSelection()) return;
    } else if (event.key === ' ' && !target.closest('button, summary, a')) togglePause();
    else return;
    event.preventDefault();
  }

  document.addEventListener('keydown', press);
  return () => document.removeEventListener('keydown', press);
}

export function togglePause(): void {
  session.pause(!session.isPaused());
  announce(session.isPaused() ? 'Paused' : 'Live again');
}

/** Moves the focus to the next or previous row; into the first one from elsewhere. */
function focusRow(step: 1 | -1): void {
  const rows = [...document.querySelectorAll<HTMLElement>('main [data-row]')].filter(
    (row) => row.offsetParent !== null,
  );
  const focused = rows.indexOf(document.activeElement as HTMLElement);
  const next = focused < 0 ? (step === 1 ? 0 : rows.length - 1) : focused + step;
  rows[Math.min(rows.length - 1, Math.max(0, next))]?.focus();
}
