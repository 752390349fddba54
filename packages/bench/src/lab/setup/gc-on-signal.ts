/** Preloaded into a service (`--expose-gc --import`): SIGUSR2 collects garbage, so that a later measurement shows live memory only. */
process.on('SIGUSR2', () => globalThis.gc?.());
