export interface UpEvents {
  progress(line: string): void;
  /** A required process has ended and is not restarted; the caller should stop the others. */
  failed(error: Error): void;
}
