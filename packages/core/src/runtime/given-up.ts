let isAnyGivenUp = false;

/** To be told where something is waited for no more that nobody can end: a request that a library has made, and that has no time-out. */
export function noteGivenUp(): void {
  isAnyGivenUp = true;
}

/** True where something of this process that nobody waits for may still be under way, and would keep it from ending. */
export function hasGivenUp(): boolean {
  return isAnyGivenUp;
}
