/** Topics of the embedded queue; each has one subscription of the same name. */
export const OBJECT_TOPIC = 'objects';
/** Failed keys, one a message, with the reason as attributes. */
export const ERROR_TOPIC = 'object-errors';
/** Subfolders to be compared. */
export const SYNC_CHECK_TOPIC = 'sync-checks';
/** Subfolders to be repaired. */
export const RSYNC_TOPIC = 'rsyncs';
/** Subfolders that could not be compared or repaired. */
export const SUBFOLDER_ERROR_TOPIC = 'subfolder-errors';
