import type { Command } from 'commander';
import { WORKER_RSYNC } from '@object-transfer/core/config/modules';
import { ConfigurationError } from '@object-transfer/core/domain/errors';
import type { CommandContext } from '../command-context.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { addFieldOptions, type ParsedOptions } from '../options/field-options.ts';
import { summarizeSyncedDir, summarizeSyncedKeys } from '../output/sync-summary.ts';
import { loadCommandSettings } from '../wiring/load-command-settings.ts';
import { openSync } from '../wiring/open-sync.ts';
import { runRegistered } from '../wiring/registered.ts';

/** `sync`: one subfolder, one object or a list of objects, now. */
export function addSyncCommand(program: Command, context: CommandContext): void {
  const sync = program
    .command('sync')
    .argument('[dir|key]', 'a subfolder as the state has it (photos/), an object by its whole key, or s3:// and either')
    .description('compares and repairs one subfolder, or brings single objects up to date, now and in this process')
    .option('--from-manifest <file>', 'the objects of a list, as `diff --format manifest` writes it')
    .option('--json', 'print the outcome as JSON');
  addFieldOptions(sync, WORKER_RSYNC).action(async (target: string | undefined, options: ParsedOptions) => {
    process.exitCode = await runSync(target, options, context);
  });
}

/** @returns the exit code: 0 where everything is equal now */
async function runSync(target: string | undefined, options: ParsedOptions, context: CommandContext): Promise<number> {
  const { fromManifest, json } = options;
  const manifest = typeof fromManifest === 'string' ? fromManifest : undefined;
  if ((target === undefined) === (manifest === undefined)) {
    throw new ConfigurationError('CONFIG_INVALID', 'sync takes a subfolder or a key, or --from-manifest FILE');
  }
  const { settings, logger } = await loadCommandSettings(WORKER_RSYNC, options, context);
  await using cleanup = new AsyncDisposableStack();
  const sync = await openSync(settings, logger, context, cleanup);
  const say = (result: object, summary: string): void => {
    context.stdout.write(json === true ? `${JSON.stringify(result)}\n` : summary);
  };
  const key = target === undefined ? undefined : sync.keyOf(target);
  const dirKey = key === undefined ? undefined : await sync.dirOf(key, target ?? '');
  const isDone = await runRegistered(
    {
      ...sync.run,
      work: async (stop) => {
        if (dirKey !== undefined) {
          const synced = await sync.syncDir(dirKey, stop);
          say(synced, summarizeSyncedDir(dirKey, synced));
          return synced.verified;
        }
        const synced =
          key === undefined ? await sync.syncManifest(manifest ?? '', stop) : await sync.syncKey(key, stop);
        say(synced, summarizeSyncedKeys(synced));
        return synced.failed === 0;
      },
      summarize: (succeeded) => ({ succeeded, exitMessage: target ?? manifest ?? '' }),
    },
    context,
  );
  return isDone ? EXIT_CODES.done : EXIT_CODES.failures;
}
