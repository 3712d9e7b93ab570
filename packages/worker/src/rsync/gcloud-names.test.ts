import { describe, expect, it } from 'vitest';
import { gcloudUrls, refuseMisreadKey } from './gcloud-names.ts';

function buckets(s3RootPrefix: string, gcsRootPrefix: string) {
  return { mapping: { s3RootPrefix, gcsRootPrefix }, s3Bucket: 'source', gcsBucket: 'destination' };
}

describe('gcloudUrls', () => {
  it('leaves the slash at the end out', () => {
    expect(gcloudUrls(buckets('live/', 'mirror/'), 'photos/')).toEqual({
      source: 's3://source/live/photos',
      destination: 'gs://destination/mirror/photos',
    });
    expect(gcloudUrls(buckets('', ''), '')).toEqual({ source: 's3://source', destination: 'gs://destination' });
  });

  it.each(['a b/', '+%41&"\'\\/', 'ä/', '-x/', '~/', '$HOME/', 'tab\t/', '#hash/'])(
    'gives the CLI %j as it is',
    (dirKey) => {
      expect(gcloudUrls(buckets('', ''), dirKey).source).toBe(`s3://source/${dirKey.slice(0, -1)}`);
    },
  );

  it.each([
    ['live/', 'a*/', 'wildcards'],
    ['live/', 'a?/', 'wildcards'],
    ['live/', '[a]/', 'wildcards'],
    ['', '/', 'empty segment'],
    ['live//', '', 'empty segment'],
    ['live/', '/', 'empty segment'],
    ['', '../', 'root of a bucket'],
    ['live/', 'a\0/', 'NUL'],
  ])('refuses %j + %j because of its %s', (s3RootPrefix, dirKey, reason) => {
    const refusal = expect.objectContaining({
      code: 'TRANSFER_NAME_AMBIGUOUS',
      retryable: false,
      message: expect.stringMatching(new RegExp(`${reason}.*rsync_engine native`)) as string,
    }) as Error;
    expect(() => gcloudUrls(buckets(s3RootPrefix, 'mirror/'), dirKey)).toThrow(refusal);
  });

  it('refuses a folder of the destination that ends like a generation, and names the subfolder', () => {
    expect(() => gcloudUrls(buckets('', 'run#12/'), '')).toThrow(
      /^subfolder "" .*gs:\/\/destination\/run#12.*generation/,
    );
    expect(gcloudUrls(buckets('', 'run#12/'), 'a/').destination).toBe('gs://destination/run#12/a');
  });
});

describe('refuseMisreadKey', () => {
  const inLive = buckets('live/', 'mirror/');

  it.each([
    'live/a/x*',
    'live/a/[x]?',
    'live/a/x//y',
    'live/a/../y',
    'live/a/.',
    'live/a/b c,d',
    'live/a/x#',
    'live/a/\u0001',
  ])('lets %j pass', (key) => {
    expect(() => refuseMisreadKey(inLive, 'a/', key)).not.toThrow();
  });

  it.each([
    ['live/a/x#y', 'version'],
    ['live/a/#1', 'version'],
    ['live/a/x\ny', 'line break'],
    ['live/a/x\ry', 'line break'],
    ['live/a//x', 'slash at the start'],
  ])('refuses %j because of the %s', (key, reason) => {
    expect(() => refuseMisreadKey(inLive, 'a/', key)).toThrow(reason);
  });

  it('refuses . and .. where they are whole names on either side', () => {
    expect(() => refuseMisreadKey(buckets('live/', ''), '', 'live/..')).toThrow('root of a bucket');
    expect(() => refuseMisreadKey(buckets('', 'mirror/'), '', '.')).toThrow('root of a bucket');
    expect(() => refuseMisreadKey(inLive, '', 'live/.')).not.toThrow();
  });
});
