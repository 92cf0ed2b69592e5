import { expect } from 'chai'
import { createWriter, written } from '../netlink/wire.ts'
import { type NextHopObject, readNextHop, writeNextHop } from './next-hop-message.ts'

const OWN = { protocol: 179 } as const

const OBJECTS: Readonly<Record<string, NextHopObject>> = {
  'one of IPv4': { ...OWN, kind: 'single', id: 7, gateway: '192.0.2.1', interfaceIndex: 3 },
  'one of IPv6': { ...OWN, kind: 'single', id: 8, gateway: 'fe80::1', interfaceIndex: 4 },
  'a group': { ...OWN, kind: 'group', id: 0x50520001, members: [7, 8] },
  'a group of one': { ...OWN, kind: 'group', id: 9, members: [7] },
}

describe('messages of next hop objects', () => {
  const bytesOf = (object: NextHopObject) => {
    const w = createWriter()
    writeNextHop(w, object)
    return written(w)
  }

  for (const [name, object] of Object.entries(OBJECTS)) {
    it(`say ${name}, and read it`, () => {
      const payload = bytesOf(object)
      expect(readNextHop({ type: 104, flags: 0, seq: 0, pid: 0, payload })).to.deep.equal(object)
    })
  }

  it('are laid out as include/uapi/linux/nexthop.h says', () => {
    const hex = Buffer.from(bytesOf(OBJECTS['a group of one']!)).toString('hex')
    expect(hex).to.equal(
      ['0000b30000000000', '0800010009000000', '0c0002000700000000000000', '0600030001000000'].join('') +
        '0c000c80' +
        '0600010080000000',
    )
  })
})
