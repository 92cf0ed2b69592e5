/** What others do to the table of network policy: put back within a second, and counted. */
import { ClusterState } from '@podroute/cluster/state.ts'
import { openKernel } from '@podroute/kernel/open.ts'
import { createNetns, removeNetns } from '@podroute/linux/netns.ts'
import { Enforcement } from '@podroute/network-policy/enforcement.ts'
import { expect } from 'chai'
import { run } from '../../lab/command.ts'

const NETNS = 'pr-policy-drift'
const TABLE = 'inet podroute-network-policy'
const milliseconds = (count: number) => new Promise((resolve) => setTimeout(resolve, count))

describe('drift of network policy', function () {
  this.timeout(30_000)

  before(() => {
    removeNetns(NETNS)
    createNetns(NETNS)
  })
  after(() => removeNetns(NETNS))

  const nft = async (...args: string[]) =>
    (await run('ip', ['netns', 'exec', NETNS, 'nft', ...args])).replace(/\s+/g, ' ')

  it('is repaired within a second and counted, whatever it is', async () => {
    using kernel = openKernel({ netns: NETNS })
    const state = new ClusterState()
    for (const [name, app] of [
      ['web', 'web'],
      ['client', 'client'],
    ] as const)
      state.set('pods', `shop/${name}`, {
        uid: name,
        labels: { app },
        node: 'node-1',
        addresses: [`10.1.0.${name.length}`],
      })
    state.set('networkpolicies', 'shop/p', {
      spec: {
        podSelector: { matchLabels: { app: 'web' } },
        ingress: [{ from: [{ podSelector: { matchLabels: { app: 'client' } } }] }],
      },
    })
    await using enforcement = new Enforcement({ nodeName: 'node-1', cluster: state, kernel })
    for (const [key, policy] of state.networkPolicies) enforcement.policyChanged(key, undefined, policy)
    for (const [key, pod] of state.pods) enforcement.podChanged(key, undefined, pod)
    await enforcement.adopt()
    await enforcement.synced()
    // A chain that comes again is the last of the list.
    const listed = async () =>
      (await nft('list', 'table', ...TABLE.split(' ')))
        .split(/(?=(?:chain|set|map) \S+ \{)/)
        .map((part) => part.replace(/[\s}]+$/, ''))
        .sort()
        .join('\n')
    const before = await listed()
    const [, peers] = /set (peer-\S+-4)/.exec(before)!
    const [, chain] = /chain (ingress-4-\S+)/.exec(before)!
    const repaired = () => Object.values(enforcement.stats()).reduce((sum, stats) => sum + stats.repaired, 0)
    for (const damage of [
      ['delete', 'element', ...TABLE.split(' '), peers!, '{ 10.1.0.6 }'],
      ['add', 'element', ...TABLE.split(' '), peers!, '{ 10.1.0.99 }'],
      ['delete', 'element', ...TABLE.split(' '), 'ingress-4', '{ 10.1.0.3 }'],
      ['flush', 'chain', ...TABLE.split(' '), chain!],
      ['insert', 'rule', ...TABLE.split(' '), 'judge', 'accept'],
      ['delete', 'table', ...TABLE.split(' ')],
    ]) {
      const counted = repaired()
      await nft(...damage)
      const start = performance.now()
      let now = ''
      while (now !== before && performance.now() - start < 3000) {
        await milliseconds(20)
        now = await listed().catch(() => '')
      }
      expect(now, damage.join(' ')).to.equal(before)
      expect(performance.now() - start, damage.join(' ')).to.be.lessThan(1000)
      expect(repaired(), damage.join(' ')).to.be.greaterThan(counted)
    }
  })
})
