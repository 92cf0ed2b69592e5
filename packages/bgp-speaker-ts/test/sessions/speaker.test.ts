// Two speakers with each other over loopback TCP.
import { expect } from 'chai'
import { BgpConfigError } from '../../errors.ts'
import { Speaker } from '../../speaker.ts'
import { closeAll, connect, makeSpeaker, type TestSpeaker, until } from '../../testing/pair.ts'

const announce = (prefix: string, more = {}) => ({ prefix, ...more })

describe('Speaker', () => {
  let a: TestSpeaker
  let b: TestSpeaker

  const started = async (asnA: number, asnB: number) => {
    a = await makeSpeaker('127.0.1.1', { asn: asnA })
    b = await makeSpeaker('127.0.1.2', { asn: asnB })
  }
  const state = (of: TestSpeaker) => of.speaker.peers()[0]?.state

  afterEach(() => closeAll(a, b))

  it('exchanges IPv4 routes over eBGP, next hop self and the AS prepended', async () => {
    await started(64512, 64513)
    a.speaker.announce(announce('10.1.0.0/16'))
    connect(a, b)
    await until([a, b], () => b.best.has('10.1.0.0/16'))
    const [path] = [...b.speaker.routes()]
    expect(path).to.deep.include({
      prefix: '10.1.0.0/16',
      peer: '127.0.1.1',
      source: 'ebgp',
      nextHop: '127.0.1.1',
      origin: 'igp',
    })
    expect(path?.asPath).to.deep.equal([{ kind: 'sequence', asns: [64512] }])
  })

  it('exchanges both families over one IPv4 session with explicit next hops', async () => {
    await started(64512, 64512)
    connect(a, b, { a: { nextHop: { ipv6: 'fd00::1' } }, b: { nextHop: { ipv6: 'fd00::2' } } })
    a.speaker.announce(
      announce('fd10::/64', {
        localPref: 200,
        communities: ['64512:7', 'no-export'],
        largeCommunities: ['1:2:3'],
        med: 5,
      }),
    )
    b.speaker.announce(announce('10.2.0.0/24'))
    await until([a, b], () => b.best.has('fd10::/64') && a.best.has('10.2.0.0/24'))
    expect(b.best.get('fd10::/64')).to.equal('fd00::1')
    expect(a.best.get('10.2.0.0/24')).to.equal('127.0.1.2')
    const path = [...b.speaker.routes('ipv6-unicast')][0]
    expect(path).to.deep.include({
      localPref: 200,
      med: 5,
      communities: ['64512:7', '65535:65281'],
      largeCommunities: ['1:2:3'],
      source: 'ibgp',
      asPath: [],
    })
  })

  it('withdraws, replaces, and drops the routes of a peer that goes away', async () => {
    await started(64512, 64513)
    connect(a, b)
    a.speaker.announce(announce('10.1.0.0/16'))
    a.speaker.announce(announce('10.2.0.0/16'))
    await until([a, b], () => b.best.size === 2)
    a.speaker.withdraw('10.1.0.0/16')
    a.speaker.announce(announce('10.2.0.0/16', { med: 9 }))
    await until([a, b], () => b.best.size === 1)
    await until([a, b], () => [...b.speaker.routes()][0]?.med === 9)
    await a.speaker.close('maintenance')
    await until([b], () => b.best.size === 0)
    const down = b.events.find((event) => event.kind === 'down')
    expect(down).to.deep.include({
      reason: {
        kind: 'notification-received',
        code: 6,
        subcode: 2,
        text: 'Cease/Administrative Shutdown',
        communication: 'maintenance',
      },
    })
  })

  it('refuses a peer of another AS number', async () => {
    await started(64512, 64513)
    connect(a, b, { b: { asn: 64999 } })
    await until([a, b], () => a.speaker.peers()[0]?.lastDown?.kind === 'notification-received')
    expect(a.speaker.peers()[0]?.lastDown).to.deep.include({
      code: 2,
      subcode: 2,
      text: 'OPEN Message Error/Bad Peer AS',
    })
  })

  it('applies import policy and counts rejects by rule', async () => {
    await started(64512, 64512)
    const importPolicy = {
      rules: [
        {
          name: 'pods',
          match: { prefixes: [{ prefix: '10.1.0.0/16', maxLength: 24 }], nextHops: ['127.0.1.1'] },
          set: { localPref: 300 },
          verdict: 'accept' as const,
        },
        { name: 'default-route', match: { prefixes: [{ prefix: '0.0.0.0/0' }] }, verdict: 'reject' as const },
      ],
      otherwise: 'reject' as const,
    }
    connect(a, b, { b: { importPolicy } })
    for (const prefix of ['10.1.3.0/24', '10.1.0.0/25', '0.0.0.0/0', '192.168.0.0/16'])
      a.speaker.announce(announce(prefix))
    await until([a, b], () => b.best.has('10.1.3.0/24'))
    expect([...b.best.keys()]).to.deep.equal(['10.1.3.0/24'])
    expect([...b.speaker.routes()][0]?.localPref).to.equal(300)
    const { counters } = b.speaker.peers()[0]!
    expect(counters).to.deep.include({
      prefixesReceived: 4,
      prefixesAccepted: 1,
      rejected: { otherwise: 2, 'default-route': 1 },
    })
  })

  it('takes over a changed policy without a session reset', async () => {
    await started(64512, 64513)
    const only = (prefix: string) => ({
      rules: [{ name: 'only', match: { prefixes: [{ prefix }] }, verdict: 'accept' as const }],
      otherwise: 'reject' as const,
    })
    connect(a, b)
    a.speaker.announce(announce('10.1.0.0/16'))
    a.speaker.announce(announce('10.2.0.0/16'))
    await until([a, b], () => b.best.size === 2)
    const config = {
      address: b.address,
      asn: 64513,
      port: b.port,
      localAddress: a.address,
      families: ['ipv4-unicast', 'ipv6-unicast'] as const,
    }
    a.speaker.updatePeer({ ...config, exportPolicy: only('10.1.0.0/16') })
    await until([a, b], () => b.best.size === 1)
    expect([...b.best.keys()]).to.deep.equal(['10.1.0.0/16'])
    a.speaker.updatePeer({ ...config, exportPolicy: only('10.2.0.0/16') })
    await until([a, b], () => b.best.has('10.2.0.0/16') && b.best.size === 1)
    b.speaker.updatePeer({
      address: a.address,
      asn: 64512,
      port: a.port,
      localAddress: b.address,
      passive: true,
      families: config.families,
      importPolicy: only('10.1.0.0/16'),
    })
    await until([a, b], () => b.best.size === 0)
    expect(b.events.filter((event) => event.kind === 'down')).to.deep.equal([])
    expect(state(b)).to.equal('established')
  })

  it('does not pass routes of one iBGP peer to another', async () => {
    await started(64512, 64512)
    const c = await makeSpeaker('127.0.1.3', { asn: 64512 })
    connect(a, b)
    connect(b, c)
    a.speaker.announce(announce('10.1.0.0/16'))
    b.speaker.announce(announce('10.2.0.0/16'))
    await until([a, b, c], () => b.best.has('10.1.0.0/16') && c.best.has('10.2.0.0/16'))
    await until([c], () =>
      c.events.some((event) => event.kind === 'end-of-rib' && event.family === 'ipv6-unicast'),
    )
    expect([...c.best.keys()]).to.deep.equal(['10.2.0.0/16'])
    await closeAll(c)
  })

  it('passes routes of an external peer on, and rejects its own AS in the path', async () => {
    await started(64512, 64513)
    const c = await makeSpeaker('127.0.1.3', { asn: 64512 })
    connect(a, b)
    connect(b, c)
    a.speaker.announce(announce('10.1.0.0/16'))
    await until([a, b, c], () => c.speaker.peers()[0]?.counters.rejected['as-loop'] === 1)
    expect(c.best.size).to.equal(0)
    await closeAll(c)
  })

  it('survives a collision of two connections with one session', async () => {
    await started(64512, 64513)
    connect(a, b, { b: { passive: false } })
    await until([a, b], () => state(a) === 'established' && state(b) === 'established')
    a.speaker.announce(announce('10.1.0.0/16'))
    await until([a, b], () => b.best.has('10.1.0.0/16'))
    expect(a.speaker.peers()[0]?.counters.established).to.equal(1)
  })

  it('removes a peer with CEASE/Peer De-configured', async () => {
    await started(64512, 64513)
    connect(a, b)
    await until([a, b], () => state(b) === 'established')
    await a.speaker.removePeer(b.address)
    await until([b], () => b.speaker.peers()[0]?.lastDown?.kind === 'notification-received')
    expect(b.speaker.peers()[0]?.lastDown).to.include({ code: 6, subcode: 3 })
    expect(a.speaker.peers()).to.deep.equal([])
  })

  it('reports every problem of a configuration with its path', async () => {
    await started(64512, 64513)
    const bad = () => new Speaker({ asn: 0, routerId: 'x', holdTime: 1 })
    expect(bad).to.throw(BgpConfigError, /asn: .*; routerId: .*; holdTime: /)
    const peer = {
      address: 'x',
      asn: 1,
      families: [],
      password: 'secret',
      importPolicy: {
        rules: [{ name: 'r', match: { nextHops: ['?'] }, verdict: 'accept' as const }],
        otherwise: 'accept' as const,
      },
    }
    expect(() => a.speaker.addPeer(peer)).to.throw(
      BgpConfigError,
      /address: .*families: .*password: .*importPolicy.rules\[0\].match.nextHops\[0\]: /,
    )
    expect(() => a.speaker.announce({ prefix: '10.0.0.0/33', communities: ['70000:1'] })).to.throw(
      BgpConfigError,
      /prefix: .*communities\[0\]: /,
    )
  })
})
