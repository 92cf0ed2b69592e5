/** Runs the user's kubectl, with the cluster and the rights that it has; says what to do where that is not enough. */
import { spawn } from 'node:child_process'
import { CliError } from '../errors.ts'

export interface Kubectl {
  /** The program. */
  readonly program: string
  /** `--context` and `--kubeconfig`, if given. */
  readonly flags: readonly string[]
  readonly namespace: string
}

/** As the options say that all commands by kubectl have. */
export interface KubectlOptions {
  readonly namespace: string
  readonly context?: string | undefined
  readonly kubeconfig?: string | undefined
}

export function kubectlOf(program: string, { namespace, context, kubeconfig }: KubectlOptions): Kubectl {
  const flags = [...given('--context', context), ...given('--kubeconfig', kubeconfig)]
  return { program, flags, namespace }
}

function given(flag: string, value: string | undefined): readonly string[] {
  return value === undefined ? [] : [flag, value]
}

export interface Ended {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  /** For its standard input. */
  readonly input?: string
  /** Ends it. */
  readonly signal?: AbortSignal
  /** Ctrl-C of the terminal does not reach it: it ends by itself, or by `signal`. */
  readonly detached?: boolean
}

/** Whatever it ends with. @throws CliError when there is no kubectl; AbortError */
export function run(
  { program, flags, namespace }: Kubectl,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Ended> {
  const stdin = options.input === undefined ? 'ignore' : 'pipe'
  return start(program, [...flags, '--namespace', namespace, ...args], [stdin, 'pipe', 'pipe'], options)
}

/** What it prints comes as it comes, and is not text. @throws CliError when there is no kubectl; AbortError */
export function stream(
  { program, flags, namespace }: Kubectl,
  args: readonly string[],
  bytes: (some: Buffer) => void,
  options: RunOptions,
): Promise<Ended> {
  const all = [...flags, '--namespace', namespace, ...args]
  return start(program, all, ['ignore', 'pipe', 'pipe'], options, bytes)
}

/** With this process's terminal, for what goes on. */
export async function hand({ program, flags, namespace }: Kubectl, args: readonly string[]): Promise<number> {
  const all = [...flags, '--namespace', namespace, ...args]
  return (await start(program, all, ['inherit', 'inherit', 'inherit'])).status
}

function start(
  program: string,
  args: readonly string[],
  stdio: ('ignore' | 'inherit' | 'pipe')[],
  { input, signal, detached = false }: RunOptions = {},
  bytes?: (some: Buffer) => void,
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio, detached, ...(signal ? { signal } : {}) })
    // That it reads no further is told by how it ends.
    child.stdin?.on('error', () => {}).end(input)
    const text = { stdout: '', stderr: '' }
    if (bytes) child.stdout?.on('data', bytes)
    for (const name of bytes ? (['stderr'] as const) : (['stdout', 'stderr'] as const))
      child[name]?.setEncoding('utf8').on('data', (more: string) => {
        text[name] += more
      })
    child.on('error', (error: NodeJS.ErrnoException) => reject(notStarted(program, error)))
    child.on('close', (status) => resolve({ ...text, status: status ?? 1 }))
  })
}

function notStarted(program: string, error: NodeJS.ErrnoException): Error {
  if (error.code !== 'ENOENT' && error.code !== 'EACCES') return error
  const message = `there is no ${program} to ask the cluster with: install it (https://kubernetes.io/docs/tasks/tools), and put it on the path`
  return new CliError('answer', message, { cause: error })
}

/** Of the API server: `User "jane" cannot list resource "pods" in API group "" in the namespace "kube-system"`. */
const FORBIDDEN = /User "(.*?)" cannot (\S+) resource "(\S+?)" in API group "(\S*?)"/

/** Where kubectl asks that has no kubeconfig. */
const WITHOUT_CONFIG = /localhost:8080/
const NO_CONFIG = 'it has no kubeconfig: give --kubeconfig FILE, or set KUBECONFIG'
const TRY = 'try: kubectl cluster-info (or give --context or --kubeconfig)'

const NEEDS =
  'podroute needs list on pods, create on pods/exec; status --cluster also list on daemonsets.apps'

/** What kubectl said, as an error that says what to do. @param needs which rights the command has to have */
export function failure({ stderr }: Ended, namespace: string, needs = NEEDS): CliError {
  // Without what kubectl logs of its tries.
  const said = stderr.replace(/^[EWI]\d{4} .*\n?/gm, '').trim()
  const [, user, verb, resource, group] = FORBIDDEN.exec(said) ?? []
  if (verb !== undefined) {
    const right = `${verb} on ${resource}${group ? `.${group}` : ''}`
    const message = `${user} may not ${verb} ${resource} in namespace ${namespace}: a Role there must allow ${right} (${needs})`
    return new CliError('denied', message)
  }
  if (/connection refused|no such host|was refused|i\/o timeout|Unable to connect/.test(said))
    return new CliError(
      'not-running',
      `kubectl does not reach the cluster: ${said}\n  ${WITHOUT_CONFIG.test(said) ? NO_CONFIG : TRY}`,
    )
  return new CliError('answer', `kubectl: ${said || 'failed without a word'}`)
}
