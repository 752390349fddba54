/** Preloaded into a service (`--expose-gc --import`): SIGUSR2 begins a leak of 5 MB a second, and another one gives it back. */
const PART_MS = 100;
/** Numbers of 8 bytes: 0.5 MB. */
const PART = 65_536;

let kept: number[][] = [];
let leaking: NodeJS.Timeout | undefined;

process.on('SIGUSR2', () => {
  if (leaking === undefined) {
    leaking = setInterval(() => kept.push(new Array<number>(PART).fill(0.5)), PART_MS);
    return;
  }
  clearInterval(leaking);
  leaking = undefined;
  kept = [];
  globalThis.gc?.();
});
