// host-local: what it gives out, keeps and gives back. Runs on either world.

import { expect } from 'chai'
import { dualStack, ipamConfig, leasedAddresses, leases, V4 } from './configurations.ts'
import type { Answer, World } from './world.ts'

export function describeHostLocal(world: () => World): void {
  describe('host-local', () => {
    const call = (command: string, containerId: string, ipam: object = {}, changes: object = {}): Answer =>
      world().run('host-local', {
        command,
        containerId,
        config: ipamConfig(world(), ipam, changes),
        netns: '/dev/null',
      })
    const add = (containerId: string, ipam: object = {}, changes: object = {}) => {
      const answer = call('ADD', containerId, ipam, changes)
      expect(answer.status, answer.output + answer.error).to.equal(0)
      return (answer.json?.ips ?? []).map((ip) => ip.address)
    }
    const refuse = (containerId: string, ipam: object, pattern: RegExp, changes: object = {}) => {
      const answer = call('ADD', containerId, ipam, changes)
      expect(answer.json?.code, answer.output + answer.error).to.equal(999)
      expect(answer.json?.msg).to.match(pattern)
      return answer
    }

    it('gives out addresses round robin and keeps them in files that the reference reads', () => {
      expect(add('c1')).to.deep.equal(['10.77.0.2/24'])
      expect(add('c2')).to.deep.equal(['10.77.0.3/24'])
      expect(world().read(`${leases(world())}/10.77.0.2`)).to.equal('c1\r\neth0')
      expect(world().read(`${leases(world())}/last_reserved_ip.0`)).to.equal('10.77.0.3')
      expect(call('DEL', 'c1').status).to.equal(0)
      expect(leasedAddresses(world())).to.deep.equal(['10.77.0.3'])
      expect(add('c3'), 'not the one just released').to.deep.equal(['10.77.0.4/24'])
    })

    it('gives one address of each range set', () => {
      const answer = call('ADD', 'c1', {
        ...dualStack,
        routes: [{ dst: '0.0.0.0/0' }, { dst: '::/0', gw: 'fd77::9' }],
      })
      expect(answer.json).to.deep.equal({
        cniVersion: '1.0.0',
        ips: [
          { address: '10.77.0.2/24', gateway: '10.77.0.1' },
          { address: 'fd77::2/64', gateway: 'fd77::1' },
        ],
        routes: [{ dst: '0.0.0.0/0' }, { dst: '::/0', gw: 'fd77::9' }],
      })
      expect(leasedAddresses(world())).to.deep.equal(['10.77.0.2', 'fd77::2'])
      expect(call('DEL', 'c1', dualStack).status).to.equal(0)
      expect(leasedAddresses(world())).to.deep.equal([])
    })

    it('prints every version in its own form', () => {
      const old = call('ADD', 'c1', dualStack, { cniVersion: '0.2.0' }).json
      expect(old).to.deep.equal({
        cniVersion: '0.2.0',
        ip4: { ip: '10.77.0.2/24', gateway: '10.77.0.1' },
        ip6: { ip: 'fd77::2/64', gateway: 'fd77::1' },
        dns: {},
      })
      for (const cniVersion of ['0.3.0', '0.3.1', '0.4.0']) {
        const answer = call('ADD', cniVersion, dualStack, { cniVersion }).json
        expect(
          answer?.ips?.map((ip) => ip.version),
          cniVersion,
        ).to.deep.equal(['4', '6'])
        expect(answer?.cniVersion).to.equal(cniVersion)
      }
      for (const cniVersion of ['1.0.0', '1.1.0'])
        expect(call('ADD', cniVersion, dualStack, { cniVersion }).json?.ips?.[0]).not.to.have.property(
          'version',
        )
    })

    it('refuses a second ADD of the same interface, not of another one', () => {
      add('c1')
      refuse('c1', {}, /10\.77\.0\.2 has been allocated to c1/)
      const other = world().run('host-local', {
        command: 'ADD',
        containerId: 'c1',
        interfaceName: 'net1',
        config: ipamConfig(world()),
        netns: '/dev/null',
      })
      expect(other.json?.ips?.[0]?.address).to.equal('10.77.0.3/24')
    })

    it('finds leases that another hand has made or removed', () => {
      add('c1')
      world().write(`${leases(world())}/10.77.0.3`, 'foreign\r\neth0')
      expect(add('c2')).to.deep.equal(['10.77.0.4/24'])
      refuse('foreign', {}, /has been allocated to foreign/)
      expect(call('DEL', 'foreign').status).to.equal(0)
      expect(leasedAddresses(world())).to.deep.equal(['10.77.0.2', '10.77.0.4'])
      world().remove(`${leases(world())}/10.77.0.2`)
      expect(call('CHECK', 'c1').json?.code).to.equal(999)
      expect(add('c1')).to.deep.equal(['10.77.0.5/24'])
    })

    it('never removes a lease that has become somebody else’s', () => {
      add('c1')
      world().write(`${leases(world())}/10.77.0.2`, 'c2\r\neth0')
      expect(call('DEL', 'c1').status).to.equal(0)
      expect(leasedAddresses(world())).to.deep.equal(['10.77.0.2'])
    })

    it('honours files of old releases, which name the container alone', () => {
      world().write(`${leases(world())}/10.77.0.9`, 'old')
      expect(call('CHECK', 'old').status).to.equal(0)
      refuse('old', {}, /10\.77\.0\.9 has been allocated to old/)
      expect(call('DEL', 'old').status).to.equal(0)
      expect(leasedAddresses(world())).to.deep.equal([])
    })

    it('CHECK and DEL go on for a gateway that ADD and STATUS refuse today', () => {
      const outside = { ranges: [[{ ...V4, gateway: '192.0.2.1' }]] }
      add('c1')
      refuse('c2', outside, /gateway/)
      expect(call('STATUS', '', outside, { cniVersion: '1.1.0' }).json?.msg).to.match(/gateway/)
      expect(call('CHECK', 'c1', outside).status).to.equal(0)
      expect(call('DEL', 'c1', outside).status).to.equal(0)
      expect(leasedAddresses(world())).to.deep.equal([])
    })

    it('DEL of what is not there succeeds, also without a directory', () => {
      expect(call('DEL', 'never').status).to.equal(0)
      add('c1')
      expect(call('DEL', 'never').status).to.equal(0)
      expect(leasedAddresses(world())).to.deep.equal(['10.77.0.2'])
    })

    it('names the range and its holders when it is exhausted, and wraps around before', () => {
      const small = {
        ranges: [[{ subnet: '10.77.0.0/24', rangeStart: '10.77.0.10', rangeEnd: '10.77.0.12' }]],
      }
      for (const id of ['a', 'b', 'c']) add(id, small)
      const answer = refuse('d', small, /no IP addresses available in range set: 10\.77\.0\.10-10\.77\.0\.12/)
      expect(answer.json?.details).to.equal('3 leases: a 1, b 1, c 1')
      call('DEL', 'b', small)
      expect(add('d', small)).to.deep.equal(['10.77.0.11/24'])
    })

    it('takes back the first set’s address when the second has none', () => {
      const one = { ranges: [[V4], [{ subnet: 'fd77::/64', rangeStart: 'fd77::2', rangeEnd: 'fd77::2' }]] }
      add('a', one)
      refuse('b', one, /range 1/)
      expect(leasedAddresses(world())).to.deep.equal(['10.77.0.2', 'fd77::2'])
    })

    it('walks several ranges of a set and skips their gateways', () => {
      const ranges = [
        [
          { subnet: '10.77.0.0/24', rangeStart: '10.77.0.4', rangeEnd: '10.77.0.5', gateway: '10.77.0.5' },
          { subnet: '10.78.0.0/30' },
        ],
      ]
      expect([add('a', { ranges }), add('b', { ranges })]).to.deep.equal([['10.77.0.4/24'], ['10.78.0.2/30']])
      refuse('c', { ranges }, /no IP addresses available/)
    })

    it('serves requested addresses or refuses', () => {
      const wish = (ips: string[]) => ({ args: { cni: { ips } } })
      expect(add('a', {}, wish(['10.77.0.50']))).to.deep.equal(['10.77.0.50/24'])
      refuse('b', {}, /not available/, wish(['10.77.0.50']))
      refuse('b', {}, /gateway/, wish(['10.77.0.1']))
      refuse('b', {}, /failed to allocate all requested IPs: 10\.99\.0\.1/, wish(['10.99.0.1']))
      expect(leasedAddresses(world()), 'a refusal leaves nothing').to.deep.equal(['10.77.0.50'])
      expect(add('b', {}, { runtimeConfig: { ips: ['10.77.0.60/24'] } })).to.deep.equal(['10.77.0.60/24'])
      const answer = world().run('host-local', {
        command: 'ADD',
        containerId: 'c',
        config: ipamConfig(world()),
        netns: '/dev/null',
        args: 'IP=10.77.0.70',
      })
      expect(answer.json?.ips?.[0]?.address).to.equal('10.77.0.70/24')
    })

    it('puts runtimeConfig.ipRanges before the configured ones, and the old form before ranges', () => {
      const ipam = { subnet: '10.80.0.0/24', ranges: [[V4]] }
      const changes = { runtimeConfig: { ipRanges: [[{ subnet: '10.90.0.0/24' }]] } }
      expect(add('a', ipam, changes)).to.deep.equal(['10.90.0.2/24', '10.80.0.2/24', '10.77.0.2/24'])
    })

    it('refuses ranges that make no sense', () => {
      const wrong: [object, RegExp][] = [
        [{ ranges: [[{ subnet: '10.77.0.0/31' }]] }, /too small/],
        [{ ranges: [[{ subnet: '10.77.0.5/24' }]] }, /host bits/],
        [{ ranges: [[{ subnet: '10.77.0.0/24', rangeStart: '10.78.0.1' }]] }, /RangeStart/],
        [{ ranges: [[{ subnet: '10.77.0.0/24', rangeEnd: '10.78.0.1' }]] }, /RangeEnd/],
        [
          { ranges: [[{ subnet: '10.77.0.0/24', rangeStart: '10.77.0.255' }]] },
          /RangeStart .* after RangeEnd/,
        ],
        [{ ranges: [[{ subnet: '10.77.0.0/24', gateway: '10.78.0.1' }]] }, /gateway 10\.78\.0\.1 not in/],
        [{ ranges: [[{ subnet: '10.77.0.0/24', gateway: 'fd77::1' }]] }, /gateway fd77::1 not in/],
        [{ ranges: [[V4], [V4]] }, /overlaps/],
        [{ ranges: [[V4, V4]] }, /overlap/],
        [{ ranges: [[V4, { subnet: 'fd77::/64' }]] }, /mixed address families/],
        [{ ranges: [[]] }, /empty/],
        [{ ranges: [] }, /no IP ranges/],
        [{ ranges: [[{}]] }, /CIDR/],
        [{ ranges: [[{ subnet: 'x' }]] }, /CIDR/],
      ]
      for (const [ipam, pattern] of wrong) refuse('a', ipam, pattern)
      expect(world().exists(leases(world())), 'nothing was made').to.equal(false)
    })

    it('reads resolvConf', () => {
      const path = `${world().data}/resolv.conf`
      world().write(
        path,
        '# c\nnameserver 10.0.0.1\nnameserver fd00::1\n; x\ndomain example.org\nsearch a b\noptions ndots:5\n',
      )
      expect(call('ADD', 'a', { resolvConf: path }).json?.dns).to.deep.equal({
        nameservers: ['10.0.0.1', 'fd00::1'],
        domain: 'example.org',
        search: ['a', 'b'],
        options: ['ndots:5'],
      })
    })

    it('never gives out an address whose file is corrupt, and starts anew from a corrupt bookmark', () => {
      add('a')
      world().write(`${leases(world())}/10.77.0.3`, '\u0000\u00ff\r\n\r\n')
      world().write(`${leases(world())}/10.77.0.4`, '')
      world().write(`${leases(world())}/10.77.0.5/x`, 'a directory')
      world().write(`${leases(world())}/not an address`, 'x')
      world().write(`${leases(world())}/last_reserved_ip.0`, 'x'.repeat(5000))
      expect(add('b')).to.deep.equal(['10.77.0.6/24'])
      expect(call('CHECK', 'a').status).to.equal(0)
      for (const id of ['a', 'b']) expect(call('DEL', id).status).to.equal(0)
      expect(add('c')).to.deep.equal(['10.77.0.7/24'])
      expect(call('STATUS', '', {}, { cniVersion: '1.1.0' }).status).to.equal(0)
    })

    it('GC keeps valid attachments only, and clears empty files', () => {
      for (const id of ['a', 'b', 'c']) add(id)
      world().write(`${leases(world())}/10.77.0.200`, '')
      world().write(`${leases(world())}/10.77.0.201`, 'old')
      const changes = {
        cniVersion: '1.1.0',
        'cni.dev/valid-attachments': [
          { containerID: 'b', ifname: 'eth0' },
          { containerID: 'c', ifname: 'other' },
          { containerID: 'old', ifname: 'eth0' },
        ],
      }
      expect(call('GC', '', {}, changes).status).to.equal(0)
      expect(leasedAddresses(world())).to.deep.equal(['10.77.0.201', '10.77.0.3'])
    })

    it('STATUS is 50 once a range set is exhausted', () => {
      const small = { ranges: [[{ subnet: '10.77.0.0/30' }]] }
      const changes = { cniVersion: '1.1.0' }
      expect(call('STATUS', '', small, changes).status).to.equal(0)
      add('a', small)
      const answer = call('STATUS', '', small, changes)
      expect(answer.json?.code).to.equal(50)
      expect(answer.json?.details).to.equal('1 leases: a 1')
    })
  })
}
