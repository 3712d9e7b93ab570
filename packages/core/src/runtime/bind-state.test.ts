import { mkdtemp, rm } from 'node:fs/promises';
import { DatabaseSync } from 'node:sqlite';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openEmbeddedState, type EmbeddedState } from '../state/open-embedded-state.ts';
import { bindState, stateSubject } from './bind-state.ts';

const SOURCE = { s3Bucket: 'photos', s3RootPrefix: 'raw/' };
const DESTINATION = { gcsBucket: 'copy', gcsRootPrefix: 'raw/' };

let directory: string;
let file: string;
let state: EmbeddedState;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'bind-state-'));
  file = join(directory, 'state.sqlite');
  state = await openEmbeddedState(file, { owner: 'host:1:0000000a' });
});

afterEach(async () => {
  await state.close();
  await rm(directory, { recursive: true });
});

function bind(settings: Parameters<typeof stateSubject>[0]): Promise<void> {
  return bindState(state.stateStore, stateSubject(settings), file);
}

describe('a state', () => {
  it.each([
    ['its source', SOURCE, DESTINATION],
    ['its destination', DESTINATION, SOURCE],
  ])('is tied by who knows %s alone, and later to the other', async (_, first, second) => {
    await bind(first);
    await bind({ ...first, ...second });
    await bind(second);
    await expect(bind({ ...SOURCE, s3Bucket: 'other' })).rejects.toThrow('belongs to the source s3://photos/raw/');
    await expect(bind({ ...DESTINATION, gcsRootPrefix: '' })).rejects.toThrow(
      'belongs to the destination gs://copy/raw/',
    );
  });

  it('is tied to nothing by a prefix without its bucket', async () => {
    await bind({ s3RootPrefix: 'raw/', gcsRootPrefix: 'raw/' });
    expect(await state.stateStore.settleControl('source', 'free')).toBe('free');
    expect(await state.stateStore.settleControl('destination', 'free')).toBe('free');
  });

  it('is tied anew once the row is deleted that the refusal names', async () => {
    await bind({ ...SOURCE, s3RootPrefix: 'mistyped/' });
    const refusal: unknown = await bind(SOURCE).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: 'CONFIG_STATE_INCOMPATIBLE', source: file });
    const [, row, suffix] =
      /delete the row named (\w+) from the table that ends in (\w+)$/.exec((refusal as Error).message) ?? [];
    const database = new DatabaseSync(file);
    database.prepare(`DELETE FROM object_transfer_state${suffix} WHERE name = ?`).run(row ?? null);
    database.close();
    await bind(SOURCE);
  });
});
