import { expect, test } from 'vitest';
import { acceptReferenceSpelling } from './reference-spelling.ts';

test.each([
  ['underscores in the name of a flag become dashes', ['--dump_file', 'a_b.txt'], ['--dump-file', 'a_b.txt']],
  ['a value after the equals sign stays', ['--s3_bucket=my_bucket=x_y'], ['--s3-bucket=my_bucket=x_y']],
  ['what has dashes stays', ['--dump-file', 'a'], ['--dump-file', 'a']],
  ['commands and short flags stay', ['run_it', '-a_b', '_', '-'], ['run_it', '-a_b', '_', '-']],
  ['nothing after -- is a flag', ['--a_b', '--', '--c_d'], ['--a-b', '--', '--c_d']],
])('%s', (_what, given, expected) => {
  const before = [...given];
  expect(acceptReferenceSpelling(given)).toEqual(expected);
  expect(given).toEqual(before);
});
