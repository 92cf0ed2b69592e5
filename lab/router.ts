// The router outside the cluster: FRR in a namespace of its own, an eBGP peer of every node.

import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CLUSTER_ASN, NODES, OUTSIDE_PREFIXES, primaryOf, ROUTER, ROUTER_NAMESPACE } from './addresses.ts'
import { run } from './command.ts'
import type { Processes } from './processes.ts'

const DAEMONS = '/usr/lib/frr'

export function routerConfiguration(): string {
  return `frr defaults datacenter
hostname router
log stdout informational
router bgp ${ROUTER.asn}
 bgp router-id ${ROUTER.ipv4}
 bgp graceful-restart
 no bgp ebgp-requires-policy
 neighbor NODES peer-group
 neighbor NODES remote-as ${CLUSTER_ASN}
 neighbor NODES timers connect 1
${NODES.map((node) => ` neighbor ${primaryOf(node)} peer-group NODES`).join('\n')}
 address-family ipv4 unicast
  network ${OUTSIDE_PREFIXES[0]}
  neighbor NODES activate
 exit-address-family
 address-family ipv6 unicast
  network ${OUTSIDE_PREFIXES[1]}
  neighbor NODES activate
 exit-address-family
`
}

function socketFolder(processes: Processes): string {
  return join(processes.directory, 'router')
}

export async function startRouter(processes: Processes): Promise<void> {
  const folder = socketFolder(processes)
  await mkdir(folder, { recursive: true })
  await run('chown', ['frr:frr', folder]) // the daemons give up root
  await writeFile(join(folder, 'bgpd.conf'), routerConfiguration())
  for (const daemon of ['zebra', 'bgpd', 'bfdd']) {
    const file = join(folder, `${daemon}.conf`)
    if (daemon !== 'bgpd') await writeFile(file, 'log stdout informational\n')
    const options = [
      ...['-f', file, '-z', join(folder, 'zserv.api'), '-i', join(folder, `${daemon}.pid`)],
      ...['--vty_socket', folder],
      ...(daemon === 'bfdd' ? ['--bfdctl', join(folder, 'bfdd.sock')] : []),
    ]
    await processes.start(`router-${daemon}`, [join(DAEMONS, daemon), ...options], {
      netns: ROUTER_NAMESPACE,
    })
  }
}

/** Runs a command of FRR's shell. */
export async function vtysh(stateDirectory: string, command: string): Promise<string> {
  return run('vtysh', ['--vty_socket', join(stateDirectory, 'router'), '-c', command])
}
