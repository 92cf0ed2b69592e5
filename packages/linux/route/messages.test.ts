import { expect } from 'chai'
import { createWriter, WireError, written } from '../netlink/wire.ts'
import { ADDRESSES, bytesOf, hexOf, LINKS, messageOf, ROUTES } from '../testing/vectors.ts'
import { readAddress, writeAddress } from './address-message.ts'
import {
  formatMac,
  type NewLink,
  parseMac,
  readBridgePort,
  readLink,
  writeBridgePort,
  writeNewLink,
} from './link-message.ts'
import { readRoute, writeRoute } from './route-message.ts'
import { RTM_NEWADDR, RTM_NEWLINK, RTM_NEWROUTE } from './rtnetlink.ts'

const bytesFrom = (write: (w: ReturnType<typeof createWriter>) => void) => {
  const w = createWriter()
  write(w)
  return written(w)
}

/** Every shorter message is read as far as it goes or refused; nothing else is thrown. */
function survivesTruncation(bytes: Uint8Array, read: (bytes: Uint8Array) => unknown): void {
  let refused = 0
  for (let length = 0; length < bytes.length; length++) {
    try {
      read(bytes.subarray(0, length))
    } catch (error) {
      expect(error, `${length} bytes`).to.be.instanceOf(WireError)
      refused++
    }
  }
  expect(refused).to.be.above(0)
}

describe('route messages', () => {
  for (const { name, hex, value } of ROUTES) {
    it(`reads and writes ${name}`, () => {
      expect(readRoute(messageOf(RTM_NEWROUTE, bytesOf(hex)))).to.deep.equal(value)
      const bytes = bytesFrom((w) => writeRoute(w, value))
      expect(readRoute(messageOf(RTM_NEWROUTE, bytes))).to.deep.equal(value)
      survivesTruncation(bytesOf(hex), (cut) => readRoute(messageOf(RTM_NEWROUTE, cut)))
    })
  }

  it('writes exactly what the kernel is known to take', () => {
    const bytes = bytesFrom((w) => writeRoute(w, ROUTES[0]!.value))
    expect(hexOf(bytes)).to.equal('02180000feb3000100000000080001000af40100080005000a0000020800040004000000')
  })

  it('passes over multicast routes and cached clones', () => {
    const [first] = ROUTES
    const multicast = bytesOf(first!.hex)
    multicast[7] = 5
    expect(readRoute(messageOf(RTM_NEWROUTE, multicast))).to.equal(undefined)
    const clone = bytesOf(first!.hex)
    clone[9] = 2
    expect(readRoute(messageOf(RTM_NEWROUTE, clone))).to.equal(undefined)
  })
})

describe('address messages', () => {
  for (const { name, hex, value } of ADDRESSES) {
    it(`reads and writes ${name}`, () => {
      expect(readAddress(messageOf(RTM_NEWADDR, bytesOf(hex)))).to.deep.equal(value)
      const bytes = bytesFrom((w) => writeAddress(w, value))
      expect(readAddress(messageOf(RTM_NEWADDR, bytes))).to.deep.equal(value)
      survivesTruncation(bytesOf(hex), (cut) => readAddress(messageOf(RTM_NEWADDR, cut)))
    })
  }
})

describe('link messages', () => {
  for (const { name, hex, value } of LINKS) {
    it(`reads ${name}`, () => {
      expect(readLink(messageOf(RTM_NEWLINK, bytesOf(hex)))).to.deep.equal(value)
      survivesTruncation(bytesOf(hex), (cut) => readLink(messageOf(RTM_NEWLINK, cut)))
    })
  }

  it('writes links that read back as they were meant', () => {
    const bridge: NewLink = {
      kind: 'bridge',
      name: 'kube-bridge',
      mac: '02:00:00:00:00:01',
      mtu: 1450,
      up: true,
    }
    const link = readLink(
      messageOf(
        RTM_NEWLINK,
        bytesFrom((w) => writeNewLink(w, bridge)),
      ),
    )
    expect(link).to.include({
      name: 'kube-bridge',
      kind: 'bridge',
      mac: '02:00:00:00:00:01',
      mtu: 1450,
      up: true,
    })
  })

  it('writes the settings of a bridge port', () => {
    const bytes = bytesFrom((w) => writeBridgePort(w, 3, { hairpin: true, isolated: false }))
    const port = readBridgePort(messageOf(RTM_NEWLINK, bytes))
    expect(port).to.include({ hairpin: true, isolated: false })
  })

  it('reads and writes MAC addresses', () => {
    expect(formatMac(parseMac('0A:00:00:00:00:ff'))).to.equal('0a:00:00:00:00:ff')
    for (const text of ['', '0a:00', '0a:00:00:00:00:0', '0g:00:00:00:00:00']) {
      expect(() => parseMac(text), text).to.throw(RangeError)
    }
  })
})
