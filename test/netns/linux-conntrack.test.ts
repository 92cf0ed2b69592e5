/** Connection tracking on a real kernel: flows to a VIP that is translated to an endpoint. */
import { parseAddress } from '@podroute/address/address.ts'
import { Conntrack } from '@podroute/linux/conntrack.ts'
import { withNetns } from '@podroute/linux/netns.ts'
import { Nft } from '@podroute/linux/nft/nft.ts'
import { AF_INET, AF_INET6, bind, close, SOCK_DGRAM, sendto, socket } from '@podroute/linux/sys.ts'
import { sockaddr } from '@podroute/linux/tcp-options.ts'
import { expect } from 'chai'
import { TestNetns } from './linux-support.ts'

for (const [family, vip, node, one, two] of [
  [4, '10.96.0.10', '10.0.0.1', '10.0.0.11', '10.0.0.12'],
  [6, 'fd10:96::a', 'fd00::1', 'fd00::11', 'fd00::12'],
] as const) {
  describe(`connection tracking of IPv${family}`, () => {
    let netns: TestNetns
    let conntrack: Conntrack

    beforeEach(async () => {
      netns = await TestNetns.create('conntrack')
      const prefix = family === 6 ? '64' : '24'
      await netns.veth('v0', `${node}/${prefix}`)
      await netns.routes.apply([
        {
          kind: 'add',
          route: {
            family,
            destination: family === 6 ? '::/0' : '0.0.0.0/0',
            gateway: one,
            table: 254,
            protocol: 179,
            scope: 0,
            type: 'unicast',
          },
        },
      ])
      using nft = Nft.open({ netns: netns.path })
      const ip = family === 6 ? 'ip6' : 'ip'
      await nft.run(`
table inet nat {
  chain output {
    type nat hook output priority -100; policy accept;
    ${ip} daddr ${vip} udp dport 53 dnat ${ip} to ${family === 6 ? `[${one}]` : one}:5353
    ${ip} daddr ${vip} udp dport 54 dnat ${ip} to ${family === 6 ? `[${two}]` : two}:5354
  }
}`)
      conntrack = Conntrack.open({ netns: netns.path })
    })

    afterEach(() => {
      conntrack[Symbol.dispose]()
      netns[Symbol.dispose]()
    })

    /** Sends one datagram to each port from a port of its own; nobody answers, the flows stay. */
    function send(...ports: readonly number[]): void {
      const fd = withNetns(netns.path, () => socket(family === 6 ? AF_INET6 : AF_INET, SOCK_DGRAM, 0))
      bind(fd, sockaddr(family, parseAddress(node), 0))
      for (const port of ports) sendto(fd, Uint8Array.of(1), 0, sockaddr(family, parseAddress(vip), port))
      close(fd)
    }

    const filter = { family, protocol: 'udp', destination: vip } as const

    it('lists the flows to a VIP with the endpoint that answers', async () => {
      send(53, 54)
      const flows = await conntrack.list({ ...filter, destinationPort: 53 })
      expect(flows).to.have.length(1)
      expect(flows[0]?.original).to.include({ source: node, destination: vip, destinationPort: 53 })
      expect(flows[0]?.reply).to.include({ source: one, sourcePort: 5353, destination: node })
      expect(await conntrack.list(filter)).to.have.length(2)
      expect(await conntrack.list({ family, protocol: 'tcp' })).to.deep.equal([])
    })

    it('picks flows of this family among all, and forgets those alone', async () => {
      send(53, 54)
      const flows = await conntrack.select((flow) => flow.original.destination === vip)
      expect(flows.map((flow) => [flow.family, flow.protocol, flow.reply.source]).sort()).to.deep.equal([
        [family, 'udp', one],
        [family, 'udp', two],
      ])
      const first = flows.filter((flow) => flow.reply.source === one)
      expect(await conntrack.forget(first)).to.equal(1)
      expect(await conntrack.forget(first), 'gone already').to.equal(0)
      expect((await conntrack.list(filter)).map((flow) => flow.reply.source)).to.deep.equal([two])
    })

    it('deletes the flows whose endpoint is gone and leaves the others', async () => {
      send(53, 54)
      send(53)
      const removed = await conntrack.remove(filter, (flow) => flow.reply.source === one)
      expect(removed).to.equal(2)
      expect((await conntrack.list(filter)).map((flow) => flow.reply.source)).to.deep.equal([two])
      expect(await conntrack.remove({ ...filter, destinationPort: 53 })).to.equal(0)
    })
  })
}
