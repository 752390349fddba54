import { useState } from 'preact/hooks';
import { navigate } from '../address/router.tsx';
import { type Found, find } from './find.ts';
import { useKnown } from './known.ts';

const INPUT = 'search';

export function focusSearch(): void {
  document.getElementById(INPUT)?.focus();
}

export function Search() {
  const [text, setText] = useState('');
  const [open, setOpen] = useState(false);
  const [active, setActive] = useState(0);
  const known = useKnown(open);
  const found = open ? find(text, known) : [];
  const chosen = Math.min(active, found.length - 1);

  function go(one: Found | undefined): void {
    if (!one) return;
    setOpen(false);
    setText('');
    document.getElementById(INPUT)?.blur();
    navigate(one.page, one.params);
  }

  return (
    <search class="search">
      <input
        id={INPUT}
        type="text"
        role="combobox"
        aria-label="Search: pid, request, table, job, socket, statement"
        aria-expanded={open}
        aria-controls="found"
        aria-autocomplete="list"
        aria-activedescendant={open && found.length > 0 ? `found-${chosen}` : undefined}
        placeholder="/ pid · request · table · job · socket · statement"
        autocomplete="off"
        spellcheck={false}
        value={text}
        onFocus={() => setOpen(true)}
        onBlur={() => setOpen(false)}
        onInput={(event) => {
          setText(event.currentTarget.value);
          setActive(0);
        }}
        onKeyDown={(event) => {
          if (event.key === 'ArrowDown') setActive(Math.min(found.length - 1, chosen + 1));
          else if (event.key === 'ArrowUp') setActive(Math.max(0, chosen - 1));
          else if (event.key === 'Enter') go(found[chosen]);
          else return;
          event.preventDefault();
        }}
      />
      {open && (
        <div id="found" class="found" role="listbox" aria-label="Found">
          {found.map((one, index) => (
            // biome-ignore lint/a11y/useKeyWithClickEvents: the keys are those of the input, which has the focus.
            <div
              key={`${one.what} ${one.text} ${one.page}`}
              id={`found-${index}`}
              role="option"
              tabIndex={-1}
              aria-selected={index === chosen}
              onPointerDown={(event) => event.preventDefault()}
              onClick={() => go(one)}
            >
              <span class="unit">{one.what}</span> <span class="found-text">{one.text}</span>
            </div>
          ))}
          {found.length === 0 && (
            <div role="option" tabIndex={-1} aria-selected={false} aria-disabled="true" class="muted">
              Nothing is known by that name.
            </div>
          )}
        </div>
      )}
    </search>
  );
}
