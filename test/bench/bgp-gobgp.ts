// The newest GoBGP that was measured, from its Go module, with the same peers as our device.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { cacheDirectory } from '../../lab/cache.ts'
import { output } from '../interop/support/daemon.ts'
import type { DeviceOptions } from './bgp-devices.ts'
import { gobgpRules } from './bgp-rules.ts'
import { DEVICE_ASN, LINK, peerAddress, peerAsn, ROUTER_ID } from './bgp-scenario.ts'

const VERSION = 'v4.8.0'

/** Builds gobgpd where it is not built yet; needs Go and its module proxy. Returns the path of the program. */
export async function gobgpProgram(): Promise<string> {
  const directory = join(cacheDirectory(), `gobgp-${VERSION}`)
  const program = join(directory, 'gobgpd')
  if (!existsSync(program)) {
    process.stderr.write(`building gobgpd ${VERSION}, once ...\n`)
    const module = `github.com/osrg/gobgp/v4/cmd/gobgpd@${VERSION}`
    await output('env', [`GOBIN=${directory}`, 'go', 'install', module])
  }
  return program
}

export function gobgpConfiguration({ peers, family, rules }: DeviceOptions): string {
  const neighbours = Array.from(
    { length: peers },
    (_, i) => `
[[neighbors]]
  [neighbors.config]
    neighbor-address = "${peerAddress(i, family)}"
    peer-as = ${peerAsn(i)}
  [neighbors.transport.config]
    passive-mode = true
    local-address = "${LINK[family].device}"
  [neighbors.timers.config]
    hold-time = 90
  [[neighbors.afi-safis]]
    [neighbors.afi-safis.config]
      afi-safi-name = "${family}-unicast"
`,
  )
  return `
[global.config]
  as = ${DEVICE_ASN}
  router-id = "${ROUTER_ID}"
  local-address-list = ["${LINK[family].device}"]
${neighbours.join('')}${rules ? gobgpRules(family) : ''}`
}
