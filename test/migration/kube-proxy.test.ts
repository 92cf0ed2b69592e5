/**
 * Services move from kube-proxy to podroute on nodes that run, one after the other, under traffic: the commands of
 * docs/migrating-from-kube-proxy.md. kube-proxy is the one of the lab's Kubernetes, as a process of each node.
 */

import { readFileSync } from 'node:fs'
import { copyFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { CLUSTER_RANGES, NODES } from '../../lab/addresses.ts'
import { cached, fingerprint } from '../../lab/cache.ts'
import { run } from '../../lab/command.ts'
import { buildControlPlane } from '../../lab/control-plane/build.ts'
import { buildBase } from '../../lab/images/base.ts'
import { startLab, stopLab } from '../../lab/lifecycle.ts'
import { NODE_ENVIRONMENT, nodeFiles, runOnNode, SYSTEM_PATH } from '../../lab/node/node.ts'
import { prepare } from '../../lab/prepare.ts'
import { Progress } from '../../lab/progress.ts'
import { createBlue, service } from '../../lab/scenarios/blue.ts'
import { apply, kubectl, waitFor } from '../../lab/scenarios/cluster.ts'
import { PODROUTE_NAMESPACE, podrouteManifests, waitForAgents } from '../../lab/scenarios/podroute.ts'
import { KUBECONFIG, STATE } from '../../lab/state.ts'
import type { StatusReport } from '../../packages/agent/admin/reports.ts'
import { agents, inAgent, onNode } from '../cluster/lab.ts'
import { expectNothingLost, LOAD, startLoadPods, underLoad } from '../cluster/load.ts'
import { fencesOf } from '../support/documents.ts'

/** The node whose clients count. */
const NODE = 'node-2'
/** Requests a second of each of two clients, half of them on connections of their own. */
const RATE = 60
/** Milliseconds for the slowest answer: a SYN that is lost is sent once more after so many. */
const SLOWEST = 1000
const LABEL = 'network'
const READY = { timeout: 180_000 }

const PAGE = readFileSync('docs/migrating-from-kube-proxy.md', 'utf8')

type Mode = 'nftables' | 'ipvs'

/** What is done on a node once podroute serves there: the page's commands. */
function cleanup(mode: Mode): string {
  const fence = fencesOf(PAGE).find(({ language }) => language === `sh node ${mode}`)
  if (!fence) throw new Error(`the page has no commands for a node in ${mode} mode`)
  return `set -e\n${fence.text}`
}

interface DaemonSet {
  readonly kind: string
  readonly metadata: { readonly name: string }
  readonly spec: {
    readonly template: {
      readonly metadata: object
      readonly spec: { readonly containers: readonly Container[] }
    }
  }
}

interface Container {
  readonly command: readonly string[]
}

/** podroute with Services on nodes with the label, and without them on the others. */
async function manifests(): Promise<object[]> {
  const objects = await podrouteManifests()
  const daemonSet = objects.find((object) => (object as DaemonSet).kind === 'DaemonSet') as DaemonSet
  const config = objects.find((object) => (object as DaemonSet).kind === 'ConfigMap') as {
    data: Record<string, string>
  }
  const text = config.data['config.yaml']!.replace('serviceProxy:\n', 'serviceProxy:\n  takeOver: true\n')
  const variant = (part: string, operator: 'In' | 'NotIn', flags: readonly string[]) => {
    const { template } = daemonSet.spec
    const [agent, ...others] = template.spec.containers
    const labels = { app: 'podroute', part }
    const expression = { key: LABEL, operator, values: ['podroute'] }
    const nodeAffinity = {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchExpressions: [expression] }],
      },
    }
    const containers = [{ ...agent!, command: [...agent!.command, ...flags] }, ...others]
    return {
      ...daemonSet,
      metadata: { ...daemonSet.metadata, name: `podroute-${part}` },
      spec: {
        ...daemonSet.spec,
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: { ...template.spec, containers, affinity: { nodeAffinity } },
        },
      },
    }
  }
  return [
    ...objects.filter((object) => object !== daemonSet && object !== config),
    { ...config, data: { 'config.yaml': text } },
    variant('network', 'NotIn', ['--run-service-proxy=false']),
    variant('services', 'In', []),
  ]
}

/** The lab's kernel has no REJECT: kube-proxy's rules of IPVS mode have DROP in its place. */
const withoutReject = (program: string) =>
  `#!/bin/sh\nsed 's/-j REJECT.*/-j DROP/' | exec /usr/sbin/${program} "$@"\n`

/** That of the image: the nodes' own, this machine's, cannot read what their iptables writes with a kernel that is newer than both. */
async function buildNft(): Promise<string> {
  const base = await buildBase()
  const { directory } = await cached('nft', fingerprint([base]), async (into) => {
    const libraries = './usr/lib/x86_64-linux-gnu'
    await run('tar', ['-xf', base, '-C', into, './usr/sbin/nft', libraries])
    const linker = 'usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2'
    const script = `#!/bin/sh
here=$(dirname "$0")
exec $here/${linker} --library-path $here/${libraries} $here/usr/sbin/nft "$@"
`
    await writeFile(join(into, 'nft'), script, { mode: 0o755 })
  })
  return directory
}

async function startKubeProxy(mode: Mode): Promise<void> {
  const programs = await buildControlPlane()
  const nft = await buildNft()
  for (const { name, ipv4, ipv6 } of NODES) {
    const files = nodeFiles(STATE, name)
    const kubeconfig = join(files, 'kube-proxy.kubeconfig')
    await copyFile(KUBECONFIG, kubeconfig)
    const configuration = {
      ...{ apiVersion: 'kubeproxy.config.k8s.io/v1alpha1', kind: 'KubeProxyConfiguration', mode },
      ...{ hostnameOverride: name, bindAddress: '::', clusterCIDR: CLUSTER_RANGES.join() },
      nodePortAddresses: [`${ipv4}/32`, `${ipv6}/128`],
      ...{ clientConnection: { kubeconfig }, conntrack: { maxPerCore: 0, min: 0 } },
    }
    await writeFile(join(files, 'kube-proxy.json'), JSON.stringify(configuration))
    for (const program of ['iptables-restore', 'ip6tables-restore'])
      await writeFile(join(files, program), withoutReject(program), { mode: 0o755 })
    const command = `setsid kube-proxy --config=${files}/kube-proxy.json`
    const env = { ...NODE_ENVIRONMENT, PATH: `${files}:${nft}:${programs}:${SYSTEM_PATH}` }
    const { code, stderr } = await runOnNode(
      STATE,
      name,
      `${command} </dev/null >/var/log/kube-proxy.log 2>&1 & echo $! >/run/kube-proxy.pid`,
      { env, timeout: 60_000 },
    )
    expect(code, stderr).to.equal(0)
  }
}

/** kube-proxy serves the load's ClusterIP on every node. */
async function kubeProxyServes(): Promise<void> {
  const { clusterIP } = await service(LOAD)
  for (const { name } of NODES)
    await waitFor(
      `kube-proxy on ${name}`,
      () =>
        onNode(
          name,
          `curl -s -o /dev/null -w '%{http_code}' --max-time 2 http://${clusterIP}/ || tail -3 /var/log/kube-proxy.log`,
        ),
      (said) => said === '200',
      READY,
    )
}

/** One node: what a change of its label does to the two DaemonSets, and then what an operator does. */
async function move(node: string, mode: Mode): Promise<void> {
  await kubectl(['label', 'node', node, `${LABEL}=podroute`])
  await onNode(node, 'kill $(cat /run/kube-proxy.pid)')
  await waitFor(
    `podroute serves on ${node}`,
    async () => {
      const [pod, ...more] = (await agents()).filter((agent) => agent.node === node && agent.ready)
      if (!pod || more.length > 0) return undefined
      const report = JSON.parse(await inAgent(pod, 'podroute', 'status', '--json')) as StatusReport
      return report.conditions.filter(({ ok, advisory }) => !ok && !advisory).length === 0 && report.ready
    },
    (good) => good === true,
    READY,
  )
  await onNode(node, `PATH=${await buildNft()}:$PATH\n${cleanup(mode)}`)
}

describe('nodes that move from kube-proxy, one by one', function () {
  this.timeout(900_000)

  before('the lab, without Services of podroute', async function () {
    this.timeout(1_200_000)
    const progress = new Progress()
    const prepared = await prepare(progress)
    await startLab(prepared, progress, {
      title: 'apply podroute without Services',
      apply: async () => apply(...(await manifests())),
      wait: () => waitForAgents(),
    })
    await createBlue()
  })
  after(stopLab)

  for (const mode of ['nftables', 'ipvs'] as const)
    describe(`in ${mode} mode`, () => {
      before('kube-proxy on every node', async () => {
        await kubectl(['label', 'nodes', '--all', `${LABEL}-`])
        await waitFor(
          'podroute without Services',
          agents,
          (found) =>
            found.length === NODES.length &&
            found.every(({ name, ready }) => ready && name.startsWith('podroute-network-')),
          READY,
        )
        await startKubeProxy(mode)
        await startLoadPods()
        await kubeProxyServes()
      })

      it('lose no request and no connection', async () => {
        const loads = await underLoad(
          NODE,
          async () => {
            for (const { name } of NODES) await move(name, mode)
          },
          RATE,
        )
        expectNothingLost(loads)
        for (const { latency } of loads) expect(latency.max, 'ms until an answer').to.be.below(SLOWEST)
        for (const { name } of NODES) {
          const left = await onNode(name, `ipvsadm -Sn; ${await buildNft()}/nft list tables; ip -br link`)
          expect(left).to.not.match(/kube-proxy|kube-ipvs0/)
        }
        const problems = await inAgent((await agents())[0]!, 'podroute', 'services', '--json')
        expect(JSON.parse(problems).problems).to.deep.equal([])
        expect(
          await kubectl(['get', 'pods', '-n', PODROUTE_NAMESPACE, '-l', 'part=network', '-o', 'name']),
        ).to.equal('')
      })
    })
})
