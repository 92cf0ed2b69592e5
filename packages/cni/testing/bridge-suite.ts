// bridge and loopback: what they make of the host and of the container. Runs on either world.

import { expect } from 'chai'
import {
  BRIDGE,
  bridgeConfig,
  dualStack,
  leasedAddresses,
  loopbackConfig,
  NETWORK,
} from './configurations.ts'
import type { Answer, LinkView, Place, World } from './world.ts'

export function describeBridge(world: () => World): void {
  const call = (
    command: string,
    netns: string,
    changes: object = {},
    ipam: object = {},
    containerId = 'c1',
  ): Answer =>
    world().run('bridge', { command, containerId, config: bridgeConfig(world(), changes, ipam), netns })
  const add = (netns: string, changes: object = {}, ipam: object = {}, containerId = 'c1') => {
    const answer = call('ADD', netns, changes, ipam, containerId)
    expect(answer.status, answer.output + answer.error).to.equal(0)
    return answer.json!
  }
  const refuse = (netns: string, pattern: RegExp, changes: object = {}, ipam: object = {}, code = 999) => {
    const answer = call('ADD', netns, changes, ipam)
    expect(answer.json?.code, answer.output + answer.error).to.equal(code)
    expect(answer.json?.msg).to.match(pattern)
    expect(leasedAddresses(world()), 'no lease stays').to.deep.equal([])
    expect(
      world()
        .links('host')
        .filter((link) => link.kind === 'veth'),
      'no link stays',
    ).to.deep.equal([])
  }
  const find = (place: Place, name: string): LinkView | undefined =>
    world()
      .links(place)
      .find((link) => link.name === name)

  describe('bridge', () => {
    it('takes a configuration of a version to come, and gives back what another version gave', () => {
      const netns = world().addContainer('one')
      // During an upgrade or a rollback the plugin, its configuration and the pod are of three versions.
      const news = { version: 7, newCheck: { of: ['tomorrow'] } }
      const json = add(netns, { isDefaultGateway: true, ...news }, { ...dualStack, ...news })
      expect(json.ips).to.have.length(2)
      expect(leasedAddresses(world())).to.have.length(2)
      expect(call('DEL', netns, { isDefaultGateway: true }, dualStack).status).to.equal(0)
      expect(leasedAddresses(world())).to.deep.equal([])
    })

    it('connects a container to a new bridge, dual stack, with default routes', () => {
      const netns = world().addContainer('one')
      const json = add(netns, { isDefaultGateway: true, hairpinMode: true }, dualStack)
      const [host, container] = [find('host', json.interfaces![1]!.name)!, find(netns, 'eth0')!]
      const bridge = find('host', BRIDGE)!
      expect(json).to.deep.equal({
        cniVersion: '1.0.0',
        interfaces: [
          { name: BRIDGE, mac: bridge.mac },
          { name: host.name, mac: host.mac },
          { name: 'eth0', mac: container.mac, sandbox: netns },
        ],
        ips: [
          { interface: 2, address: '10.77.0.2/24', gateway: '10.77.0.1' },
          { interface: 2, address: 'fd77::2/64', gateway: 'fd77::1' },
        ],
        routes: [
          { dst: '0.0.0.0/0', gw: '10.77.0.1' },
          { dst: '::/0', gw: 'fd77::1' },
        ],
      })
      expect(bridge).to.include({ kind: 'bridge', up: true })
      expect(bridge.addresses).to.have.members(['10.77.0.1/24', 'fd77::1/64'])
      expect(host).to.include({ kind: 'veth', up: true, master: BRIDGE, hairpin: true, isolated: false })
      expect(container).to.include({ kind: 'veth', up: true })
      expect(container.addresses).to.have.members(['10.77.0.2/24', 'fd77::2/64'])
      expect(world().routes(netns)).to.include.members(['default via 10.77.0.1', 'default via fd77::1'])
      expect(world().setting('host', 'ipv4/ip_forward')).to.equal('1')
      expect(world().setting('host', 'ipv6/conf/all/forwarding')).to.equal('1')
    })

    it('takes the IPAM’s default routes for the default gateway’s, and several gateways for a destination', () => {
      const netns = world().addContainer('one')
      const routes = [
        { dst: '0.0.0.0/0' },
        { dst: '10.9.0.0/16', gw: '10.77.0.8' },
        { dst: '10.9.0.0/16', gw: '10.77.0.9' },
      ]
      const json = add(netns, { isDefaultGateway: true }, { ...dualStack, routes })
      expect(json.routes).to.deep.equal([...routes, { dst: '::/0', gw: 'fd77::1' }])
      expect(world().routes(netns)).to.include.members([
        'default via 10.77.0.1',
        'default via fd77::1',
        '10.9.0.0/16 via 10.77.0.8',
        '10.9.0.0/16 via 10.77.0.9',
      ])
    })

    it('DEL takes back link and lease, and again succeeds; the bridge stays', () => {
      const netns = world().addContainer('one')
      add(netns, { isGateway: true })
      for (let i = 0; i < 2; i++) {
        expect(call('DEL', netns, { isGateway: true }).status).to.equal(0)
        expect(leasedAddresses(world())).to.deep.equal([])
        expect(find(netns, 'eth0')).to.equal(undefined)
        expect(
          world()
            .links('host')
            .map((link) => link.name),
        ).to.have.members(['lo', BRIDGE])
      }
    })

    it('DEL without a namespace, with one that is gone or is none, gives the lease back', () => {
      for (const path of ['', '/var/run/netns/never-was', '/dev/null']) {
        const netns = world().addContainer('gone')
        add(netns)
        world().removeContainer(netns)
        expect(call('DEL', path).status, path).to.equal(0)
        expect(leasedAddresses(world()), path).to.deep.equal([])
      }
    })

    it('shares the bridge among containers and keeps its MAC', () => {
      const macs = ['one', 'two', 'three'].map((name) => {
        add(world().addContainer(name), {}, {}, name)
        return find('host', BRIDGE)!.mac
      })
      expect(new Set(macs).size).to.equal(1)
      expect(leasedAddresses(world())).to.deep.equal(['10.77.0.2', '10.77.0.3', '10.77.0.4'])
    })

    it('gives a new gateway the MAC that the agent would give it, which stays with the last container', () => {
      const netns = world().addContainer('one')
      const json = add(netns, { isGateway: true })
      expect(json.interfaces![0]!.mac).to.equal('0a:58:0a:4d:00:01')
      expect(call('DEL', netns, { isGateway: true }).status).to.equal(0)
      expect(find('host', BRIDGE)!.mac).to.equal('0a:58:0a:4d:00:01')
    })

    it('fixes the MAC of a gateway that somebody else made, with its address on it already', () => {
      world().addLink('host', BRIDGE, 'bridge')
      world().addAddress('host', BRIDGE, '10.77.0.1/24')
      const { mac } = find('host', BRIDGE)!
      for (let i = 0; i < 6; i++) {
        const json = add(world().addContainer(`c${i}`), { isGateway: true }, {}, `c${i}`)
        expect(json.interfaces![0]!.mac).to.equal(mac)
      }
      expect(find('host', BRIDGE)!.mac).to.equal(mac)
    })

    it('gives a gateway that has lost its MAC with its last port a new one', () => {
      world().addLink('host', BRIDGE, 'bridge')
      const one = world().addContainer('one')
      add(one)
      call('DEL', one)
      expect(find('host', BRIDGE)!.mac).to.equal('00:00:00:00:00:00')
      add(world().addContainer('two'), { isGateway: true }, {}, 'c2')
      expect(find('host', BRIDGE)!.mac).to.equal('0a:58:0a:4d:00:01')
    })

    it('refuses a bridge that is none, and an address in its way unless forced', () => {
      const netns = world().addContainer('one')
      world().addLink('host', 'other0', 'vxlan')
      refuse(netns, /not a bridge/, { bridge: 'other0' })
      world().addLink('host', BRIDGE, 'bridge')
      world().addAddress('host', BRIDGE, '10.99.0.1/24')
      refuse(netns, /already has an IP address/, { isGateway: true })
      add(netns, { isGateway: true, forceAddress: true })
      expect(find('host', BRIDGE)!.addresses).to.deep.equal(['10.77.0.1/24'])
    })

    it('leaves IPv6 addresses of other prefixes on the bridge', () => {
      world().addLink('host', BRIDGE, 'bridge')
      world().addAddress('host', BRIDGE, 'fd99::1/64')
      add(world().addContainer('one'), { isGateway: true }, { ranges: [[{ subnet: 'fd77::/64' }]] })
      expect(find('host', BRIDGE)!.addresses).to.have.members(['fd99::1/64', 'fd77::1/64'])
    })

    it('leaves nothing behind when the interface exists already', () => {
      const netns = world().addContainer('one')
      world().addLink(netns, 'eth0', 'vxlan')
      refuse(netns, /eth0.*already exists/)
    })

    it('leaves nothing behind when the namespace is missing, and refuses its own', () => {
      refuse('/var/run/netns/never-was', /netns/)
      refuse('/proc/self/ns/net', /should not be the same/, {}, {}, 8)
    })

    it('leaves nothing behind when a route cannot be set', () => {
      const netns = world().addContainer('one')
      const routes = [{ dst: '10.5.0.0/16', gw: '10.77.0.9' }]
      refuse(netns, /failed to add route/, {}, { routes: [...routes, ...routes] })
    })

    it('sets mtu, MAC, port isolation and promiscuous mode', () => {
      const netns = world().addContainer('one')
      const mac = '02:aa:bb:cc:dd:ee'
      const json = add(netns, { mtu: 1400, promiscMode: true, portIsolation: true, runtimeConfig: { mac } })
      const host = find('host', json.interfaces![1]!.name)!
      expect(find(netns, 'eth0')).to.include({ mac, mtu: 1400 })
      expect(host).to.include({ mtu: 1400, isolated: true, hairpin: false })
      expect(find('host', BRIDGE)).to.include({ promiscuous: true })
    })

    it('refuses combinations that exclude each other', () => {
      const netns = world().addContainer('one')
      refuse(netns, /hairpin mode and promiscuous/, { hairpinMode: true, promiscMode: true })
      refuse(netns, /DisableContainerInterface/, { disableContainerInterface: true })
      refuse(netns, /VLAN ID/, { vlan: 4095 })
      refuse(netns, /minID is missing/, { vlanTrunk: [{ maxID: 4 }] })
      refuse(netns, /MAC/, { runtimeConfig: { mac: 'x' } })
      refuse(netns, /failed to find plugin/, { ipam: { type: 'no-such-ipam' } })
      refuse(netns, /invalid plugin name/, { ipam: { type: '../bridge' } })
    })

    it('works on layer 2 alone, with the container’s interface up or left alone', () => {
      const [up, down] = [world().addContainer('up'), world().addContainer('down')]
      const json = add(up, { ipam: {} })
      expect(json).not.to.have.any.keys('ips', 'routes')
      expect(find(up, 'eth0')).to.include({ up: true })
      add(down, { ipam: {}, disableContainerInterface: true }, {}, 'c2')
      expect(find(down, 'eth0')).to.include({ up: false })
    })

    it('turns IPv6 on in a container that has it off', () => {
      const netns = world().addContainer('one')
      world().setSetting(netns, 'ipv6/conf/lo/disable_ipv6', '1')
      add(netns, {}, dualStack)
      expect(world().setting(netns, 'ipv6/conf/lo/disable_ipv6')).to.equal('0')
      expect(world().setting(netns, 'ipv6/conf/eth0/keep_addr_on_down')).to.equal('1')
    })

    it('lets the configuration’s dns override the IPAM’s', () => {
      const dns = { nameservers: ['10.0.0.53'] }
      expect(add(world().addContainer('one'), { dns }).dns).to.deep.equal(dns)
    })

    it('answers in every version', () => {
      for (const cniVersion of ['0.1.0', '0.2.0', '0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0']) {
        const json = add(world().addContainer(cniVersion), { cniVersion }, {}, cniVersion)
        expect(json.cniVersion).to.equal(cniVersion)
        expect(json.ips?.[0]?.address ?? json.ip4?.ip).to.match(/^10\.77\.0\.\d+\/24$/)
      }
    })

    it('CHECK looks for a route in its own table', () => {
      const netns = world().addContainer('one')
      const routes = [{ dst: '10.9.0.0/16', table: 77 }]
      const previous = add(netns, { isGateway: true }, { routes })
      const check = (prevResult: object) => call('CHECK', netns, { isGateway: true, prevResult }, { routes })
      expect(check(previous).status).to.equal(0)
      const elsewhere = { ...previous, routes: [{ dst: '10.9.0.0/16', table: 78 }] }
      expect(check(elsewhere).json?.msg).to.match(/Expected Route 10.9.0.0\/16 not found/)
    })

    it('CHECK finds what ADD made, and misses what is gone', () => {
      const netns = world().addContainer('one')
      const prevResult = add(netns, { isDefaultGateway: true }, dualStack)
      const check = (changes: object = {}) =>
        call('CHECK', netns, { isDefaultGateway: true, prevResult, ...changes }, dualStack)
      expect(check().status, check().output).to.equal(0)
      expect(check({ prevResult: undefined }).json?.msg).to.match(/prevResult/)
      const wrong = { ...prevResult, ips: [{ ...prevResult.ips![0]!, address: '10.77.0.99/24' }] }
      expect(check({ prevResult: wrong }).json?.msg).to.match(/10\.77\.0\.99/)
      expect(check({ promiscMode: true }).json?.msg).to.match(/Promisc/)
      const routes = [{ dst: '10.5.0.0/16', gw: '10.77.0.1' }]
      expect(check({ prevResult: { ...prevResult, routes } }).json?.msg).to.match(/Expected Route/)
      world().removeLink(netns, 'eth0')
      expect(check().json?.code).to.equal(999)
    })

    it('GC removes links and leases of attachments that nobody vouches for', () => {
      const names = ['a', 'b', 'c']
      const gateway = { isGateway: true }
      const hosts = names.map(
        (name) => add(world().addContainer(name), gateway, {}, name).interfaces![1]!.name,
      )
      const config = bridgeConfig(world(), {
        cniVersion: '1.1.0',
        'cni.dev/valid-attachments': [{ containerID: 'b', ifname: 'eth0' }],
      })
      const other = { ...config, name: 'another', ipam: {} }
      expect(world().run('bridge', { command: 'GC', config: other }).status).to.equal(0)
      expect(leasedAddresses(world())).to.have.length(3)
      expect(world().run('bridge', { command: 'GC', config }).status).to.equal(0)
      expect(leasedAddresses(world())).to.deep.equal(['10.77.0.3'])
      expect(hosts.map((name) => find('host', name) !== undefined)).to.deep.equal([false, true, false])
      expect(find('host', hosts[1]!)!.alias).to.equal(`podroute/${NETWORK}/b/eth0`)
    })

    it('STATUS asks the IPAM', () => {
      const small = { ranges: [[{ subnet: '10.77.0.0/30' }]] }
      const config = { cniVersion: '1.1.0' }
      expect(call('STATUS', '', config, small).status).to.equal(0)
      add(world().addContainer('one'), {}, small)
      expect(call('STATUS', '', config, small).json?.code).to.equal(50)
    })

    it('STATUS is 51 when something else has the bridge’s name', () => {
      world().addLink('host', BRIDGE, 'vxlan')
      const answer = call('STATUS', '', { cniVersion: '1.1.0' })
      expect(answer.json?.code).to.equal(51)
      expect(answer.json?.msg).to.match(/is not a bridge/)
    })
  })

  describe('loopback', () => {
    const run = (command: string, netns: string, changes: object = {}) =>
      world().run('loopback', {
        command,
        config: { ...loopbackConfig, ...changes },
        netns,
        interfaceName: 'lo',
      })

    it('brings lo up, checks it, and takes it down', () => {
      const netns = world().addContainer('one')
      expect(run('CHECK', netns).json?.code).to.equal(999)
      const answer = run('ADD', netns)
      expect(answer.json, answer.output).to.deep.equal({
        cniVersion: '1.0.0',
        interfaces: [{ name: 'lo', mac: '00:00:00:00:00:00', sandbox: netns }],
        ips: [
          { interface: 0, address: '127.0.0.1/8' },
          { interface: 0, address: '::1/128' },
        ],
      })
      expect(run('CHECK', netns).status).to.equal(0)
      expect(run('DEL', netns).status).to.equal(0)
      expect(find(netns, 'lo')).to.include({ up: false })
    })

    it('passes an earlier result through', () => {
      const prevResult = {
        cniVersion: '1.0.0',
        interfaces: [{ name: 'eth0', mtu: 9000 }],
        ips: [{ address: '10.0.0.5/8' }],
      }
      expect(run('ADD', world().addContainer('one'), { prevResult }).json).to.deep.equal(prevResult)
    })

    it('DEL of a namespace that is gone succeeds; the host’s own lo is left alone', () => {
      expect(run('DEL', '/var/run/netns/never-was').status).to.equal(0)
      expect(run('DEL', '').status).to.equal(0)
      expect(run('DEL', '/proc/self/ns/net').json?.code).to.equal(8)
    })
  })
}
