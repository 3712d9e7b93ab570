import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { expectExitCode } from './command.ts';
import { FORBIDDEN_KEYS, hostileObjects, RICH_ATTRIBUTES, RICH_CONTENT, RICH_KEY } from './hostile-objects.ts';
import { DESTINATION_BUCKET, Rehearsal, SOURCE_BUCKET } from './rehearsal.ts';
import { putObjects } from './source-objects.ts';

let rehearsal: Rehearsal;
let contents: Map<string, Buffer>;

beforeEach(async () => {
  rehearsal = await Rehearsal.start();
  contents = hostileObjects();
  putObjects(rehearsal.source, contents);
});
afterEach(() => rehearsal[Symbol.asyncDispose]());

describe('run of a bucket with hostile keys', () => {
  it('brings them over key for key, byte for byte, metadata included', async () => {
    const lastModifiedMs = Date.UTC(2021, 2, 28, 1, 30);
    const { etag } = rehearsal.source.put(RICH_KEY, RICH_CONTENT, { attributes: RICH_ATTRIBUTES, lastModifiedMs });
    contents.set(RICH_KEY, RICH_CONTENT);

    const result = await rehearsal.run();
    expectExitCode(result, 0);
    expect(result.report).toMatchObject({
      objects: { listed: contents.size, transferred: contents.size },
      verified: true,
    });
    const arrived = await rehearsal.destination();
    expect([...arrived.keys()].toSorted()).toEqual([...contents.keys()].toSorted());
    expect(arrived).toEqual(contents);

    const { userMetadata, ...headers } = RICH_ATTRIBUTES;
    expect(rehearsal.gcs.objects.resource(DESTINATION_BUCKET, RICH_KEY)).toMatchObject({
      ...headers,
      metadata: {
        ...userMetadata,
        'x-goog-source-etag': etag,
        'goog-reserved-file-mtime': String(lastModifiedMs / 1000),
      },
    });
  });

  it('reports the names that GCS forbids before any byte of them moves, and verifies all others', async () => {
    for (const key of FORBIDDEN_KEYS) rehearsal.source.put(key, `content of ${key}`);
    const { exitCode, report } = await rehearsal.run();
    expect(exitCode).toBe(1);
    expect(report).toMatchObject({
      objects: {
        listed: contents.size + FORBIDDEN_KEYS.length,
        transferred: contents.size,
        skipped: 0,
        failed: FORBIDDEN_KEYS.length,
      },
      verified: false,
    });
    const failures = report?.failures ?? [];
    expect(failures.map(({ key }) => key).toSorted()).toEqual(FORBIDDEN_KEYS.toSorted());
    expect(new Set(failures.map(({ code }) => code))).toEqual(new Set(['DESTINATION_NAME_FORBIDDEN']));
    for (const { key, message } of failures) expect(message).toContain(JSON.stringify(key));
    expect(await rehearsal.destination()).toEqual(contents);
    const read = rehearsal.s3.stats.getsByObject;
    expect(FORBIDDEN_KEYS.filter((key) => read.has(`${SOURCE_BUCKET}/${key}`))).toEqual([]);
    expect(read.size).toBe(contents.size);

    // Renaming is a choice that can be made afterwards: what is there already stays.
    const renamed = await rehearsal.run('--forbidden-names', 'rename');
    expectExitCode(renamed, 0);
    expect(renamed.report).toMatchObject({
      objects: { transferred: FORBIDDEN_KEYS.length, skipped: contents.size, failed: 0 },
      verified: true,
      failures: [],
    });
    const added = [...(await rehearsal.destination())].filter(([name]) => !contents.has(name));
    expect(added.map(([, bytes]) => bytes.toString()).toSorted()).toEqual(
      FORBIDDEN_KEYS.map((key) => `content of ${key}`).toSorted(),
    );
  });

  it('reports a name that the prefix of the destination makes too long', async () => {
    const longest = [...contents.keys()].filter((key) => Buffer.byteLength(key) === 1024);
    expect(longest).toHaveLength(1);
    const buckets = ['--from', `s3://${SOURCE_BUCKET}/`, '--to', `gs://${DESTINATION_BUCKET}/p`];
    const flags = ['--cdn', `${rehearsal.cdn.url}/`, '--include', 'long/**', '--include', 'dots/**', '--json'];
    const result = await rehearsal.command('run', ...buckets, ...flags);
    expectExitCode(result, 1);
    expect(JSON.parse(result.stdout)).toMatchObject({
      objects: { listed: 2, transferred: 1, failed: 1 },
      failures: [
        { key: longest[0], code: 'DESTINATION_NAME_FORBIDDEN', message: expect.stringContaining('1026 bytes') },
      ],
    });
    expect([...(await rehearsal.destination()).keys()]).toEqual(['p/dots/../../segment/..']);
  });
});
