/** Topics of the embedded queue; each has one subscription of the same name. */
export const OBJECT_TOPIC = 'objects';
/** Failed keys, one a message, with the reason as attributes. */
export const ERROR_TOPIC = 'object-errors';
