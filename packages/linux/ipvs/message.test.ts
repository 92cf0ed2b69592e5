import { expect } from 'chai'
import { GENL_HEADER } from '../netlink/generic.ts'
import { createWriter, putAttribute, WireError, written } from '../netlink/wire.ts'
import { bytesOf, DESTINATIONS, hexOf, messageOf, SERVERS } from '../testing/vectors.ts'
import {
  CMD,
  FLAG_SCHED_1,
  readCounters,
  readDestination,
  readServer,
  settingsEnd,
  type VirtualServer,
  writeDestination,
  writeServer,
  writeServerKey,
  writeTimeouts,
} from './message.ts'

const bytesFrom = (write: (w: ReturnType<typeof createWriter>) => void) => {
  const w = createWriter()
  write(w)
  return written(w)
}
const idle = { activeConnections: 0, inactiveConnections: 0 }
const server: VirtualServer = SERVERS[0]!.value

describe('IPVS messages', () => {
  for (const { name, hex, value } of SERVERS) {
    it(`reads and writes ${name}`, () => {
      expect(readServer(messageOf(28, bytesOf(hex)))).to.deep.equal(value)
      const bytes = bytesFrom((w) => writeServer(w, CMD.newService, value))
      expect(readServer(messageOf(28, bytes))).to.deep.equal(value)
    })
  }

  it('tells the settings of a server from its counters', () => {
    const SVC_STATS = 10
    /** As the kernel does, within the attribute that holds the others. */
    const withCounters = (value: VirtualServer, counters: readonly number[]) =>
      bytesFrom((w) => {
        writeServer(w, CMD.newService, value)
        putAttribute(w, SVC_STATS, new Uint8Array(counters))
        w.view.setUint16(GENL_HEADER, w.length - GENL_HEADER, true)
      })
    const settings = (value: VirtualServer, ...counters: number[]) => {
      const bytes = withCounters(value, counters)
      return hexOf(bytes.subarray(0, settingsEnd(bytes, 0)))
    }
    expect(settings(server, 0, 0, 0, 0)).to.equal(settings(server, 1, 2, 3, 4))
    const others: VirtualServer[] = [
      { ...server, flags: server.flags ^ FLAG_SCHED_1 },
      { ...server, scheduler: 'lblcr' },
      { ...server, timeout: server.timeout + 1 },
      { ...server, port: server.port + 1 },
    ]
    const texts = [server, ...others].map((value) => settings(value, 0))
    expect(new Set(texts).size).to.equal(texts.length)
  })

  for (const { name, hex, value } of DESTINATIONS) {
    it(`reads and writes ${name}`, () => {
      const family = value.address.includes(':') ? 6 : 4
      expect(readDestination(messageOf(28, bytesOf(hex)), family)).to.deep.equal({ ...value, ...idle })
      const bytes = bytesFrom((w) => writeDestination(w, CMD.newDestination, server, value))
      expect(readDestination(messageOf(28, bytes), family)).to.deep.equal({ ...value, ...idle })
    })
  }

  it('writes exactly what the kernel is known to take', () => {
    expect(hexOf(bytesFrom((w) => writeServer(w, CMD.newService, server)))).to.equal(
      '01010000540001800600010002000000060002000600000014000300' +
        '0a60000a0000000000000000000000000600040000500000' +
        '07000600727200000c00070000000000ffffffff080008000000000008000900ffffffff',
    )
    expect(hexOf(bytesFrom((w) => writeServerKey(w, CMD.delService, SERVERS[2]!.value)))).to.equal(
      '030100001400018006000100020000000800050007000000',
    )
    expect(hexOf(bytesFrom((w) => writeTimeouts(w, { tcpFin: 10 })))).to.equal(
      '0c010000080004000000000008000500' + '0a0000000800060000000000',
    )
  })

  it('names a destination by its address alone when it is removed', () => {
    const whole = bytesFrom((w) => writeDestination(w, CMD.newDestination, server, DESTINATIONS[0]!.value))
    const name = bytesFrom((w) => writeDestination(w, CMD.delDestination, server, DESTINATIONS[0]!.value))
    expect(whole.length - name.length).to.equal(4 * 8)
  })

  it('reads 64-bit counters where the kernel has them', () => {
    const bytes = bytesOf(SERVERS[0]!.hex)
    // The first attribute of IPVS_SVC_ATTR_STATS64: connections.
    const at = bytes.length - 10 * 12 + 4
    bytes.set([1, 0, 0, 0, 1, 0, 0, 0], at)
    expect(readCounters(messageOf(28, bytes)).connections).to.equal(2 ** 32 + 1)
  })

  it('refuses cut messages', () => {
    const bytes = bytesOf(SERVERS[0]!.hex)
    for (let length = 0; length < bytes.length; length++) {
      expect(() => readServer(messageOf(28, bytes.subarray(0, length))), `${length} bytes`).to.throw(
        WireError,
      )
    }
  })
})
