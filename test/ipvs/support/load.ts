/** Servers and clients of the load program, each in a namespace of the network. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { buildLoad } from '../../../lab/load/build.ts'

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
