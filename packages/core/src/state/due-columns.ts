/*
 * What makes a row due, in the SQL of all the databases: generated columns, so that rows written by hand are found by the
 * same indexes as those that this program writes. Migrations hold these texts: a change of meaning takes a new migration
 * and new texts.
 */

/** 1 where a row is to be compared, as the reference tool has it. */
export const CHECK_DUE = 'CASE WHEN gcs_size = 0 OR sync_check_frequency = 0 THEN 1 ELSE 0 END';

/**
 * 2 where a comparison found something that is not equal, as `figuresMatch` says it; 1 where the destination has everything
 * and more. Added and not subtracted: MySQL's unsigned numbers know nothing below zero.
 */
export const REPAIR_DUE = `CASE
  WHEN sync_check_frequency = 0 THEN 0
  WHEN missing_count > 0 OR mismatched_count > 0 OR unproven_count > 0 THEN 2
  WHEN gcs_object_count <> s3_object_count + extra_count OR gcs_size < s3_size THEN 2
  WHEN extra_count = 0 AND gcs_size <> s3_size THEN 2
  WHEN extra_count > 0 THEN 1
  ELSE 0 END`;
