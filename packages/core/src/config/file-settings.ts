import { readFile } from 'node:fs/promises';
import { isMap, isScalar, LineCounter, parseDocument, type Document } from 'yaml';
import { ConfigurationError } from '../domain/errors.ts';
import type { LocatingSettingsSource } from './merge-sources.ts';

/**
 * Settings from a YAML or JSON file: a map of field names to values. JSON is read as YAML, of which it is a part.
 * @see https://yaml.org/spec/1.2.2/
 */
export class FileSettings implements LocatingSettingsSource {
  readonly description: string;
  readonly unknownFields = 'error';
  readonly #path: string;
  readonly #lines = new Map<string, number>();

  constructor(path: string) {
    this.#path = path;
    this.description = path;
  }

  async readSettings(): Promise<Readonly<Record<string, unknown>>> {
    const lineCounter = new LineCounter();
    const document = parseDocument(await this.#readText(), { lineCounter, prettyErrors: true, logLevel: 'error' });
    const [error] = document.errors;
    if (error !== undefined) {
      // The rest of the message shows the text itself, which may hold what nobody should see in a log.
      const reason = error.message.split('\n', 1)[0]?.replace(/ at line \d+, column \d+:$/, '') ?? error.code;
      throw this.#unreadable(`line ${error.linePos?.[0].line ?? 1}: ${reason}`, error);
    }
    this.#noteLines(document, lineCounter);
    if (document.contents === null) return {};
    if (!isMap(document.contents)) throw this.#unreadable('line 1: it is not a map of field names to values');
    try {
      return document.toJS() as Record<string, unknown>;
    } catch (cause) {
      // An alias without its anchor, or one that would multiply beyond all bounds.
      throw this.#unreadable(cause instanceof Error ? cause.message : String(cause), cause);
    }
  }

  locate(name: string): string {
    const line = this.#lines.get(name);
    return line === undefined ? this.#path : `${this.#path} line ${line}`;
  }

  async #readText(): Promise<string> {
    try {
      return await readFile(this.#path, 'utf8');
    } catch (error) {
      throw this.#unreadable(error instanceof Error ? error.message : String(error), error);
    }
  }

  #noteLines(document: Document, lineCounter: LineCounter): void {
    if (!isMap(document.contents)) return;
    for (const { key } of document.contents.items) {
      if (isScalar(key) && key.range) this.#lines.set(String(key.value), lineCounter.linePos(key.range[0]).line);
    }
  }

  #unreadable(reason: string, cause?: unknown): ConfigurationError {
    return new ConfigurationError('CONFIG_UNREADABLE', `cannot read the configuration ${this.#path}: ${reason}`, {
      source: this.#path,
      cause,
    });
  }
}
