/** Servers and clients of the load program, each in a namespace of the network. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { expect } from 'chai'
import { buildLoad } from '../../../lab/load/build.ts'
import { type Network, NODE } from './network.ts'

/** Requests a second to each of the two addresses. */
const RATE = 160
/** Share of the CPU's time below which it was the machine that limited the rate. */
const SATURATED = 0.02

/** What one client saw; times in milliseconds. */
export interface Load {
  readonly sent: number
  readonly answered: number
  readonly failed: number
  readonly resets: number
  /** Connections that it opened. */
  readonly connections: number
  readonly seconds: number
  /** Answers a second, until the last one came. */
  readonly rate: number
  /** The first failure, and when it was. */
  readonly first: string
  readonly latency: { readonly p50: number; readonly p90: number; readonly p99: number; readonly max: number }
  readonly longestGap: number
}

export interface Target {
  readonly namespace: string
  readonly address: string
  readonly port: number
}

export interface Client {
  /** Sends no more; what it saw once everything is answered or given up. */
  stop(): Promise<Load>
}

/** Every other request on a connection of its own, the others on connections that last; for ten minutes at most. */
export async function ask({ namespace, address, port }: Target, perSecond: number): Promise<Client> {
  const child = await start(namespace, 'ask', address, String(port), String(perSecond), '600')
  const said = text(child.stdout!)
  return {
    async stop() {
      if (child.exitCode !== null) throw new Error('the load ended before it was told to')
      child.kill('SIGTERM')
      return JSON.parse(await said) as Load
    },
  }
}

export interface Server extends AsyncDisposable {
  readonly address: string
  /** As a pod that is deleted: goes on until nobody comes any more, and is gone when this resolves. */
  leave(): Promise<void>
}

/** Listens when this resolves. */
export async function serve(
  { namespace, address, port }: Target,
  options: { readonly name: string; readonly quietMs: number },
): Promise<Server> {
  const child = await start(namespace, 'serve', options.name, address, String(port), String(options.quietMs))
  const closed = once(child, 'close')
  await Promise.race([once(child.stdout!, 'data'), closed])
  if (child.exitCode !== null) throw new Error(`no server at ${address}`)
  const end = async (signal: NodeJS.Signals) => {
    child.kill(signal)
    await closed
  }
  return { address, leave: () => end('SIGTERM'), [Symbol.asyncDispose]: () => end('SIGKILL') }
}

async function start(namespace: string, ...args: string[]): Promise<ChildProcess> {
  const command = ['netns', 'exec', namespace, await buildLoad(), ...args]
  return spawn('ip', command, { stdio: ['ignore', 'pipe', 'inherit'] })
}

export interface Addresses {
  readonly clusterIP: string
  readonly nodePort: number
}

/** Through the ClusterIP from a pod, and through the NodePort from outside, while `work` goes on: 300 requests a second, none of them lost. */
export async function nothingLost(
  network: Network,
  { clusterIP, nodePort }: Addresses,
  work: () => Promise<void>,
): Promise<void> {
  const clients = await Promise.all([
    ask({ namespace: network.podB.namespace, address: clusterIP, port: 80 }, RATE),
    ask({ namespace: network.client.namespace, address: NODE.v4, port: nodePort }, RATE),
  ])
  const before = await cpuTimes()
  const worked = await work().then(
    () => undefined,
    (error: unknown) => ({ error }),
  )
  const after = await cpuTimes()
  const loads = await Promise.all(clients.map((client) => client.stop()))
  if (worked) throw worked.error
  for (const load of loads) expectNoFailure(load)
  const rate = loads.reduce((sum, load) => sum + load.rate, 0)
  const idle = (after.idle - before.idle) / (after.all - before.all)
  process.stdout.write(`      ${rate.toFixed(0)} requests a second, CPU idle ${(idle * 100).toFixed(1)} %\n`)
  // An emulated machine whose host has other things to do gives what it can, and is never idle then.
  if (idle > SATURATED) expect(rate).to.be.at.least(300)
}

function expectNoFailure(load: Load): void {
  process.stdout.write(`      ${JSON.stringify(load)}\n`)
  expect(load, JSON.stringify(load)).to.include({ failed: 0, resets: 0, answered: load.sent })
  expect(load.connections).to.be.at.least(load.sent / 2)
}

/** Of all CPUs since the start (proc(5), stat): user, nice, system, idle, iowait … */
async function cpuTimes(): Promise<{ readonly idle: number; readonly all: number }> {
  const [line] = (await readFile('/proc/stat', 'utf8')).split('\n')
  const times = line!.split(/\s+/).slice(1).map(Number)
  return { idle: times[3]! + times[4]!, all: times.reduce((sum, time) => sum + time, 0) }
}
