/** Entry point of the agent: reads flags, makes the agent with its features, and ends it on a signal. */
import { join } from 'node:path'
import { startupSnapshot } from 'node:v8'
import { describeError } from '@podroute/cluster/errors.ts'
import type { Agent } from './agent.ts'
import { pauseCompilers } from './compilers.ts'
import { type Flags, parseFlags, usage } from './config/flags.ts'
import { createAgent } from './create-agent.ts'
import { AgentError, ConfigError } from './errors.ts'
import { FEATURES } from './features.ts'
import { type ConfigurableLogger, createLogger, type Logger } from './log.ts'
import { prepareNode } from './prepare-node.ts'
import { type RecordedRuns, RUNS, RunRecord } from './run-record.ts'
import { releaseSnapshot } from './snapshot-pages.ts'
import { bootId, StateFile } from './state-file.ts'
import { VERSION } from './version.ts'

const FAILED = 1
const WRONG_CONFIGURATION = 2
/** By then a first sync is over; nobody waits for it. In milliseconds. */
const SNAPSHOT_KEPT = 15_000

/** What is not to be had costs memory, and nothing else. */
function releaseSnapshotLater(log: Logger): void {
  const option = '--snapshot-blob='
  const blob = process.execArgv.find((word) => word.startsWith(option))?.slice(option.length)
  const release = () => {
    try {
      log.debug('snapshot released', { bytes: releaseSnapshot(blob) })
    } catch (error) {
      log.debug('the snapshot stays in memory', { error })
    }
  }
  setTimeout(release, SNAPSHOT_KEPT).unref()
}

async function main(): Promise<void> {
  pauseCompilers()
  if (process.argv[2] === 'prepare-node') return prepare(process.argv.slice(3))
  const sections = FEATURES.map(({ section }) => section)
  const flags = parseFlags(process.argv.slice(2), process.env, sections)
  if (flags.help) {
    process.stdout.write(usage(sections))
    return process.exit(0)
  }
  if (flags.version) {
    process.stdout.write(`${VERSION}\n`)
    return process.exit(0)
  }
  const log = createLogger({ level: 'info', format: 'text' })
  const record = openRecord(flags, log)
  await run(flags, log, record).catch((error: unknown) => failed(error, log, record))
}

/** What needs more of the node than the agent may have; what it cannot do is the agent's to tell, which tries without, but for CNI plugins. */
async function prepare(words: readonly string[]): Promise<void> {
  const modules = FEATURES.flatMap((feature) => feature.modules ?? [])
  const { said, status } = await prepareNode(words, modules)
  for (const line of said) process.stdout.write(`${line}\n`)
  process.exitCode = status
}

/** Resolves when the agent has started. */
async function run(flags: Flags, log: ConfigurableLogger, record: RunRecord): Promise<void> {
  let agent: Agent | undefined
  let ending = false
  const end = (reason: string, status: number) => {
    if (ending) return
    ending = true
    log.info('agent stops', { reason })
    record.end(reason)
    void Promise.resolve(agent?.[Symbol.asyncDispose]()).finally(() => process.exit(status))
  }
  agent = createAgent(flags, FEATURES, {
    ...{ log, record },
    wrongConfiguration: () => end('the configuration cannot be used', WRONG_CONFIGURATION),
  })
  sayFlags(flags, log)
  for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => end(signal, 0))
  // A rejection that nobody handles is a fault of ours; the kernel keeps what it has, so going on is safer than a restart loop.
  process.on('unhandledRejection', (error) => log.error('unexpected failure', { error }))
  process.on('uncaughtExceptionMonitor', ({ message }) => record.end(`unexpected failure: ${message}`))
  releaseSnapshotLater(log)
  await agent.start()
}

/** Once the configuration is known to be good: where it is not, its problems are all that is said, and on standard error. */
function sayFlags({ overrides, notes }: Flags, log: Logger): void {
  // Whoever changes such a key in the file would wonder.
  const keys = overrides.map(({ path }) => path.join('.'))
  if (keys.length > 0) log.info('flags set these keys, whatever the file says', { keys })
  for (const { flag, why } of notes) log.warn('a flag of kube-router has no effect here', { flag, why })
}

function openRecord(flags: Flags, log: ConfigurableLogger): RunRecord {
  return new RunRecord({
    store: new StateFile<RecordedRuns>(join(flags.stateDirectory, 'runs.json'), log, RUNS),
    bootId: bootId(),
    now: () => new Date(),
  })
}

function failed(error: unknown, log: ConfigurableLogger, record: RunRecord): never {
  // Of a node's runs only those count that had the node to themselves.
  const another = error instanceof AgentError && error.code === 'another-agent'
  if (!another) record.end(`it could not start: ${describeError(error)}`)
  if (error instanceof ConfigError) return wrong(error)
  log.error('the agent cannot start', { error })
  process.exit(FAILED)
}

/** To standard error, line by line: there are people who read it. */
function wrong({ problems }: ConfigError): never {
  const lines = problems.map((problem) => `  ${problem}\n`).join('')
  process.stderr.write(`the configuration cannot be used:\n${lines}`)
  process.exit(WRONG_CONFIGURATION)
}

/** Flags are read before anything else is there. */
function refused(error: unknown): never {
  if (error instanceof ConfigError) return wrong(error)
  throw error
}

if (startupSnapshot.isBuildingSnapshot())
  startupSnapshot.setDeserializeMainFunction(() => void main().catch(refused))
else void main().catch(refused)
