import { describe, expect, it } from 'vitest';
import { parseConfigKey } from './config-key.ts';

describe('parseConfigKey', () => {
  it('takes kind and name apart', () => {
    expect(parseConfigKey('OBJECT TRANSFER/wörker-1')).toEqual({
      kind: 'OBJECT TRANSFER',
      name: 'wörker-1',
      id: undefined,
    });
  });

  it.each(['1', '5629499534213120', '9223372036854775807'])('takes the name %s for a number as well', (name) => {
    expect(parseConfigKey(`CONFIG/${name}`)).toEqual({ kind: 'CONFIG', name, id: name });
  });

  it.each(['0', '01', '9223372036854775808', '-1', '1.0', '१'])('takes %s for a name only', (name) => {
    expect(parseConfigKey(`CONFIG/${name}`)).toEqual({ kind: 'CONFIG', name, id: undefined });
  });
});
