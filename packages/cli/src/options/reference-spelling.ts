/**
 * The reference tool spells its flags with underscores (`--dump_file`). Both spellings work: underscores in the name of a flag become dashes,
 * values stay as they are.
 */
export function acceptReferenceSpelling(argv: readonly string[]): string[] {
  const end = argv.indexOf('--');
  return argv.map((argument, index) => {
    if (!argument.startsWith('--') || (end !== -1 && index >= end)) return argument;
    const equals = argument.indexOf('=');
    const name = equals === -1 ? argument : argument.slice(0, equals);
    return name.replaceAll('_', '-') + argument.slice(name.length);
  });
}
