// The newest GoBGP that was measured, from its Go module, with the same peers as our device.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { cacheDirectory } from '../../lab/cache.ts'
import { output } from '../interop/support/daemon.ts'
import { DEVICE_ADDRESS, DEVICE_ASN, peerAddress, peerAsn } from './bgp-scenario.ts'

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

export function gobgpConfiguration(peers: number): string {
  const neighbours = Array.from(
    { length: peers },
    (_, i) => `
[[neighbors]]
  [neighbors.config]
    neighbor-address = "${peerAddress(i)}"
    peer-as = ${peerAsn(i)}
  [neighbors.transport.config]
    passive-mode = true
    local-address = "${DEVICE_ADDRESS}"
  [neighbors.timers.config]
    hold-time = 90
`,
  )
  return `
[global.config]
  as = ${DEVICE_ASN}
  router-id = "${DEVICE_ADDRESS}"
  local-address-list = ["${DEVICE_ADDRESS}"]
${neighbours.join('')}`
}
