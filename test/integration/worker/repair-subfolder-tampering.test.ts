import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isRepairDue, isVerified } from '@object-transfer/core/domain/subfolder';
import { never } from '../../fixtures/clouds.ts';
import { S3_ROOT, SubfolderRig } from './subfolder-rig.ts';
import { fillSubfolder, TAMPERINGS } from './tamperings.ts';

let rig: SubfolderRig;
beforeEach(async () => {
  rig = await SubfolderRig.start();
});
afterEach(() => rig.close());

/** What the source has under a subfolder, by its name below the root. */
async function sourceContent(dirKey: string): Promise<Record<string, string>> {
  const content: Record<string, string> = {};
  const prefix = S3_ROOT + dirKey;
  for await (const { objects } of rig.clouds.lister.listObjects({ prefix, signal: never })) {
    for (const { key } of objects) {
      const object = await rig.clouds.source.content.stat(key);
      const bytes = object?.open(0, object.size);
      content[key.slice(S3_ROOT.length)] = Buffer.from(bytes as Uint8Array).toString();
    }
  }
  return content;
}

describe.each(['dir/', ''])('where %j was tampered with', (dirKey) => {
  beforeEach(async () => {
    await fillSubfolder(rig, dirKey);
    await rig.state.stateStore.addSubfolders([dirKey]);
    await rig.check(dirKey);
  });

  test.each(TAMPERINGS)(
    'the comparison names it and the repair proves the subfolder equal: $what',
    async ({ tamper, errors, figures }) => {
      expect(await rig.status(dirKey)).toBe('verified');
      tamper(rig, dirKey);
      expect(await rig.check(dirKey)).toMatchObject({ status: 'done', figures });
      const named = errors.map((error) => error.replace(' ', ` ${dirKey}`));
      expect(await rig.openErrors(dirKey)).toEqual(named);
      const found = await rig.row(dirKey);
      expect(found).toMatchObject(figures);
      expect(isVerified(found)).toBe(errors.every((error) => error.startsWith('CHECK_EXTRA')));
      expect(isRepairDue(found, true)).toBe(true);

      expect(await rig.repair(dirKey, { deleteExtra: true })).toMatchObject({ status: 'done' });
      expect(await rig.openErrors(dirKey)).toEqual([]);
      const repaired = await rig.row(dirKey);
      expect(isVerified(repaired)).toBe(true);
      expect(isRepairDue(repaired, true)).toBe(false);
      expect(repaired).toMatchObject({ s3ObjectCount: 5, gcsObjectCount: 5, extraCount: 0, rsyncFrequency: 1 });
      expect(await rig.arrived()).toEqual(await sourceContent(dirKey));
    },
  );
});
