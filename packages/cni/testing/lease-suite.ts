// host-local: which leases end although nobody has given them back, and which do not. Runs on either world.

import { expect } from 'chai'
import { dualStack, ipamConfig, leasedAddresses, leases } from './configurations.ts'
import type { Answer, World } from './world.ts'

const RECLAIM = { ...dualStack, reclaimStale: true }
const FOUR = { ranges: [[{ subnet: '10.77.0.0/29', rangeEnd: '10.77.0.5' }]], reclaimStale: true }

export function describeLeases(world: () => World): void {
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
    return answer.json!.ips!.map((ip) => ip.address.split('/')[0])
  }
  const del = (containerId: string, ipam: object = {}) =>
    expect(call('DEL', containerId, ipam).status).to.equal(0)
  const write = (address: string, text: string) => world().write(`${leases(world())}/${address}`, text)
  const leased = () => leasedAddresses(world())

  describe('host-local’s leases that were rewritten in place', () => {
    for (const [form, text] of [
      ['in the old form', 'c1'],
      ['with blanks around', ' c1\r\neth0\n\n'],
    ] as const)
      it(`are found by CHECK and given back by DEL ${form}`, () => {
        add('c1')
        add('c2')
        write('10.77.0.2', text)
        expect(call('CHECK', 'c1').status).to.equal(0)
        del('c1')
        expect(leased()).to.deep.equal(['10.77.0.3'])
      })

    it('belong to the owner that they name, who may have none or others', () => {
      for (const id of ['c1', 'c2', 'c3']) add(id)
      write('10.77.0.2', 'new\r\neth0')
      write('10.77.0.3', 'c3\r\neth0')
      add('c4') // has the index written once more
      del('new')
      expect(leased()).to.deep.equal(['10.77.0.3', '10.77.0.4', '10.77.0.5'])
      del('c3')
      del('c2')
      expect(leased()).to.deep.equal(['10.77.0.5'])
    })

    it('are given back in both families, whichever was rewritten', () => {
      for (const address of ['10.77.0.2', 'fd77::3']) {
        add('c1', dualStack)
        write(address, 'c1')
        del('c1', dualStack)
        expect(leased()).to.deep.equal([])
      }
    })

    it('stay while another interface of the container may hold them', () => {
      const other = { interfaceName: 'net1', containerId: 'c1', netns: '/dev/null' }
      add('c1')
      add('c2')
      expect(
        world().run('host-local', { command: 'ADD', config: ipamConfig(world()), ...other }).status,
      ).to.equal(0)
      write('10.77.0.3', 'c1')
      del('c1')
      expect(leased()).to.deep.equal(['10.77.0.3', '10.77.0.4'])
    })
  })

  describe('host-local’s lease files without an owner', () => {
    for (const [what, text] of [
      ['empty', ''],
      ['blank', ' \n'],
      ['zeros', '\0\0\0\0'],
    ] as const)
      it(`are free with reclaimStale: ${what}`, () => {
        write('10.77.0.2', text)
        write('10.77.0.4', text)
        expect(['a', 'b', 'c', 'd'].map((id) => add(id, FOUR)[0])).to.deep.equal([
          '10.77.0.2',
          '10.77.0.3',
          '10.77.0.4',
          '10.77.0.5',
        ])
        expect(world().read(`${leases(world())}/10.77.0.4`)).to.equal('c\r\neth0')
        expect(call('ADD', 'e', FOUR).json?.msg).to.match(/no IP addresses available/)
      })

    it('are free for who asks for the address, and are none that STATUS counts', () => {
      for (const last of [2, 3, 4, 5]) write(`10.77.0.${last}`, '')
      expect(call('STATUS', '', FOUR, { cniVersion: '1.1.0' }).status).to.equal(0)
      expect(add('a', FOUR, { args: { cni: { ips: ['10.77.0.4'] } } })).to.deep.equal(['10.77.0.4'])
    })

    it('stay without reclaimStale', () => {
      write('10.77.0.2', '')
      expect(add('a')).to.deep.equal(['10.77.0.3'])
    })
  })

  describe('host-local’s leases of an earlier boot', () => {
    it('are free with reclaimStale, in both families, at versions without GC', () => {
      for (const id of ['a', 'b']) add(id, RECLAIM)
      world().reboot()
      expect(add('c', RECLAIM)).to.deep.equal(['10.77.0.4', 'fd77::4'])
      expect(leased()).to.deep.equal(['10.77.0.4', 'fd77::4'])
      del('a', RECLAIM)
      expect(add('a', RECLAIM), 'a container that the runtime starts again').to.deep.equal([
        '10.77.0.5',
        'fd77::5',
      ])
    })

    it('end an exhausted range, for ADD and for STATUS', () => {
      for (const id of ['a', 'b', 'c', 'd']) add(id, FOUR)
      expect(call('ADD', 'e', FOUR).status).to.equal(1)
      world().reboot()
      expect(call('STATUS', '', FOUR, { cniVersion: '1.1.0' }).status).to.equal(0)
      for (const id of ['e', 'f', 'g', 'h']) add(id, FOUR)
      expect(call('STATUS', '', FOUR, { cniVersion: '1.1.0' }).json?.code).to.equal(50)
    })

    it('end once: those of this boot stay, also those of one that the mark has forgotten', () => {
      add('a', RECLAIM)
      world().reboot()
      add('b', RECLAIM)
      add('c', RECLAIM)
      world().remove(`${world().data}/.podroute/${leases(world()).split('/').at(-1)}/.boot`)
      add('d', RECLAIM)
      expect(leased()).to.deep.equal(['10.77.0.3', '10.77.0.4', '10.77.0.5', 'fd77::3', 'fd77::4', 'fd77::5'])
    })

    it('are known by who was there: those that another hand has made since stay until the next boot', () => {
      add('a', RECLAIM)
      world().reboot()
      write('10.77.0.9', 'foreign\r\neth0')
      add('b', RECLAIM)
      expect(leased(), 'whose pod may run').to.deep.equal(['10.77.0.3', '10.77.0.9', 'fd77::3'])
      world().reboot()
      add('c', RECLAIM)
      expect(leased()).to.deep.equal(['10.77.0.4', 'fd77::4'])
    })

    it('keep their boot when others come and go by another hand', () => {
      for (const id of ['a', 'b']) add(id, RECLAIM)
      world().reboot()
      world().remove(`${leases(world())}/10.77.0.2`)
      del('never', RECLAIM)
      add('c', RECLAIM)
      expect(leased()).to.deep.equal(['10.77.0.4', 'fd77::4'])
    })

    it('that were made without reclaimStale may be of this boot, and end with it', () => {
      add('a', dualStack)
      add('b', RECLAIM)
      expect(leased()).to.have.length(4)
      world().reboot()
      add('c', dualStack)
      expect(leased(), 'no option, no end').to.have.length(6)
      add('d', RECLAIM)
      expect(leased()).to.deep.equal(['10.77.0.4', '10.77.0.5', 'fd77::4', 'fd77::5'])
    })

    it('that somebody else has taken over are his', () => {
      add('a', RECLAIM)
      write('10.77.0.2', 'b\r\neth0')
      world().reboot()
      add('c', RECLAIM)
      expect(leased()).to.deep.equal(['10.77.0.2', '10.77.0.3', 'fd77::3'])
    })
  })
}
