/** Entry point of the agent: reads flags, makes the agent with its features, and ends it on a signal. */
import { startupSnapshot } from 'node:v8'
import { pauseCompilers } from './compilers.ts'
import { parseFlags, usage } from './config/flags.ts'
import { createAgent } from './create-agent.ts'
import { ConfigError } from './errors.ts'
import { FEATURES } from './features.ts'

const WRONG_CONFIGURATION = 2

function endOnSignals(agent: AsyncDisposable, say: (signal: string) => void): void {
  let ending = false
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (ending) return
      ending = true
      say(signal)
      void Promise.resolve(agent[Symbol.asyncDispose]()).finally(() => process.exit(0))
    })
  }
}

async function main(): Promise<void> {
  pauseCompilers()
  const flags = parseFlags(
    process.argv.slice(2),
    process.env,
    FEATURES.map(({ section }) => section),
  )
  if (flags.help) {
    process.stdout.write(usage(FEATURES.map(({ section }) => section)))
    return process.exit(0)
  }
  const { agent, log } = createAgent(flags, FEATURES)
  // A rejection that nobody handles is a fault of ours; the kernel keeps what it has, so going on is safer than a restart loop.
  process.on('unhandledRejection', (error) => log.error('unexpected failure', { error }))
  endOnSignals(agent, (signal) => log.info('agent stops', { signal }))
  await agent.start().catch((error: unknown) => {
    log.error('the agent cannot start', { error })
    process.exit(1)
  })
}

/** Without a configuration there is no log yet. */
function failed(error: unknown): never {
  if (!(error instanceof ConfigError)) throw error
  const problems = error.problems.map((problem) => `  ${problem}\n`).join('')
  process.stderr.write(`the configuration cannot be used:\n${problems}`)
  process.exit(WRONG_CONFIGURATION)
}

if (startupSnapshot.isBuildingSnapshot())
  startupSnapshot.setDeserializeMainFunction(() => void main().catch(failed))
else void main().catch(failed)
