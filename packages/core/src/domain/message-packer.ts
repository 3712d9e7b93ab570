import { MAX_MESSAGE_BYTES } from './message-codec.ts';
import type { SourceObject } from './source-object.ts';

export interface PackingLimits {
  /** Objects per message, at most. */
  readonly maxObjects: number;
  /** Size of the objects of one message together, at most, so that a message's lease covers its work. */
  readonly maxBytes: number;
}

/** The objects of one message, in the order of the listing. */
export interface PackedMessage {
  readonly objects: readonly SourceObject[];
  /** Size of the objects together. */
  readonly bytes: number;
}

/** JSON writes a UTF-16 unit as six characters at worst: `\u001f`. */
const MAX_JSON_BYTES_PER_UNIT = 6;
/** Names, quotes and a size of 14 digits, with room to spare. */
const JSON_BYTES_PER_OBJECT = 64;

/** Fills messages one after the other. An object larger than the limit travels alone. */
export class MessagePacker {
  readonly #limits: PackingLimits;
  readonly #emptyJsonBytes: number;
  #objects: SourceObject[] = [];
  #bytes = 0;
  #jsonBytes: number;

  /** @param dirKey what each message says that its objects belong to */
  constructor(dirKey: string, limits: PackingLimits) {
    this.#limits = limits;
    this.#emptyJsonBytes = JSON_BYTES_PER_OBJECT + dirKey.length * MAX_JSON_BYTES_PER_UNIT;
    this.#jsonBytes = this.#emptyJsonBytes;
  }

  /** @returns the message before, where this object did not fit in any more */
  add(object: SourceObject): PackedMessage | undefined {
    const jsonBytes = JSON_BYTES_PER_OBJECT + (object.key.length + object.etag.length) * MAX_JSON_BYTES_PER_UNIT;
    const fits =
      this.#objects.length < this.#limits.maxObjects &&
      this.#bytes + object.sizeBytes <= this.#limits.maxBytes &&
      this.#jsonBytes + jsonBytes <= MAX_MESSAGE_BYTES;
    const full = fits ? undefined : this.flush();
    this.#objects.push(object);
    this.#bytes += object.sizeBytes;
    this.#jsonBytes += jsonBytes;
    return full;
  }

  /** @returns what is left, `undefined` where that is nothing */
  flush(): PackedMessage | undefined {
    if (this.#objects.length === 0) return undefined;
    const message = { objects: this.#objects, bytes: this.#bytes };
    this.#objects = [];
    this.#bytes = 0;
    this.#jsonBytes = this.#emptyJsonBytes;
    return message;
  }
}
