// End-of-RIB as users see it (RFC 4724 section 2): an event that comes after the best paths that the peer's routes have led to.
import { expect } from 'chai'
import { Bench } from '../../testing/bench.ts'

describe('the event of End-of-RIB', () => {
  let bench: Bench
  let seen: string[]
  beforeEach(async () => {
    bench = await Bench.started()
    seen = []
    bench.speaker.on('best', (changes) => {
      for (const { prefix, best } of changes) seen.push(`${best === undefined ? '-' : '+'}${prefix}`)
    })
    bench.speaker.on('peer', (event) => {
      if (event.kind === 'end-of-rib') seen.push(`end ${event.family}`)
      if (event.kind === 'down') seen.push('down')
    })
  })
  afterEach(() => bench.close())

  it('comes after the best paths of routes that were read together with it', () => {
    const peer = bench.peer()
    peer.establish()
    peer.announce('10.1.0.0/16')
    peer.endOfRib('ipv4-unicast')
    peer.announce('fd10::/48')
    peer.endOfRib('ipv6-unicast')
    bench.clock.settle()
    expect(seen.indexOf('end ipv4-unicast')).to.be.above(seen.indexOf('+10.1.0.0/16'))
    expect(seen.indexOf('end ipv6-unicast')).to.be.above(seen.indexOf('+fd10::/48'))
    expect(seen).to.have.length(4)
  })

  it('comes for a peer without routes as well', () => {
    const peer = bench.peer()
    peer.establish()
    peer.endOfRib('ipv4-unicast')
    bench.clock.settle()
    expect(seen).to.deep.equal(['end ipv4-unicast'])
  })

  /** More than are selected in one turn. */
  const manyRoutes = () => {
    const peer = bench.peer({}, { maxPrefixes: 20_000 })
    peer.establish()
    const prefixes = Array.from({ length: 10_000 }, (_, i) => `10.${i >> 8}.${i & 255}.0/24`)
    for (let at = 0; at < prefixes.length; at += 500) peer.announce(...prefixes.slice(at, at + 500))
    peer.endOfRib('ipv4-unicast')
  }

  it('comes after all of many routes, which are selected in several turns', () => {
    manyRoutes()
    bench.clock.settle()
    expect(seen).to.have.length(10_001)
    expect(seen.at(-1)).to.equal('end ipv4-unicast')
  })

  it('does not come after the end of the session', () => {
    bench.speaker.once('best', () => void bench.speaker.removePeer('10.0.0.2'))
    manyRoutes()
    bench.clock.settle()
    expect(seen.filter((text) => /^[a-z]/.test(text))).to.deep.equal(['down'])
  })
})
