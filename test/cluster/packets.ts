/** Packets from the client behind the router to pods all the time, and how many of them were lost. */
import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { OUTSIDE_NAMESPACE } from '../../lab/addresses.ts'
import { run } from '../../lab/command.ts'

export interface Packets {
  readonly address: string
  readonly answered: number
  /** Without an answer, though a later one has one. */
  readonly lost: number
  /** Sent after the last one that has an answer. */
  readonly unanswered: number
}

const PING = ['netns', 'exec', OUTSIDE_NAMESPACE, 'busybox', 'ping']

/** Sends 50 a second to each address while `disturb` runs. */
export async function countPackets(
  addresses: readonly string[],
  disturb: () => Promise<void>,
): Promise<readonly Packets[]> {
  for (const address of addresses) await run('ip', [...PING, '-c', '1', address])
  const clients = addresses.map((address) => {
    const child = spawn('ip', [...PING, '-i', '0.02', address], { stdio: ['ignore', 'pipe', 'inherit'] })
    return { address, child, said: text(child.stdout) }
  })
  try {
    await disturb()
  } finally {
    for (const { child } of clients) child.kill('SIGINT')
  }
  return Promise.all(clients.map(async ({ address, said }) => ({ address, ...count(await said) })))
}

function count(said: string): Omit<Packets, 'address'> {
  const numbers = new Set([...said.matchAll(/ seq=(\d+) ttl=/g)].map(([, number]) => Number(number)))
  const transmitted = Number(/(\d+) packets transmitted/.exec(said)?.[1])
  const first = Math.min(...numbers)
  const last = Math.max(...numbers)
  const answered = numbers.size
  return { answered, lost: last - first + 1 - answered, unanswered: transmitted - 1 - last }
}
