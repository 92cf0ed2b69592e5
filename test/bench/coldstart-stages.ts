/** Where the time of a cold start goes: what the API server says of the node and its pods, with the moments at which it says so. */
import { attemptKubectl } from '../../lab/scenarios/cluster.ts'

/** Seconds for which it is watched. */
const WATCHED = 30

const STATES =
  '{range .status.initContainerStatuses[*]}{.state}{end}{range .status.containerStatuses[*]}{.state}{end}'
const POD = `{.metadata.name} on {.spec.nodeName}: {.status.phase} ${STATES}{"\\n"}`
const NODE = `{.metadata.name} Ready={.status.conditions[?(@.type=="Ready")].status} taints={.spec.taints[*].key}{"\\n"}`

/** States as few words: `waiting PodInitializing`, `running`, `terminated Completed`. */
function words(line: string): string {
  return line
    .replaceAll(/\{"(running|waiting|terminated)":\{[^}]*?(?:"reason":"(\w+)")?[^}]*\}\}/g, '[$1 $2]')
    .replaceAll(/node.kubernetes.io\//g, '')
}

/** Each change, from now on: `say` gets the seconds since then. Ends by itself. */
export function watchStages(say: (line: string) => void): void {
  const started = performance.now()
  const last = new Map<string, string>()
  const watch = (what: string, template: string, ...more: readonly string[]) => {
    const args = [
      'get',
      what,
      ...more,
      '--watch',
      `--request-timeout=${WATCHED}s`,
      '-o',
      `jsonpath=${template}`,
    ]
    const onOutput = (text: string) => {
      const seconds = ((performance.now() - started) / 1000).toFixed(2)
      for (const line of text.split('\n').map(words)) {
        const name = line.split(' ')[0]!
        if (line === '' || last.get(name) === line) continue
        last.set(name, line)
        say(`    ${seconds} s  ${line}`)
      }
    }
    attemptKubectl(args, { onOutput }).catch(() => {})
  }
  watch('nodes', NODE)
  watch('pods', POD, '--all-namespaces')
}
