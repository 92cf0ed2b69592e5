/** GoBGP with the sessions that an agent has in a mesh. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { NamespaceProcess } from '../interop/support/daemon.ts'
import { gobgpProgram } from './bgp-gobgp.ts'
import { ASN, DEVICE } from './network-mesh-scenario.ts'
import type { BenchNodeObject } from './services-objects.ts'

export interface GobgpMesh extends AsyncDisposable {
  readonly pid: number
}

/** Starts it in the namespace; it connects to all of the nodes by itself. */
export async function startGobgpMesh(netns: string, nodes: readonly BenchNodeObject[]): Promise<GobgpMesh> {
  const program = await gobgpProgram()
  const directory = await mkdtemp(join(tmpdir(), 'podroute-gobgp-'))
  const config = join(directory, 'gobgpd.toml')
  await writeFile(config, configuration(nodes))
  const child = new NamespaceProcess(netns, program, ['-f', config, '--pprof-disable', '-l', 'error'])
  return {
    pid: child.pid,
    async [Symbol.asyncDispose]() {
      await child.stop('SIGKILL')
      await rm(directory, { recursive: true })
    },
  }
}

function configuration(nodes: readonly BenchNodeObject[]): string {
  const neighbours = nodes.map(
    ({ address }) => `
[[neighbors]]
  [neighbors.config]
    neighbor-address = "${address}"
    peer-as = ${ASN}
  [neighbors.transport.config]
    local-address = "${DEVICE.address}"
  [neighbors.ttl-security.config]
    enabled = true
    ttl-min = 255
  [neighbors.timers.config]
    hold-time = 90
    connect-retry = 5
  [[neighbors.afi-safis]]
    [neighbors.afi-safis.config]
      afi-safi-name = "ipv4-unicast"
`,
  )
  return `
[global.config]
  as = ${ASN}
  router-id = "${DEVICE.address}"
  local-address-list = ["${DEVICE.address}"]
${neighbours.join('')}`
}
