/** Entry point of the agent: reads the configuration and wires the parts. */

import { setTimeout } from 'node:timers/promises'
import { startupSnapshot } from 'node:v8'
import { createApiClient } from '@podroute/cluster/api/client.ts'
import { ApiServerFinder } from '@podroute/cluster/api/finder.ts'
import { SERVICE_ACCOUNT, serverCandidates } from '@podroute/cluster/api/servers.ts'
import { EventRecorder } from '@podroute/cluster/events/recorder.ts'
import { EventSink } from '@podroute/cluster/events/sink.ts'
import { PodNetwork } from '@podroute/pod-network/pod-network.ts'
import { systemClock } from '@podroute/reconcile/clock.ts'
import { openKernel } from '@podroute/service-proxy/kernel/open-kernel.ts'
import { nodeStatement, statementOf } from '@podroute/service-proxy/problems/events.ts'
import { createServiceProxy } from '@podroute/service-proxy/proxy.ts'
import { Speaker } from 'bgp-speaker-ts/speaker.ts'
import { Agent } from './agent.ts'
import { kernelTransport } from './bgp-transport.ts'
import { pauseCompilers, resumeCompilers, resumeQuickCompilers } from './compilers.ts'
import { parseFlags, USAGE } from './config/flags.ts'
import { type Config, loadConfig } from './config/load.ts'
import { ConfigError } from './errors.ts'
import { openPodNetworkKernel } from './kernel.ts'
import { createLogger, type Logger } from './log.ts'
import { ProxyMetrics } from './metrics/kube-proxy.ts'
import { followReserved } from './reserved.ts'
import { ServiceRunner } from './services.ts'
import { VERSION } from './version.ts'

function readConfig(): Config {
  try {
    const flags = parseFlags(process.argv.slice(2), process.env)
    if (flags.help) {
      process.stdout.write(USAGE)
      process.exit(0)
    }
    return loadConfig(flags)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    process.stderr.write(
      `the configuration cannot be used:\n${error.problems.map((p) => `  ${p}\n`).join('')}`,
    )
    process.exit(2)
  }
}

function createRecorder(config: Config, log: Logger, finder: ApiServerFinder): EventRecorder {
  return new EventRecorder({
    sink: new EventSink({ client: () => finder.client(), log, pause: (ms) => setTimeout(ms) }),
    reporter: { controller: 'podroute.io/agent', instance: config.nodeName },
    clock: systemClock,
    wall: () => new Date(),
  })
}

function createServices(
  config: Config,
  log: Logger,
  finder: ApiServerFinder,
  onChange: () => void,
): ServiceRunner | undefined {
  if (!config.serviceProxy) {
    resumeCompilers()
    return undefined
  }
  const events = createRecorder(config, log, finder)
  const metrics = new ProxyMetrics(() => Date.now())
  const proxy = createServiceProxy({
    nodeName: config.nodeName,
    nodeAddresses: [],
    ...config.serviceProxy,
    kernel: openKernel(),
    log,
    onFlushed: (_result, milliseconds) => metrics.flushed(milliseconds),
    onProblem(problem) {
      events.record(statementOf(problem), (count) =>
        log.warn('a field of a Service was skipped', { ...problem, ...(count > 1 ? { count } : {}) }),
      )
    },
  })
  followReserved(proxy, {
    peers: config.podNetwork?.externalPeers.map(({ address }) => address) ?? [],
    ...{ servers: candidatesOf(config).candidates, env: process.env, log },
  })
  return new ServiceRunner({
    ...{ nodeName: config.nodeName, proxy, metrics, log, random: Math.random, onChange },
    onUnable: (reason) => events.record(nodeStatement(reason, config.nodeName)),
    onBusy: resumeQuickCompilers,
    onSynced: resumeCompilers,
  })
}

async function createNetwork(config: Config, log: Logger, services: ServiceRunner | undefined) {
  if (!config.podNetwork) return undefined
  return new PodNetwork({
    nodeName: config.nodeName,
    settings: config.podNetwork,
    kernel: await openPodNetworkKernel(log),
    createSpeaker: (speaker) => new Speaker({ ...speaker, transport: kernelTransport(), log }),
    clock: systemClock,
    log,
    isVip: (address) => services?.isVip(address) ?? false,
    servicesProblem: () => services?.gate,
  })
}

function candidatesOf(config: Config): ReturnType<typeof serverCandidates> {
  return serverCandidates({ ...config, env: process.env, serviceAccount: SERVICE_ACCOUNT })
}

/** @param answered is told from which address a server, by its URL, answered */
function createFinder(
  config: Config,
  log: Logger,
  answered: (server: string, address: string | undefined) => void,
): ApiServerFinder {
  return new ApiServerFinder({
    candidates: () => candidatesOf(config),
    connect: ({ kubeConfig }) => {
      const server = kubeConfig.getCurrentCluster()?.server ?? ''
      return createApiClient(kubeConfig, (address) => answered(server, address))
    },
    log,
  })
}

async function createAgent(config: Config, log: Logger): Promise<Agent> {
  let network: PodNetwork | undefined
  let services: ServiceRunner | undefined
  const finder = createFinder(config, log, (server, address) => services?.apiServerAnswered(server, address))
  services = createServices(config, log, finder, () => network?.wake())
  network = await createNetwork(config, log, services)
  return new Agent({ config, version: VERSION, log, finder, network, services })
}

function stopOnSignals(agent: Agent, log: Logger): void {
  let stopping = false
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (stopping) return
      stopping = true
      log.info('agent stops', { signal })
      agent[Symbol.asyncDispose]().finally(() => process.exit(0))
    })
  }
}

async function main(): Promise<void> {
  pauseCompilers()
  const config = readConfig()
  const log = createLogger(config.log.level, config.log.format)
  // A rejection that nobody handles is a fault of ours; the kernel keeps what it has, so going on is safer than a restart loop.
  process.on('unhandledRejection', (error) => log.error('unexpected failure', { error }))
  try {
    const agent = await createAgent(config, log)
    stopOnSignals(agent, log)
    await agent.start()
  } catch (error) {
    log.error('the agent cannot start', { error })
    process.exit(1)
  }
}

if (startupSnapshot.isBuildingSnapshot()) startupSnapshot.setDeserializeMainFunction(() => void main())
else void main()
