/** Something on a node that has pods' addresses and answers datagrams, without a kubelet. */
import { run } from '../../../lab/command.ts'
import type { AgentCluster } from '../../support/agent-cluster.ts'
import type { TestNode } from '../../support/agent-network.ts'
import { ECHO } from '../../support/packet-loss.ts'

export interface Pod {
  readonly netns: string
  readonly ipv4: string
  readonly ipv6: string
}

/** Its namespace goes with the cluster's processes and by `removePod`. */
export async function addPod(cluster: AgentCluster, node: TestNode): Promise<Pod> {
  const netns = `${node.netns}-p`
  const [v4, v6] = (await cluster.allocated(node)) as [string, string]
  const host = (prefix: string, n: number) => prefix.replace(/0?\/\d+$/, String(n))
  const pod = { netns, ipv4: host(v4, 9), ipv6: host(v6, 9) }
  await run('ip', ['netns', 'add', netns])
  await run('ip', ['-n', node.netns, '-batch', '-'], {
    input: `link add pod9 type veth peer name eth0 netns ${netns}
link set pod9 master kube-bridge up
`,
  })
  await run('ip', ['-n', netns, '-batch', '-'], {
    input: `link set lo up
address add ${pod.ipv4}/24 dev eth0
address add ${pod.ipv6}/64 dev eth0 nodad
link set eth0 up
route add default via ${host(v4, 1)}
route add ::/0 via ${host(v6, 1)}
`,
  })
  await cluster.processes.start(`pod-${node.name}`, [process.execPath, '-e', ECHO], { netns })
  return pod
}

export async function removePod({ netns }: Pod): Promise<void> {
  await run('ip', ['netns', 'delete', netns])
}
