import { expect } from 'chai'
import { IpvsTableReader, withoutCounters } from './ipvs-table.ts'

const TEXT = `IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port Forward Weight ActiveConn InActConn
TCP  0A60000A:0050 rr  persistent 10800 FFFFFFFF
  -> 0AF40102:1F90      Masq    1      3          4         
  -> FFF40103:1F90      Masq    0      0          0         
UDP  [fd10:0096:0000:0000:0000:0000:0000:000a]:0035 rr 
  -> [fd10:0244:0001:0000:0000:0000:0000:0002]:0035      Route   1      0          0         
TCP  0A60000B:0050 rr 
FWM  5D00ABCD rr 
  -> 0AF40102:1F90      Masq    1      0          0         
`

describe('IpvsTableReader', () => {
  it('finds the destinations of each server, whatever names it', () => {
    const table = new IpvsTableReader().read(TEXT)
    const short = [...table].map(([key, all]) => [key, all.map((d) => `${d.address} ${d.port} ${d.weight}`)])
    expect(short).to.deep.equal([
      ['tcp 10.96.0.10 80', ['10.244.1.2 8080 1', '255.244.1.3 8080 0']],
      ['udp fd10:96::a 53', ['fd10:244:1::2 53 1']],
      [`mark 4 ${0x5d00abcd}`, ['10.244.1.2 8080 1']],
    ])
    expect(table.get('tcp 10.96.0.10 80')![0]).to.include({
      forwarding: 'masquerade',
      activeConnections: 3,
      inactiveConnections: 4,
    })
  })

  it('finds nothing in nothing', () => {
    expect(new IpvsTableReader().read('').size).to.equal(0)
  })

  it('finds the same wherever the text is cut', () => {
    const lines = (tables: ReturnType<IpvsTableReader['read']>[]) =>
      tables.flatMap((table) =>
        [...table].flatMap(([key, all]) => all.map((d) => `${key} ${d.address} ${d.port}`)),
      )
    const whole = lines([new IpvsTableReader().read(TEXT)])
    expect(whole).to.have.length(4)
    for (let cut = 0; cut <= TEXT.length; cut++) {
      const reader = new IpvsTableReader()
      const pieces = [TEXT.slice(0, cut), TEXT.slice(cut)].map((piece) => reader.read(piece))
      expect(lines(pieces), `cut at ${cut}`).to.deep.equal(whole)
    }
  })
})

describe('the IPVS table without counters', () => {
  it('is the same whatever connections there are', () => {
    const busy = TEXT.replace('1      3          4         ', '1      1234567890 21        ')
    expect(busy).not.to.equal(TEXT)
    expect(withoutCounters(busy)).to.equal(withoutCounters(TEXT))
  })

  it('differs with every setting of a server and a destination', () => {
    const changes = [
      ['rr  persistent 10800', 'lc  persistent 10800'],
      ['persistent 10800', 'persistent 10801'],
      ['FFF40103:1F90      Masq    0', 'FFF40103:1F90      Masq    1'],
      ['FFF40103:1F90      Masq', 'FFF40103:1F90      Route'],
      ['FFF40103:1F90', 'FFF40104:1F90'],
      ['FFF40103:1F90', 'FFF40103:1F91'],
      [']:0035      Route   1 ', ']:0035      Route   2 '],
      ['UDP  [fd10', 'TCP  [fd10'],
    ] as const
    for (const [before, after] of changes) {
      const changed = TEXT.replace(before, after)
      expect(changed, before).not.to.equal(TEXT)
      expect(withoutCounters(changed), before).not.to.equal(withoutCounters(TEXT))
    }
  })
})
