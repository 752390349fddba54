/** Runs `work` one after another: whoever calls gets a run that begins after the call, together with all who call meanwhile. */
export function sharedRuns(work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> = Promise.resolve();
  let next: Promise<void> | undefined;
  return () => {
    next ??= running
      // The callers of that run receive its failure; the next run starts in any case.
      .catch(() => undefined)
      .then(() => {
        next = undefined;
        running = work();
        return running;
      });
    return next;
  };
}
