/** Name of the pods' bridge, as podroute's CNI configuration has it: it is what pods really hang on. */
import type { ConfFile, Fact } from './facts.ts'

const DEFAULT_BRIDGE = 'kube-bridge'

interface Conflist {
  readonly name?: unknown
  readonly plugins?: readonly { readonly bridge?: unknown }[]
}

/** The default where no configuration says another one. */
export function bridgeName(confFiles: Fact<readonly ConfFile[]>): string {
  for (const { text } of 'value' in confFiles ? confFiles.value : []) {
    const { name, plugins } = parsed(text)
    const bridge = Array.isArray(plugins)
      ? plugins.find((plugin) => typeof plugin?.bridge === 'string')
      : undefined
    if (name === 'podroute' && bridge) return bridge.bridge
  }
  return DEFAULT_BRIDGE
}

function parsed(text: string): Conflist {
  try {
    return (JSON.parse(text) ?? {}) as Conflist
  } catch {
    return {}
  }
}
