export interface UpEvents {
  progress(line: string): void;
  /** A required process has ended for good; the caller should stop the rest. */
  failed(error: Error): void;
}
