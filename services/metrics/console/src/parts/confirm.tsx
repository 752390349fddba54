import { useState } from 'preact/hooks';

/** A button that asks again before it acts. */
export function Confirm(props: { label: string; sure: string; disabled?: boolean; act: () => void }) {
  const [asked, setAsked] = useState(false);
  if (!asked) {
    return (
      <button type="button" class="small" disabled={props.disabled} onClick={() => setAsked(true)}>
        {props.label}
      </button>
    );
  }
  return (
    <span class="confirm">
      <button
        type="button"
        class="small danger"
        onClick={() => {
          setAsked(false);
          props.act();
        }}
      >
        {props.sure}
      </button>
      <button type="button" class="small" onClick={() => setAsked(false)}>
        No
      </button>
    </span>
  );
}
