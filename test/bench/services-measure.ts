/** What is measured of a program that serves Services, from outside: first sync, an endpoint's way to the clients, a restart, steady change. */
import { median } from './report.ts'
import type { ApiWriter } from './services-api.ts'
import { answers, until, untilAllAnswer } from './services-clients.ts'
import type { BenchNode, Program } from './services-node.ts'
import { benchSlice, emptySlice } from './services-objects.ts'

const FIRST_SYNC_TIMEOUT = 180_000

/** Milliseconds from the start of the process until the last VIP answers. */
export async function firstSync(node: BenchNode, program: Program, services: number): Promise<number> {
  const started = performance.now()
  node.run(program)
  await untilAllAnswer(services, FIRST_SYNC_TIMEOUT).catch((error: Error) => {
    throw new Error(`${error.message}\n${node.output}`)
  })
  return performance.now() - started
}

export interface UpdateOptions {
  readonly rounds: number
  /** Of one update, in milliseconds; one that takes longer counts as this much. */
  readonly timeout: number
}

/**
 * Services without an endpoint get five: milliseconds from the update at the API server to the first connection, each.
 */
export async function updates(
  api: ApiWriter,
  { rounds, timeout }: UpdateOptions,
): Promise<readonly number[]> {
  const all = Array.from({ length: rounds }, (_, index) => index)
  for (const index of all) await api.setSlice(emptySlice(index))
  for (const index of all) await until(index, false, timeout).catch(() => undefined)
  const times: number[] = []
  for (const index of all) {
    const started = performance.now()
    await api.setSlice(benchSlice(index))
    await until(index, true, timeout).catch(() => undefined)
    times.push(Math.min(performance.now() - started, timeout))
  }
  return times
}

export interface RateOptions {
  readonly services: number
  /** Changes a second. */
  readonly rate: number
  readonly seconds: number
}

export interface RateFigures {
  /** Changes a second that the API server took. */
  readonly rate: number
  /** Milliseconds from the API server's answer to the first connection, of some of the changes. */
  readonly lags: readonly number[]
}

/** Of so many changes one is followed to its effect. */
const FOLLOWED = 40
/** Services that are without an endpoint in between; the others just change one. */
const PROBES = 100

/** Changes endpoints all the time; in the end every Service has some. */
export async function steadyChange(
  api: ApiWriter,
  { services, rate, seconds }: RateOptions,
): Promise<RateFigures> {
  const lags: number[] = []
  const pending: Promise<void>[] = []
  const started = performance.now()
  const total = rate * seconds
  for (let change = 0; change < total; change++) {
    const due = started + (change * 1000) / rate
    const wait = due - performance.now()
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait))
    const turn = Math.floor(change / FOLLOWED)
    const place = change % FOLLOWED
    if (place === 0) pending.push(api.setSlice(emptySlice(turn % PROBES)))
    else if (place === FOLLOWED / 2) pending.push(follow(api, (turn + PROBES / 2) % PROBES, lags))
    else pending.push(api.setSlice(benchSlice(PROBES + (change % (services - PROBES)), change)))
  }
  await Promise.all(pending)
  const elapsed = performance.now() - started
  for (let index = 0; index < PROBES; index++) await api.setSlice(benchSlice(index))
  // Events come in order: who has seen the last of these has seen them all.
  await api.setSlice(emptySlice(0))
  await until(0, false, 120_000)
  await api.setSlice(benchSlice(0))
  await until(0, true, 120_000)
  return { rate: total / (elapsed / 1000), lags }
}

/** One that was emptied some time ago gets its endpoints back. */
async function follow(api: ApiWriter, index: number, lags: number[]): Promise<void> {
  if (await answers(index)) return api.setSlice(benchSlice(index))
  await api.setSlice(benchSlice(index))
  const stored = performance.now()
  await until(index, true, 30_000).catch(() => undefined)
  lags.push(performance.now() - stored)
}

export function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]!
}

export { median }
