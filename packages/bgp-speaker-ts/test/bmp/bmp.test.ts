// BMP: what a collector is told, in which order, and what it has in the end, however slow it is and whenever it comes.
import { expect } from 'chai'
import { Bmp } from '../../bmp/bmp.ts'
import type { CollectorConfig } from '../../bmp/config.ts'
import { PEER_DOWN } from '../../bmp/messages.ts'
import type { PeerConfig } from '../../config.ts'
import { BgpConfigError } from '../../errors.ts'
import { decodeMessage } from '../../packet/message.ts'
import { Bench } from '../../testing/bench.ts'
import { BmpStation } from '../../testing/bmp-station.ts'
import { Random } from '../../testing/random.ts'

const STATION = '10.9.0.9'
const WHERE = { address: STATION, port: 11_019 }
const WALL = 1_700_000_000_000
const CONTEXT = { fourOctetAs: true, internal: false, localAsn: 0, addPath4: false, addPath6: false }

describe('BMP', () => {
  let bench: Bench
  let bmp: Bmp
  let station: BmpStation
  beforeEach(async () => {
    bench = new Bench()
    bmp = new Bmp(bench.speaker, { sysName: 'node-1', wallTime: () => WALL })
    await bench.speaker.start()
    bench.clock.settle()
    station = new BmpStation()
    await bench.network
      .transport(STATION)
      .listen({ port: WHERE.port }, (connection) => station.accept(connection))
  })
  afterEach(async () => {
    const closed = bmp.close()
    bench.clock.advance(2000)
    await closed
    await bench.close()
  })

  const watch = (more: Partial<CollectorConfig> = {}) => {
    bmp.addCollector({ ...WHERE, ...more })
    bench.clock.settle()
  }
  const heard = () => {
    bench.clock.settle()
    return station.names()
  }

  it('introduces itself, and tells of a session with its OPENs, of its routes and of its end', () => {
    watch()
    expect(station.messages[0]).to.deep.equal({
      kind: 'initiation',
      information: [
        { type: 1, text: 'bgp-speaker-ts' },
        { type: 2, text: 'node-1' },
      ],
    })
    const raw = bench.peer().establish()
    bench.clock.settle()
    const up = station.messages[1]
    if (up?.kind !== 'peer-up') throw new Error(JSON.stringify(up))
    expect(up.peer).to.deep.include({ address: '10.0.0.2', asn: 64513, routerId: 2, time: WALL })
    expect(up).to.deep.include({ localAddress: '10.0.0.1', remotePort: 0 })
    expect(decodeMessage(up.receivedOpen, CONTEXT).message).to.deep.equal(raw.open())
    expect(up.sentOpen).to.deep.equal(raw.raw()[0])
    raw.announce('10.1.0.0/16', 'fd10::/48').withdraw('10.1.0.0/16').endOfRib('ipv4-unicast')
    raw.crash()
    expect(heard()).to.deep.equal([
      'initiation',
      'peer-up 10.0.0.2',
      '10.0.0.2 update +10.1.0.0/16',
      '10.0.0.2 update +fd10::/48',
      '10.0.0.2 update -10.1.0.0/16',
      '10.0.0.2 end-of-rib ipv4',
      'peer-down 10.0.0.2',
    ])
  })

  it('passes on the attributes of a route as they came', () => {
    watch()
    const more = {
      med: 7,
      communities: [0xfc010001],
      largeCommunities: [[1, 2, 3] as const],
      extendedCommunities: ['0002fc0000000064'],
      aggregator: { asn: 4_200_000_000, address: '10.0.0.7' },
      unknown: [{ type: 200, flags: 0xe0, value: Uint8Array.of(1, 2) }],
    }
    const asPath = [{ kind: 'sequence' as const, asns: [64513, 4_200_000_001] }]
    bench
      .peer()
      .establish()
      .announceWith({ ...more, asPath }, '10.1.0.0/16')
    bench.clock.settle()
    expect(station.table.get('pre 10.0.0.2 10.1.0.0/16')).to.deep.equal({
      origin: 'igp',
      ...{ asPath, ...more },
      nextHop: '10.0.0.2',
    })
  })

  it('tells a collector that comes later all that is there, with End-of-RIB after it', () => {
    bench.peer().establish().announce('10.1.0.0/16', '10.2.0.0/16', 'fd10::/48')
    bench.peer({ address: '10.0.0.3', asn: 64514 }).establish().announce('10.1.0.0/16')
    watch()
    expect(heard().map((name) => name.replace(/\+.*/, '+'))).to.deep.equal([
      'initiation',
      'peer-up 10.0.0.2',
      '10.0.0.2 update +',
      '10.0.0.2 end-of-rib ipv4',
      '10.0.0.2 update +',
      '10.0.0.2 end-of-rib ipv6',
      'peer-up 10.0.0.3',
      '10.0.0.3 update +',
      '10.0.0.3 end-of-rib ipv4',
      '10.0.0.3 end-of-rib ipv6',
    ])
    expect(station.routes()).to.deep.equal([
      'pre 10.0.0.2 10.1.0.0/16',
      'pre 10.0.0.2 10.2.0.0/16',
      'pre 10.0.0.2 fd10::/48',
      'pre 10.0.0.3 10.1.0.0/16',
    ])
  })

  it('says why a session ended: by whom, and with which NOTIFICATION', () => {
    watch()
    const down = () => {
      bench.clock.settle()
      const message = station.messages.findLast(({ kind }) => kind === 'peer-down')
      if (message?.kind !== 'peer-down') throw new Error('no Peer Down')
      const inner = message.data.length === 0 ? undefined : decodeMessage(message.data, CONTEXT).message
      return [message.reason, inner?.kind === 'notification' ? `${inner.code}/${inner.subcode}` : undefined]
    }
    const raw = bench.peer().establish()
    bench.speaker.resetPeer('10.0.0.2')
    expect(down()).to.deep.equal([PEER_DOWN.LOCAL_NOTIFICATION, '6/4'])
    raw.establish().send({ kind: 'notification', code: 6, subcode: 2, data: new Uint8Array(0) })
    expect(down()).to.deep.equal([PEER_DOWN.REMOTE_NOTIFICATION, '6/2'])
    raw.establish().crash()
    expect(down()).to.deep.equal([PEER_DOWN.REMOTE_CLOSED, undefined])
  })

  const REJECT_LONG: PeerConfig['importPolicy'] = {
    rules: [
      {
        name: 'long',
        match: { prefixes: [{ prefix: '0.0.0.0/0', minLength: 25, maxLength: 32 }] },
        verdict: 'reject',
      },
    ],
    otherwise: 'accept',
  }

  it('tells what peers send, whatever the policy makes of it', () => {
    watch()
    bench.peer({}, { importPolicy: REJECT_LONG }).establish().announce('10.1.0.0/16', '10.2.0.0/25')
    bench.clock.settle()
    expect(station.routes()).to.deep.equal(['pre 10.0.0.2 10.1.0.0/16', 'pre 10.0.0.2 10.2.0.0/25'])
  })

  it('tells what policy lets in, where that is asked for, also when the policy changes', () => {
    watch({ views: ['pre-policy', 'post-policy'] })
    const config = { importPolicy: REJECT_LONG }
    bench.peer({}, config).establish().announce('10.1.0.0/16', '10.2.0.0/25')
    bench.clock.settle()
    const all = ['pre 10.0.0.2 10.1.0.0/16', 'pre 10.0.0.2 10.2.0.0/25']
    expect(station.routes()).to.deep.equal(['post 10.0.0.2 10.1.0.0/16', ...all])
    const { importPolicy: _policy, ...open } = bench.speaker.configuration('10.0.0.2')!
    bench.speaker.updatePeer(open)
    bench.clock.settle()
    expect(station.routes()).to.deep.equal(['post 10.0.0.2 10.1.0.0/16', 'post 10.0.0.2 10.2.0.0/25', ...all])
  })

  it('tells path identifiers where the session has them, 0 too', () => {
    watch()
    station.pathIds = true
    const families = [{ afi: 1, safi: 1, receive: true, send: true }]
    const capabilities = [{ kind: 'add-path' as const, families }]
    const raw = bench.peer({ capabilities }, { addPathReceive: true, families: ['ipv4-unicast'] }).establish()
    const attributes = {
      origin: 'igp' as const,
      asPath: [{ kind: 'sequence' as const, asns: [64513] }],
      nextHop: '10.0.0.2',
    }
    const paths = (...ids: number[]) => ids.map((pathId) => ({ prefix: '10.1.0.0/16', pathId }))
    raw.send({ kind: 'update', withdrawn: [], attributes, nlri: paths(0, 1, 7) })
    bench.clock.settle()
    expect(station.routes().map((key) => key.split('#')[1])).to.deep.equal(['0', '1', '7'])
    raw.send({ kind: 'update', withdrawn: paths(1), attributes: {}, nlri: [] })
    bench.clock.settle()
    expect(station.routes().map((key) => key.split('#')[1])).to.deep.equal(['0', '7'])
  })

  it('tells again what a peer is not asked to repeat: its routes outlive its restart', () => {
    const restart = { time: 60, forwarding: true }
    const families = [{ afi: 1, safi: 1, forwarding: true }]
    const capabilities = [
      { kind: 'graceful-restart' as const, restarting: false, notification: false, time: 60, families },
    ]
    watch()
    const raw = bench.peer({ capabilities }, { gracefulRestart: restart }).establish()
    raw.announce('10.1.0.0/16', '10.2.0.0/16').endOfRib('ipv4-unicast').crash()
    bench.clock.settle()
    expect(station.routes()).to.deep.equal([])
    raw.establish()
    raw.announce('10.1.0.0/16').endOfRib('ipv4-unicast')
    bench.clock.settle()
    expect(station.routes()).to.deep.equal(['pre 10.0.0.2 10.1.0.0/16'])
  })

  it('reports figures of each session every minute', () => {
    watch()
    bench
      .peer()
      .establish()
      .announce('10.1.0.0/16', 'fd10::/48')
      .announceWith({ asPath: [{ kind: 'sequence', asns: [64513, 64512] }] }, '10.3.0.0/16')
    heard()
    bench.clock.advance(60_000)
    const report = station.messages.find(({ kind }) => kind === 'statistics')
    if (report?.kind !== 'statistics') throw new Error('no report')
    expect(report.statistics).to.have.deep.members([
      { type: 3, value: 0 },
      { type: 4, value: 1 },
      { type: 5, value: 0 },
      { type: 7, value: 3 },
      { type: 9, value: 2, family: 'ipv4-unicast' },
      { type: 9, value: 1, family: 'ipv6-unicast' },
      { type: 11, value: 0 },
      { type: 15, value: 0 },
    ])
  })

  it('connects later and later to one that is not there, and begins anew after each connection', () => {
    bench.peer().establish().announce('10.1.0.0/16')
    bmp.addCollector({ address: '10.9.0.7', port: 1 })
    bench.clock.advance(16_000)
    const attempts = bench.network.attempts.filter(({ address }) => address === '10.9.0.7')
    const gaps = attempts.slice(1).map(({ at }, i) => at - attempts[i]!.at)
    expect(gaps).to.deep.equal([1000, 2000, 4000, 8000])
    expect(bmp.collectors()[0]).to.include({ state: 'waiting', lastError: 'connection refused' })
    watch()
    expect(station.routes()).to.have.length(1)
    station.connection?.destroy()
    bench.clock.advance(1000)
    expect(station.names()[0]).to.equal('initiation')
    expect(station.routes()).to.have.length(1)
    expect(bmp.collectors()[1]).to.include({ state: 'connected', connects: 2 })
  })

  it('leaves a collector that takes the connection and nothing else', () => {
    bench.network.silent.add('10.9.0.8')
    bmp.addCollector({ address: '10.9.0.8', port: 1 })
    bench.clock.advance(11_500)
    expect(bench.network.attempts.filter(({ address }) => address === '10.9.0.8')).to.have.length(2)
    expect(bmp.collectors()[0]).to.include({ lastError: 'connect timed out' })
  })

  it('tells one that is removed that it is over', async () => {
    watch()
    const removed = bmp.removeCollector(WHERE)
    bench.clock.advance(1500)
    await removed
    expect(heard().at(-1)).to.equal('termination')
    expect(bmp.collectors()).to.deep.equal([])
    bench.clock.advance(60_000)
    expect(bench.network.attempts).to.have.length(1)
  })

  it('follows no routes while no collector is connected', () => {
    const followed: unknown[] = []
    const observe = bmp.changed.bind(bmp)
    bmp.changed = (...args) => {
      followed.push(args)
      observe(...args)
    }
    const raw = bench.peer().establish().announce('10.1.0.0/16')
    expect(followed).to.deep.equal([])
    watch()
    raw.announce('10.2.0.0/16')
    expect(followed).to.have.length(1)
    station.connection?.destroy()
    bench.clock.settle()
    raw.announce('10.3.0.0/16')
    expect(followed).to.have.length(1)
  })

  it('refuses a configuration that is none, with every problem, and a second one of the same', () => {
    expect(() => bmp.addCollector({ address: 'collector', port: 0, views: [], statisticsInterval: -1 }))
      .to.throw(BgpConfigError)
      .with.property('problems')
      .with.length(4)
    watch()
    expect(() => watch()).to.throw(BgpConfigError, /already/)
  })

  describe('with a collector that does not read', () => {
    it('tells it the latest of each path once it reads, and nothing of what was between', () => {
      watch()
      const raw = bench.peer().establish()
      bench.clock.settle()
      bench.network.stall(STATION, '10.0.0.1', true)
      const prefixes = Array.from({ length: 4000 }, (_, i) => `10.${i >> 8}.${i & 255}.0/24`)
      for (let round = 0; round < 9; round++)
        for (let at = 0; at < prefixes.length; at += 500)
          raw.announceWith({ med: round }, ...prefixes.slice(at, at + 500))
      raw.withdraw(...prefixes.slice(0, 1000))
      bench.clock.settle()
      const { waiting } = bmp.collectors()[0]!
      expect(waiting).to.be.within(1, prefixes.length)
      bench.network.stall(STATION, '10.0.0.1', false)
      bench.clock.settle()
      expect(station.table.size).to.equal(3000)
      expect(new Set([...station.table.values()].map(({ med }) => med))).to.deep.equal(new Set([8]))
      expect(bmp.collectors()[0]?.waiting).to.equal(0)
    })

    it('keeps no more than the paths that changed, whatever happens to the sessions', () => {
      watch()
      bench.network.stall(STATION, '10.0.0.1', true)
      const raw = bench.peer()
      for (let round = 0; round < 20; round++) {
        raw.establish()
        for (let i = 0; i < 300; i++) raw.announceWith({ med: round }, `10.${i >> 8}.${i & 255}.0/24`)
        raw.crash()
      }
      raw.establish().announce('10.7.0.0/16')
      bench.network.stall(STATION, '10.0.0.1', false)
      bench.clock.settle()
      expect(station.routes()).to.deep.equal(['pre 10.0.0.2 10.7.0.0/16'])
      const names = station.names()
      expect(names.filter((name) => name.startsWith('peer-up')).length).to.equal(
        names.filter((name) => name.startsWith('peer-down')).length + 1,
      )
    })

    it('leaves it after two minutes', () => {
      watch()
      const raw = bench.peer({ holdTime: 0 }).establish()
      bench.network.stall(STATION, '10.0.0.1', true)
      for (let i = 0; i < 2000; i++) raw.announceWith({ med: i }, `10.${i >> 8}.${i & 255}.0/24`)
      bench.clock.advance(121_500)
      expect(bmp.collectors()[0]).to.include({ connects: 2, lastError: 'the collector reads nothing' })
      expect(station.table.size).to.equal(2000)
    })
  })

  it('leaves the collector with the tables of the speaker after any sequence', () => {
    const seed = Date.now() % 1_000_000
    const random = new Random(seed)
    watch({ views: ['pre-policy', 'post-policy'] })
    const policy = { importPolicy: REJECT_LONG }
    const peers = [2, 3].map((host) =>
      bench.peer({ address: `10.0.0.${host}`, asn: 64511 + host }, policy).establish(),
    )
    const prefixes = ['10.1.0.0/16', '10.2.0.0/16', '10.3.0.0/25', 'fd10::/48', 'fd11::/48']
    const up = new Set(peers)
    for (let i = 0; i < 400; i++) {
      const raw = random.pick(peers)
      const what = random.below(20)
      if (what === 0) station.connection?.destroy()
      else if (what === 1) bench.network.stall(STATION, '10.0.0.1', true)
      else if (what === 2) bench.network.stall(STATION, '10.0.0.1', false)
      else if (what === 3) up.delete(raw.crash())
      else if (!up.has(raw)) up.add(raw.establish())
      else if (what < 8)
        raw.withdraw(...prefixes.filter((prefix) => !prefix.includes(':') && random.below(2) === 0))
      else raw.announceWith({ med: random.below(3) }, random.pick(prefixes))
      if (random.below(5) === 0) bench.clock.advance(1000)
    }
    bench.network.stall(STATION, '10.0.0.1', false)
    bench.clock.advance(120_000)
    const post = [...bench.speaker.routes()].flatMap(({ prefix }) =>
      bench.speaker.paths(prefix).map((path) => `post ${path.peer} ${prefix} ${path.med}`),
    )
    const told = [...station.table]
      .filter(([key]) => key.startsWith('post'))
      .map(([key, { med }]) => `${key} ${med}`)
    expect(told.sort(), `seed ${seed}`).to.deep.equal(post.sort())
    const rejected = [...bench.speaker.rejected()].map(({ peer, prefix }) => `pre ${peer} ${prefix}`)
    const pre = [...post.map((text) => text.replace('post', 'pre').replace(/ \d+$/, '')), ...rejected]
    expect(
      station.routes().filter((key) => key.startsWith('pre')),
      `seed ${seed}`,
    ).to.deep.equal(pre.sort())
  })
})
