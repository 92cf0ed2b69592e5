/** `kubectl podroute bundle`: what all nodes have to show, with logs and what of the cluster concerns podroute. */
import type { BundleFile } from '../bundle/archive.ts'
import { cleanFile, withoutSecrets } from '../bundle/secrets.ts'
import { type Agent, findAgents } from './agents.ts'
import { type Answer, askAll } from './ask.ts'
import { type Kubectl, run } from './kubectl.ts'

const LABEL = 'app=podroute'
/** Lines of each log. */
const LINES = '5000'

/** Never a Secret. */
const OBJECTS: Readonly<Record<string, readonly string[]>> = {
  pods: ['get', 'pods', '-l', LABEL],
  daemonsets: ['get', 'daemonsets.apps', '-l', LABEL],
  configmap: ['get', 'configmap', 'podroute'],
  nodes: ['get', 'nodes'],
  services: ['get', 'services', '--all-namespaces'],
  endpointslices: ['get', 'endpointslices.discovery.k8s.io', '--all-namespaces'],
  events: ['get', 'events', '--all-namespaces', '--field-selector', 'reportingComponent=podroute.io/agent'],
}

export async function clusterFiles(kubectl: Kubectl): Promise<readonly BundleFile[]> {
  const { agents } = await findAgents(kubectl, 'pods')
  const answers = await askAll(kubectl, agents, ['bundle', '--json'])
  const more = [
    ...Object.entries(OBJECTS).map(([name, args]) => objects(kubectl, name, args)),
    ...agents.flatMap((agent) => [logs(kubectl, agent, []), logs(kubectl, agent, ['--previous'])]),
    versionOf(kubectl),
  ]
  return [...answers.flatMap(filesOf), ...(await Promise.all(more))]
}

function filesOf({ node, text = '', error }: Answer): readonly BundleFile[] {
  const folder = `nodes/${node}`
  try {
    const { files } = JSON.parse(text) as { files: readonly BundleFile[] }
    return files.map((file) => ({ ...file, name: `${folder}/${file.name}` }))
  } catch {
    return [{ name: `${folder}/error.txt`, text: cleanFile(error ?? text, []) }]
  }
}

async function objects(kubectl: Kubectl, name: string, args: readonly string[]): Promise<BundleFile> {
  const { stdout, stderr } = await run(kubectl, [...args, '--output', 'json'])
  try {
    return { name: `cluster/${name}.json`, text: JSON.stringify(withoutSecrets(JSON.parse(stdout)), null, 2) }
  } catch {
    return { name: `cluster/${name}.txt`, text: cleanFile(stderr, []) }
  }
}

async function logs(kubectl: Kubectl, { node, pod }: Agent, more: readonly string[]): Promise<BundleFile> {
  const args = ['logs', pod, '--all-containers', '--prefix', '--timestamps', '--tail', LINES, ...more]
  const { stdout, stderr } = await run(kubectl, args)
  const name = `nodes/${node}/${more.length > 0 ? 'previous' : 'agent'}.log`
  return { name, text: cleanFile(`${stdout}${stderr}`, []) }
}

async function versionOf(kubectl: Kubectl): Promise<BundleFile> {
  const { stdout, stderr } = await run(kubectl, ['version'])
  return { name: 'cluster/version.txt', text: `${stdout}${stderr}` }
}
