// Plays all peers of a device in one scenario and prints how long it took as JSON: `node bgp-tester.ts '<scenario>'`.
import { encodeMessage } from 'bgp-speaker-ts/packet/message.ts'
import { BenchPeer } from './bgp-peer.ts'
import { tableMessages } from './bgp-routes.ts'
import { type FromTester, meshPrefix, peerAddress, peerAsn, type Scenario } from './bgp-scenario.ts'

const LIMIT = 300_000
/** Peers that connect at a time where that is not what is measured. */
const PACE = 50

/** Resolves when `holds`, which is asked after every change. */
class Progress {
  #wake: (() => void) | undefined
  #holds: () => boolean = () => false

  readonly changed = (): void => {
    if (this.#wake !== undefined && this.#holds()) {
      this.#wake()
      this.#wake = undefined
    }
  }

  until(holds: () => boolean): Promise<void> {
    if (holds()) return Promise.resolve()
    this.#holds = holds
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }
}

function say(message: FromTester): void {
  process.stdout.write(`${JSON.stringify(message)}\n`)
}

/** Peers with a prefix each, connected `atOnce` at a time, each of which has heard of all others. */
async function makeMesh(count: number, atOnce: number, progress: Progress): Promise<BenchPeer[]> {
  let established = 0
  let complete = 0
  const peers = Array.from({ length: count }, (_, i) => {
    let up = false
    let full = false
    const peer: BenchPeer = new BenchPeer(
      i,
      () => {
        if (peer.established !== up) {
          up = peer.established
          established += up ? 1 : -1
          if (up) peer.send(ownRoute(i))
        }
        if (peer.prefixes >= count - 1 !== full) {
          full = !full
          complete += full ? 1 : -1
        }
        progress.changed()
      },
      count,
    )
    return peer
  })
  for (let at = 0; at < count; at++) {
    await progress.until(() => at - established < atOnce)
    peers[at]!.connect()
  }
  await progress.until(() => complete === count)
  return peers
}

async function mesh({ peers: count, atOnce }: Scenario & { kind: 'mesh' }): Promise<number> {
  const started = performance.now()
  await makeMesh(count, atOnce, new Progress())
  return (performance.now() - started) / 1000
}

async function idle({ peers, seconds }: Scenario & { kind: 'idle' }): Promise<number> {
  await makeMesh(peers, PACE, new Progress())
  await pause(5000)
  say({ kind: 'begun' })
  await pause(seconds * 1000)
  return seconds
}

async function drop({ peers: count, dropped }: Scenario & { kind: 'drop' }): Promise<number> {
  const progress = new Progress()
  const peers = await makeMesh(count, PACE, progress)
  await pause(2000)
  const left = peers.slice(0, count - dropped)
  say({ kind: 'begun' })
  const started = performance.now()
  for (const peer of peers.slice(count - dropped)) peer.close()
  await progress.until(() => left.every((peer) => peer.prefixes <= left.length - 1))
  return (performance.now() - started) / 1000
}

function ownRoute(index: number): Uint8Array {
  return encodeMessage({
    kind: 'update',
    withdrawn: [],
    attributes: {
      origin: 'igp',
      asPath: [{ kind: 'sequence', asns: [peerAsn(index)] }],
      nextHop: peerAddress(index),
    },
    nlri: [{ prefix: meshPrefix(index) }],
  })
}

async function table({ peers: count, routes }: Scenario & { kind: 'table' }): Promise<number> {
  const progress = new Progress()
  const peers = Array.from({ length: count }, (_, i) => new BenchPeer(i, progress.changed))
  for (const peer of peers) peer.connect()
  await progress.until(() => peers.every((peer) => peer.established))
  const messages = tableMessages(routes, 0)
  // The device has told what it has to tell of an empty table.
  await pause(500)
  const [sender, ...receivers] = peers
  const started = performance.now()
  sender!.send(messages)
  await progress.until(() => receivers.every((peer) => peer.prefixes >= routes))
  return (performance.now() - started) / 1000
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}

function play(scenario: Scenario): Promise<number> {
  switch (scenario.kind) {
    case 'mesh':
      return mesh(scenario)
    case 'table':
      return table(scenario)
    case 'idle':
      return idle(scenario)
    case 'drop':
      return drop(scenario)
  }
}

const scenario = JSON.parse(process.argv[2] ?? '') as Scenario
setTimeout(() => {
  process.stderr.write(`no end of ${JSON.stringify(scenario)} within ${LIMIT / 1000} s\n`)
  process.exit(1)
}, LIMIT)
say({ kind: 'measured', seconds: await play(scenario) })
// The device is looked at before its peers go.
await pause(300)
process.exit(0)
