/** The one live region of the page: it tells screen readers of changes, politely. */
import { useEffect, useState } from 'preact/hooks';

let tell: (text: string) => void = () => {};

export const announce = (text: string): void => tell(text);

export function Announcements() {
  const [text, setText] = useState('');
  useEffect(() => {
    tell = setText;
    return () => {
      tell = () => {};
    };
  }, []);
  return (
    <p class="hidden" role="status" aria-live="polite">
      {text}
    </p>
  );
}
