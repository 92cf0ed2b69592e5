/** Command-line flags and environment of the agent: they win over the file. */
import { parseArgs } from 'node:util'
import { ConfigError } from '../errors.ts'

export interface Overrides {
  readonly configFile: string
  readonly nodeName: string
  readonly kubeconfig: string | undefined
  readonly runPodNetwork: boolean | undefined
  readonly runServiceProxy: boolean | undefined
  readonly logLevel: string | undefined
  readonly adminSocket: string | undefined
  readonly help: boolean
}

export const DEFAULT_CONFIG_FILE = '/etc/podroute/config.yaml'

export const USAGE = `agent: pod network and service proxy of one node

  --config FILE             configuration (default ${DEFAULT_CONFIG_FILE}; PODROUTE_CONFIG)
  --node-name NAME          name of this Node (NODE_NAME)
  --kubeconfig FILE         reach the API server with this instead of the pod's ServiceAccount (KUBECONFIG)
  --run-pod-network=BOOL    override podNetwork.enabled
  --run-service-proxy=BOOL  override serviceProxy.enabled
  --admin-socket PATH       override adminSocket
  --log-level LEVEL         override log.level
  --help
`

const OPTIONS = {
  config: { type: 'string' },
  'node-name': { type: 'string' },
  kubeconfig: { type: 'string' },
  'run-pod-network': { type: 'string' },
  'run-service-proxy': { type: 'string' },
  'admin-socket': { type: 'string' },
  'log-level': { type: 'string' },
  help: { type: 'boolean' },
} as const

/** @throws ConfigError naming every flag that is unknown or has a bad value. */
export function parseFlags(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Overrides {
  const values = readArgs(args)
  const problems: string[] = []
  const flag = (name: 'run-pod-network' | 'run-service-proxy'): boolean | undefined => {
    const value = values[name]
    if (value === undefined || value === 'true') return value === undefined ? undefined : true
    if (value !== 'false') problems.push(`--${name}: true or false, not ${value}`)
    return false
  }
  const nodeName = values['node-name'] ?? env.NODE_NAME ?? ''
  if (nodeName === '' && !values.help)
    problems.push('--node-name (or NODE_NAME): the name of this Node is needed')
  const overrides: Overrides = {
    configFile: values.config ?? env.PODROUTE_CONFIG ?? DEFAULT_CONFIG_FILE,
    nodeName,
    kubeconfig: values.kubeconfig ?? (env.KUBECONFIG || undefined),
    runPodNetwork: flag('run-pod-network'),
    runServiceProxy: flag('run-service-proxy'),
    logLevel: values['log-level'],
    adminSocket: values['admin-socket'],
    help: values.help ?? false,
  }
  if (problems.length > 0) throw new ConfigError(problems)
  return overrides
}

function readArgs(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, strict: true }).values
  } catch (error) {
    throw new ConfigError([(error as Error).message])
  }
}
