// Our BFD and that of BIRD 2 (Debian's bird2) and FRR (bfdd), each in a network namespace of its own.

import { kernelBfdSockets } from '@podroute/pod-network/bgp/bfd/sockets.ts'
import { Bfd, type BfdDown } from 'bgp-speaker-ts/bfd/bfd.ts'
import { encodePacket } from 'bgp-speaker-ts/bfd/packet.ts'
import type { BfdSessionSnapshot } from 'bgp-speaker-ts/bfd/snapshot.ts'
import { expect } from 'chai'
import { type BfdDaemon, type BfdTimers, BirdBfd, FrrBfd } from './support/bfd-daemons.ts'
import { eventually, output } from './support/daemon.ts'
import { ADDRESS, ip, type Link, makeLink, removeLink } from './support/link.ts'
import { together } from './support/together.ts'

const THEIRS: BfdTimers = { tx: 100, rx: 100, multiplier: 5 }
const OURS = { desiredMinTx: 100, requiredMinRx: 100, detectMultiplier: 5 }
/** Five of our packets, or of theirs. */
const DETECTION = 500
/** What a loaded machine may add before we hear of it. */
const MARGIN = 300
/** Sessions that are tested at the same time: few, or the machine is what is measured. */
const AT_ONCE = 3

class Bench<D extends BfdDaemon> {
  readonly link: Link = makeLink()
  readonly bfd: Bfd
  readonly daemon: D
  readonly family: 4 | 6
  readonly downs: (BfdDown & { readonly at: number })[] = []
  ups = 0

  constructor(daemon: D, family: 4 | 6) {
    this.daemon = daemon
    this.family = family
    this.bfd = new Bfd({ openSocket: kernelBfdSockets(this.link.ours) })
    this.bfd.on('up', () => void this.ups++)
    this.bfd.on('down', (down) => void this.downs.push({ ...down, at: performance.now() }))
  }

  get peer(): string {
    return ADDRESS.theirs[this.family]
  }

  async start(): Promise<void> {
    this.bfd.addSession({ ...OURS, peer: this.peer, local: ADDRESS.ours[this.family] })
    await this.daemon.start(this.link, this.family, THEIRS)
    await this.bothUp(1)
  }

  /** Up for us for the `ups`-th time, up for them, and both with the fast timers. */
  async bothUp(ups: number): Promise<void> {
    await eventually(
      () => this.ups,
      (count) => count === ups,
    )
    await eventually(
      () => this.daemon.view(),
      ({ state, detection }) => state === 'up' && detection === DETECTION,
    )
    await eventually(
      () => this.session(),
      ({ detectionTime, polling }) => detectionTime === DETECTION && !polling,
    )
  }

  async session(): Promise<BfdSessionSnapshot> {
    const { sessions } = await this.bfd.snapshot()
    return sessions[0]!
  }

  async down(): Promise<BfdDown & { readonly at: number }> {
    await eventually(
      () => this.downs.length,
      (count) => count > 0,
    )
    return this.downs[0]!
  }

  async close(): Promise<void> {
    await this.bfd.close()
    await this.daemon.stop()
    removeLink(this.link)
  }
}

async function onBench<D extends BfdDaemon>(
  daemon: D,
  family: 4 | 6,
  test: (bench: Bench<D>) => Promise<void>,
): Promise<void> {
  const bench = new Bench(daemon, family)
  try {
    await bench.start()
    await test(bench)
  } finally {
    await bench.close()
  }
}

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds))

/** Keeps the main thread from everything else, with garbage to collect. */
function block(milliseconds: number): void {
  const end = performance.now() + milliseconds
  let garbage: unknown[] = []
  while (performance.now() < end) {
    garbage.push({ text: String(garbage.length) })
    if (garbage.length > 200_000) garbage = []
  }
}

/** What a neighbour says that goes down. */
const FORGED = {
  diagnostic: 0,
  state: 'down',
  poll: false,
  final: false,
  controlPlaneIndependent: false,
  demand: false,
  detectMultiplier: 3,
  desiredMinTx: 1_000_000,
  requiredMinRx: 100_000,
  requiredMinEchoRx: 0,
} as const

/** One datagram to the BFD port, from inside a namespace. */
async function sendFrom(
  netns: string,
  local: string,
  peer: string,
  ttl: number,
  bytes: Uint8Array,
): Promise<void> {
  const script = `
    const socket = require('node:dgram').createSocket('udp4')
    socket.bind(0, '${local}', () => {
      socket.setTTL(${ttl})
      socket.send(Buffer.from('${Buffer.from(bytes).toString('hex')}', 'hex'), 3784, '${peer}', () => socket.close())
    })`
  await output('ip', ['netns', 'exec', netns, process.execPath, '-e', script])
}

interface BfdCase {
  readonly title: string
  run(): Promise<void>
}

function speaksBfd(make: () => BfdDaemon): readonly BfdCase[] {
  const cases: BfdCase[] = []
  const add = (title: string, run: () => Promise<void>) => void cases.push({ title, run })
  for (const family of [4, 6] as const) {
    add(`comes up over IPv${family} with the timers that both ends want`, () =>
      onBench(make(), family, async (bench) => {
        const session = await bench.session()
        expect(session).to.deep.include({ state: 'up', transmitInterval: 100, detectionTime: DETECTION })
        expect(session.remote).to.include({ state: 'up', desiredMinTx: 100, requiredMinRx: 100 })
      }),
    )
  }

  add('goes down on both sides when the link carries nothing any more', () =>
    onBench(make(), 4, async (bench) => {
      ip('-n', bench.link.ours, 'link', 'set', 'peer', 'down')
      expect((await bench.down()).reason).to.equal('detection-expired')
      await eventually(
        () => bench.daemon.view(),
        ({ state }) => state !== 'up',
      )
    }),
  )

  add('is not taken down by a packet with another TTL', () =>
    onBench(make(), 4, async (bench) => {
      const { localDiscriminator, remote, counters } = await bench.session()
      const forged = encodePacket({
        ...FORGED,
        myDiscriminator: remote.discriminator,
        yourDiscriminator: localDiscriminator,
      })
      await sendFrom(bench.link.theirs, bench.peer, ADDRESS.ours[4], 254, forged)
      await pause(200)
      const after = await bench.session()
      expect(after.counters.received).to.be.greaterThan(counters.received)
      expect(bench.downs).to.deep.equal([])
      await sendFrom(bench.link.theirs, bench.peer, ADDRESS.ours[4], 255, forged)
      expect((await bench.down()).reason).to.equal('neighbor-down')
    }),
  )

  add('follows a change of our timers by a poll sequence, without a flap', () =>
    onBench(make(), 4, async (bench) => {
      bench.bfd.updateSession(bench.peer, { desiredMinTx: 250, requiredMinRx: 400, detectMultiplier: 4 })
      await eventually(
        () => bench.session(),
        ({ polling, transmitInterval, detectionTime }) =>
          !polling && transmitInterval === 250 && detectionTime === THEIRS.multiplier * 400,
      )
      await eventually(
        () => bench.daemon.view(),
        ({ detection }) => detection === 4 * 250,
      )
      await pause(1000)
      bench.bfd.updateSession(bench.peer, OURS)
      await bench.bothUp(1)
      expect(bench.downs).to.deep.equal([])
    }),
  )

  add('follows a change of their timers, without a flap', () =>
    onBench(make(), 4, async (bench) => {
      await bench.daemon.setTimers({ tx: 300, rx: 200, multiplier: 4 })
      await eventually(
        () => bench.session(),
        ({ transmitInterval, detectionTime }) => transmitInterval === 200 && detectionTime === 4 * 300,
      )
      await pause(1000)
      await bench.daemon.setTimers(THEIRS)
      await bench.bothUp(1)
      expect(bench.downs).to.deep.equal([])
    }),
  )

  add('is taken down by us administratively, and brought up again', () =>
    onBench(make(), 4, async (bench) => {
      bench.bfd.updateSession(bench.peer, { adminDown: true })
      await eventually(
        () => bench.daemon.view(),
        ({ state }) => state !== 'up',
        1000,
      )
      expect((await bench.down()).reason).to.equal('admin-down')
      bench.bfd.updateSession(bench.peer, { adminDown: false })
      await bench.bothUp(2)
    }),
  )
  return cases
}

/** One at a time: what is measured is the detection, not the machine; and blocking would hold up the others. */
function detectsInTime(make: () => BfdDaemon): void {
  for (const family of [4, 6] as const) {
    it(`goes down over IPv${family} within the detection time when the other side freezes, and comes back`, () =>
      onBench(make(), family, async (bench) => {
        const start = performance.now()
        process.kill(bench.daemon.pid, 'SIGSTOP')
        const down = await bench.down()
        expect(down).to.include({
          peer: bench.peer,
          reason: 'detection-expired',
          diagnostic: 'control detection time expired',
        })
        // Its last packet may have left up to an interval before.
        expect(down.at - start).to.be.within(DETECTION - 110, DETECTION + MARGIN)
        process.kill(bench.daemon.pid, 'SIGCONT')
        await bench.bothUp(2)
      }))
  }

  it('goes down within the detection time when the other side is killed', () =>
    onBench(make(), 4, async (bench) => {
      const start = performance.now()
      await bench.daemon.stop()
      const down = await bench.down()
      expect(down.reason).to.equal('detection-expired')
      expect(down.at - start).to.be.within(DETECTION - 110, DETECTION + MARGIN)
    }))

  it('stays up while the main thread is blocked for two seconds (A13)', () =>
    onBench(make(), 4, async (bench) => {
      block(2000)
      const session = await bench.session()
      expect(bench.downs).to.deep.equal([])
      expect(session.counters).to.include({ ups: 1, downs: 0 })
      expect((await bench.daemon.view()).state).to.equal('up')
    }))
}

together(
  'BFD interop with',
  [
    { name: 'BIRD', cases: speaksBfd(() => new BirdBfd()) },
    {
      name: 'FRR',
      cases: [
        ...speaksBfd(() => new FrrBfd()),
        {
          title: 'tells an administrative end of the other side from a failure of the path',
          run: () =>
            onBench(new FrrBfd(), 4, async (bench) => {
              await bench.daemon.shutdown(true)
              expect(await bench.down()).to.include({
                reason: 'neighbor-admin-down',
                diagnostic: 'neighbor signaled session down',
              })
              await bench.daemon.shutdown(false)
              await bench.bothUp(2)
            }),
        },
      ],
    },
  ],
  AT_ONCE,
)

describe('BFD interop', () => {
  describe('with BIRD, one at a time', function () {
    this.timeout(60_000)
    detectsInTime(() => new BirdBfd())
  })

  describe('with FRR, one at a time', function () {
    this.timeout(60_000)
    detectsInTime(() => new FrrBfd())
  })
})
