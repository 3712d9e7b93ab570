import { DEFAULT_MAX_RSYNC_ATTEMPTS } from '../domain/subfolder.ts';
import { field } from './field.ts';
import { choice, flag, integer, secondsAsMs } from './value-schemas.ts';

const CHECK_MODES = ['content', 'size'] as const;
export type CheckMode = (typeof CHECK_MODES)[number];

const RSYNC_ENGINES = ['native', 'gcloud'] as const;

/** How both sides are compared, and what is done about differences. */
export const CHECK_FIELDS = {
  checkMode: field({
    name: 'check_mode',
    description:
      'content compares every object by size and hash; size compares the sums of sizes alone, as the reference tool does',
    valueName: 'mode',
    schema: choice(CHECK_MODES),
    default: 'content',
  }),
  rsyncEngine: field({
    name: 'rsync_engine',
    description:
      'native transfers exactly what differs, through the CDN; gcloud runs `gcloud storage rsync`, straight from S3',
    valueName: 'engine',
    schema: choice(RSYNC_ENGINES),
    default: 'native',
  }),
  deleteExtra: field({
    name: 'delete_extra',
    description: 'delete what the GCS folder has and the S3 folder does not: for mirrors',
    valueName: 'true|false',
    schema: flag,
    default: false,
  }),
  maxRsyncAttempts: field({
    name: 'max_rsync_attempts',
    description: 'repairs of a subfolder before it is reported as failed',
    valueName: 'n',
    schema: integer(1, 100),
    default: DEFAULT_MAX_RSYNC_ATTEMPTS,
  }),
  rsyncTimeoutMs: field({
    name: 'rsync_timeout_seconds',
    description: 'how long `gcloud storage rsync` may take for one subfolder before it is ended',
    valueName: 'seconds',
    schema: secondsAsMs(10, 7 * 24 * 3600),
    default: 6 * 3600,
  }),
};
