/** Hosts whose rules drop what is forwarded: `iptables -P FORWARD DROP`, as Docker and ufw set it. */
import { expect } from 'chai'
import { attempt, run } from '../../lab/command.ts'
import { AgentCluster } from '../support/agent-cluster.ts'
import type { TestNode } from '../support/agent-network.ts'
import { eventually } from '../support/eventually.ts'

const REASON = 'ForwardingDropped'

describe('rules of the host that drop what is forwarded', function () {
  this.timeout(120_000)
  let cluster: AgentCluster
  let one: TestNode
  let two: TestNode
  const pods = new Map<TestNode, { readonly netns: string; readonly addresses: readonly string[] }>()

  const onNode = (node: TestNode, script: string) => cluster.exec(node, 'sh', '-ec', script)
  const setPolicy = (node: TestNode, policy: string, program = 'tables') =>
    onNode(node, `ip${program} -P FORWARD ${policy}; ip6${program} -P FORWARD ${policy}`)

  /** A pod as the bridge plugin makes one: the second address of each prefix, the bridge as its gateway. */
  async function addPod(node: TestNode): Promise<void> {
    const netns = `${node.netns}-pod`
    const prefixes = await cluster.allocated(node)
    const at = (prefix: string, last: string) => prefix.replace(/0?\/.*/, last)
    await attempt('ip', ['netns', 'delete', netns])
    await run('ip', ['netns', 'add', netns])
    await onNode(
      node,
      `ip link add pod0 type veth peer name eth0 netns ${netns}; ip link set pod0 master kube-bridge up`,
    )
    const lines = ['link set eth0 up', 'link set lo up']
    for (const prefix of prefixes)
      lines.push(
        `address add ${at(prefix, '9')}/${prefix.split('/')[1]} dev eth0${prefix.includes(':') ? ' nodad' : ''}`,
        `route add default via ${at(prefix, '1')}`,
      )
    await run('ip', ['-n', netns, '-batch', '-'], { input: `${lines.join('\n')}\n` })
    pods.set(node, { netns, addresses: prefixes.map((prefix) => at(prefix, '9')) })
  }

  /** Which of the pod's addresses the other node's pod does not reach. */
  async function unreached(from: TestNode, to: TestNode): Promise<string[]> {
    const { netns } = pods.get(from)!
    const failed: string[] = []
    for (const address of pods.get(to)!.addresses) {
      // Nobody listens: who is reached refuses.
      const connect = ['netns', 'exec', netns, 'timeout', '1', 'bash', '-c', `</dev/tcp/${address}/9`]
      const { stderr } = await attempt('ip', connect)
      if (!stderr.includes('refused')) failed.push(address)
    }
    return failed
  }
  const reachEachOther = () =>
    eventually(async () => {
      expect([...(await unreached(one, two)), ...(await unreached(two, one))]).to.deep.equal([])
      return true
    }, 20_000)
  const rulesOf = async (node: TestNode) =>
    (await onNode(node, 'iptables -S FORWARD; ip6tables -S FORWARD'))
      .split('\n')
      .filter((line) => line.startsWith('-A'))
  const condition = async (node: TestNode) =>
    (await cluster.ask(node, '/status')).conditions.find(({ name }) => name === 'forwarding')

  before(async () => {
    cluster = await AgentCluster.start('forwarding')
    one = await cluster.addNamespace()
    two = await cluster.addNamespace()
    for (const node of [one, two]) await cluster.registerNode(node, { ready: true })
    await setPolicy(one, 'DROP')
    for (const node of [one, two]) await cluster.startAgent(node)
    for (const node of [one, two]) {
      await eventually(async () => (await cluster.ask(node, '/status')).ready, 30_000)
      await addPod(node)
    }
  })
  after(async () => {
    for (const { netns } of pods.values()) await attempt('ip', ['netns', 'delete', netns])
    await cluster?.[Symbol.asyncDispose]()
  })

  it('let pods of two nodes reach each other, with the policy set before the agent starts', async () => {
    await reachEachOther()
    const comments = ['iifname', 'oifname'].map(
      (side) => `--comment "podroute ${side} kube-bridge" -j ACCEPT`,
    )
    const rules = ['-i', '-o'].map((side, i) => `-A FORWARD ${side} kube-bridge -m comment ${comments[i]}`)
    expect(await rulesOf(one)).to.deep.equal([...rules, ...rules])
    expect(await rulesOf(two)).to.deep.equal([])
  })

  it('and set after it; what others put before ours still decides', async () => {
    await setPolicy(two, 'DROP')
    await reachEachOther()
    await onNode(
      two,
      'iptables -I FORWARD -i kube-bridge -j DROP; ip6tables -I FORWARD -i kube-bridge -j DROP',
    )
    await eventually(async () => (await unreached(two, one)).length === 2)
    await onNode(
      two,
      'iptables -D FORWARD -i kube-bridge -j DROP; ip6tables -D FORWARD -i kube-bridge -j DROP',
    )
    await reachEachOther()
  })

  it('and flushed: what is removed is put back at once; a restored listing makes no second rule', async () => {
    await onNode(one, 'iptables -F FORWARD; ip6tables -F FORWARD')
    await reachEachOther()
    await onNode(one, 'iptables-save -t filter > /run/saved; iptables-restore < /run/saved; rm /run/saved')
    await reachEachOther()
    expect(await rulesOf(one)).to.have.length(4)
    expect(await condition(one)).to.include({ ok: true, advisory: true })
  })

  it('and accept again: ours go', async () => {
    await setPolicy(two, 'ACCEPT')
    await eventually(async () => (await rulesOf(two)).length === 0)
    await reachEachOther()
  })

  it('of other tables: the node says what to do, once, and sees that it is done', async () => {
    const drop = 'type filter hook forward priority 0; policy drop;'
    await onNode(two, `nft 'add table inet guard; add chain inet guard forward { ${drop} }'`)
    await eventually(async () => (await condition(two))?.ok === false)
    const detail = (await condition(two))!.detail
    expect(detail).to.match(/^chain forward of table inet guard drops what none of its rules accepts/)
    expect((await unreached(one, two)).length).to.equal(2)
    const events = await eventually(async () => {
      const path = 'jsonpath={range .items[*]}{.note}{"\\n"}{end}'
      const list = ['get', 'events.events.k8s.io', '-A', `--field-selector=reason=${REASON}`, '-o', path]
      const text = await cluster.kubectl(...list)
      return text !== '' && text.trim().split('\n')
    })
    expect(events).to.deep.equal([detail])
    for (const [, command] of detail.matchAll(/(nft '[^']*')/g)) await onNode(two, command!)
    await eventually(async () => (await condition(two))?.ok === true)
    await reachEachOther()
    await onNode(two, 'nft delete table inet guard')
  })

  it('of the older iptables: the node says what to do', async () => {
    await setPolicy(two, 'DROP', 'tables-legacy')
    await cluster.killAgent(two)
    await cluster.startAgent(two)
    const state = () => condition(two).catch(() => undefined)
    await eventually(async () => (await state())?.ok === false, 30_000)
    const { detail } = (await state())!
    expect(detail).to.include('the policy of iptables-legacy for FORWARD is DROP')
    for (const [, command] of detail.matchAll(/"([^"]*)"/g)) await onNode(two, command!)
    await cluster.killAgent(two)
    await cluster.startAgent(two)
    await eventually(async () => (await state())?.ok === true, 30_000)
    await reachEachOther()
  })

  it('leave nothing of ours when the feature is switched off', async () => {
    await cluster.configure(one, `podNetwork: { enabled: false, conflist: ${cluster.conflist(one)} }\n`)
    await eventually(async () => (await rulesOf(one)).length === 0, 20_000)
  })
})
