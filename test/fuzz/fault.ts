/** What must never come out of an input. @throws Error */
export function fault(what: string): never {
  throw new Error(`fault: ${what}`)
}

/** Runs it; an error of one of these kinds is an answer. Returns whether there was none. @throws what is none */
export function answers(
  kinds: readonly (abstract new (...args: never[]) => Error)[],
  run: () => unknown,
): boolean {
  try {
    run()
    return true
  } catch (error) {
    if (kinds.some((kind) => error instanceof kind)) return false
    throw error
  }
}
