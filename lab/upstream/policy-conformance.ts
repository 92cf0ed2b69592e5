// Builds network-policy-api's conformance suite of ClusterNetworkPolicies: once a machine and version.

import { chmod, cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cached, fingerprint } from '../cache.ts'
import { run } from '../command.ts'

/** The version whose CRD deploy/clusternetworkpolicies.yaml is. */
const MODULE = 'sigs.k8s.io/network-policy-api@v0.2.0'
const MANIFESTS = join('conformance', 'base', 'manifests.yaml')
const VERDICTS = join('conformance', 'utils', 'kubernetes', 'helper.go')
const TIMEOUTS = join('conformance', 'utils', 'config', 'timeout.go')
/** The one that the lab has: upstream's images are made here (images.ts), and that of this suite has no shell. */
const AGNHOST = 'registry.k8s.io/e2e-test-images/agnhost:2.59'
const PROGRAM = 'conformance.test'
/** The suite fills in its ports: `{{ index .HostNetworkPorts 0 }}`. */
const ARGUMENT = /\{\{.*?\}\}|\S+/g

/** Path of the program. Some minutes when it has to be built: it brings a client of its own. */
export async function buildPolicyConformance(): Promise<string> {
  const key = fingerprint([MODULE, AGNHOST, await readFile(import.meta.filename), process.arch])
  const { directory } = await cached('policy-conformance', key, async (into) => {
    const scratch = await mkdtemp(join(tmpdir(), 'podroute-cnp-'))
    try {
      const { Dir } = JSON.parse(await run('go', ['mod', 'download', '-json', MODULE], { cwd: scratch })) as {
        Dir: string
      }
      const sources = join(scratch, 'network-policy-api')
      await cp(Dir, sources, { recursive: true })
      await run('chmod', ['-R', 'u+w', sources])
      for (const [file, adapt] of [
        [MANIFESTS, adaptManifests],
        [VERDICTS, adaptVerdicts],
        [TIMEOUTS, adaptTimeouts],
      ] as const) {
        const text = await readFile(join(sources, file), 'utf8')
        const adapted = adapt(text)
        if (adapted === text) throw new Error(`${file} is not what the lab expects`)
        await writeFile(join(sources, file), adapted)
      }
      const env = { CGO_ENABLED: '0', GOFLAGS: '-mod=readonly' }
      await run('go', ['test', '-c', '-vet=off', '-o', join(into, PROGRAM), './conformance'], {
        cwd: sources,
        env,
      })
      await chmod(into, 0o755)
    } finally {
      await rm(scratch, { recursive: true, force: true })
    }
  })
  return join(directory, PROGRAM)
}

/** @throws Error where the suite's pods are other ones than expected */
function adaptManifests(manifests: string): string {
  const changed = manifests
    .replaceAll(/registry\.k8s\.io\/e2e-test-images\/agnhost:[\d.]+/g, AGNHOST)
    .replaceAll(/\["\/bin\/bash", "-c", "([^"]*)"\]/g, (_, command: string) =>
      JSON.stringify(command.match(ARGUMENT)),
    )
  if (changed.includes('/bin/bash')) throw new Error(`${MANIFESTS} is not what the lab expects`)
  return changed
}

/**
 * Over SCTP the newer agnhost writes once it is connected, to a server that closes as soon as it has accepted: that it was connected is what
 * is asked, and where the close comes first it says "broken pipe". One that is not let through says "TIMEOUT".
 */
function adaptVerdicts(source: string): string {
  return source.replace(
    'if shouldConnect && len(stderr) > 0 {',
    'if shouldConnect && len(stderr) > 0 && !strings.Contains(stderr, "broken pipe") {',
  )
}

/** To start a command in a pod takes many seconds where nodes are emulated and the machine is busy. */
function adaptTimeouts(source: string): string {
  return source.replace(/PokeTimeout: +10 \* time\.Second/, 'PokeTimeout: 60 * time.Second')
}
