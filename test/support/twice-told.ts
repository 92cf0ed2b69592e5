/** Lines of an agent's log that tell of one happening twice. Pure. */

/** Milliseconds: what happens again is told again. */
const AGAIN = 1000

/**
 * The second of each two lines that say the same within a second, but for their time; those of `debug` are asked for. Of the log's form
 * for people, which is the default.
 */
export function twiceTold(log: string): readonly string[] {
  const last = new Map<string, number>()
  return log.split('\n').filter((line) => {
    // Traces of stacks, and what Node.js says by itself, are no lines of the log.
    const [, time, said] = /^(\d{4}-\S+Z) ((?:INFO|WARN|ERROR) .*)$/.exec(line) ?? []
    if (time === undefined || said === undefined) return false
    const [before, at] = [last.get(said), Date.parse(time)]
    last.set(said, at)
    return before !== undefined && at - before < AGAIN
  })
}
