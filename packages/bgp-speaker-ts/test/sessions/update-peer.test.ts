// `updatePeer`: which fields keep the session and which need a new one.

import { EventEmitter } from 'node:events'
import { expect } from 'chai'
import type { BfdSessionConfig } from '../../bfd/config.ts'
import type { PeerConfig } from '../../config.ts'
import { Bench } from '../../testing/bench.ts'
import type { RawPeer } from '../../testing/raw-peer.ts'

const BASE: PeerConfig = {
  address: '10.0.0.2',
  asn: 64513,
  families: ['ipv4-unicast', 'ipv6-unicast'],
  nextHop: { ipv6: 'fd00::1' },
  passive: true,
}
const POLICY = { rules: [], otherwise: 'reject' } as const
const RESTART = { time: 60, forwarding: true }

class Monitor extends EventEmitter {
  readonly sessions: string[] = []
  addSession({ peer, desiredMinTx = 0 }: BfdSessionConfig): void {
    this.sessions.push(`+${peer} ${desiredMinTx}`)
  }
  removeSession(peer: string): void {
    this.sessions.push(`-${peer}`)
  }
}

describe('updatePeer', () => {
  let bench: Bench
  let peer: RawPeer
  let monitor: Monitor

  beforeEach(async () => {
    monitor = new Monitor()
    bench = await Bench.started({ bfd: monitor, validator: { refuse: () => undefined } })
    peer = bench.peer().establish().announce('10.1.0.0/16')
    peer.heard()
  })
  afterEach(() => bench.close())

  const running: readonly (readonly [string, Partial<PeerConfig>])[] = [
    ['importPolicy', { importPolicy: POLICY }],
    ['exportPolicy', { exportPolicy: POLICY }],
    ['nextHop', { nextHop: { ipv6: 'fd00::9' } }],
    ['nextHopSelf', { nextHopSelf: true }],
    ['nextHopUnchanged', { nextHopUnchanged: true }],
    ['enforceFirstAs', { enforceFirstAs: false }],
    ['maxPrefixes', { maxPrefixes: 10 }],
    ['maxPrefixesAction', { maxPrefixesAction: 'warn' }],
    ['keepaliveTime', { keepaliveTime: 5 }],
    ['password', { password: 'secret' }],
    ['ttl', { ttl: 3 }],
    ['localAsnPrepends', { localAsnPrepends: true }],
    ['connectRetryTime', { connectRetryTime: 60 }],
    ['passive', { passive: false }],
    ['bfd', { bfd: {} }],
    ['routeReflectorClient', { routeReflectorClient: true }],
    ['validated', { validated: true }],
  ]
  for (const [name, change] of running) {
    it(`keeps the session when ${name} changes`, () => {
      bench.speaker.updatePeer({ ...BASE, ...change })
      expect(peer.names().filter((text) => text.startsWith('notification'))).to.deep.equal([])
      expect(bench.speaker.peers()[0]).to.deep.include({ state: 'established' })
      expect(bench.downs()).to.deep.equal([])
    })
  }

  it('keeps the session when what concerns its end only changes: most and tellAnyway of longLivedRestart', async () => {
    await bench.close()
    bench = await Bench.started()
    const config = { ...BASE, gracefulRestart: RESTART, longLivedRestart: { time: 60 } }
    peer = bench.peer({}, config).establish()
    bench.speaker.updatePeer({ ...config, longLivedRestart: { time: 60, most: 5, tellAnyway: true } })
    expect(bench.downs()).to.deep.equal([])
  })

  const anew: readonly (readonly [string, Partial<PeerConfig>])[] = [
    ['asn', { asn: 'external' }],
    ['port', { port: 1179 }],
    ['role', { role: 'provider' }],
    ['localAddress', { localAddress: '10.0.0.1' }],
    ['holdTime', { holdTime: 30 }],
    ['families', { families: ['ipv4-unicast'] }],
    ['localAsn', { localAsn: 64600 }],
    ['allowOwnAs', { allowOwnAs: 1 }],
    ['ttlSecurityHops', { ttlSecurityHops: 1 }],
    ['extendedNextHop', { extendedNextHop: true }],
    ['addPathReceive', { addPathReceive: true }],
    ['addPathSend', { addPathSend: true }],
    ['gracefulRestart', { gracefulRestart: RESTART }],
    ['longLivedRestart', { gracefulRestart: RESTART, longLivedRestart: { time: 60 } }],
  ]
  for (const [name, change] of anew) {
    it(`takes a new session when ${name} changes`, () => {
      bench.speaker.updatePeer({ ...BASE, ...change })
      expect(peer.names()).to.deep.equal(['notification 6/6'])
    })
  }

  it('changes the key and the TTL of the connection that there is (A9)', () => {
    const [connection] = bench.network.between('10.0.0.1', '10.0.0.2')
    bench.speaker.updatePeer({ ...BASE, password: 'secret', ttl: 3 })
    expect([connection?.password, connection?.ttl]).to.deep.equal(['secret', 3])
    expect(bench.network.passwords.get('10.0.0.2')).to.equal('secret')
    bench.speaker.updatePeer(BASE)
    expect([connection?.password, connection?.ttl]).to.deep.equal([undefined, 255])
    expect(bench.network.passwords.has('10.0.0.2')).to.equal(false)
  })

  it('takes a new session when password changes and the connection cannot have another', () => {
    for (const connection of bench.network.connections) connection.changesKeys = false
    bench.speaker.updatePeer({ ...BASE, password: 'secret' })
    expect(peer.names()).to.deep.equal(['notification 6/6'])
    expect(bench.network.passwords.get('10.0.0.2')).to.equal('secret')
  })

  it('connects at once with another key where there is no session', () => {
    peer.crash()
    bench.speaker.updatePeer({ ...BASE, passive: false, connectRetryTime: 600 })
    bench.clock.settle()
    const before = bench.network.attempts.length
    bench.speaker.updatePeer({ ...BASE, passive: false, connectRetryTime: 600, password: 'k2' })
    expect(bench.network.attempts.length).to.equal(before + 1)
  })

  it('connects to a peer that was waited for', () => {
    peer.crash()
    expect(bench.speaker.peers()[0]?.state).to.equal('active')
    bench.speaker.updatePeer({ ...BASE, passive: false })
    expect(bench.speaker.peers()[0]?.state).to.equal('connect')
  })

  it('watches the path anew with other timers of BFD, and no more without', () => {
    bench.speaker.updatePeer({ ...BASE, bfd: { desiredMinTx: 100 } })
    bench.speaker.updatePeer({ ...BASE, bfd: { desiredMinTx: 200 } })
    bench.speaker.updatePeer({ ...BASE })
    expect(monitor.sessions).to.deep.equal(['+10.0.0.2 100', '-10.0.0.2', '+10.0.0.2 200', '-10.0.0.2'])
  })

  it('takes over what the import policy lets in now, and told others of it', () => {
    const other = bench.peer({ address: '10.0.0.3', asn: 64514 }).establish()
    other.heard()
    bench.speaker.updatePeer({ ...BASE, importPolicy: POLICY })
    expect(other.names()).to.deep.equal(['update -10.1.0.0/16'])
    bench.speaker.updatePeer(BASE)
    expect(other.names()).to.deep.equal(['update +10.1.0.0/16'])
  })
})
