/** Makes the agent from its flags and a list of features: the one place where the parts meet. */
import { lookup } from 'node:dns/promises'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { createApiClient } from '@podroute/cluster/api/client.ts'
import { ApiServerFinder } from '@podroute/cluster/api/finder.ts'
import { SERVICE_ACCOUNT, serverCandidates } from '@podroute/cluster/api/servers.ts'
import { Cluster } from '@podroute/cluster/cluster.ts'
import { regardingNode } from '@podroute/cluster/events/event.ts'
import { EventRecorder } from '@podroute/cluster/events/recorder.ts'
import { EventSink } from '@podroute/cluster/events/sink.ts'
import type { FeatureDefinition } from '@podroute/feature/feature.ts'
import { PodPrefixes } from '@podroute/feature/pod-prefixes.ts'
import { ReservedAddresses } from '@podroute/feature/reserved-addresses.ts'
import { ServedAddresses } from '@podroute/feature/served-addresses.ts'
import type { Kernel, SysctlApi } from '@podroute/kernel/kernel.ts'
import { removeFormer } from '@podroute/kernel/nft/former-table.ts'
import { type OpenKernelOptions, openKernel } from '@podroute/kernel/open.ts'
import { systemClock } from '@podroute/reconcile/clock.ts'
import { type ConfigReport, configPage } from './admin/config-page.ts'
import { explainPage } from './admin/explain-page.ts'
import { findPod } from './admin/find-pod.ts'
import { Agent } from './agent.ts'
import { forbiddenKinds } from './api-conditions.ts'
import { FORMER_SHAPE, FORMER_SYSCTLS, type FormerSysctls, notingFormer } from './cleanup/former-sysctls.ts'
import { optimizeWork, resumeCompilers, resumeQuickCompilers } from './compilers.ts'
import { FileWatch } from './config/file-watch.ts'
import type { Flags } from './config/flags.ts'
import { CONFIG_TEXTS, type ConfigTexts, LAST_GOOD_CONFIG, LiveConfig } from './config/live-config.ts'
import { type Config, loadConfig } from './config/load.ts'
import { configValues, shownConfig } from './config/values.ts'
import { createGarbage } from './garbage.ts'
import type { ConfigurableLogger, Logger } from './log.ts'
import { Reviews } from './metrics/reviews.ts'
import { AnsweringServers, ConfiguredServers } from './reserved/api-server.ts'
import { followReserved } from './reserved/reserved.ts'
import type { RunRecord } from './run-record.ts'
import { RunningFeatures } from './running-features.ts'
import { BootFile, bootId, StateFile } from './state-file.ts'
import { VERSION } from './version.ts'

export interface AgentEnvironment {
  readonly log: ConfigurableLogger
  readonly record: RunRecord
  /** The configuration became wrong, which an agent with `--strict` does not go on with. */
  wrongConfiguration(): void
  /** The kernel's opener, where it is not that of the node. @throws KernelError */
  openKernel?(options: OpenKernelOptions): Kernel
}

/** @throws ConfigError where the configuration is wrong and no good one is known */
export function createAgent(
  flags: Flags,
  definitions: readonly FeatureDefinition[],
  environment: AgentEnvironment,
): Agent {
  const { log, record, wrongConfiguration } = environment
  const parts: { agent?: Agent } = {}
  const reserved = new ReservedAddresses()
  const servers = new AnsweringServers((addresses) => reserved.replace('api-server', addresses))
  const finder = createFinder(flags, () => live.config, servers, log)
  const configured = createConfiguredServers(reserved, log)
  const events = createRecorder(flags.nodeName, finder, log)
  const live = createLiveConfig(flags, definitions, {
    log,
    apply(config, before) {
      if (!isDeepStrictEqual(serverKeys(config), serverKeys(before))) {
        configured.update(urlsOf(flags, config))
        finder.reconsider()
      }
      return parts.agent?.configure(config) ?? []
    },
    refused(problems) {
      events.record(refusal(flags.nodeName, problems))
      if (flags.strict) wrongConfiguration()
    },
  })
  const config = live.start()
  log.configure(config.log)
  const kernel = (environment.openKernel ?? openKernel)({ log, sysctls: noting(flags, log) })
  const cluster = new Cluster({ source: finder, log, random: Math.random })
  const features = new RunningFeatures({
    definitions,
    shared: {
      ...{ nodeName: flags.nodeName, stateDirectory: flags.stateDirectory },
      served: new ServedAddresses(),
      podPrefixes: new PodPrefixes(),
      writer: () => finder.client(),
      ...{ cluster, reserved, events, log, clock: systemClock, random: Math.random },
      kernel: async () => kernel,
      store(name, shape, until) {
        const path = join(flags.stateDirectory, `${name}.json`)
        return until === 'boot' ? new BootFile(path, bootId(), log, shape) : new StateFile(path, log, shape)
      },
    },
    log,
    changed: () => parts.agent?.updateListeners(),
    largeFirstSync: resumeQuickCompilers,
    synced: resumeCompilers,
    async removeFormer({ formerRules }) {
      if (formerRules !== undefined) await removeFormer(kernel.nft, formerRules)
    },
  })
  const following = new DisposableStack()
  const agent = new Agent({
    ...{ nodeName: flags.nodeName, config, version: VERSION, log, cluster, features, record },
    ...{ clock: systemClock, following },
    nodeAddresses: flags.nodeAddresses,
    reviews: new Reviews({ client: () => finder.client(), now: () => systemClock.now(), log }),
    noise: () => ({ events: events.stats, linesHeldBack: log.heldBack }),
    pages: [
      configPage(() => configReport(flags, definitions, live)),
      explainPage({
        ...{ nodeName: flags.nodeName, features: () => features.list(), cluster },
        findPod: (key) => findPod(key, () => finder.client()),
      }),
    ],
    apiServer: () => finder.server ?? '',
    shownConfig: () => shownConfig(live.textOf(flags.configFile), flags.overrides, definitions),
    conditions: () => [live.condition(), ...forbiddenKinds(cluster.watches())],
  })
  parts.agent = agent
  following.use(followFiles(live))
  following.use(createGarbage(systemClock, optimizeWork))?.start()
  following.use(followReserved(reserved, kernel, log))
  configured.update(urlsOf(flags, config))
  return agent
}

/** What parameters were before is known to whoever cleans up. */
function noting({ stateDirectory }: Flags, log: Logger): (sysctls: SysctlApi) => SysctlApi {
  const store = new StateFile<FormerSysctls>(
    join(stateDirectory, `${FORMER_SYSCTLS}.json`),
    log,
    FORMER_SHAPE,
  )
  return (sysctls) => notingFormer(sysctls, store, bootId())
}

function configReport(
  { configFile, overrides }: Flags,
  definitions: readonly FeatureDefinition[],
  live: LiveConfig,
): ConfigReport {
  const { ok, detail } = live.condition()
  return {
    values: configValues(live.textOf(configFile), overrides, definitions),
    problem: ok ? undefined : detail,
  }
}

function createLiveConfig(
  flags: Flags,
  definitions: readonly FeatureDefinition[],
  handlers: {
    readonly log: ConfigurableLogger
    apply(config: Config, before: Config): readonly string[]
    refused(problems: readonly string[]): void
  },
): LiveConfig {
  const { log, apply, refused } = handlers
  return new LiveConfig({
    load: (read) => loadConfig(flags, definitions, read, existsSync),
    read: (path) => readFileSync(path, 'utf8'),
    store: new StateFile<ConfigTexts>(join(flags.stateDirectory, LAST_GOOD_CONFIG), log, CONFIG_TEXTS),
    log,
    strict: flags.strict,
    apply(config, before) {
      log.configure(config.log)
      return apply(config, before)
    },
    refused,
  })
}

function createFinder(
  flags: Flags,
  config: () => Config,
  servers: AnsweringServers,
  log: Logger,
): ApiServerFinder {
  return new ApiServerFinder({
    candidates: () => candidatesOf(flags, config()),
    connect({ kubeConfig }) {
      const server = kubeConfig.getCurrentCluster()?.server ?? ''
      return createApiClient(kubeConfig, (address) => servers.answered(server, address))
    },
    log,
  })
}

function candidatesOf(flags: Flags, config: Config): ReturnType<typeof serverCandidates> {
  const { apiServer, kubeletKubeconfigs } = config
  const at = { apiServer, kubeletKubeconfigs, kubeconfig: flags.kubeconfig, env: process.env }
  return serverCandidates({ ...at, serviceAccount: SERVICE_ACCOUNT })
}

/** What says where the API server is. */
function serverKeys({ apiServer, kubeletKubeconfigs }: Config) {
  return { apiServer, kubeletKubeconfigs }
}

function urlsOf(flags: Flags, config: Config): string[] {
  const { candidates } = candidatesOf(flags, config)
  return candidates.flatMap(({ kubeConfig }) => kubeConfig.getCurrentCluster()?.server ?? [])
}

function createConfiguredServers(reserved: ReservedAddresses, log: Logger): ConfiguredServers {
  return new ConfiguredServers({
    environmentHost: process.env.KUBERNETES_SERVICE_HOST,
    lookup: (name) => lookup(name, { all: true }),
    found: (addresses) => reserved.replace('configured-api-server', addresses),
    failed: (error) => log.warn('the API server’s names could not be looked up', { error }),
  })
}

function createRecorder(nodeName: string, finder: ApiServerFinder, log: Logger): EventRecorder {
  return new EventRecorder({
    sink: new EventSink({
      client: () => finder.client(),
      log,
      pause: (ms) => setTimeout(ms, undefined, { ref: false }),
    }),
    reporter: { controller: 'podroute.io/agent', instance: nodeName },
    clock: systemClock,
    wall: () => new Date(),
  })
}

/** A folder is read again once it is watched: what changed in it until then was not seen. */
function followFiles(live: LiveConfig): Disposable {
  const watch = new FileWatch(systemClock, () => {
    do live.reload()
    while (watch.follow(live.files()))
  })
  if (watch.follow(live.files())) live.reload()
  return watch
}

function refusal(nodeName: string, problems: readonly string[]) {
  return {
    regarding: regardingNode(nodeName),
    type: 'Warning',
    reason: 'ConfigurationRefused',
    action: 'ReadConfiguration',
    note: `the last good configuration goes on: ${problems.join('; ')}`,
  } as const
}
