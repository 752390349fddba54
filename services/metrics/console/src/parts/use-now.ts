import { useEffect, useState } from 'preact/hooks';

/** Returns the current time in ms, and renders again every `everyMs` while `on`. */
export function useNow(on = true, everyMs = 1_000): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (!on) return;
    setNow(Date.now());
    const timer = setInterval(() => {
      if (!document.hidden) setNow(Date.now());
    }, everyMs);
    return () => clearInterval(timer);
  }, [on, everyMs]);
  return now;
}
