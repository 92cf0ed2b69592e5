/** Packets of a size over a router whose next link takes less: the kernel's own answers, and a router that says nothing. */
import { probePath } from '@podroute/linux/path-probe.ts'
import { expect } from 'chai'
import { run } from '../../lab/command.ts'

const NEAR = 'pr-path-near'
const ROUTER = 'pr-path-router'
const FAR = 'pr-path-far'
const FAMILIES = [
  { name: 'IPv4', far: '10.98.2.2', nowhere: '10.99.0.1', neighbour: '10.98.1.2' },
  { name: 'IPv6', far: 'fd98:2::2', nowhere: 'fd99::1', neighbour: 'fd98:1::2' },
] as const
const SETUP = `
for n in ${NEAR} ${ROUTER} ${FAR}; do ip netns add $n; ip -n $n link set lo up; done
ip netns exec ${ROUTER} sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0
ip netns exec ${FAR} sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0
ip -n ${NEAR} link add eth0 type veth peer name near netns ${ROUTER}
ip -n ${FAR} link add eth0 mtu 1400 type veth peer name far netns ${ROUTER}
ip -n ${ROUTER} link set far mtu 1400
for at in "${NEAR} eth0 1 1" "${ROUTER} near 1 2" "${ROUTER} far 2 1" "${FAR} eth0 2 2"; do
  set -- $at
  ip -n $1 address add 10.98.$3.$4/24 dev $2; ip -n $1 address add fd98:$3::$4/64 dev $2 nodad; ip -n $1 link set $2 up
done
ip -n ${NEAR} route add 10.98.2.0/24 via 10.98.1.2; ip -n ${NEAR} route add fd98:2::/64 via fd98:1::2
ip -n ${FAR} route add 10.98.1.0/24 via 10.98.2.1; ip -n ${FAR} route add fd98:1::/64 via fd98:2::1
ip netns exec ${ROUTER} nft 'add table inet filter; add chain inet filter output { type filter hook output priority 0; }'
`
/** A router whose messages do not come through. */
const MUTE = `
ip netns exec ${ROUTER} nft 'add rule inet filter output icmp type destination-unreachable drop'
ip netns exec ${ROUTER} nft 'add rule inet filter output icmpv6 type packet-too-big drop'
ip -n ${NEAR} route flush cache; ip -n ${NEAR} -6 route flush cache
`

const sh = (script: string) => run('sh', ['-ec', script])
const probe = (address: string, size: number) => probePath({ address, size, patience: 2000, netns: NEAR })

describe('packets of a size on their way to an address', function () {
  this.timeout(30_000)
  const remove = () =>
    sh(`for n in ${NEAR} ${ROUTER} ${FAR}; do [ ! -e /run/netns/$n ] || ip netns delete $n; done`)
  before(async () => {
    await remove()
    await sh(SETUP)
  })
  after(remove)

  for (const { name, far, nowhere, neighbour } of FAMILIES)
    it(`arrive, or are too large for a link on it, ${name}`, async () => {
      expect(await probe(neighbour, 1500)).to.deep.equal({ kind: 'arrived' })
      expect(await probe(far, 1400)).to.deep.equal({ kind: 'arrived' })
      expect(await probe(far, 1401)).to.deep.equal({ kind: 'too-large', mtu: 1400 })
      expect((await probe(nowhere, 1400)).kind).to.equal('unreachable')
    })

  for (const { name, far } of FAMILIES)
    it(`are lost without a word where the router may not speak, ${name}`, async () => {
      await sh(MUTE)
      expect(await probe(far, 1400)).to.deep.equal({ kind: 'arrived' })
      expect(await probe(far, 1401)).to.deep.equal({ kind: 'silent' })
    })
})
