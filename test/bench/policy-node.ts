/** What network policy costs on a node of a large cluster, on this kernel, in a network namespace of its own: see policy.ts. */
import { ClusterState } from '@podroute/cluster/state.ts'
import { structureScript } from '@podroute/kernel/nft/change-scripts.ts'
import { openKernel } from '@podroute/kernel/open.ts'
import { createNetns, removeNetns } from '@podroute/linux/netns.ts'
import { Enforcement } from '@podroute/network-policy/enforcement.ts'
import { benchPod, benchPolicy, NODE, namespaceLabels, sizeOf } from './policy-objects.ts'

const NETNS = 'pr-bench-policy'
const ROUNDS = 11
/** Namespaces whose policies name a label that the pod of the bench has: that many groups it is in. */
const MATCHES = 50

const size = sizeOf(process.argv.slice(2))
const { pods: PODS, local: LOCAL, policies: POLICIES, namespaces: NAMESPACES } = size
const pod = (index: number) => benchPod(index, size)
const policy = (index: number) => ({ spec: benchPolicy(index, size) })

const median = (list: readonly number[]) => list.toSorted((a, b) => a - b)[list.length >> 1]!
const say = (what: string, value: string, goal: string) =>
  process.stdout.write(`${what.padEnd(64)} ${value.padStart(12)}   goal ${goal}\n`)

removeNetns(NETNS)
createNetns(NETNS)
try {
  using kernel = openKernel({ netns: NETNS })
  let written: (() => string)[] = []
  const run = (script: string) => {
    written.push(() => script)
    return kernel.nft.run(script)
  }
  const writeElements: typeof kernel.nft.writeElements = (table, changes) => {
    written.push(() =>
      changes.map(({ kind, set, elements }) => `${kind} ${elements.length} of ${set}\n`).join(''),
    )
    return kernel.nft.writeElements(table, changes)
  }
  const writeStructure: typeof kernel.nft.writeStructure = (table, changes) => {
    written.push(() => structureScript(table, changes))
    return kernel.nft.writeStructure(table, changes)
  }
  const commands = () => written.flatMap((text) => text().split('\n')).filter((line) => line !== '').length
  const nft = { ...kernel.nft, run, writeElements, writeStructure }
  const state = new ClusterState()
  for (let n = 0; n < NAMESPACES; n++) state.set('namespaces', `ns-${n}`, { labels: namespaceLabels(n) })
  for (let n = 0; n < PODS; n++) state.set('pods', `ns-${n % NAMESPACES}/pod-${n}`, pod(n))
  for (let n = 0; n < POLICIES; n++)
    state.set('networkpolicies', `ns-${n % NAMESPACES}/policy-${n}`, policy(n))
  const start = performance.now()
  await using enforcement = new Enforcement({ nodeName: NODE, cluster: state, kernel: { ...kernel, nft } })
  for (const [key, one] of state.networkPolicies) enforcement.policyChanged(key, undefined, one)
  for (const [key, one] of state.pods) enforcement.podChanged(key, undefined, one)
  await enforcement.adopt()
  await enforcement.synced()
  say('first sync', `${(performance.now() - start).toFixed(0)} ms`, '2000 ms')
  const { chains, groups } = enforcement.size
  process.stdout.write(`  ${chains} chains, ${groups} groups, ${commands()} commands\n`)
  state.subscribe('networkpolicies', {
    changed: (key, a, b) => enforcement.policyChanged(key, a, b),
    synced() {},
  })
  state.subscribe('namespaces', { changed: (key) => enforcement.namespaceChanged(key), synced() {} })
  state.subscribe('pods', { changed: (key, a, b) => enforcement.podChanged(key, a, b), synced() {} })
  await enforcement.flush()

  const timed = async (
    what: string,
    goal: string,
    change: (round: number) => void,
    undo: (round: number) => void = () => {},
  ) => {
    const times: number[] = []
    let most = 0
    for (let round = 0; round < ROUNDS; round++) {
      written = []
      const begin = performance.now()
      change(round)
      await enforcement.flush()
      times.push(performance.now() - begin)
      most = Math.max(most, commands())
      undo(round)
      await enforcement.flush()
    }
    say(what, `${median(times).toFixed(1)} ms`, goal)
    process.stdout.write(`  ${most} commands\n`)
  }
  const [fresh, many] = [LOCAL - 1, Math.min(MATCHES, POLICIES)]
  for (let n = 0; n < many; n++)
    state.set('networkpolicies', `ns-${n % NAMESPACES}/match-${n}`, {
      spec: {
        podSelector: { matchLabels: { all: 'yes' } },
        ingress: [
          {
            from: [{ namespaceSelector: {}, podSelector: { matchLabels: { app: 'fresh', [`x-${n}`]: '' } } }],
          },
        ],
      },
    })
  await enforcement.flush()
  const labels = {
    app: 'fresh',
    all: 'yes',
    ...Object.fromEntries(Array.from({ length: many }, (_, n) => [`x-${n}`, ''])),
  }
  const one = (uid: string, address: string) => ({ ...pod(fresh), uid, labels, addresses: [address] })
  const add = (round: number) => state.set('pods', 'ns-0/fresh', one(`f${round}`, `10.1.200.${round + 1}`))
  const remove = () => state.delete('pods', 'ns-0/fresh')
  await timed(`a local pod that ${many} policies' rules name, first of its kind`, '20 ms', add, remove)
  state.set('pods', 'ns-0/like', one('like', '10.1.200.250'))
  await enforcement.flush()
  await timed(`a local pod that ${many} policies' rules name, one more`, '20 ms', add, remove)
  // Rules of this node's pods name pods of app-1 in namespaces of team-1.
  await timed('a pod of another node', '20 ms', (round) =>
    state.set('pods', 'ns-1/far', {
      ...pod(1),
      uid: `g${round}`,
      node: 'node-9',
      addresses: [`10.200.0.${round + 1}`],
    }),
  )
  for (let n = 0; n < 100; n++)
    state.set('pods', `big/pod-${n}`, { ...pod(0), uid: `b${n}`, addresses: [`10.1.201.${n + 1}`] })
  state.set('namespaces', 'big', { labels: { team: 'big' } })
  await enforcement.flush()
  await timed('a policy that selects 100 local pods', '50 ms', (round) =>
    state.set('networkpolicies', 'big/policy', {
      spec: { podSelector: {}, ingress: [{ ports: [{ port: 9000 + round }] }] },
    }),
  )
  await timed("a namespace's label", '50 ms', (round) =>
    state.set('namespaces', 'ns-21', { labels: { team: `team-${1 + (round % 2)}` } }),
  )
  globalThis.gc?.()
  say(
    'memory (RSS) of this process, client of the API not included',
    `${(process.memoryUsage.rss() / 1e6).toFixed(0)} MB`,
    '160 MB',
  )
  await enforcement.cleanup()
} finally {
  removeNetns(NETNS)
}
