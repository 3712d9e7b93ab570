import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { StatementSync } from 'node:sqlite';
import { expect, it } from 'vitest';
import { EmbeddedDatabase } from '../state/embedded-database.ts';
import { openDatabaseFile } from '../state/open-database-file.ts';
import { createSqliteMessageQueue } from './sqlite-message-queue.ts';

it('answers every statement from an index, and sorts nothing, at any size of the backlog', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'queue-'));
  const opened = await openDatabaseFile(join(directory, 'state.db'));
  const statements = new Set<string>();
  class RecordingDatabase extends EmbeddedDatabase {
    override prepare(sql: string): StatementSync {
      statements.add(sql);
      return super.prepare(sql);
    }
  }
  const database = new RecordingDatabase(opened.file, opened.connection, 1000);
  const queue = await createSqliteMessageQueue(database, { owner: 'o', maxDeliveryAttempts: 2, now: Date.now });
  const plans = [...statements].flatMap((sql) =>
    database.connection
      .prepare(`EXPLAIN QUERY PLAN ${sql}`)
      .all()
      .map((row) => String(row['detail'])),
  );
  expect(plans.length).toBeGreaterThan(10);
  // Only leased messages are in this index; the owners among them are counted on one hand.
  const leasedOnly = /^SCAN queue_messages USING (COVERING )?INDEX queue_messages_leased$|FOR DISTINCT$/;
  expect(plans.filter((step) => /SCAN|TEMP B-TREE/.test(step) && !leasedOnly.test(step))).toEqual([]);
  await queue.close();
  rmSync(directory, { recursive: true });
});
