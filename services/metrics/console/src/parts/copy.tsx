import { useState } from 'preact/hooks';
import { announce } from './announce.tsx';

/** Without https, a browser has no clipboard for a page, so the text is selected and copied as a person would. */
async function copy(text: string): Promise<void> {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement('textarea');
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand('copy');
  area.remove();
}

const SHOWN_MS = 1_500;

export function CopyButton({ text, what = 'SQL' }: { text: string; what?: string }) {
  const [copied, setCopied] = useState(false);
  const onClick = async () => {
    await copy(text);
    setCopied(true);
    announce(`${what} copied`);
    setTimeout(() => setCopied(false), SHOWN_MS);
  };
  return (
    <button type="button" class="small" onClick={() => void onClick()}>
      {copied ? 'Copied' : `Copy ${what}`}
    </button>
  );
}

/** A statement that can be pasted into psql. */
export function Sql({ text, what = 'SQL' }: { text: string; what?: string }) {
  return (
    <div class="sql">
      <pre>{text}</pre>
      <CopyButton text={text} what={what} />
    </div>
  );
}
