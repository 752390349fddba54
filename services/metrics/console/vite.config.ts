import { defineConfig } from 'vite';

/** Relative addresses, so that the page works wherever a proxy puts it. No inlined files: the policy allows none but images. */
export default defineConfig({
  root: import.meta.dirname,
  base: './',
  build: {
    outDir: '../dist/console',
    emptyOutDir: true,
    target: 'es2022',
    modulePreload: { polyfill: false },
    reportCompressedSize: true,
  },
});
