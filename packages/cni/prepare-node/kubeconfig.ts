// Where the API server is, by a kubeconfig.

import { readYaml, type Value } from './yaml.ts'

type Fields = { readonly [key: string]: Value }

const isFields = (value: Value | undefined): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Entries of one of a kubeconfig's lists, `field` of each by its name; undefined where one has no name or no such field. */
function named(list: Value | undefined, field: string): ReadonlyMap<string, Fields> | undefined {
  if (!Array.isArray(list)) return undefined
  const entries = new Map<string, Fields>()
  for (const entry of list as readonly Value[]) {
    const { name, [field]: value } = isFields(entry) ? entry : {}
    if (typeof name !== 'string' || name === '' || !isFields(value) || entries.has(name)) return undefined
    entries.set(name, value)
  }
  return entries
}

/** JSON is a kubeconfig, too. */
function parse(text: string): Value | undefined {
  if (!text.trimStart().startsWith('{')) return readYaml(text)
  try {
    return JSON.parse(text) as Value
  } catch {
    return undefined
  }
}

/** The URL of the server in its current context. Undefined where the file is wrong, or written in another way than kubeconfigs mostly are. */
export function serverOf(text: string): string | undefined {
  const config = parse(text)
  if (!isFields(config)) return undefined
  const { 'current-context': current } = config
  const clusters = named(config.clusters, 'cluster')
  const contexts = named(config.contexts, 'context')
  if (typeof current !== 'string' || !clusters || !contexts || !named(config.users, 'user')) return undefined
  for (const { server } of clusters.values())
    if (typeof server !== 'string' || server === '') return undefined
  for (const { cluster } of contexts.values()) if (typeof cluster !== 'string') return undefined
  const cluster = clusters.get(String(contexts.get(current)?.cluster))
  return cluster && String(cluster.server)
}
