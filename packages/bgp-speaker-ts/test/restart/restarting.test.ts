// Our own restart (RFC 4724 section 4.1): the R bit is set, selection waits for the peers' End-of-RIB, and ours comes last.
import { expect } from 'chai'
import type { PeerConfig, SpeakerConfig } from '../../config.ts'
import type { Capability } from '../../packet/capabilities.ts'
import { Bench } from '../../testing/bench.ts'
import type { RawPeer } from '../../testing/raw-peer.ts'

const OURS = { gracefulRestart: { time: 120, forwarding: true } } satisfies Partial<PeerConfig>
const capability = (restarting = false): Capability => ({
  kind: 'graceful-restart',
  restarting,
  notification: true,
  time: 60,
  families: [1, 2].map((afi) => ({ afi, safi: 1, forwarding: true })),
})

describe('a speaker that restarts', () => {
  let bench: Bench
  let a: RawPeer
  let b: RawPeer

  const begin = async (config: Partial<SpeakerConfig> = { restarting: true }) => {
    bench = await Bench.started(config)
    a = bench.peer({ capabilities: [capability()] }, OURS)
    b = bench.peer({ address: '10.0.0.3', asn: 64514, capabilities: [capability()] }, OURS)
  }
  const restartBit = (peer: RawPeer) => restartBitOf(peer.heard())
  const restartBitOf = (messages: ReturnType<RawPeer['heard']>) => {
    const open = messages.find((message) => message.kind === 'open')
    const found = open?.kind === 'open' && open.capabilities.find(({ kind }) => kind === 'graceful-restart')
    return found && found.kind === 'graceful-restart' && found.restarting
  }
  const tellAll = (peer: RawPeer) => peer.endOfRib('ipv4-unicast', 'ipv6-unicast')

  afterEach(() => bench.close())

  it('sets the R bit only until its restart is over', async () => {
    await begin()
    tellAll(a.establish())
    expect(restartBit(a)).to.equal(true)
    tellAll(b.establish())
    expect(restartBit(b)).to.equal(true)
    a.crash()
    expect(restartBit(a.establish())).to.equal(false)
    await bench.close()
    await begin({})
    expect(restartBit(a.establish())).to.equal(false)
  })

  it('that waits for nobody sets it until the first session, and selects and tells at once', async () => {
    await begin({ restarted: true })
    bench.speaker.announce({ prefix: '10.9.0.0/16' })
    a.establish().announce('10.1.0.0/16')
    expect(bench.prefixes()).to.have.members(['10.1.0.0/16', '10.9.0.0/16'])
    const told = a.heard()
    expect(told.filter(({ kind }) => kind === 'update')).to.have.length(3)
    expect(restartBitOf(told)).to.equal(true)
    a.crash()
    expect(restartBit(a.establish())).to.equal(false)
    bench.clock.advance(121_000)
    expect(restartBit(b.establish())).to.equal(false)
  })

  it('sends End-of-RIB when all peers have sent theirs, after its routes', async () => {
    await begin()
    a.establish().announce('10.1.0.0/16')
    tellAll(a)
    b.establish()
    expect(a.names().filter((name) => name.startsWith('end-of-rib'))).to.deep.equal([])
    expect(b.names().filter((name) => name !== 'open')).to.deep.equal([])
    tellAll(b)
    expect(b.names()).to.deep.equal(['update +10.1.0.0/16', 'end-of-rib ipv4', 'end-of-rib ipv6'])
    expect(a.names()).to.deep.equal(['end-of-rib ipv4', 'end-of-rib ipv6'])
  })

  it('selects no path of a peer before that, so that nobody is told of a second-best one', async () => {
    await begin()
    a.establish().announceWith({ asPath: [{ kind: 'sequence', asns: [64513, 1, 2, 3] }] }, '10.1.0.0/16')
    tellAll(a)
    expect(bench.prefixes()).to.deep.equal([])
    b.establish().announce('10.1.0.0/16')
    tellAll(b)
    expect(bench.best.get('10.1.0.0/16')).to.equal('10.0.0.3')
    expect(bench.changes.length).to.equal(1)
  })

  it('announces its own routes at once (A16)', async () => {
    await begin()
    bench.speaker.announce({ prefix: '10.9.0.0/16' })
    a.establish()
    expect(a.names()).to.deep.equal(['open', 'update +10.9.0.0/16'])
    bench.speaker.withdraw('10.9.0.0/16')
    expect(a.names()).to.deep.equal(['update -10.9.0.0/16'])
  })

  it('sends none while it is held for a peer, restart or not, and then after what was announced meanwhile', async () => {
    await begin({})
    const held = bench.peer(
      { address: '10.0.0.4', asn: 64515, capabilities: [capability()] },
      { ...OURS, holdEndOfRib: true },
    )
    bench.speaker.announce({ prefix: '10.9.0.0/16' })
    held.establish()
    expect(held.names()).to.deep.equal(['open', 'update +10.9.0.0/16'])
    expect(a.establish().names()).to.include('end-of-rib ipv4')
    bench.speaker.announce({ prefix: '10.8.0.0/16' })
    const config = bench.speaker.configuration('10.0.0.4')!
    bench.speaker.updatePeer({ ...config, maxPrefixes: 7 })
    expect(held.names()).to.deep.equal(['update +10.8.0.0/16'])
    bench.speaker.announce({ prefix: '10.7.0.0/16' })
    bench.speaker.updatePeer({ ...config, holdEndOfRib: false })
    expect(held.names()).to.deep.equal(['update +10.7.0.0/16', 'end-of-rib ipv4', 'end-of-rib ipv6'])
    bench.speaker.updatePeer({ ...config, holdEndOfRib: true })
    bench.speaker.updatePeer({ ...config, holdEndOfRib: false })
    expect(held.names()).to.deep.equal([])
  })

  it('waits no longer than the selection deferral time for a peer that does not come (A16)', async () => {
    await begin({ restarting: true, selectionDeferralTime: 30 })
    a.establish().announce('10.1.0.0/16')
    tellAll(a)
    bench.clock.advance(28_000)
    expect(bench.prefixes()).to.deep.equal([])
    bench.clock.advance(3000)
    expect(bench.prefixes()).to.deep.equal(['10.1.0.0/16'])
    expect(a.names().slice(-2)).to.deep.equal(['end-of-rib ipv4', 'end-of-rib ipv6'])
  })

  it('does not wait for a peer that restarts too, nor for one without the capability (A16)', async () => {
    await begin()
    a.establish([capability(true)])
    expect(a.names()).to.not.include('end-of-rib ipv4')
    b.establish([])
    expect(a.names()).to.include('end-of-rib ipv4')
    expect(b.names()).to.include('end-of-rib ipv4')
  })

  it('waits for the peers that are added after its start', async () => {
    bench = await Bench.started({ restarting: true })
    bench.clock.advance(5000)
    a = bench.peer({ capabilities: [capability()] }, OURS)
    a.establish().announce('10.1.0.0/16')
    expect(bench.prefixes()).to.deep.equal([])
    tellAll(a)
    expect(bench.prefixes()).to.deep.equal(['10.1.0.0/16'])
  })

  it('waits for nobody where no peer has graceful restart', async () => {
    bench = await Bench.started({ restarting: true })
    a = bench.peer()
    a.establish().announce('10.1.0.0/16')
    expect(bench.prefixes()).to.deep.equal(['10.1.0.0/16'])
  })

  it('that left without a word sent none: its peers see the connection go', async () => {
    await begin({})
    a.establish()
    a.heard()
    await bench.speaker.abandon()
    expect(a.names()).to.deep.equal([])
    expect(a.closed).to.equal(true)
  })
})
