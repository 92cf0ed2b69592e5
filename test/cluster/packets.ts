/** Packets to pods all the time, from the client behind the router and from a pod of another node, and how many of them were lost. */
import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { OUTSIDE_NAMESPACE } from '../../lab/addresses.ts'
import { run } from '../../lab/command.ts'
import { clientName } from '../../lab/scenarios/blue.ts'
import { attemptKubectl, kubectl } from '../../lab/scenarios/cluster.ts'

export interface Packets {
  readonly from: 'outside' | 'pod'
  readonly address: string
  readonly answered: number
  /** Without an answer, though a later one has one. */
  readonly lost: number
  /** Where those are: `350+4` is four from number 350 on, seven seconds after the first. */
  readonly gaps: readonly string[]
  /** Sent after the last one that has an answer. */
  readonly unanswered: number
}

/** A program that sends 50 a second until it is ended. */
interface Sender {
  readonly from: Packets['from']
  readonly address: string
  /** What it said, once it has ended. */
  readonly said: Promise<string>
}

const IN_OUTSIDE = ['netns', 'exec', OUTSIDE_NAMESPACE, 'busybox', 'ping']
const INTERVAL = ['-i', '0.02']

/** Sends 50 a second to each address while `disturb` runs, from outside and from the client pod of `node`. */
export async function countPackets(
  addresses: readonly string[],
  node: string,
  disturb: () => Promise<void>,
): Promise<readonly Packets[]> {
  for (const address of addresses) await run('ip', [...IN_OUTSIDE, '-c', '1', address])
  const outside = addresses.map((address) => spawn('ip', [...IN_OUTSIDE, ...INTERVAL, address]))
  const inPod = ['exec', clientName(node), '--']
  const senders: readonly Sender[] = addresses.flatMap((address, i): Sender[] => [
    { from: 'outside', address, said: text(outside[i]!.stdout) },
    {
      ...{ from: 'pod', address },
      said: attemptKubectl([...inPod, 'ping', ...INTERVAL, address]).then(({ stdout }) => stdout),
    },
  ])
  try {
    await disturb()
  } finally {
    for (const child of outside) child.kill('SIGINT')
    await kubectl([...inPod, 'killall', '-INT', 'ping'])
  }
  return Promise.all(senders.map(async ({ said, ...of }) => ({ ...of, ...count(await said) })))
}

function count(said: string): Omit<Packets, 'from' | 'address'> {
  const numbers = new Set([...said.matchAll(/ seq=(\d+) ttl=/g)].map(([, number]) => Number(number)))
  const transmitted = Number(/(\d+) packets transmitted/.exec(said)?.[1])
  const first = Math.min(...numbers)
  const last = Math.max(...numbers)
  const answered = numbers.size
  const sorted = [...numbers].sort((a, b) => a - b)
  const gaps = sorted.flatMap((number, i) => {
    const missing = number - (sorted[i - 1] ?? number) - 1
    return missing > 0 ? [`${number - missing}+${missing}`] : []
  })
  return { answered, lost: last - first + 1 - answered, gaps, unanswered: transmitted - 1 - last }
}
