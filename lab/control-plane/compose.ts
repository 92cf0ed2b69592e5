// Reads docker-compose.yaml, the one place where the control plane's flags stand, and makes of each service the
// command line that the lab runs itself.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse } from 'yaml'
import { LabError } from '../errors.ts'

export const COMPOSE_FILE = join(import.meta.dirname, '..', '..', 'docker-compose.yaml')

export interface ComposeService {
  readonly image: string
  /** Program name and arguments, with variables replaced and container paths turned into host paths. */
  readonly command: readonly string[]
}

interface RawService {
  readonly image?: string
  readonly command?: readonly string[]
  readonly volumes?: readonly string[]
}

/** Replaces `${NAME}` and `${NAME:-default}` as Compose does. */
export function interpolate(text: string, variables: Readonly<Record<string, string>>): string {
  return text.replace(/\$\{(\w+)(?::-([^}]*))?\}/g, (_, name: string, fallback: string | undefined) => {
    const value = variables[name] || fallback
    if (value === undefined) throw new LabError('bad-usage', `docker-compose.yaml needs the variable ${name}`)
    return value
  })
}

/** `[host, container]` of each volume, the longest container path first. */
function volumePaths(volumes: readonly string[]): [string, string][] {
  return volumes
    .map((volume): [string, string] => {
      const [host = '', container = ''] = volume.split(':')
      return [host, container]
    })
    .sort((a, b) => b[1].length - a[1].length)
}

function hostPath(argument: string, volumes: readonly [string, string][]): string {
  const start = argument.startsWith('--') ? argument.indexOf('=') + 1 : 0
  const value = argument.slice(start)
  for (const [host, container] of volumes) {
    if (value === container || value.startsWith(`${container}/`)) {
      return argument.slice(0, start) + host + value.slice(container.length)
    }
  }
  return argument
}

/** The services of a compose file's text. `variables` as a user would set them in the environment. */
export function composeServices(
  text: string,
  variables: Readonly<Record<string, string>>,
): ReadonlyMap<string, ComposeService> {
  const document = parse(text, { merge: true }) as { services: Record<string, RawService> }
  const services = new Map<string, ComposeService>()
  for (const [name, raw] of Object.entries(document.services)) {
    const volumes = volumePaths((raw.volumes ?? []).map((volume) => interpolate(volume, variables)))
    const command = (raw.command ?? []).map((word) => hostPath(interpolate(word, variables), volumes))
    services.set(name, { image: interpolate(raw.image ?? '', variables), command })
  }
  return services
}

export async function readCompose(
  variables: Readonly<Record<string, string>>,
): Promise<ReadonlyMap<string, ComposeService>> {
  return composeServices(await readFile(COMPOSE_FILE, 'utf8'), variables)
}
