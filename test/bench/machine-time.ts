/** What a virtual machine takes of the host's processors: the kernel that runs in it counts in ticks of 10 ms, in which little work is lost or tenfold. */
import { readdirSync, readFileSync } from 'node:fs'

/** Milliseconds by thread, of those that live. */
export type MachineTime = ReadonlyMap<string, number>

/** By the host scheduler's clock (/proc/PID/schedstat), of the machine's processes and all that these have started. */
export function machineTime(processes: readonly number[]): MachineTime {
  const times = new Map<string, number>()
  for (const pid of descendants(processes)) {
    for (const thread of threadsOf(pid)) {
      const time = read(`/proc/${pid}/task/${thread}/schedstat`)?.split(' ')[0]
      if (time !== undefined) times.set(thread, Number(time) / 1e6)
    }
  }
  return times
}

/** Milliseconds from one reading to the next. What threads took that ended between them is not known. */
export function timeBetween(before: MachineTime, after: MachineTime): number {
  let sum = 0
  for (const [thread, time] of after) sum += time - (before.get(thread) ?? 0)
  return sum
}

function descendants(roots: readonly number[]): readonly number[] {
  const parents = readdirSync('/proc')
    .map(Number)
    .filter(Boolean)
    .map((pid) => [pid, Number(read(`/proc/${pid}/stat`)?.split(') ').at(-1)?.split(' ')[1])] as const)
  const found = [...roots]
  for (const pid of found)
    found.push(...parents.flatMap(([child, parent]) => (parent === pid ? [child] : [])))
  return found
}

function threadsOf(pid: number): readonly string[] {
  try {
    return readdirSync(`/proc/${pid}/task`)
  } catch {
    return []
  }
}

/** Undefined for a process that has ended. */
function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
