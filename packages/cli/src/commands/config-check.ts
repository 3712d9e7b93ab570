import type { Command } from 'commander';
import { chooseAdapters } from '@object-transfer/core/config/chosen-adapters';
import { effectiveFields, fieldsPassedBy } from '@object-transfer/core/config/effective-fields';
import { loadSettings } from '@object-transfer/core/config/load-settings';
import { DUMP_FROM_FILE, fieldsRead, type ModuleFields } from '@object-transfer/core/config/modules';
import type { PartialSettings } from '@object-transfer/core/config/rule-breach';
import type { CommandContext } from '../command-context.ts';
import { addFieldOptions, type ParsedOptions } from '../options/field-options.ts';
import { formatEffectiveSettings, type CheckedSettings } from '../output/effective-settings.ts';
import { checkSecrets } from '../wiring/check-secrets.ts';
import { settingsSourcesOf } from '../wiring/settings-sources.ts';

/** Makes a command check a module's settings. */
export function addCheckOptions(command: Command, module: ModuleFields, context: CommandContext): void {
  command
    .option('--secrets', 'also read the secrets and the private key that the settings name, and check what they hold')
    .option('--json', 'print the settings as JSON');
  if (module.fleetRequired.length > 0) {
    command.option('--fleet', 'take a file as the payload of an entity: with the defaults and the demands of a fleet');
  }
  addFieldOptions(command, module).action((options: ParsedOptions) => check(module, options, context));
}

/** @throws ConfigurationError naming every wrong field; ServiceError where an entity or a secret cannot be read now */
async function check(module: ModuleFields, options: ParsedOptions, context: CommandContext): Promise<void> {
  const given = await settingsSourcesOf(module, options, context);
  const deployment = options['fleet'] === true ? 'fleet' : given.deployment;
  const loaded = await loadSettings(module, deployment, given.sources);
  const settings: PartialSettings = loaded.settings;
  const read = fieldsRead(module);
  const adapters = chooseAdapters(settings);
  const secrets = await checkSecrets(settings, options['secrets'] === true, context);
  const checked: CheckedSettings = {
    module: module.name,
    deployment,
    fields: effectiveFields(module, deployment, loaded.given),
    passedBy: fieldsPassedBy(module, loaded.given),
    adapters: {
      state: adapters.state,
      ...((read.has('maxMessagesPerBatch') || read.has('numMessages')) && { queue: adapters.queue }),
      secrets: adapters.secrets,
    },
    secrets: secrets.secrets,
    warnings: [
      ...loaded.warnings,
      ...secrets.warnings,
      ...(module.name === DUMP_FROM_FILE.name && settings.s3Bucket === undefined
        ? ['s3_bucket is not given: the command then needs --dump-file']
        : []),
    ],
  };
  context.stdout.write(
    options['json'] === true ? `${JSON.stringify(checked, withNull)}\n` : formatEffectiveSettings(checked),
  );
}

/** What does not hold is said, too. */
function withNull(_name: string, value: unknown): unknown {
  return value ?? null;
}
