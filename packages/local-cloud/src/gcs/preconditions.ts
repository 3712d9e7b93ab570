import { conditionNotMet, GcsError, invalid } from './gcs-error.ts';

/** What a request demands of the live object before it acts. @see https://cloud.google.com/storage/docs/request-preconditions */
export interface Preconditions {
  readonly generationMatch?: number | undefined;
  readonly generationNotMatch?: number | undefined;
  readonly metagenerationMatch?: number | undefined;
  readonly metagenerationNotMatch?: number | undefined;
}

interface Versioned {
  readonly generation: number;
  readonly metageneration: number;
}

export const NO_PRECONDITIONS: Preconditions = {};

/**
 * Reads `ifGenerationMatch` and its siblings, or with `ifSource` those about the source of a rewrite.
 * @throws GcsError 400 for a value that is no integer
 */
export function readPreconditions(query: URLSearchParams, prefix: 'if' | 'ifSource' = 'if'): Preconditions {
  if (query.size === 0) return NO_PRECONDITIONS;
  return {
    generationMatch: readInteger(query, `${prefix}GenerationMatch`),
    generationNotMatch: readInteger(query, `${prefix}GenerationNotMatch`),
    metagenerationMatch: readInteger(query, `${prefix}MetagenerationMatch`),
    metagenerationNotMatch: readInteger(query, `${prefix}MetagenerationNotMatch`),
  };
}

/** @throws GcsError 400 for a value that is no integer */
export function readInteger(query: URLSearchParams, parameter: string): number | undefined {
  const text = query.get(parameter);
  return text === null ? undefined : parseInteger(text, parameter);
}

/** @throws GcsError 400 for a text that is no integer */
export function parseInteger(text: string, parameter: string): number {
  if (!/^-?\d{1,19}$/.test(text)) throw invalid(`Invalid value '${text}' for parameter ${parameter}: not an integer.`);
  return Number(text);
}

/**
 * Before a write or a deletion. A missing object has generation 0; the `…NotMatch` of a generation fails for it.
 * @throws GcsError 412
 */
export function checkBeforeWrite(conditions: Preconditions, live: Versioned | undefined): void {
  const { generationMatch, generationNotMatch, metagenerationMatch, metagenerationNotMatch } = conditions;
  const holds =
    (generationMatch === undefined || generationMatch === (live?.generation ?? 0)) &&
    (generationNotMatch === undefined || (live !== undefined && generationNotMatch !== live.generation)) &&
    (metagenerationMatch === undefined || metagenerationMatch === live?.metageneration) &&
    (metagenerationNotMatch === undefined || metagenerationNotMatch !== live?.metageneration);
  if (!holds) throw conditionNotMet();
}

/**
 * Before a read of an object that exists.
 * @throws GcsError 412, or 304 where a `…NotMatch` says that the client has this version already
 */
export function checkBeforeRead(conditions: Preconditions, live: Versioned): void {
  const { generationMatch, generationNotMatch, metagenerationMatch, metagenerationNotMatch } = conditions;
  if (generationMatch !== undefined && generationMatch !== live.generation) throw conditionNotMet();
  if (metagenerationMatch !== undefined && metagenerationMatch !== live.metageneration) throw conditionNotMet();
  if (generationNotMatch === live.generation || metagenerationNotMatch === live.metageneration) {
    throw new GcsError(304, 'notModified', 'Not Modified');
  }
}
