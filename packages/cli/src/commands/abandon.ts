import type { Command } from 'commander';
import { OPERATOR } from '@object-transfer/core/config/modules';
import { ConfigurationError } from '@object-transfer/core/domain/errors';
import { printable } from '@object-transfer/core/domain/printable';
import { processUser } from '@object-transfer/core/runtime/process-identity';
import { jobNameOf } from '@object-transfer/core/runtime/registered-run';
import { abandonRun } from '@object-transfer/operator/abandon-run';
import { abandonSubfolder } from '@object-transfer/operator/abandon-subfolder';
import { describeRun } from '@object-transfer/operator/live-runs';
import type { CommandContext } from '../command-context.ts';
import { addFieldOptions, type ParsedOptions } from '../options/field-options.ts';
import { openOperatorState } from '../wiring/operator-state.ts';

export function addAbandonCommand(program: Command, context: CommandContext): void {
  const abandon = program
    .command('abandon')
    .description(
      'marks a run that hangs or is dead as ABANDONED, so that its job can run again, or frees a subfolder at once',
    )
    .argument('[run-id]', 'the run, as `status` shows it')
    .option('--dir <key>', "a subfolder instead: its dir_key, '' for the root itself")
    .option('--force', 'also what shows life: it finds out at its next heartbeat, and stops')
    .option('--json', 'print what was done as JSON');
  addFieldOptions(abandon, OPERATOR).action((runId: string | undefined, options: ParsedOptions) =>
    abandonOne(runId, options, context),
  );
}

async function abandonOne(runId: string | undefined, options: ParsedOptions, context: CommandContext): Promise<void> {
  const { dir } = options;
  if ((runId === undefined) === (typeof dir !== 'string')) {
    throw new ConfigurationError('CONFIG_INVALID', 'abandon needs either the id of a run or --dir', { op: 'abandon' });
  }
  const force = options['force'] === true;
  await using cleanup = new AsyncDisposableStack();
  const { stateStore: store, opening } = await openOperatorState('abandon', options, context, cleanup);
  const print = (done: object, text: string): void => {
    context.stdout.write(options['json'] === true ? `${JSON.stringify(done)}\n` : `${text}\n`);
  };
  if (runId !== undefined) {
    const by = { user: processUser(), host: opening.identity.host };
    const run = await abandonRun({ store, runId, by, force });
    print({ runId, job: jobNameOf(run) }, `${describeRun(run)} was abandoned`);
  } else if (typeof dir === 'string') {
    const { dirKey, wasHeld } = await abandonSubfolder({ store, dir, force });
    print(
      { dir: dirKey, wasHeld },
      `${printable(JSON.stringify(dirKey))} ${wasHeld ? 'is free again' : 'was free already'}`,
    );
  }
}
