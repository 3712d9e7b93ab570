/** What was asked of the server, for assertions and reports. */
export class GcsStats {
  readonly #operations = new Map<string, number>();
  readonly #uploads = new Map<string, Map<string, number>>();

  /** How often each operation was asked for, whatever the answer: `objects.list`, `objects.insert.multipart`, … */
  get operations(): ReadonlyMap<string, number> {
    return this.#operations;
  }

  /** How many uploads were stored under each name of a bucket; compositions and copies are no uploads. */
  uploads(bucket: string): ReadonlyMap<string, number> {
    return this.#uploads.get(bucket) ?? new Map();
  }

  reset(): void {
    this.#operations.clear();
    this.#uploads.clear();
  }

  countOperation(operation: string): void {
    this.#operations.set(operation, (this.#operations.get(operation) ?? 0) + 1);
  }

  countUpload(bucket: string, name: string): void {
    const names = this.#uploads.get(bucket) ?? new Map<string, number>();
    this.#uploads.set(bucket, names.set(name, (names.get(name) ?? 0) + 1));
  }
}
