// Router discovery on an in-memory link, and the codec of its messages.
import { expect } from 'chai'
import { FakeClock } from '../testing/fake-clock.ts'
import { decodeDiscovery, encodeDiscovery } from './messages.ts'
import { type OpenLink, RouterDiscovery } from './router-discovery.ts'

const SOLICITATION = Uint8Array.from([133, 0, 0, 0, 0, 0, 0, 0])
/** As zebra of FRR 8.4 sends it: lifetime 30 s, options of its MAC address and MTU. */
const FROM_FRR = Uint8Array.from([
  ...[134, 0, 0x12, 0x34, 64, 0, 0, 30, 0, 0, 0, 0, 0, 0, 0, 0],
  ...[1, 1, 2, 0, 0, 0, 0, 1],
])

describe('discovery messages (RFC 4861)', () => {
  it('are read with and without options', () => {
    expect(decodeDiscovery(SOLICITATION)).to.deep.equal({ kind: 'solicitation' })
    expect(decodeDiscovery(FROM_FRR)).to.deep.equal({ kind: 'advertisement', lifetime: 30 })
  })

  it('decode to what was encoded', () => {
    for (const message of [
      { kind: 'solicitation' },
      { kind: 'advertisement', lifetime: 1800 },
      { kind: 'advertisement', lifetime: 0 },
    ] as const)
      expect(decodeDiscovery(encodeDiscovery(message))).to.deep.equal(message)
  })

  it('are nothing when cut short, of another type or code, or with an option of length 0 (6.1.1, 6.1.2)', () => {
    for (let length = 0; length < FROM_FRR.length; length++)
      if (length !== 16) expect(decodeDiscovery(FROM_FRR.subarray(0, length))).to.equal(undefined)
    for (const [at, value] of [
      [0, 135],
      [1, 1],
      [17, 0],
      [17, 2],
    ] as const) {
      const bytes = FROM_FRR.slice()
      bytes[at] = value
      expect(decodeDiscovery(bytes)).to.equal(undefined)
    }
  })
})

describe('router discovery', () => {
  let clock: FakeClock
  let sent: [at: number, kind: string, to: string][]
  let found: string[]
  let heard: (bytes: Uint8Array, source: string) => void
  let broken: boolean
  let opened: number

  const open: OpenLink = (_link, hear) => {
    if (broken) throw new Error('ENODEV')
    opened++
    heard = hear
    return {
      send(bytes, to) {
        if (broken) throw new Error('ENETDOWN')
        const message = decodeDiscovery(bytes)!
        const kind = message.kind === 'advertisement' ? `lifetime ${message.lifetime}` : message.kind
        sent.push([clock.now() / 1000, kind, to])
      },
      close() {},
    }
  }
  const watch = () =>
    new RouterDiscovery({ open, clock, random: () => 0.5 }).watch('eth0', (address) => found.push(address))

  beforeEach(() => {
    clock = new FakeClock(0)
    sent = []
    found = []
    broken = false
    opened = 0
  })

  it('solicits, advertises a few times each second, then about every ten', () => {
    watch()
    clock.advance(22_000)
    expect(sent.map(([at, kind]) => [at, kind])).to.deep.equal([
      [0, 'solicitation'],
      [0, 'lifetime 30'],
      [1, 'lifetime 30'],
      [2, 'lifetime 30'],
      [3, 'lifetime 30'],
      [11.75, 'lifetime 30'],
      [20.5, 'lifetime 30'],
    ])
    expect(sent[0]?.[2]).to.equal('ff02::2')
    expect(sent[1]?.[2]).to.equal('ff02::1')
  })

  it('answers a solicitation soon, but many of them no more than once a second', () => {
    watch()
    clock.advance(5000)
    sent = []
    for (let i = 0; i < 20; i++) {
      heard(SOLICITATION, 'fe80::2')
      clock.advance(100)
    }
    expect(sent.map(([at]) => at)).to.deep.equal([5.25, 6.25])
  })

  it('tells where the neighbour is, once for each address, and believes only link-local ones', () => {
    watch()
    for (const source of ['fe80::2', 'fe80::2', 'fd00::2', '::']) heard(FROM_FRR, source)
    heard(FROM_FRR.subarray(0, 12), 'fe80::4')
    clock.advance(5000)
    heard(FROM_FRR, 'fe80::3')
    expect(found).to.deep.equal(['fe80::2%eth0', 'fe80::3%eth0'])
  })

  it('tries each of several neighbours for some seconds, however fast they advertise', () => {
    watch()
    for (let i = 0; i < 1000; i++) {
      heard(FROM_FRR, `fe80::${(i % 7) + 2}`)
      clock.advance(10)
    }
    expect(found).to.have.length(2)
  })

  it('waits for a link that is not there, and opens again one that went', () => {
    broken = true
    watch()
    clock.advance(2500)
    expect(opened).to.equal(0)
    broken = false
    clock.advance(1000)
    expect([opened, sent.length]).to.deep.equal([1, 2])
    broken = true
    clock.advance(3000)
    broken = false
    clock.advance(2000)
    expect(opened).to.equal(2)
  })

  it('says at its end that we are no router any more (6.2.5), and nothing after that', () => {
    const watching = watch()
    sent = []
    watching.close()
    clock.advance(60_000)
    heard(FROM_FRR, 'fe80::2')
    expect(sent).to.deep.equal([[0, 'lifetime 0', 'ff02::1']])
    expect(found).to.deep.equal([])
  })
})
