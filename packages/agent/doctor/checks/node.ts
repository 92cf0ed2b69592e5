/** Checks of what podroute itself has on the node: CNI configuration and plugins, the bridge, the agent. */
import { bridgeName } from '../bridge-name.ts'
import { type Check, checkOf, fail, OK, unknown, warn } from '../check.ts'
import type { ConfFile, Facts } from '../facts.ts'

const confOf = ({ confFiles }: Facts) => confFiles
const agentOf = ({ agent }: Facts) => agent
const isOurs = ({ name, text }: ConfFile) => /podroute/.test(name) || networkOf(text) === 'podroute'

function networkOf(text: string): unknown {
  try {
    return (JSON.parse(text) as { name?: unknown }).name
  } catch {
    return undefined
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

const PLUGINS = ['bridge', 'host-local', 'loopback', 'portmap']

/** Where another CNI connects the pods, podroute has no configuration, plugins and bridge (option `cni`). */
const cniIsOthers = ({ agent }: Facts) => 'value' in agent && agent.value.cni === false

export const NODE_CHECKS: readonly Check[] = [
  checkOf(
    'cni-configuration',
    'the container runtime finds podroute’s configuration',
    confOf,
    (files, facts) => {
      const own = files.filter(isOurs).map(({ name }) => name)
      if (own.length === 0 && !cniIsOthers(facts))
        return fail(
          'there is no CNI configuration of podroute',
          'the agent writes it last: podroute status says what is missing until then',
        )
      if (own.length > 0 && cniIsOthers(facts))
        return warn(
          `${own.join(', ')} is there, and another CNI is to connect the pods (cni: false)`,
          'remove it, so that runtimes do not take it',
        )
      return OK
    },
  ),
  checkOf('cni-order', 'no other CNI configuration comes first', confOf, (files) => {
    const first = files[0]
    if (!first || isOurs(first) || !files.some(isOurs)) return OK
    return fail(
      `${first.name} comes before podroute’s: runtimes take the first one`,
      `move ${first.name} out of the folder, or rename it so that it comes later`,
    )
  }),
  checkOf('cni-files', 'every CNI configuration can be read', confOf, (files) => {
    const bad = files.filter(({ text }) => !isJson(text)).map(({ name }) => name)
    return bad.length === 0
      ? OK
      : fail(`${bad.join(', ')} is no JSON`, 'mend or remove it: runtimes may stop there')
  }),
  checkOf(
    'cni-plugins',
    'the plugins of the configuration are there, and are podroute’s',
    ({ plugins }) => plugins,
    (plugins, facts) => {
      const todo = 'delete the agent’s pod: its init container prepare-node puts them there'
      const found = new Map(plugins.map(({ name, own }) => [name, own]))
      const missing = PLUGINS.filter((name) => !found.has(name))
      const others = PLUGINS.filter((name) => found.get(name) === false)
      if (cniIsOthers(facts)) return OK
      if (missing.length > 0) return fail(`no plugin ${missing.join(', ')}`, todo)
      if (others.length === 0) return OK
      const lost = others.includes('bridge')
        ? ': new pods start without source check, and do not wait for their policies'
        : ''
      return warn(`a package has put its own ${others.join(', ')} over podroute’s${lost}`, todo)
    },
  ),
  checkOf(
    'bridge',
    'the bridge of the pods is up',
    ({ links }) => links,
    (links, facts) => {
      if (cniIsOthers(facts)) return OK
      const own = bridgeName(facts.confFiles)
      const bridge = links.find(({ name }) => name === own)
      if (!bridge) return warn(`there is no ${own}`, 'the agent makes it: start it')
      if (bridge.kind !== 'bridge') return fail(`${own} is a ${bridge.kind}`, `ip link delete ${own}`)
      return bridge.up ? OK : fail(`${own} is down`, `ip link set ${own} up`)
    },
  ),
  checkOf(
    'mtu',
    'the pods’ packets fit the node’s links',
    ({ links }) => links,
    (links, { confFiles }) => {
      const bridge = links.find(({ name }) => name === bridgeName(confFiles))
      const up = links.filter(
        ({ kind, name, up }) => up && name !== 'lo' && (kind === '' || kind === 'bond' || kind === 'vlan'),
      )
      const small = up.filter(({ mtu }) => bridge && mtu < bridge.mtu)
      if (!bridge || up.length === 0 || small.length < up.length) return OK
      return warn(
        `the bridge takes ${bridge.mtu} bytes, ${small[0]!.name} ${small[0]!.mtu}`,
        'leave the MTU at auto, and start pods anew whose interfaces are larger',
      )
    },
  ),
  checkOf(
    'certificates',
    'no certificate is about to end',
    ({ certificates }) => certificates,
    (all) => {
      const [first] = all.toSorted((a, b) => a.days - b.days)
      if (!first || first.days >= 30) return OK
      const todo = 'kubeadm certs renew all, or let the kubelet rotate its own (rotateCertificates)'
      if (first.days < 0) return fail(`${first.path} has ended`, todo)
      return warn(`${first.path} ends in ${Math.floor(first.days)} days`, todo)
    },
  ),
  checkOf('agent', 'an agent runs and answers', agentOf, () => OK),
  checkOf('agent-conditions', 'the agent misses nothing', agentOf, ({ conditions }) => {
    const missing = conditions.filter(({ ok }) => !ok)
    if (missing.length === 0) return OK
    const problem = missing.map(({ name, detail }) => `${name}: ${detail}`).join('; ')
    const judge = missing.every(({ advisory }) => advisory) ? warn : fail
    return judge(problem, 'podroute status has all of it')
  }),
  checkOf('agent-watches', 'the agent hears of changes', agentOf, ({ watches }) => {
    // A kind that the API server does not have is not missed: ClusterNetworkPolicies are there where somebody has installed them.
    const lost = watches.filter(({ connected, unavailable }) => !connected && unavailable !== 'not-served')
    return lost.length === 0
      ? OK
      : warn(
          `no watch of ${lost.map(({ name, lastError }) => `${name} (${lastError ?? 'not yet'})`).join(', ')}`,
          'look at the API server and at the rights of the agent’s ServiceAccount',
        )
  }),
  checkOf('failing-writes', 'what the agent writes is taken', agentOf, ({ pending }) => {
    const failing = pending.filter(({ error }) => error !== '')
    const [first] = failing
    return first
      ? fail(
          `${failing.length} changes are refused: ${first.table} ${first.key}: ${first.error}`,
          'podroute plan has all of them',
        )
      : OK
  }),
  checkOf('agent-node', 'the agent is that of this Node', agentOf, ({ nodeName }, facts) => {
    if (facts.nodeName === undefined) return unknown('no name is given (NODE_NAME, --node-name)')
    return nodeName === facts.nodeName
      ? OK
      : fail(`the agent says that it is ${nodeName}`, `give it --node-name ${facts.nodeName}`)
  }),
]
