import type { Command } from 'commander';
import {
  DUMP,
  DUMP_FROM_FILE,
  PREPARE,
  PUBLISHER_OBJECTS,
  PUBLISHER_RSYNC,
  PUBLISHER_SYNC_CHECK,
  RUN,
  WORKER_CDN_TRANSFER,
  WORKER_RSYNC,
  WORKER_SYNC_CHECK,
  type ModuleFields,
} from '@object-transfer/core/config/modules';
import type { CommandContext } from '../command-context.ts';
import { nameModes } from '../options/name-modes.ts';
import { addCheckOptions } from './config-check.ts';
import { addInitOptions } from './config-init.ts';

/** Prepares and checks what the other commands are configured by. */
export function addConfigCommand(program: Command, context: CommandContext): void {
  const config = program.command('config').description('writes and checks configurations');
  nameModes(config);
  const check = config
    .command('check')
    .description('checks the settings of a command and prints what holds, and where each value comes from');
  addModules(check, DUMP_FROM_FILE, (command, module) => addCheckOptions(command, module, context));
  const init = config.command('init').description('writes an annotated example of the settings of a command');
  addModules(init, DUMP, (command, module) => addInitOptions(command, module, context));
}

/** One subcommand for each module and mode, by the names of the commands themselves. */
function addModules(
  parent: Command,
  dump: ModuleFields,
  addOptions: (command: Command, module: ModuleFields) => void,
): void {
  const add = (group: Command, name: string, module: ModuleFields, alias?: string): void => {
    const command = group.command(name).description(`settings of ${module.name}`);
    if (alias !== undefined) command.alias(alias);
    addOptions(command, module);
  };
  nameModes(parent);
  add(parent, 'prepare', PREPARE);
  add(parent, 'dump', dump, 'dumpToMySQL');
  const publisher = parent.command('publisher').description('settings of the publishers');
  nameModes(publisher);
  add(publisher, 'objects', PUBLISHER_OBJECTS, 'publishObjectsList');
  // The reference tool has one command for both publishers of subfolders, and both read the same fields.
  add(publisher, 'sync-check', PUBLISHER_SYNC_CHECK, 'publishDirList');
  add(publisher, 'rsync', PUBLISHER_RSYNC);
  const worker = parent.command('worker').description('settings of the workers');
  nameModes(worker);
  add(worker, 'cdnTransfer', WORKER_CDN_TRANSFER);
  add(worker, 'syncCheck', WORKER_SYNC_CHECK);
  add(worker, 'rsync', WORKER_RSYNC);
  add(parent, 'run', RUN);
}
