/** What a process takes that has nothing to do. */
import { readFileSync } from 'node:fs'
import { machineTime, timeBetween } from './machine-time.ts'

/** Percent of a processor, and MiB. */
export interface Usage {
  readonly cpu: number
  readonly rss: number
  /** Seconds that were waited for, until it was calm. */
  readonly waited: number
}

const WINDOW = 20_000
/** Windows that are compared: each minute has the audits of one. */
const MINUTE = 3
/** Of what the minute before took: from here on it is no longer falling. */
const STEADY = 0.95
const MOST_WINDOWS = 15
const WATCHED = 60_000

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds))

/**
 * Over a minute, of a process that has been up for some: what it ran often at its start is compiled by then, and its garbage collected. The
 * minute begins when the last one took no less than the one before, after five minutes at most.
 */
export async function idleUsage(pid: number): Promise<Usage> {
  const windows: number[] = []
  while (windows.length < MOST_WINDOWS && !isSteady(windows)) windows.push(await cpuOver(pid, WINDOW))
  process.stderr.write(`CPU in each ${WINDOW / 1000} s: ${windows.map((cpu) => cpu.toFixed(2)).join(' ')}\n`)
  const cpu = await cpuOver(pid, WATCHED)
  const line = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return { cpu, rss: Number(line?.[1]) / 1024, waited: (windows.length * WINDOW) / 1000 }
}

export function isSteady(windows: readonly number[]): boolean {
  if (windows.length < 2 * MINUTE) return false
  const sum = (from: number, to?: number) => windows.slice(from, to).reduce((a, b) => a + b, 0)
  return sum(-MINUTE) >= sum(-2 * MINUTE, -MINUTE) * STEADY
}

async function cpuOver(pid: number, milliseconds: number): Promise<number> {
  const before = machineTime([pid])
  const started = performance.now()
  await pause(milliseconds)
  return (timeBetween(before, machineTime([pid])) / (performance.now() - started)) * 100
}
