/** Sessions with nothing to say, on real sockets: keepalives wait in the kernel, wake nobody, and yet hold the session. */
import { kernelTransport } from '@podroute/pod-network/bgp/transport.ts'
import type { PeerConfig } from 'bgp-speaker-ts/config.ts'
import { Speaker } from 'bgp-speaker-ts/speaker.ts'
import type { Connection, ConnectionHandlers, Transport } from 'bgp-speaker-ts/transport.ts'
import { expect } from 'chai'
import { run } from '../../lab/command.ts'
import { eventually } from '../support/eventually.ts'

const NETNS = 'pr-idle'
const ENDS = [
  ['10.8.0.1', '10.8.0.2'],
  ['fd08::1', 'fd08::2'],
] as const
type Side = 0 | 1
/** A keepalive in each second. */
const KEEPALIVE_SECONDS = 1

/** The kernel's, that counts how often bytes wake the process up. */
function countingTransport(wakes: { count: number }): Transport {
  const transport = kernelTransport(`/run/netns/${NETNS}`)
  const counted = (connection: Connection): Connection => {
    const handle = connection.handle.bind(connection)
    connection.handle = (handlers) => handle(counting(handlers, wakes))
    return connection
  }
  return {
    ...transport,
    connect: (options, handlers) => counted(transport.connect(options, handlers)),
    listen: (options, accept) => transport.listen(options, (connection) => accept(counted(connection))),
  }
}

function counting(handlers: ConnectionHandlers, wakes: { count: number }): ConnectionHandlers {
  return {
    onConnect: () => handlers.onConnect(),
    onDrain: () => handlers.onDrain(),
    onClose: (error) => handlers.onClose(error),
    onData: (bytes) => {
      wakes.count++
      handlers.onData(bytes)
    },
  }
}

describe('an idle BGP session', () => {
  let speakers: Speaker[]
  let downs: string[]
  let wakes: { count: number }

  before(async () => {
    await removeAll()
    await run('ip', ['netns', 'add', NETNS])
    const lines = ENDS.flat().map(
      (address) => `address add ${address} dev lo${address.includes(':') ? ' nodad' : ''}`,
    )
    await run('ip', ['-n', NETNS, '-batch', '-'], { input: `link set lo up\n${lines.join('\n')}\n` })
  })
  after(removeAll)
  beforeEach(() => {
    speakers = []
    downs = []
    wakes = { count: 0 }
  })
  afterEach(() => Promise.all(speakers.map((speaker) => speaker.close())))

  const start = async (ends: readonly [string, string], side: Side) => {
    const [local, address] = side === 0 ? ends : [ends[1], ends[0]]
    const speaker = new Speaker({
      ...{ asn: 64512, routerId: `1.1.1.${side + 1}` },
      listen: { addresses: [local], port: 179 },
      transport: countingTransport(wakes),
    })
    speakers.push(speaker)
    speaker.on('peer', (event) => event.kind === 'down' && downs.push(JSON.stringify(event.reason)))
    const peer: PeerConfig = {
      ...{ address, localAddress: local, asn: 64512, passive: side === 1, keepaliveTime: KEEPALIVE_SECONDS },
      ...{ families: ['ipv4-unicast'], nextHop: { ipv4: ENDS[0][side] } },
    }
    speaker.addPeer(peer)
    await speaker.start()
    return speaker
  }
  const received = (speaker: Speaker) => speaker.peers()[0]!.counters.messagesReceived

  for (const ends of ENDS)
    it(`is not woken up by each keepalive, holds, and hears of a route at once: ${ends.join(' and ')}`, async () => {
      const [a, b] = [await start(ends, 0), await start(ends, 1)]
      await eventually(() => [a, b].every((speaker) => speaker.peers()[0]?.state === 'established'))
      // Both have sent one since.
      const begin = [received(a), received(b)] as const
      await eventually(() => received(a) >= begin[0] + 3 && received(b) >= begin[1] + 3, 30_000)
      const before = { messages: received(a) + received(b), wakes: wakes.count }
      await eventually(() => received(a) + received(b) >= before.messages + 10, 60_000)
      expect(wakes.count - before.wakes).to.be.at.most(6)
      a.announce({ prefix: '10.77.0.0/24' })
      await eventually(() => [...b.routes()].some(({ prefix }) => prefix === '10.77.0.0/24'))
      expect(downs).to.deep.equal([])
      await a.close()
      await eventually(() => downs.length === 2)
      expect(downs[1] ?? '').to.include('Administrative Shutdown')
    }).timeout(120_000)

  for (const ends of ENDS)
    it(`is not reset by an end while a keepalive waits, and what was sent before arrives: ${ends.join(' and ')}`, async () => {
      const [a, b] = [await start(ends, 0), await start(ends, 1)]
      await eventually(() => [a, b].every((speaker) => speaker.peers()[0]?.state === 'established'))
      // The one that comes before its own first one wakes it up, and does not wait.
      await eventually(() => received(a) >= 3)
      await eventually(() => keepaliveWaits(ends[0]), 30_000)
      await a.abandon()
      await eventually(() => downs.length > 0)
      expect(downs.join()).to.not.include('ECONNRESET')
    }).timeout(120_000)
})

/** Whether one has arrived at the address, and nobody has read it. */
async function keepaliveWaits(address: string): Promise<boolean> {
  const filter = ['state', 'established', 'src', address.includes(':') ? `[${address}]` : address]
  return /^19 /m.test(await run('ip', ['netns', 'exec', NETNS, 'ss', '-tnH', ...filter]))
}

async function removeAll(): Promise<void> {
  await run('ip', ['netns', 'delete', NETNS]).catch(() => {})
}
