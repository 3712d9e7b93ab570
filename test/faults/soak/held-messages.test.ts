import { describe, expect, it } from 'vitest';
import { HeldMessages } from './held-messages.ts';

const of = (outstanding: number, openStreams: number, streamsOpened = openStreams) => ({
  outstanding,
  openStreams,
  streamsOpened,
});

describe('messages in the hands of processes', () => {
  it('may be as many as their streams have brought and they have in hand from before', () => {
    const held = new HeldMessages();
    expect(held.look('objects', of(192, 2), 2, 0)).toEqual([]);
    expect(held.look('objects', of(193, 2), 2, 250)).toEqual([
      'queue: 193 messages of objects are held, at most 192 may be',
    ]);
    expect(held.most).toBe(193);
  });

  it('may be more while leases of streams that have ended go on, and no longer', () => {
    const held = new HeldMessages();
    expect(held.look('objects', of(96, 1), 1, 0)).toEqual([]);
    expect(held.look('objects', of(128, 1, 2), 1, 250)).toEqual([]);
    expect(held.look('objects', of(128, 1, 2), 1, 11_000)).toEqual([]);
    expect(held.look('objects', of(128, 1, 2), 1, 12_250)).toHaveLength(1);
    expect(held.look('objects', of(96, 1, 2), 1, 13_000)).toEqual([]);
  });

  it('come by one stream to each process', () => {
    expect(new HeldMessages().look('checks', of(0, 4), 1, 0)).toEqual([
      'queue: 4 streams of checks are open, for 1 processes',
    ]);
  });

  it('are counted by flow', () => {
    const held = new HeldMessages();
    expect(held.look('objects', of(0, 1, 9), 1, 0)).toEqual([]);
    expect(held.look('checks', of(97, 1, 1), 1, 1)).toHaveLength(1);
  });
});
