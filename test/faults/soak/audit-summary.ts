/** What an audit looks for, and how its findings begin. */
const AUDITED: readonly (readonly [what: string, beginning: RegExp])[] = [
  ['objects missing', /^missing:/],
  ['objects with other bytes', /^bytes:/],
  ['objects with other headers or metadata', /^(?:headers|metadata):/],
  ['objects that the source does not have', /^extra:/],
  ['temporary parts left', /^leftover:/],
  ['wrong or lost before anything was compared', /^after the transfer:/],
  ['other bytes with the ETag of the source', /^with the ETag of the source:/],
  ['deleted although the source has them', /^deleted,/],
  ['rows in progress, held or not verified', /^row:/],
  ['failures listed wrongly', /^error/],
  ['messages left, set aside, or too many in hand', /^queue:/],
  ['bounds of memory, sockets and descriptors', /^limit:/],
];
const OF_PROCESSES = 'processes that ended or stood still otherwise than they should';

/** How many findings there are of each kind that is looked for; each counts once. */
export function countFindings(findings: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map([...AUDITED.map(([what]) => what), OF_PROCESSES].map((what) => [what, 0]));
  for (const finding of findings) {
    const what = AUDITED.find(([, beginning]) => beginning.test(finding))?.[0] ?? OF_PROCESSES;
    counts.set(what, (counts.get(what) ?? 0) + 1);
  }
  return counts;
}
