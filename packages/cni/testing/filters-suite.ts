// What the plugins put into nftables: portmap, ipMasq, macspoofchk. Runs on either world.

import { createHash } from 'node:crypto'
import { expect } from 'chai'
import { bridgeConfig, dualStack, leasedAddresses, NETWORK } from './configurations.ts'
import type { Answer, Json, World } from './world.ts'

const MAPPINGS = [
  { hostPort: 8080, containerPort: 80, protocol: 'tcp' },
  { hostPort: 53, containerPort: 5353, protocol: 'UDP', hostIP: '0.0.0.0' },
  { hostPort: 99, containerPort: 98, protocol: 'sctp', hostIP: '192.0.2.1' },
]

export function describeFilters(world: () => World): void {
  const bridge = (command: string, netns: string, changes: object, containerId = 'c1'): Answer =>
    world().run('bridge', { command, netns, containerId, config: bridgeConfig(world(), changes, dualStack) })
  const add = (netns: string, changes: object, containerId = 'c1'): Json => {
    const answer = bridge('ADD', netns, changes, containerId)
    expect(answer.status, answer.output + answer.error).to.equal(0)
    return answer.json!
  }
  const rules = (family: 'ip' | 'ip6' | 'inet' | 'bridge', table: string, chain: string) =>
    world().ruleComments(family, table, chain)

  describe('portmap', () => {
    const portmap = (
      command: string,
      containerId: string,
      changes: object = {},
      mappings: object[] = MAPPINGS,
    ) =>
      world().run('portmap', {
        command,
        containerId,
        netns: '/dev/null',
        config: {
          cniVersion: '1.0.0',
          name: NETWORK,
          type: 'portmap',
          runtimeConfig: { portMappings: mappings },
          ...changes,
        },
      })
    const counts = (family: 'ip' | 'ip6', containerId: string) =>
      ['hostports', 'masquerading'].map(
        (chain) => rules(family, 'cni_hostport', chain).filter((comment) => comment === containerId).length,
      )

    it('maps ports in both families, passes the result on, and takes its rules back', () => {
      const prevResult = add(world().addContainer('one'), { isGateway: true })
      const answer = portmap('ADD', 'c1', { prevResult })
      expect(answer.json, answer.output + answer.error).to.deep.equal(prevResult)
      expect(counts('ip', 'c1'), 'localhost, and the subnet to each port').to.deep.equal([3, 4])
      expect(counts('ip6', 'c1'), 'hostIP of the other family is left out').to.deep.equal([1, 1])
      expect(rules('ip', 'cni_hostport', 'prerouting')).to.have.length(1)
      expect(rules('ip', 'cni_hostport', 'output')).to.have.length(1)
      expect(world().setting('host', 'ipv4/conf/test0/route_localnet')).to.equal('1')
      portmap('ADD', 'c2', { prevResult })
      expect(portmap('CHECK', 'c1', { prevResult }).status).to.equal(0)
      expect(portmap('DEL', 'c1').status).to.equal(0)
      expect(counts('ip', 'c1')).to.deep.equal([0, 0])
      expect(counts('ip', 'c2'), 'another’s rules stay').to.deep.equal([3, 4])
      expect(portmap('CHECK', 'c1', { prevResult }).json?.msg).to.match(/missing hostport rules/)
      expect(portmap('DEL', 'c1').status, 'again').to.equal(0)
    })

    it('takes names in any case, as containerd writes them (found in the lab)', () => {
      const prevResult = add(world().addContainer('one'), { isGateway: true })
      const mapping = { HostPort: 8080, ContainerPort: 80, Protocol: 'tcp', HostIP: '' }
      const answer = portmap('ADD', 'c1', { prevResult }, [mapping])
      expect(answer.json, answer.output + answer.error).to.deep.equal(prevResult)
      expect(counts('ip', 'c1')).to.deep.equal([1, 2])
      expect(counts('ip6', 'c1')).to.deep.equal([1, 1])
    })

    it('masquerades each port for any source with masqAll', () => {
      const prevResult = add(world().addContainer('one'), { isGateway: true })
      expect(portmap('ADD', 'c1', { prevResult, masqAll: true }).status).to.equal(0)
      expect(counts('ip', 'c1'), 'localhost among them').to.deep.equal([3, 3])
      expect(counts('ip6', 'c1')).to.deep.equal([1, 1])
      expect(portmap('CHECK', 'c1', { prevResult, masqAll: true }).status).to.equal(0)
    })

    it('has no masquerading without snat', () => {
      const prevResult = add(world().addContainer('one'), { isGateway: true })
      expect(portmap('ADD', 'c1', { prevResult, snat: false }).status).to.equal(0)
      expect(counts('ip', 'c1')).to.deep.equal([3, 0])
    })

    it('does nothing without mappings, and must be chained', () => {
      const prevResult = { cniVersion: '1.0.0', ips: [{ address: '10.0.0.1/24' }] }
      expect(portmap('ADD', 'c1', { prevResult }, []).json).to.deep.equal(prevResult)
      expect(rules('ip', 'cni_hostport', 'prerouting')).to.deep.equal([])
      expect(portmap('ADD', 'c1').json?.msg).to.match(/chained/)
    })

    it('refuses ports, protocols and addresses that make no sense', () => {
      const prevResult = { cniVersion: '1.0.0', ips: [{ address: '10.0.0.1/24' }] }
      const wrong = [
        { hostPort: 0, containerPort: 80, protocol: 'tcp' },
        { hostPort: 80, containerPort: -1, protocol: 'tcp' },
        { hostPort: 70000, containerPort: 80, protocol: 'tcp' },
        { hostPort: 80, containerPort: 80, protocol: 'icmp' },
        { hostPort: 80, containerPort: 80, protocol: 'tcp', hostIP: 'x' },
      ]
      for (const mapping of wrong)
        expect(portmap('ADD', 'c1', { prevResult }, [mapping]).json?.code, JSON.stringify(mapping)).to.equal(
          999,
        )
      expect(
        portmap('ADD', 'c1', { prevResult, backend: 'nftables', conditionsV4: ['-d', '1.2.3.4'] }).json?.msg,
      ).to.match(/iptables/)
      expect(rules('ip', 'cni_hostport', 'hostports')).to.deep.equal([])
    })

    it('maps to the address of the container’s own interface', () => {
      const prevResult = {
        cniVersion: '1.0.0',
        interfaces: [{ name: 'br0' }, { name: 'eth0', sandbox: '/x' }],
        ips: [
          { address: '10.0.0.1/24', interface: 0 },
          { address: 'fd00::5/64', interface: 1 },
        ],
      }
      expect(portmap('ADD', 'c1', { prevResult }).status).to.equal(0)
      expect(counts('ip', 'c1')).to.deep.equal([0, 0])
      expect(counts('ip6', 'c1')).to.deep.equal([1, 1])
    })

    it('GC removes this network’s rules that nobody vouches for', () => {
      const prevResult = add(world().addContainer('one'), { isGateway: true })
      for (const id of ['c1', 'c2']) portmap('ADD', id, { prevResult })
      portmap('ADD', 'c3', { prevResult, name: 'another' })
      const changes = {
        cniVersion: '1.1.0',
        'cni.dev/valid-attachments': [{ containerID: 'c2', ifname: 'eth0' }],
      }
      expect(portmap('GC', '', changes).status).to.equal(0)
      expect(['c1', 'c2', 'c3'].map((id) => counts('ip', id)[0])).to.deep.equal([0, 3, 3])
    })
  })

  describe('ipMasq', () => {
    const comments = () => rules('inet', 'cni_plugins_masquerade', 'masq_checks')

    it('masquerades each address outside its subnet, until DEL or GC', () => {
      const [one, two] = [world().addContainer('one'), world().addContainer('two')]
      const changes = { isGateway: true, ipMasq: true, ipMasqBackend: 'nftables', cniVersion: '1.1.0' }
      add(one, changes)
      add(two, changes, 'c2')
      const hash = (text: string) => createHash('sha512').update(text).digest('hex').slice(0, 16)
      const marks = `${hash(NETWORK)}-${hash('eth0:c1')}`
      expect(comments()[0], 'as the reference marks it').to.equal(
        `${marks}, net: ${NETWORK}, if: eth0, id: c1`,
      )
      expect(comments()).to.have.length(4)
      expect(rules('inet', 'cni_plugins_masquerade', 'postrouting')).to.have.length(3)
      expect(bridge('DEL', one, changes).status).to.equal(0)
      expect(comments().every((comment) => comment.includes('id: c2'))).to.equal(true)
      expect(comments()).to.have.length(2)
      expect(bridge('GC', '', changes).status).to.equal(0)
      expect(comments()).to.deep.equal([])
    })

    it('refuses a backend that there is none of', () => {
      const answer = bridge('ADD', world().addContainer('one'), { ipMasq: true, ipMasqBackend: 'pf' })
      expect(answer.json?.msg).to.match(/unknown ipmasq backend/)
      expect(leasedAddresses(world())).to.deep.equal([])
    })
  })

  describe('macspoofchk', () => {
    const jumps = () => rules('bridge', 'nat', 'PREROUTING')

    it('guards the port until DEL or GC', () => {
      const [one, two] = [world().addContainer('one'), world().addContainer('two')]
      const changes = { macspoofchk: true, cniVersion: '1.1.0' }
      add(one, changes)
      add(two, changes, 'c2')
      expect(jumps()).to.deep.equal(['macspoofchk-c1-eth0', 'macspoofchk-c2-eth0'])
      expect(rules('bridge', 'nat', 'cni-br-iface-c1-eth0-mac')).to.have.length(2)
      expect(bridge('DEL', one, changes).status).to.equal(0)
      expect(jumps()).to.deep.equal(['macspoofchk-c2-eth0'])
      expect(rules('bridge', 'nat', 'cni-br-iface-c1-eth0')).to.deep.equal([])
      expect(bridge('GC', '', changes).status).to.equal(0)
      expect(jumps()).to.deep.equal([])
    })
  })
}
