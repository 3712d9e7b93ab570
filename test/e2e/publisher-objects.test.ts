import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { expectExitCode, type RunningCommand } from './command.ts';
import { Rehearsal, SOURCE_BUCKET } from './rehearsal.ts';
import { putNumberedObjects, totalBytes } from './source-objects.ts';

let rehearsal: Rehearsal;
let isFolderDenied = false;
let stalledFolder: string | undefined;
let listingStalled: PromiseWithResolvers<void>;

beforeEach(async () => {
  isFolderDenied = false;
  stalledFolder = undefined;
  listingStalled = Promise.withResolvers<void>();
  rehearsal = await Rehearsal.start({
    interceptS3: (request, response) => {
      if (stalledFolder !== undefined && request.url?.includes(`prefix=${stalledFolder}%2F`) === true) {
        listingStalled.resolve();
        return true;
      }
      if (!isFolderDenied || request.url?.includes('prefix=denied%2F') !== true) return false;
      response.writeHead(403, { 'Content-Type': 'application/xml', 'x-amz-request-id': 'LOCAL' });
      response.end('<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>');
      return true;
    },
  });
});
afterEach(() => rehearsal[Symbol.asyncDispose]());

describe('publisher objects', () => {
  it('counts in a dry run, publishes once, and finds nothing to do after that', async () => {
    const contents = putNumberedObjects(rehearsal.source, 2, 5);
    expectExitCode(await rehearsal.command('dump', '--s3-bucket', SOURCE_BUCKET), 0);
    const flags = ['--s3_bucket', SOURCE_BUCKET, '--num_single_message', '3', '--exclude', 'folder-1/*', '--json'];
    const publish = async (...command: readonly string[]): Promise<unknown> => {
      const result = await rehearsal.command(...command, ...flags);
      expectExitCode(result, 0);
      return JSON.parse(result.stdout);
    };
    const bytes = totalBytes(new Map([...contents].filter(([key]) => !key.startsWith('folder-1/'))));
    // Of 5 objects each, three at most in a message.
    const all = {
      subfolders: 3,
      objects: 10,
      bytes,
      messages: 4,
      filtered: 5,
      archived: 0,
      leasesLost: 0,
      leasedByOthers: 0,
      failures: [],
    };
    expect(await publish('publisher', 'objects', '--dry-run')).toEqual(all);
    expect(await publish('publisher', 'publishObjectsList')).toEqual(all);
    expect(await publish('publisher', 'objects')).toMatchObject({ subfolders: 0, objects: 0, messages: 0 });
  });

  describe('where another publisher holds a subfolder', () => {
    const publisher = ['publisher', 'objects', '--s3-bucket', SOURCE_BUCKET, '--lease-seconds', '10', '--json'];

    async function startStalled(): Promise<RunningCommand> {
      stalledFolder = 'stalled';
      rehearsal.source.put('stalled/1', 'x');
      rehearsal.source.put('folder/1', 'x');
      expectExitCode(await rehearsal.command('dump', '--s3-bucket', SOURCE_BUCKET), 0);
      const stalled = rehearsal.start(...publisher);
      await stalled.whileRunning(listingStalled.promise);
      return stalled;
    }

    it('waits for its lease to run out, and publishes what it has left when it is dead', async () => {
      await using dead = await startStalled();
      dead.kill('SIGKILL');
      await dead.ended;
      stalledFolder = undefined;
      const result = await rehearsal.command(...publisher);
      expectExitCode(result, 0);
      expect(result.stderr).toContain('waiting for what other publishers hold');
      expect(JSON.parse(result.stdout)).toMatchObject({ leasedByOthers: 0 });
      const left = await rehearsal.command(...publisher, '--dry-run');
      expect(JSON.parse(left.stdout)).toMatchObject({ subfolders: 0 });
    });

    it('says so in the end when it holds on to it', async () => {
      await using living = await startStalled();
      const result = await rehearsal.command(...publisher);
      expectExitCode(result, 0);
      expect(result.stderr).toContain('other publishers still work on subfolders');
      expect(JSON.parse(result.stdout)).toMatchObject({ leasedByOthers: 1 });
      living.kill('SIGTERM');
      const stopped = await living.ended;
      expectExitCode(stopped, 1);
      expect(stopped.stderr).toContain('stopped by SIGTERM, and 1 subfolder is still waiting');
    });
  });

  it('publishes the other subfolders where one cannot be listed, and ends with exit code 1', async () => {
    isFolderDenied = true;
    rehearsal.source.put('denied/1', 'x');
    rehearsal.source.put('folder/1', 'x');
    expectExitCode(await rehearsal.command('dump', '--s3-bucket', SOURCE_BUCKET), 0);
    const result = await rehearsal.command('publisher', 'objects', '--s3-bucket', SOURCE_BUCKET, '--json');
    expectExitCode(result, 1);
    expect(JSON.parse(result.stdout)).toMatchObject({
      subfolders: 2,
      objects: 1,
      failures: [{ dirKey: 'denied/', code: 'SOURCE_FORBIDDEN', message: expect.any(String) }],
    });
  });
});
