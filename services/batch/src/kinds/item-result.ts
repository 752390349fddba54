/** The result of an item: outputs and a value, or a failure. */

/** `value` is JSON of at most 64 KB; `json` is its text instead, whose numbers keep all their digits. */
export type ItemResult = { files?: (OutputFile | StoredFile)[]; value?: unknown; json?: string } | FailedItem;

export interface FailedItem {
  failure: ItemFailure;
  /** JSON of at most 64 KB, such as what the item has done all the same. */
  value?: unknown;
  /** Delays the next attempt, at most 15 minutes: seconds, or the text of a Retry-After header in either form. */
  retryAfter?: number | string;
  /** The Date header of the same response, against which a Retry-After with a date is read. */
  responseDate?: string;
}

export interface OutputFile {
  bytes: Buffer;
  contentType: string;
  /** The extension without the dot: letters and digits, at most 16. */
  extension: string;
  /** The last part of the output's path, without the extension; default: the item's name. */
  name?: string;
  metadata?: Record<string, unknown>;
}

/** An output whose bytes are in the store. */
export interface StoredFile {
  key: string;
  sha256: string;
  size: number;
  contentType: string;
  extension: string;
  name?: string | undefined;
  metadata: Record<string, unknown>;
}

export interface ItemFailure {
  code: string;
  message: string;
  hint?: string | null;
  /** True when the cause may be temporary, so that the item is tried again within BATCH_MAX_ATTEMPTS. */
  retry?: boolean;
  /** True when the target refused the item because of its load (429, 503): it runs again later without losing an attempt. */
  throttled?: boolean;
}
