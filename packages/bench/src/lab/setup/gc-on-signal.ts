/**
 * Loaded in front of a service (`--expose-gc --import`): at SIGUSR2 it collects its garbage, so that what is measured after it
 * is what it keeps.
 */
process.on('SIGUSR2', () => globalThis.gc?.());
