export interface RightsChecks {
  start(): void;
  /** The check starts now, or after the running one. */
  soon(): void;
  stop(): Promise<void>;
}

export function createRightsChecks(check: () => Promise<void>, everyMs: number): RightsChecks {
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;
  let again = false;
  let stopped = false;

  function run(): void {
    clearTimeout(timer);
    again = false;
    running = check().finally(() => {
      running = undefined;
      if (stopped) return;
      if (again) run();
      else timer = setTimeout(run, everyMs);
    });
  }

  return {
    start() {
      timer = setTimeout(run, everyMs);
    },
    soon() {
      if (stopped) return;
      if (running) again = true;
      else run();
    },
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}
