// Plays all peers of a device in one scenario and prints how long it took as JSON: `node bgp-tester.ts '<scenario>'`.
import { encodeMessage } from 'bgp-speaker-ts/packet/message.ts'
import { BenchPeer } from './bgp-peer.ts'
import { tableMessages } from './bgp-routes.ts'
import { type Measured, peerAddress, peerAsn, type Scenario } from './bgp-scenario.ts'

const LIMIT = 180_000

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

async function mesh({ peers: count, atOnce }: Scenario & { kind: 'mesh' }): Promise<Measured> {
  const progress = new Progress()
  let established = 0
  let complete = 0
  const peers = Array.from({ length: count }, (_, i) => {
    let up = false
    let full = false
    const peer: BenchPeer = new BenchPeer(i, () => {
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
    })
    return peer
  })
  const started = performance.now()
  for (let at = 0; at < count; at++) {
    await progress.until(() => at - established < atOnce)
    peers[at]!.connect()
  }
  await progress.until(() => complete === count)
  const seconds = (performance.now() - started) / 1000
  for (const peer of peers) peer.close()
  return { seconds }
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
    nlri: [{ prefix: `10.${128 + (index >> 8)}.${index & 255}.0/24` }],
  })
}

async function table({ peers: count, routes }: Scenario & { kind: 'table' }): Promise<Measured> {
  const progress = new Progress()
  const peers = Array.from({ length: count }, (_, i) => new BenchPeer(i, progress.changed))
  for (const peer of peers) peer.connect()
  await progress.until(() => peers.every((peer) => peer.established))
  const messages = tableMessages(routes, 0)
  // The device has told what it has to tell of an empty table.
  await new Promise((resolve) => setTimeout(resolve, 500))
  const [sender, ...receivers] = peers
  const started = performance.now()
  sender!.send(messages)
  await progress.until(() => receivers.every((peer) => peer.prefixes >= routes))
  const seconds = (performance.now() - started) / 1000
  for (const peer of peers) peer.close()
  return { seconds }
}

const scenario = JSON.parse(process.argv[2] ?? '') as Scenario
const limit = setTimeout(() => {
  process.stderr.write(`no end of ${JSON.stringify(scenario)} within ${LIMIT / 1000} s\n`)
  process.exit(1)
}, LIMIT)
const measured = await (scenario.kind === 'mesh' ? mesh(scenario) : table(scenario))
clearTimeout(limit)
process.stdout.write(`${JSON.stringify(measured)}\n`)
process.exit(0)
