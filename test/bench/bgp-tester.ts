// Plays all peers of a device in one scenario and prints how long it took as JSON: `node bgp-tester.ts '<scenario>' SECONDS`, after which it gives up.
import { BenchPeer } from './bgp-peer.ts'
import { meshRoute, plainRoute, prefixText, tableMessages } from './bgp-routes.ts'
import type { FromTester, IpFamily, Scenario } from './bgp-scenario.ts'
import { median } from './report.ts'

/** Peers that connect at a time where that is not what is measured. */
const PACE = 8

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

/** How far the peers are, for somebody who waits no longer. */
let where = (): string => ''

function say(message: FromTester): void {
  process.stdout.write(`${JSON.stringify(message)}\n`)
}

/** Peers with a prefix each, connected `atOnce` at a time, each of which has heard of all others. */
async function makeMesh(
  count: number,
  family: IpFamily,
  atOnce: number,
  progress: Progress,
): Promise<BenchPeer[]> {
  let established = 0
  let complete = 0
  const peers = Array.from({ length: count }, (_, i) => {
    let up = false
    let full = false
    const changed = () => {
      if (peer.established !== up) {
        up = peer.established
        established += up ? 1 : -1
        if (up) peer.send(meshRoute(i, family))
      }
      if (peer.prefixes >= count - 1 !== full) {
        full = !full
        complete += full ? 1 : -1
      }
      progress.changed()
    }
    const peer: BenchPeer = new BenchPeer(i, family, changed, count)
    return peer
  })
  where = () => `${established} of ${count} sessions, ${complete} peers know all prefixes`
  for (let at = 0; at < count; at++) {
    await progress.until(() => at - established < atOnce)
    peers[at]!.connect()
  }
  await progress.until(() => complete === count)
  return peers
}

/** Peers that have a session each, and have been told what there is to tell of an empty table. */
async function connectAll(count: number, family: IpFamily, progress: Progress): Promise<BenchPeer[]> {
  const peers = Array.from({ length: count }, (_, i) => new BenchPeer(i, family, progress.changed))
  where = () => {
    const up = peers.filter(({ established }) => established).length
    return `${up} of ${count} sessions, ${peers.reduce((sum, { prefixes }) => sum + prefixes, 0)} prefixes heard of`
  }
  for (const peer of peers) peer.connect()
  await progress.until(() => peers.every((peer) => peer.established))
  await pause(500)
  return peers
}

/** Seconds that `work` takes. */
async function time(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now()
  await work()
  return (performance.now() - started) / 1000
}

type Of<K extends Scenario['kind']> = Extract<Scenario, { kind: K }>

function mesh({ peers, family, atOnce }: Of<'mesh'>): Promise<number> {
  return time(() => makeMesh(peers, family, atOnce, new Progress()))
}

async function idle({ peers, family, seconds }: Of<'idle'>): Promise<number> {
  await makeMesh(peers, family, PACE, new Progress())
  await pause(5000)
  say({ kind: 'begun' })
  await pause(seconds * 1000)
  return seconds
}

async function drop({ peers: count, family, dropped }: Of<'drop'>): Promise<number> {
  const progress = new Progress()
  const peers = await makeMesh(count, family, PACE, progress)
  await pause(2000)
  const left = peers.slice(0, count - dropped)
  say({ kind: 'begun' })
  return time(() => {
    for (const peer of peers.slice(count - dropped)) peer.close()
    return progress.until(() => left.every((peer) => peer.prefixes <= left.length - 1))
  })
}

async function dropTables({ peers: count, family, routes }: Of<'drop-tables'>): Promise<number> {
  const progress = new Progress()
  const [watcher, ...others] = await connectAll(count, family, progress)
  for (const peer of others) peer.send(tableMessages(routes, peer.index, family, (peer.index - 1) * routes))
  await progress.until(() => watcher!.prefixes >= routes * others.length)
  await pause(2000)
  say({ kind: 'begun' })
  return time(() => {
    for (const peer of others) peer.close()
    return progress.until(() => watcher!.prefixes === 0)
  })
}

async function table({ peers: count, family, routes }: Of<'table'>): Promise<number> {
  const messages = tableMessages(routes, 0, family)
  const progress = new Progress()
  const [sender, ...receivers] = await connectAll(count, family, progress)
  say({ kind: 'begun' })
  return time(() => {
    sender!.send(messages, () => say({ kind: 'sent' }))
    return progress.until(() => receivers.every((peer) => peer.prefixes >= routes))
  })
}

async function latency({ peers: count, family, rounds }: Of<'latency'>): Promise<number> {
  const progress = new Progress()
  const [sender, ...receivers] = await connectAll(count, family, progress)
  const times: number[] = []
  for (let round = 1; round <= rounds; round++) {
    const message = plainRoute(prefixText(round, family), 0, family)
    times.push(
      await time(() => {
        sender!.send(message)
        return progress.until(() => receivers.every((peer) => peer.prefixes >= round))
      }),
    )
    await pause(5)
  }
  return median(times)
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
    case 'drop-tables':
      return dropTables(scenario)
    case 'latency':
      return latency(scenario)
  }
}

const scenario = JSON.parse(process.argv[2] ?? '') as Scenario
const patience = Number(process.argv[3])
setTimeout(() => {
  say({ kind: 'given-up', reason: `no end within ${patience} s: ${where()}` })
  process.exitCode = 1
  process.stdin.destroy()
  setImmediate(() => process.exit())
}, patience * 1000)
say({ kind: 'measured', seconds: await play(scenario) })
// The device is looked at before its peers go.
process.stdin.resume().on('end', () => process.exit(0))
