import { describe, expect, it } from 'vitest';
import { GcsError } from './gcs-error.ts';
import { checkBeforeRead, checkBeforeWrite, readPreconditions } from './preconditions.ts';

const LIVE = { generation: 7, metageneration: 2 };
const conditions = (query: string) => readPreconditions(new URLSearchParams(query));

function statusOf(check: () => void): number {
  try {
    check();
    return 200;
  } catch (error) {
    if (error instanceof GcsError) return error.status;
    throw error;
  }
}

describe('preconditions', () => {
  it.each([
    ['', 200, 200],
    ['ifGenerationMatch=0', 412, 200],
    ['ifGenerationMatch=7', 200, 412],
    ['ifGenerationMatch=8', 412, 412],
    ['ifGenerationNotMatch=0', 200, 412],
    ['ifGenerationNotMatch=7', 412, 412],
    ['ifGenerationNotMatch=8', 200, 412],
    ['ifMetagenerationMatch=2', 200, 412],
    ['ifMetagenerationMatch=3', 412, 412],
    ['ifMetagenerationNotMatch=2', 412, 200],
    ['ifMetagenerationNotMatch=3', 200, 200],
    ['ifGenerationMatch=7&ifMetagenerationMatch=3', 412, 412],
  ])('of a write: "%s" answers %i over a live object and %i without one', (query, live, missing) => {
    expect(statusOf(() => checkBeforeWrite(conditions(query), LIVE))).toBe(live);
    expect(statusOf(() => checkBeforeWrite(conditions(query), undefined))).toBe(missing);
  });

  it.each([
    ['ifGenerationMatch=7', 200],
    ['ifGenerationMatch=8', 412],
    ['ifMetagenerationMatch=3', 412],
    ['ifGenerationNotMatch=7', 304],
    ['ifGenerationNotMatch=8', 200],
    ['ifMetagenerationNotMatch=2', 304],
  ])('of a read: "%s" answers %i', (query, status) => {
    expect(statusOf(() => checkBeforeRead(conditions(query), LIVE))).toBe(status);
  });

  it('must be integers', () => {
    expect(statusOf(() => conditions('ifGenerationMatch=x'))).toBe(400);
    expect(statusOf(() => conditions('ifMetagenerationNotMatch='))).toBe(400);
  });
});
