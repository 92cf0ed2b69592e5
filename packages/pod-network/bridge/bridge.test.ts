import { cidr } from '@podroute/address/cidr.ts'
import { expect } from 'chai'
import { masqueradeTable, planConfiguredElements, planNodeElements } from '../egress/masquerade.ts'
import { testNode, testSettings } from '../testing/fixtures.ts'
import { planBridge, planBridgeAddresses } from './bridge.ts'
import { planConflist } from './conflist.ts'
import { planSysctls } from './sysctls.ts'

describe('bridge', () => {
  it('has the first address of each pod prefix', () => {
    expect([...planBridgeAddresses(testNode(1)).keys()]).to.deep.equal([
      '10.244.1.1/24',
      'fd10:244:0:1::1/64',
    ])
  })

  it('has a MAC of its own that a restart does not change, and waits for a pod prefix', () => {
    expect(planBridge(testNode(1), 1450)).to.deep.equal({ mtu: 1450, mac: '0a:58:0a:f4:01:01' })
    const v6 = testNode(1, { podCIDRs: ['fd10:244:0:1::/64'] })
    expect(planBridge(v6, 1450)?.mac).to.equal('0a:58:00:00:00:01')
    expect(planBridge(testNode(1, { podCIDRs: [] }), 1450)).to.equal(undefined)
  })
})

describe('conflist', () => {
  it('names bridge and host-local with a range of each family, and portmap', () => {
    const conflist = JSON.parse(planConflist(testNode(1), 1450, testSettings))
    expect(conflist).to.deep.equal({
      cniVersion: '1.0.0',
      name: 'podroute',
      plugins: [
        {
          type: 'bridge',
          bridge: 'kube-bridge',
          isDefaultGateway: true,
          hairpinMode: true,
          mtu: 1450,
          sourceCheck: true,
          ipam: {
            type: 'host-local',
            ranges: [[{ subnet: '10.244.1.0/24' }], [{ subnet: 'fd10:244:0:1::/64' }]],
            reclaimStale: true,
          },
        },
        { type: 'portmap', snat: true, capabilities: { portMappings: true } },
      ],
    })
  })

  it('has one range on a node of one family', () => {
    const node = testNode(1, { podCIDRs: ['10.244.1.0/24'] })
    expect(JSON.parse(planConflist(node, 1500, testSettings)).plugins[0].ipam.ranges).to.have.length(1)
  })
})

describe('sysctls', () => {
  it('turns forwarding on, and keeps router advertisements where they are taken', () => {
    const names = planSysctls({ bridge: 'kube-bridge', cni: true }, { ipv6: true }, ['eth0']).map(
      (s) => `${s.name}=${s.value}`,
    )
    expect(names).to.include.members(['net/ipv4/ip_forward=1', 'net/ipv6/conf/all/forwarding=1'])
    expect(names.indexOf('net/ipv6/conf/eth0/accept_ra=2'))
      .to.be.at.least(0)
      .and.below(names.indexOf('net/ipv6/conf/all/forwarding=1'))
  })

  it('leaves IPv6 alone on a node without it', () => {
    const names = planSysctls({ bridge: 'kube-bridge', cni: true }, { ipv6: false }, ['eth0']).map(
      (s) => s.name,
    )
    expect(names.filter((n) => n.includes('ipv6') || n.includes('ip6'))).to.deep.equal([])
  })
})

describe('masquerade', () => {
  it('counts every pod prefix and node address as inside, the local prefix as what is translated', () => {
    expect(planNodeElements(testNode(2), false).map((e) => `${e.set} ${e.element}`)).to.deep.equal([
      'pods-4 10.244.2.0/24',
      'pods-6 fd10:244:0:2::/64',
      'nodes-4 172.30.0.12',
      'nodes-6 fd30::12',
      'speakers-4 172.30.0.12',
      'speakers-6 fd30::12',
      'speakers-4 10.244.2.1',
      'speakers-6 fd10:244:0:2::1',
    ])
    expect(planNodeElements(testNode(1), true).map((e) => e.set)).to.include.members([
      'pods-local-4',
      'pods-local-6',
    ])
    const settings = { ...testSettings, noMasquerade: [cidr('192.168.0.0/16')] }
    expect(planConfiguredElements(settings)).to.deep.equal([
      { set: 'no-masquerade-4', element: '192.168.0.0/16' },
    ])
  })

  it('has the rules of both families, or none', () => {
    const { rules } = masqueradeTable(true).chains['pod-egress']!
    expect(rules).to.deep.equal([
      'ip saddr @pods-local-4 ip daddr != @pods-4 ip daddr != @nodes-4 ip daddr != @no-masquerade-4 ip daddr != 224.0.0.0/4 masquerade',
      'ip6 saddr @pods-local-6 ip6 daddr != @pods-6 ip6 daddr != @nodes-6 ip6 daddr != @no-masquerade-6 ip6 daddr != ff00::/8 masquerade',
    ])
    const off = masqueradeTable(false)
    expect(off.chains['pod-egress']?.rules).to.deep.equal([])
    expect(off.sets).to.deep.equal(masqueradeTable(true).sets)
  })
})
